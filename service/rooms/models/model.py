"""What a model's file says of itself, its signature, and how it is told. Pure."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from keys.notes import NotANote, Signer, Verifier, open_note, sign_note
from risk.models.manifest import Manifest, NotAModel, model_id, read_manifest, text_to_sign
from service.rooms.models.contract import (
    PART_BYTES_MAX,
    Model,
    ModelAdded,
    ModelShown,
    ModelTrained,
    Origin,
)

KEY_NAME: Final = "payguard-model"
ID_HEAD: Final = "sha256:"


class ModelRefused(Exception):  # noqa: N818  says what was done with it
    """A model is not what was signed, so nothing may be scored by it; the sentence says why."""


def signer(seed: bytes) -> Signer:
    """Return the key that signs models, of the 32 bytes that the root key gives for it."""
    return Signer(KEY_NAME, seed)


def signed(manifest: bytes, by: Signer) -> str:
    """Return the signed note under which a model of this manifest may be added."""
    return sign_note(text_to_sign(model_id(manifest)), by)


def check_signature(manifest: bytes, note: str, verifier: Verifier) -> None:
    """Verify the signature over a manifest, which names the digest of everything in its file.

    Raises:
        ModelRefused: It does not hold, or is over another manifest.
    """
    try:
        text = open_note(note, [verifier])
    except NotANote as error:
        raise ModelRefused(f"the model's signature does not hold: {error}") from error
    if text != text_to_sign(model_id(manifest)):
        raise ModelRefused("the model is not what was signed")


def told_of(manifest: bytes) -> Manifest:
    """Return what a manifest says.

    Raises:
        ModelRefused: It is none that this software can read.
    """
    try:
        return read_manifest(manifest)
    except NotAModel as error:
        raise ModelRefused(str(error)) from error


def digest(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def parts_of(file: bytes) -> Iterator[bytes]:
    """Yield a file in parts that one command can carry."""
    for start in range(0, len(file), PART_BYTES_MAX):
        yield file[start : start + PART_BYTES_MAX]


def added(row: Mapping[str, Any]) -> ModelAdded:
    """Return a row as the reply to its adding."""
    return ModelAdded(
        sha256=row["sha256"], name=row["name"], origin=row["origin"], added_at=row["added_at"]
    )


def is_damaged(row: Mapping[str, Any]) -> bool:
    """Say whether the manifest that a row holds is another than the one that names the row."""
    return bool(digest(row["manifest"]) != row["sha256"])


def listed(row: Mapping[str, Any]) -> Model:
    """Return a row as a list shows it; what only a damaged manifest says is left out."""
    try:
        told = None if is_damaged(row) else told_of(row["manifest"])
    except ModelRefused:
        told = None
    return Model(**_said(row, told))


def shown(row: Mapping[str, Any]) -> ModelShown:
    """Return a row with all that was signed of it.

    Raises:
        ModelRefused: Its manifest cannot be read.
    """
    if is_damaged(row):
        raise ModelRefused("what the store holds of the model is not what was signed")
    told = told_of(row["manifest"])
    return ModelShown(
        **_said(row, told),
        inputs=told.inputs,
        trained=ModelTrained(
            since=told.trained.since,
            until=told.trained.until,
            rows=told.trained.rows,
            frauds={str(head): count for head, count in told.trained.frauds.items()},
        ),
        metrics=told.metrics,
        note=row["note"],
    )


def _said(row: Mapping[str, Any], told: Manifest | None) -> dict[str, Any]:
    return {
        "id": f"{ID_HEAD}{row['sha256']}",
        "name": row["name"],
        "origin": cast("Origin", row["origin"]),
        "feature_set": row["feature_set"],
        "heads": () if told is None else tuple(map(str, told.head_names)),
        "bytes": row["size_bytes"],
        "damaged": told is None,
        "added_by": row["added_by"],
        "added_at": row["added_at"],
    }
