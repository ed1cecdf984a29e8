"""A front end over a house: the real door and routes, the unit of work behind them. No sockets."""

import io
import itertools
import json
from collections.abc import Iterable
from typing import Any, Final

import flask

from keys.blind_index import keyed_hash
from keys.entropy import CountingEntropy
from service.http.door import Door
from service.http.ports import Limits, Ports, Principal
from service.http.routes import Route
from service.kernel.logs import logger
from service.unit_of_work.commands import Call, Command, Lane, Mode, Reply
from tests.support.uow import House

SECRET: Final = "pgk_live_the_key_of_this_test"


class Front:
    """Takes requests as gunicorn's worker does, from one key whose scopes the test names."""

    def __init__(  # what a key is made of, by name
        self,
        house: House,
        routes: Iterable[Route],
        *,
        scopes: Iterable[str],
        merchant_id: str = "mer_1",
        tenant_id: str = "ten_1",
        mode: Mode = "live",
        signer: Any = None,
    ) -> None:
        self._house = house
        self._numbers = itertools.count()
        self._principal = Principal(
            key_id="key_1",
            tenant_id=tenant_id,
            merchant_id=merchant_id,
            mode=mode,
            scopes=frozenset(scopes),
        )
        self.lines = io.BytesIO()
        ports = Ports(
            submit=self._submit,
            reader=house.reader,
            authenticate=lambda secret: self._principal if secret == SECRET else None,
            clock=house.clock,
            entropy=CountingEntropy(10_000),
            signer=signer,
            sealer=house.sealer,
            keyed_hash=keyed_hash,
            cursor_key=b"c" * 32,
            fingerprint_key=b"f" * 32,
            pseudonym_key=b"p" * 32,
            limits=Limits(),
            issuer="https://pay.example",
            version="0.1.0",
        )
        app = flask.Flask("front", static_folder=None)
        Door(ports, log=logger(stream=self.lines, clock=house.clock)).mount(app, list(routes))
        self._client = app.test_client()

    def get(self, path: str, *, secret: str | None = SECRET, language: str | None = None) -> Any:
        """Return the response to a GET."""
        return self._client.get(path, headers=self._headers(secret, language))

    def post(
        self,
        path: str,
        body: Any,
        *,
        idempotency: str | None = None,
        secret: str | None = SECRET,
        language: str | None = None,
    ) -> Any:
        """Return the response to a POST; each has a key of its own unless one is given."""
        headers = self._headers(secret, language)
        headers["Idempotency-Key"] = idempotency or f"test-key-{next(self._numbers):08}"
        headers["Content-Type"] = "application/json"
        return self._client.post(path, data=json.dumps(body).encode(), headers=headers)

    def _headers(self, secret: str | None, language: str | None) -> dict[str, str]:
        sent = {"Authorization": secret and f"Bearer {secret}", "Accept-Language": language}
        return {name: value for name, value in sent.items() if value is not None}

    def _submit(
        self, command: Command, *, call: Call, deadline_ns: int, lane: Lane = "now"
    ) -> Reply:
        assert deadline_ns > self._house.clock.monotonic_ns()
        assert lane in {"now", "later"}
        return self._house.run(command, call)
