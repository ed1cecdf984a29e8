"""A small room of notes behind the real door: what the door's tests knock at."""

import datetime as dt
import hmac
import io
import json
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import flask
import msgspec
import pytest
from flask.testing import FlaskClient

from keys.sealing import Sealer
from service.http.door import Door
from service.http.paging import Page, after, cursor_after, link_to_next
from service.http.ports import Limits, Ports, Principal
from service.http.problems import NOT_FOUND
from service.http.routes import Answer, Request, Route, answer_of, op
from service.http.watchers import Answered
from service.kernel.clock import FrozenClock
from service.kernel.errors import Refusal
from service.kernel.logs import logger
from service.kernel.money import Amount
from service.unit_of_work.commands import Call, Command, Reply

NOW = dt.datetime(2026, 11, 24, 8, 0, tzinfo=dt.UTC)
SECRET = "pk_live_notes_0123456789"
NOTE_ID = "nte_01KAYV0M8QZJ4X7S2N5T9R3W6B"


class Note(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    example: ClassVar[dict[str, Any]] = {"text": "hello"}

    text: Annotated[str, msgspec.Meta(max_length=20_000)]
    amount: Amount | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    text: str
    origin: str
    path: dict[str, str] = {}


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    items: list[int]
    next_cursor: str | None


class NotesQuery(Page, frozen=True, kw_only=True):
    word: str | None = None
    is_open: bool | None = None


class WriteNote(Command, frozen=True, kw_only=True):
    gives = Told
    text: str


class Writer:
    """Takes commands as the writer does, and remembers them; raises or refuses when told to."""

    def __init__(self) -> None:
        self.taken: list[tuple[Command, Call, int]] = []
        self.raises: Exception | None = None
        self.reply = Reply(kind="accepted", batch=7, now=NOW)

    def __call__(self, command: Command, *, call: Call, deadline_ns: int, **_: str) -> Reply:
        self.taken.append((command, call, deadline_ns))
        if self.raises:
            raise self.raises
        return self.reply


def keyed_hash(key: bytes, *parts: bytes) -> bytes:
    message = b"".join(len(part).to_bytes(8) + part for part in parts)
    return hmac.digest(key, message, "sha256")


def write_note(request: Request, ports: Ports) -> Answer:
    text = request.body.text if request.body else ""
    reply = ports.submit(WriteNote(text=text), call=request.call(), deadline_ns=request.deadline_ns)
    told = Told(id=NOTE_ID, text=text, origin=request.origin, path=dict(request.path))
    return answer_of(reply, told, status=201)


def list_notes(request: Request, ports: Ports) -> Answer:
    last = after(request, ports)
    start = 0 if last is None else int(last[0])
    items = list(range(start + 1, start + 1 + request.query.limit))
    cursor = cursor_after((items[-1],), request, ports)
    return Answer(
        body=Notes(items=items, next_cursor=cursor), headers=(link_to_next(cursor, request),)
    )


def read_note(request: Request, _: Ports) -> Answer:
    if request.path["id"] != NOTE_ID:
        raise Refusal(NOT_FOUND)
    told = Told(id=NOTE_ID, text="", origin=request.origin, path=dict(request.path))
    return Answer(body=told)


def hello(request: Request, _: Ports) -> Answer:
    return Answer(body=Told(id="", text="hello", origin=request.origin))


ROUTES: list[Route] = [
    op(
        "post",
        "/v1/notes",
        name="write_note",
        summary="Write a note.",
        takes=Note,
        gives=(201, Told),
        scope="notes:write",
        writes=True,
        run=write_note,
    ),
    op(
        "get",
        "/v1/notes",
        name="list_notes",
        summary="List notes.",
        query=NotesQuery,
        gives=(200, Notes),
        scope="notes:read",
        writes=False,
        run=list_notes,
    ),
    op(
        "get",
        "/v1/notes/{id}",
        name="read_note",
        summary="Read a note.",
        gives=(200, Told),
        refuses=(NOT_FOUND,),
        scope="notes:read",
        writes=False,
        run=read_note,
    ),
    op(
        "post",
        "/v1/notes/{id}/close",
        name="close_note",
        summary="Close a note.",
        gives=(201, Told),
        scope="notes:write",
        writes=True,
        run=write_note,
    ),
    op(
        "post",
        "/v1/notes/{id}/burn",
        name="burn_note",
        summary="Burn a note.",
        gives=(201, Told),
        scope="notes:burn",
        writes=True,
        run=write_note,
    ),
    op(
        "get",
        "/hello",
        name="hello",
        summary="Say hello to anyone.",
        gives=(200, Told),
        writes=False,
        run=hello,
    ),
]


class House:
    """The app with its fakes at hand."""

    def __init__(self, limits: Limits, routes: list[Route]) -> None:
        self.clock = FrozenClock(NOW)
        self.clock.advance(dt.timedelta(hours=1))
        self.writer = Writer()
        self.lines = io.BytesIO()
        self.answered: list[Answered] = []
        self.principals = {SECRET: principal(), SECRET + "x": principal(key_id="key_other")}
        self._draws = 0
        self.log = logger(stream=self.lines, clock=self.clock)
        self.ports = Ports(
            submit=self.writer,
            reader=None,  # type: ignore[arg-type]  # no route of these reads
            authenticate=self._authenticate,
            clock=self.clock,
            entropy=self._entropy,
            signer=None,
            sealer=Sealer(bytes(32)),
            keyed_hash=keyed_hash,
            cursor_key=b"c" * 32,
            pseudonym_key=b"p" * 32,
            fingerprint_key=b"f" * 32,
            limits=limits,
            issuer="https://pay.example",
            version="0.1.0",
        )
        self.app = flask.Flask("notes")
        Door(self.ports, log=self.log, watchers=[self.answered.append]).mount(self.app, routes)
        self.client: FlaskClient = self.app.test_client()

    def _authenticate(self, secret: str) -> Principal | None:
        return self.principals.get(secret)

    def _entropy(self, n: int) -> bytes:
        self._draws += 1
        return self._draws.to_bytes(n, "big") if n >= 8 else bytes(n)

    def log_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines.getvalue().splitlines()]

    def post(self, body: Any = None, *, path: str = "/v1/notes", **headers: str | None) -> Any:
        sent: dict[str, str | None] = {
            "Authorization": f"Bearer {SECRET}",
            "Content-Type": "application/json",
            "Idempotency-Key": "0123456789abcdef",
        }
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(
            path, data=raw, headers={name: text for name, text in sent.items() if text is not None}
        )

    def send(self, **environ: Any) -> Any:
        """Send a good POST with some of its WSGI environment replaced."""
        sent: dict[str, Any] = {
            "HTTP_AUTHORIZATION": f"Bearer {SECRET}",
            "CONTENT_TYPE": "application/json",
            "HTTP_IDEMPOTENCY_KEY": "0123456789abcdef",
        }
        return self.client.post("/v1/notes", environ_overrides=sent | environ)

    def refused(self, response: Any, status: int, code: str) -> dict[str, Any]:
        """Check what every refusal at the door has in common, and return its body."""
        body = response.get_json()
        assert (response.status_code, body.get("code"), body["status"]) == (status, code, status)
        assert response.content_type == "application/problem+json"
        assert body["type"] == f"/problems/{code}"
        assert body["title"]
        assert body["detail"]
        assert body["request_id"] == response.headers["Payguard-Request-Id"]
        assert self.writer.taken == []
        return body  # type: ignore[no-any-return]  # JSON as it came

    def get(self, path: str = "/v1/notes", **headers: str) -> Any:
        sent = {"Authorization": f"Bearer {SECRET}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, headers=sent)


def principal(**changes: Any) -> Principal:
    values: dict[str, Any] = {
        "key_id": "key_1",
        "tenant_id": "ten_1",
        "merchant_id": "mer_1",
        "mode": "live",
        "scopes": frozenset({"notes:write", "notes:read"}),
    }
    return Principal(**values | changes)


@pytest.fixture
def build() -> Callable[..., House]:
    def make(routes: list[Route] | None = None, **limits: int) -> House:
        return House(Limits(**limits), ROUTES if routes is None else routes)

    return make


@pytest.fixture
def house(build: Callable[..., House]) -> House:
    return build()


@pytest.fixture
def routes() -> list[Route]:
    return ROUTES
