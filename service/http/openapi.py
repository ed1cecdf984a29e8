"""The OpenAPI 3.1 document, from the route table and the types that validate. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from service.http.headers import (
    DEADLINE_HEADER,
    IDEMPOTENCY_HEADER,
    IDEMPOTENCY_KEY_MAX,
    IDEMPOTENCY_KEY_MIN,
)
from service.http.problems import (
    BODY_INVALID,
    BODY_MALFORMED,
    BODY_TOO_LARGE,
    BODY_UNEXPECTED,
    BY_SERVER,
    CARD_NUMBER_NOT_ALLOWED,
    COMMAND_FAULTED,
    CONTENT_TYPE_UNSUPPORTED,
    CURSOR_INVALID,
    DEADLINE_PASSED,
    HEADER_INVALID,
    IDEMPOTENCY_KEY_MALFORMED,
    IDEMPOTENCY_KEY_MISSING,
    INTERNAL_ERROR,
    NOT_AUTHENTICATED,
    OVERLOADED,
    PROBLEM_TYPE,
    QUERY_INVALID,
    QUERY_MALFORMED,
    RATE_LIMITED,
    RESULT_UNKNOWN,
    SCOPE_MISSING,
    STORE_UNAVAILABLE,
    ProblemDetails,
    Texts,
)
from service.http.routes import Route
from service.kernel.errors import Problem
from service.kernel.ids import DIGEST_PATTERN, ID_PATTERN
from service.unit_of_work.idempotency import KEY_EXPIRED, KEY_REUSED

OPENAPI: Final = "3.1.0"

_REFERENCE: Final = "#/components/schemas/{name}"
_JSON: Final = "application/json"
_TEXT: Final = {"type": "string"}
_RETRIED: Final = (429, 503)

_HEADERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "Payguard-Request-Id": ("Id of this request; name it when you ask for help.", _TEXT),
    "Payguard-Batch": ("Number of the batch that was committed.", {"type": "integer"}),
    "Idempotent-Replayed": (
        "This repeats the answer to an earlier request with the same Idempotency-Key.",
        {"const": "true"},
    ),
    "RateLimit-Policy": ("Quota and window of this key.", _TEXT),
    "RateLimit": ("What is left of it.", _TEXT),
    "Retry-After": ("Seconds to wait.", {"type": "integer", "minimum": 1}),
    "WWW-Authenticate": ("How to authenticate.", _TEXT),
    "Content-Language": ("Language of the texts.", {"enum": ["en", "zh-CN"]}),
    "traceparent": ("W3C trace context of this request.", _TEXT),
    "Link": ("The next page, rel=next (RFC 8288).", _TEXT),
}
_NO_NUL: Final = r"^[^\x00]*(?![\s\S])"
_EVERYWHERE: Final = ("Payguard-Request-Id", "traceparent", "Content-Language")
_WRITTEN: Final = ("Payguard-Batch", "Idempotent-Replayed")

_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    IDEMPOTENCY_HEADER: {
        "name": IDEMPOTENCY_HEADER,
        "in": "header",
        "required": True,
        "description": (
            "New for each operation, the same for each retry of it. Visible ASCII without comma, "
            "quote or backslash, bare or in a pair of quotes. Kept 31 days, then as a hash for "
            "400 days."
        ),
        "schema": {
            "type": "string",
            "minLength": IDEMPOTENCY_KEY_MIN,
            "maxLength": IDEMPOTENCY_KEY_MAX,
            "pattern": r"^[!#-+\--\[\]-~]+$",
        },
    },
    DEADLINE_HEADER: {
        "name": DEADLINE_HEADER,
        "in": "header",
        "required": False,
        "description": "Milliseconds that you will wait; can only shorten our own deadline.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 9_999_999},
    },
    "Accept-Language": {
        "name": "Accept-Language",
        "in": "header",
        "required": False,
        "description": "Language of the texts: English, or Chinese for zh.",
        "schema": _TEXT,
        "example": "zh-CN",
    },
}


def problems_of(route: Route) -> tuple[Problem, ...]:
    """Return every problem that an operation may answer with, the door's and the room's."""
    found = [*BY_SERVER, HEADER_INVALID, QUERY_INVALID, QUERY_MALFORMED, INTERNAL_ERROR]
    found += [DEADLINE_PASSED, OVERLOADED, STORE_UNAVAILABLE]
    if route.scope is not None:
        found += [NOT_AUTHENTICATED, SCOPE_MISSING, RATE_LIMITED]
    if route.parameters:
        found.append(route.unknown)
    if route.writes:
        found += [IDEMPOTENCY_KEY_MISSING, IDEMPOTENCY_KEY_MALFORMED, KEY_REUSED, KEY_EXPIRED]
        found += [RESULT_UNKNOWN, COMMAND_FAULTED]
    if route.takes:
        found += [BODY_MALFORMED, CONTENT_TYPE_UNSUPPORTED, BODY_INVALID]
    if route.method != "get":
        found += [BODY_TOO_LARGE] if route.takes else [BODY_TOO_LARGE, BODY_UNEXPECTED]
    if not route.takes_cards:
        found.append(CARD_NUMBER_NOT_ALLOWED)
    if _is_paged(route):
        found.append(CURSOR_INVALID)
    unique = dict.fromkeys([*found, *route.refuses])
    return tuple(sorted(unique, key=lambda one: (one.status, one.code)))


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """Return the OpenAPI document of a route table.

    A Struct's `example` (a ClassVar) becomes the example of its body.

    Raises:
        ValueError: Two Structs share one name.
    """
    texts = Texts.load()
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in routes:
        operation = _operation(route, texts)
        if links := _links(route, routes):
            operation["responses"][str(route.gives[0])]["links"] = links
        paths[route.path][route.method] = operation
    described = {
        "openapi": OPENAPI,
        "info": {
            "title": "Payguard",
            "version": version,
            "description": "Payment security and fraud detection beside your own checkout.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": dict(paths),
        "components": {
            "schemas": _schemas(routes),
            "parameters": _PARAMETERS,
            "headers": {
                name: {"description": text, "schema": schema}
                for name, (text, schema) in _HEADERS.items()
            },
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A secret key of your server; never in a browser or an app.",
                }
            },
        },
    }
    # Defaults of Structs are tuples and Structs; what goes out is what JSON says.
    return msgspec.json.decode(msgspec.json.encode(described), type=dict[str, Any])


def _schemas(routes: Iterable[Route]) -> dict[str, Any]:
    kinds: dict[type[msgspec.Struct], None] = {ProblemDetails: None}
    for route in routes:
        kinds.update(dict.fromkeys(one for one in (route.takes, route.gives[1]) if one))
    _, components = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    # Of two Structs with one name each would be called by its module, and referred to by neither.
    if shared := sorted(name for name in components if "." in name):
        raise ValueError(f"two Structs share one name: {', '.join(shared)}")
    # A problem may carry members of its own (RFC 9457, section 3.2).
    components["ProblemDetails"].pop("additionalProperties", None)
    return components


def _operation(route: Route, texts: Texts) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": _responses(route, texts),
        "security": [] if route.scope is None else [{"key": []}],
    }
    if route.scope is not None:
        operation["x-required-scope"] = route.scope
    if route.takes:
        operation["requestBody"] = {"required": True, "content": {_JSON: _media(route.takes)}}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    path: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": f"^{_form_of(name)}$"},
        }
        for name in route.parameters
    ]
    query = _query_parameters(route.query) if route.query else []
    names = [DEADLINE_HEADER, "Accept-Language"]
    if route.writes:
        names.insert(0, IDEMPOTENCY_HEADER)
    return [*path, *query, *({"$ref": f"#/components/parameters/{name}"} for name in names)]


def _form_of(parameter: str) -> str:
    return DIGEST_PATTERN if parameter == "model_id" else ID_PATTERN


def _query_parameters(kind: type[msgspec.Struct]) -> list[dict[str, Any]]:
    _, components = msgspec.json.schema_components([kind], ref_template=_REFERENCE)
    schema = components[kind.__name__]
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _sendable(one)}
        for name, one in schema["properties"].items()
    ]


def _sendable(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter's schema without null and NUL, of which a query string may say neither."""
    if "enum" in schema:
        return {"enum": [one for one in schema["enum"] if one is not None]}
    branches = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    told = branches[0] if len(branches) == 1 else schema
    is_text = told.get("type") == "string" and not {"format", "pattern"} & told.keys()
    return {**told, "pattern": _NO_NUL} if is_text else {**told}


