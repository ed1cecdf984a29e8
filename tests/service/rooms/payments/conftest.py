"""Desks of merchants: one that asks for no proof, one under preset CN, one in the sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.desk import Desk, a_front, signing
from tests.support.front import Front


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.house.close()


@pytest.fixture
def cn(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path, preset="CN")
    desk.register()
    yield desk
    desk.house.close()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path, preset="CN", mode="sandbox")
    desk.register()
    yield desk
    desk.house.close()


@pytest.fixture
def front(desk: Desk) -> Front:
    return a_front(signing(desk))


@pytest.fixture
def sandbox_front(sandbox: Desk) -> Front:
    return a_front(signing(sandbox))
