"""Threads that send rows side by side, one payer's in order. Reads no file, prints nothing."""

import hashlib
import itertools
import queue
import threading
import zlib
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from service.cli.replay.columns import Request
from service.cli.replay.labels import Label
from service.cli.replay.sender import Answer, Sender, Target
from service.cli.replay.stretch import Stretch
from service.cli.replay.tally import Tally
from service.kernel.clock import Clock

WAITING_MAX: Final = 64
# So many rows failed and none got through: the rest would fail as well.
HOPELESS: Final = 50
LOOK_EVERY_S: Final = 0.2
# A few times the threads: with fewer some would wait for others' payers, with more order is lost.
APART: Final = 4
# Nothing that a row holds can change these answers: the key is unknown, or may not.
_USELESS: Final = frozenset({401, 403})
# Past its approval, or of the past altogether.
_TOKENLESS: Final = frozenset({"payment_not_in_state", "payment_replayed"})
_EXECUTED_WITH: Final = ("amount", "payee", "instrument", "device", "order")

# The place in the order, and what is to be sent.
Waiting = tuple[int, Request | Label]


class How(NamedTuple):
    """How a crew works.

    Attributes:
        size: How many threads.
        does_execute: Approved payments are executed with their token.
        is_in_order: Nothing is sent before what stands `APART` times the threads before it was
            answered, so that what arrives is nearly in the order of the file.
    """

    size: int
    does_execute: bool
    is_in_order: bool


