import datetime as dt
import io
import json
import re
from typing import Any

import pytest

GOOD = {"text": "hello"}
LIMIT = 65_536


@pytest.mark.parametrize("name", ["Authorization", "Content-Type", "Payguard-Deadline-Ms"])
def test_a_header_that_was_sent_twice_is_refused(house: Any, name: str) -> None:
    values = {
        "Authorization": "Bearer pk_live_notes_0123456789",
        "Content-Type": "application/json",
    }
    twice = ",".join([values.get(name, "5")] * 2)

    body = house.refused(house.post(GOOD, **{name: twice}), 400, "header_invalid")

    assert body["errors"] == [
        {
            "pointer": f"header:{name}",
            "code": "duplicate_header",
            "detail": "The header was sent twice.",
        }
    ]


@pytest.mark.parametrize(
    "sent",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'Application/JSON; charset="utf-8"',
    ],
)
def test_json_in_utf_8_is_taken(house: Any, sent: str) -> None:
    assert house.post(GOOD, Content_Type=sent).status_code == 201


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/json; profile=x",
        "application/jsonx",
        "application/vnd.api+json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ],
)
def test_any_other_content_type_is_refused(house: Any, sent: str | None) -> None:
    response = house.post(GOOD, Content_Type=sent)

    house.refused(response, 415, "content_type_unsupported")


def test_a_packed_body_is_refused(house: Any) -> None:
    response = house.post(GOOD, Content_Encoding="gzip")

    house.refused(response, 415, "content_type_unsupported")


@pytest.mark.parametrize("sent", [None, ""])
def test_a_write_without_idempotency_key_is_refused(house: Any, sent: str | None) -> None:
    house.refused(house.post(GOOD, Idempotency_Key=sent), 400, "idempotency_key_missing")


@pytest.mark.parametrize(
    "sent",
    [
        "0123456789abcde",
        "x" * 256,
        "0123456789 abcdef",
        "0123456789abcdef,0123456789abcdef",
        "0123456789abcde\xe9",
        '"0123456789abcdef',
        '"0123456789abcdef"; a=1',
        '"012345678\\"abcdef"',
        "0123456789abcde\t",
        '""',
    ],
)
def test_a_malformed_idempotency_key_is_refused(house: Any, sent: str) -> None:
    house.refused(house.post(GOOD, Idempotency_Key=sent), 400, "idempotency_key_malformed")


def test_a_quoted_key_is_the_bare_key(house: Any) -> None:
    house.post(GOOD)
    house.post(GOOD, Idempotency_Key='"0123456789abcdef"')

    first, second = (call.idempotency for _, call, _ in house.writer.taken)
    assert first == second


@pytest.mark.parametrize("length", [16, 255])
def test_a_key_of_any_allowed_length_is_taken(house: Any, length: int) -> None:
    assert house.post(GOOD, Idempotency_Key="~" * length).status_code == 201


def test_the_fingerprint_covers_route_path_query_and_raw_body(house: Any) -> None:
    def once(**changes: Any) -> Any:
        house.writer.taken.clear()
        path = "/v1/notes/nte_01KAYV0M8QZJ4X7S2N5T9R3W6B/close"
        response = house.post(**{"body": b"", "path": path} | changes)
        assert response.status_code == 201
        return house.writer.taken[0][1].idempotency

    first = once()

    assert first.owner == "mer_1:live"
    assert first.route == "POST /v1/notes/{id}/close"
    assert len(first.key_hash) == len(first.fingerprint) == 32
    assert once() == first
    other_path = once(path="/v1/notes/nte_01KAYV0M8QZJ4X7S2N5T9R3W6C/close")
    assert other_path.key_hash == first.key_hash
    assert other_path.fingerprint != first.fingerprint
    assert once(Idempotency_Key="another-key-of-mine").key_hash != first.key_hash
    spaced = once(path="/v1/notes", body=b'{"text": "a"}').fingerprint
    assert spaced != once(path="/v1/notes", body=b'{"text":"a"}').fingerprint


