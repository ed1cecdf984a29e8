"""The moves of a payment's status: one table. Pure: no clock, no database, no web.

Refusals, the fold of events, docs/payment-states.md and the tests are made from this table.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

from service.kernel.facts import EventType
from service.rooms.payments.contract import Status

Actor = Literal["engine", "merchant", "officer", "payer", "processor", "timer"]
# How an action arrives: as a command of its own, by /events, when a timer is due, or as what
# the engine decides inside another command.
Way = Literal["command", "event", "timer", "engine"]
Action = Literal[
    "assess",
    "prove",
    "fail",
    "cancel",
    "expire",
    "judge_again",
    "lift",
    "decline",
    "end",
    "execute",
    "stop",
    "authorized",
    "refused",
    "not_sent",
    "no_answer",
    "captured",
    "settled",
    "reversed",
    "resolve",
    "suspend",
    "resume",
    "close",
    "reverse",
    "lapse",
]
TimerAction = Literal["expire", "end", "no_answer", "lapse"]

STATUSES: Final[tuple[Status, ...]] = get_args(Status)
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
FINAL: Final[frozenset[Status]] = frozenset(
    {"declined", "expired", "failed", "cancelled", "reversed", "settled"}
)


# In the table because it is fixed, and made by no code yet; a test compares with what makes moves.
NOT_BUILT: Final[frozenset[Action]] = frozenset(
    {"prove", "fail", "lift", "decline", "stop", "resolve", "suspend", "resume", "reverse"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One row of the table.

    Attributes:
        action: What is done or reported.
        way: How it arrives.
        by: Who may do it.
        sources: Statuses it may start from; None stands for a payment that is not there yet.
        targets: Statuses it may lead to.
        when: The condition in words, empty where there is none. Whoever moves checks it.
    """

    action: Action
    way: Way
    by: tuple[Actor, ...]
    sources: tuple[Status | None, ...]
    targets: tuple[Status, ...]
    when: str = ""


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """A move that the table does not have.

    Attributes:
        status: Where the payment is.
        action: What was asked.
        allowed: What could be asked instead, in the table's order.
    """

    status: Status | None
    action: Action
    allowed: tuple[Action, ...]


_JUDGED: Final[tuple[Status, ...]] = ("approved", "challenge_required", "held", "declined")
_REVIEW: Final = "suspended: review before capture"

TABLE: Final[tuple[Move, ...]] = (
    Move(action="assess", way="engine", by=("engine",), sources=(None,), targets=_JUDGED),
    Move(
        action="prove",
        way="command",
        by=("payer",),
        sources=("challenge_required",),
        targets=_JUDGED,
        when="judged again with the new facts",
    ),
    Move(
        action="fail",
        way="engine",
        by=("engine",),
        sources=("challenge_required",),
        targets=("held", "declined"),
        when="attempts spent, no factor left",
    ),
    Move(
        action="cancel",
        way="command",
        by=("payer", "merchant"),
        sources=("challenge_required", "held", "approved"),
        targets=("cancelled",),
        when="voids challenge, hold and token",
    ),
    Move(
        action="expire",
        way="timer",
        by=("timer",),
        sources=("challenge_required", "approved"),
        targets=("expired",),
    ),
    Move(
        action="judge_again",
        way="command",
        by=("engine",),
        sources=("challenge_required", "held"),
        targets=_JUDGED,
        when="judged without a score, once, when the scorer is back",
    ),
    Move(
        action="lift",
        way="command",
        by=("officer",),
        sources=("held",),
        targets=("approved", "challenge_required"),
        when="two officers above a limit; never who asked for it",
    ),
    Move(
        action="decline",
        way="command",
        by=("officer",),
        sources=("held",),
        targets=("declined",),
    ),
    Move(
        action="end",
        way="timer",
        by=("timer",),
        sources=("held",),
        targets=("challenge_required", "declined", "approved"),
        when="what the hold said at its start; approved only after a cooling-off of a payer "
        "who has proved level 3 or more",
    ),
    Move(
        action="execute",
        way="command",
        by=("merchant", "engine"),
        sources=("approved",),
        targets=("executing", "held", "declined"),
        when="with the token; held and declined void it",
    ),
    Move(
        action="stop",
        way="command",
        by=("engine", "officer"),
        sources=("approved",),
        targets=("held", "declined"),
        when="a later fact",
    ),
    Move(
        action="authorized",
        way="event",
        by=("processor",),
        sources=("executing", "unknown"),
        targets=("executed", "suspended"),
        when=f"{_REVIEW}; from unknown by query or callback, never by guess",
    ),
    Move(
        action="refused",
        way="event",
        by=("processor",),
        sources=("executing", "unknown"),
        targets=("failed",),
        when="from unknown by query or callback, never by guess",
    ),
    Move(
        action="no_answer",
        way="timer",
        by=("timer",),
        sources=("executing",),
        targets=("unknown",),
    ),
    Move(
        action="captured",
        way="event",
        by=("processor",),
        sources=("executing", "unknown"),
        targets=("captured", "suspended"),
        when=f"captured at once (balance, sale); {_REVIEW}",
    ),
    Move(
        action="not_sent",
        way="event",
        by=("merchant",),
        sources=("executing", "unknown"),
        targets=("failed",),
    ),
    Move(
        action="resolve",
        way="command",
        by=("officer",),
        sources=("unknown",),
        targets=("executed", "failed"),
        when="two officers, with evidence",
    ),
    Move(
        action="suspend",
        way="command",
        by=("engine", "officer"),
        sources=("executed", "captured"),
        targets=("suspended",),
    ),
    Move(
        action="resume",
        way="command",
        by=("officer",),
        sources=("suspended",),
        targets=("executed", "captured"),
        when="to where it was; to captured once something is captured",
    ),
    Move(
        action="captured",
        way="event",
        by=("processor",),
        sources=("executed",),
        targets=("captured",),
    ),
    Move(
        action="captured",
        way="event",
        by=("processor",),
        sources=("captured",),
        targets=("captured",),
        when="capture more",
    ),
    Move(
        action="settled",
        way="event",
        by=("processor",),
        sources=("captured",),
        targets=("captured",),
        when="settle a part",
    ),
    Move(
        action="reversed",
        way="event",
        by=("processor",),
        sources=("captured",),
        targets=("captured",),
        when="release the rest",
    ),
    Move(
        action="close",
        way="engine",
        by=("engine",),
        sources=("captured",),
        targets=("settled",),
        when="nothing left to capture, all settled",
    ),
    Move(
        action="captured",
        way="event",
        by=("processor",),
        sources=("suspended",),
        targets=("suspended",),
        when="amounts only",
    ),
    Move(
        action="settled",
        way="event",
        by=("processor",),
        sources=("suspended",),
        targets=("suspended",),
        when="amounts only",
    ),
    Move(
        action="reversed",
        way="event",
        by=("processor",),
        sources=("executed", "suspended"),
        targets=("reversed",),
        when="nothing captured",
    ),
    Move(
        action="reverse",
        way="command",
        by=("officer",),
        sources=("executed", "suspended"),
        targets=("reversed",),
        when="nothing captured",
    ),
    Move(
        action="lapse",
        way="timer",
        by=("timer",),
        sources=("executed", "suspended"),
        targets=("reversed",),
        when="nothing captured, at authorization_expires_at",
    ),
)


