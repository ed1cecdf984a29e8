"""The floor: a Flask route that reads the body and returns a constant.

Under stock gunicorn as `gunicorn bench.floor:create()`; under the product's own front end, so that
what it refuses can be compared under the same server, as `python -m bench.floor FD`.
"""

import asyncio
import os
import sys
from typing import Any

import flask

from service.cli.front_end import (
    CONNECTIONS_MAX,
    HEADER_BYTES_MAX,
    HEADERS_MAX,
    KEEPALIVE_S,
    LINE_BYTES_MAX,
    FrontEnd,
)
from service.front.bounds import Bounds
from service.front.hub import Hub
from service.front.server import Server
from service.http.ports import BODY_BYTES_MAX
from service.kernel.clock import SystemClock
from service.settings import read_settings


def create() -> flask.Flask:
    """Return the app."""
    app = flask.Flask("floor", static_folder=None)
    answer = b'{"id":"' + b"0" * 1_900 + b'"}'

    @app.get("/readyz")
    def ready() -> str:
        return "ready"

    @app.post("/v1/payments")
    def constant() -> flask.Response:
        flask.request.get_data()
        return flask.Response(answer, 201, content_type="application/json")

    return app


class Floor(FrontEnd):
    """The product's server around the constant."""

    def load(self) -> Any:
        return create()

    def cooperative(self, loop: asyncio.AbstractEventLoop) -> tuple[Hub, Server]:
        app = create()
        hub = Hub(loop, threads=1)
        bounds = Bounds(
            connections=CONNECTIONS_MAX,
            requests=self._settings.requests_max,
            line_bytes=LINE_BYTES_MAX,
            headers=HEADERS_MAX,
            header_bytes=HEADER_BYTES_MAX,
            body_bytes=BODY_BYTES_MAX,
            idle_s=KEEPALIVE_S,
        )
        server = Server(
            app,
            overloaded=app,
            hub=hub,
            bounds=bounds,
            clock=SystemClock(),
            workers=self._settings.workers,
        )
        return hub, server


if __name__ == "__main__":
    Floor(read_settings(os.environ), listener=int(sys.argv[1])).run()
