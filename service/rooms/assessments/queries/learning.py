"""What was kept of a merchant's judgements, for a model to learn from."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
import sqlalchemy as sa

from keys.sealing import NotOpened, Sealer
from risk.facts import Circumstances, Facts
from risk.vectors import FeatureVector
from service.db.reader import Reader
from service.db.statements import Statement
from service.rooms.assessments.model.receipt import Inputs, open_features
from service.rooms.assessments.tables import ASSESSMENTS
from service.unit_of_work.commands import Mode

PAGE: Final = 2_000
# A model judges payments when they are made.
_STAGE: Final = "pre_payment"
# Above every id, which begins with `asm_`, in whatever order a database has its texts.
_NEWEST: Final = "b"
KEPT_BEFORE: Final = Statement(
    sa.select(
        ASSESSMENTS.c.assessment_id,
        ASSESSMENTS.c.subject_id,
        ASSESSMENTS.c.outcome,
        ASSESSMENTS.c.judged,
        ASSESSMENTS.c.inputs,
        ASSESSMENTS.c.features,
    )
    .where(
        ASSESSMENTS.c.tenant_id == sa.bindparam("tenant_id"),
        ASSESSMENTS.c.merchant_id == sa.bindparam("merchant_id"),
        ASSESSMENTS.c.mode == sa.bindparam("mode"),
        ASSESSMENTS.c.stage == _STAGE,
        ASSESSMENTS.c.assessment_id < sa.bindparam("before"),
    )
    .order_by(ASSESSMENTS.c.assessment_id.desc())
    .limit(sa.bindparam("limit")),
    name="judgements of a merchant",
)


class Kept(NamedTuple):
    """One judgement as it was made.

    Attributes:
        payment_id: What was judged; a payment that was judged twice comes twice.
        score: What it got; None where nothing gave one.
    """

    payment_id: str
    outcome: str
    facts: Facts
    circumstances: Circumstances
    features: FeatureVector
    score: int | None


class _Scored(msgspec.Struct):
    score: int | None = None


_INPUTS: Final = msgspec.json.Decoder(Inputs)
_SCORED: Final = msgspec.json.Decoder(_Scored)


def kept(
    reader: Reader,
    owner: tuple[str, str, Mode],
    sealer: Sealer,
    *,
    feature_set: str,
    page: int = PAGE,
) -> Iterator[Kept]:
    """Yield a merchant's judged payments of one feature set, the newest first.

    Raises:
        StoreUnavailable: The store cannot be read.
        keys.sealing.NotOpened: The newest row does not open: the root key is another one.
    """
    tenant_id, merchant_id, mode = owner
    named = {"tenant_id": tenant_id, "merchant_id": merchant_id, "mode": mode, "limit": page}
    before, has_opened = _NEWEST, False
    while rows := reader.fetch(KEPT_BEFORE(**named, before=before)):
        for row in rows:
            try:
                features = open_features(
                    row["features"], assessment_id=row["assessment_id"], sealer=sealer
                )
            except NotOpened:
                # One row that was damaged teaches nothing; where none opens, the key is wrong.
                if not has_opened:
                    raise
                continue
            has_opened = True
            if features.feature_set != feature_set:
                continue
            inputs = _INPUTS.decode(row["inputs"])
            yield Kept(
                payment_id=row["subject_id"],
                outcome=row["outcome"],
                facts=inputs.facts,
                circumstances=inputs.circumstances,
                features=features,
                score=_SCORED.decode(row["judged"]).score,
            )
        before = rows[-1]["assessment_id"]
