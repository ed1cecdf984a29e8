"""What a command says and how it ends: text for people, one JSON document for programs."""

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn, Protocol

import click
import msgspec

# Exit statuses; docs/operations.md lists them, and a test compares.
DONE: Final = 0
SOMETHING_FAILED: Final = 1
CANNOT_START: Final = 2
REFUSED: Final = 3
NO_ANSWER: Final = 4
INTERRUPTED: Final = 130


class Failure(Exception):  # noqa: N818  it is what the person at the terminal is told
    """A command cannot do what was asked.

    Attributes:
        code: Stable snake_case word for programs.
        what: One sentence for people: what is so.
        then: What to do next.
        status: How the process ends.
    """

    def __init__(self, code: str, what: str, *, then: str, status: int = CANNOT_START) -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.then = then
        self.status = status


class Screen(Protocol):
    """Where a command says things."""

    def note(self, text: str) -> None:
        """Say on the way what is being done; a program is not told."""
        ...

    def show(self, result: Any, text: str) -> None:
        """Give the result, once.

        Args:
            result: What a program gets: Structs, dicts and plain values.
            text: What a person reads.
        """
        ...

    def fail(self, failure: Failure) -> None:
        """Say what went wrong and what to do next."""
        ...


class TextScreen:
    """Text on standard output; notes and errors on standard error."""

    def note(self, text: str) -> None:
        """Say on the way what is being done."""
        click.echo(text, err=True)

    def show(self, _result: Any, text: str) -> None:
        """Print the text of a result."""
        click.echo(text)

    def fail(self, failure: Failure) -> None:
        """Print what went wrong, and on a line of its own what to do."""
        click.echo(f"{click.style('error:', fg='red', bold=True)} {failure.what}", err=True)
        click.echo(f"  {click.style('next:', bold=True)} {failure.then}", err=True)


class JSONScreen:
    """One JSON document on standard output, also when the command fails."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def show(self, result: Any, _text: str) -> None:
        """Print the result."""
        click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2))

    def fail(self, failure: Failure) -> None:
        """Print the failure as an object."""
        error = {"code": failure.code, "detail": failure.what, "next": failure.then}
        self.show({"error": error}, "")


def reporting(run: Callable[..., int | None]) -> Callable[..., NoReturn]:
    """Give a command the option `--json` and a screen, and end the process as it says.

    Args:
        run: The command, its screen first; it returns its exit status, None for DONE, or
            raises Failure.
    """

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document, not text.")
    @functools.wraps(run)
    def command(*args: Any, as_json: bool, **options: Any) -> NoReturn:
        screen: Screen = JSONScreen() if as_json else TextScreen()
        try:
            status = run(screen, *args, **options)
        except Failure as failure:
            screen.fail(failure)
            sys.exit(failure.status)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        sys.exit(DONE if status is None else status)

    return command


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows as text, the columns under each other; the last column is not padded."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join([*cells[:-1], row[-1]]).rstrip())
    return "\n".join(lines)
