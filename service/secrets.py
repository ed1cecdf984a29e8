"""The keys that a process works with, from the one root key file. The keyring replaces it later."""

from dataclasses import dataclass, field
from pathlib import Path

from keys.derive import Purpose, purpose_key
from keys.entropy import Entropy
from keys.roots.file import load, load_or_create
from keys.sealing import Sealer


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """One key for each purpose; none of them shows in a repr.

    Attributes:
        sealer: Seals what is secret at rest.
        api_key_index: Key of the hashes under which API keys are found.
        fingerprint: Key of the hashes of requests and idempotency keys.
        cursor: Key that signs page cursors.
        pseudonym: Key of pseudonyms.
        strategy: Seed of the Ed25519 key that signs strategies.
        model: Seed of the Ed25519 key that signs models.
    """

    sealer: Sealer
    api_key_index: bytes = field(repr=False)
    fingerprint: bytes = field(repr=False)
    cursor: bytes = field(repr=False)
    pseudonym: bytes = field(repr=False)
    strategy: bytes = field(repr=False)
    model: bytes = field(repr=False)


def open_secrets(root_file: Path, entropy: Entropy, *, is_used: bool = False) -> Secrets:
    """Return the keys under the root key of a file, which the first start makes.

    Args:
        root_file: The root key's file.
        entropy: Makes the key, where there is none yet.
        is_used: A store was written under this key before. A new one could open nothing of it,
            so a file that is missing is then refused.

    Raises:
        keys.roots.file.RootRefused: The file cannot be used; the text says what to do.
    """
    root = load(root_file) if is_used else load_or_create(root_file, entropy)
    return Secrets(
        sealer=Sealer(purpose_key(root, Purpose.DATA_SEALING)),
        api_key_index=purpose_key(root, Purpose.API_KEY_INDEX),
        fingerprint=purpose_key(root, Purpose.IDEMPOTENCY_FINGERPRINT),
        cursor=purpose_key(root, Purpose.CURSOR),
        pseudonym=purpose_key(root, Purpose.PSEUDONYM),
        strategy=purpose_key(root, Purpose.STRATEGY),
        model=purpose_key(root, Purpose.MODEL),
    )
