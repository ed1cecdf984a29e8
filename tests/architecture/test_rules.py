"""The house rules hold on every file, and each is known to fail when violated."""

from collections import defaultdict
from functools import cache
from typing import Final

import pytest

from tests.architecture.house import PACKAGES, ROOM_FILES, ROOT, python_files
from tests.architecture.rules import FILE_LINES_MAX, FUNCTION_LINES_MAX, RULES, Source

pytestmark = pytest.mark.style

DOC = '"""A file."""\n'
LONG_FUNCTION = DOC + "def f():\n" + "    g()\n" * FUNCTION_LINES_MAX
LONG_FILE = DOC + "a()\n" * FILE_LINES_MAX
MARK = "TO" + "DO"
NOQA = "# no" + "qa"
IGNORE = "# type: ig" + "nore"

# For each rule: (path, text) that break it, then (path, text) that look alike and do not.
PLANTED: Final[dict[str, tuple[list[tuple[str, str]], list[tuple[str, str]]]]] = {
    "short_files": ([("keys/a.py", LONG_FILE)], [("keys/a.py", LONG_FILE.removesuffix("a()\n"))]),
    "short_functions": (
        [
            ("risk/a.py", LONG_FUNCTION),
            ("tests/risk/a.py", LONG_FUNCTION.replace("def", "async def")),
        ],
        [
            ("risk/a.py", LONG_FUNCTION.removesuffix("    g()\n")),
            ("service/db/migrations/versions/0001_a.py", LONG_FUNCTION),
        ],
    ),
    "module_docstrings": (
        [("keys/a.py", "A = 1\n"), ("service/__init__.py", "A = 1\n")],
        [("keys/a.py", DOC), ("service/__init__.py", ""), ("tests/keys/a.py", "A = 1\n")],
    ),
    "markers_name_an_issue": (
        [("keys/a.py", f"A = 1  # {MARK}: later\n"), ("tests/a.py", "# FIX" + "ME soon\n")],
        [("keys/a.py", f"# {MARK}(#12): later\n"), ("keys/a.py", f"A = '{MARK}'\n")],
    ),
    "nouns_for_names": (
        [("keys/utils.py", DOC), ("service/http/helpers.py", DOC), ("risk/common/a.py", DOC)],
        [("keys/sealing.py", DOC)],
    ),
    "narrow_catching": (
        [
            ("keys/a.py", "try:\n    f()\nexcept Exception:\n    pass\n"),
            ("service/writer/fence.py", "try:\n    f()\nexcept:\n    pass\n"),
            ("risk/a.py", "try:\n    f()\nexcept (OSError, BaseException) as e:\n    g(e)\n"),
        ],
        [
            ("keys/a.py", "try:\n    f()\nexcept OSError:\n    pass\n"),
            ("keys/a.py", "try:\n    f()\nexcept BaseException:\n    g()\n    raise\n"),
            ("service/http/door.py", "try:\n    f()\nexcept Exception:\n    pass\n"),
            ("service/unit_of_work/run_batch.py", "try:\n    f()\nexcept Exception:\n    pass\n"),
        ],
    ),
    "own_code_is_never_patched": (
        [
            ("tests/keys/test_a.py", "import unittest.mock\n"),
            ("tests/keys/test_a.py", "from unittest import mock\n"),
            ("tests/keys/test_a.py", "from unittest.mock import patch\n"),
            (
                "tests/keys/test_a.py",
                "def test(monkeypatch):\n    monkeypatch.setattr(a, 'b', 1)\n",
            ),
            ("tests/keys/test_a.py", "def test():\n    with patch('keys.a'):\n        pass\n"),
            ("tests/conftest.py", "def test(mocker):\n    pass\n"),
        ],
        [("tests/keys/test_a.py", "def test(monkeypatch):\n    monkeypatch.setenv('A', 'b')\n")],
    ),
    "tests_mirror_the_source": (
        [
            ("tests/service/kernel/test_nothing.py", DOC),
            ("tests/nowhere/test_ids.py", DOC),
            ("tests/test_ids.py", DOC),
            ("tests/factories.py", DOC),
            ("tests/service/nowhere/test_conformance.py", DOC),
        ],
        [
            ("tests/service/kernel/test_ids.py", DOC),
            ("tests/service/kernel/test_ids_in_order.py", DOC),
            ("tests/service/test_kernel.py", DOC),
            ("tests/service/kernel/test_conformance.py", DOC),
            ("tests/service/kernel/factories.py", DOC),
            ("tests/properties/test_laws.py", DOC),
            ("tests/conftest.py", DOC),
        ],
    ),
    "suppressions_carry_a_reason": (
        [
            ("keys/a.py", f"import b  {NOQA}\n"),
            ("keys/a.py", f"import b  {NOQA}: F401\n"),
            ("keys/a.py", f"{NOQA.replace('# ', '# ruff: ')}: F401\n"),
            ("tests/a.py", f"b = c  {IGNORE}\n"),
            ("tests/a.py", f"b = c  {IGNORE}[assignment]\n"),
        ],
        [
            ("keys/a.py", f"import b  {NOQA}: F401  others import it from here\n"),
            ("keys/a.py", f"import b  {NOQA}: F401, E402  others import it from here\n"),
            ("keys/a.py", f"b = c  {IGNORE}[assignment]  # the library's types are wrong\n"),
        ],
    ),
    "no_state_in_modules": (
        [
            ("keys/a.py", "A = {}\n"),
            ("risk/a.py", "A: Final[list[int]] = []\n"),
            ("service/a.py", "A = set()\n"),
            ("service/a.py", "A = defaultdict(list)\n"),
        ],
        [
            ("keys/a.py", "A = {'b': 1}\n"),
            ("keys/a.py", "A = frozenset()\n"),
            ("keys/a.py", "def f():\n    a = []\n    return a\n"),
            ("tests/a.py", "A = {}\n"),
        ],
    ),
    "rooms_hold_known_files": (
        [
            ("service/rooms/payments/views.py", DOC),
            ("service/rooms/payers/moves.py", DOC),
            ("service/rooms/elsewhere/api.py", DOC),
            ("service/rooms/factors/kinds/otp/codes.py", DOC),
        ],
        [
            ("service/rooms/__init__.py", DOC),
            ("service/rooms/payments/moves.py", DOC),
            ("service/rooms/payers/__init__.py", DOC),
            ("service/rooms/factors/kinds/otp.py", DOC),
        ],
    ),
    "contracts_run_on_each_store": (
        [
            ("tests/contract/conftest.py", "def house_database():\n    return None\n"),
            ("tests/contract/test_a.py", "made = House(folder, rate_per_minute=60)\n"),
            ("tests/contract/test_a.py", "with Service(folder, settings={}) as made:\n    f()\n"),
        ],
        [
            ("tests/contract/conftest.py", "def house_database(module_database):\n    f()\n"),
            ("tests/contract/test_documents.py", "def house_database():\n    f()\n"),
            ("tests/contract/test_a.py", "made = House(folder, database=database)\n"),
            ("tests/proofs/test_a.py", "made = Service(folder)\n"),
        ],
    ),
}


