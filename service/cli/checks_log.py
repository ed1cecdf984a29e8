"""What `payguard doctor` looks at of the log: is it signed, outside too, and set back by nobody."""

import datetime as dt
from pathlib import Path
from typing import Final, Literal, NamedTuple

from service.cli.audit_log import folder_of, standing
from service.cli.screen import Failure
from service.db.reader import Reader
from service.db.store import StoreUnavailable
from service.db.stores import open_spanning_reader
from service.kernel.clock import SystemClock
from service.rooms.audit import queries
from service.rooms.audit.contract import LOG, DivergenceReason
from service.settings import Settings

# A checkpoint gets outside with the worker's next poll.
LATE: Final = dt.timedelta(minutes=1)
WORDS: Final[dict[DivergenceReason, str]] = {
    "rolled_back": "it was set back behind the checkpoint outside of the database",
    "not_extending": "it does not extend the checkpoint outside of the database",
    "not_ours": "the checkpoint outside of the database is not signed by its key",
    "gap": "an entry is missing",
    "tree": "its tree is not the one that was signed",
}
_THEN: Final = (
    "`payguard audit verify` names the place; after a restore, `payguard audit accept-restore`"
)


class Found(NamedTuple):
    """What was found, as `service.cli.checks.Check` takes it."""

    state: Literal["ok", "warn", "fail"]
    what: str
    then: str = ""


def log_standing(settings: Settings) -> Found:
    """Say whether the log extends what was signed outside, and whether anything is signed."""
    place = settings.database
    if isinstance(place, Path) and not place.exists():
        return Found("ok", "no database yet")
    try:
        return _looked(settings, open_spanning_reader(place))
    except Failure as failure:
        return Found("fail", failure.what, failure.then)
    except StoreUnavailable:
        # The checks of the database and its migrations say more.
        return Found("warn", "it cannot be looked at", "see database and migrations above")
    except OSError as error:
        what = f"the checkpoints in {settings.checkpoints} cannot be read: {error.strerror}"
        return Found("fail", what, "give this user the right to read them")


def _looked(settings: Settings, reader: Reader) -> Found:
    found = standing(settings, reader)
    opened = queries.open_divergence(reader, LOG)
    reason = found.reason or (opened["reason"] if opened else None)
    if reason is not None:
        return Found("fail", f"nothing more is signed: {WORDS[reason]}", _THEN)
    latest = queries.latest(reader, LOG)
    if latest is None:
        return Found("ok", "nothing is signed yet")
    size = latest["size"]
    is_late = SystemClock().now() - latest["signed_at"] > LATE
    if found.outside is None or (found.outside.size < size and is_late):
        return Found(
            "warn",
            f"its checkpoint of {size:,} entries is not outside of the database,"
            f" in {folder_of(settings).folder}",
            "let the worker run; it logs `checkpoint_not_written` if it may not write there",
        )
    return Found("ok", f"{size:,} entries are signed, and that is kept outside of the database")
