"""Hooks of schemathesis: what its generated requests need so that its verdicts are about us.

Loaded by name into its own process: SCHEMATHESIS_HOOKS=tests.contract.fuzzing.
"""

import datetime as dt
import itertools
import json
import os
import re
from typing import Any, Final

import schemathesis
from schemathesis.checks import CheckContext
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation

from tests.contract.fitting import CREATE, Made, fit

CREATED: Final = 201
# It takes no key.
OPEN: Final = "GET /.well-known/jwks.json"

# A schema says what one field may be. These say what fields together must be, or mean; each is
# documented where it is answered.
MEANINGS: Final = frozenset({"card_number_not_allowed", "inconsistent", "missing_field"})
# Checked by what they are, for which JSON Schema has no pattern or only a weaker one.
WRITTEN: Final = frozenset({"/device/ip", "/payer/email", "/payer/phone"})
# What a valid request may meet here. Whatever else refuses one, its form or its key, is a mistake
# of ours: of the document, or of what answers.
HONEST: Final = frozenset(
    {
        # There is nothing of this id, which was made up.
        *("assessment_not_found", "challenge_not_found", "checkpoint_not_found"),
        *("hold_not_found", "list_entry_not_found", "log_entry_not_found", "model_not_found"),
        *("parent_not_found", "payment_not_found"),
        *("webhook_delivery_not_found", "webhook_endpoint_not_found"),
        # What is there does not allow it, or not again.
        *("assessment_not_in_state", "challenge_closed", "hold_closed", "payment_not_in_state"),
        *("label_taken", "list_entry_exists", "reference_taken", "webhook_endpoints_limit"),
        *("log_not_signed_yet", "log_sizes_invalid", "payer_protection_kept"),
        *("payment_token_expired", "payment_token_invalid", "payment_token_mismatch"),
        *("payment_token_spent", "payment_token_voided"),
        # Each field is as its schema says, but not in the light of others, or of the clock.
        *("card_number_not_allowed", "currency_mismatch", "event_amount_invalid"),
        *("known_at_out_of_range", "list_entry_over", "occurred_at_out_of_range"),
        *("payer_device_twice", "payer_time_in_future"),
        *("webhook_range_invalid", "webhook_url_not_allowed"),
    }
)
# What a valid request is sent with.
KEY: Final = re.compile(r"[!#-+\--\[\]-~]{16,255}")
DEADLINE_MS_MAX: Final = 9_999_999
LEAST: Final = -(2**63)
MOST: Final = 2**64 - 1
_numbers: Final = itertools.count(1)
_made: Final = Made()


@schemathesis.auth()
class Key:
    """The API key, but where a case is about its absence."""

    def get(self, _case: Any, _context: Any) -> str:
        return _bearer()

    def set(self, case: Any, data: str, _context: Any) -> None:
        about = (case.meta.phase.data.description if case.meta else None) or ""
        if "Missing" in about and "Authorization" in about:
            return
        case.headers = {**(case.headers or {}), "Authorization": data}


@schemathesis.hook
def before_call(_ctx: Any, case: Any, _kwargs: dict[str, Any]) -> None:
    """Make a valid request fresh, and its numbers ours; leave what is wrong with another wrong.

    An old key, a time of years ago or a deadline of a millisecond is answered as such; and what
    JSON Schema takes for an integer includes 12.0, which the door refuses as ambiguous, and numbers
    of any length, where free JSON may hold no more than 64 bits.
    """
    case.body = _whole(case.body)
    if isinstance(case.body, dict) and _is_time(case.body.get("occurred_at")):
        case.body["occurred_at"] = dt.datetime.now(dt.UTC).isoformat()
    if case.meta and not case.meta.is_negative_at(ParameterLocation.BODY):
        fit(case, _made, next(_numbers))
    headers = case.headers
    # Headers that were changed are looked at again, as if nothing were wrong with the key.
    is_ours = case.operation.label == OPEN or (headers or {}).get("Authorization") == _bearer()
    if headers is None or not is_ours:
        return
    # HTTP lets anybody add one.
    headers.pop("x-schemathesis-unknown-property", None)
    key = headers.get("Idempotency-Key")
    if isinstance(key, str) and KEY.fullmatch(key):
        headers["Idempotency-Key"] = f"{key[:-8]}{next(_numbers):08}"
    deadline = str(headers.get("Payguard-Deadline-Ms", ""))
    if deadline.isdigit() and 1 <= int(deadline) <= DEADLINE_MS_MAX:
        headers["Payguard-Deadline-Ms"] = str(DEADLINE_MS_MAX)


@schemathesis.hook
def after_call(_ctx: Any, case: Any, response: Any) -> None:
    """Remember the payments that were made."""
    if case.operation.label == CREATE and response.status_code == CREATED:
        _made.add(response.json(), case.body)


def _bearer() -> str:
    return f"Bearer {os.environ['PAYGUARD_TEST_KEY']}"


def is_valid(case: Any) -> bool:
    """Say whether a request was made to be as the document says, in all its parts."""
    meta = case.meta
    return meta is not None and not (
        meta.generation.mode.is_negative
        or any(one.mode.is_negative for one in meta.components.values())
    )


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
    """Hold that what the document allows is refused only for what no document can say.

    The library's own `positive_data_acceptance` wants every such request to succeed, and knows
    nothing of ids and cursors that nobody gave out or amounts that no payment has.
    """
    if not is_valid(case) or response.status_code < 400:
        return
    body = response.json()
    if body["code"] in {"body_invalid", "query_invalid"}:
        wrong = [
            one
            for one in body["errors"]
            if one["code"] not in MEANINGS and one["pointer"] not in WRITTEN
        ]
    else:
        wrong = [] if _is_honest(body["code"], case) else [body]
    if wrong:
        raise Failure(
            operation=case.operation.label,
            title="A valid request was refused",
            message=str(wrong),
        )


def _is_honest(code: str, case: Any) -> bool:
    """Say whether a valid request may meet a problem; some only for what it holds."""
    if code == "cursor_invalid":
        return "cursor" in case.query
    if code == "body_malformed":
        return r"\u0000" in json.dumps(case.body)
    return code in HONEST
