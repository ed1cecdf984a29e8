"""The OpenAPI document and the pages that show requests: what they say is what is so."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from service import wsgi
from service.http.routes import Route
from tests.architecture.house import ROOT, tracked_files
from tests.contract.house import House
from tests.contract.page import PAGE, fences

HEADING: Final = re.compile(r"^### `([A-Z]+) (\S+)`$", re.MULTILINE)
FENCED: Final = re.compile(r"^```json[ ]+(\w+)", re.MULTILINE)
KINDS: Final = {"request", "answer", "problem"}


@pytest.fixture(scope="module")
def house_database() -> None:
    """Return no database: what is asked here is the same whatever the store."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    described: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text())
    return described


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


@pytest.mark.long
def test_the_document_is_openapi(document: dict[str, Any]) -> None:
    validate(document, cls=OpenAPIV31SpecValidator)

    assert document["openapi"] == "3.1.0"


def test_the_document_is_the_one_that_is_served(house: House, document: dict[str, Any]) -> None:
    answer = house.send("GET", "/openapi.json")

    assert answer.json == document


def test_every_route_is_in_the_document_and_nothing_else(document: dict[str, Any]) -> None:
    described = {(method, path) for method, path, _ in operations(document)}

    assert described == {(route.method, route.path) for route in wsgi.ROUTES}


def test_every_cursor_is_described_alike_and_without_nul(document: dict[str, Any]) -> None:
    cursors = [
        one["schema"]
        for _, _, operation in operations(document)
        for one in operation["parameters"]
        if one.get("name") == "cursor"
    ]

    told = {(one["minLength"], one["maxLength"]) for one in cursors}
    assert told == {(1, 1_024)}
    assert all(re.search(one["pattern"], "a\nb") for one in cursors)
    assert not any(re.search(one["pattern"], "a\0b") for one in cursors)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)

    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        node: Any = document
        for step in reference.split("/"):
            node = node[step]


@pytest.mark.parametrize("route", wsgi.ROUTES, ids=lambda route: route.name)
def test_every_route_says_what_it_takes_gives_and_refuses(
    document: dict[str, Any], route: Route
) -> None:
    operation = document["paths"][route.path][route.method]

    named = {one.get("name") for one in operation["parameters"]}
    told = {one["$ref"].rpartition("/")[2] for one in operation["parameters"] if "$ref" in one}
    codes = {
        code
        for answer in operation["responses"].values()
        for media in answer.get("content", {}).values()
        for code in media["schema"].get("properties", {}).get("code", {}).get("enum", ())
    }
    assert operation["operationId"] == route.name
    assert operation["summary"] == route.summary
    assert set(route.parameters) <= named
    assert ("Idempotency-Key" in told) == route.writes
    assert ("requestBody" in operation) == (route.takes is not None)
    assert str(route.gives[0]) in operation["responses"]
    assert {problem.code for problem in route.refuses} <= codes
    assert operation.get("x-required-scope") == route.scope


def test_every_route_is_shown_with_a_request_and_an_answer() -> None:
    text = PAGE.read_text()
    shown = {(kind, name) for kind, name, _ in fences(text)}

    assert set(HEADING.findall(text)) == {
        (route.method.upper(), route.path) for route in wsgi.ROUTES
    }
    for route in wsgi.ROUTES:
        assert ("answer", route.name) in shown, f"docs/api.md shows no answer of {route.name}"
        assert (("request", route.name) in shown) == (route.takes is not None)
        assert route.scope is None or f"`{route.scope}`" in text


def test_every_example_of_every_page_fits_the_document(house: House) -> None:
    routes = {route.name: route for route in wsgi.ROUTES}
    count = 0
    for page in (path for path in tracked_files() if path.suffix == ".md"):
        text = (ROOT / page).read_text()
        assert set(FENCED.findall(text)) <= KINDS, page
        for kind, name, example in fences(text):
            count += 1
            route = routes[name]
            method, path = route.method.upper(), route.path
            if kind == "request":
                house.watcher.request(method, path, example)
            else:
                house.watcher.example(method, path, example, is_problem=kind == "problem")
    assert count > len(routes)
