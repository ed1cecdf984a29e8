"""How a payment answers where a challenge or hold of its is ended by that one's own id."""

from collections.abc import Sequence

from typing_extensions import override

from service.db.statements import Bound
from service.rooms.challenges.public import Subject
from service.rooms.payments.commands.endings import cancelled, reads_of_ending
from service.rooms.payments.commands.story import payment_key
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, View
from service.unit_of_work.outcome import Outcome


class PaymentSubject(Subject):
    """Payments, as the room of challenges knows them."""

    @override
    def key(self, subject_id: str) -> str:
        return payment_key(subject_id)

    @override
    def reads(self, subject_id: str, call: Call) -> Sequence[Bound]:
        return reads_of_ending(subject_id, call)

    @override
    def cancel(self, view: View, subject_id: str, ctx: Context) -> Outcome:
        return cancelled(view, subject_id, ctx, reason=None)
