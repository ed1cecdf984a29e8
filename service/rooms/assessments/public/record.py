"""The receipt of a judgement: its canonical bytes, and what the log commits to. Pure."""

from typing import Final

import msgspec

from keys.translog import commitment
from risk.assessment import Assessment
from risk.facts import Circumstances, Facts
from service.rooms.assessments.model.receipt import Said
from service.unit_of_work.outcome import Entry

_ENCODER: Final = msgspec.json.Encoder(order="sorted")


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The receipt's parts: what is stored, and what the log commits to.

    Attributes:
        lists: The last change of the merchant's lists before the judgement.
    """

    assessment_id: str
    subject_id: str
    assessment: Assessment
    inputs: bytes
    features: bytes
    salt: bytes
    lists: str | None


def canonical_inputs(
    facts: Facts, circumstances: Circumstances, scored: Said | None = None
) -> bytes:
    """Return the canonical bytes (RFC 8785) of everything a judgement was made from."""
    # Levels are numbers; as members they are written as text.
    known = msgspec.to_builtins(circumstances, str_keys=True)
    told = {"facts": facts, "circumstances": known}
    return canonical(told if scored is None else told | {"scored": scored})


def canonical(value: object) -> bytes:
    """Return canonical bytes of values whose names are ASCII and whose numbers are integers.

    For those msgspec's sorted encoding gives the bytes of RFC 8785; a test holds the two equal.
    """
    return _ENCODER.encode(value)


def entry(record: Record) -> Entry:
    """Return the log's record of a judgement."""
    judged = record.assessment
    is_own = record.subject_id == record.assessment_id
    return Entry(
        kind="assessment.made" if is_own else "payment.assessed",
        subject=record.assessment_id,
        payment=None if is_own else record.subject_id,
        strategy=judged.strategy,
        fields={
            "stage": judged.stage,
            "outcome": judged.outcome,
            "level": judged.level,
            "reason": judged.reason_code,
            "degraded": list(judged.degraded),
            "liability": judged.liability,
            "exemption": judged.exemption.code if judged.exemption else None,
            "feature_set": judged.feature_set,
            "lists": record.lists,
            # Salted, so that the log says nothing about a payer whose salt was destroyed.
            "inputs": commitment(record.salt, record.inputs).hex(),
            "features": commitment(record.salt, record.features).hex(),
        },
    )
