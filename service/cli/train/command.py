"""`payguard train`: labelled payments of a file in; a model and its card out. Signs nothing."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from service.cli.screen import Failure, Screen, reporting
from service.cli.written import check_folder
from service.kernel.clock import SystemClock

if TYPE_CHECKING:
    from risk.offline.making import Learnt, Named
    from risk.strategy import Strategy

DAY_S: Final = 86_400
FORMATS: Final = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z")
MODEL: Final = "model.pgmodel"
CARD: Final = "card.md"
_INSTANT: Final = click.DateTime(formats=list(FORMATS))


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--map",
    "map_name",
    default="handbook",
    show_default=True,
    help="Column map: a TOML file, or the name of one that comes with Payguard.",
)
@click.option("--preset", default="CN", show_default=True, help="Preset of the merchant.")
@click.option("--from", "since", type=_INSTANT, help="First payment to learn from, UTC.")
@click.option("--to", "until", type=_INSTANT, help="Learn from payments before this, UTC.")
@click.option(
    "--label-delay",
    type=click.IntRange(0, 3_660),
    help="Days after which each label is known, in the place of the map's own times.",
)
@click.option(
    "--at", type=_INSTANT, help="Instant of training, if not now: nothing later is known."
)
@click.option("--name", default="model", show_default=True, help="What the model is called.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder for model and card."
)
@reporting
def train(screen: Screen, file: Path, **given: Any) -> None:
    """Train a model on the payments of FILE (parquet or CSV) and what they turned out to be.

    Refuses shuffled labels, columns that tell the outcome, and what was not known yet.
    docs/training.md says how. The model judges nothing before a strategy names it.
    """
    from risk.models.container import unpack
    from risk.offline.making import DataRefused, Named, learn
    from risk.strategy import load_strategy
    from service.cli.train.asking import asked_of, check_map, check_preset
    from service.cli.train.card import Trained, card_of, text_of
    from service.cli.train.reading import read

    now = SystemClock().now()
    _check_name(given["name"])
    check_folder(given["out"], MODEL, CARD)
    strategy = load_strategy()
    check_preset(strategy, given["preset"])
    screen.note(f"reading {file}")
    read_in = read(file, given["map_name"], preset=given["preset"])
    outcomes = read_in.outcomes
    if given["label_delay"] is not None:
        delay_s = given["label_delay"] * DAY_S
        outcomes = outcomes.after(delay_s, read_in.history.columns.second)
    try:
        check_map(read_in)
        asked = asked_of(read_in.history, outcomes, strategy, given, now)
        learnt = learn(read_in.history, outcomes, strategy, asked, screen.note)
    except DataRefused as error:
        raise refused(error) from error
    named = Named(given["name"], read_in.origin, now)
    written = file_of(learnt, named, strategy)
    made = Trained.of(unpack(written), learnt, refused=read_in.refused)
    _write(given["out"], written, card_of(made))
    screen.show(made, text_of(made, given["out"] / MODEL))


def file_of(learnt: "Learnt", named: "Named", strategy: "Strategy") -> bytes:
    """Return the file of what was learnt.

    Raises:
        Failure: It makes no model that this software can judge by.
    """
    from risk.models.manifest import NotAModel
    from risk.offline.making import packed

    try:
        return packed(learnt, named, strategy)
    except NotAModel as error:
        raise Failure(
            "model_unfit",
            f"what was learnt makes no model: {error}",
            then="give a shorter time with --from and --to; docs/training.md says what is learnt",
        ) from error


def refused(error: Any) -> Failure:
    """Return what a person is told of data that nothing is learnt from."""
    first = error.findings[0]
    return Failure(
        first.code,
        "; ".join(one.what for one in error.findings),
        then="; ".join(dict.fromkeys(one.then for one in error.findings)),
    )


def _check_name(name: str) -> None:
    from risk.models.manifest import Word

    try:
        msgspec.convert(name, Word)
        name.encode()
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise Failure(
            "name_invalid",
            "a model's name has 1 to 140 characters",
            then="give another one with --name",
        ) from error


def _write(folder: Path, model: bytes, card: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MODEL).write_bytes(model)
        (folder / CARD).write_text(card, encoding="utf-8")
    except OSError as error:
        raise Failure(
            "folder_unusable",
            f"{folder} cannot be written: {error.strerror or error}",
            then="name a folder where this user may write",
        ) from error
