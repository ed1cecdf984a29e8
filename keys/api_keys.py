"""The text of an API key: made, read strictly, indexed. Never printed unless asked by name."""

import base64
import re
from typing import Final, Literal, NoReturn, TypeAlias, get_args

from typing_extensions import override

from keys import blind_index
from keys.entropy import Entropy

Mode: TypeAlias = Literal["live", "sandbox"]

SECRET_BYTES: Final = 32

_MODES: Final[tuple[Mode, ...]] = get_args(Mode)
# 32 bytes are 52 characters of base 32, the last of which carries one bit: `a` or `q`.
_TEXT: Final = re.compile(r"pgk_(live|sandbox)_[a-z2-7]{51}[aq]")


class ApiKeyRefused(ValueError):  # noqa: N818  it is what happened to the text
    """A text has not the form of an API key. The sentence never repeats it."""


class ApiKeyText:
    """An API key in clear: shown once when it is made, then only its keyed hash is kept.

    Attributes:
        mode: live or sandbox, as the text says; what the key may do stands in its row.
    """

    __slots__ = ("_text", "mode")

    def __init__(self, text: str) -> None:
        """Read a key strictly: one spelling for each.

        Raises:
            ApiKeyRefused: The text has another form.
        """
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ApiKeyRefused("an API key is `pgk_`, its mode, `_` and 52 characters")
        self._text = text
        self.mode: Mode = "live" if found[1] == "live" else "sandbox"

    def reveal(self) -> str:
        """Return the text itself, for the one answer that shows it."""
        return self._text

    def index(self, key: bytes) -> bytes:
        """Return the hash to store and to look the key up by, under the API_KEY_INDEX key.

        Raises:
            ValueError: The index key has the wrong length.
        """
        return blind_index.keyed_hash(key, b"api_key", self._text.encode())

    @override
    def __repr__(self) -> str:
        return f"ApiKeyText({self.mode}, not shown)"

    @override
    def __reduce__(self) -> NoReturn:
        raise TypeError("an API key is not pickled: it would leave the process")


def new_api_key(mode: Mode, entropy: Entropy) -> ApiKeyText:
    """Return a new key of SECRET_BYTES random bytes.

    Raises:
        ValueError: The mode is unknown.
    """
    if mode not in _MODES:
        raise ValueError("a key's mode is live or sandbox")
    secret = base64.b32encode(entropy(SECRET_BYTES)).decode().rstrip("=").lower()
    return ApiKeyText(f"pgk_{mode}_{secret}")
