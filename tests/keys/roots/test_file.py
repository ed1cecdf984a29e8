import os
import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from keys.entropy import CountingEntropy, system
from keys.roots.file import RootRefused, load, load_or_create

RACERS = 4


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def start(path: Path) -> bytes:
    return load_or_create(path, system)


def test_the_first_start_makes_a_key_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "root.key"

    root = load_or_create(path, CountingEntropy())

    assert path.read_bytes() == root
    assert len(root) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == ["root.key"]


def test_the_next_start_returns_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "root.key"

    first = load_or_create(path, CountingEntropy(1))

    assert load_or_create(path, CountingEntropy(2)) == first
    assert load(path) == first


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "root.key"
    before = os.umask(umask)
    try:
        load_or_create(path, CountingEntropy())
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.long
def test_processes_that_start_at_once_end_with_one_key(tmp_path: Path, sized) -> None:
    paths = [tmp_path / f"root_{turn}.key" for turn in range(sized(quick=50, ci=500, full=5_000))]

    with ProcessPoolExecutor(RACERS, mp_context=get_context("forkserver")) as pool:
        turns = [set(pool.map(start, [path] * RACERS)) for path in paths]

    assert turns == [{path.read_bytes()} for path in paths]
    assert names(tmp_path) == sorted(path.name for path in paths)


def test_who_loses_the_race_takes_the_winners_key(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    entropy = CountingEntropy()

    def slow(n: int) -> bytes:
        # The other process comes between this one's look and its link.
        if not path.exists():
            load_or_create(path, system)
        return entropy(n)

    root = load_or_create(path, slow)

    assert root == path.read_bytes()
    assert names(tmp_path) == ["root.key"]


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o602, 0o620, 0o644, 0o601])
def test_a_key_that_others_can_reach_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "root.key"
    load_or_create(path, CountingEntropy())
    path.chmod(mode)

    with pytest.raises(RootRefused, match=f"chmod 600 {path}"):
        load_or_create(path, CountingEntropy())


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_of_another_length_is_refused_and_left_alone(tmp_path: Path, length: int) -> None:
    path = tmp_path / "root.key"
    path.write_bytes(b"k" * length)
    path.chmod(0o600)

    with pytest.raises(RootRefused, match="restore it") as refused:
        load_or_create(path, CountingEntropy())

    assert "kkk" not in str(refused.value)
    assert path.read_bytes() == b"k" * length


def test_a_missing_key_is_not_made_where_it_must_exist(tmp_path: Path) -> None:
    with pytest.raises(RootRefused, match="missing"):
        load(tmp_path / "root.key")

    assert names(tmp_path) == []


def test_a_link_in_the_keys_place_is_refused(tmp_path: Path) -> None:
    load_or_create(tmp_path / "elsewhere.key", CountingEntropy())
    path = tmp_path / "root.key"
    path.symlink_to(tmp_path / "elsewhere.key")

    with pytest.raises(RootRefused, match="no link"):
        load_or_create(path, CountingEntropy())


def test_a_link_to_nowhere_is_not_followed_to_make_a_key(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    path.symlink_to(tmp_path / "nowhere.key")

    with pytest.raises(RootRefused):
        load_or_create(path, CountingEntropy())

    assert not (tmp_path / "nowhere.key").exists()


def test_a_folder_in_the_keys_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    path.mkdir(mode=0o700)

    with pytest.raises(RootRefused, match="plain file"):
        load_or_create(path, CountingEntropy())


def test_a_pipe_in_the_keys_place_is_refused_without_waiting(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    os.mkfifo(path, 0o600)

    with pytest.raises(RootRefused, match="plain file"):
        load_or_create(path, CountingEntropy())


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "missing"

    with pytest.raises(RootRefused, match=f"the folder {folder} exists"):
        load_or_create(folder / "root.key", CountingEntropy())


@pytest.mark.skipif(os.geteuid() != 0, reason="root: only root may give a file away")
def test_a_key_of_another_owner_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    load_or_create(path, CountingEntropy())
    os.chown(path, 12_345, -1)

    with pytest.raises(RootRefused, match="another user"):
        load_or_create(path, CountingEntropy())
