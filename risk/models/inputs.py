"""What a model reads: features, and numbers and flags that were told; in one order, float32.

The same names are read online from one payment, here, and offline from columns, in
risk/offline/inputs.py; a test holds that the numbers are equal. What is missing is NaN, whatever
the reason, because that is what XGBoost learns from.
"""

import math
from collections.abc import Callable
from operator import itemgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from risk.facts import Circumstances, Facts
from risk.feature import Feature, FeatureSet
from risk.models.manifest import INPUTS_MAX, NotAModel
from risk.policy.shapes import Preset
from risk.rules.fields import make_fields, make_read, reading_order
from risk.vectors import FeatureVector, Missing

# Numbers and flags besides features that are the same in a history as when a payment is judged.
# Not here: texts, which are no numbers; who and what, by which a model would learn names; what
# history does not tell (consent, protection, a known device); lists, which are already decisions.
TOLD_INPUTS: Final = (
    "account_age_s",
    "agreement_first",
    "amount_minor",
    "balance_before_minor",
    "balance_share",
    "call_active",
    "contact_age_s",
    "instalments",
    "instrument_age_s",
    "local_hour",
    "order_item_count",
    "payee_age_s",
    "payee_is_new",
    "remote_access",
    "sign_in_age_s",
)
# A model judges payments when they are made.
STAGE: Final = "pre_payment"
# What a shop sold within a day or a week, and how long it has been here, say which days a history
# is of and how large its shop is: a model would learn these, and meet neither again. Rules compare
# them with each other.
_MERCHANT_WINDOW_S_MAX: Final = 3_600

Floats = npt.NDArray[np.float32]


def input_names(features: FeatureSet) -> tuple[str, ...]:
    """Return every name that a model of this feature set may read, in their usual order."""
    known = (one for one in features.features if STAGE in one.stages)
    return (*(one.name for one in known if not _tells_days(one)), *TOLD_INPUTS)


def _tells_days(feature: Feature) -> bool:
    is_short = 0 < feature.window_s <= _MERCHANT_WINDOW_S_MAX
    return feature.entity == "merchant" and not is_short


def check_inputs(names: tuple[str, ...], features: FeatureSet) -> None:
    """Check that a row of these names can be made.

    Raises:
        NotAModel: A name is none that a model may read, or stands there twice.
    """
    unknown = set(names) - set(input_names(features))
    if unknown:
        raise NotAModel(f"no model reads {', '.join(sorted(unknown))}")
    if len(set(names)) != len(names) or not 1 <= len(names) <= INPUTS_MAX:
        raise NotAModel("inputs are named once each, and are some")


class Inputs:
    """What makes the rows of one list of names."""

    def __init__(self, names: tuple[str, ...], features: FeatureSet) -> None:
        """Take the names, which `check_inputs` let through."""
        fields = make_fields(features)
        told = reading_order(set(names), fields)
        valued = tuple(name for name in names if name in features.names)
        self.names = names
        self._slots = _getter(tuple(features.names.index(name) for name in valued))
        self._read = make_read(told, fields)
        made = (*valued, *told)
        self._order = np.array([made.index(name) for name in names], np.int64)

    def row(
        self, facts: Facts, circumstances: Circumstances, preset: Preset, vector: FeatureVector
    ) -> Floats:
        """Return one payment's numbers, shape (names,), float32; NaN where a value is missing.

        Args:
            facts: What was told.
            circumstances: What is known besides.
            preset: Whose day gives the hour.
            vector: Of the feature set that the names are of, after its check.
        """
        values = (*self._slots(vector.values), *self._read(facts, circumstances, preset))
        numbers = [math.nan if one is None or one.__class__ is Missing else one for one in values]
        found: Floats = np.array(numbers, np.float32)[self._order]
        return found


def make_inputs(names: tuple[str, ...], features: FeatureSet) -> Inputs:
    """Return what makes rows of these names.

    Raises:
        NotAModel: A name is none that a model may read, or stands there twice.
    """
    check_inputs(names, features)
    return Inputs(names, features)


def _getter(slots: tuple[int, ...]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """Return what takes the values of these places, whether they are none, one or many."""
    if len(slots) > 1:
        return itemgetter(*slots)
    return lambda values: tuple(values[slot] for slot in slots)
