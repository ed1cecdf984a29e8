import subprocess
import sys

import pytest
from click.testing import CliRunner

from service.cli import COMMANDS, main


def test_help_lists_every_command_with_a_line() -> None:
    result = CliRunner().invoke(main, ["--help"])

    assert result.exit_code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(main, [name, "-h"])

    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_an_unknown_command_is_a_usage_error() -> None:
    result = CliRunner().invoke(main, ["fly"])

    assert result.exit_code == 2
    assert "No such command" in result.output


def test_help_loads_no_command_and_no_library_of_theirs() -> None:
    program = (
        "import sys; from click.testing import CliRunner; from service.cli import main;"
        "CliRunner().invoke(main, ['--help']);"
        "print([one for one in ('sqlalchemy', 'alembic', 'flask', 'numpy') if one in sys.modules])"
    )

    found = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )

    assert found.stdout == "[]\n"
