"""A backup's folder: whole or not at all; what is damaged, missing or newer is refused by name."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from service.db import backup
from service.db.backup import (
    FORMAT,
    MANIFEST,
    BackupRefused,
    FileFacts,
    Manifest,
    StoreFacts,
    check_facts,
    check_files,
    file_facts,
    new_folder,
    read_manifest,
    room_for,
    write_manifest,
)
from service.kernel.clock import SystemClock

STORE = StoreFacts(
    revision="0008", sequence=7, epoch=2, at=None, logs=(), tables={"payments": 3, "writer": 1}
)


def nobody(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""


def a_manifest(files: dict[str, FileFacts], **given: object) -> Manifest:
    made = Manifest(
        format=FORMAT,
        software="0.1.0",
        kind="sqlite",
        engine="SQLite 3",
        made_at=SystemClock().now(),
        store=STORE,
        files=files,
    )
    return msgspec.structs.replace(made, **given)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a whole backup of one file."""
    target = tmp_path / "whole"
    with new_folder(target) as partial:
        (partial / "payguard.sqlite").write_bytes(b"x" * 3_000_000)
        facts = file_facts(partial / "payguard.sqlite", nobody)
        write_manifest(partial, a_manifest({"payguard.sqlite": facts}))
    return target


def test_what_was_written_is_read_back(folder: Path) -> None:
    found = read_manifest(folder)

    check_files(folder, found, nobody)
    check_facts(folder, found, STORE)
    assert found.store == STORE
    assert "root key" in found.left_out


def test_only_its_owner_reads_it(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / MANIFEST).stat().st_mode & 0o777 == 0o600


def test_a_backup_that_fails_leaves_no_folder_of_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), new_folder(tmp_path / "new") as partial:
        (partial / "not there").read_bytes()

    assert not (tmp_path / "new").exists()


def test_what_a_dead_backup_left_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "new.partial").mkdir()
    (tmp_path / "new.partial" / "half").write_bytes(b"x")

    with new_folder(tmp_path / "new") as partial:
        (partial / "whole").write_bytes(b"y")

    assert [one.name for one in (tmp_path / "new").iterdir()] == ["whole"]
    assert not (tmp_path / "new.partial").exists()


def test_two_backups_to_one_place_do_not_mix(tmp_path: Path) -> None:
    (tmp_path / "new.partial").mkdir()
    held = os.open(tmp_path / "new.partial", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)

    with pytest.raises(BackupRefused, match="right now"), new_folder(tmp_path / "new"):
        pass

    os.close(held)


def test_nothing_is_ever_replaced(folder: Path) -> None:
    with pytest.raises(BackupRefused, match="exists already"), new_folder(folder):
        pass

    check_files(folder, read_manifest(folder), nobody)


def test_a_place_where_nothing_can_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="missing"), new_folder(tmp_path / "missing" / "new"):
        pass


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("damage", [flipped, cut, Path.unlink])
def test_a_damaged_file_is_refused(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder / "payguard.sqlite")

    with pytest.raises(BackupRefused, match=r"payguard\.sqlite"):
        check_files(folder, read_manifest(folder), nobody)


@pytest.mark.parametrize("damage", [cut, Path.unlink, lambda path: path.write_bytes(b"\xff{")])
def test_a_damaged_manifest_is_refused(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder / MANIFEST)

    with pytest.raises(BackupRefused) as refused:
        read_manifest(folder)

    assert refused.value.code in {"backup_damaged", "backup_missing"}


def test_a_manifest_of_a_newer_form_is_refused_as_such(folder: Path) -> None:
    text = (folder / MANIFEST).read_text()
    (folder / MANIFEST).write_text(text.replace('"format": 1', f'"format": {FORMAT + 1}'))

    with pytest.raises(BackupRefused) as refused:
        read_manifest(folder)

    assert refused.value.code == "backup_newer"


@pytest.mark.parametrize("name", ["../elsewhere", "/etc/passwd", "a/b"])
def test_a_manifest_names_no_file_outside_its_folder(folder: Path, name: str) -> None:
    manifest = a_manifest({name: FileFacts(bytes=1, sha256="00")})

    with pytest.raises(BackupRefused, match="outside"):
        check_files(folder, manifest, nobody)


@pytest.mark.parametrize(
    ("name", "value"), [("sequence", 8), ("tables", {"payments": 2}), ("revision", "0007")]
)
def test_a_figure_that_differs_is_named(folder: Path, name: str, value: object) -> None:
    other = msgspec.structs.replace(STORE, **{name: value})

    with pytest.raises(BackupRefused, match=f"its {name} differs"):
        check_facts(folder, read_manifest(folder), other)


def test_too_little_room_is_told_before_it_is_used(tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="bytes left") as refused:
        room_for(tmp_path, 1 << 60)

    assert refused.value.code == "disk_full"


def test_progress_ends_at_the_whole(folder: Path) -> None:
    seen: list[tuple[int, int]] = []

    backup.file_facts(
        folder / "payguard.sqlite", lambda _what, done, total: seen.append((done, total))
    )

    assert seen[-1] == (3_000_000, 3_000_000)
    assert len(seen) > 1
