"""Statistics of tables that grew, before PostgreSQL takes them by itself."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Once a minute autovacuum looks for tables that changed. Until it first does, every index of an
# empty table looks equally good, and a plan may read all rows of a tenant to find one.
LEAST: Final = 500
TIMES: Final = 4
AT_ONCE: Final = 4

TAKE: Final = f"""
CREATE FUNCTION public.payguard_take_statistics()
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET lock_timeout = '150ms'
AS $$
DECLARE
    found record;
    taken integer := 0;
BEGIN
    FOR found IN
        SELECT s.schemaname, s.relname
            FROM pg_stat_user_tables AS s JOIN pg_class AS c ON c.oid = s.relid
            WHERE s.schemaname IN ('public', 'payguard_partitions') AND c.relkind = 'r'
                AND pg_get_userbyid(c.relowner) = current_user
                AND s.n_mod_since_analyze >= greatest({LEAST}, {TIMES} * c.reltuples)
            ORDER BY s.n_mod_since_analyze DESC LIMIT {AT_ONCE}
    LOOP
        EXECUTE format('ANALYZE %I.%I', found.schemaname, found.relname);
        taken := taken + 1;
    END LOOP;
    RETURN taken;
END $$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.text(TAKE.replace(":", r"\:")))
        op.execute("REVOKE ALL ON FUNCTION public.payguard_take_statistics() FROM PUBLIC")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION public.payguard_take_statistics()")
