"""No file of the project says on which machine it was made, nor from where packages come."""

import re
from collections.abc import Iterator
from typing import Final

import pytest

from tests.architecture.house import ROOT, tracked_files

pytestmark = pytest.mark.style

# Taken apart, so that this file does not break its own rule.
MACHINE: Final = re.compile(
    r"(?<![\w.\-~}])/(?:wo"
    r"rk|ro"
    r"ot|fa"
    r"rm|ho"
    r"me|Us"
    r"ers|opt/py"
    r"pi|opt/wh"
    r"eels)"
    r"(?=[/\s\"'`),:;\]]|$)",
    re.MULTILINE,
)
REGISTRY: Final = re.compile(
    r"py" r"pi\.org|python" r"hosted\.org|registry\.np" r"mjs|proxy\.go" r"lang|test\.py" r"pi"
    r"|--(?:extra-)?index" r"-url\s+\S*:|://\S+/sim" r"ple\b",
    re.IGNORECASE,
)  # fmt: skip  # one name a place, each taken apart


def named_places(text: str) -> Iterator[str]:
    for pattern in (MACHINE, REGISTRY):
        for found in pattern.finditer(text):
            yield f"line {text.count(chr(10), 0, found.start()) + 1}: {found[0]}"


def readable(path: str) -> str:
    return (ROOT / path).read_bytes().decode("utf-8", errors="replace")


def test_no_file_names_a_machine_or_a_registry() -> None:
    texts = {path.as_posix(): readable(path.as_posix()) for path in tracked_files()}

    found = [f"{path}: {place}" for path, text in texts.items() for place in named_places(text)]

    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "cd /wo" + "rk/main",
        "`/ro" + "ot`",
        "at /fa" + "rm/data.parquet",
        "a = '/ho" + "me/me'",
        "file:///opt/py" + "pi/sim" + "ple",
        "https://py" + "pi.org/sim" + "ple",
        "--extra-index" + "-url https://packages.example/all",
        "https://files.python" + "hosted.org/packages/a.whl",
        "source = { registry = 'https://mirror.example/sim" + "ple' }",
    ],
)
def test_a_planted_place_is_found(text: str) -> None:
    assert list(named_places(text))


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/wo" + "rk/1",
        "keys/ro" + "ots/file.py",
        "path /wo" + "rkers/1",
        "on PyPI",
        "a simple/plain word",
        "WORKDIR /srv/payguard",
    ],
)
def test_what_looks_alike_is_let_through(text: str) -> None:
    assert not list(named_places(text))
