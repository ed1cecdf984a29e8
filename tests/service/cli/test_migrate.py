import sqlite3

from service.db import migrate
from service.writer.lock import WriterLock
from tests.support.terminal import Terminal


def test_a_first_migration_makes_folder_and_database(fresh: Terminal) -> None:
    result = fresh("migrate")

    assert result.exit_code == 0
    assert result.stdout == f"migrated from nothing to {migrate.head()}\n"
    assert migrate.current(fresh.home / "payguard.sqlite") == migrate.head()


def test_a_second_migration_changes_nothing(payguard: Terminal) -> None:
    result = payguard("migrate")

    assert result.stdout == f"up to date at {migrate.head()}\n"


def test_a_check_of_a_fresh_folder_names_what_is_pending_and_makes_nothing(
    fresh: Terminal,
) -> None:
    found = fresh.json("migrate", "--check")

    assert found["current"] is None
    assert found["pending"][-1] == migrate.head()
    assert not fresh.home.exists()


def test_a_check_ends_with_1_where_something_is_pending(fresh: Terminal) -> None:
    fresh("migrate", "--to", "0001")

    assert fresh("migrate", "--check").exit_code == 1


def test_a_check_ends_with_0_where_nothing_is(payguard: Terminal) -> None:
    assert payguard("migrate", "--check").exit_code == 0


def test_going_down_asks_for_a_yes_first(payguard: Terminal) -> None:
    result = payguard("migrate", "--to", "0001")

    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert migrate.current(payguard.home / "payguard.sqlite") == migrate.head()


def test_going_down_with_a_yes_goes_down(payguard: Terminal) -> None:
    result = payguard("migrate", "--to", "0001", "--yes")

    assert result.exit_code == 0
    assert migrate.current(payguard.home / "payguard.sqlite") == "0001"


def test_an_unknown_revision_is_named(payguard: Terminal) -> None:
    result = payguard("migrate", "--to", "9999", "--yes")

    assert result.exit_code == 2
    assert "there is no revision 9999" in result.stderr


def test_a_writer_at_work_keeps_migrations_out(payguard: Terminal) -> None:
    with WriterLock(payguard.home / "writer.lock"):
        result = payguard("migrate")

    assert result.exit_code == 2
    assert "is held by process" in result.stderr


def test_a_database_of_a_newer_version_is_left_alone(payguard: Terminal) -> None:
    stamp(payguard, "9999")

    result = payguard("migrate")

    assert result.exit_code == 2
    assert "9999, which this software does not know" in result.stderr


def stamp(payguard: Terminal, revision: str) -> None:
    """Say in the database that another version made it."""
    connection = sqlite3.connect(payguard.home / "payguard.sqlite")
    connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.commit()
    connection.close()


def test_a_lock_that_this_user_may_not_open_is_told(fresh: Terminal) -> None:
    (fresh.home / "writer.lock").mkdir(parents=True)

    result = fresh("migrate")

    assert result.exit_code == 2
    assert "run as the owner of the data folder" in result.stderr
