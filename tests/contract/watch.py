"""Holds every answer against the OpenAPI document: status, type, headers, body."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import unquote

import flask
import jsonschema
from werkzeug.exceptions import HTTPException

from service import wsgi

PROBLEM: Final = "application/problem+json"
# Neither describes an answer: HTTP has them of itself, or every answer has them.
_OF_HTTP: Final = frozenset({"Content-Type", "Content-Length", "Cache-Control", "Allow"})
_EVERYWHERE: Final = frozenset({"X-Content-Type-Options"})
_FORMATS: Final = jsonschema.FormatChecker()


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @cached_property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The problem's code, if it is one."""
        return self.json["code"] if self.headers["Content-Type"] == PROBLEM else None


class Watcher:
    """Knows the document, and which operation a path means."""

    def __init__(self, app: flask.Flask) -> None:
        self.document: dict[str, Any] = json.loads(wsgi.openapi())
        self.seen: set[tuple[str, int, str | None]] = set()
        self._map = app.url_map
        self._operations = {
            one["operationId"]: one
            for path in self.document["paths"].values()
            for one in path.values()
        }
        self._validators: dict[str, Any] = {}

    def check(self, method: str, path: str, answer: Answer) -> None:
        """Raise where an answer is not as documented."""
        name = self._operation_of(method, path)
        if name is None:
            if answer.status >= 400:
                self._valid({"$ref": "#/components/schemas/ProblemDetails"}, answer.json)
            return
        self.seen.add((name, answer.status, answer.code))
        described = self._operations[name]["responses"]
        assert str(answer.status) in described, f"{name}: {answer.status} is not documented"
        response = described[str(answer.status)]
        kind = answer.headers["Content-Type"]
        assert kind in response["content"], f"{name}: {answer.status} as {kind}"
        self._valid(response["content"][kind]["schema"], answer.json)
        unknown = answer.headers.keys() - response["headers"].keys() - _OF_HTTP - _EVERYWHERE
        assert not unknown, f"{name}: {answer.status} has undocumented headers {unknown}"
        assert "Payguard-Request-Id" in answer.headers

    def request(self, method: str, path: str, body: Any) -> None:
        """Raise where a request is not as documented."""
        name = self._operation_of(method, path)
        assert name is not None, f"no route {method} {path}"
        described = self._operations[name]
        assert ("requestBody" in described) == (body is not None)
        if body is not None:
            content = described["requestBody"]["content"]["application/json"]
            self._valid(content["schema"], body)

    def example(self, method: str, path: str, body: Any, *, is_problem: bool) -> None:
        """Raise where a body is not what an operation answers."""
        name = self._operation_of(method, path)
        assert name is not None, f"no route {method} {path}"
        if is_problem:
            statuses, kind = [str(body["status"])], PROBLEM
        else:
            responses = self._operations[name]["responses"]
            statuses, kind = [one for one in responses if one < "300"], "application/json"
        for status in statuses:
            response = self._operations[name]["responses"][status]
            self._valid(response["content"][kind]["schema"], body)

    def _operation_of(self, method: str, path: str) -> str | None:
        plain = unquote(path.partition("?")[0])
        try:
            endpoint, _ = self._map.bind("localhost").match(plain, method)
        except HTTPException:
            return None
        return endpoint if endpoint in self._operations else None

    def _valid(self, schema: dict[str, Any], value: Any) -> None:
        key = json.dumps(schema)
        if key not in self._validators:
            whole = {**schema, "components": self.document["components"]}
            self._validators[key] = jsonschema.Draft202012Validator(whole, format_checker=_FORMATS)
        for error in _errors(self._validators[key], value):
            raise AssertionError(f"at {error.json_path}: {error.message}")


def _errors(validator: Any, value: Any) -> Iterator[Any]:
    yield from validator.iter_errors(value)
