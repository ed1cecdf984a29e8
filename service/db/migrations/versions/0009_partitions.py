"""The logs in ranges: tables of their own on PostgreSQL, made ahead and dropped when over."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

LENGTH: Final = 10_000_000
AHEAD: Final = 2
# Serving roles may not even look into it: they see a log as one table.
SCHEMA: Final = "payguard_partitions"

# Each log: the column of its ranges; its primary key as it was and as ranges force it; the rest.
LOGS: Final = {
    "entries": (
        "position",
        ("tenant_id, merchant_id, number", "tenant_id, merchant_id, number, position"),
        (
            # Holds over all ranges, since it has their column in it.
            "ALTER TABLE entries ADD CONSTRAINT uq_entries_log_position UNIQUE (log, position)",
            "CREATE INDEX ix_entries_payment_id ON entries (tenant_id, payment_id)",
        ),
    ),
    "events": (
        "sequence",
        ("tenant_id, subject_id, sequence, ordinal",) * 2,
        ("CREATE INDEX ix_events_sequence ON events (sequence)",),
    ),
    "messages": (
        "sequence",
        ("tenant_id, sequence, ordinal",) * 2,
        ("CREATE INDEX ix_messages_subject_id ON messages (tenant_id, subject_id)",),
    ),
}

# They run with the owner's power, so each names what it touches in full, bounds its waits, and
# does one thing to one log: a lock on one is never held while another's is waited for. A wait
# is shorter than the writer's own lock_timeout, since whoever comes after stands behind it.
HEAD: Final = """
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET lock_timeout = '150ms'
"""

MAKE: Final = f"""
CREATE FUNCTION public.payguard_make_partition(of_log text, length bigint, ahead integer)
RETURNS text {HEAD} AS $$
DECLARE
    of_column text := CASE of_log WHEN 'entries' THEN 'position' ELSE 'sequence' END;
    beside text := of_log || '_default';
    reached bigint;
    since bigint;
    made text;
BEGIN
    IF of_log NOT IN ('entries', 'events', 'messages') OR length < 1 OR ahead < 1 THEN
        RAISE EXCEPTION 'no such partition: %, %, %', of_log, length, ahead;
    END IF;
    PERFORM pg_advisory_xact_lock(20551, 9);
    SELECT coalesce(max(CASE of_log WHEN 'entries' THEN w.entries ELSE w.sequence END), 0)
        INTO reached FROM public.writer AS w;
    SELECT coalesce(max(p.upper), 0) INTO since FROM public.partitions AS p WHERE p.log = of_log;
    IF since >= reached + length * ahead THEN
        RETURN NULL;
    END IF;
    made := of_log || '_' || lpad(since::text, 19, '0');
    EXECUTE format(
        'CREATE TABLE {SCHEMA}.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
        made, of_log);
    -- What came while there was no partition for it lies in the default one.
    EXECUTE format('LOCK TABLE {SCHEMA}.%I IN ACCESS EXCLUSIVE MODE', beside);
    EXECUTE format(
        'WITH moved AS (DELETE FROM {SCHEMA}.%I WHERE %I >= %s AND %I < %s RETURNING *)'
        ' INSERT INTO {SCHEMA}.%I SELECT * FROM moved',
        beside, of_column, since, of_column, since + length, made);
    EXECUTE format(
        'ALTER TABLE public.%I ATTACH PARTITION {SCHEMA}.%I FOR VALUES FROM (%s) TO (%s)',
        of_log, made, since, since + length);
    EXECUTE format('ALTER TABLE {SCHEMA}.%I ENABLE ROW LEVEL SECURITY', made);
    INSERT INTO public.partitions (name, log, lower, upper, made_at)
        VALUES (made, of_log, since, since + length, clock_timestamp());
    RETURN made;
END $$
"""

# How long a log is kept at the least, whatever is asked for: payments and their evidence five
# years, where a merchant is under Chinese law ten; entries twelve months; messages five weeks. From `unread` on somebody has yet to
# read it: NULL where nobody has.
DETACH: Final = """
CREATE FUNCTION public.payguard_detach_partition(of_log text, kept_days integer, unread bigint)
RETURNS text {HEAD} AS $$
DECLARE
    least_days integer := CASE of_log WHEN 'messages' THEN 35 WHEN 'entries' THEN 366 ELSE 1827 END;
    kept interval;
    seen timestamptz;
    reached bigint;
    over text;
