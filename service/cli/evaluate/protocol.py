"""The protocol file: which payments are learnt from and tried, and what others measured on them."""

import datetime as dt
import os
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from risk.offline.evaluate import CALIBRATED, MEASURES
from risk.offline.split import DAY_S, Fold, weekly
from risk.offline.train import Recipe
from service.cli.screen import Failure

# Protocols that come with the software, by name.
SHIPPED: Final = ("handbook", "handbook_one_day", "handbook_book_features")
MATERIAL: Final = "PAYGUARD_TEST_MATERIAL"
FOLDS_MAX: Final = 100
# What a goal may be of.
GOALS: Final = (*MEASURES, *CALIBRATED, "slope_off")
_UTC: Final = dt.UTC
Days = Annotated[int, msgspec.Meta(ge=0, le=3_660)]


class Said(msgspec.Struct, frozen=True):
    """One sentence in both languages."""

    en: str
    zh: str


class _Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    depth: Annotated[int, msgspec.Meta(ge=1, le=6)]
    trees: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    rate_milli: Annotated[int, msgspec.Meta(ge=1, le=1_000)]


class Published(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody else measured by the same protocol.

    Attributes:
        name: Which model, and where it stands.
    """

    name: str
    auc: float | None = None
    average_precision: float | None = None
    card_precision: float | None = None
    recall_01: float | None = None


class Protocol(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is measured.

    Attributes:
        file: The data, relative to the folder of test material where it is no path of its own.
        map: Column map.
        inputs: The model's own, or the fifteen features of the handbook's book.
        test_from: First day of each fold's test, UTC.
        train_days: Learnt from, up to `label_delay_days` before the test.
        label_delay_days: So long after its payment a label is known, or later where the file says
            when it was.
        known_after_days: Payers whose fraud is so old are taken out; None keeps all.
        known_since_days: Fraud counts for that from so many days before the test.
        cards_a_day: So many cards can be looked at.
        seed: Of the bootstrap.
        recipe: Depth, trees and rate; by validation where there is none.
        goals: Least values of means; those of `ece`, `riskiest`, `slope_off`, `brier` and
            `brier_constant` are greatest values.
    """

    name: str
    title: Said
    file: str
    map: str
    test_from: Annotated[tuple[dt.date, ...], msgspec.Meta(min_length=1, max_length=FOLDS_MAX)]
    preset: str = "CN"
    inputs: Literal["model", "book"] = "model"
    train_days: Annotated[int, msgspec.Meta(ge=1, le=3_660)]
    label_delay_days: Days
    test_days: Annotated[int, msgspec.Meta(ge=1, le=3_660)]
    known_after_days: Days | None = None
    known_since_days: Days = 0
    cards_a_day: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 100
    seed: int = 1
    recipe: _Recipe | None = None
    goals: dict[str, float] = {}
    published: tuple[Published, ...] = ()

    @property
    def folds(self) -> tuple[Fold, ...]:
        """The folds, in the order of the file."""
        known_after_s = None if self.known_after_days is None else self.known_after_days * DAY_S
        return tuple(
            weekly(
                start,
                train_days=self.train_days,
                delay_days=self.label_delay_days,
                test_days=self.test_days,
            )._replace(known_after_s=known_after_s)
            for start in self._starts
        )

    @property
    def known_from(self) -> tuple[int, ...]:
        """For each fold, since when fraud makes a payer known."""
        return tuple(start - self.known_since_days * DAY_S for start in self._starts)

    @property
    def grid(self) -> tuple[Recipe, ...] | None:
        """The one recipe, or None for those of the trainer."""
        if self.recipe is None:
            return None
        return (Recipe(self.recipe.depth, self.recipe.trees, self.recipe.rate_milli),)

    @property
    def _starts(self) -> list[int]:
        return [
            int(dt.datetime.combine(one, dt.time(), _UTC).timestamp()) for one in self.test_from
        ]


def read_protocol(name: str) -> Protocol:
    """Return a protocol that comes with the software, by its name, or one of a file.

    Raises:
        Failure: There is none, or it is none.
    """
    try:
        if name in SHIPPED:
            folder = resources.files("service.cli.evaluate") / "protocols"
            content = (folder / f"{name}.toml").read_bytes()
        else:
            content = Path(name).read_bytes()
    except OSError as error:
        raise Failure(
            "protocol_unreadable",
            f"the protocol {name} cannot be read: {error.strerror}",
            then=f"give the path of a TOML file, or one of: {', '.join(SHIPPED)}",
        ) from error
    try:
        found = msgspec.toml.decode(content, type=Protocol)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Failure(
            "protocol_invalid",
            f"{name} is no protocol: {error}",
            then="docs/evaluate.md shows a whole one",
        ) from error
    unknown = [one for one in found.goals if one not in GOALS]
    if unknown:
        raise Failure(
            "protocol_invalid",
            f"{name} has a goal of {', '.join(unknown)}, which nothing measures",
            then=f"give goals of: {', '.join(GOALS)}",
        )
    return found


def data_file(protocol: Protocol, given: Path | None) -> Path:
    """Return the file that a protocol is about.

    Args:
        protocol: Names it.
        given: Asked for instead: the file, or the folder that the name begins in.

    Raises:
        Failure: It is not there.
    """
    named = Path(protocol.file)
    folder = os.environ.get(MATERIAL)
    found = given if given is not None else named
    if given is not None and given.is_dir():
        found = given / named
    elif given is None and folder and not named.is_absolute():
        found = Path(folder) / named
    if not found.is_file():
        raise Failure(
            "file_unreadable",
            f"{found} is not there",
            then=f"name the file with --data, or its folder with --data or {MATERIAL}",
        )
    return found
