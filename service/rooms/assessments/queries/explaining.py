"""Exact reasons of a committed judgement, from what it was made from and its model's arrays.

Made where the answer is made, never by the writer: they cost more than the judgement itself.
"""

import functools
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from keys.sealing import NotOpened
from risk.feature import load_features
from risk.models.manifest import HEADS, HeadName
from risk.rules.fields import make_fields
from risk.strategy import Strategy
from risk.strategy_content import NotAStrategy, from_content
from service.db.statements import Statement
from service.db.store import StoreUnavailable
from service.http.ports import Ports
from service.http.problems import Language
from service.http.routes import Request
from service.kernel.answers import Contribution, Harm, Judged, NoReasons
from service.rooms.assessments.model.receipt import Inputs, open_features
from service.rooms.assessments.tables import ASSESSMENTS
from service.rooms.strategies.queries import of_id
from service.scoring.reasons import Because, Reasons, strongest

MADE_FROM: Final = Statement(
    sa.select(ASSESSMENTS.c.inputs, ASSESSMENTS.c.features).where(
        ASSESSMENTS.c.tenant_id == sa.bindparam("tenant_id"),
        ASSESSMENTS.c.merchant_id == sa.bindparam("merchant_id"),
        ASSESSMENTS.c.mode == sa.bindparam("mode"),
        ASSESSMENTS.c.assessment_id == sa.bindparam("assessment_id"),
    ),
    name="what an assessment was made from",
)
_INPUTS: Final = msgspec.json.Decoder(Inputs)


class Explained(NamedTuple):
    """The reasons of a judgement, or why there are none.

    Attributes:
        contributions: The strongest first.
        to: Of which harm.
        missing: Why they are not told.
    """

    contributions: tuple[Contribution, ...] | None = None
    to: Harm | None = None
    missing: NoReasons | None = None


def explained(judged: Judged, request: Request, ports: Ports, *, is_read: bool) -> Explained:
    """Return the reasons of a judgement: at once where it stopped somebody, else when it is read.

    What is missing for them is told, and never a fault: the judgement stands without them.
    """
    if judged.model is None or judged.probabilities is None:
        return Explained(missing="not_by_a_model")
    if judged.outcome == "approve" and not is_read:
        return Explained(missing="not_asked_yet")
    reasons: Reasons | None = ports.reasons
    try:
        mapped = None if reasons is None else reasons.mapped(judged.model)
        head = _likeliest(judged.probabilities)
        if mapped is None or head is None or head not in mapped.explainers:
            return Explained(missing="model_not_at_hand")
        row = _row(judged, request, ports)
        if row is None or row.shape != (len(mapped.manifest.inputs),):
            return Explained(missing="model_not_at_hand")
        told = tuple(_told(one, request.language) for one in strongest(mapped, head, row))
    except (StoreUnavailable, msgspec.DecodeError, ValueError, LookupError):
        # The judgement is committed, and must not be answered as if it were not.
        return Explained(missing="model_not_at_hand")
    return Explained(contributions=told, to=head)


def _likeliest(probabilities: dict[str, float | None]) -> HeadName | None:
    """Return the harm that a payment is most likely to be, of those that the model knows."""
    known = [(value, head) for head in HEADS if (value := probabilities.get(head)) is not None]
    return max(known)[1] if known else None


def _row(judged: Judged, request: Request, ports: Ports) -> npt.NDArray[np.float32] | None:
    """Return the row that was scored, made again from what is kept; None where it cannot be."""
    caller = request.caller
    kept = ports.reader.maybe(
        MADE_FROM(
            tenant_id=caller.tenant_id,
            merchant_id=caller.merchant_id,
            mode=caller.mode,
            assessment_id=judged.id,
        )
    )
    strategy = _strategy(judged.strategy, ports)
    if kept is None or strategy is None or strategy.model is None:
        return None
    try:
        features = open_features(kept["features"], assessment_id=judged.id, sealer=ports.sealer)
    except NotOpened:
        return None
    if features.feature_set != strategy.features.id:
        return None
    inputs = _INPUTS.decode(kept["inputs"])
    preset = strategy.preset(inputs.circumstances.preset)
    return strategy.inputs.row(inputs.facts, inputs.circumstances, preset, features)


def _strategy(strategy_id: str, ports: Ports) -> Strategy | None:
    """Return the strategy that a judgement names; None where this software cannot judge by it."""
    row = of_id(ports.reader, strategy_id)
    return None if row is None else _opened(row["content"], strategy_id)


@functools.lru_cache(maxsize=4)
def _opened(content: bytes, strategy_id: str) -> Strategy | None:
    try:
        found = from_content(content, load_features()).strategy
    except NotAStrategy:
        return None
    return found if found.id == strategy_id else None


@functools.cache
def _meanings() -> dict[str, tuple[str, str]]:
    """Return what each input means, in English and Chinese."""
    fields = make_fields(load_features())
    return {name: (one.meaning.en, one.meaning.zh) for name, one in fields.by_name.items()}


def _told(because: Because, language: Language) -> Contribution:
    meaning = _meanings().get(because.name)
    text = None
    if meaning is not None:
        text = meaning[1] if language.startswith("zh") else meaning[0]
    return Contribution(
        feature=because.name,
        text=text,
        value=_number(because.value),
        typical=None if because.typical is None else f"{_number(because.typical)}",
        contribution=round(because.contribution, 6),
    )


def _number(value: float | None) -> int | float | None:
    """Return a whole number without its point, and others with no more digits than float32 has."""
    if value is None or value.is_integer():
        return None if value is None else int(value)
    return float(f"{value:.7g}")
