"""The door: who calls, may they, how much, how long, and what goes out. Changes nothing itself.

A refusal here touches no row: nothing is submitted before every check has passed.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import flask
import msgspec
from werkzeug.exceptions import HTTPException

from service.db.store import StoreUnavailable
from service.http import faults, headers
from service.http.body import read_body
from service.http.contract import BodyContract, NoQuery, QueryContract
from service.http.outgoing import Finished, finish
from service.http.ports import Ports, Principal
from service.http.problems import (
    BODY_UNEXPECTED,
    COMMAND_FAULTED,
    DEADLINE_PASSED,
    HEADER_INVALID,
    INTERNAL_ERROR,
    METHOD_NOT_ALLOWED,
    NOT_AUTHENTICATED,
    NOT_FOUND,
    OVERLOADED,
    PROBLEM_TYPE,
    RATE_LIMITED,
    RESULT_UNKNOWN,
    SCOPE_MISSING,
    STORE_UNAVAILABLE,
    Language,
    Texts,
)
from service.http.rate import Buckets, Standing
from service.http.routes import BATCH_HEADER, REPLAYED_HEADER, Answer, Request, Route
from service.http.table import Table
from service.http.watchers import Answered, Log, Watcher
from service.kernel.errors import Faulted, Overloaded, Refusal, ResultUnknown
from service.kernel.ids import NAME_PATTERN, new_id
from service.unit_of_work.commands import Idempotency

RETRY_AFTER_S: Final = 1
REQUEST_ID_HEADER: Final = "Payguard-Request-Id"
UNMATCHED: Final = "unmatched"

# Paths name things by our own ids. Whatever else stands there is no id, and goes no further: an
# entry names what a refused command was about, and must not keep a card number or an e-mail.
_PATH_VALUE: Final = re.compile(NAME_PATTERN)
_MILLISECOND_NS: Final = 1_000_000
_STATUS_BAD: Final = 400
_STATUS_METHOD: Final = 405
_STATUS_SERVER: Final = 500
_JSON_CONTENT: Final = ("Content-Type", headers.JSON_TYPE)
_PROBLEM_CONTENT: Final = ("Content-Type", PROBLEM_TYPE)
_STANDARD: Final = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))


class _Visit:
    """One request's way through the door; belongs to its thread."""

    __slots__ = (
        "environ",
        "language",
        "principal",
        "request_id",
        "standing",
        "started_ns",
        "trace",
    )

    def __init__(self, environ: Mapping[str, Any], ports: Ports) -> None:
        self.environ = environ
        self.started_ns = ports.clock.monotonic_ns()
        self.request_id = new_id("req", now=ports.clock.now(), entropy=ports.entropy)
        self.trace = headers.traceparent(environ, entropy=ports.entropy)
        self.language: Language = headers.language(environ)
        self.principal: Principal | None = None
        self.standing: Standing | None = None


class _Operation:
    """A route with its contracts built."""

    def __init__(self, route: Route) -> None:
        self.route: Final = route
        self.label: Final = f"{route.method.upper()} {route.path}"
        self.body: Final = (
            BodyContract(route.takes, takes_cards=route.takes_cards) if route.takes else None
        )
        self.query: Final[QueryContract[Any]] = QueryContract(route.query or NoQuery)
        self.gives_query: Final = route.query is not None


