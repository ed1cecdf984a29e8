"""How risk's window states are kept in entity rows. Holds no state itself."""

from typing import Final

from typing_extensions import override

from risk.windows import EntityState
from service.state.cache import State, StateCodec

# Names what a state holds. A state of other aggregates gets another name, and is then built from
# the log beside the old one.
SHAPE: Final = "count-sum-1"


class WindowStates(StateCodec):
    """Counts and sums in buckets, as risk/windows.py defines them."""

    feature_set = SHAPE

    @override
    def new(self) -> State:
        return EntityState()

    @override
    def unpack(self, packed: bytes) -> State:
        return EntityState.unpack(packed)
