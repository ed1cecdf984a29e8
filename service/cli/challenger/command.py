"""`payguard challenger`: models learnt from the store's own judgements, where labels carry them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import click
import msgspec

from keys import entropy
from keys.roots.file import RootRefused
from keys.sealing import NotOpened, Sealer
from risk.strategy import Strategy
from service.cli.challenger import folder as challengers
from service.cli.challenger.folder import FOLDER, Challenger
from service.cli.database import require_root_key
from service.cli.environment import current_settings
from service.cli.screen import DONE, SOMETHING_FAILED, Failure, Screen, reporting, table
from service.cli.strategy_folder import deciding, reader_of
from service.db.reader import Reader
from service.db.store import StoreUnavailable
from service.kernel.clock import SystemClock
from service.rooms.labels.queries import FRAUDS
from service.secrets import open_secrets
from service.settings import Settings

# Validation is on the payments after this share of the time, as the trainer's is.
FIRST: Final = 0.4
UNFIT: Final = "model_unfit"
UNREADABLE: Final = "store_unreadable"
BROKEN: Final = frozenset({UNFIT, UNREADABLE})


@click.group()
def challenger() -> None:
    """Learn models from the store's own judgements, as soon as labels carry them."""


@challenger.command()
@reporting
def train(screen: Screen) -> int:
    """Learn a model for each merchant and mode whose labels carry one that is not learnt yet.

    It lies in the folder `challengers` beside the arrays of models. It judges nothing: `payguard
    model add` signs it, and a strategy has to name it.
    """
    settings = current_settings()
    place = settings.models / FOLDER
    reader = reader_of(settings)
    strategy = deciding(settings).strategy
    made = []
    with _alone(place) as is_alone:
        if not is_alone:
            screen.show([], "another training is under way")
            return DONE
        for last, due in _due(reader, place, strategy):
            screen.note(f"learning from the payments of {due.merchant_id}, {due.mode}")
            # Whoever is killed in the middle does not begin with the same one again and again.
            _kept(place, _refused(last, due, "not_finished"), None)
            said, written = _trained(settings, reader, due, strategy, screen)
            if written is None:
                said = _refused(last, due, said.why_not)
            made.append(_kept(place, said, written))
    screen.show(made, _text(made) if made else "no labels carry a model that is not learnt yet")
    broken = any(one.why_not in BROKEN for one in made)
    return SOMETHING_FAILED if broken else DONE


@challenger.command(name="list")
@reporting
def list_challengers(screen: Screen) -> None:
    """Show what came of each merchant's last training."""
    found = challengers.read_all(current_settings().models / FOLDER)
    screen.show(found, _text(found) if found else "there are no challengers")


def _counted(reader: Reader) -> dict[Any, dict[str, int]]:
    """Return labelled frauds by kind, by tenant, merchant and mode."""
    found: dict[Any, dict[str, int]] = {}
    for row in reader.fetch(FRAUDS()):
        owner = row["tenant_id"], row["merchant_id"], row["mode"]
        found.setdefault(owner, {})[row["intent"]] = row["frauds"]
    return found


def _due(
    reader: Reader, place: Path, strategy: Strategy
) -> list[tuple[Challenger | None, Challenger]]:
    """Return whose labels carry a model that is not learnt yet, each with what came of its last."""
    counted = _counted(reader)
    if not counted:
        return []
    # It loads XGBoost, which an hourly look in vain should not.
    from risk.offline.train import FRAUDS_MIN

    last = {(one.tenant_id, one.merchant_id, one.mode): one for one in challengers.read_all(place)}
    now = SystemClock().now()
    found = []
    for owner, frauds in counted.items():
        tenant_id, merchant_id, mode = owner
        due = Challenger(
            tenant_id=tenant_id,
            merchant_id=merchant_id,
            mode=mode,
            trained_at=now,
            feature_set=strategy.features.id,
            frauds=frauds,
        )
        if challengers.is_due(last.get(owner), due, least=FRAUDS_MIN):
            found.append((last.get(owner), due))
    return found


def _refused(last: Challenger | None, due: Challenger, why_not: str | None) -> Challenger:
    """Return why nothing was learnt now, with the model that was learnt before."""
    if last is None:
        return msgspec.structs.replace(due, why_not=why_not)
    return msgspec.structs.replace(
        last,
        trained_at=due.trained_at,
        feature_set=due.feature_set,
        frauds=due.frauds,
        why_not=why_not,
    )


