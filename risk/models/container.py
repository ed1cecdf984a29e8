"""A model file: a manifest, and parts that it names by hash. Plain bytes, nothing compressed.

    magic, 8 bytes
    number of parts, then for each: length of its name, length of its content; big-endian uint32
    names and contents, one after the other

Nothing is read before all lengths add up to the file's own, so a length can promise no more than
what is there. Structure and hashes are checked here; what parts mean is checked by others.
"""

import hashlib
import struct
from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from risk.models.manifest import (
    GOLDEN_ROWS,
    HEADS,
    HeadName,
    Manifest,
    NotAModel,
    model_id,
    read_manifest,
)

MAGIC: Final = b"PGMODEL\x01"
FILE_BYTES_MAX: Final = 16 << 20
MANIFEST: Final = "manifest"
ROWS: Final = "golden/rows"
MARGINS: Final = "golden/margins"
TREES: Final[dict[HeadName, str]] = {head: f"trees/{head}" for head in HEADS}
PARTS_MAX: Final = 3 + len(HEADS)
NAME_BYTES_MAX: Final = 64
_COUNT: Final = struct.Struct(">I")
_LENGTHS: Final = struct.Struct(">II")
_FLOAT: Final = np.dtype("<f4")

Floats = npt.NDArray[np.float32]


class Parts(msgspec.Struct, frozen=True):
    """What a model file holds, every hash compared.

    Attributes:
        id: Name of the model, see `model_id`.
        manifest: What it says.
        boosters: Head -> the booster's JSON, whose meaning nobody has checked.
        rows: Golden rows, shape (256, inputs), with missing values as NaN.
        margins: What XGBoost made of them, shape (heads, 256), heads as in `head_names`.
    """

    id: str
    manifest: Manifest
    boosters: dict[HeadName, bytes]
    rows: Floats
    margins: Floats


def float_bytes(values: Floats) -> bytes:
    """Return numbers as a part holds them: little-endian float32, row by row."""
    return np.ascontiguousarray(values, _FLOAT).tobytes()


def pack(parts: Mapping[str, bytes]) -> bytes:
    """Return the one file of these parts, the manifest among them.

    Raises:
        NotAModel: The file would be too large, or `unpack` would refuse it.
    """
    ordered = sorted((name.encode(), content) for name, content in parts.items())
    written = b"".join(
        (
            MAGIC,
            _COUNT.pack(len(ordered)),
            *(_LENGTHS.pack(len(name), len(content)) for name, content in ordered),
            *(name + content for name, content in ordered),
        )
    )
    unpack(written)
    return written


def unpack(data: bytes) -> Parts:
    """Return a file's parts, after comparing structure, sizes and hashes.

    Raises:
        NotAModel: It is no model file, damaged, of another format, or not exactly what its
            manifest names.
    """
    parts = _split(data)
    if MANIFEST not in parts:
        raise NotAModel("the file has no manifest")
    manifest = read_manifest(parts[MANIFEST])
    named = {TREES[head]: manifest.heads[head].trees_sha256 for head in manifest.head_names}
    named |= {ROWS: manifest.golden.rows_sha256, MARGINS: manifest.golden.margins_sha256}
    if parts.keys() != named.keys() | {MANIFEST}:
        raise NotAModel("the file does not have exactly the parts that its manifest names")
    for name, digest in named.items():
        if hashlib.sha256(parts[name]).hexdigest() != digest:
            raise NotAModel(f"part {name} is not what the manifest names")
    heads = len(manifest.heads)
    margins = _floats(MARGINS, parts[MARGINS], (heads, GOLDEN_ROWS))
    if not np.isfinite(margins).all():
        raise NotAModel("a golden margin is not finite")
    return Parts(
        id=model_id(parts[MANIFEST]),
        manifest=manifest,
        boosters={head: parts[TREES[head]] for head in manifest.head_names},
        rows=_floats(ROWS, parts[ROWS], (GOLDEN_ROWS, len(manifest.inputs))),
        margins=margins,
    )


def _split(data: bytes) -> dict[str, bytes]:
    if len(data) > FILE_BYTES_MAX:
        raise NotAModel(f"a model file has at most {FILE_BYTES_MAX} bytes")
    if data[: len(MAGIC)] != MAGIC:
        raise NotAModel("it does not begin as a model file does")
    at = len(MAGIC) + _COUNT.size
    if len(data) < at:
        raise NotAModel("the file ends too early")
    (count,) = _COUNT.unpack_from(data, len(MAGIC))
    if not 1 <= count <= PARTS_MAX or len(data) < at + count * _LENGTHS.size:
        raise NotAModel("the file has no such number of parts")
    lengths = [_LENGTHS.unpack_from(data, at + i * _LENGTHS.size) for i in range(count)]
    at += count * _LENGTHS.size
    if at + sum(map(sum, lengths)) != len(data):
        raise NotAModel("the lengths of its parts are not the file's")
    found: dict[str, bytes] = {}
    for name_bytes, content_bytes in lengths:
        if not 1 <= name_bytes <= NAME_BYTES_MAX:
            raise NotAModel("a part has no name, or a long one")
        name = data[at : at + name_bytes].decode("ascii", "replace")
        # In one order only, and so each once: one set of parts has one file.
        if found and name <= next(reversed(found)):
            raise NotAModel("parts stand in the order of their names, each once")
        at += name_bytes
        found[name] = bytes(data[at : at + content_bytes])
        at += content_bytes
    return found


def _floats(name: str, content: bytes, shape: tuple[int, int]) -> Floats:
    if len(content) != shape[0] * shape[1] * _FLOAT.itemsize:
        raise NotAModel(f"part {name} is not of the size that its manifest says")
    return np.frombuffer(content, _FLOAT).reshape(shape).astype(np.float32)
