"""How risk's entity states are kept in entity rows. Holds no state itself."""

from collections.abc import Mapping
from typing import Final

from typing_extensions import override

from risk.entity_state import EntityState
from risk.feature import load_features
from risk.plan import NOTHING, Plan
from service.state.cache import State, StateCodec

_FEATURES: Final = load_features()


class WindowStates(StateCodec):
    """As much of each kind of entity as its features need, as risk/plan.py says.

    `feature_set` names what is kept, not what is read: a set that needs the same of every entity
    reads the same rows, and any other builds them anew from the log.
    """

    feature_set = _FEATURES.state_id
    _plans: Mapping[str, Plan] = {str(kind): plan for kind, plan in _FEATURES.plans.items()}

    @override
    def new(self, kind: str) -> State:
        return EntityState(self._plans.get(kind, NOTHING))

    @override
    def unpack(self, kind: str, packed: bytes) -> State:
        return EntityState.unpack(packed, self._plans.get(kind, NOTHING))
