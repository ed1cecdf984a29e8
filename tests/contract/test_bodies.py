"""Bodies that want to break the reader, the clock or the memory: refused quickly, with no fault."""

import gzip
import json
import time
from typing import Any, Final

import pytest

from service.http.ports import BODY_BYTES_MAX
from tests.contract.house import Holder, House
from tests.contract.places import at, event

# What the machine does beside this may take long; what is refused unread takes microseconds.
QUICK_S: Final = 0.05
EDGES: Final = (
    *("0001-01-01T00:00:00+00:01", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-00:01"),
    *("9999-12-31T23:59:59.999999-23:59", "0001-01-01T23:58:59+23:59", "0001-01-01 00:00:00+10:00"),
)
STRANGE_TIMES: Final = (
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0001-01-02T00:00:00+23:59"),
    *("1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999-23:59", "2024-02-29T12:00:00+05:45"),
)
NO_TIMES: Final = (
    *("2026-11-24T08:00:00", "2026-11-24", "2026-02-30T00:00:00Z", "2026-11-24T24:00:00Z"),
    *("0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "2026-11-24T08:00:60Z", "now", ""),
    *("\uff12026-11-24T08:00:00Z", "2026-11-24T08:00:00+24:00", "2026-11-24T08:00:00Z\n"),
)
HUGE: Final = (2**64, -(2**63) - 1, 10**300, -(10**300))
LARGE: Final = (2**63, 2**64 - 1, -(2**63), 0, -0.0, 1e308, 5e-324)


def raw(house: House, **replaced: str) -> bytes:
    """Return a good body in which members are replaced by JSON text."""
    text = json.dumps(house.body() | dict.fromkeys(replaced, "HERE-"))
    for value in replaced.values():
        text = text.replace('"HERE-"', value, 1)
    return text.encode()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b'{"metadata":{"a":"' + b"x" * 10_000_000 + b'"}}', 413, id="10 MB"),
        pytest.param(
            b"{" + b",".join(b'"%d":1' % one for one in range(800_000)) + b"}",
            413,
            id="800,000 keys",
        ),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, 413, id="100,000 deep"),
        pytest.param(b"[" * 30_000 + b"]" * 30_000, 400, id="30,000 deep"),
        pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, id="10,000 objects deep"),
        pytest.param(b" " * BODY_BYTES_MAX, 400, id="blanks"),
        pytest.param(b"1" * BODY_BYTES_MAX, 400, id="digits"),
        pytest.param(b'"' + b"\\u0041" * 10_000 + b'"', 422, id="escapes"),
        pytest.param(b'{"data":' + b"9" * 4_000 + b"}", 422, id="a long number"),
        pytest.param(b"1e" + b"9" * 60_000, 400, id="a long exponent"),
    ],
)
def test_a_body_too_large_or_too_deep_is_refused_quickly(
    house: House, ada: Holder, body: bytes, status: int
) -> None:
    began = time.perf_counter()
    answer = house.send("POST", "/v1/payments", key=ada, body=body)
    took_s = time.perf_counter() - began

    assert answer.status == status, answer
    assert took_s < QUICK_S * (1 if status == 413 else 10)


