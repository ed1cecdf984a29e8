"""What an expected no looks like: problems with stable codes. Never holds a value a caller sent."""

from typing import Final

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """A stable code and status; its texts in both languages live with the HTTP door.

    Attributes:
        code: snake_case, never renamed once released.
        status: HTTP status, 400 to 599.
    """

    code: str
    status: int


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with a request.

    Attributes:
        pointer: JSON Pointer (RFC 6901) to the place in the body, or the name of a header or
            query parameter with a leading `header:` or `query:`.
        code: Stable snake_case code.
        detail: A sentence that never repeats the value.
    """

    pointer: str
    code: str
    detail: str = ""


# Two rooms refuse for it: merchants, and payments on the merchant's behalf.
MERCHANT_SUSPENDED: Final = Problem("merchant_suspended", 403)
# And for a payment that is unknown, or another's: payments, and whoever is told about one.
PAYMENT_NOT_FOUND: Final = Problem("payment_not_found", 404)
# And for what is told too late or too early: payments, and account actions.
OCCURRED_AT_OUT_OF_RANGE: Final = Problem("occurred_at_out_of_range", 422)


class Refusal(Exception):  # noqa: N818  it is the noun of the trade; not every no is an error
    """A refusal that a front end raises; the door turns it into problem details.

    Attributes:
        problem: What kind of no it is.
        fields: Public members that the problem details carry beside the standard ones.
        errors: What is wrong with the request, where that can be said by place.
        headers: Extra response headers, such as Retry-After.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        fields: dict[str, object] | None = None,
        errors: tuple[FieldError, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(problem.code)
        self.problem = problem
        self.fields = fields or {}
        self.errors = errors
        self.headers = headers or {}


class SubmitFailed(Exception):  # noqa: N818  base of the three ways in which no reply came
    """The writer gave no reply; what that means is the subclass."""


class Overloaded(SubmitFailed):
    """The command was not taken: a queue is full or the writer is not there. Nothing happened."""


class ResultUnknown(SubmitFailed):
    """The wait ended before the reply; a retry with the same idempotency key tells the truth."""


class Faulted(SubmitFailed):
    """The command met a fault and left no effect.

    Attributes:
        fault_id: Id of the sealed command, for `payguard command rerun ID --dry`.
    """

    def __init__(self, fault_id: str) -> None:
        super().__init__(fault_id)
        self.fault_id = fault_id
