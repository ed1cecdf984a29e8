"""The route that publishes our public keys. Open to everybody; tells nothing else."""

from typing import Final

from service.http.ports import Ports
from service.http.routes import Answer, Request, op
from service.rooms.custody.contract import KeySet

# A new key is published long before it signs; who verifies offline asks again within minutes.
CACHED_S: Final = 300


def _publish(_request: Request, ports: Ports) -> Answer:
    return Answer(
        body=ports.signer.key_set(),
        headers=(("Cache-Control", f"public, max-age={CACHED_S}"),),
    )


ROUTES: Final = (
    op(
        "get",
        "/.well-known/jwks.json",
        name="get_public_keys",
        summary="The public keys under which our payment tokens verify (RFC 7517).",
        gives=(200, KeySet),
        writes=False,
        run=_publish,
    ),
)
