"""A disk of its own for PostgreSQL, which can be full: a file system in memory, shrunk to what lies on it.

Only root may mount one. Where that is refused PostgreSQL lives in the home as usual, and the fault is left out.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from omega_project.lib.embedded import EmbeddedServiceError, places

SIZE = "6g"  # a bound, not taken: memory holds what is written


class Disk:
    """The file system behind `home/postgres`."""

    def __init__(self, home: Path) -> None:
        self.link = home / "postgres"
        self._kept = home.parent / f"{home.name}.disk"
        self.folder: Path | None = None
        self.why_not = "only root may mount a file system"

    @property
    def is_mounted(self) -> bool:
        return self.folder is not None

    def mount(self) -> None:
        """Put the file system in place; without a word where that is not to be had."""
        if os.geteuid() != 0:
            return
        try:
            folder = Path(tempfile.mkdtemp(prefix="omega-chaos-", dir=places.shared_folder()))
        except EmbeddedServiceError as error:
            self.why_not = str(error)
            return
        done = _run("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(folder))
        if done:
            self.why_not = f"no file system can be mounted here: {done}"
            folder.rmdir()
            return
        places.unprivileged_account().own(folder)
        self._kept.write_text(str(folder))
        self.folder = folder
        self.link.symlink_to(folder)

    def fill(self) -> None:
        """Not a page more can be written."""
        for _ in range(20):
            used = self._used()
            if not _run("mount", "-o", f"remount,size={used}k", str(self.folder)):
                return
            time.sleep(0.05)  # it grew in between

    def free(self) -> None:
        if self.folder is not None:
            _run("mount", "-o", f"remount,size={SIZE}", str(self.folder))

    def unmount(self) -> None:
        """Take it away, also one that a killed run left."""
        with contextlib.suppress(OSError):
            folder = Path(self._kept.read_text())
            _run("umount", "-l", str(folder))
            shutil.rmtree(folder, ignore_errors=True)
            self._kept.unlink()
        if self.link.is_symlink():
            self.link.unlink()
        self.folder = None

    def _used(self) -> int:
        stat = os.statvfs(str(self.folder))
        return (stat.f_blocks - stat.f_bfree) * stat.f_frsize // 1024


def _run(*words: str) -> str:
    """The program's complaint; empty where it had none."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return done.stderr.strip() or f"status {done.returncode}" if done.returncode else ""
