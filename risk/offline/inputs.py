"""The rows of risk/models/inputs.py over a whole history: the same names, the same numbers."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from risk.offline.columns import MISSING
from risk.offline.history import Told

Ints = npt.NDArray[np.int64]


def columns_of(
    names: tuple[str, ...], told: Told, computed: Mapping[str, Ints]
) -> npt.NDArray[np.float32]:
    """Return what a model reads of each payment, shape (payments, names); NaN where missing.

    Args:
        names: That `risk.models.inputs.check_inputs` lets through.
        told: The history.
        computed: Its features, as `risk.offline.columns.compute` makes them.
    """
    found = np.empty((len(told.policy), len(names)), np.float32)
    for place, name in enumerate(names):
        if name in computed:
            values, absent = computed[name].astype(np.float64), computed[name] == MISSING
        else:
            column = told.column(name)
            values, absent = column.values.astype(np.float64), column.is_absent
        found[:, place] = np.where(absent, np.nan, values)
    return found
