"""Runs migrations on the connection that service/db/migrate.py gives; opens none itself."""  # noqa: INP001  Alembic runs it by path

from alembic import context

from service.db.metadata import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite changes a table by copying it; a batch does that.
    render_as_batch=True,
    # All of an upgrade or nothing, on SQLite as well: migrate.py holds the transaction.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