def _trained(
    settings: Settings, reader: Reader, due: Challenger, strategy: Strategy, screen: Screen
) -> tuple[Challenger, bytes | None]:
    """Return what came of learning, and the model's file; what goes wrong ends one merchant's."""
    from risk.models.container import unpack
    from risk.models.manifest import NotAModel, model_id, write_manifest
    from risk.offline.making import DataRefused, Named, learn_from, packed
    from service.cli.challenger.kept import read

    owner = due.tenant_id, due.merchant_id, due.mode
    sealer = _sealer(settings)
    try:
        lesson = read(reader, owner, strategy, sealer, now=due.trained_at)
        asked = lesson.asked(int(due.trained_at.timestamp()))
        learnt = learn_from(lesson.examples, lesson.outcomes, asked, screen.note)
        # Payments of a sandbox are nobody's: what they teach judges no live merchant.
        origin: Literal["trained", "simulated"] = (
            "simulated" if due.mode == "sandbox" else "trained"
        )
        named = Named(f"challenger of {due.name}", origin, due.trained_at)
        written = packed(learnt, named, strategy)
    except DataRefused as refused:
        return msgspec.structs.replace(due, why_not=refused.findings[0].code), None
    except NotAModel:
        return msgspec.structs.replace(due, why_not=UNFIT), None
    except (NotOpened, StoreUnavailable, msgspec.DecodeError, MemoryError) as error:
        screen.note(f"{due.name}: {type(error).__name__}")
        return msgspec.structs.replace(due, why_not=UNREADABLE), None
    validated = {name: head.validated.average_precision for name, head in learnt.heads.items()}
    said = msgspec.structs.replace(
        due,
        model=model_id(write_manifest(unpack(written).manifest)),
        payments=len(learnt.examples.second),
        validated=validated,
        in_force=_in_force(lesson, learnt.window),
    )
    return said, written


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[bool]:
    try:
        with challengers.alone(place) as is_alone:
            yield is_alone
    except OSError as error:
        raise _unusable(place, error) from error


def _kept(place: Path, said: Challenger, written: bytes | None) -> Challenger:
    try:
        return challengers.write(place, said, written)
    except OSError as error:
        raise _unusable(place, error) from error


def _unusable(place: Path, error: OSError) -> Failure:
    return Failure(
        "folder_unusable",
        f"{place} cannot be written: {error.strerror or error}",
        then="let this user write there, or name another with PAYGUARD_MODELS_FOLDER",
    )


def _in_force(lesson: Any, window: Any) -> float | None:
    """Return how well the scores that payments got ranked them, where the trainer validates."""
    from risk.offline.measures import NotMeasurable, Ranking

    second = lesson.examples.second
    later = second >= window.start + FIRST * (window.end - window.start)
    rows = later & (second < window.end) & (lesson.scores >= 0)
    if 2 * int(rows.sum()) < int((later & (second < window.end)).sum()):
        return None
    try:
        ranking = Ranking(lesson.scores[rows], lesson.outcomes.fraud[rows])
        return float(ranking.average_precision())
    except NotMeasurable:
        return None


def _sealer(settings: Settings) -> Sealer:
    require_root_key(settings)
    try:
        return open_secrets(settings.root_file, entropy.system, is_used=True).sealer
    except RootRefused as error:
        raise Failure(
            "root_key_unusable", str(error), then="`payguard doctor` looks at it"
        ) from error


def _text(found: list[Challenger]) -> str:
    head = ("merchant", "mode", "frauds", "payments", "precision", "in force", "file")
    return table([head, *map(_line, found)])


def _line(one: Challenger) -> tuple[str, ...]:
    frauds = ", ".join(f"{count} {kind}" for kind, count in sorted(one.frauds.items()))
    precision = ", ".join(f"{kind} {value:.3f}" for kind, value in sorted(one.validated.items()))
    in_force = "-" if one.in_force is None else f"{one.in_force:.3f}"
    said = " ".join(filter(None, (one.file, one.why_not and f"(last try: {one.why_not})")))
    return one.merchant_id, one.mode, frauds, f"{one.payments:,}", precision or "-", in_force, said
