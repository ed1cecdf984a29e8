import io
import json
from pathlib import Path
from typing import Any

import pytest
from gunicorn.http.errors import InvalidChunkSize

GOOD = {"text": "hello"}
LIMIT = 65_536


def test_a_body_of_the_greatest_length_is_taken(house: Any) -> None:
    body = b'{"text": "hello"' + b" " * (LIMIT - 17) + b"}"
    assert len(body) == LIMIT

    assert house.post(body).status_code == 201


def test_a_body_one_byte_longer_is_refused(house: Any) -> None:
    body = house.refused(house.post(b'"' + b"x" * (LIMIT - 1) + b'"'), 413, "body_too_large")

    assert body["limit_bytes"] == LIMIT


class Counting(io.RawIOBase):
    """A body that never ends and counts what was read of it."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def read(self, size: int = -1, /) -> bytes:
        assert size > 0
        self.count += size
        return b" " * size


def test_a_body_without_length_is_read_to_the_limit_and_no_further(house: Any) -> None:
    stream = Counting()

    response = house.send(
        **{"wsgi.input": stream, "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    )

    house.refused(response, 413, "body_too_large")
    assert stream.count == LIMIT + 1


def test_a_body_that_is_announced_too_long_is_not_read(house: Any) -> None:
    stream = Counting()

    response = house.send(**{"wsgi.input": stream, "CONTENT_LENGTH": str(LIMIT + 1)})

    house.refused(response, 413, "body_too_large")
    assert stream.count == 0


@pytest.mark.parametrize("fault", [OSError("chunk"), ValueError("chunk"), InvalidChunkSize(b"zz")])
def test_a_broken_chunk_is_the_callers_fault(house: Any, fault: Exception) -> None:
    class Broken(io.BytesIO):
        def read(self, _: int | None = -1, /) -> bytes:
            raise fault

    response = house.send(**{"wsgi.input": Broken(), "CONTENT_LENGTH": "10"})

    house.refused(response, 400, "body_malformed")


def test_a_body_that_ends_early_is_malformed(house: Any) -> None:
    raw = io.BytesIO(b'{"text": "hello"}')

    response = house.send(**{"wsgi.input": raw, "CONTENT_LENGTH": "18"})

    house.refused(response, 400, "body_malformed")


@pytest.mark.parametrize("sent", ["-1", "1e2", "+5", "0x5", "9" * 19])
def test_a_malformed_length_is_refused(house: Any, sent: str) -> None:
    response = house.send(CONTENT_LENGTH=sent)

    house.refused(response, 400, "header_invalid")


@pytest.mark.parametrize("body", [b"", b"{", b'{"text": "a", "text": "b"}', b'{"text": NaN}'])
def test_a_malformed_body_is_refused(house: Any, body: bytes) -> None:
    house.refused(house.post(body), 400, "body_malformed")


def test_all_errors_of_a_body_are_told_in_the_callers_language(house: Any) -> None:
    sent = {"amount": {"value": 1.0, "currency": "XXX"}, "colour": "red"}

    body = house.refused(house.post(sent, Accept_Language="zh"), 422, "body_invalid")

    assert {(one["pointer"], one["code"], one["detail"]) for one in body["errors"]} == {
        ("/text", "missing_field", "该字段为必填项。"),
        ("/amount/value", "wrong_type", "值的类型错误。"),
        ("/amount/currency", "not_allowed", "值不在允许范围内。"),
        ("", "unknown_field", "该对象含有接口约定之外的字段。"),
    }


def test_a_card_number_is_neither_taken_nor_repeated(house: Any) -> None:
    response = house.post({"text": "4111 1111 1111 1111"})

    body = house.refused(response, 422, "card_number_not_allowed")
    assert body["errors"][0]["pointer"] == "/text"
    assert b"1111" not in response.data
    assert b"1111" not in house.lines.getvalue()


def test_a_body_where_none_is_taken_is_refused(house: Any) -> None:
    path = "/v1/notes/nte_01KAYV0M8QZJ4X7S2N5T9R3W6B/close"

    house.refused(house.post(b"{}", path=path), 400, "body_unexpected")


def test_an_unknown_parameter_is_refused_even_where_none_is_taken(house: Any) -> None:
    house.refused(
        house.get("/v1/notes/nte_01KAYV0M8QZJ4X7S2N5T9R3W6B?hunter2=1"), 422, "query_invalid"
    )
    house.refused(house.get("/v1/notes?limit=0"), 422, "query_invalid")
    house.refused(house.get("/v1/notes?limit"), 400, "query_malformed")


@pytest.mark.parametrize(
    "path",
    ["x", "nte_01KAYV0M8QZJ4X7S2N5T9R3W6C", "a%00b", "%ff", "a%20b", "x" * 65, "%E4%B8%AD", "a%0A"],
)
def test_an_id_of_bad_form_is_like_an_unknown_one(house: Any, path: str) -> None:
    unknown = house.refused(house.get("/v1/notes/nte_unknown"), 404, "not_found")
    malformed = house.refused(house.get(f"/v1/notes/{path}"), 404, "not_found")

    assert unknown | {"request_id": ""} == malformed | {"request_id": ""}


@pytest.mark.parametrize("path", ["a%00b", "%ff", "a%20b", "x" * 65, "%E4%B8%AD", "a%0A", "%7F"])
def test_an_id_of_bad_form_is_never_submitted(house: Any, path: str) -> None:
    house.refused(house.post(b"", path=f"/v1/notes/{path}/close"), 404, "not_found")


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/notes/", "//v1/notes", "/v1//notes", "/V1/notes", "/v1/notes/a/b/c"]
)
def test_an_unknown_path_is_problem_details_too(house: Any, path: str) -> None:
    house.refused(house.client.get(path), 404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_another_method_is_told_which_are_allowed(house: Any, method: str) -> None:
    response = house.client.open("/v1/notes", method=method)

    house.refused(response, 405, "method_not_allowed")
    assert response.headers["Allow"] == "GET, HEAD, POST"


def test_the_naughty_strings_come_through_as_they_were_sent(build: Any, material: Path) -> None:
    house = build(burst=10_000)
    naughty = json.loads((material / "attack" / "blns" / "blns.json").read_text("utf-8"))

    for text in naughty:
        for ascii_only in (True, False):
            raw = json.dumps({"text": text}, ensure_ascii=ascii_only).encode()
            response = house.post(raw)
            assert response.status_code == 201
            assert response.get_json()["text"] == text
            assert house.writer.taken.pop()[0].text == text
    assert len(naughty) == 515


def test_naughty_strings_elsewhere_never_break_the_door(build: Any, material: Path) -> None:
    house = build(burst=10_000)
    naughty = json.loads((material / "attack" / "blns" / "blns.json").read_text("utf-8"))

    for text in naughty:
        sent = text.encode("utf-8", "replace").decode("latin-1").replace("\n", "").replace("\r", "")
        for name in (
            "HTTP_AUTHORIZATION",
            "HTTP_IDEMPOTENCY_KEY",
            "HTTP_TRACEPARENT",
            "HTTP_ACCEPT_LANGUAGE",
            "HTTP_PAYGUARD_DEADLINE_MS",
            "HTTP_X_FORWARDED_FOR",
            "CONTENT_TYPE",
            "CONTENT_LENGTH",
            "QUERY_STRING",
        ):
            assert house.send(**{name: sent}).status_code < 500
        assert house.client.get(f"/v1/notes/{text}").status_code < 500


def test_the_suites_malformed_texts_are_refused_over_http(build: Any, material: Path) -> None:
    house = build(burst=10_000)
    folder = material / "attack" / "JSONTestSuite" / "test_parsing"
    bodies = {path.name: path.read_bytes() for path in folder.glob("*.json")}

    answers = {
        name: house.post(body).get_json().get("code")
        for name, body in bodies.items()
        if len(body) <= LIMIT
    }

    malformed = {name for name, code in answers.items() if code == "body_malformed"}
    assert {name for name in answers if name.startswith("n_")} <= malformed
    assert {name for name in malformed if name.startswith("y_")} == {
        "y_object_duplicated_key.json",
        "y_object_duplicated_key_and_value.json",
        "y_object_escaped_null_in_key.json",
        "y_string_null_escape.json",
    }
    assert {len(body) > LIMIT for name, body in bodies.items() if name not in answers} == {True}
    assert house.writer.taken == []
