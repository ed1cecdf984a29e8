"""The unit files for those who run the three kinds of process apart: their commands really run."""

import configparser
import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clients import Client, NoAnswer
from tests.support.servers import ROOT
from tests.support.writer import until

pytestmark = [pytest.mark.servers, pytest.mark.long]

UNITS = ROOT / "deploy/systemd"
IN_ORDER = ("payguard-writer", "payguard-worker", "payguard-front-end")
INSTALLED = "/opt/payguard/bin/"
HANDED_OVER = 3


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names of units keep their case
    parser.read_string((UNITS / name).read_text())
    return parser


def command(line: str) -> list[str]:
    """Return a unit's command as this environment has it."""
    program, *arguments = shlex.split(line)
    assert program.startswith(INSTALLED)
    place = Path(sys.executable).with_name(program.removeprefix(INSTALLED))
    return [str(place), *arguments]


def settings_given() -> dict[str, str]:
    lines = (UNITS / "payguard.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def writable(service: configparser.SectionProxy) -> set[str]:
    """Return the folders that a unit may write although the rest of the machine is read-only."""
    return {
        *service.get("ReadWritePaths", "").split(),
        *(f"/var/lib/{name}" for name in service.get("StateDirectory", "").split()),
        *(f"/run/{name}" for name in service.get("RuntimeDirectory", "").split()),
    }


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    given = settings_given()
    assert given.keys() == {"PAYGUARD_DATA_DIR", "PROMETHEUS_MULTIPROC_DIR"}
    places = {}
    for name in given:
        places[name] = str(tmp_path / name.lower())
        Path(places[name]).mkdir(mode=0o700)
    return {**os.environ, **places}


@pytest.fixture
def port(environment: dict[str, str]) -> Iterator[int]:
    """Start what the units start, in the units' order; stop it in the reverse one."""
    running = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for name in IN_ORDER:
            service = unit(f"{name}.service")["Service"]
            if "ExecStartPre" in service:
                subprocess.run(command(service["ExecStartPre"]), env=environment, check=True)
            words = command(service["ExecStart"])
            if words[-1] == str(HANDED_OVER):
                words[-1] = str(listener.fileno())
            running.append(subprocess.Popen(words, env=environment, pass_fds=[listener.fileno()]))
        yield listener.getsockname()[1]
        for process in reversed(running):
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


def test_the_commands_of_the_units_make_a_service(port: int) -> None:
    def is_ready() -> bool:
        with contextlib.suppress(NoAnswer), Client(port, "nobody") as client:
            return client.get("/readyz").status == 200
        return False

    until(is_ready, tries=3_000)


@pytest.mark.parametrize("name", IN_ORDER)
def test_each_is_started_again_for_ever_and_owns_nothing_more_than_it_needs(name: str) -> None:
    found = unit(f"{name}.service")

    assert found["Service"]["Restart"] == "always"
    assert found["Unit"]["StartLimitIntervalSec"] == "0"
    assert found["Service"]["User"] == "payguard"
    assert found["Service"]["NoNewPrivileges"] == "yes"
    assert found["Service"]["UMask"] == "0077"


@pytest.mark.parametrize("name", IN_ORDER)
def test_each_may_write_every_folder_that_the_settings_name(name: str) -> None:
    service = unit(f"{name}.service")["Service"]

    assert service["ProtectSystem"] == "strict"
    assert set(settings_given().values()) <= writable(service)


def test_a_folder_made_for_all_stays_when_the_one_that_made_it_stops() -> None:
    services = {name: unit(f"{name}.service")["Service"] for name in IN_ORDER}
    makers = [one for one in services.values() if "RuntimeDirectory" in one]

    assert [one["RuntimeDirectoryPreserve"] for one in makers] == ["yes"]


def test_whoever_asks_starts_after_and_so_stops_before_the_one_who_answers() -> None:
    after = {name: unit(f"{name}.service")["Unit"].get("After", "") for name in IN_ORDER}

    assert "payguard-writer.service" in after["payguard-worker"]
    assert {"payguard-writer.service", "payguard-worker.service"} <= set(
        after["payguard-front-end"].split()
    )