def _targets() -> Iterator[tuple[tuple[Status | None, Action], tuple[Status, ...]]]:
    for row in TABLE:
        for source in row.sources:
            yield (source, row.action), row.targets


# No pair of status and action stands in two rows; a test holds it.
_BY_PAIR: Final[dict[tuple[Status | None, Action], tuple[Status, ...]]] = dict(_targets())
# Event types that move a status; all others are facts about a payment wherever it is.
MOVING_EVENTS: Final[frozenset[EventType]] = frozenset(
    event for event in get_args(EventType) if event in {row.action for row in TABLE}
)


def move(status: Status | None, action: Action, to: Status | None = None) -> Status | NotAllowed:
    """Return the status after an action, or that the table has no such move.

    Args:
        status: Where the payment is; None before it exists.
        action: What is done or reported.
        to: Where it is to lead; may be left out where there is one way only.

    Raises:
        ValueError: `to` is missing and the action may lead to several statuses: our mistake.
    """
    targets = _BY_PAIR.get((status, action))
    if targets is None:
        return NotAllowed(status, action, allowed(status))
    if to is None:
        if len(targets) > 1:
            raise ValueError(f"{action} from {status} leads to one of {', '.join(targets)}")
        return targets[0]
    return to if to in targets else NotAllowed(status, action, allowed(status))


def allowed(status: Status | None) -> tuple[Action, ...]:
    """Return the actions that the table has for a status, in the table's order."""
    return tuple(dict.fromkeys(action for (source, action) in _BY_PAIR if source == status))


def may_issue_token(status: Status) -> bool:
    """Say whether a new token may be signed: while approved. It moves nothing."""
    return status == "approved"


def markdown() -> str:
    """Return the page that tells the table: a diagram and every row in words."""
    lines = [
        "# Statuses of a payment",
        "",
        "Rendered from `service/rooms/payments/moves.py`; a test compares. A status says where the",
        "money is, and nothing else. A command outside the table is refused with 409",
        "`payment_not_in_state`; an event outside it changes amounts and no status. Moves that are",
        "not built yet stand here because the table is fixed: nobody can make them for now.",
        "",
        "```mermaid",
        "stateDiagram-v2",
    ]
    for source, target in _edges():
        actions = [row.action for row in TABLE if source in row.sources and target in row.targets]
        label = ", ".join(dict.fromkeys(actions))
        lines.append(f"    {source or '[*]'} --> {target}: {label}")
    lines += [f"    {status} --> [*]" for status in STATUSES if status in FINAL]
    lines += ["```", "", "| from | action | comes as | by | to | condition | built |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    for row in TABLE:
        sources = ", ".join(source or "(new)" for source in row.sources)
        built = "not yet" if row.action in NOT_BUILT else "yes"
        by, to = ", ".join(row.by), ", ".join(row.targets)
        cells = (sources, row.action, row.way, by, to, row.when, built)
        lines.append(f"| {' | '.join(cells)} |")
    final = ", ".join(status for status in STATUSES if status in FINAL)
    return "\n".join([*lines, "", f"Final: {final}.", ""])


def _edges() -> list[tuple[Status | None, Status]]:
    edges = {(source, to) for row in TABLE for source in row.sources for to in row.targets}
    order: tuple[Status | None, ...] = (None, *STATUSES)
    return sorted(edges, key=lambda edge: (order.index(edge[0]), order.index(edge[1])))
