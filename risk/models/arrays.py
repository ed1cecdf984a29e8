"""A model as read-only arrays in a file that every process maps, so that it is in memory once.

    magic, 8 bytes; length of the header, big-endian uint64
    header, JSON: the manifest, and of each array its type, shape and place
    the arrays, each at a multiple of 64 bytes

The file is a function of the model and of this code, and is named by the model and by the hash of
its own bytes: who maps it compares that hash first. It is written under another name, synced and
renamed, is readable by its owner alone and never changed: a file that shrinks under a mapping ends
the process that reads it.
"""

import hashlib
import mmap
import os
import stat
import struct
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from risk.models.explanation import (
    Explanation,
    PathExplainer,
    Table,
    TableExplainer,
    can_be_tabled,
    make_table,
)
from risk.models.manifest import (
    HeadName,
    Manifest,
    NotAModel,
    model_id,
    read_manifest,
    write_manifest,
)
from risk.models.model import Model, head_plans
from risk.models.scorer import HeadPlan, Scorer, Walk, make_walk
from risk.models.trees import Trees

MAGIC: Final = b"PGARRAY\x01"
ENDING: Final = ".arrays"
FILE_BYTES_MAX: Final = 512 << 20
HEADER_BYTES_MAX: Final = 1 << 20
ARRAYS_MAX: Final = 64
MODE: Final = 0o400
# Group and others.
OTHERS_WRITE: Final = 0o022
_LENGTH: Final = struct.Struct(">Q")
_ALIGNED: Final = 64
_TYPES: Final = frozenset({"<i8", "<f4", "<f8", "|b1"})
_ID: Final = "sha256:"

Array = npt.NDArray[Any]
Explainer = TableExplainer | PathExplainer


class _Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an array lies.

    Attributes:
        dtype: As NumPy writes it.
        shape: Of one or two lengths.
        offset: From the file's beginning.
    """

    dtype: str
    shape: tuple[int, ...]
    offset: int


class _Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of one head besides arrays.

    Attributes:
        first, last: Its trees in the walk of all.
        depth: Of its deepest tree.
        bias: Of its reasons; None where they are computed from its trees.
    """

    name: HeadName
    first: int
    last: int
    depth: int
    bias: float | None


