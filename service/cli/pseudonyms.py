"""The key of pseudonyms, for commands that take a contact or an address in clear."""

from keys import entropy
from keys.roots.file import RootRefused
from service.cli.database import require_root_key
from service.cli.screen import Failure
from service.secrets import open_secrets
from service.settings import Settings


def pseudonym_key(settings: Settings) -> bytes:
    """Return the key under which contacts and addresses are kept.

    Raises:
        Failure: There is no root key, or it does not open.
    """
    require_root_key(settings)
    try:
        return open_secrets(settings.root_file, entropy.system).pseudonym
    except RootRefused as error:
        raise Failure(
            "root_key_unusable", str(error), then="`payguard doctor` looks at it"
        ) from error
