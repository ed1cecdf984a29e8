import hashlib
from importlib import resources

import msgspec
import pytest

from risk.simulation.shapes import FILE, LEVELS, World, read_world

# The parameters are frozen before anything is tuned on the world: a change is a new version, and
# every figure that was measured in the old one is measured anew.
FROZEN = "d49dfdadb96a25f233f3c3b8c7b7fae96afa49ed2a8679743294dab5fb9ed50a"


def test_the_parameters_are_those_that_figures_were_measured_in() -> None:
    content = (resources.files("risk.simulation") / FILE).read_bytes()

    assert hashlib.sha256(content).hexdigest() == FROZEN


def test_every_fraud_has_the_same_levels() -> None:
    world = read_world()

    for fraud in (world.card_testing, world.takeover, world.scam):
        assert tuple(fraud.level) == LEVELS


def test_a_parameter_that_nobody_reads_is_refused() -> None:
    told = msgspec.to_builtins(read_world())

    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({**told, "unread": 1}, World, strict=False)
