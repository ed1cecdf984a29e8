import pytest

from service.cli.database import last_commit, prepare, require_root_key, standing
from service.cli.screen import Failure
from service.db import migrate
from service.settings import Settings
from tests.support.terminal import Terminal


def test_a_fresh_database_is_prepared(fresh: Terminal) -> None:
    fresh.home.mkdir()
    settings = Settings(data_dir=fresh.home)

    prepare(settings)

    assert standing(settings.database_file).current == migrate.head()


def test_pending_migrations_of_a_database_in_use_are_not_run_by_the_way(fresh: Terminal) -> None:
    fresh("migrate", "--to", "0001")
    settings = Settings(data_dir=fresh.home)

    with pytest.raises(Failure, match="the database lacks"):
        prepare(settings)

    assert standing(settings.database_file).current == "0001"


def test_before_the_first_commit_there_is_none(payguard: Terminal) -> None:
    assert last_commit(Settings(data_dir=payguard.home)) is None


def test_a_new_database_needs_no_root_key_yet(payguard: Terminal) -> None:
    require_root_key(Settings(data_dir=payguard.home))


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve",),
        ("merchant", "create", "--name", "Other"),
        ("key", "create", "--merchant", "{merchant_id}"),
    ],
    ids=lambda one: " ".join(one[:2]),
)
def test_a_lost_root_key_is_never_replaced_by_a_new_one(
    payguard: Terminal, merchant_id: str, arguments: tuple[str, ...]
) -> None:
    (payguard.home / "root.key").unlink()

    filled = [one.format(merchant_id=merchant_id) for one in arguments]
    result = payguard(*filled, PAYGUARD_PORT="0")

    assert result.exit_code == 2
    assert "restore it from its backup" in result.stderr
    assert not (payguard.home / "root.key").exists()
