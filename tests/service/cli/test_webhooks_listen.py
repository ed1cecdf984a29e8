"""A developer sees each event of the demo's sandbox, verified, and nothing stays behind."""

import contextlib
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
from service.cli.screen import NO_ANSWER, REFUSED, Failure, TextScreen
from service.cli.webhooks_listen import Forward, Window, endpoint, read_key, sender_to
from service.kernel.clock import SystemClock
from tests.service.cli.test_demo import paste
from tests.support.stub_receiver import Line, StubReceiver, status
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


# Its endpoint.

PLACE = "http://127.0.0.1:1/"
MADE = {"id": "whe_1", "secret": SECRET_TEXT, "public_keys": []}


class Answers:
    """A service that gives one answer a connection, and closes it; the last one for ever."""

    def __init__(self, *answers: tuple[int, dict[str, Any]]) -> None:
        self.answers = list(answers)

    def __call__(self, line: Line) -> None:
        if line.request() is None:
            return
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        content = json.dumps(body).encode()
        line.send(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (status, len(content)) + content)


def asked(receiver: StubReceiver) -> list[str]:
    return [one.split(b" ")[1].decode() for one in receiver.requests]


def listened(service: StubReceiver) -> None:
    """Make an endpoint and remove it."""
    sender = sender_to(f"http://127.0.0.1:{service.port}", key="k")
    with contextlib.closing(sender), endpoint(TextScreen(), sender, PLACE):
        # As long as it takes until the service has closed the connection.
        time.sleep(0.1)


def test_an_endpoint_is_removed_though_the_kept_connection_was_closed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with StubReceiver(Answers((201, MADE), (200, {}))) as service:
        listened(service)

    assert asked(service) == ["/v1/webhook_endpoints", "/v1/webhook_endpoints/whe_1/delete"]
    assert "is removed" in capsys.readouterr().err


def test_an_endpoint_that_is_left_behind_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    refusal = (403, {"code": "scope_missing"})
    with (
        StubReceiver(Answers((201, MADE), refusal)) as service,
        pytest.raises(Failure) as failure,
    ):
        listened(service)

    assert (failure.value.code, failure.value.status) == ("endpoint_left", NO_ANSWER)
    assert "whe_1" in failure.value.what
    assert "endpoints delete whe_1" in failure.value.then
    assert "removed" not in capsys.readouterr().err


def test_one_that_was_removed_meanwhile_is_removed() -> None:
    with StubReceiver(Answers((201, MADE), (404, {"code": "x"}))) as service:
        listened(service)

    assert len(asked(service)) == 2


@pytest.mark.long
@pytest.mark.parametrize("status", [500, 503])
def test_what_may_have_been_made_is_not_told_as_nothing(status: int) -> None:
    with (
        StubReceiver(Answers((status, {"code": "result_unknown"}))) as service,
        pytest.raises(Failure, match="did not say whether") as failure,
    ):
        listened(service)

    assert (failure.value.code, failure.value.status) == ("result_unknown", NO_ANSWER)
    assert "GET /v1/webhook_endpoints" in failure.value.then
    assert len(asked(service)) == (1 if status == 500 else 3)


def test_without_its_secret_the_public_keys_tell(capsys: pytest.CaptureFixture[str]) -> None:
    headers, body, public_key = signed_delivery(now=SystemClock().now())
    made = {"secret": None, "public_keys": [{"public_key": public_key}]}
    window = Window(TextScreen(), made, forward=None, count=None)

    window.take(headers, body)
    window.take({**headers, "webhook-signature": "v1a,AAAA"}, body)

    good, bad = capsys.readouterr().out.splitlines()
    assert "signature ok" in good
    assert "signature signature" in bad


@pytest.mark.parametrize("told", [None, [1], "text", {"status": 5}])
def test_any_data_is_shown(capsys: pytest.CaptureFixture[str], told: object) -> None:
    _, _, public_key = signed_delivery(now=SystemClock().now())
    made = {"secret": None, "public_keys": [{"public_key": public_key}]}
    window = Window(TextScreen(), made, forward=None, count=None)

    assert window.take({}, json.dumps({"type": "odd", "data": told}).encode()) == 200

    assert "odd" in capsys.readouterr().out


# Handing on.


@pytest.mark.parametrize("path", ["/hooks/", "/hooks?shop=1&x=%2F", "/", ""])
def test_an_event_is_handed_on_to_the_very_address(path: str) -> None:
    with StubReceiver() as own:
        assert Forward(f"http://127.0.0.1:{own.port}{path}").send({}, b"{}") == 200

    assert asked(own) == [path or "/"]


@pytest.mark.parametrize("code", [499, 520])
def test_a_status_that_nobody_registered_is_handed_back(code: int) -> None:
    headers, body, public_key = signed_delivery(now=SystemClock().now())
    made = {"secret": SECRET_TEXT, "public_keys": [{"public_key": public_key}]}
    with StubReceiver(status(code)) as own:
        window = Window(TextScreen(), made, forward=Forward(own.url), count=None)

        assert window.take(headers, body) == code
