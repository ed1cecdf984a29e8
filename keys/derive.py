"""Purpose keys under the root: one for each use, so that none serves two. Never makes a root."""

import enum
from typing import Final

from keys.hazmat import hkdf

ROOT_BYTES: Final = 32
KEY_BYTES: Final = 32

# Changing this changes every key below every root that exists.
_INFO: Final = b"payguard purpose v1 "


class Purpose(enum.StrEnum):
    """What a key is for. The words are part of the derivation and never renamed."""

    DATA_SEALING = "data_sealing"
    API_KEY_INDEX = "api_key_index"
    IDEMPOTENCY_FINGERPRINT = "idempotency_fingerprint"
    CURSOR = "cursor"
    CLIENT_SECRET = "client_secret"  # noqa: S105  the name of a purpose
    PSEUDONYM = "pseudonym"
    STRATEGY = "strategy"
    MODEL = "model"


def purpose_key(root: bytes, purpose: Purpose) -> bytes:
    """Return the KEY_BYTES bytes that this root yields for a purpose.

    Raises:
        ValueError: The root has another length than ROOT_BYTES, or the purpose is unknown.

    Source: HKDF-SHA256, RFC 5869, without salt: the root is uniformly random.
    """
    if len(root) != ROOT_BYTES:
        raise ValueError(f"a root has {ROOT_BYTES} bytes")
    info = _INFO + Purpose(purpose).value.encode()
    return hkdf.derive(root, salt=b"", info=info, length=KEY_BYTES)
