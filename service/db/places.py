"""Where a store is: the path of a SQLite file, or a PostgreSQL database. Opens nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from typing_extensions import override

from service.db.store import StoreUnavailable

# Over how many connections a process reads a server, unless it is told otherwise.
READER_CONNECTIONS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A PostgreSQL database by its addresses, one for each role; its text shows no password.

    Attributes:
        writer: `postgresql://...` for the role that changes rows; empty where this process was
            not given it, as for the others.
        reader: The same for the role that only reads.
        owner: The same for the role that owns the tables.
    """

    writer: str = ""
    reader: str = ""
    owner: str = ""

    def required(self, role: str) -> str:
        """Return a role's address.

        Args:
            role: The attribute that holds it.

        Raises:
            StoreUnavailable: This process was not given it; the text names the setting.
        """
        url: str = getattr(self, role)
        if not url:
            raise StoreUnavailable(f"PAYGUARD_{_SETTING[role]} is not set in this process")
        return url

    @property
    def any(self) -> str:
        """The address of the most powerful role that this process was given."""
        return self.owner or self.writer or self.reader

    @override
    def __repr__(self) -> str:
        return f"Database({without_secrets(self.any)})"

    @override
    def __str__(self) -> str:
        return without_secrets(self.any)


Place = Path | Database

_SETTING = {"writer": "DATABASE_URL", "reader": "READER_URL", "owner": "OWNER_URL"}


def without_secrets(url: str) -> str:
    """Return a database's address with nothing but host, port and name: no user, no option."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def alchemy_url(url: str) -> str:
    """Return a database's address as SQLAlchemy wants it: with the driver's name."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}+psycopg://{rest}"
