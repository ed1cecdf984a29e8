from typing import Any

import pytest

from service.http.problems import NOT_FOUND
from service.http.routes import Answer, Request, op
from service.kernel.errors import Problem


def entry(**changes: Any) -> Any:
    values: dict[str, Any] = {
        "name": "read_note",
        "summary": "Read a note.",
        "gives": (200, None),
        "scope": "notes:read",
        "writes": False,
        "run": lambda _, __: Answer(),
    }
    method = changes.pop("method", "get")
    path = changes.pop("path", "/v1/notes/{id}")
    return op(method, path, **values | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"writes": True},
        {"takes": Answer},
        {"method": "post", "writes": True, "scope": None},
        {"path": "v1/notes"},
        {"name": "read note"},
    ],
)
def test_an_entry_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="note"):
        entry(**changes)


def test_an_entry_knows_its_parameters() -> None:
    assert entry(path="/v1/a/{id}/b/{other_id}").parameters == ("id", "other_id")


def test_an_unknown_id_is_the_rooms_own_404() -> None:
    mine = Problem("note_not_found", 404)

    assert entry(refuses=(Problem("other", 409), mine)).unknown is mine
    assert entry().unknown is NOT_FOUND


def test_nobody_calls_on_a_public_route() -> None:
    request = Request(
        route=entry(scope=None),
        principal=None,
        path={},
        query=None,
        body=None,
        language="en",
        request_id="req_1",
        origin="127.0.0.1",
        deadline_ns=0,
        idempotency=None,
    )

    with pytest.raises(AssertionError, match="public"):
        request.call()
