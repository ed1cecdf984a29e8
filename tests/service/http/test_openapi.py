import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from service.http.openapi import document, problems_of
from service.http.problems import BY_SERVER, NOT_FOUND

PROBLEM = "application/problem+json"


@pytest.fixture
def described(routes: Any) -> dict[str, Any]:
    return document(routes, "1.2.3")


def codes(operation: dict[str, Any]) -> dict[str, list[str]]:
    """Return an operation's refusals by status."""
    told = [
        (status, answer["content"][PROBLEM]["schema"]["properties"]["code"]["enum"])
        for status, answer in operation["responses"].items()
        if PROBLEM in answer.get("content", {})
    ]
    return dict(told)


def test_the_document_is_valid(described: dict[str, Any]) -> None:
    validate(described, cls=OpenAPIV31SpecValidator)

    assert (described["openapi"], described["info"]["version"]) == ("3.1.0", "1.2.3")
    assert json.loads(json.dumps(described)) == described


def test_the_same_routes_give_the_same_document(routes: Any, described: dict[str, Any]) -> None:
    assert json.dumps(document(routes, "1.2.3")) == json.dumps(described)


def test_every_route_is_described_once(routes: Any, described: dict[str, Any]) -> None:
    names = [one["operationId"] for path in described["paths"].values() for one in path.values()]

    assert names == [route.name for route in routes]


def test_a_write_asks_for_an_idempotency_key(described: dict[str, Any]) -> None:
    operation = described["paths"]["/v1/notes"]["post"]
    key = described["components"]["parameters"]["Idempotency-Key"]

    assert {"$ref": "#/components/parameters/Idempotency-Key"} in operation["parameters"]
    assert key["required"]
    assert (key["schema"]["minLength"], key["schema"]["maxLength"]) == (16, 255)
    assert operation["security"] == [{"key": []}]
    assert operation["x-required-scope"] == "notes:write"


def test_refusals_stand_by_status_with_their_codes(described: dict[str, Any]) -> None:
    responses = described["paths"]["/v1/notes"]["post"]["responses"]
    told = codes(described["paths"]["/v1/notes"]["post"])

    assert set(told) == {
        *("400", "401", "403", "408", "409", "413", "414", "415", "417"),
        *("422", "429", "431", "500", "503"),
    }
    assert told["409"] == ["idempotency_key_expired"]
    assert told["422"] == [
        *("body_invalid", "card_number_not_allowed", "idempotency_key_reused", "query_invalid")
    ]
    assert told["503"] == ["deadline_passed", "overloaded", "result_unknown", "store_unavailable"]
    assert "Retry-After" in responses["429"]["headers"]
    assert "WWW-Authenticate" in responses["401"]["headers"]
    assert "Payguard-Batch" in responses["201"]["headers"]
    assert {"Payguard-Batch", "Idempotent-Replayed"} <= responses["409"]["headers"].keys()
    assert "Payguard-Batch" not in responses["401"]["headers"]


def test_a_public_read_refuses_little(described: dict[str, Any]) -> None:
    operation = described["paths"]["/hello"]["get"]

    assert set(operation["responses"]) == {
        *("200", "400", "408", "414", "417", "422", "431", "500", "503"),
    }
    assert codes(operation)["503"] == ["deadline_passed", "overloaded", "store_unavailable"]
    assert "request_malformed" in codes(operation)["400"]
    assert operation["security"] == []


@pytest.mark.parametrize("path", ["/hello", "/v1/notes"])
def test_what_the_server_itself_refuses_has_the_headers_that_it_sends(
    described: dict[str, Any], path: str
) -> None:
    responses = described["paths"][path]["get"]["responses"]

    told = [list(responses[status]["headers"]) for status in ("408", "414", "417", "431")]

    assert told == [["Payguard-Request-Id"]] * len(told)
    # The door answers with this status too, in the caller's language.
    assert "Content-Language" in responses["400"]["headers"]


def test_every_refusal_of_the_server_itself_is_described(routes: Any) -> None:
    lacking = [route for route in routes if not set(problems_of(route)) >= BY_SERVER]

    assert not lacking


def test_a_list_has_pages(described: dict[str, Any]) -> None:
    operation = described["paths"]["/v1/notes"]["get"]
    parameters = {one["name"]: one for one in operation["parameters"] if "name" in one}

    assert parameters["limit"]["schema"]["maximum"] == 200
    assert parameters["cursor"]["schema"]["type"] == "string"
    assert parameters["is_open"]["schema"] == {"type": "boolean"}
    assert "Link" in operation["responses"]["200"]["headers"]


def test_a_path_parameter_brings_its_404(routes: Any, described: dict[str, Any]) -> None:
    operation = described["paths"]["/v1/notes/{id}"]["get"]

    assert operation["parameters"][0]["name"] == "id"
    assert NOT_FOUND in problems_of(routes[2])


def test_a_structs_example_stands_beside_its_schema(described: dict[str, Any]) -> None:
    body = described["paths"]["/v1/notes"]["post"]["requestBody"]["content"]["application/json"]

    assert body == {"schema": {"$ref": "#/components/schemas/Note"}, "example": {"text": "hello"}}


def test_money_lists_its_currencies(described: dict[str, Any]) -> None:
    amount = described["components"]["schemas"]["Amount"]

    assert amount["properties"]["value"]["type"] == "integer"
    assert "CNY" in amount["properties"]["currency"]["enum"]


def test_every_refusal_that_the_door_gives_is_described(house: Any, routes: Any) -> None:
    for route in routes:
        known = {(one.status, one.code) for one in problems_of(route)}
        path = route.path.replace("{id}", "a%00b")
        for headers in ({}, {"Authorization": "Bearer pk_live_notes_0123456789"}):
            for query in ("", "?x", "?x=1", "?x=4111111111111111"):
                for raw in (b"", b"{", b"{}", b"x" * 65_537):
                    response = house.client.open(
                        path + query, method=route.method.upper(), data=raw, headers=headers
                    )
                    told = response.get_json()
                    assert "code" not in told or (told["status"], told["code"]) in known


def test_what_is_made_is_linked_to_all_that_can_be_asked_of_it(described: dict[str, Any]) -> None:
    made = described["paths"]["/v1/notes"]["post"]["responses"]["201"]["links"]

    of_one = {
        operation["operationId"]
        for path, operations in described["paths"].items()
        if path.startswith("/v1/notes/{id}")
        for operation in operations.values()
    }
    assert made.keys() == of_one
    assert {one["parameters"]["id"] for one in made.values()} == {"$response.body#/id"}
    assert "links" not in described["paths"]["/v1/notes"]["get"]["responses"]["200"]
