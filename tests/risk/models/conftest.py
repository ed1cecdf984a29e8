"""Small real models, trained once for all tests here."""

from collections.abc import Callable
from functools import partial

import pytest

from risk.feature import FeatureSet, load_features
from tests.support.models import Grown, file_of, grow


@pytest.fixture(scope="session")
def features() -> FeatureSet:
    return load_features()


@pytest.fixture(scope="session")
def make(features: FeatureSet) -> Callable[..., bytes]:
    """Return what makes the file of boosters by head."""
    return partial(file_of, features)


@pytest.fixture(scope="session")
def grown() -> Grown:
    return grow(8, trees=30, depth=4)


@pytest.fixture(scope="session")
def file(make: Callable[..., bytes], grown: Grown) -> bytes:
    """Return a model file of two heads over eight inputs."""
    return make(8, unauthorized=grown, scam=grow(8, trees=12, depth=6, seed=2, base_score=0.01))