class Door:
    """Serves a route table over given ports."""

    def __init__(self, ports: Ports, *, log: Log, watchers: Iterable[Watcher] = ()) -> None:
        self._ports: Final = ports
        self._log: Final = log
        self._watchers: Final = tuple(watchers)
        self._texts: Final = Texts.load()
        self._encode: Final = msgspec.json.Encoder().encode
        self._buckets: Final = Buckets(
            per_minute=ports.limits.rate_per_minute, burst=ports.limits.burst
        )

    def mount(self, app: flask.Flask, routes: Iterable[Route]) -> None:
        """Put the routes on an app, and the door's answers to everything else.

        Raises:
            ValueError: A problem that a route refuses with has no texts.
        """
        app.url_map.merge_slashes = False
        app.url_map.redirect_defaults = False
        entries = []
        for route in routes:
            if missing := self._texts.missing(route.refuses):
                raise ValueError(f"{route.name}: no texts for {', '.join(missing)}")
            operation = _Operation(route)
            entries.append((route, operation))
            app.add_url_rule(
                route.path.replace("{", "<").replace("}", ">"),
                endpoint=route.name,
                view_func=self._view(operation),
                methods=[route.method.upper()],
                provide_automatic_options=False,
            )
        app.register_error_handler(Exception, self._unserved)
        served = self._before(app.wsgi_app, Table(entries))
        app.wsgi_app = served  # type: ignore[method-assign, assignment]  # Flask's way to wrap

    def overloaded(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer a request for which there is no room; a WSGI application that never waits."""
        visit = _Visit(environ, self._ports)
        refusal = self._refusal(Overloaded(), visit, UNMATCHED)
        answer = self._finish(visit, refusal, UNMATCHED)
        start(answer.line, answer.headers)
        return [answer.body]

    def _before(self, rest: WSGIApplication, table: Table[_Operation]) -> WSGIApplication:
        """Return a WSGI application that serves the table itself and leaves the rest to Flask."""

        def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            found = table.find(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""))
            if found is None:
                return rest(environ, start)
            answer = self._serve(environ, *found)
            start(answer.line, answer.headers)
            return [answer.body]

        return application

    def _view(self, operation: _Operation) -> Callable[..., flask.Response]:
        """Return what Flask calls where the table did not fit: HEAD, above all."""

        def view(**path: str) -> flask.Response:
            return self._serve(flask.request.environ, operation, path).response()

        return view

    def _serve(
        self, environ: Mapping[str, Any], operation: _Operation, path: Mapping[str, str]
    ) -> Finished:
        visit = _Visit(environ, self._ports)
        route = operation.route
        try:
            request = self._admit(visit, operation, path)
            outcome: Answer | Refusal = route.run(request, self._ports)
        except Exception as error:  # noqa: BLE001  the door is the last place that may
            outcome = self._refusal(error, visit, route.path)
        return self._finish(visit, outcome, route.path)

    def _unserved(self, error: Exception) -> flask.Response:
        """Answer what no route took: unknown paths and methods, and faults outside of routes."""
        visit = _Visit(flask.request.environ, self._ports)
        if isinstance(error, HTTPException):
            outcome = _of_http(error)
        else:
            outcome = self._refusal(error, visit, UNMATCHED)
        return self._finish(visit, outcome, UNMATCHED).response()

    def _admit(self, visit: _Visit, operation: _Operation, path: Mapping[str, str]) -> Request:
        """Return the request with everything checked and decoded.

        Raises:
            Refusal: It may not come in.
        """
        route, environ, limits = operation.route, visit.environ, self._ports.limits
        headers.refuse_duplicates(environ)
        if route.scope is not None:
            self._authenticate(visit, route.scope)
        if not all(map(_PATH_VALUE.fullmatch, path.values())):
            raise Refusal(route.unknown)
        wait_ms = headers.deadline_ms(environ, longest=limits.deadline_ms)
        key = headers.idempotency_key(environ) if route.writes else None
        query = operation.query.decode(environ.get("QUERY_STRING", "").encode("latin-1"))
        raw = self._body(visit, operation)
        body = operation.body.decode(raw) if operation.body else None
        deadline_ns = visit.started_ns + wait_ms * _MILLISECOND_NS
        if self._ports.clock.monotonic_ns() >= deadline_ns:
            raise Refusal(DEADLINE_PASSED, headers={"Retry-After": str(RETRY_AFTER_S)})
        return Request(
            route=route,
            principal=visit.principal,
            path=path,
            query=query if operation.gives_query else None,
            body=body,
            language=visit.language,
            request_id=visit.request_id,
            origin=headers.origin(environ, trusted_hops=limits.trusted_hops),
            deadline_ns=deadline_ns,
            idempotency=None if key is None else self._once(visit, operation, key, path, raw),
        )

    def _authenticate(self, visit: _Visit, scope: str) -> None:
        secret = headers.bearer_secret(visit.environ)
        principal = None if secret is None else self._ports.authenticate(secret)
        if principal is None:
            raise Refusal(
                NOT_AUTHENTICATED, headers={"WWW-Authenticate": 'Bearer realm="payguard"'}
            )
        visit.principal = principal
        visit.standing = self._buckets.take(principal.key_id, now_ns=visit.started_ns)
        if visit.standing.is_over:
            raise Refusal(RATE_LIMITED, headers={"Retry-After": str(visit.standing.retry_s)})
        if scope not in principal.scopes:
            raise Refusal(SCOPE_MISSING, fields={"required_scope": scope})

    def _body(self, visit: _Visit, operation: _Operation) -> bytes:
        """Return the raw body; reads one byte beyond the limit and no further."""
        if operation.route.method == "get":
            return b""
        if operation.body:
            headers.check_content_type(visit.environ)
        raw = read_body(visit.environ, limit=self._ports.limits.body_bytes)
        if raw and not operation.body:
            raise Refusal(BODY_UNEXPECTED)
        return raw

    def _once(
        self, visit: _Visit, operation: _Operation, key: str, path: Mapping[str, str], raw: bytes
    ) -> Idempotency:
        """Return what makes a retry of this request the same request."""
        assert visit.principal is not None
        ports, principal = self._ports, visit.principal
        values = [path[name].encode() for name in operation.route.parameters]
        query = visit.environ.get("QUERY_STRING", "").encode("latin-1")
        label = operation.label.encode()
        return Idempotency(
            owner=f"{principal.merchant_id}:{principal.mode}",
            route=operation.label,
            key_hash=ports.keyed_hash(ports.fingerprint_key, b"idempotency key", key.encode()),
            fingerprint=ports.keyed_hash(
                ports.fingerprint_key, b"fingerprint", label, *values, query, raw
            ),
        )

    def _refusal(self, error: Exception, visit: _Visit, route: str) -> Refusal:
        """Return the refusal that an exception means; log it where it is our fault."""
        retry = {"Retry-After": str(RETRY_AFTER_S)}
        match error:
            case Refusal():
                return error
            case Overloaded():
                return Refusal(OVERLOADED, headers=retry)
            case ResultUnknown():
                return Refusal(RESULT_UNKNOWN, headers=retry)
            case StoreUnavailable():
                return Refusal(STORE_UNAVAILABLE, headers=retry)
            case Faulted(fault_id=fault_id):
                self._log.error(
                    "command_faulted", request_id=visit.request_id, route=route, fault_id=fault_id
                )
                return Refusal(COMMAND_FAULTED)
            case _:
                # Types and places only: the text of an exception may hold anything.
                self._log.error(
                    "request_failed",
                    request_id=visit.request_id,
                    route=route,
                    fault=faults.kinds(error),
                    at=faults.places(error.__traceback__),
                )
                return Refusal(INTERNAL_ERROR)

    def _finish(self, visit: _Visit, outcome: Answer | Refusal, route: str) -> Finished:
        try:
            finished = self._written(visit, outcome)
        except Exception as error:  # noqa: BLE001  an answer of ours that cannot be written
            outcome = self._refusal(error, visit, route)
            finished = self._written(visit, outcome)
        if isinstance(outcome, Answer):
            code, status = None, outcome.status
            batch = None if outcome.batch is None else str(outcome.batch)
        else:
            code, status = outcome.problem.code, outcome.problem.status
            batch = outcome.headers.get(BATCH_HEADER)
        answered = Answered(
            method=_method(visit.environ),
            route=route,
            status=status,
            duration_ns=self._ports.clock.monotonic_ns() - visit.started_ns,
            request_id=visit.request_id,
            code=code,
            batch=batch,
            merchant_id=visit.principal.merchant_id if visit.principal else None,
        )
        for watcher in self._watchers:
            watcher(answered)
        return finished

    def _written(self, visit: _Visit, outcome: Answer | Refusal) -> Finished:
        """Return the bytes and headers of an answer.

        Raises:
            Exception: It cannot be written; that is a mistake of whoever made it.
        """
        made = [
            (REQUEST_ID_HEADER, visit.request_id),
            ("traceparent", visit.trace),
            ("Content-Language", visit.language),
            *_STANDARD,
        ]
        if visit.standing is not None:
            made.append(("RateLimit-Policy", self._buckets.policy))
            made.append(("RateLimit", visit.standing.header()))
        if isinstance(outcome, Refusal):
            made.append(_PROBLEM_CONTENT)
            body = self._problem(outcome, visit)
            others = outcome.headers.items()
            return finish(body, status=outcome.problem.status, made=made, others=others)
        made.append(_JSON_CONTENT)
        if outcome.batch is not None:
            made.append((BATCH_HEADER, str(outcome.batch)))
        if outcome.replayed:
            made.append((REPLAYED_HEADER, "true"))
        body = b"" if outcome.body is None else self._encode(outcome.body)
        return finish(body, status=outcome.status, made=made, others=outcome.headers)

    def _problem(self, refusal: Refusal, visit: _Visit) -> bytes:
        members = self._texts.body(refusal, language=visit.language, request_id=visit.request_id)
        return self._encode(members)


def _of_http(error: HTTPException) -> Refusal:
    status = error.code or _STATUS_SERVER
    if status == _STATUS_METHOD:
        methods = sorted(set(getattr(error, "valid_methods", None) or ()) - {"OPTIONS"})
        return Refusal(METHOD_NOT_ALLOWED, headers={"Allow": ", ".join(methods)})
    if status >= _STATUS_SERVER:
        return Refusal(INTERNAL_ERROR)
    return Refusal(HEADER_INVALID if status == _STATUS_BAD else NOT_FOUND)


def _method(environ: Mapping[str, Any]) -> str:
    method = str(environ.get("REQUEST_METHOD", ""))
    return method if method in _METHODS else "OTHER"


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
