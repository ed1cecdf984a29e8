"""Naughty strings wherever a string goes: no fault, and what is accepted is stored as sent."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
import pytest

from service import wsgi
from service.http.routes import Route
from service.rooms.payments import queries
from service.rooms.payments.contract import CreatePaymentRequest, EventRequest, PaymentFacts
from tests.contract.house import Holder, House
from tests.contract.places import approved, at
from tests.contract.shapes import OWN, Text, fullest, look, sample, texts

STRINGS: Final = 515
# Beside those that others collected: directions, look-alikes, joiners, edges of planes, controls.
MORE: Final = (
    *(
        "\u202e123\u202c",
        "\u2066left\u2069",
        "\u0430dmin",
        "\uff50\uff41ypal",
        "pay\u200dpal",
        "e\u0301",
    ),
    *("\ufffe", "\uffff", "\U0010ffff", "\u2028", "\u0085", "\ufeff", "\x7f", "\x1b[31m", "\r\n"),
    *(
        "👨‍👩‍👧‍👦",
        "ﷺ",
        "\u0300" * 40,
        "İ",
        "ß",
        "<!--",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "%00",
        "%s%n",
    ),
)
REFUSED_AS_TEXT: Final = ("\0", "a\0b", "\ud800", "\udfff\ud800", "a\udc00")
TAKING: Final = [route for route in wsgi.ROUTES if route.takes]
SHORTER_MAX: Final = 6
# Shorter ones may stand in our own sentences.
ECHO_CHARS: Final = 12


@pytest.fixture(scope="module")
def naughty(material: Path, sized: Callable[..., int]) -> list[str]:
    found: list[str] = json.loads((material / "attack" / "blns" / "blns.json").read_text())
    assert len(found) == STRINGS
    return [*found[:: sized(quick=4, ci=2, full=1)], *MORE]


def fill_with(text: str) -> Callable[[Text], str]:
    """Return what puts a text wherever the contract lets it in, and a sample elsewhere."""
    return lambda place: text if place.fits(text) and place.matches(text) else sample(place)


def without(body: Any, pointer: str) -> Any:
    """Return a body without the member at a pointer."""
    steps = pointer.removeprefix("/").split("/")
    copy = json.loads(json.dumps(body))
    node = copy
    for step in steps[:-1]:
        node = node[int(step)] if isinstance(node, list) else node[step]
    del node[steps[-1]]
    return copy


def accepted(house: House, key: Holder, path: str, body: Any) -> tuple[Any, Any]:
    """Send a body, leaving out what is refused by name, until it is taken; return both.

    Only places with a form of their own may be refused: addresses, and ids that must exist.
    """
    for _ in range(SHORTER_MAX):
        answer = house.send("POST", path, key=key, body=body)
        assert answer.status < 500, answer
        if answer.status < 300:
            return body, answer.json
        assert answer.json.get("errors"), answer
        for error in answer.json["errors"]:
            assert error["pointer"] in {
                *("/payer/email", "/payer/phone", "/device/ip", "/parent_id", "/retry_of")
            }, answer
            body = without(body, error["pointer"])
    raise AssertionError(f"never taken: {body}")


def stored_alike(kept: type[msgspec.Struct], sent: Any, stored: Any) -> Iterator[tuple[Any, ...]]:
    """Yield each place whose text was kept otherwise than it was sent."""
    for place in texts(kept):
        try:
            was_sent = look(sent, place.path)
        except (KeyError, IndexError):
            continue
        if place.is_name:
            names = [list(look(one, place.path[:-1])) for one in (sent, stored)]
            if names[0] != names[1]:
                yield place.path, *names
        elif look(stored, place.path) != was_sent:
            yield place.path, was_sent, look(stored, place.path)


def test_naughty_strings_of_a_payment_are_stored_as_sent(house: House, naughty: list[str]) -> None:
    # A merchant of its own: nobody else has used these references.
    key = house.key(house.merchant())
    places = texts(CreatePaymentRequest)
    put: set[tuple[Any, ...]] = set()
    for text in naughty:
        fill = fill_with(text)
        body = fullest(CreatePaymentRequest, fill) | {"occurred_at": house.body()["occurred_at"]}
        for name in ("parent_id", "retry_of"):
            del body[name]
        if body["reference"] != text or naughty.count(text) > 1:
            body["reference"] = f"ord-{house.next()}"
        sent, answer = accepted(house, key, "/v1/payments", body)

        stored = house.get(f"/v1/payments/{answer['id']}", key)["request"]

        assert not list(stored_alike(PaymentFacts, sent, stored))
        put |= {place.path for place in places if fill(place) == text}
    # Every free text took some of them, so none was left out by mistake.
    free = {place.path for place in places if place.pattern is None}
    assert free - put == set()


def test_naughty_strings_of_an_event_are_stored_as_sent(
    house: House, ada: Holder, naughty: list[str]
) -> None:
    payment_id = at(house, ada, "executing")["id"]
    sent = []
    for text in naughty:
        body = fullest(EventRequest, fill_with(text)) | {
            "external_id": f"e-{house.next()}",
            "type": "shipped",
            "amount": None,
        }

        house.post(f"/v1/payments/{payment_id}/events", ada, body)
        sent.append(body)

    owner = {"tenant_id": ada.tenant_id, "merchant_id": ada.merchant_id}
    read = queries.EVENTS_OF(**owner, subject_id=payment_id, limit=10_000)
    stored = [*queries.bodies(house.reader.fetch(read))][-len(sent) :]
    for body, told in zip(sent, stored, strict=True):
        assert not list(stored_alike(EventRequest, body, msgspec.to_builtins(told)))


@pytest.mark.parametrize("route", TAKING, ids=lambda route: route.name)
def test_what_does_not_fit_is_refused_by_place(
    house: House, ada: Holder, naughty: list[str], route: Route
) -> None:
    assert route.takes is not None
    places = texts(route.takes)
    path = unknown(route)
    for text in naughty:
        wrong = [one for one in places if not (one.fits(text) and one.matches(text))]
        if not wrong:
            continue
        body = fullest(route.takes, lambda place: text if place in wrong else sample(place))  # noqa: B023  called at once

        answer = house.send("POST", path, key=ada, body=body)

        assert answer.status == 422, (answer, text)
        pointers = {one["pointer"] for one in answer.json["errors"]}
        missing = [one.path for one in wrong if _pointer(one.path) not in pointers]
        assert not missing, (missing, text)
        if len(text) >= ECHO_CHARS:
            assert text not in answer.body.decode()


def unknown(route: Route) -> str:
    """Return a route's path with ids of good form that name nothing."""
    ids = {name: f"{name[:3]}_01M8693804KV09GNB36AH50ZYS" for name in route.parameters}
    return route.path.format(**ids)


