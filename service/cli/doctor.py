"""`payguard doctor`: runs every check and says what to do. Changes nothing."""

import click
import msgspec

from service.cli.checks import Check, run_checks
from service.cli.screen import DONE, SOMETHING_FAILED, Screen, reporting

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    checks: tuple[Check, ...]
    failed: int
    warned: int


@click.command()
@reporting
def doctor(screen: Screen) -> int:
    """Look for what is wrong, and say for each thing what to do.

    Ends with 1 when a check failed. A warning says what may become wrong, or what is not so here
    by choice, such as a service that does not run.
    """
    checks = run_checks()
    failed = sum(check.state == "fail" for check in checks)
    warned = sum(check.state == "warn" for check in checks)
    lines = [_line(check) for check in checks]
    lines.append(f"\n{len(checks)} checks, {failed} failed, {warned} warnings")
    report = Report(checks=checks, failed=failed, warned=warned)
    screen.show(report, "\n".join(lines))
    return SOMETHING_FAILED if failed else DONE


def _line(check: Check) -> str:
    mark = click.style(check.state.ljust(4), fg=_COLOURS[check.state], bold=check.state != "ok")
    line = f"{mark}  {check.name.ljust(14)}{check.what}"
    return f"{line}\n{' ' * 20}next: {check.then}" if check.then else line
