"""Hooks of schemathesis: what its generated requests need so that its verdicts are about us.

Loaded by name into its own process: SCHEMATHESIS_HOOKS=tests.contract.fuzzing.
"""

import datetime as dt
import itertools
import os
from typing import Any, Final

import schemathesis
from schemathesis.checks import CheckContext
from schemathesis.core.failures import Failure

# A schema says what one field may be. These say what fields together must be, or mean; each is
# documented where it is answered.
MEANINGS: Final = frozenset({"card_number_not_allowed", "inconsistent", "missing_field"})
# Checked by what they are, for which JSON Schema has no pattern or only a weaker one.
WRITTEN: Final = frozenset({"/device/ip", "/payer/email", "/payer/phone"})
LEAST: Final = -(2**63)
MOST: Final = 2**64 - 1
_numbers: Final = itertools.count(1)


@schemathesis.auth()
class Key:
    """The API key, but where a case is about its absence."""

    def get(self, _case: Any, _context: Any) -> str:
        return os.environ["PAYGUARD_TEST_KEY"]

    def set(self, case: Any, data: str, _context: Any) -> None:
        about = getattr(case.meta.phase.data, "description", None) if case.meta else None
        if "Missing" in (about or "") and "Authorization" in (about or ""):
            return
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.hook
def before_call(_ctx: Any, case: Any, _kwargs: dict[str, Any]) -> None:
    """Make a valid request fresh, and its numbers ours.

    An old key, a time of years ago or a deadline of a millisecond is answered as such; and what
    JSON Schema takes for an integer includes 12.0, which the door refuses as ambiguous, and numbers
    of any length, where free JSON may hold no more than 64 bits.
    """
    case.body = _whole(case.body)
    if isinstance(case.body, dict) and _is_time(case.body.get("occurred_at")):
        case.body["occurred_at"] = dt.datetime.now(dt.UTC).isoformat()
    headers = case.headers
    if headers is None:
        return
    key = headers.get("Idempotency-Key")
    if isinstance(key, str) and key.isascii() and len(key) >= 20:
        headers["Idempotency-Key"] = f"{key[:24]}-{next(_numbers)}"
    if str(headers.get("Payguard-Deadline-Ms", "")).isdigit():
        headers["Payguard-Deadline-Ms"] = "9999999"


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and dt.datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if not is_whole or isinstance(value, bool):
        return value
    return int(value) if LEAST <= value <= MOST else 0.5


@schemathesis.check
def schema_is_the_contract(_ctx: CheckContext, response: Any, case: Any) -> None:
    """Hold that what the schema allows is never refused for its form.

    The library's own `positive_data_acceptance` wants every such request to succeed, and knows
    nothing of cursors that nobody gave out or amounts that no payment has.
    """
    if case.meta is None or case.meta.generation.mode.is_negative or response.status_code != 422:
        return
    body = response.json()
    wrong = [
        one
        for one in body.get("errors", ())
        if one["code"] not in MEANINGS and one["pointer"] not in WRITTEN
    ]
    if body["code"] == "body_invalid" and wrong:
        raise Failure(
            operation=case.operation.label,
            title="A valid request was refused for its form",
            message=str(wrong),
        )