def _pointer(path: tuple[Any, ...]) -> str:
    known = path[: path.index(OWN)] if OWN in path else path
    return "".join(f"/{step}" for step in known)


@pytest.mark.long
@pytest.mark.parametrize("route", TAKING, ids=lambda route: route.name)
@pytest.mark.parametrize("text", REFUSED_AS_TEXT, ids=ascii)
def test_what_no_store_can_hold_is_no_json_of_ours(
    house: House, ada: Holder, route: Route, text: str
) -> None:
    assert route.takes is not None
    path = unknown(route)
    for place in texts(route.takes):
        body = fullest(route.takes, lambda one: text if one == place else sample(one))  # noqa: B023  called at once
        before = house.query("SELECT sequence FROM writer")

        answer = house.send("POST", path, key=ada, body=body)

        assert (answer.status, answer.code) == (400, "body_malformed"), place
        assert house.query("SELECT sequence FROM writer") == before


def test_naughty_reasons_and_payees_make_no_fault(
    house: House, ada: Holder, naughty: list[str], sized: Callable[..., int]
) -> None:
    for text in naughty[:: sized(quick=16, ci=4, full=1)]:
        payment = approved(house, ada)
        path = f"/v1/payments/{payment['id']}"
        execution = payment["execution"]
        if text:
            execution["payee"] = execution["payee"] | {"name": text[:140]}
            execution["device"] = execution["device"] | {"user_agent": text[:512]}
        told = {"reason": text[:140]} if text else {}

        done = house.send("POST", f"{path}/execute", key=ada, body=execution)
        cancelled = house.send("POST", f"{path}/cancel", key=ada, body=told)

        assert (done.status, cancelled.status) == (200, 409)


def test_naughty_path_ids_are_unknown_ids(
    house: House, ada: Holder, naughty: list[str], sized: Callable[..., int]
) -> None:
    routes = [route for route in wsgi.ROUTES if route.parameters]
    before = house.query("SELECT count(*) FROM entries")
    for number, text in enumerate([*naughty, *REFUSED_AS_TEXT]):
        for route in routes[number % len(routes) :: sized(quick=4, ci=2, full=1)]:
            encoded = quote(text.encode("utf-8", "surrogatepass"), safe="")
            values = dict.fromkeys(route.parameters, encoded)
            path = route.path.format(**values)

            body = {} if route.takes else None
            answer = house.send(route.method.upper(), path, key=ada, body=body)

            assert answer.status in {404, 405, 422}, (answer, path)
    # Nothing that a caller made up for an id may stand in the log.
    assert house.query("SELECT count(*) FROM entries") == before


def test_naughty_query_parameters_make_no_fault(
    house: House, ada: Holder, naughty: list[str], sized: Callable[..., int]
) -> None:
    names = ("status", "payer_id", "payee_id", "reference", "created_from", "limit", "cursor", "x")
    for number, text in enumerate([*naughty, *REFUSED_AS_TEXT]):
        for name in names[number % len(names) :: sized(quick=4, ci=2, full=1)]:
            encoded = quote(text.encode("utf-8", "surrogatepass"), safe="")

            answer = house.send("GET", f"/v1/payments?{name}={encoded}", key=ada)

            assert answer.status in {200, 400, 422}, (answer, name, text)
            if answer.status == 200:
                assert name in {"payer_id", "payee_id", "reference", "limit"}


def test_naughty_headers_make_no_fault(
    house: House, ada: Holder, naughty: list[str], sized: Callable[..., int]
) -> None:
    names = (
        *("HTTP_AUTHORIZATION", "HTTP_IDEMPOTENCY_KEY", "CONTENT_TYPE", "HTTP_ACCEPT_LANGUAGE"),
        *("HTTP_TRACEPARENT", "HTTP_PAYGUARD_DEADLINE_MS", "HTTP_X_FORWARDED_FOR", "HTTP_HOST"),
        *("HTTP_CONTENT_ENCODING", "HTTP_ACCEPT", "HTTP_COOKIE", "HTTP_USER_AGENT"),
    )
    for number, text in enumerate(naughty):
        as_server_gives_it = text.encode().decode("latin-1")
        for name in names[number % len(names) :: sized(quick=6, ci=4, full=1)]:
            if name == "HTTP_PAYGUARD_DEADLINE_MS" and text.isdigit():
                continue  # a good one, and so short that nobody knows what became of it
            answer = house.send(
                *("POST", "/v1/payments"),
                key=ada,
                body=house.body(),
                **{name: as_server_gives_it},
            )

            assert answer.status in {201, 400, 401, 415}, (answer, name, text)
