"""`payguard demo`: a service to try, three shops, and lines to paste. Everything ends with it."""

import contextlib
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from service.cli.audit import told
from service.cli.audit_finding import Finding
from service.cli.audit_log import folder_of, trusted
from service.cli.audit_verify import LogCheck
from service.cli.environment import current_settings, make_data_folder
from service.cli.history import DAYS, History
from service.cli.learning import lesson
from service.cli.screen import DONE, SOMETHING_FAILED, Failure, Screen, reporting
from service.cli.story import Ready, Story
from service.cli.welcome import learnt_of, text_of, told_of
from service.db.stores import open_spanning_reader
from service.kernel.clock import SystemClock
from service.rooms.audit.contract import LOG
from service.rooms.audit.queries import latest
from service.settings import Settings
from service.unit_of_work.fence import WRITER_ROW

HOST: Final = "127.0.0.1"
PORT_USUAL: Final = 8080
BACKLOG: Final = 128
LOOK_EVERY_S: Final = 0.1
SIGNED_LOOKS_MAX: Final = 40
SHARD: Final = 0
SEED_MAX: Final = 2**32
_SECOND_NS: Final = 1_000_000_000


class _Options(msgspec.Struct, frozen=True, kw_only=True):
    port: int | None
    keep: Path | None
    seed: int
    is_bare: bool
    is_once: bool


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), help="8080, or a free one if it is taken.")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Keep the data, in this new or empty folder."
)
@click.option("--seed", type=click.IntRange(0, SEED_MAX), default=1, help="Of the made-up world.")
@click.option("--bare", "is_bare", is_flag=True, help="Start at once: no history, no model.")
@click.option("--once", "is_once", is_flag=True, help="Stop when everything is printed.")
@reporting
def demo(screen: Screen, **given: Any) -> int:
    """Start a service to try, in one process, with three shops and their sandbox keys.

    One of them lives through weeks of a made-up world first. Then one payment of each kind is tried
    there, and shown with what became of it and why; and one of another shop with its whole answer,
    and curl lines to paste into another terminal. Ctrl-C stops it and removes its data, unless
    --keep names a folder for them.

    Its log is verified when it is ready and when it stops. Ends with 1 when something is bad.
    """
    options = _Options(**given)
    keep = options.keep
    from service.demo import running

    # All ends go one way, so that threads are stopped in order and the data are removed.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    with _folder(keep) as folder, _listening(options.port) as listener:
        settings = of_demo(current_settings(), folder, port=listener.getsockname()[1])
        screen.note(f"Payguard demo: one process, its data in {folder}")
        with running(settings, listener) as run:
            story = Story(settings, run.submit, settings.issuer)
            ready = _told(story, screen, options)
            found = _verified(settings)
            ready = msgspec.structs.replace(ready, log=found)
            # From here on an interrupt is the usual end.
            with contextlib.suppress(KeyboardInterrupt):
                screen.show(ready, text_of(ready))
                sys.stdout.flush()
                if not options.is_once:
                    _wait(run.has_stopped)
            if not options.is_once:
                found = _verified(settings)
            screen.note(f"payguard audit verify: {told(found)}")
    screen.note(f"stopped; {f'the data stay in {keep}' if keep else 'its data are gone'}")
    return DONE if found.verified else SOMETHING_FAILED


def of_demo(settings: Settings, folder: Path, *, port: int) -> Settings:
    """Return settings under which nothing is read or written but the demo's own.

    Args:
        settings: Of the environment, perhaps of a service that lives on this machine.
        folder: The demo's data folder.
        port: Where it listens.
    """
    return msgspec.structs.replace(
        settings,
        data_dir=folder,
        # Goes with the demo's data; a real one lies beside them.
        checkpoint_folder=folder / "checkpoints",
        checkpoint_every_s=1,
        models_folder=None,
        # The worker's child reads the environment, which names the store of a real service.
        challenger_every_s=0,
        root_key_file=None,
        database_url=None,
        reader_url=None,
        owner_url=None,
        host=HOST,
        port=port,
        issuer=f"http://{HOST}:{port}",
        # Its only receivers are those of whoever tries it, on this machine.
        webhook_allow_private=True,
    )


def _told(story: Story, screen: Screen, options: _Options) -> Ready:
    """Tell the story, with the history of a made-up world unless that is left away."""
    if options.is_bare:
        return story.tell()
    clock = SystemClock()
    started_ns = clock.monotonic_ns()
    history = History(options.seed, now=clock.now())
    screen.note(f"a made-up world pays and is robbed for {DAYS} days (seed {options.seed}) ...")
    with lesson(history, story.folder) as learning:
        lived = story.live(history)
        screen.note(f"  {told_of(lived)}")
        ready = story.tell()
        screen.note("  it answers; what it lived through is learnt from meanwhile ...")
        learned = story.learn(learning)
    seconds = (clock.monotonic_ns() - started_ns) / _SECOND_NS
    screen.note(f"  {learnt_of(learned)}; ready after {seconds:.0f} s")
    return msgspec.structs.replace(
        ready, history=lived, learned=learned, kinds=story.kinds(history, learned)
    )


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Yield a fresh data folder; a temporary one goes with the demo."""
    if keep is None:
        folder = Path(tempfile.mkdtemp(prefix="payguard-demo-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    make_data_folder(keep)
    if any(keep.iterdir()):
        raise Failure(
            "folder_not_empty",
            f"{keep} is not empty, and a demo starts afresh",
            then="name another folder; `payguard serve` goes on with data that are there",
        )
    yield keep.resolve()


@contextlib.contextmanager
def _listening(port: int | None) -> Iterator[socket.socket]:
    """Open the demo's socket, on a free port where the usual one is taken."""
    tried = (PORT_USUAL, 0) if port is None else (port,)
    for number in tried:
        try:
            listener = socket.create_server((HOST, number), backlog=BACKLOG)
        except OSError as error:
            if number == tried[-1]:
                raise Failure(
                    "port_unusable",
                    f"cannot listen on port {number}: {error.strerror}",
                    then="leave --port away: the demo then finds a free one",
                ) from error
            continue
        with listener:
            yield listener
        return


def _verified(settings: Settings) -> Finding:
    """Return what `payguard audit verify` finds, once the story is signed."""
    reader, folder = open_spanning_reader(settings.database), folder_of(settings)
    for _ in range(SIGNED_LOOKS_MAX):
        row, signed = reader.maybe(WRITER_ROW(shard=SHARD)), latest(reader, LOG)
        # The last entry says how the tree grew, and is signed with the next.
        is_whole = row is not None and signed is not None and signed["size"] >= row["entries"] - 1
        if signed is not None and is_whole and folder.latest() == signed["note"]:
            break
        time.sleep(LOOK_EVERY_S)
    verifiers = trusted(reader, folder)
    return LogCheck(reader, folder, verifiers, progress=lambda _done, _total: None).run()


def _wait(has_stopped: Callable[[], bool]) -> None:
    """Wait until a signal interrupts, or the writer ends by itself."""
    while not has_stopped():
        time.sleep(LOOK_EVERY_S)
    raise Failure(
        "writer_stopped",
        "the demo's writer stopped: memory and store might differ",
        then="start the demo again; --keep keeps the log that says why",
    )