def _responses(route: Route, texts: Texts) -> dict[str, Any]:
    status, kind = route.gives
    names = [*_EVERYWHERE]
    if route.scope is not None:
        names += ["RateLimit-Policy", "RateLimit"]
    good = {"description": route.summary, "headers": _headers([*names, *_extras(route)])}
    if kind is not None:
        good["content"] = {_JSON: _media(kind)}
    by_status: dict[int, list[Problem]] = defaultdict(list)
    for problem in problems_of(route):
        by_status[problem.status].append(problem)
    bad = {
        str(one): _problem_response(problems, _told(route, problems, names), texts)
        for one, problems in by_status.items()
    }
    return {str(status): good, **bad}


def _links(route: Route, routes: Iterable[Route]) -> dict[str, Any]:
    """Return what can be asked of a thing that a route has just made: its id goes into the path."""
    kind = route.gives[1]
    if route.method != "post" or kind is None or "id" not in kind.__struct_fields__:
        return {}
    return {
        other.name: {
            "operationId": other.name,
            "parameters": {other.parameters[0]: "$response.body#/id"},
        }
        for other in routes
        if len(other.parameters) == 1 and other.path.startswith(f"{route.path}/{{")
    }


def _told(route: Route, problems: Sequence[Problem], names: Sequence[str]) -> Sequence[str]:
    """Return the headers of refusals of one status; the server's own have the id alone."""
    if BY_SERVER.issuperset(problems):
        return ("Payguard-Request-Id",)
    return [*names, *_written(route, problems)]


