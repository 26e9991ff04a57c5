"""The database's own disk: full when it is to be, and writable again."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.disk import Disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    home = tmp_path / "home"
    home.mkdir()
    disk = Disk(home)
    disk.mount()
    yield disk
    disk.unmount()


def test_a_full_disk_takes_nothing_until_it_is_freed(disk: Disk):
    if not disk.is_mounted:
        pytest.skip(disk.why_not)
    file = disk.link / "file"
    file.write_bytes(b"before")
    disk.fill()
    with pytest.raises(OSError, match="No space left") as caught:
        (disk.link / "more").write_bytes(bytes(1_000_000))
    assert caught.value.errno == errno.ENOSPC
    disk.free()
    file.write_bytes(bytes(1_000_000))
    assert file.stat().st_size == 1_000_000


def test_what_a_killed_run_left_is_taken_away(disk: Disk):
    if not disk.is_mounted:
        pytest.skip(disk.why_not)
    folder = disk.link.resolve()
    Disk(disk.link.parent).unmount()
    assert not os.path.lexists(disk.link)
    assert not folder.exists()


def test_who_may_not_mount_is_told_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    disk = Disk(tmp_path)
    disk.mount()
    assert (disk.is_mounted, disk.why_not) == (False, "only root may mount a file system")