class _Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file says of its arrays."""

    manifest: str
    heads: tuple[_Head, ...]
    arrays: dict[str, _Place]


class Mapped(NamedTuple):
    """A model at work.

    Attributes:
        id: Of the model.
        manifest: What it says of itself.
        scorer: Its scores.
        explainers: Its reasons, by head.
    """

    id: str
    manifest: Manifest
    scorer: Scorer
    explainers: Mapping[HeadName, Explainer]

    def explain(self, head: HeadName, row: npt.NDArray[np.float32]) -> Explanation:
        """Return why a head's margin of a row is what it is.

        Raises:
            KeyError: The model has no such head.
        """
        return self.explainers[head].explain(row)


def write(folder: Path, model: Model, *, bytes_max: int = FILE_BYTES_MAX) -> Path:
    """Write a model's arrays into a folder and return the file; one that is there stays.

    Args:
        folder: Of this service alone.
        model: Whose.
        bytes_max: Of the file; no more than what `map_model` maps.

    Raises:
        NotAModel: The arrays would be too large.
        OSError: The folder cannot be written; nothing of the file is left.
    """
    pieces = list(_pieces(model))
    if sum(map(len, pieces)) > bytes_max:
        raise NotAModel(f"a model's arrays have at most {bytes_max} bytes")
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    path = folder / f"{model.id.removeprefix(_ID)}-{digest.hexdigest()}{ENDING}"
    if not _is_whole(path):
        _write_whole(path, pieces)
    return path


def find(folder: Path, model: str) -> Path | None:
    """Return the file of a model's arrays in a folder, by the model's id; None where there is none.

    Where versions of this code left several, the newest.
    """
    found = sorted(
        folder.glob(f"{model.removeprefix(_ID)}-*{ENDING}"),
        key=lambda path: (path.stat().st_mtime_ns, path.name),
    )
    return found[-1] if found else None


def map_model(path: Path) -> Mapped:
    """Return the model of a file of arrays, mapped for reading.

    Raises:
        NotAModel: The file is not what its name says, or was not written by this code.
        OSError: It cannot be read.
    """
    named = path.name.removesuffix(ENDING).partition("-")
    held = _mapping(path)
    if hashlib.sha256(held).hexdigest() != named[2]:
        raise NotAModel("the file of arrays is not what its name says")
    header = _header(held)
    written = header.manifest.encode()
    manifest = read_manifest(written)
    found = model_id(written)
    if found != f"{_ID}{named[0]}":
        raise NotAModel("the file of arrays is of another model")
    try:
        return _mapped(found, manifest, header, _arrays(held, header))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise NotAModel(f"the file of arrays is malformed: {error!r}") from None


def _pieces(model: Model) -> Iterator[bytes]:
    arrays, heads = _of_model(model)
    places: dict[str, _Place] = {}
    at = 0
    for name, array in arrays.items():
        places[name] = _Place(array.dtype.str, array.shape, at)
        at += _padded(array.nbytes)
    plan = _Header(manifest=write_manifest(model.manifest).decode(), heads=heads, arrays=places)
    header = msgspec.json.encode(plan)
    start = len(MAGIC) + _LENGTH.size
    yield MAGIC + _LENGTH.pack(len(header)) + header
    yield bytes(_padded(start + len(header)) - start - len(header))
    for array in arrays.values():
        yield array.tobytes()
        yield bytes(_padded(array.nbytes) - array.nbytes)


def _of_model(model: Model) -> tuple[dict[str, Array], tuple[_Head, ...]]:
    walk = make_walk(list(model.trees.values()))
    arrays: dict[str, Array] = {f"walk/{name}": one for name, one in walk._asdict().items()}
    heads = []
    for plan in head_plans(model):
        trees = model.trees[plan.name]
        bias = None
        if can_be_tabled(trees):
            table, bias = make_table(trees)
            arrays |= {f"{plan.name}/{name}": one for name, one in table._asdict().items()}
        else:
            arrays |= {
                f"{plan.name}/{name}": one
                for name, one in trees._asdict().items()
                if isinstance(one, np.ndarray)
            }
        heads.append(
            _Head(name=plan.name, first=plan.first, last=plan.last, depth=trees.depth, bias=bias)
        )
    kept = {name: np.ascontiguousarray(one) for name, one in arrays.items()}
    assert all(one.dtype.str in _TYPES for one in kept.values())
    return kept, tuple(heads)


def _mapped(model: str, manifest: Manifest, header: _Header, arrays: dict[str, Array]) -> Mapped:
    walk = Walk(**_under("walk", arrays))
    plans = tuple(
        HeadPlan(
            head.name,
            np.float32(manifest.heads[head.name].base_margin),
            head.first,
            head.last,
            manifest.heads[head.name].calibration,
        )
        for head in header.heads
    )
    scorer = Scorer(model, walk, plans, max(head.depth for head in header.heads))
    inputs = len(manifest.inputs)
    explainers: dict[HeadName, Explainer] = {}
    for head, plan in zip(header.heads, plans, strict=True):
        own = _under(head.name, arrays)
        if head.bias is not None:
            explainers[head.name] = TableExplainer(Table(**own), head.bias, inputs)
        else:
            trees = Trees(base_margin=plan.base_margin, inputs=inputs, depth=head.depth, **own)
            explainers[head.name] = PathExplainer(trees)
    return Mapped(model, manifest, scorer, explainers)


def _under(prefix: str, arrays: dict[str, Array]) -> dict[str, Any]:
    return {
        name.removeprefix(f"{prefix}/"): one
        for name, one in arrays.items()
        if name.startswith(f"{prefix}/")
    }


def _mapping(path: Path) -> mmap.mmap:
    # A link could lead to a file that somebody else may shorten.
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        told = os.fstat(opened)
        smallest = len(MAGIC) + _LENGTH.size
        if not stat.S_ISREG(told.st_mode) or not smallest <= told.st_size <= FILE_BYTES_MAX:
            raise NotAModel("the file of arrays has no size that one can have")
        if told.st_uid not in {os.geteuid(), 0} or told.st_mode & OTHERS_WRITE:
            # Its owner could change what was checked while it is mapped.
            raise NotAModel("the file of arrays is somebody else's")
        return mmap.mmap(opened, told.st_size, access=mmap.ACCESS_READ)
    finally:
        os.close(opened)


def _header(held: mmap.mmap) -> _Header:
    start = len(MAGIC) + _LENGTH.size
    (length,) = _LENGTH.unpack_from(held, len(MAGIC))
    if held[: len(MAGIC)] != MAGIC or length > min(HEADER_BYTES_MAX, len(held) - start):
        raise NotAModel("the file of arrays does not begin as one does")
    try:
        found = msgspec.json.decode(held[start : start + length], type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAModel(f"the file of arrays is malformed: {error}") from None
    if len(found.arrays) > ARRAYS_MAX:
        raise NotAModel("the file of arrays has too many")
    return found


def _arrays(held: mmap.mmap, header: _Header) -> dict[str, Array]:
    (length,) = _LENGTH.unpack_from(held, len(MAGIC))
    first = _padded(len(MAGIC) + _LENGTH.size + length)
    found: dict[str, Array] = {}
    for name, place in header.arrays.items():
        if place.dtype not in _TYPES or min((place.offset, *place.shape)) < 0:
            raise ValueError(name)
        count = int(np.prod(place.shape, dtype=np.int64))
        # This raises where the array would end behind the file.
        flat: Array = np.frombuffer(held, place.dtype, count=count, offset=first + place.offset)
        found[name] = flat.reshape(place.shape)
    return found


def _is_whole(path: Path) -> bool:
    """Say whether a file is there and is what its name says."""
    try:
        map_model(path)
    except (OSError, NotAModel):
        return False
    return True


def remove_leftovers(folder: Path) -> None:
    """Remove what processes left that were ended while they wrote.

    Nobody may be writing into the folder.

    Raises:
        OSError: The folder cannot be read or changed.
    """
    for path in folder.glob(f".*{ENDING}"):
        path.unlink(missing_ok=True)


def remove_superseded(path: Path) -> None:
    """Remove what other versions of this code wrote of a model; whoever has it mapped keeps it.

    Args:
        path: The file that is used from now on.

    Raises:
        OSError: The folder cannot be read or changed.
    """
    model = path.name.partition("-")[0]
    for other in path.parent.glob(f"{model}-*{ENDING}"):
        if other.name != path.name:
            other.unlink(missing_ok=True)


def _write_whole(path: Path, pieces: list[bytes]) -> None:
    opened, temporary = tempfile.mkstemp(prefix=".", suffix=ENDING, dir=path.parent)
    try:
        with os.fdopen(opened, "wb") as file:
            os.fchmod(opened, MODE)
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(opened)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _padded(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED
