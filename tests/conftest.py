"""Fixtures every test may use: where test material lies, and which sizes to run."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

PROFILES = ("quick", "ci", "full")


@pytest.fixture(scope="session")
def profile() -> str:
    name = os.environ.get("PAYGUARD_TEST_PROFILE", "quick")
    if name not in PROFILES:
        raise pytest.UsageError(f"PAYGUARD_TEST_PROFILE must be one of {', '.join(PROFILES)}")
    return name


@pytest.fixture(scope="session")
def sized(profile: str) -> Callable[..., int]:
    """Return the size that the running profile asks for: sized(quick=1, ci=10, full=100)."""

    def pick(*, quick: int, ci: int, full: int) -> int:
        return {"quick": quick, "ci": ci, "full": full}[profile]

    return pick


@pytest.fixture(scope="session")
def material() -> Path:
    """Return the folder of foreign vectors, attacks and data, or skip by its name."""
    place = os.environ.get("PAYGUARD_TEST_MATERIAL")
    if not place:
        pytest.skip("test material: set PAYGUARD_TEST_MATERIAL to the folder that holds it")
    return Path(place)
