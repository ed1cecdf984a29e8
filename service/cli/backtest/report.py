"""What a strategy would change: numbers for programs, a table for people. Judges nothing."""

from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from risk.offline.backtest import OUTCOMES, Tried
from service.cli.screen import table

Flags = npt.NDArray[np.bool_]
CHALLENGE: Final = OUTCOMES.index("challenge")
_NONE: Final = "-"


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """A number before, and after: under the strategy that decides now, and the one tried."""

    before: int
    after: int


class Caught(msgspec.Struct, frozen=True, kw_only=True):
    """What one strategy, or one rule, does to labelled payments.

    Attributes:
        fraud: Fraudulent payments that were not simply approved; of a rule, that it hit.
        good_challenged: Good payments that were asked for proof; of a rule 0.
        good_stopped: Good payments reviewed, held or declined; of a rule, that it hit.
    """

    fraud: int
    good_challenged: int
    good_stopped: int


class RuleSide(msgspec.Struct, frozen=True, kw_only=True):
    """Hits of a rule; what it hits of labelled payments, where there are labels."""

    rule: str
    hits: Side
    caught_before: Caught | None
    caught_after: Caught | None


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """The list entries under which both strategies judged.

    Attributes:
        entries: How many were read.
        unknown: Of these, pseudonyms whose key was not at hand: they matched nothing.
    """

    entries: int
    unknown: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a back-test found.

    Attributes:
        before: Id of the strategy that decides now.
        after: Id of the one tried.
        payments: Rows judged.
        refused: Rows that are no payments.
        rounded: Amounts that had more decimals than their currency.
        outcomes: By outcome.
        transitions: From -> to -> payments, only of those that change.
        rules: Every rule that hits on either side.
        frauds: Labelled as fraud; None without labels.
        lists: None where no lists were given.
    """

    before: str
    after: str
    preset: str
    payments: int
    refused: int
    rounded: int
    outcomes: dict[str, Side]
    transitions: dict[str, dict[str, int]]
    rules: tuple[RuleSide, ...]
    frauds: int | None
    caught_before: Caught | None
    caught_after: Caught | None
    lists: Listed | None

    @property
    def changed(self) -> int:
        """How many payments end otherwise."""
        return sum(count for row in self.transitions.values() for count in row.values())


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the file's rows."""

    preset: str
    refused: int
    rounded: int
    lists: Listed | None = None


def compare(before: Tried, after: Tried, rows: Rows, fraud: Flags | None) -> Report:
    """Return what changes from one strategy to the other.

    Args:
        before: Under the strategy that decides now.
        after: Under the one tried, of the same history.
        rows: What became of the file's rows.
        fraud: Whether each payment was fraud; None without labels.
    """
    kinds = len(OUTCOMES)
    pairs = np.bincount(before.outcome * kinds + after.outcome, minlength=kinds * kinds)
    moves = pairs.reshape(kinds, kinds)
    return Report(
        before=before.strategy.id,
        after=after.strategy.id,
        preset=rows.preset,
        payments=len(before.outcome),
        refused=rows.refused,
        rounded=rows.rounded,
        outcomes={
            str(name): Side(before=int(moves[place].sum()), after=int(moves[:, place].sum()))
            for place, name in enumerate(OUTCOMES)
        },
        transitions={
            str(name): changed
            for place, name in enumerate(OUTCOMES)
            if (
                changed := {
                    str(other): int(moves[place, to])
                    for to, other in enumerate(OUTCOMES)
                    if to != place and moves[place, to]
                }
            )
        },
        rules=_rules(before, after, fraud),
        frauds=None if fraud is None else int(fraud.sum()),
        caught_before=None if fraud is None else _caught(before, fraud),
        caught_after=None if fraud is None else _caught(after, fraud),
        lists=rows.lists,
    )


def text_of(report: Report) -> str:
    """Return a report as people read it."""
    blocks = [
        f"{report.payments:,} payments under preset {report.preset}; {report.changed:,} change",
        f"before: {report.before}\nafter:  {report.after}",
        _outcomes(report),
    ]
    moves = [
        (f"{name} -> {other}", f"{count:,}")
        for name, row in report.transitions.items()
        for other, count in row.items()
    ]
    if moves:
        blocks.append(table([("change", "payments"), *moves]))
    if report.rules:
        blocks.append(_rules_table(report))
    if report.frauds is not None:
        blocks.append(_labels_table(report))
    if report.lists is not None:
        blocks.append(_lists(report.lists))
    if report.refused or report.rounded:
        blocks.append(f"{report.refused:,} rows are no payments; {report.rounded:,} rounded")
    return "\n\n".join(blocks)


def _lists(lists: Listed) -> str:
    said = f"{lists.entries:,} entries of lists stand all through"
    if not lists.unknown:
        return said
    return f"{said}; {lists.unknown:,} are pseudonyms: say whose with --merchant, or none matches"


def _outcomes(report: Report) -> str:
    rows = [("outcome", "before", "after", "difference")]
    for name, side in report.outcomes.items():
        difference = f"{side.after - side.before:+,}"
        rows.append((name, f"{side.before:,}", f"{side.after:,}", difference))
    return table(rows)


def _rules_table(report: Report) -> str:
    rows = [("rule", "hits before", "hits after", "fraud after", "good after")]
    for one in report.rules:
        caught = one.caught_after
        fraud, good = (
            (_NONE, _NONE) if caught is None else (f"{caught.fraud:,}", f"{caught.good_stopped:,}")
        )
        rows.append((one.rule, f"{one.hits.before:,}", f"{one.hits.after:,}", fraud, good))
    return table(rows)


def _labels_table(report: Report) -> str:
    before, after = report.caught_before, report.caught_after
    assert before is not None
    assert after is not None
    rows = [
        (f"fraud not simply approved, of {report.frauds:,}", before.fraud, after.fraud),
        ("good payments challenged", before.good_challenged, after.good_challenged),
        ("good payments stopped", before.good_stopped, after.good_stopped),
    ]
    cells = [(name, f"{was:,}", f"{now:,}") for name, was, now in rows]
    return table([("of labelled payments", "before", "after"), *cells])


def _rules(before: Tried, after: Tried, fraud: Flags | None) -> tuple[RuleSide, ...]:
    old, new = before.hits(), after.hits()
    nothing = np.zeros(len(before.outcome), np.bool_)
    found = []
    for rule in sorted(old.keys() | new.keys()):
        was, now = old.get(rule, nothing), new.get(rule, nothing)
        found.append(
            RuleSide(
                rule=rule,
                hits=Side(before=int(was.sum()), after=int(now.sum())),
                caught_before=None if fraud is None else _hit(was, fraud),
                caught_after=None if fraud is None else _hit(now, fraud),
            )
        )
    return tuple(found)


def _hit(hits: Flags, fraud: Flags) -> Caught:
    return Caught(
        fraud=int((hits & fraud).sum()), good_challenged=0, good_stopped=int((hits & ~fraud).sum())
    )


def _caught(tried: Tried, fraud: Flags) -> Caught:
    return Caught(
        fraud=int(((tried.outcome > 0) & fraud).sum()),
        good_challenged=int(((tried.outcome == CHALLENGE) & ~fraud).sum()),
        good_stopped=int(((tried.outcome > CHALLENGE) & ~fraud).sum()),
    )
