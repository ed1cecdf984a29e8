"""What the OpenAPI document allows and forbids, sent by schemathesis to a real service."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from service.db.places import Database
from service.rooms.merchants.contract import SCOPES
from tests.contract.conftest import new_database
from tests.support.books import Books
from tests.support.servers import FRONT_ENDS, ROOT, Service

pytestmark = [pytest.mark.servers, pytest.mark.long]

Sized = Callable[..., int]
# What is valid comes past the door, or next to nothing was seen of what lies behind it.
PAYMENTS_MIN: Final = 100
# A key with scope replay would make payments without a token.
EVERY_SCOPE: Final = tuple(sorted(set(SCOPES) - {"replay"}))
# The phase ran: the summary names it so, and it found links from one operation to another.
STATEFUL: Final = re.compile(
    r"API Links: .* [1-9]\d* selected(?s:.*)Test Phases:(?s:.*)✅ Stateful"
)
# The document's own links lead from one operation to another. What the library guesses of ids keeps
# it from making a payment: nothing of ours makes a payee.
# What is wrong may be so long that no request comes of it.
CONFIG = """
[phases.stateful.inference]
algorithms = []

[checks]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 411, 413, 414, 415,
                                             417, 422, 429, 431]
"""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.longest)])
def database(request: pytest.FixtureRequest) -> Database | None:
    """Return a database of PostgreSQL, in full; None for SQLite."""
    return new_database(request.param, request)


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_every_route_keeps_to_its_document(
    tmp_path: Path, database: Database | None, sized: Sized, front_end: str
) -> None:
    # `positive_data_acceptance` would have every valid request succeed, also one for a payment that
    # nobody made; in its place stands `schema_is_the_contract` of tests/contract/fuzzing.py.
    # In ci tests/contract compares both front ends byte for byte; full asks both everything.
    in_ci = 3 if front_end == "cooperative" else 1
    examples = sized(quick=3, ci=in_ci, full=500)
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    settings = {"FRONT_END": front_end}
    with Service(tmp_path / "data", settings=settings, database=database) as service:
        shop = service.shop(modes=("sandbox",), scopes=EVERY_SCOPE)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"),
                f"http://127.0.0.1:{service.port}/openapi.json",
                *("--checks", "all", "--exclude-checks", "positive_data_acceptance"),
                *("--max-examples", str(examples), "--seed", "1", "--no-color"),
                *("--suppress-health-check", "all", "--warnings", "off"),
            ],
            cwd=tmp_path,
            env={
                **os.environ,
                "SCHEMATHESIS_HOOKS": "tests.contract.fuzzing",
                "PAYGUARD_TEST_KEY": shop.keys["sandbox"],
                "PYTHONPATH": str(ROOT),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
        # A phase that has nothing to do is skipped and fails nothing.
        assert STATEFUL.search(done.stdout), done.stdout[-2_000:]
        service.writer.stop()
        books = Books(service.settings.database)
        books.check()
        assert len(books.payments) > PAYMENTS_MIN
