"""Mutated expressions, led by what code they reach: only an answer or a RuleError comes out."""

import random
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

import numpy as np
import pytest

from risk.offline.rules import ERROR, HIT, NO_HIT, Column, evaluate
from risk.rules.checker import check
from risk.rules.compiler import compile_rules, make_places
from risk.rules.fields import Fields
from risk.rules.lexer import CHARS_MAX, RuleError
from risk.rules.parser import parse
from risk.rules.tree import Node, fields_of
from risk.strategy import load_strategy

LEAST: Final = 20
SEED: Final = 20_261_128
WORDS: Final = (
    " and ", " or ", " not ", " in ", "(", ")", "[", "]", ",", "<", ">=", "==", "!=", "+", "-",
    "*", "/", "0", "1", "0.5", "24h", '"CN"', "true", "false", "known(", "default(", "on_list(",
    "payee_is_new", "amount_minor", "payer_payment_count_1h", "ip_country", "remote_access",
    "payee_age_s", '"', "_", "\n", "\\", "\x00", "é", "\uff19",
)  # fmt: skip
POOLS: Final[dict[str, tuple[Any, ...]]] = {
    "number": (0, 1, 3, 10**15, None),
    "text": ("CN", "purchase", None),
    "flag": (True, False, None),
}


def mutated(source: str, other: str, chance: random.Random) -> str:
    """Return an expression changed in one to four places."""
    text = source
    for _ in range(chance.randint(1, 4)):
        at, to = sorted((chance.randint(0, len(text)), chance.randint(0, len(text))))
        match chance.randint(0, 4):
            case 0:
                text = text[:at] + chance.choice(WORDS) + text[at:]
            case 1:
                text = text[:at] + text[min(to, at + 12) :]
            case 2:
                text = text[:at] + text[at:to] * chance.randint(1, 3) + text[at:]
            case 3:
                text = text[:at] + other[chance.randint(0, len(other)) :][:40] + text[at:]
            case _:
                text = text[:at] + chr(chance.randint(32, 126)) + text[at + 1 :]
    return text[: CHARS_MAX + 1]


class Reached:
    """Which lines followed which in the code of rules: what a new input is judged by."""

    def __init__(self) -> None:
        self.pairs: set[tuple[str, int, int]] = set()
        self._last = 0

    def run(self, call: Callable[[], None]) -> bool:
        """Run something and return whether it reached anything new."""
        before = len(self.pairs)
        sys.settrace(self._trace)
        try:
            call()
        finally:
            sys.settrace(None)
        return len(self.pairs) > before

    def _trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        name = frame.f_code.co_filename
        if "risk/rules" not in name and "offline/rules" not in name:
            return None
        if event == "line":
            self.pairs.add((name[-12:], self._last, frame.f_lineno))
            self._last = frame.f_lineno
        return self._trace


def answers_agree(node: Node, fields: Fields, chance: random.Random) -> None:
    """Hold that the compiled function and the columns say the same of random payments."""
    names = fields_of(node)
    rows = [
        {name: chance.choice(POOLS[fields.by_name[name].type]) for name in names} for _ in range(6)
    ]
    run = compile_rules({0: node}, make_places([], names))
    found = []
    for row in rows:
        said: list[int] = []
        values = [row[name] for name in names]
        run(
            [],
            values,
            lambda _, said=said: said.append(HIT),
            lambda _, said=said: said.append(ERROR),
        )
        found.append(said[0] if said else NO_HIT)
    columns = {}
    for name in names:
        absent = np.array([row[name] is None for row in rows])
        kind = fields.by_name[name].type
        filler: Any = {"number": 1, "flag": True, "text": None}[kind]
        types: Any = {"number": np.float64, "flag": np.bool_, "text": np.object_}
        values = np.array(
            [filler if row[name] is None else row[name] for row in rows], dtype=types[kind]
        )
        columns[name] = Column(values, absent, np.zeros(len(rows), np.bool_))
    assert evaluate(node, columns).tolist() == found


@pytest.mark.long
def test_mutated_expressions_are_answered_or_refused(fields, sized) -> None:
    chance = random.Random(SEED)  # noqa: S311  seeded on purpose, fuzzing only
    corpus = [rule.when.strip() for rule in load_strategy().rules]
    reached = Reached()
    accepted = refused = 0
    # A feature that is missing is told apart elsewhere; here every field is read as a fact.
    ends = time.monotonic() + sized(quick=3, ci=15, full=600)
    # A busy machine tries fewer; some of each kind are tried on any.
    while time.monotonic() < ends or accepted < LEAST or refused < LEAST:
        text = mutated(chance.choice(corpus), chance.choice(corpus), chance)
        outcome: list[bool] = []
        places: list[int] = []

        def attempt(
            text: str = text, outcome: list[bool] = outcome, places: list[int] = places
        ) -> None:
            try:
                node = parse(text)
                check(node, fields, ("pre_payment",))
            except RuleError as error:
                outcome.append(False)
                places.append(error.at)
                return
            answers_agree(node, fields, chance)
            outcome.append(True)

        is_new = reached.run(attempt)
        assert all(0 <= at <= CHARS_MAX for at in places)
        if is_new:
            corpus.append(text)
        accepted += outcome[0]
        refused += not outcome[0]

    assert accepted >= LEAST
    assert refused >= LEAST