def test_a_merchants_modes_own_their_keys_apart(house: Any) -> None:
    house.post(GOOD)
    house.principals["pk_live_notes_0123456789"] = type(
        house.principals["pk_live_notes_0123456789"]
    )(
        key_id="key_2",
        tenant_id="ten_1",
        merchant_id="mer_1",
        mode="sandbox",
        scopes=frozenset({"notes:write"}),
    )
    house.post(GOOD)

    assert [call.idempotency.owner for _, call, _ in house.writer.taken] == [
        "mer_1:live",
        "mer_1:sandbox",
    ]


@pytest.mark.parametrize(("sent", "wait_ms"), [("50", 50), ("2000", 2_000), ("9999999", 2_000)])
def test_the_deadline_can_only_be_shortened(house: Any, sent: str, wait_ms: int) -> None:
    house.post(GOOD, Payguard_Deadline_Ms=sent)

    assert house.writer.taken[0][2] == house.clock.monotonic_ns() + wait_ms * 1_000_000


@pytest.mark.parametrize("sent", ["0", "-1", "1.5", "1e3", "x", "", "12345678", "\uff15"])
def test_a_malformed_deadline_is_refused(house: Any, sent: str) -> None:
    response = house.post(GOOD, Payguard_Deadline_Ms=sent.encode().decode("latin-1"))

    house.refused(response, 400, "header_invalid")


def test_a_request_whose_deadline_passed_is_not_begun(house: Any) -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            house.clock.advance(dt.timedelta(milliseconds=60))
            return super().read(size)

    raw = json.dumps(GOOD).encode()
    response = house.send(
        **{
            "wsgi.input": Slow(raw),
            "CONTENT_LENGTH": str(len(raw)),
            "HTTP_PAYGUARD_DEADLINE_MS": "50",
        }
    )

    house.refused(response, 503, "deadline_passed")
    assert response.headers["Retry-After"] == "1"


TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_a_callers_trace_goes_on_under_a_span_of_ours(house: Any) -> None:
    sent = f"00-{TRACE}-b7ad6b7169203331-01"

    got = house.get(traceparent=sent).headers["traceparent"]

    assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-01", got)
    assert got != sent


@pytest.mark.parametrize(
    "sent",
    [
        "x",
        f"ff-{TRACE}-b7ad6b7169203331-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-b7ad6b7169203331-01",
        f"00-{TRACE}-b7ad6b7169203331-01,00-{TRACE}-b7ad6b7169203331-01",
        f"00-{TRACE}-b7ad6b7169203331-01\n",
    ],
)
def test_a_malformed_trace_is_replaced_by_a_new_one(house: Any, sent: str) -> None:
    got = house.client.get("/hello", environ_overrides={"HTTP_TRACEPARENT": sent}).headers[
        "traceparent"
    ]

    assert TRACE not in got


@pytest.mark.parametrize(
    ("hops", "forwarded", "origin"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "10.9.9.9, 198.51.100.1, 203.0.113.9", "198.51.100.1"),
        (2, "203.0.113.9", "127.0.0.1"),
        (1, "203.0.113.9, <script>", "127.0.0.1"),
        (1, "", "127.0.0.1"),
        (1, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_only_our_own_proxies_are_believed(
    build: Any, hops: int, forwarded: str, origin: str
) -> None:
    response = build(trusted_hops=hops).get("/hello", X_Forwarded_For=forwarded)

    assert response.get_json()["origin"] == origin


@pytest.mark.parametrize(
    ("sent", "language"),
    [
        ("", "en"),
        ("en", "en"),
        ("zh", "zh-CN"),
        ("zh-CN", "zh-CN"),
        ("zh-Hans", "zh-CN"),
        ("zh-Hans-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en;q=0.8,zh;q=0.9", "zh-CN"),
        ("en-GB,zh;q=0.9", "en"),
        ("fr,zh;q=0.1", "zh-CN"),
        ("zh;q=0,fr", "en"),
        ("zh;q=0", "en"),
        ("zh-CN,en", "zh-CN"),
        ("en,zh-CN", "en"),
        ("*", "en"),
        ("fr", "en"),
        ("zh;q=x", "en"),
        (";;,,q=1", "en"),
    ],
)
def test_the_callers_language_is_spoken(house: Any, sent: str, language: str) -> None:
    response = house.get("/v1/nothing", Accept_Language=sent)

    titles = {"en": "There is nothing here.", "zh-CN": "此处没有内容。"}
    assert response.headers["Content-Language"] == language
    assert response.get_json()["title"] == titles[language]
