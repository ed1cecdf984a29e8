"""`payguard rules`: looks into files of rules before anyone uses them. Changes nothing."""

from pathlib import Path
from typing import Final

import click
import msgspec

from service.cli.screen import DONE, SOMETHING_FAILED, Failure, Screen, reporting

ENDING: Final = "*.toml"


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints: how much was read, all that is wrong, and which rules are in vain."""

    files: int
    rules: int
    tests: int
    faults: tuple["FaultShown", ...]
    doubts: tuple["DoubtShown", ...]


class FaultShown(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong; `line` and `column` from 1, 0 where the whole file is meant."""

    file: str
    line: int
    column: int
    rule: str | None
    what: str


class DoubtShown(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that stands and is in vain."""

    rule: str
    what: str


@click.group()
def rules() -> None:
    """Rules: what a file says, whether it fits, and whether its own tests hold."""


@rules.command()
@click.argument("place", type=click.Path(path_type=Path), metavar="FILE|FOLDER")
@reporting
def check(screen: Screen, place: Path) -> int:
    """Parse rules, check their types, and run the tests that they bring.

    Says as well which rules never hit, or add nothing to another; that is no fault.
    """
    from risk.feature import load_features
    from risk.rules.fields import make_fields
    from risk.rules.prover import doubts
    from risk.rules.reader import FILES_MAX, read_rules

    files = sorted(place.glob(ENDING)) if place.is_dir() else [place]
    if not files or len(files) > FILES_MAX:
        raise Failure(
            "no_rules",
            f"{place} holds {len(files)} files of rules",
            then=f"name a file, or a folder of 1 to {FILES_MAX} files that end in .toml",
        )
    fields = make_fields(load_features())
    read = [read_rules(str(file), _bytes(file), fields) for file in files]
    codes = [rule.code for one in read for rule in one.rules]
    faults = [FaultShown(**msgspec.structs.asdict(fault)) for one in read for fault in one.faults]
    faults += [
        FaultShown(file=str(place), line=0, column=0, rule=code, what="two files have this rule")
        for code in sorted({code for code in codes if codes.count(code) > 1})
    ]
    result = Checked(
        files=len(files),
        rules=len(codes),
        tests=sum(one.tests for one in read),
        faults=tuple(faults),
        doubts=tuple(
            DoubtShown(rule=one.rule, what=one.what)
            for one in doubts([rule for one in read for rule in one.rules])
        ),
    )
    screen.show(result, _text(result))
    return SOMETHING_FAILED if faults else DONE


def _bytes(file: Path) -> bytes:
    from risk.rules.reader import FILE_BYTES_MAX

    try:
        with file.open("rb") as opened:
            return opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Failure(
            "file_unreadable",
            f"cannot read {file}: {error.strerror}",
            then="name a file of rules that you may read",
        ) from error


def _text(result: Checked) -> str:
    lines = [
        f"{fault.file}:{fault.line}:{fault.column}:"
        f"{f' {fault.rule}:' if fault.rule else ''} {fault.what}"
        for fault in result.faults
    ]
    ending = f"{len(lines)} wrong" if result.faults else "nothing wrong"
    lines += [f"{one.rule}: {one.what}" for one in result.doubts]
    lines.append(
        f"{result.files} files, {result.rules} rules that stand, {result.tests} tests: {ending}"
    )
    return "\n".join(lines)
