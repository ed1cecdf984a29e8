"""The command line as a test uses it: in this process, or as a process of its own."""

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from click.testing import CliRunner, Result

from service.cli import main
from service.db.places import Database

PAYGUARD: Final = Path(sys.executable).with_name("payguard")
# A demo lives through six weeks and trains first; on a busy machine that takes minutes.
READY_S: Final = 300.0
STOP_S: Final = 60.0


class Terminal:
    """Runs commands in this process over one data folder, and a database if it is told one."""

    def __init__(self, home: Path, database: Database | None = None) -> None:
        self.home = home
        self.environment: dict[str, str] = {"PAYGUARD_DATA_DIR": str(home)}
        if database is not None:
            self.environment |= {
                "PAYGUARD_DATABASE_URL": database.writer,
                "PAYGUARD_READER_URL": database.reader,
                "PAYGUARD_OWNER_URL": database.owner,
            }

    def __call__(self, *arguments: object, **environment: str) -> Result:
        """Run a command; its exit status and what it printed are in the result."""
        if arguments and arguments[0] == "restore":
            # What commands before it opened in this process, and the collector has yet to find,
            # would count as somebody who has the store open.
            gc.collect()
        variables = {**self.environment, **environment}
        result = CliRunner(env=variables).invoke(main, [str(one) for one in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def json(self, *arguments: object, **environment: str) -> Any:
        """Run a command with `--json` and return what it printed."""
        return json.loads(self(*arguments, "--json", **environment).stdout)


class Told(NamedTuple):
    """A demo's data after its end, and what it had printed."""

    payguard: Terminal
    said: dict[str, Any]


class Process:
    """A long-running command as a process of its own, from its ready line to its end."""

    def __init__(self, *arguments: object, environment: Mapping[str, str]) -> None:
        self._command = [str(PAYGUARD), *(str(one) for one in arguments), "--json"]
        self._environment = {**os.environ, **environment}

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        self.ready: dict[str, Any] = self._read()
        if "error" in self.ready:
            self.process.communicate()
            raise AssertionError(f"not ready: {self.ready['error']}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.stop()

    @property
    def url(self) -> str:
        """Where it answers."""
        return str(self.ready["url"])

    def children(self, module: str) -> list[int]:
        """Return its processes that run a module."""
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                words = (folder / "cmdline").read_text().split("\0")
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.process.pid and module in words:
                    found.append(int(folder.name))
        return found

    def stop(self, *, by: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Stop it as a terminal does, by a signal to its group, which is not its children's.

        Returns:
            Its exit status, and what it wrote to standard error.
        """
        os.killpg(self.process.pid, by)
        _, errors = self.process.communicate(timeout=STOP_S)
        return self.process.returncode, errors

    def _read(self) -> dict[str, Any]:
        """Return the document that it prints when it is ready."""
        assert self.process.stdout is not None
        text = ""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            line = self.process.stdout.readline()
            text += line
            if line == "}\n" or not line:
                break
        if not text.endswith("}\n"):
            self.process.kill()
            _, errors = self.process.communicate()
            raise AssertionError(f"not ready: {text}{errors}")
        found: dict[str, Any] = json.loads(text)
        return found


def run(arguments: Sequence[object], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own until it ends."""
    return subprocess.run(
        [PAYGUARD, *(str(one) for one in arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
        text=True,
        timeout=READY_S,
    )
