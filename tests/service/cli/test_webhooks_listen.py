"""A developer sees each event of the demo's sandbox, verified, and nothing stays behind."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from service.cli.replay.sender import Sender, read_target
from service.cli.screen import REFUSED, Failure, TextScreen
from service.cli.webhooks_listen import Window, read_key
from service.kernel.clock import SystemClock
from tests.service.cli.test_demo import paste
from tests.support.stub_receiver import StubReceiver, status
from tests.support.terminal import PAYGUARD, Process, Terminal
from tests.support.webhooks import SECRET_TEXT, signed_delivery

PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def demo() -> Iterator[Process]:
    with Process("demo", "--bare", "--port", "0", environment={}) as process:
        yield process


class Listening:
    """`payguard webhooks listen` as a process of its own."""

    def __init__(self, demo: Process, *options: str) -> None:
        self.key_file = demo.ready["shops"][0]["file"]
        self.said: tuple[str, ...] = ()
        command = [str(PAYGUARD), "webhooks", "listen", "--url", demo.url]
        self.process = subprocess.Popen(
            [*command, "--key-file", self.key_file, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )

    def until_it_listens(self) -> None:
        assert self.process.stderr is not None
        assert "Ctrl-C" in self.process.stderr.readline()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.end()

    def end(self) -> tuple[int, str, str]:
        """Wait for its end; return its exit status and what it said."""
        if not self.said:
            self.said = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, *self.said

    def stop(self, by: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        self.process.send_signal(by)
        return self.end()


def endpoints(demo: Process) -> list[dict[str, Any]]:
    key = read_key(Path(demo.ready["shops"][0]["file"]))
    sender = Sender(read_target(demo.url), key=key, clock=SystemClock(), wait=lambda _s: True)
    try:
        found: list[dict[str, Any]] = sender.get("/v1/webhook_endpoints").body["endpoints"]
        return found
    finally:
        sender.close()


def pay(demo: Process, folder: Path) -> dict[str, Any]:
    """Make a payment of the first shop, a new one each time."""
    line = demo.ready["lines"][0]["line"].replace("kites-order-0001", f"order-{time.time_ns()}")
    paid: dict[str, Any] = json.loads(paste(line, folder))
    return paid


def until(says: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not says():
        assert time.monotonic() < ends, "it did not come to that in time"
        time.sleep(0.05)


@pytest.mark.servers
def test_each_event_is_a_line_with_its_verdict(demo: Process, tmp_path: Path) -> None:
    with Listening(demo, "--count", "1") as listening:
        listening.until_it_listens()
        paid = pay(demo, tmp_path)
        code, out, errors = listening.end()

    assert code == 0
    assert "payguard.payment.moved" in out
    assert paid["id"] in out
    assert "signature ok" in out
    assert "removed" in errors
    assert endpoints(demo) == []


@pytest.mark.servers
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_removes_the_endpoint(demo: Process, by: signal.Signals) -> None:
    with Listening(demo) as listening:
        listening.until_it_listens()
        assert len(endpoints(demo)) == 1
        code, out, _ = listening.stop(by)

    assert (code, out) == (0, "")
    assert endpoints(demo) == []


@pytest.mark.servers
def test_as_json_each_event_is_one_line_and_no_secret_is_shown(
    demo: Process, tmp_path: Path
) -> None:
    with Listening(demo, "--json", "--count", "1") as listening:
        until(lambda: len(endpoints(demo)) == 1)
        paid = pay(demo, tmp_path)
        _, out, errors = listening.end()

    [line] = out.splitlines()
    seen = json.loads(line)
    assert (seen["signature"], seen["answered"]) == ("ok", 200)
    assert (seen["subject"], seen["event"]["data"]["payment_id"]) == (paid["id"],) * 2
    assert "whsec_" not in out + errors


@pytest.mark.servers
def test_an_event_is_handed_on_and_the_answer_is_the_servers(demo: Process, tmp_path: Path) -> None:
    with (
        StubReceiver(status(503)) as own,
        Listening(demo, "--json", "--count", "1", "--forward", own.url) as listening,
    ):
        until(lambda: len(endpoints(demo)) == 1)
        pay(demo, tmp_path)
        _, out, _ = listening.end()

    assert json.loads(out)["answered"] == 503
    head, _, body = own.requests[0].partition(b"\r\n\r\n")
    assert b"webhook-signature: v1," in head
    assert json.loads(body) == json.loads(out)["event"]


@pytest.mark.servers
def test_a_service_that_says_no_is_told_in_its_words(demo: Process, fresh: Terminal) -> None:
    result = fresh(
        *("webhooks", "listen", "--url", demo.url, "--key-file", demo.ready["shops"][0]["file"]),
        *("--at", "https://127.1/", "--json"),
    )

    assert result.exit_code == REFUSED
    assert json.loads(result.stdout)["error"]["code"] == "webhook_url_not_allowed"


@pytest.mark.parametrize(
    ("text", "code"),
    [("nonsense", "key_file_unusable"), ("pgk_live_" + "a" * 52, "key_is_live")],
)
def test_a_file_without_a_sandbox_key_is_refused(tmp_path: Path, text: str, code: str) -> None:
    file = tmp_path / "key"
    file.write_text(text)

    with pytest.raises(Failure) as failure:
        read_key(file)

    assert failure.value.code == code
    assert text not in failure.value.what + failure.value.then


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "ok"),
        ({"webhook-timestamp": "1"}, "clock"),
        ({"webhook-signature": "v1,AAAA"}, "signature"),
        ({"webhook-id": ""}, "headers"),
    ],
)
def test_what_is_wrong_with_a_signature_is_shown(
    capsys: pytest.CaptureFixture[str], changed: dict[str, str], verdict: str
) -> None:
    headers, body, public_key = signed_delivery(now=SystemClock().now())
    made = {"secret": SECRET_TEXT, "public_keys": [{"public_key": public_key}]}
    window = Window(TextScreen(), made, forward=None, count=None)

    assert window.take({**headers, **changed}, body) == 200

    assert f"signature {verdict}" in capsys.readouterr().out
