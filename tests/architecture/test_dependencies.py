"""Dependencies: each has a reason, each is pinned, and pip gets what uv gets."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.house import ROOT

pytestmark = pytest.mark.style

PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())
REQUIREMENT = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE)
# A table row of docs/dependencies.md: | name | why |
ROW = re.compile(r"^\| `([^`]+)` +\| +(\S.*\S) +\|$", re.MULTILINE)


def direct() -> list[Requirement]:
    groups = [
        PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
        PROJECT["build-system"]["requires"],
    ]
    return [Requirement(text) for group in groups for text in group]


def pinned_for_pip() -> set[tuple[str, str]]:
    return set(REQUIREMENT.findall((ROOT / "requirements.txt").read_text()))


def pinned_for_uv() -> set[tuple[str, str]]:
    pins = [Requirement(text) for text in PROJECT["tool"]["uv"]["constraint-dependencies"]]
    return {(pin.name, str(pin.specifier).removeprefix("==")) for pin in pins}


def test_every_dependency_has_its_reason() -> None:
    reasons = [name for name, _ in ROW.findall((ROOT / "docs/dependencies.md").read_text())]

    assert sorted(reasons) == sorted({requirement.name for requirement in direct()})


def test_every_dependency_names_one_version() -> None:
    loose = [str(one) for one in direct() if not re.fullmatch(r"==[^,*]+", str(one.specifier))]

    assert not loose


def test_every_installed_package_is_constrained_to_its_version() -> None:
    installed = {
        (canonicalize_name(one.metadata["Name"]), one.version) for one in metadata.distributions()
    }
    tools_of_the_environment = {"payguard", "pip", "setuptools", "wheel"}

    loose = {one for one in installed if one[0] not in tools_of_the_environment} - pinned_for_uv()

    assert not loose, "run: uv run .ci/pin.py"


def test_pip_gets_the_versions_that_uv_gets() -> None:
    only_for_pip = {name for name, _ in pinned_for_pip() - pinned_for_uv()}

    # What uv leaves out on purpose: it takes xgboost-cpu.
    assert only_for_pip == {"xgboost", "nvidia-nccl-cu12"}


def test_pip_gets_every_dependency_with_hashes() -> None:
    text = (ROOT / "requirements.txt").read_text()
    needed = {
        Requirement(one).name
        for group in (
            PROJECT["project"]["dependencies"],
            *PROJECT["project"]["optional-dependencies"].values(),
        )
        for one in group
    }

    assert needed <= {name for name, _ in pinned_for_pip()}
    assert text.count("==") <= text.count("--hash=sha256:")


def test_pip_reads_the_file_and_finds_no_address_in_it() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()

    unknown = [one for one in lines if not re.match(r"#|[a-z0-9._-]+==| {4}--hash=sha256:", one)]

    assert not unknown


def test_xgboost_is_the_version_that_both_installers_name() -> None:
    version = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import xgboost; print(xgboost.__version__)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()

    assert ("xgboost", version) in pinned_for_pip()
    assert ("xgboost-cpu", version) in pinned_for_uv()