@cache
def breaches() -> dict[str, list[str]]:
    """Return where each rule is broken; every file is parsed once for all of them."""
    found: dict[str, list[str]] = {name: [] for name in RULES}
    for path in python_files(*PACKAGES, "tests", "bench", ".ci"):
        source = Source(path=path.as_posix(), text=(ROOT / path).read_text())
        for name, look in RULES.items():
            found[name] += [f"{source.path}: {why}" for why in look(source)]
    return found


@pytest.mark.parametrize("name", RULES)
def test_every_file_keeps_the_rule(name: str) -> None:
    assert not breaches()[name], "\n".join(breaches()[name])


@pytest.mark.parametrize(
    ("name", "path", "text"), [(name, *one) for name, (bad, _) in PLANTED.items() for one in bad]
)
def test_a_planted_violation_is_found(name: str, path: str, text: str) -> None:
    assert list(RULES[name](Source(path=path, text=text)))


@pytest.mark.parametrize(
    ("name", "path", "text"), [(name, *one) for name, (_, good) in PLANTED.items() for one in good]
)
def test_what_looks_alike_is_let_through(name: str, path: str, text: str) -> None:
    assert not list(RULES[name](Source(path=path, text=text)))


def test_every_rule_has_planted_violations() -> None:
    assert PLANTED.keys() == RULES.keys()


def test_a_room_holds_one_registry_at_most() -> None:
    # A room's file that grew too long is a folder of its name, and no registry.
    folders: dict[str, set[str]] = defaultdict(set)
    for path in python_files("service"):
        match path.parts:
            case ("service", "rooms", room, folder, _) if folder not in ROOM_FILES:
                folders[room].add(folder)
            case _:
                pass

    assert not {room: found for room, found in folders.items() if len(found) > 1}


def test_rooms_are_made_when_their_issue_comes() -> None:
    files: dict[str, set[str]] = defaultdict(set)
    for path in python_files("service"):
        match path.parts:
            case ("service", "rooms", room, *_, name):
                files[room].add(name)
            case _:
                pass

    assert not [room for room, names in files.items() if names == {"__init__.py"}]
