"""A server that answers as it is told, and a whole service in this process."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from tests.support.terminal import Process


class Asked(NamedTuple):
    """A request as the server got it."""

    path: str
    key: str
    body: dict[str, Any]


class Scripted:
    """Answers each request with the next of its answers, the last one for ever."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: list[tuple[int, dict[str, Any], dict[str, str]]] = []
        self.url = ""

    def answer(self, status: int, body: dict[str, Any], **headers: str) -> None:
        """Add an answer; an underscore in a header's name stands for a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, body, named))

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        self.asked.append(
            Asked(request.path, request.headers["Idempotency-Key"], json.loads(request.data))
        )
        status, body, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        response = Response(json.dumps(body), status, headers, content_type="application/json")
        return response(environ, start_response)


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object) -> None:
        pass


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    app = Scripted()
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    app.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield app
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def demo() -> Iterator[Process]:
    with Process("demo", "--port", "0", environment={}) as process:
        yield process


@pytest.fixture(scope="module")
def key_file(demo: Process, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key of the demo's shop that asks for no proof."""
    file = tmp_path_factory.mktemp("key") / "key"
    file.write_text(f"{demo.ready['shops'][0]['key']}\n")
    return file
