import datetime as dt
import re
from typing import Any

import pytest

from service.db.store import StoreUnavailable
from service.http.routes import Answer, op
from service.kernel.errors import (
    Faulted,
    FieldError,
    Overloaded,
    Problem,
    ResultUnknown,
)
from service.unit_of_work.commands import Reply

GOOD = {"text": "hello"}
SECRET = "pk_live_notes_0123456789"
NOTE_ID = "nte_01KAYV0M8QZJ4X7S2N5T9R3W6B"
LIMIT = 65_536


def test_a_good_request_is_submitted_once_with_who_calls(house: Any) -> None:
    response = house.post(GOOD)

    assert response.status_code == 201
    ((command, call, deadline_ns),) = house.writer.taken
    assert command.text == "hello"
    assert (call.principal, call.tenant_id, call.merchant_id) == ("key_1", "ten_1", "mer_1")
    assert (call.mode, call.origin) == ("live", "127.0.0.1")
    assert call.request_id == response.headers["Payguard-Request-Id"]
    assert deadline_ns == house.clock.monotonic_ns() + 2_000_000_000


@pytest.mark.parametrize("path", ["/v1/notes", "/v1/nothing", "/hello", "/v1/notes?x=1"])
def test_every_answer_carries_the_common_headers(house: Any, path: str) -> None:
    response = house.get(path)

    assert re.fullmatch(r"req_[0-9A-HJKMNP-TV-Z]{26}", response.headers["Payguard-Request-Id"])
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", response.headers["traceparent"])
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Language"] == "en"
    assert "Server" not in response.headers
    assert "Set-Cookie" not in response.headers


def test_a_commit_is_named_in_the_answer_and_a_read_is_not(house: Any) -> None:
    assert house.post(GOOD).headers["Payguard-Batch"] == "7"
    assert "Payguard-Batch" not in house.get().headers


def test_a_replay_says_so(house: Any) -> None:
    assert "Idempotent-Replayed" not in house.post(GOOD).headers

    house.writer.reply = Reply(kind="accepted", batch=7, now=house.clock.now(), replayed=True)

    assert house.post(GOOD).headers["Idempotent-Replayed"] == "true"


def test_a_rooms_refusal_goes_out_with_its_batch_and_fields(house: Any) -> None:
    house.writer.reply = Reply(
        kind="refused",
        problem=Problem("not_found", 404),
        fields={"status": "no", "note_status": "burnt"},
        errors=(FieldError("/text", "not_allowed"),),
        batch=9,
        now=house.clock.now(),
        replayed=True,
    )

    response = house.post(GOOD)

    body = response.get_json()
    assert (response.status_code, body["status"], body["note_status"]) == (404, 404, "burnt")
    assert body["errors"][0]["pointer"] == "/text"
    assert response.headers["Payguard-Batch"] == "9"
    assert response.headers["Idempotent-Replayed"] == "true"
    assert house.answered[-1].batch == "9"


def test_a_public_route_needs_no_key(house: Any) -> None:
    response = house.client.get("/hello")

    assert response.status_code == 200
    assert "RateLimit" not in response.headers


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic cGs6",
        "Payguard-Client x",
        "Bearer pk_live_notes_0123456789 x",
        "Bearer pk_live_notes_01234567\xe9",
        "pk_live_notes_0123456789",
    ],
)
def test_anything_but_a_key_gets_the_same_401(house: Any, sent: str | None) -> None:
    response = house.post(GOOD, Authorization=sent)

    body = house.refused(response, 401, "not_authenticated")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="payguard"'
    assert set(body) == {"type", "title", "status", "code", "detail", "request_id"}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(house: Any, scheme: str) -> None:
    assert house.get(Authorization=f"{scheme} pk_live_notes_0123456789").status_code == 200


def test_a_key_without_the_scope_gets_403(house: Any) -> None:
    response = house.post(b"", path="/v1/notes/nte_01KAYV0M8QZJ4X7S2N5T9R3W6B/burn")

    body = house.refused(response, 403, "scope_missing")
    assert body["required_scope"] == "notes:burn"


def test_nothing_is_read_of_a_body_before_the_key_is_known(house: Any) -> None:
    house.refused(house.post(b"{", Authorization=None), 401, "not_authenticated")


def test_a_key_that_comes_too_often_has_to_wait(build: Any) -> None:
    house = build(rate_per_minute=60, burst=3)

    first = house.get()
    assert first.headers["RateLimit-Policy"] == '"default";q=60;w=60'
    assert first.headers["RateLimit"] == '"default";r=2;t=1'
    house.get()
    house.get()
    response = house.get()

    house.refused(response, 429, "rate_limited")
    assert response.headers["Retry-After"] == "1"
    assert response.headers["RateLimit"] == '"default";r=0;t=3'
    assert house.get(Authorization="Bearer pk_live_notes_0123456789x").status_code == 200
    house.clock.advance(dt.timedelta(seconds=1))
    assert house.get().status_code == 200
    assert house.get().status_code == 429