def test_a_body_without_its_length_is_read_to_the_limit_and_no_further(
    house: House, ada: Holder
) -> None:
    class Endless:
        taken = 0

        def read(self, size: int = -1) -> bytes:
            assert size > 0
            self.taken += size
            return b" " * size

        readline = read

    stream = Endless()

    answer = house.send(
        *("POST", "/v1/payments"),
        key=ada,
        body=b"x",
        headers={"Content-Length": None},
        **{"wsgi.input": stream, "wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
    )

    assert (answer.status, answer.code) == (413, "body_too_large")
    assert stream.taken <= BODY_BYTES_MAX + 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Encoding": "gzip"}, 415),
        ({"Content-Encoding": "identity"}, 415),
        ({"Content-Type": "application/json; charset=utf-16"}, 415),
        ({"Content-Type": "application/json; charset=iso-8859-1"}, 415),
        ({"Content-Type": "application/json; charset=utf-8; a=b"}, 415),
        ({"Content-Type": "application/json, text/plain"}, 400),
        ({"Content-Type": "text/json"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=a"}, 415),
        ({"Content-Type": None}, 415),
        ({"Content-Type": "application/json; charset=UTF-8"}, 201),
    ],
    ids=str,
)
def test_only_plain_json_is_read(
    house: House, ada: Holder, headers: dict[str, str | None], status: int
) -> None:
    answer = house.send("POST", "/v1/payments", key=ada, body=house.body(), headers=headers)

    assert answer.status == status, answer


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7"])
def test_another_encoding_than_utf8_is_malformed(house: House, ada: Holder, encoding: str) -> None:
    body = json.dumps(house.body()).encode(encoding) + b"\xff" * (encoding == "utf-7")

    answer = house.send("POST", "/v1/payments", key=ada, body=body)

    assert (answer.status, answer.code) == (400, "body_malformed")


def test_a_packed_body_is_not_unpacked(house: House, ada: Holder) -> None:
    packed = gzip.compress(json.dumps(house.body()).encode())

    named = {"Content-Encoding": "gzip"}
    refused = house.send("POST", "/v1/payments", key=ada, body=packed, headers=named)
    unnamed = house.send("POST", "/v1/payments", key=ada, body=packed)

    assert (refused.status, unnamed.status, unnamed.code) == (415, 400, "body_malformed")


@pytest.mark.parametrize("value", ['"12"', "12.0", "true", "1e3", "-1", "null", "1.5", "-0.0"])
def test_only_a_whole_number_is_an_amount(house: House, ada: Holder, value: str) -> None:
    body = raw(house, amount=f'{{"value":{value},"currency":"CNY"}}')

    answer = house.send("POST", "/v1/payments", key=ada, body=body)

    assert answer.status == 422
    assert answer.json["errors"][0]["pointer"] == "/amount/value"


@pytest.mark.parametrize("told_at", EDGES)
@pytest.mark.parametrize(
    "where", [("payer", "account_created_at"), ("payee", "added_at"), ("occurred_at",)], ids=str
)
def test_a_time_that_is_none_in_utc_is_refused(
    house: House, ada: Holder, told_at: str, where: tuple[str, ...]
) -> None:
    body = house.body()
    node: Any = body
    for step in where[:-1]:
        node = node[step]
    node[where[-1]] = told_at

    answer = house.send("POST", "/v1/payments", key=ada, body=body)

    assert (answer.status, answer.code) == (422, "body_invalid")
    assert [one["pointer"] for one in answer.json["errors"]] == ["/" + "/".join(where)]


@pytest.mark.parametrize("told_at", [*EDGES, *STRANGE_TIMES, *NO_TIMES])
@pytest.mark.parametrize("name", ["created_from", "created_to"])
def test_a_list_takes_any_time_and_refuses_what_is_none(
    house: House, ada: Holder, name: str, told_at: str
) -> None:
    encoded = told_at.replace("+", "%2B").replace(" ", "%20").replace("\n", "%0A")

    answer = house.send("GET", f"/v1/payments?{name}={encoded}", key=ada)

    assert answer.status == (200 if told_at in STRANGE_TIMES else 422), answer


@pytest.mark.parametrize("told_at", STRANGE_TIMES)
def test_a_strange_time_is_a_time_all_the_same(house: House, ada: Holder, told_at: str) -> None:
    body = house.body()
    body["payer"]["account_created_at"] = body["payer"]["contact_changed_at"] = told_at
    body["payee"]["added_at"] = told_at

    house.post("/v1/payments", ada, body, status=201)
    payment_id = at(house, ada, "executing")["id"]
    expiring = {"authorization_expires_at": told_at}
    told = event(house, "authorized", occurred_at=told_at, result=expiring)
    house.post(f"/v1/payments/{payment_id}/events", ada, told)
    shown = house.get(f"/v1/payments/{payment_id}", ada)

    assert shown["status"] == "executed"
    house.worker.run_once()


@pytest.mark.parametrize("number", HUGE)
def test_a_number_that_no_store_holds_is_refused_by_place(
    house: House, ada: Holder, number: int
) -> None:
    payment_id = at(house, ada, "executing")["id"]
    told = event(house, "shipped", data={"weights": [1, {"gross": number}]})

    answer = house.send("POST", f"/v1/payments/{payment_id}/events", key=ada, body=told)

    assert (answer.status, answer.code) == (422, "body_invalid")
    assert [(one["pointer"], one["code"]) for one in answer.json["errors"]] == [
        ("/data", "out_of_range")
    ]


@pytest.mark.parametrize("number", LARGE)
def test_a_large_number_in_data_is_kept(house: House, ada: Holder, number: float) -> None:
    payment_id = at(house, ada, "executing")["id"]

    house.post(
        f"/v1/payments/{payment_id}/events", ada, event(house, "shipped", data={"n": number})
    )


def test_data_may_be_as_deep_as_the_reader_reads(house: House, ada: Holder) -> None:
    payment_id = at(house, ada, "executing")["id"]
    deep: Any = 1
    for _ in range(29):
        deep = [deep]

    house.post(f"/v1/payments/{payment_id}/events", ada, event(house, "shipped", data={"a": deep}))
    wide = {"data": {f"k{one}": ["x" * 100] * 20 for one in range(28)}}
    house.post(f"/v1/payments/{payment_id}/events", ada, event(house, "shipped", **wide))
