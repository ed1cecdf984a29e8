"""All settings, read once from the environment. Unknown PAYGUARD_ names are refused."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from typing_extensions import override

from service.db.places import READER_CONNECTIONS, Database, Place

PREFIX: Final = "PAYGUARD_"
# What only tests may set: sizes, places of test material, seams.
TEST_PREFIX: Final = "PAYGUARD_TEST_"

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
DatabaseURL = Annotated[
    str, msgspec.Meta(pattern=r"^postgresql://[!-~]+(?![\s\S])", max_length=2_048)
]


class SettingsInvalid(Exception):  # noqa: N818  says what was found
    """A setting is unknown or has a value it cannot have; the text names it, never its value."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of every process; each is documented in docs/settings.md.

    Attributes:
        data_dir: Folder of the database, the root key, the writer's lock and its socket.
        root_key_file: File that holds the root key; made at first start.
        database_url: PostgreSQL database in the role that changes rows, for the writer; without
            any of the three the store is a SQLite file in the data folder.
        reader_url: The same in the role that only reads, for front ends.
        owner_url: The same in the role that owns the tables, for migrations and backups.
        host: Address the front end listens on.
        port: Port the front end listens on.
        issuer: `iss` of payment tokens: the address by which merchants know this service.
        workers: Front-end processes.
        front_end: How a front-end process waits: `cooperative` parks a request in a greenlet,
            `threads` holds a thread.
        threads: Under `threads`, requests that one front-end process serves at a time; under
            `cooperative`, blocking calls that run at a time.
        requests_max: Under `cooperative`, requests under way in one front-end process.
        reader_connections: On PostgreSQL, connections over which one front-end process reads.
        deadline_ms: How long a request may take before it is answered 503.
        rate_per_minute: Requests that a key may make a minute and front-end process.
        trusted_proxies: How many proxies in front append to X-Forwarded-For.
        queue_length_max: Commands that may wait for the writer in each lane.
        entity_cache_mib: Memory for feature state.
        timer_poll_ms: How often the worker looks for what has expired.
        partition_length: On PostgreSQL, numbers of a log's range that is a table of its own.
        events_kept_days: On PostgreSQL, how long events are kept.
        entries_kept_days: The same for entries.
        messages_kept_days: The same for messages.
        timer_poll_ms: How often the worker looks for what has expired, and for deliveries.
        models_folder: Folder of the arrays of models that were checked; front ends read them for
            reasons.
        checkpoint_folder: Folder outside of the database for the log's signed checkpoints.
        checkpoint_every_s: How long entries wait for a checkpoint at the most, about.
        challenger_every_s: How often the worker looks whether labels carry a model; 0 for never.
        webhook_allow_private: Whether webhooks of a sandbox may go to this machine and network.
        log_level: Least severe event that is logged.
    """

    data_dir: Path = Path("payguard-data")
    root_key_file: Path | None = None
    database_url: DatabaseURL | None = None
    reader_url: DatabaseURL | None = None
    owner_url: DatabaseURL | None = None
    host: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] = "127.0.0.1"
    port: Port = 8080
    issuer: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] = "http://127.0.0.1:8080"
    workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2
    front_end: Literal["cooperative", "threads"] = "cooperative"
    threads: Annotated[int, msgspec.Meta(ge=1, le=256)] = 16
    requests_max: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 512
    reader_connections: Annotated[int, msgspec.Meta(ge=1, le=256)] = READER_CONNECTIONS
    deadline_ms: Annotated[int, msgspec.Meta(ge=100, le=60_000)] = 2_000
    rate_per_minute: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 60_000
    trusted_proxies: Annotated[int, msgspec.Meta(ge=0, le=5)] = 0
    queue_length_max: Annotated[int, msgspec.Meta(ge=16, le=1_000_000)] = 4_096
    entity_cache_mib: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 256
    timer_poll_ms: Annotated[int, msgspec.Meta(ge=10, le=60_000)] = 200
    partition_length: Annotated[int, msgspec.Meta(ge=1_000, le=1_000_000_000)] = 10_000_000
    events_kept_days: Annotated[int, msgspec.Meta(ge=1_827, le=36_525)] = 3_653
    entries_kept_days: Annotated[int, msgspec.Meta(ge=366, le=36_525)] = 3_653
    messages_kept_days: Annotated[int, msgspec.Meta(ge=35, le=36_525)] = 35
    models_folder: Path | None = None
    checkpoint_folder: Path | None = None
    checkpoint_every_s: Annotated[int, msgspec.Meta(ge=1, le=3_600)] = 10
    challenger_every_s: Annotated[int, msgspec.Meta(ge=0, le=604_800)] = 3_600
    webhook_allow_private: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def severity(self) -> int:
        """The log level as the number that the standard library gives it."""
        return logging.getLevelNamesMapping()[self.log_level.upper()]

    @property
    def database(self) -> Place:
        """Where the store is."""
        if self.database_url or self.reader_url or self.owner_url:
            return Database(
                writer=self.database_url or "",
                reader=self.reader_url or "",
                owner=self.owner_url or "",
            )
        return self.database_file

    @property
    def database_file(self) -> Path:
        """The SQLite database, where the store is one."""
        return self.data_dir / "payguard.sqlite"

    @property
    def lock_file(self) -> Path:
        """The writer's lock."""
        return self.data_dir / "writer.lock"

    @property
    def worker_lock_file(self) -> Path:
        """The worker's lock."""
        return self.data_dir / "worker.lock"

    @property
    def socket_file(self) -> Path:
        """The writer's socket."""
        return self.data_dir / "writer.socket"

    @property
    def root_file(self) -> Path:
        """The root key's file."""
        return self.root_key_file or self.data_dir / "root.key"

    @property
    def models(self) -> Path:
        """Where the arrays of checked models lie; they can be made again from the store."""
        return self.models_folder or self.data_dir / "models"

    @property
    def checkpoints(self) -> Path:
        """Where signed checkpoints are kept: beside the data folder, not in it."""
        folder = self.data_dir.absolute()
        return self.checkpoint_folder or folder.with_name(f"{folder.name}-checkpoints")

    @override
    def __repr__(self) -> str:
        return f"Settings({self.data_dir}, {self.database!r})"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings that an environment gives.

    Args:
        environment: Names and values, such as os.environ.

    Raises:
        SettingsInvalid: A PAYGUARD_ name is unknown, or a value is out of its range.
    """
    given: dict[str, str] = {}
    for name, value in environment.items():
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX):
            field = name.removeprefix(PREFIX).lower()
            # Names are upper case, so that no setting can be given twice.
            if field not in Settings.__struct_fields__ or name != name.upper():
                raise SettingsInvalid(
                    f"{name} is not a setting; docs/settings.md lists those there are"
                )
            given[field] = value
    for field, value in given.items():
        _check(field, value)
    return msgspec.convert(given, Settings, strict=False, dec_hook=_path)


def _check(field: str, value: str) -> None:
    try:
        msgspec.convert({field: value}, Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        rule = str(error).partition(" - at ")[0]
        # msgspec names the rule that was broken, but of a closed set of words it shows the
        # value; and the error it came from is not chained, for the same reason.
        if repr(value) in rule:
            rule = "not one of the words it may be"
        raise SettingsInvalid(f"{PREFIX}{field.upper()}: {rule}") from None


def _path(kind: type, value: object) -> Path:
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError("expected a path")