@pytest.mark.parametrize(
    ("fault", "status", "code", "retry"),
    [
        (Overloaded("queue of hunter2"), 503, "overloaded", "1"),
        (ResultUnknown("hunter2"), 503, "result_unknown", "1"),
        (StoreUnavailable("hunter2"), 503, "store_unavailable", "1"),
        (Faulted("cmd_fault"), 500, "command_faulted", None),
        (KeyError("hunter2"), 500, "internal_error", None),
    ],
)
def test_each_way_of_getting_no_reply_has_its_answer(
    house: Any, fault: Exception, status: int, code: str, retry: str | None
) -> None:
    house.writer.raises = fault

    response = house.post(GOOD)

    house.writer.taken.clear()
    body = house.refused(response, status, code)
    assert response.headers.get("Retry-After") == retry
    assert set(body) == {"type", "title", "status", "code", "detail", "request_id"}
    assert b"hunter2" not in response.data + house.lines.getvalue()
    assert b"cmd_fault" not in response.data


def test_the_id_of_a_faulted_command_goes_to_the_log(house: Any) -> None:
    house.writer.raises = Faulted("cmd_fault")

    response = house.post(GOOD)

    (line,) = house.log_lines()
    assert (line["event"], line["fault_id"]) == ("command_faulted", "cmd_fault")
    assert line["request_id"] == response.headers["Payguard-Request-Id"]


def test_a_bug_is_logged_by_type_and_place_without_values(build: Any) -> None:
    def broken(_: Any, __: Any) -> Answer:
        secret = "hunter2"
        try:
            return {}[secret]  # type: ignore[no-any-return]  # never returns
        except KeyError as error:
            raise RuntimeError(f"no {secret}") from error

    house = build(
        [
            op(
                "get",
                "/broken",
                name="broken",
                summary="Break.",
                gives=(200, None),
                writes=False,
                run=broken,
            )
        ]
    )

    response = house.client.get("/broken")

    (line,) = house.log_lines()
    house.refused(response, 500, "internal_error")
    assert (line["event"], line["fault"]) == ("request_failed", ["RuntimeError", "KeyError"])
    assert re.search(r"test_door:broken:\d+$", line["at"][-1])
    assert b"hunter2" not in house.lines.getvalue() + response.data


def test_a_bug_outside_of_the_routes_is_an_answer_too(house: Any) -> None:
    def fail() -> None:
        raise RuntimeError("hunter2")

    house.app.add_url_rule("/other", view_func=fail)

    response = house.client.get("/other")

    house.refused(response, 500, "internal_error")
    assert b"hunter2" not in house.lines.getvalue() + response.data


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=object()),  # type: ignore[arg-type]  # the mistake
        Answer(headers=(("Link", "a\r\nSet-Cookie: b=c"),)),
        Answer(headers=(("Link", "caf\u00e9"),)),
        Answer(status=999),
    ],
)
def test_an_answer_that_cannot_be_written_is_a_bug_of_ours(build: Any, answer: Answer) -> None:
    house = build(
        [
            op(
                "get",
                "/odd",
                name="odd",
                summary="Odd.",
                gives=(200, None),
                writes=False,
                run=lambda _, __: answer,
            )
        ]
    )

    response = house.client.get("/odd")

    house.refused(response, 500, "internal_error")
    assert "Set-Cookie" not in response.headers
    assert [one.status for one in house.answered] == [500]


def test_the_head_of_a_read_is_its_answer_without_the_body(house: Any) -> None:
    whole = house.get()
    head = house.client.head("/v1/notes", headers={"Authorization": f"Bearer {SECRET}"})

    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == whole.headers["Content-Length"]
    assert set(head.headers.keys()) == set(whole.headers.keys())


def test_flask_and_the_table_give_the_same_answer(house: Any) -> None:
    path = f"/v1/notes/{NOTE_ID}"
    sent = {"HTTP_AUTHORIZATION": f"Bearer {SECRET}", "REMOTE_ADDR": "127.0.0.1"}
    with house.app.test_request_context(path, environ_overrides=sent):
        by_flask = house.app.full_dispatch_request()
    by_table = house.get(path)

    assert by_flask.data == by_table.data
    assert list(by_flask.headers.keys()) == list(by_table.headers.keys())


def test_a_failed_authentication_store_is_told_as_such(house: Any) -> None:
    class Down(dict[str, Any]):
        def get(self, *_: Any) -> Any:
            raise StoreUnavailable

    house.principals = Down()

    house.refused(house.post(GOOD), 503, "store_unavailable")


def test_watchers_see_templates_and_never_paths(house: Any) -> None:
    house.get("/v1/notes/nte_01KAYV0M8QZJ4X7S2N5T9R3W6C?hunter2=1")
    house.client.get("/hunter2")
    house.client.open("/v1/notes", method="HUNTER2")

    assert [(one.route, one.method, one.status, one.code) for one in house.answered] == [
        ("/v1/notes/{id}", "GET", 422, "query_invalid"),
        ("unmatched", "GET", 404, "not_found"),
        ("unmatched", "OTHER", 405, "method_not_allowed"),
    ]
    assert [one.merchant_id for one in house.answered] == ["mer_1", None, None]
