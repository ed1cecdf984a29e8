"""The root key is made once; a store that was written under it never gets another."""

from pathlib import Path

import pytest

from keys.entropy import CountingEntropy
from keys.roots.file import RootRefused
from service.secrets import open_secrets


def test_the_first_start_makes_the_root_key(tmp_path: Path) -> None:
    first = open_secrets(tmp_path / "root.key", CountingEntropy())

    again = open_secrets(tmp_path / "root.key", CountingEntropy(7), is_used=True)

    assert again.fingerprint == first.fingerprint


def test_a_root_key_that_is_lost_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(RootRefused):
        open_secrets(tmp_path / "root.key", CountingEntropy(), is_used=True)

    assert not (tmp_path / "root.key").exists()


def test_no_key_shows_in_a_repr(tmp_path: Path) -> None:
    secrets = open_secrets(tmp_path / "root.key", CountingEntropy())

    assert secrets.pseudonym.hex() not in repr(secrets)
    assert repr(secrets.fingerprint) not in repr(secrets)
