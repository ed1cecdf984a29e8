"""What a verification of the log finds, and how a row and its body are compared. Pure."""

from typing import Any, Final

import msgspec

# Columns of an entry's row, and the members of its body that say the same.
COLUMNS: Final = {
    "log": "log",
    "position": "index",
    "tenant_id": "tenant",
    "merchant_id": "merchant",
    "number": "number",
    "sequence": "sequence",
    "batch": "batch",
    "at": "at",
    "kind": "kind",
    "subject_id": "subject",
    "payment_id": "payment",
}
_OTHERS: Final = tuple(name for name in COLUMNS if name != "at")
_MEMBERS: Final = ("at", *(COLUMNS[name] for name in _OTHERS))
_BODY: Final = msgspec.json.Decoder(dict[str, Any])


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; the first bad place, or that there is none.

    Attributes:
        verified: Whether nothing bad was found.
        fault: One of those of docs/audit-export.md section 5, or None.
        position: Index of the bad entry, or size of the bad checkpoint.
        field: The column or member that is bad, where it can be told.
        expected: What should stand there, where it can be told.
        text: One sentence for people.
        entries: How many entries were good.
        unsigned: How many of them no checkpoint covers yet.
        checkpoints: How many checkpoints were good, inside and outside.
        size: Of the latest checkpoint.
        root: Of the latest checkpoint.
        outside: Size of the latest checkpoint outside; None where there is none.
        first: Index of the first entry that is there; an entry says that retention took the rest.
    """

    verified: bool
    fault: str | None = None
    position: int | None = None
    field: str | None = None
    expected: str | None = None
    text: str = ""
    entries: int = 0
    unsigned: int = 0
    checkpoints: int = 0
    size: int = 0
    root: str = ""
    outside: int | None = None
    first: int = 0


class Bad(Exception):  # noqa: N818  it is the finding
    """The first bad place, on its way up."""

    def __init__(
        self,
        fault: str,
        position: int | None,
        text: str,
        *,
        field: str | None = None,
        expected: object = None,
    ) -> None:
        super().__init__(text)
        self.fault, self.position, self.text, self.field = fault, position, text, field
        self.expected = None if expected is None else str(expected)

    def finding(self, entries: int) -> Finding:
        """Return what was found, after so many good entries."""
        return Finding(
            verified=False,
            fault=self.fault,
            position=self.position,
            field=self.field,
            expected=self.expected,
            text=self.text,
            entries=entries,
        )


def body_of(data: bytes) -> dict[str, Any] | None:
    """Return an entry's body, or None where the bytes are none."""
    try:
        return _BODY.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def dropped_to(body: dict[str, Any]) -> int:
    """Return up to which index the entry says that retention took the log's entries; 0 for none."""
    fields = body.get("fields")
    told = fields.get("partitions") if isinstance(fields, dict) else None
    uppers = [
        one["upper"]
        for one in (told if isinstance(told, list) else ())
        if isinstance(one, dict) and one.get("log") == "entries" and type(one.get("upper")) is int
    ]
    return max(uppers, default=0)


def plain(value: Any) -> Any:
    """Return a column's value as bodies write it."""
    if hasattr(value, "isoformat"):
        return f"{value.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    return value


def difference(row: dict[str, Any], body: dict[str, Any]) -> tuple[str, str] | None:
    """Return the first column that its row's body does not say, and the member, or None."""
    # All at once: of a hundred thousand entries that nobody changed, none gets further.
    if [*map(body.get, _MEMBERS)] == [plain(row["at"]), *map(row.get, _OTHERS)]:
        return None
    for column, member in COLUMNS.items():
        if member not in body or plain(row[column]) != body[member]:
            return column, member
    return None
