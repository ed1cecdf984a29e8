"""What a power cut would leave on disk: files as the kernel was asked to write and to sync them.

strace follows the processes that write; its record, replayed up to any moment, gives each file's
bytes at that moment twice: those whose fsync had returned, which any disk keeps, and with them
any part of the others, which a disk may or may not have kept.
"""

import re
import shutil
import signal
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np

# Longer than any single write of a database here.
BYTES_SHOWN: Final = 1 << 22
CALLS: Final = (
    *("pwrite64", "pwritev", "write", "writev", "ftruncate", "fallocate"),
    *("fsync", "fdatasync", "sendto"),
)
ATTACHED: Final = re.compile(r"Process \d+ attached|attached with \d+ threads")
# So it says of one that has ended; of one whose parent has not yet been told, that it may not.
_REFUSED: Final = re.compile(r"PTRACE_SEIZE, (\d+)\): (?:No such process|Operation not permitted)")
_LINE: Final = re.compile(r"(\d+) +(\d+\.\d+) (.*)", re.DOTALL)
_RESUMED: Final = re.compile(r"<\.\.\. (\w+) resumed>(.*)", re.DOTALL)
_CALL: Final = re.compile(r"(\w+)\((\d+)<([^>]*)>(.*)\) += (-?\d+)", re.DOTALL)
_TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


class Op(NamedTuple):
    """One call that has returned.

    Attributes:
        kind: write, truncate, sync or send.
        path: The file; for a send, the socket.
        offset: Where the bytes go; for truncate, the new length.
        data: The bytes; empty where there are none.
        begun: When it was called, as a POSIX timestamp.
        done: When it returned.
    """

    kind: str
    path: str
    offset: int
    data: bytes
    begun: float
    done: float


class Watched:
    """Processes whose writes are recorded while this is entered; skip where there is no strace."""

    def __init__(self, processes: Sequence[int], record: Path) -> None:
        self._processes = processes
        self._record = record
        self._strace: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Attach, and wait until every process is attached."""
        targets = [word for pid in self._processes for word in ("-p", str(pid))]
        self._strace = subprocess.Popen(
            [
                *("strace", "-f", "-ttt", "-y", "-xx", "-s", str(BYTES_SHOWN)),
                *("-e", f"trace={','.join(CALLS)}", "-e", "signal=none"),
                *("-o", str(self._record), *targets),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._strace.stderr is not None
        try:
            for _ in self._processes:
                line = self._strace.stderr.readline()
                assert ATTACHED.search(line) or _of_an_ended_one(line), line
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Detach; the processes go on."""
        assert self._strace is not None
        self._strace.send_signal(signal.SIGINT)
        self._strace.communicate(timeout=60)

    def ops(self) -> list[Op]:
        """Return what was recorded, in the order in which the calls returned."""
        with self._record.open(encoding="ascii") as lines:
            return sorted(_ops(lines), key=lambda op: op.done)


def _of_an_ended_one(line: str) -> bool:
    """Tell a process that has ended since it was listed: it has nothing more to write."""
    refused = _REFUSED.search(line)
    if refused is None:
        return False
    try:
        stat = Path(f"/proc/{refused[1]}/stat").read_text()
    except FileNotFoundError:
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


def strace_missing() -> str:
    """Return why nothing can be recorded here; empty where it can."""
    return "" if shutil.which("strace") else "strace: not found"


def cut(
    before: Mapping[str, bytes],
    ops: Sequence[Op],
    at: float,
    chance: np.random.Generator | None = None,
) -> dict[str, bytes]:
    """Return the files as a disk has them after the power went at a moment.

    Args:
        before: The files at the start of the record, wholly on disk.
        ops: The record.
        at: The moment.
        chance: Keeps some of what was written and not synced; None keeps nothing of it.
    """
    by_path: dict[str, list[Op]] = defaultdict(list)
    for op in ops:
        if op.path in before and op.begun <= at:
            by_path[op.path].append(op)
    return {path: _kept(content, by_path[path], at, chance) for path, content in before.items()}


def unsynced_at_sends(ops: Sequence[Op], paths: Sequence[str]) -> list[Op]:
    """Return the sends that began while a write to one of the files was not yet on disk."""
    dirty: set[str] = set()
    early = []
    moments = sorted(
        [(op.begun, op) for op in ops if op.kind in {"send", "write", "truncate"}]
        + [(op.done, op) for op in ops if op.kind == "sync"],
        key=lambda moment: moment[0],
    )
    for _, op in moments:
        if op.kind == "send" and dirty:
            early.append(op)
        elif op.path in paths and op.kind == "sync":
            dirty.discard(op.path)
        elif op.path in paths and op.kind == "write":
            dirty.add(op.path)
    return early


def _kept(
    content: bytes, ops: Sequence[Op], at: float, chance: np.random.Generator | None
) -> bytes:
    synced_from = max((op.begun for op in ops if op.kind == "sync" and op.done <= at), default=0.0)
    file = bytearray(content)
    for op in ops:
        if op.kind == "sync":
            continue
        is_synced = op.done <= synced_from
        if is_synced or (chance is not None and chance.random() < 0.5):
            _apply(file, op)
    return bytes(file)


def _apply(file: bytearray, op: Op) -> None:
    if op.kind == "truncate":
        del file[op.offset :]
        file.extend(bytes(op.offset - len(file)))
        return
    file.extend(bytes(max(op.offset + len(op.data) - len(file), 0)))
    file[op.offset : op.offset + len(op.data)] = op.data


def _ops(lines: Iterator[str]) -> Iterator[Op]:
    unfinished: dict[str, tuple[float, str]] = {}
    for line in lines:
        found = _LINE.match(line.rstrip("\n"))
        assert found is not None, line[:200]
        process, moment, rest = found[1], float(found[2]), found[3]
        if rest.endswith(" <unfinished ...>"):
            unfinished[process] = (moment, rest.removesuffix(" <unfinished ...>"))
            continue
        begun, text = moment, rest
        if resumed := _RESUMED.match(rest):
            # Where it was already waiting when the record began, it wrote nothing before that.
            if process not in unfinished:
                continue
            begun, head = unfinished.pop(process)
            text = head + resumed[2]
        op = _op(text, begun=begun, done=moment)
        if op is not None:
            yield op


def _op(text: str, *, begun: float, done: float) -> Op | None:
    found = _CALL.match(text)
    if found is None:
        # The end of a process, or a call on something that is no file.
        return None
    name, path, rest, result = found[1], _plain(found[3]), found[4], int(found[5])
    if result < 0:
        return None
    if name in {"fsync", "fdatasync"}:
        return Op("sync", path, 0, b"", begun, done)
    if name in {"write", "writev", "fallocate"}:
        # Log lines and pipes; a database that wrote so could not be replayed.
        assert not path.endswith(("-wal", ".sqlite")), f"no offset: {text[:200]}"
        return None
    data = _bytes(rest)[:result] if name != "ftruncate" else b""
    offset = 0 if name == "sendto" else int(rest.rpartition(", ")[2])
    kinds = {"sendto": "send", "ftruncate": "truncate"}
    return Op(kinds.get(name, "write"), path, offset, data, begun, done)


def _bytes(text: str) -> bytes:
    parts = []
    for found in _TEXT.finditer(text):
        assert not found[2], "the record shows less than was written"
        parts.append(bytes.fromhex(found[1].replace("\\x", "")))
    return b"".join(parts)


def _plain(raw: str) -> str:
    """Return a path, which strace writes in hexadecimal as it does all text."""
    return bytes.fromhex(raw.replace("\\x", "")).decode() if raw.startswith("\\x") else raw