BEGIN
    IF of_log = 'events' AND EXISTS (SELECT FROM public.merchants AS m WHERE m.preset = 'CN') THEN
        least_days := 3653;
    END IF;
    kept := make_interval(days => greatest(kept_days, least_days));
    PERFORM pg_advisory_xact_lock(20551, 9);
    -- Two clocks must agree that the time is over: one that was set ahead drops nothing.
    SELECT least(clock_timestamp(), min(w.now)),
        min(CASE of_log WHEN 'entries' THEN w.entries ELSE least(w.sequence, w.folded) END)
        INTO seen, reached FROM public.writer AS w;
    UPDATE public.partitions AS p SET filled_at = seen
        WHERE p.log = of_log AND p.filled_at IS NULL AND p.upper <= reached;
    SELECT p.name INTO over FROM public.partitions AS p
        WHERE p.log = of_log AND p.detached_at IS NULL AND p.filled_at <= seen - kept
            AND p.upper <= coalesce(unread, p.upper)
        ORDER BY p.lower LIMIT 1;
    IF over IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('ALTER TABLE public.%I DETACH PARTITION {SCHEMA}.%I', of_log, over);
    UPDATE public.partitions AS p SET detached_at = seen WHERE p.name = over;
    RETURN over;
END $$
""".replace("{HEAD}", HEAD).replace("{SCHEMA}", SCHEMA)

DROP: Final = f"""
CREATE FUNCTION public.payguard_drop_partition()
RETURNS text {HEAD} AS $$
DECLARE
    over text;
BEGIN
    PERFORM pg_advisory_xact_lock(20551, 9);
    SELECT p.name INTO over FROM public.partitions AS p
        WHERE p.detached_at IS NOT NULL AND p.dropped_at IS NULL ORDER BY p.name LIMIT 1;
    IF over IS NOT NULL THEN
        EXECUTE format('DROP TABLE {SCHEMA}.%I', over);
        UPDATE public.partitions AS p SET dropped_at = clock_timestamp() WHERE p.name = over;
    END IF;
    RETURN over;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "partitions",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("log", sa.String(length=16), nullable=False),
        sa.Column("lower", sa.BigInteger(), nullable=False),
        sa.Column("upper", sa.BigInteger(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("filled_at", Instant(), nullable=True),
        sa.Column("detached_at", Instant(), nullable=True),
        sa.Column("dropped_at", Instant(), nullable=True),
        sa.Column("recorded_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "log IN ('entries', 'events', 'messages')", name=op.f("ck_partitions_log")
        ),
        sa.CheckConstraint("lower < upper", name=op.f("ck_partitions_range")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_partitions")),
        sa.UniqueConstraint("log", "lower", name=op.f("uq_partitions_log_lower")),
    )
    if op.get_bind().dialect.name == "postgresql":
        _into_ranges()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _out_of_ranges()
    op.drop_table("partitions")


def _into_ranges() -> None:
    op.execute(f"CREATE SCHEMA {SCHEMA}")
    for log, (column, keys, rest) in LOGS.items():
        op.execute(f"ALTER TABLE {log} RENAME TO {log}_whole")
        op.execute(
            f"CREATE TABLE {log} (LIKE {log}_whole INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
            f" PARTITION BY RANGE ({column})"
        )
        op.execute(f"CREATE TABLE {SCHEMA}.{log}_default PARTITION OF {log} DEFAULT")
        op.execute(f"ALTER TABLE {SCHEMA}.{log}_default ENABLE ROW LEVEL SECURITY")
        _fill(log, keys[1], rest)
    for function in (MAKE, DETACH, DROP):
        op.execute(sa.text(function.replace(":", r"\:")))
    for name in (
        "payguard_make_partition(text, bigint, integer)",
        "payguard_detach_partition(text, integer, bigint)",
        "payguard_drop_partition()",
    ):
        op.execute(f"REVOKE ALL ON FUNCTION public.{name} FROM PUBLIC")
    make = sa.text("SELECT public.payguard_make_partition(:log, :length, :ahead)")
    for log in LOGS:
        while op.get_bind().scalar(make, {"log": log, "length": LENGTH, "ahead": AHEAD}):
            pass


def _out_of_ranges() -> None:
    op.execute("DROP FUNCTION public.payguard_drop_partition()")
    op.execute("DROP FUNCTION public.payguard_detach_partition(text, integer, bigint)")
    op.execute("DROP FUNCTION public.payguard_make_partition(text, bigint, integer)")
    for log, (_, keys, rest) in LOGS.items():
        op.execute(f"ALTER TABLE {log} RENAME TO {log}_whole")
        op.execute(f"CREATE TABLE {log} (LIKE {log}_whole INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        _fill(log, keys[0], rest)
    op.execute(f"DROP SCHEMA {SCHEMA} CASCADE")


def _fill(log: str, key: str, rest: tuple[str, ...]) -> None:
    """Move the rows in, then set the keys, whose names the old table has until then."""
    op.execute(f"INSERT INTO {log} SELECT * FROM {log}_whole")
    op.execute(f"DROP TABLE {log}_whole")
    op.execute(f"ALTER TABLE {log} ADD CONSTRAINT pk_{log} PRIMARY KEY ({key})")
    for statement in rest:
        op.execute(statement)
