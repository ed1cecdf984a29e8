"""`payguard model`: checks a model's file in a child, signs and adds it, shows which there are."""

from pathlib import Path
from typing import Final

import click

from keys import entropy
from keys.notes import Signer
from keys.roots.file import RootRefused
from risk.models.container import unpack
from risk.models.manifest import write_manifest
from service.cli.database import require_root_key
from service.cli.environment import current_settings
from service.cli.screen import DONE, SOMETHING_FAILED, Failure, Screen, reporting, table
from service.cli.strategy_folder import reader_of
from service.cli.writers import ask, checked, house_call, writer_at_hand
from service.db.statements import Row
from service.rooms.models import model as models
from service.rooms.models import queries
from service.rooms.models.contract import (
    FILE_BYTES_MAX,
    AddModel,
    AddModelPart,
    Model,
    ModelAdded,
    ModelQuery,
    PartKept,
)
from service.rooms.models.model import ModelRefused
from service.scoring.asked import NotLoaded, Question
from service.scoring.supervise import check as check_in_child
from service.secrets import open_secrets
from service.settings import Settings

PAGE: Final = 200


@click.group()
def model() -> None:
    """Check, add and show models that score payments."""


@model.command()
@click.argument("file", type=click.Path(path_type=Path))
@reporting
def check(screen: Screen, file: Path) -> None:
    """Check the model in FILE against XGBoost, bit for bit, and change nothing."""
    content = _read(file)
    model_id = _sound(content)
    told = models.told_of(_manifest(content))
    result = {"model": model_id, "name": told.name, "origin": told.origin}
    screen.show(result, f"{model_id}: {told.name}, {told.origin}; every score is XGBoost's own")


@model.command()
@click.argument("file", type=click.Path(path_type=Path))
@reporting
def add(screen: Screen, file: Path) -> None:
    """Check the model in FILE, sign it, and add it: strategies may name it from then on."""
    content = _read(file)
    model_id = _sound(content)
    manifest = _manifest(content)
    settings = current_settings()
    by = _signer(settings)
    parts = tuple(models.parts_of(content))
    with writer_at_hand(settings) as submit:
        digests = [
            ask(submit, checked(AddModelPart, content=part), call=house_call()).read(PartKept)
            for part in parts
        ]
        command = checked(
            AddModel,
            bytes_total=len(content),
            parts=tuple(one.sha256 for one in digests),
            manifest=manifest,
            note=models.signed(manifest, by),
        )
        made = ask(submit, command, call=house_call()).read(ModelAdded)
    assert model_id == f"{models.ID_HEAD}{made.sha256}"
    if made.origin == "simulated":
        screen.note("it was trained on simulated payments: no live merchant is judged by it")
    screen.show(made, f"{model_id} is added; a strategy may name it")


@model.command(name="list")
@reporting
def list_models(screen: Screen) -> None:
    """Show which models there are, the newest first."""
    reader = reader_of(current_settings())
    rows: list[Row] = []
    last = None
    while page := reader.fetch(queries.page(ModelQuery(limit=PAGE), last=last)):
        rows += page[:PAGE]
        if len(page) <= PAGE:
            break
        last = queries.key(rows[-1])
    found = [models.listed(row) for row in rows]
    head = ("model", "name", "origin", "heads", "added", "by")
    screen.show(found, table([head, *map(_line, found)]))


@model.command()
@click.argument("sha256")
@reporting
def show(screen: Screen, sha256: str) -> int:
    """Show the model SHA256: who signed it, what it reads, what it was trained on.

    Ends with 1 when its signature does not hold.
    """
    settings = current_settings()
    row = queries.model(reader_of(settings), sha256.removeprefix(models.ID_HEAD))
    if row is None:
        raise Failure(
            "model_not_found",
            f"there is no model {sha256}",
            then="`payguard model list` shows those there are",
        )
    by = _signer(settings)
    is_signed = True
    try:
        models.check_signature(row["manifest"], row["note"], by.verifier)
    except ModelRefused:
        is_signed = False
    try:
        told = models.shown(row)
    except ModelRefused as error:
        raise Failure(
            "model_damaged",
            f"model {sha256}: {error}",
            then="`payguard model add FILE` with its file puts it right",
        ) from error
    signature = "the signature holds" if is_signed else "THE SIGNATURE DOES NOT HOLD"
    lines = [table([_line(told)]), f"{signature}: {by.verifier_key}", f"reads {told.feature_set}:"]
    lines += [f"  {name}" for name in told.inputs]
    lines += [f"{name}: {value}" for name, value in sorted(told.metrics.items())]
    screen.show({"model": told, "is_signed": is_signed}, "\n".join(lines))
    return DONE if is_signed else SOMETHING_FAILED


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise Failure(
                "model_invalid",
                f"{file} has more than {FILE_BYTES_MAX} bytes",
                then="train it with fewer or smaller trees",
            )
        return file.read_bytes()
    except OSError as error:
        raise Failure(
            "file_unreadable",
            f"{file} cannot be read: {error.strerror or error}",
            then="give the path of a model's file that this user may read",
        ) from error


def _sound(content: bytes) -> str:
    """Return the id of a model after a child has checked it."""
    try:
        return check_in_child(Question(file=content)).model
    except NotLoaded as refused:
        raise Failure(
            refused.why,
            f"the file is no model that can score here: {refused}",
            then="train it with this version: `payguard train`",
        ) from refused


def _manifest(content: bytes) -> bytes:
    """Return the manifest of a file that was found sound, whose form is the only one."""
    return write_manifest(unpack(content).manifest)


def _signer(settings: Settings) -> Signer:
    require_root_key(settings)
    try:
        return models.signer(open_secrets(settings.root_file, entropy.system).model)
    except RootRefused as error:
        raise Failure(
            "root_key_unusable", str(error), then="`payguard doctor` looks at it"
        ) from error


def _line(one: Model) -> tuple[str, ...]:
    added = f"{one.added_at:%Y-%m-%d %H:%M:%S} UTC"
    heads = "DAMAGED" if one.damaged else ", ".join(one.heads)
    return one.id, one.name, one.origin, heads, added, one.added_by
