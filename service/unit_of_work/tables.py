"""Tables of the unit of work: writer, entries, events, outbox, idempotency, faults."""

from typing import Final

import sqlalchemy as sa

from service.db.metadata import METADATA, Instant, one_of

ID = sa.String(64)

WRITER: Final = sa.Table(
    "writer",
    METADATA,
    sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("entries", sa.BigInteger, nullable=False),
    # Every event up to this sequence is folded into the entity rows.
    sa.Column("folded", sa.BigInteger, nullable=False),
    sa.Column("now", Instant, nullable=False),
    # Of which features, and in which form, every entity row is; nothing before the first start.
    sa.Column("feature_set", sa.String(64), nullable=True),
    sa.Column("schema", sa.Integer, nullable=True),
)

ENTRIES: Final = sa.Table(
    "entries",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("log", sa.String(16), nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("batch", sa.BigInteger, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("subject_id", ID, nullable=False),
    sa.Column("payment_id", ID, nullable=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("leaf", sa.LargeBinary(32), nullable=False),
    sa.UniqueConstraint("log", "position"),
    sa.Index("ix_entries_payment_id", "tenant_id", "payment_id"),
)

ENTRY_NUMBERS: Final = sa.Table(
    "entry_numbers",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)

EVENTS: Final = sa.Table(
    "events",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("subject_id", ID, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("merchant_id", ID, nullable=False),
    sa.Column("mode", sa.String(8), nullable=False),
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("schema", sa.Integer, nullable=False),
    sa.Column("batch", sa.BigInteger, nullable=False),
    sa.Column("occurred_at", Instant, nullable=False),
    sa.Column("ingested_at", Instant, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("observations", sa.LargeBinary, nullable=True),
    one_of("mode", ("live", "sandbox")),
    sa.Index("ix_events_sequence", "sequence"),
)

MESSAGES: Final = sa.Table(
    "messages",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("merchant_id", ID, nullable=False),
    sa.Column("mode", sa.String(8), nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("subject_id", ID, nullable=False),
    sa.Column("schema", sa.Integer, nullable=False),
    sa.Column("batch", sa.BigInteger, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("ix_messages_subject_id", "tenant_id", "subject_id"),
)

IDEMPOTENCY: Final = sa.Table(
    "idempotency",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("owner", sa.String(160), primary_key=True),
    sa.Column("route", sa.String(160), primary_key=True),
    sa.Column("key_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
    # None once the reply's 31 days are over; the hash stays, so that an old key pays nothing.
    sa.Column("reply", sa.LargeBinary, nullable=True),
    sa.Column("batch", sa.BigInteger, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    # Each row stands in one of the two: what trims replies must not walk over those that it has
    # trimmed already.
    sa.Index(
        "ix_idempotency_replies",
        "created_at",
        sqlite_where=sa.text("reply IS NOT NULL"),
        postgresql_where=sa.text("reply IS NOT NULL"),
    ),
    sa.Index(
        "ix_idempotency_hashes",
        "created_at",
        sqlite_where=sa.text("reply IS NULL"),
        postgresql_where=sa.text("reply IS NULL"),
    ),
)

FAULTS: Final = sa.Table(
    "faulted_commands",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("fault_id", ID, primary_key=True),
    sa.Column("command", sa.String(64), nullable=False),
    # The last sequence that was committed before it ran.
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("cause", sa.String(400), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)

# Ranges of a log that PostgreSQL keeps as tables of their own; SQLite has none. Written by the
# owner's functions (migration 0009), never by a command, except for `recorded_at`.
PARTITIONS: Final = sa.Table(
    "partitions",
    METADATA,
    sa.Column("name", ID, primary_key=True),
    sa.Column("log", sa.String(16), nullable=False),
    # Sequence numbers, for entries positions in their log: lower <= number < upper.
    sa.Column("lower", sa.BigInteger, nullable=False),
    sa.Column("upper", sa.BigInteger, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    # When it was seen that no row can come any more: its rows are older than that.
    sa.Column("filled_at", Instant, nullable=True),
    sa.Column("detached_at", Instant, nullable=True),
    sa.Column("dropped_at", Instant, nullable=True),
    # When the entry was written that says it was dropped.
    sa.Column("recorded_at", Instant, nullable=True),
    one_of("log", ("entries", "events", "messages")),
    sa.CheckConstraint("lower < upper", name="range"),
    sa.UniqueConstraint("log", "lower"),
)
