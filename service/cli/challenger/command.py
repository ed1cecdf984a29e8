"""`payguard challenger`: models learnt from the store's own judgements, where labels carry them."""

from pathlib import Path
from typing import Any, Final, Literal

import click
import msgspec

from keys import entropy
from keys.roots.file import RootRefused
from keys.sealing import NotOpened, Sealer
from risk.strategy import load_strategy
from service.cli.challenger import folder as challengers
from service.cli.challenger.folder import FOLDER, Challenger
from service.cli.database import require_root_key
from service.cli.environment import current_settings
from service.cli.screen import Failure, Screen, reporting, table
from service.cli.strategy_folder import reader_of
from service.db.reader import Reader
from service.kernel.clock import SystemClock
from service.rooms.labels.queries import FRAUDS
from service.secrets import open_secrets
from service.settings import Settings

# Validation is on the payments after this share of the time, as the trainer's is.
FIRST: Final = 0.4


@click.group()
def challenger() -> None:
    """Learn models from the store's own judgements, as soon as labels carry them."""


@challenger.command()
@reporting
def train(screen: Screen) -> None:
    """Learn a model for each merchant and mode whose labels carry one that is not learnt yet.

    It lies in the folder `challengers` beside the arrays of models. It judges nothing: `payguard
    model add` signs it, and a strategy has to name it.
    """
    settings = current_settings()
    reader = reader_of(settings)
    made = []
    for owner, frauds in _due(reader, settings.models / FOLDER):
        screen.note(f"learning from the payments of {owner[1]}, {owner[2]}")
        made.append(_trained(settings, reader, owner, frauds, screen))
    screen.show(made, _text(made) if made else "no labels carry a model that is not learnt yet")


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


def _due(reader: Reader, place: Path) -> list[tuple[Any, dict[str, int]]]:
    """Return whose labels carry a model that is not learnt yet, with their frauds by kind."""
    counted = _counted(reader)
    if not counted:
        return []
    # It loads XGBoost, which an hourly look in vain should not.
    from risk.offline.train import FRAUDS_MIN

    last = {(one.tenant_id, one.merchant_id, one.mode): one for one in challengers.read_all(place)}
    return [
        (owner, frauds)
        for owner, frauds in counted.items()
        if challengers.is_due(last.get(owner), frauds, least=FRAUDS_MIN)
    ]


def _trained(
    settings: Settings, reader: Reader, owner: Any, frauds: dict[str, int], screen: Screen
) -> Challenger:
    from risk.models.container import unpack
    from risk.models.manifest import NotAModel, model_id, write_manifest
    from risk.offline.making import DataRefused, Named, learn_from, packed
    from service.cli.challenger.kept import read

    tenant_id, merchant_id, mode = owner
    now = SystemClock().now()
    said = Challenger(
        tenant_id=tenant_id, merchant_id=merchant_id, mode=mode, trained_at=now, frauds=frauds
    )
    strategy = load_strategy()
    written = None
    try:
        lesson = read(reader, owner, strategy, _sealer(settings), now=now)
        asked = lesson.asked(int(now.timestamp()))
        learnt = learn_from(lesson.examples, lesson.outcomes, asked, screen.note)
        # Payments of a sandbox are nobody's: what they teach judges no live merchant.
        origin: Literal["trained", "simulated"] = "simulated" if mode == "sandbox" else "trained"
        named = Named(f"challenger of {said.name}", origin, now)
        written = packed(learnt, named, strategy)
    except DataRefused as refused:
        said = msgspec.structs.replace(said, why_not=refused.findings[0].code)
    except NotAModel:
        said = msgspec.structs.replace(said, why_not="model_unfit")
    except NotOpened as error:
        raise Failure(
            "root_key_unusable", str(error), then="`payguard doctor` looks at it"
        ) from error
    else:
        said = msgspec.structs.replace(
            said,
            model=model_id(write_manifest(unpack(written).manifest)),
            payments=len(learnt.examples.second),
            validated={
                name: head.validated.average_precision for name, head in learnt.heads.items()
            },
            in_force=_in_force(lesson, learnt.window),
        )
    return _kept(settings.models / FOLDER, said, written)


def _kept(place: Path, said: Challenger, written: bytes | None) -> Challenger:
    try:
        return challengers.write(place, said, written)
    except OSError as error:
        raise Failure(
            "folder_unusable",
            f"{place} cannot be written: {error.strerror or error}",
            then="let this user write there, or name another with PAYGUARD_MODELS_FOLDER",
        ) from error


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
    last = one.file or f"none: {one.why_not}"
    return one.merchant_id, one.mode, frauds, f"{one.payments:,}", precision or "-", in_force, last
