"""What the demo learns from its history: a model, trained in a child, signed and put in force."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from keys import entropy
from keys.notes import Signer
from risk.models.container import unpack
from risk.models.manifest import Manifest, NotAModel, model_id, write_manifest
from risk.strategy_content import (
    MODEL_FILE,
    Whole,
    from_files,
    model_file,
    packaged,
    packaged_files,
)
from service.cli.history import History
from service.cli.screen import Failure
from service.cli.simulate.files import write_world
from service.cli.strategy_folder import reader_of
from service.cli.writers import ask, checked, house_call
from service.rooms.models import model as models
from service.rooms.models.contract import AddModel, AddModelPart, ModelAdded, PartKept
from service.rooms.strategies import model as strategies
from service.rooms.strategies import queries
from service.rooms.strategies.contract import ActivateStrategy, Activation, GoBack
from service.scoring.asked import NotLoaded, Question
from service.scoring.supervise import check
from service.secrets import open_secrets
from service.settings import Settings
from service.unit_of_work.commands import Submit

TRAIN_S: Final = 120.0
FILE: Final = "history.csv"
LOG: Final = "training.log"
FOLDER: Final = "model"
MODEL: Final = "model.pgmodel"
NAME: Final = "demo"
_PASSED_ON: Final = ("PATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR", "HOME")


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the lesson.

    Attributes:
        model: Id of the model; None where there is none.
        origin: Of its payments.
        strategy: Which decides by it.
        payments: How many it learnt from.
        frauds: How many of these were known to be fraud, by kind; a kind without a head is left
            out.
        why_not: Why there is no model; None where there is one.
    """

    model: str | None = None
    origin: str | None = None
    strategy: str | None = None
    payments: int = 0
    frauds: dict[str, int] = {}
    why_not: str | None = None


class Lesson:
    """A training that runs in a child while the demo starts.

    Args:
        folder: Where its files lie.
        child: The process; it answers with one JSON document on its standard output.
        wait_s: How long its end is waited for.
    """

    def __init__(
        self, folder: Path, child: "subprocess.Popen[bytes]", *, wait_s: float = TRAIN_S
    ) -> None:
        self._folder = folder
        self._child = child
        self._wait_s = wait_s

    def end(self, settings: Settings, submit: Submit) -> Learned:
        """Wait for the model, sign it, and let a strategy with it decide.

        Whatever goes wrong is said in the result: the demo goes on without a model.
        """
        try:
            said, _ = self._child.communicate(timeout=self._wait_s)
        except subprocess.TimeoutExpired:
            return Learned(why_not=f"training took more than {self._wait_s:.0f} s")
        if self._child.returncode != 0:
            return Learned(why_not=_error(said))
        try:
            content = (self._folder / FOLDER / MODEL).read_bytes()
            manifest = unpack(content).manifest
            check(Question(file=content))
            _add(settings, submit, content, manifest)
            activation = _activate(settings, submit, manifest)
        except (OSError, NotAModel, NotLoaded, Failure) as error:
            return Learned(why_not=str(error))
        return Learned(
            model=model_id(write_manifest(manifest)),
            origin=manifest.origin,
            strategy=activation.strategy_id,
            payments=manifest.trained.rows,
            frauds={head: manifest.trained.frauds[head] for head in manifest.heads},
        )


@contextlib.contextmanager
def lesson(history: History, folder: Path) -> Iterator[Lesson]:
    """Begin to train on a history in a child, which ends with this at the latest.

    Args:
        history: What is learnt from; labels that come after its end are not known.
        folder: For the file of the history, and the model.
    """
    write_world(history.events, folder / FILE)
    until = f"{history.end:%Y-%m-%dT%H:%M:%S}"
    command = [
        *(sys.executable, "-P", "-c", "from service.cli import main; main()"),
        *("train", str(folder / FILE), "--map", "simulated", "--preset", "judge_only"),
        *("--at", until, "--name", NAME, "--out", str(folder / FOLDER), "--json"),
    ]
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with (folder / LOG).open("wb") as log:
        child = subprocess.Popen(  # noqa: S603  our own command line
            command, stdout=subprocess.PIPE, stderr=log, env=environment
        )
        try:
            yield Lesson(folder, child)
        finally:
            if child.poll() is None:
                child.kill()
            child.communicate()


def _error(said: bytes) -> str:
    """Return what a command that failed says of it."""
    try:
        return str(msgspec.json.decode(said, type=dict[str, Any])["error"]["detail"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"training ended without a result; {LOG} says why"


def _add(settings: Settings, submit: Submit, content: bytes, manifest: Manifest) -> None:
    signer = models.signer(open_secrets(settings.root_file, entropy.system).model)
    parts = [
        ask(submit, checked(AddModelPart, content=part), call=house_call()).read(PartKept)
        for part in models.parts_of(content)
    ]
    written = write_manifest(manifest)
    command = checked(
        AddModel,
        bytes_total=len(content),
        parts=tuple(one.sha256 for one in parts),
        manifest=written,
        note=models.signed(written, signer),
    )
    ask(submit, command, call=house_call()).read(ModelAdded)


def _activate(settings: Settings, submit: Submit, manifest: Manifest) -> Activation:
    whole = with_model(manifest)
    signer: Signer = strategies.signer(open_secrets(settings.root_file, entropy.system).strategy)
    newest = queries.in_force(reader_of(settings))
    number = 1 + (0 if newest is None else newest["number"])
    command = checked(
        ActivateStrategy,
        number=number,
        strategy_id=whole.strategy.id,
        content=whole.content,
        note=strategies.signed(number, whole.strategy.id, whole.content, signer),
    )
    return ask(submit, command, call=house_call()).read(Activation)


def go_back(settings: Settings, submit: Submit) -> None:
    """Let the strategy without the model decide again, as `payguard strategy back` does.

    Raises:
        Failure: It was refused.
    """
    signer: Signer = strategies.signer(open_secrets(settings.root_file, entropy.system).strategy)
    reader = reader_of(settings)
    newest = queries.in_force(reader)
    before = newest and queries.numbered(reader, newest["back_to"])
    assert newest is not None
    assert before is not None
    number, strategy_id = newest["number"] + 1, before["strategy_id"]
    note = strategies.signed(number, strategy_id, before["content"], signer)
    command = checked(GoBack, number=number, strategy_id=strategy_id, note=note)
    ask(submit, command, call=house_call()).read(Activation)


def with_model(manifest: Manifest) -> Whole:
    """Return the strategy that comes with the software, with a model that it judges by."""
    files = {**packaged_files(), MODEL_FILE: model_file(manifest)}
    return from_files(files, packaged().strategy.features)