def _extras(route: Route) -> list[str]:
    written = [*_WRITTEN] if route.writes else []
    return [*written, "Link"] if _is_paged(route) else written


def _written(route: Route, problems: Iterable[Problem]) -> tuple[str, ...]:
    """Return the headers of refusals that the writer made: those of a commit."""
    of_writer = {KEY_REUSED, KEY_EXPIRED, *route.refuses}
    return _WRITTEN if route.writes and not of_writer.isdisjoint(problems) else ()


def _problem_response(
    problems: Sequence[Problem], names: Sequence[str], texts: Texts
) -> dict[str, Any]:
    status = problems[0].status
    told = [*names]
    if status in _RETRIED:
        told.append("Retry-After")
    if NOT_AUTHENTICATED in problems:
        told.append("WWW-Authenticate")
    lines = [f"- `{one.code}`: {texts.problems[one.code].title.en}" for one in problems]
    schema = {
        "allOf": [{"$ref": _REFERENCE.format(name="ProblemDetails")}],
        "properties": {
            "status": {"const": status},
            "code": {"enum": [one.code for one in problems]},
        },
    }
    return {
        "description": "\n".join(lines),
        "headers": _headers(told),
        "content": {PROBLEM_TYPE: {"schema": schema}},
    }


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _media(kind: type[msgspec.Struct]) -> dict[str, Any]:
    media: dict[str, Any] = {"schema": {"$ref": _REFERENCE.format(name=kind.__name__)}}
    example = getattr(kind, "example", None)
    if example is not None and "example" not in kind.__struct_fields__:
        media["example"] = msgspec.to_builtins(example, str_keys=True)
    return media


def _is_paged(route: Route) -> bool:
    return route.query is not None and "cursor" in route.query.__struct_fields__
