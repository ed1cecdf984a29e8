"""Write exact versions of every dependency into pyproject.toml, and requirements.txt for pip.

Run it after a change of dependencies; arguments go to `uv lock`:

    uv run .ci/pin.py
    uv run .ci/pin.py --upgrade-package flask

It never writes an address: neither file says from where a package comes.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "pyproject.toml"
BLOCK = re.compile(r"^constraint-dependencies = \[(?:\n.*?^)?\]$", re.MULTILINE | re.DOTALL)
HEADER = """\
# For pip, on Python 3.11 and newer; written by .ci/pin.py, see docs/dependencies.md:
#   pip install --require-hashes -r requirements.txt && pip install --no-deps .
"""


def uv(*arguments: str) -> str:
    """Return what uv prints; its complaints go to the terminal, its failure ends the run."""
    run = subprocess.run(
        ["uv", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return run.stdout


def write_constraints(pins: list[str]) -> None:
    """Replace the list of constraints in pyproject.toml."""
    lines = "".join(f"    {json.dumps(pin)},\n" for pin in pins)
    block = f"constraint-dependencies = [\n{lines}]" if pins else "constraint-dependencies = []"
    text, count = BLOCK.subn(lambda _: block, PROJECT.read_text())
    if count != 1:
        raise SystemExit("pyproject.toml: expected one constraint-dependencies list")
    PROJECT.write_text(text)


def locked_pins() -> list[str]:
    """Return one requirement with version and marker for each package in the lock."""
    exported = uv(
        "export", "--frozen", "--all-extras", "--all-groups", "--no-hashes", "--no-annotate",
        "--no-header", "--no-emit-project",
    )  # fmt: skip  # one option with its value after another reads best in rows
    return [
        line.replace(" ; ", "; ")
        for line in exported.splitlines()
        if line.strip() and "'never'" not in line  # xgboost itself, which uv never installs
    ]


def write_requirements(pins: list[str]) -> None:
    """Resolve again without uv's override, so that pip gets xgboost itself, and add hashes."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join(pins))
        constraints.flush()
        compiled = uv(
            "pip", "compile", "--quiet", "pyproject.toml", "--all-extras", "--no-config",
            "--constraints", constraints.name, "--universal", "--python-version", "3.11",
            "--generate-hashes", "--no-header", "--no-annotate",
        )  # fmt: skip  # one option with its value after another reads best in rows
    (ROOT / "requirements.txt").write_text(HEADER + compiled)


def main() -> None:
    """Lock as pinned, then free the pins and lock as asked, then write both files."""
    uv("lock", "--quiet")
    write_constraints([])
    uv("lock", "--quiet", *sys.argv[1:])
    pins = locked_pins()
    write_constraints(pins)
    uv("lock", "--quiet")
    write_requirements(pins)
    print(f"{len(pins)} packages pinned")


if __name__ == "__main__":
    main()
