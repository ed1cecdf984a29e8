"""Known secrets sent through every endpoint, well and badly: none is found where it may not be."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import quote

import msgspec
import pytest

from service import wsgi
from service.db.places import Database
from service.http.routes import Route
from service.rooms.payments.contract import CancelPayment, PaymentReply
from service.unit_of_work.commands import Call, Command
from service.unit_of_work.handlers import Context, Handler, View, no_entities
from service.unit_of_work.outcome import Accepted
from tests.contract.conftest import new_database
from tests.contract.house import Holder, House
from tests.contract.places import EXTRA, approved, good_request
from tests.contract.shapes import fullest, sample, texts
from tests.support.places import dump

EMAIL: Final = "canary.zhao@hostile-example.cn"
PHONE: Final = "+86 138-0013-8000"
IP: Final = "198.51.100.23"
# What each of them could be kept as; a phone's layout goes first.
PERSONAL: Final = (EMAIL, EMAIL.upper(), "canary.zhao", PHONE, "13800138000", IP)
# Published test numbers: Visa, Mastercard, American Express, UnionPay; spaced and in other digits.
CARDS: Final = (
    *("4111111111111111", "5555555555554444", "378282246310005", "6200000000000005"),
    *("4111 1111 1111 1111", "5555-5555-5555-4444"),
    "".join(chr(0xFF10 + int(digit)) for digit in "4111111111111111"),
)
PASSWORD: Final = "correct-horse-canary-battery"
NAME: Final = "Canary Zhao Wei"
ONCE: Final = "idempotency-canary-5150"
USER_AGENT: Final = "CanaryBrowser/77"


class BreakPayment(Command, frozen=True, kw_only=True):
    """A command whose handler fails with its secrets in hand."""

    gives: ClassVar[type[msgspec.Struct]] = PaymentReply

    secret: str


def _break(_view: View, command: BreakPayment, _ctx: Context) -> Accepted:
    raise ValueError(f"cannot go on with {command.secret}")


FAULTY: Final = Handler(
    command=BreakPayment,
    run=_break,
    keys=lambda _command, _call: (),
    reads=lambda _command, _call: (),
    entities=no_entities,
)


class Canary:
    """A house with what was sent to it and what came back."""

    def __init__(self, folder: Path, database: Database | None) -> None:
        self.house = House(folder, extra=(*EXTRA, FAULTY), database=database, log_level="debug")
        merchant = self.house.merchant()
        self.key = self.house.key(merchant)
        self.tokens: list[str] = []
        self.refused: list[bytes] = []
        self.house.app.config["PROPAGATE_EXCEPTIONS"] = False

    def send(self, method: str, path: str, **given: Any) -> Any:
        given.setdefault("key", self.key)
        once = {"Idempotency-Key": f"{ONCE}-{self.house.next():06d}"}
        headers = once | given.pop("headers", {})
        answer = self.house.send(method, path, headers=headers, **given)
        if answer.status >= 400:
            self.refused.append(answer.body + json.dumps(answer.headers).encode())
        elif answer.headers["Content-Type"] == "application/json":
            shown = (answer.json.get(name) for name in ("payment_token", "secret"))
            self.tokens += [one for one in shown if one]
        return answer

    def logs(self) -> str:
        return "".join(one.getvalue().decode() for one in self.house.lines.values())

    def metrics(self) -> str:
        text: str = self.house.app.test_client().get("/metrics").text
        return text

    def stored(self) -> bytes:
        """Return every byte of the database's files, or of its rows, and of nothing else."""
        database = self.house.settings.database
        if isinstance(database, Database):
            return dump(database)
        folder = self.house.settings.data_dir
        return b"".join(path.read_bytes() for path in sorted(folder.glob("payguard.sqlite*")))

    def everywhere(self) -> dict[str, bytes]:
        return {
            "logs": self.logs().encode(),
            "metrics": self.metrics().encode(),
            "error bodies": b"\n".join(self.refused),
            "database": self.stored(),
        }


def personal(house: House, **more: Any) -> dict[str, Any]:
    """Return a payment's body with everything personal that it may hold."""
    body = house.body(payee={"payee_id": "test:approve", "name": NAME})
    body["payer"] |= {"email": EMAIL, "phone": PHONE}
    body["device"] |= {"ip": IP, "user_agent": USER_AGENT}
    return body | {"metadata": {"password": PASSWORD}} | more


@pytest.fixture(scope="module")
def canary(
    tmp_path_factory: pytest.TempPathFactory, store_kind: str, request: pytest.FixtureRequest
) -> Iterator[Canary]:
    # The other tests of this file have a house over another database.
    made = Canary(tmp_path_factory.mktemp("canary"), new_database(store_kind, request))
    _good(made)
    _bad(made)
    _broken(made)
    made.house.worker.run_once()
    # Feature state is written while nobody asks for anything.
    deadline = time.perf_counter() + 5
    while made.house.writer.cache.waiting and time.perf_counter() < deadline:
        time.sleep(0.01)
    yield made
    made.house.close()


def _good(canary: Canary) -> None:
    """Every route with a request that it accepts; creations with everything personal."""
    house, key = canary.house, canary.key
    for route in wsgi.ROUTES:
        path, body = good_request(house, key, route.name)
        if route.path == "/v1/payments" and body is not None:
            body = personal(house)
        if route.path.endswith("/execute"):
            request = personal(house)
            created = canary.send("POST", "/v1/payments", body=request).json
            same = {name: request[name] for name in ("amount", "payee", "device")}
            path = f"/v1/payments/{created['id']}/execute"
            body = {"payment_token": created["payment_token"], **same}
        answer = canary.send(route.method.upper(), path, body=body)
        assert answer.status == route.gives[0], (route.name, answer)
    guest = personal(house)
    guest["payer"] = {"email": EMAIL}
    assert canary.send("POST", "/v1/payments", body=guest).status == 201
    guest = personal(house)
    guest["payer"] = {"phone": PHONE}
    assert canary.send("POST", "/v1/payments", body=guest).status == 201