class Crew:
    """Sends requests with several threads.

    Args:
        target: Where to.
        key: The API key.
        how: By how many threads, and what they do.
        tally: Where the rows are counted.
        clock: Measures.
    """

    def __init__(
        self,
        target: Target,
        *,
        key: str,
        how: How,
        tally: Tally,
        clock: Clock,
    ) -> None:
        self._does_execute = how.does_execute
        self._tally = tally
        self._numbers = itertools.count()
        self._stopping = threading.Event()
        self._stretch = Stretch(how.size * APART if how.is_in_order else None, self._stopping)
        self._useless: Answer | None = None
        self._queues: list[queue.Queue[Waiting | None]] = [
            queue.Queue(WAITING_MAX) for _ in range(how.size)
        ]
        self._threads = [
            threading.Thread(
                target=self._work,
                args=(Sender(target, key=key, clock=clock, wait=self._stopping.wait), one),
                daemon=True,
            )
            for one in self._queues
        ]

    @property
    def useless(self) -> Answer | None:
        """The answer that showed that no row can succeed; None where none did."""
        return self._useless

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def send_all(self, requests: Iterable[Request | Label]) -> None:
        """Hand out everything, as fast as it is sent, until the end or a stop.

        A label comes behind its payment, whose thread sends it, with the id that it was answered.
        """
        if self._hand_out(requests):
            for one in self._queues:
                self._put(one, None)

    def send_history(self, requests: Iterable[Request | Label], *, then: Tally) -> bool:
        """Send what comes first, and wait for all of it; False where that was stopped.

        Args:
            requests: What comes first.
            then: Where all that comes afterwards is counted.
        """
        if not self._hand_out(requests) or not self._stretch.settle():
            return False
        self._tally = then
        return True

    def _hand_out(self, requests: Iterable[Request | Label]) -> bool:
        for request in requests:
            number = next(self._numbers)
            place = zlib.crc32(request.payer.encode()) % len(self._queues)
            if not self._stretch.enter(number):
                return False
            if not self._put(self._queues[place], (number, request)):
                return False
        return True

    def is_working(self) -> bool:
        """Say whether a thread still sends."""
        return any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Let each thread finish the request that it sends, and no more."""
        self._stopping.set()

    def join(self) -> None:
        """Wait until every thread has ended."""
        for thread in self._threads:
            thread.join()

    def _put(self, to: "queue.Queue[Waiting | None]", request: "Waiting | None") -> bool:
        while not self._stopping.is_set():
            try:
                to.put(request, timeout=LOOK_EVERY_S)
            except queue.Full:
                continue
            return True
        return False

    def _work(self, sender: Sender, waiting: "queue.Queue[Waiting | None]") -> None:
        # Of payments whose label is still to come: reference -> payment id.
        ids: dict[str, str] = {}
        while not self._stopping.is_set():
            try:
                found = waiting.get(timeout=LOOK_EVERY_S)
            except queue.Empty:
                continue
            if found is None:
                break
            number, request = found
            self._serve(sender, request, ids)
            self._stretch.leave(number)
        sender.close()

    def _serve(self, sender: Sender, request: Request | Label, ids: dict[str, str]) -> None:
        if isinstance(request, Label):
            self._tell(sender, request, ids.pop(request.reference, None))
            return
        payment_id = self._send(sender, request)
        if payment_id is not None and request.label is not None:
            ids[request.reference] = payment_id
        self._tally.row_done(is_rounded=request.is_rounded)

    def _tell(self, sender: Sender, label: Label, payment_id: str | None) -> None:
        """Send a label; that of a payment which the service has not is none."""
        if payment_id is None:
            return
        body = label.body(payment_id)
        once = _hashed("label", body["source"], body["external_id"], body["known_at"])
        answer = self._post(sender, "/v1/labels", body, once)
        if answer.is_good:
            self._tally.labelled(body["intent"])
        else:
            self._failed(label.reference, answer)

    def _send(self, sender: Sender, request: Request) -> str | None:
        """Send a payment; return its id, or None where the service does not have it."""
        answer = self._post(sender, "/v1/payments", request.body, _key(request, "create"))
        payment = answer.body
        if answer.is_good:
            outcome = str(payment.get("outcome"))
            self._tally.judged(outcome, duration_ns=answer.duration_ns)
            # An earlier run may have stopped before the execution, and its token be over now.
            needs_token = payment.get("payment_token_state") == "expired"
        elif answer.code == "reference_taken":
            # An earlier run sent this row at another time.
            self._tally.sent_before()
            payment = {"id": payment.get("payment_id")}
            needs_token = True
        else:
            self._failed(request.reference, answer)
            return None
        payment_id = str(payment.get("id"))
        if self._does_execute:
            if needs_token:
                payment = self._again(sender, request, payment)
            if payment.get("payment_token"):
                self._execute(sender, request, payment)
        return payment_id

    def _again(self, sender: Sender, request: Request, payment: dict[str, Any]) -> dict[str, Any]:
        """Return a payment with a new token, or nothing where it is past its approval."""
        path = f"/v1/payments/{payment['id']}/token"
        answer = self._post(sender, path, {}, _key(request, "token"))
        if answer.is_good:
            return answer.body
        if answer.code not in _TOKENLESS:
            self._failed(request.reference, answer)
        return {}

    def _execute(self, sender: Sender, request: Request, payment: dict[str, Any]) -> None:
        body: dict[str, Any] = {"payment_token": payment["payment_token"]}
        body.update((name, request.body[name]) for name in _EXECUTED_WITH if name in request.body)
        path = f"/v1/payments/{payment['id']}/execute"
        answer = self._post(sender, path, body, _key(request, "execute"))
        if answer.is_good:
            decision = str(answer.body.get("decision"))
            self._tally.executed(decision, duration_ns=answer.duration_ns)
        else:
            self._failed(request.reference, answer)

    def _post(self, sender: Sender, path: str, body: dict[str, Any], key: str) -> Answer:
        answer = sender.post(path, body, idempotency_key=key)
        self._tally.answered(tries=answer.tries, is_replayed=answer.is_replayed)
        return answer

    def _failed(self, reference: str, answer: Answer) -> None:
        self._tally.failed_row(reference, answer.code)
        is_hopeless = self._tally.failed >= HOPELESS and not self._tally.succeeded
        if answer.status in _USELESS or is_hopeless:
            self._useless = answer
            self._stopping.set()


def _key(request: Request, step: str) -> str:
    """Return the idempotency key of one step of a row: a rerun of the same file repeats it.

    The time that is sent belongs to it: with the times of now a rerun is another request, which
    the service refuses by the reference. Hashed, since a reference may hold any character.
    """
    return _hashed(step, request.reference, request.body["occurred_at"])


def _hashed(step: str, *told: str) -> str:
    digest = hashlib.sha256("\n".join(told).encode()).hexdigest()[:40]
    return f"replay-{step}-{digest}"
