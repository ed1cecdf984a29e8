"""How the project is tested, in CI and by hand: one command, three sizes, nothing left out."""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import ClassVar, Final

import pytest

from tests.architecture.house import ROOT

pytestmark = pytest.mark.style

TEST_COMMAND: Final = "uv run --extra data pytest"
SKIPPING: Final = "import pytest\n\ndef test_b():\n    pytest.skip('no server')\n"
SKIPPING_AT_IMPORT: Final = (
    "import pytest\n\npytest.importorskip('no_such_library')\n\ndef test_a():\n    pass\n"
)
PASSING: Final = "def test_a():\n    pass\n"
COSTLY: Final = """
import pytest

@pytest.mark.{mark}
def test_marked():
    assert False

def test_on_a_server(quick_cluster):
    assert False

@pytest.mark.parametrize("store_kind", ["sqlite", "postgres"])
def test_on_each_store(store_kind):
    assert store_kind == "sqlite"
"""


def run_pytest(folder: Path, text: str, *, profile: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with our conftest, and nothing else of ours, over one file."""
    (folder / "test_planted.py").write_text(text)
    shutil.copy(ROOT / "tests" / "conftest.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "."],
        cwd=folder,
        env={**os.environ, "PAYGUARD_TEST_PROFILE": profile},
        capture_output=True,
        check=False,
        text=True,
    )


@pytest.mark.long
def test_a_skip_fails_the_full_profile(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, PASSING + SKIPPING, profile="full")

    assert run.returncode == pytest.ExitCode.TESTS_FAILED
    assert "SKIP COUNTS AS FAILURE" in run.stdout
    assert "no server" in run.stdout


@pytest.mark.long
def test_a_file_that_skips_itself_fails_the_ci_profile(tmp_path: Path) -> None:
    (tmp_path / "test_more.py").write_text(PASSING)

    run = run_pytest(tmp_path, SKIPPING_AT_IMPORT, profile="ci")

    assert run.returncode == pytest.ExitCode.TESTS_FAILED
    assert "no_such_library" in run.stdout


@pytest.mark.long
def test_a_skip_passes_the_quick_profile(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, PASSING + SKIPPING, profile="quick")

    assert run.returncode == pytest.ExitCode.OK


@pytest.mark.long
def test_a_run_without_skips_passes_every_profile(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, PASSING, profile="ci")

    assert run.returncode == pytest.ExitCode.OK


@pytest.mark.long
@pytest.mark.parametrize("mark", ["alone", "long", "longest", "servers"])
def test_the_quick_profile_leaves_out_what_costs_minutes(tmp_path: Path, mark: str) -> None:
    run = run_pytest(tmp_path, PASSING + COSTLY.format(mark=mark), profile="quick")

    assert "2 passed, 3 deselected" in run.stdout, run.stdout


def test_the_readme_shows_the_test_command_that_ci_runs() -> None:
    blocks = re.findall(
        r"^```sh test\n(.*?)\n```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )

    assert blocks == [TEST_COMMAND]
    assert "README.md" in (ROOT / ".ci" / "run").read_text()


def test_the_ci_script_is_valid_and_can_be_run() -> None:
    script = ROOT / ".ci" / "run"

    subprocess.run(["bash", "-n", script], check=True)
    assert os.access(script, os.X_OK)


def test_the_dockerfile_is_clean() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"

    run = subprocess.run(
        [hadolint, ROOT / "Dockerfile"], capture_output=True, check=False, text=True
    )

    assert run.returncode == 0, run.stdout


def test_the_image_serves_without_root_and_tells_its_health() -> None:
    text = (ROOT / "Dockerfile").read_text()

    assert len(re.findall(r"^FROM python:3\.11\.\d+-slim", text, re.MULTILINE)) == len(
        ["build", "final"]
    )
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*\n.*/livez", text, re.MULTILINE)
    assert text.rstrip().endswith('CMD ["payguard", "serve"]')


def test_the_image_has_what_each_store_needs() -> None:
    text = (ROOT / "Dockerfile").read_text()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]

    syncs = re.findall(r"uv sync .*", text)

    assert len(syncs) == len(["dependencies", "project"])
    assert all(set(re.findall(r"--extra (\w+)", sync)) == set(extras) for sync in syncs)
    # Backups of PostgreSQL are made by its pg_dump.
    assert re.search(r"apt-get install .*\bpostgresql-client\b", text)


class Answering(http.server.BaseHTTPRequestHandler):
    """A front end that says of /livez what the class says."""

    status: ClassVar[int]

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(self.status if self.path == "/livez" else 404)
        self.end_headers()


@pytest.mark.parametrize(("status", "ends"), [(200, 0), (503, 1)])
def test_the_image_asks_for_its_health_at_the_port_that_is_set(status: int, ends: int) -> None:
    text = (ROOT / "Dockerfile").read_text()
    [line] = re.findall(r"^HEALTHCHECK .*\n\s*CMD (\[.*\])$", text, re.MULTILINE)
    python, *words = json.loads(line)

    handler = type("Handler", (Answering,), {"status": status})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        server.timeout = 10
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        given = {**os.environ, "PAYGUARD_PORT": str(server.server_port)}
        run = subprocess.run([sys.executable, *words], env=given, capture_output=True, check=False)
        answering.join()

    assert python == "python"
    assert run.returncode == ends