def _bad(canary: Canary) -> None:
    """Every route with secrets in path, query, headers and a broken body."""
    house, key = canary.house, canary.key
    secrets = (EMAIL, PHONE, IP, *CARDS, key.text, PASSWORD, NAME)
    for route in wsgi.ROUTES:
        method = route.method.upper()
        path, body = good_request(house, key, route.name)
        for secret in secrets:
            quoted = quote(secret, safe="")
            unknown = route.path.format(**dict.fromkeys(route.parameters, quoted))
            canary.send(method, unknown if route.parameters else f"/{quoted}", body=body)
            canary.send(method, f"{path}?{quoted}={quoted}", body=body)
            canary.send(method, f"{path}?status={quoted}&reference=%zz{quoted}", body=body)
            canary.send(secret.split()[0].upper()[:10], path, body=body)
            if body is not None:
                canary.send(method, path, body=body | {secret: secret})
                canary.send(method, path, body=b'{"a": "' + secret.encode() + b'", ]')
            sent = {
                "HTTP_COOKIE": f"session={secret}",
                "HTTP_TRACEPARENT": secret,
                "HTTP_ACCEPT_LANGUAGE": secret,
                "HTTP_PAYGUARD_DEADLINE_MS": secret,
            }
            canary.send(
                method,
                path,
                body=body,
                **{name: text.encode().decode("latin-1") for name, text in sent.items()},
            )
        canary.send(method, path, body=body, key=None, HTTP_AUTHORIZATION=f"Basic {key.text}")
        canary.send(method, path, body=body, key=None, HTTP_AUTHORIZATION=f"Bearer {key.text}x")


def _broken(canary: Canary) -> None:
    """Faults in the front end and in the writer, each with secrets in hand."""
    house = canary.house
    call: Call = house.call_of(canary.key)
    for secret in (EMAIL, IP, CARDS[0], PASSWORD, canary.key.text, canary.tokens[-1]):
        with pytest.raises(Exception, match="cmd_"):
            house.do(BreakPayment(secret=secret), call)
    payment = approved(house, canary.key)
    del house.writer.handlers._by_type[CancelPayment]
    broken = canary.send("POST", f"/v1/payments/{payment['id']}/cancel", body={"reason": NAME})
    assert broken.status == 500


def found(text: str, where: dict[str, bytes]) -> list[str]:
    forms = {text.encode(), quote(text).encode(), text.encode("utf-16-le")}
    escaped = json.dumps(text)[1:-1].encode()
    return [name for name, held in where.items() if any(one in held for one in (*forms, escaped))]


def test_the_canary_finds_what_is_there(canary: Canary) -> None:
    where = canary.everywhere()

    # Metadata and names are facts, so they are in the store: what searches there works.
    assert found(PASSWORD, where) == ["database"]
    assert "database" in found(NAME, where)
    assert found("payment.executed", where) == ["database"]
    assert found("request_answered", where) == ["logs"]
    assert len(canary.tokens) >= 3
    assert len(canary.refused) > 500


@pytest.mark.parametrize("secret", PERSONAL)
def test_no_contact_and_no_address_of_a_payer_is_kept_or_told(canary: Canary, secret: str) -> None:
    assert found(secret, canary.everywhere()) == []


@pytest.mark.parametrize("secret", CARDS)
def test_no_card_number_is_kept_or_told(canary: Canary, secret: str) -> None:
    assert found(secret, canary.everywhere()) == []


def test_no_key_and_no_token_is_kept_or_told(canary: Canary) -> None:
    where = canary.everywhere()

    for secret in (canary.key.text, canary.key.text.rpartition("_")[2], ONCE, *canary.tokens):
        assert found(secret, where) == []
        assert found(secret.rpartition(".")[2], where) == []


def test_what_may_be_kept_is_not_logged(canary: Canary) -> None:
    where = canary.everywhere()
    del where["database"]

    for secret in (PASSWORD, NAME, USER_AGENT, "test:approve"):
        assert found(secret, where) == []


def test_the_faults_of_both_processes_are_logged_by_kind_alone(canary: Canary) -> None:
    lines = [json.loads(line) for line in canary.logs().splitlines()]
    faults = [line for line in lines if line["event"] in {"command_faulted", "request_failed"}]

    assert {line["process"] for line in faults} >= {"writer", "front_end"}
    assert all("cannot go on" not in json.dumps(line) for line in faults)
    assert not [line for line in lines if line["event"] == "misnamed_event"]


TAKING: Final = [route for route in wsgi.ROUTES if route.takes]


@pytest.mark.long
@pytest.mark.parametrize("route", TAKING, ids=lambda route: route.name)
@pytest.mark.parametrize("card", CARDS)
def test_a_card_number_is_refused_in_every_place_of_every_body(
    house: House, ada: Holder, route: Route, card: str
) -> None:
    assert route.takes is not None
    identity = "01M8693804KV09GNB36AH50ZYS"
    path = route.path.format(**dict.fromkeys(route.parameters, f"pay_{identity}"))
    before = house.query("SELECT sequence FROM writer")

    for place in texts(route.takes):
        body = fullest(route.takes, lambda one: card if one == place else sample(one))  # noqa: B023  called at once
        answer = house.send("POST", path, key=ada, body=body)

        assert (answer.status, answer.code) == (422, "card_number_not_allowed"), place
        assert card not in answer.body.decode()

    assert house.query("SELECT sequence FROM writer") == before
