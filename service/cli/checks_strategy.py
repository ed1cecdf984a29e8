"""What `payguard doctor` looks at of the strategy in force: who signed it, and whether it fits."""

from typing import Final, Literal, NamedTuple

from keys import entropy
from keys.roots.file import RootRefused
from service.cli.database import last_commit
from service.db.statements import Row
from service.db.store import StoreUnavailable
from service.db.stores import open_spanning_reader
from service.rooms.models.queries import scorer
from service.rooms.strategies import public as strategies
from service.rooms.strategies.public import StrategyRefused
from service.rooms.strategies.queries import numbered
from service.secrets import open_secrets
from service.settings import Settings

_RESTORE: Final = "put back the root key it was signed under, or restore a backup"
_SCORE_AGAIN: Final = "docs/models.md says what the word means; `payguard strategy back` undoes it"
_MAKE_ANEW: Final = "check it against this version: `payguard strategy check FOLDER`"


class Found(NamedTuple):
    """What was found, as `service.cli.checks.Check` takes it."""

    state: Literal["ok", "warn", "fail"]
    what: str
    then: str = ""


def strategy_standing(settings: Settings) -> Found:
    """Verify the strategy in force, as the writer does when it starts."""
    if last_commit(settings) is None:
        return Found("ok", "the one that comes with this version decides at the first start")
    try:
        desk = strategies.desk(open_secrets(settings.root_file, entropy.system).strategy)
        reader = open_spanning_reader(settings.database)
        row = reader.maybe(strategies.IN_FORCE)
        found = strategies.at_start(row, desk)
        before = numbered(reader, row["back_to"]) if row and row["back_to"] else None
    except (RootRefused, StoreUnavailable) as error:
        return Found("fail", f"it cannot be looked at: {error}", "see what failed above")
    except StrategyRefused as error:
        return Found("fail", str(error), _RESTORE)
    return _in_force(found, row, before)


def _in_force(found: strategies.Start, row: Row | None, before: Row | None) -> Found:
    strategy_id = found.whole.strategy.id
    if found.passed_over is not None:
        lost, why = found.passed_over
        return Found("warn", f"{strategy_id} will decide, not {lost}: {why}", _MAKE_ANEW)
    if row is None or found.is_new:
        return Found("ok", f"{strategy_id} decides from the next start on")
    was_by_hand = before is not None and before["origin"] == "hand"
    if was_by_hand and row["how"] == "start" and row["origin"] == "packaged":
        assert before is not None
        what = f"{strategy_id} decides: this version cannot judge by {before['strategy_id']}"
        return Found("warn", what, _MAKE_ANEW)
    return Found("ok", f"{strategy_id} decides since {row['activated_at']:%Y-%m-%d %H:%M} UTC")


def scorer_standing(settings: Settings) -> Found:
    """Say whether the model of the strategy in force scores, as the writer noted it last."""
    if last_commit(settings) is None:
        return Found("ok", "no strategy has a model yet")
    try:
        row = scorer(open_spanning_reader(settings.database))
    except StoreUnavailable as error:
        return Found("fail", f"it cannot be looked at: {error}", "see what failed above")
    if row is None or row["state"] == "none":
        return Found("ok", "the strategy in force has no model")
    if row["state"] == "ready":
        return Found("ok", f"{row['model']} scores")
    what = f"{row['model']} cannot score ({row['why']}): payments are judged without it"
    return Found("warn", what, _SCORE_AGAIN)
