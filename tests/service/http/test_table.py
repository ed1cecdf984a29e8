from typing import Any

import pytest

from service.http.routes import Answer, op
from service.http.table import Table


def entry(method: Any, path: str) -> Any:
    return op(
        method,
        path,
        name="entry",
        summary="An entry.",
        gives=(200, None),
        writes=False,
        run=lambda _, __: Answer(),
    )


def table(*lines: str) -> Table[str]:
    routes = [entry(*line.split(" ")) for line in lines]
    return Table(zip(routes, lines, strict=True))


TABLE = table("get /v1/notes", "get /v1/notes/{id}", "post /v1/notes/{id}/parts/{part_id}", "get /")


@pytest.mark.parametrize(
    ("method", "path", "line", "parameters"),
    [
        ("GET", "/v1/notes", "get /v1/notes", {}),
        ("GET", "/v1/notes/a", "get /v1/notes/{id}", {"id": "a"}),
        ("GET", "/v1/notes/{id}", "get /v1/notes/{id}", {"id": "{id}"}),
        (
            "POST",
            "/v1/notes/a/parts/b",
            "post /v1/notes/{id}/parts/{part_id}",
            {"id": "a", "part_id": "b"},
        ),
        ("GET", "/", "get /", {}),
    ],
)
def test_a_path_finds_its_template(
    method: str, path: str, line: str, parameters: dict[str, str]
) -> None:
    assert TABLE.find(method, path) == (line, parameters)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/notes"),
        ("HEAD", "/v1/notes"),
        ("get", "/v1/notes"),
        ("GET", ""),
        ("GET", "/v1/notes/"),
        ("GET", "//v1/notes"),
        ("GET", "/v1//notes"),
        ("GET", "/v1/notes/a/"),
        ("GET", "/v1/notes/a/b"),
        ("POST", "/v1/notes//parts/b"),
        ("POST", "/v1/notes/a/pieces/b"),
        ("GET", "/" * 5_000),
    ],
)
def test_what_fits_no_template_is_left_to_flask(method: str, path: str) -> None:
    assert TABLE.find(method, path) is None


def test_a_fixed_path_goes_before_one_with_parameters() -> None:
    mixed = table("get /v1/notes/{id}", "get /v1/notes/newest")

    assert mixed.find("GET", "/v1/notes/newest") == ("get /v1/notes/newest", {})


@pytest.mark.parametrize("other", ["get /v1/{id}", "get /v1/{other}"])
def test_two_routes_do_not_answer_one_path(other: str) -> None:
    with pytest.raises(ValueError, match="another route"):
        table("get /v1/{id}", other)
