"""The handler that keeps signing keys. Pure; never opens one."""

from collections.abc import Sequence
from typing import Final

import msgspec

from keys.token_keys import KeyRefused, VerifyingKey, thumbprint
from service.db.statements import Bound
from service.kernel.errors import Problem
from service.rooms.custody import contract, store
from service.rooms.custody.contract import CreateSigningKey, SigningKeyCreated
from service.unit_of_work.commands import HOUSE, Call
from service.unit_of_work.handlers import Context, View, handles
from service.unit_of_work.outcome import Accepted, Change, Entry, Outcome, Refused

PURPOSE: Final = "payment_token"

_ACTIVE: Final = store.ACTIVE_KEY(tenant_id=HOUSE, purpose=PURPOSE)


def _keys(_command: CreateSigningKey, _call: Call) -> Sequence[str]:
    return (f"signing_key:{PURPOSE}",)


def _reads(_command: CreateSigningKey, _call: Call) -> Sequence[Bound]:
    return (_ACTIVE,)


@handles(CreateSigningKey, keys=_keys, reads=_reads)
def create_signing_key(view: View, command: CreateSigningKey, ctx: Context) -> Outcome:
    """Keep a key where none signs yet; of several processes that start, one makes it."""
    # No route leads here; a merchant that could bring a key could sign its own approvals.
    assert ctx.call.tenant_id == HOUSE
    kid = command.public_key.kid
    if view.maybe(_ACTIVE) is not None:
        return _refused(contract.SIGNING_KEY_EXISTS, kid)
    if not _is_whole(command.public_key):
        return _refused(contract.SIGNING_KEY_INVALID, kid)
    insert = store.INSERT_KEY(
        tenant_id=HOUSE,
        kid=kid,
        purpose=PURPOSE,
        state="active",
        public_key=msgspec.json.encode(command.public_key).decode(),
        sealed_private=command.sealed_private,
        created_at=ctx.now,
    )
    return Accepted(
        reply=SigningKeyCreated(kid=kid, created_at=ctx.now),
        entries=(Entry(kind="signing_key.created", subject=kid, fields={"purpose": PURPOSE}),),
        changes=(Change(bound=insert),),
    )


def _is_whole(public_key: contract.PublicKey) -> bool:
    """Say whether it is a point of its curve and named by its thumbprint."""
    jwk = msgspec.structs.asdict(public_key)
    try:
        VerifyingKey(jwk)
    except KeyRefused:
        return False
    return thumbprint(jwk) == public_key.kid


def _refused(problem: Problem, kid: str) -> Refused:
    entry = Entry(
        kind="signing_key.created",
        subject=kid,
        outcome="failure",
        fields={"problem": problem.code},
    )
    return Refused(problem=problem, entries=(entry,))


HANDLERS: Final = (create_signing_key,)
