"""Makes the first signing key. Pure: entropy and sealer are given."""

import msgspec

from keys.entropy import Entropy
from keys.sealing import Sealer
from keys.token_keys import SigningKey
from service.rooms.custody.contract import CreateSigningKey, PublicKey


def new_signing_key(sealer: Sealer, entropy: Entropy) -> CreateSigningKey:
    """Return the command that keeps a fresh key; its private half is sealed here already."""
    key = SigningKey.generate(entropy)
    return CreateSigningKey(
        public_key=msgspec.convert(key.verifying.jwk, PublicKey),
        sealed_private=key.seal(sealer, entropy=entropy),
    )
