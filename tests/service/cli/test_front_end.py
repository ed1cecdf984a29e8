import http.client
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from service.cli.front_end import FrontEnd, stop_s
from service.front.threads import DrainingWorker
from service.front.worker import CooperativeWorker
from service.settings import Settings
from tests.support.terminal import Terminal

Kind = Literal["cooperative", "threads"]
PATIENCE_S = 60.0
WAITING = 5
# How many a shell of some systems allows at first.
DESCRIPTORS = 256
REQUEST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def test_gunicorn_takes_our_settings_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--workers 9 --access-logfile -")

    chosen = Settings(workers=3, threads=5, front_end="threads")
    configured = FrontEnd(chosen, listener=7).cfg

    assert (configured.workers, configured.threads) == (3, 5)
    assert configured.address == [7]
    assert configured.accesslog is None


def test_nobody_reaches_the_control_socket_or_sets_a_path_by_a_header() -> None:
    configured = FrontEnd(Settings(), listener=7).cfg

    assert configured.control_socket_disable
    assert configured.forwarded_allow_ips == []
    assert configured.forwarder_headers == []


def test_a_stop_leaves_a_request_its_whole_deadline() -> None:
    settings = Settings(deadline_ms=60_000)

    assert stop_s(settings) > 60
    assert FrontEnd(settings, listener=7).cfg.graceful_timeout == stop_s(settings)


@pytest.mark.parametrize(
    ("front_end", "worker"), [("threads", DrainingWorker), ("cooperative", CooperativeWorker)]
)
def test_workers_are_the_ones_that_drain(front_end: Kind, worker: type) -> None:
    assert FrontEnd(Settings(front_end=front_end), listener=7).cfg.worker_class is worker


def test_the_parser_is_the_one_that_the_attack_suite_ran_on() -> None:
    assert FrontEnd(Settings(), listener=7).cfg.http_parser == "python"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as opened:
        yield opened


@pytest.fixture(params=["threads", "cooperative"])
def front_end(
    payguard: Terminal, listener: socket.socket, request: pytest.FixtureRequest
) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "PAYGUARD_FRONT_END": request.param,
        "PAYGUARD_DATA_DIR": str(payguard.home),
        "PAYGUARD_WORKERS": "1",
    }
    process = subprocess.Popen(
        [
            *("/bin/sh", "-c", f'ulimit -S -n {DESCRIPTORS}; exec "$@"', "sh"),
            *(sys.executable, "-m", "service.cli.front_end", str(listener.fileno())),
        ],
        env=environment,
        pass_fds=(listener.fileno(),),
        stderr=subprocess.DEVNULL,
    )
    with process:
        yield process
        process.kill()


def is_alive(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def until_alive(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_alive(port):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def worker_of(process: subprocess.Popen[bytes]) -> int:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        pytest.skip("no /proc that names a process's children")
    return int(children.read_text().split()[0])


@pytest.mark.servers
def test_what_waits_in_the_socket_is_answered_before_it_closes(
    listener: socket.socket, front_end: subprocess.Popen[bytes]
) -> None:
    port = listener.getsockname()[1]
    until_alive(port)
    # A worker that does not look leaves connections in the kernel's queue.
    os.kill(worker_of(front_end), signal.SIGSTOP)
    waiting = [socket.create_connection(("127.0.0.1", port), PATIENCE_S) for _ in range(WAITING)]
    for one in waiting:
        one.sendall(REQUEST)
    worker = worker_of(front_end)
    listener.close()

    front_end.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    os.kill(worker, signal.SIGCONT)

    answers = [one.recv(12) for one in waiting]
    for one in waiting:
        one.close()
    assert answers == [b"HTTP/1.1 200"] * WAITING
    assert front_end.wait(PATIENCE_S) == 0


@pytest.mark.servers
def test_a_worker_without_free_descriptors_goes_on_when_there_are_some(
    listener: socket.socket, front_end: subprocess.Popen[bytes]
) -> None:
    port = listener.getsockname()[1]
    until_alive(port)
    worker = worker_of(front_end)
    few, most = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    assert few == most > DESCRIPTORS

    opened = len(list(Path(f"/proc/{worker}/fd").iterdir()))
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (opened + 2, most))
    waiting = [socket.create_connection(("127.0.0.1", port), PATIENCE_S) for _ in range(WAITING)]
    for one in waiting:
        one.sendall(REQUEST[:9])
    assert not is_alive(port)
    for one in waiting:
        one.close()

    until_alive(port)
    assert worker_of(front_end) == worker
