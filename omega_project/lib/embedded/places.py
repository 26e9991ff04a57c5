"""Where the embedded services live on the disk, and as whom they run.

PostgreSQL refuses to run as root. Started by root it runs as an unprivileged user, who must be able
to reach its programs and its data: where the project lies in a folder closed to others (/root, a
private temporary folder), both move to a folder of their own under one of `SHARED`.
"""

import contextlib
import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any

from .errors import EmbeddedServiceError

# Folders that only root writes to and that nothing tidies up (as /tmp and /var/tmp are).
SHARED = (Path("/var/lib"), Path("/opt"), Path("/srv"))
UNPRIVILEGED = ("nobody", "postgres", "daemon")
LOCK_SECONDS = 120.0
# sun_path holds 108 bytes on Linux and 104 on macOS, the closing zero included.
SOCKET_PATH_LIMIT = 103


@dataclass(frozen=True)
class Account:
    """The user a server runs as; `None` for the one we are."""

    entry: pwd.struct_passwd | None

    @property
    def popen(self) -> dict[str, Any]:
        """Arguments that make `subprocess` run a program as this user."""
        if self.entry is None:
            return {}
        return {"user": self.entry.pw_uid, "group": self.entry.pw_gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give a file or a folder (itself only) to this user."""
        if self.entry is not None:
            os.chown(path, self.entry.pw_uid, self.entry.pw_gid)

    def reaches(self, folder: Path) -> bool:
        """Whether this user can enter a folder, asked of the system itself."""
        words = ["/bin/sh", "-c", 'cd "$0"', str(folder)]
        return subprocess.run(words, cwd="/", capture_output=True, check=False, **self.popen).returncode == 0


def unprivileged_account() -> Account:
    """The user PostgreSQL runs as: ourselves, or when we are root the first of `UNPRIVILEGED`."""
    if os.geteuid() != 0:
        return Account(None)
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            return Account(pwd.getpwnam(name))
    raise EmbeddedServiceError(f"PostgreSQL does not run as root, and none of {UNPRIVILEGED} exists here.")


@contextlib.contextmanager
def locked(home: Path) -> Iterator[None]:
    """Hold the lock under which services of `home` are started and stopped, among all processes."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "embedded.lock").open("w") as handle:
        _lock(handle.fileno(), home)
        yield


def _lock(descriptor: int, home: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise EmbeddedServiceError(f"Another process holds {home}/embedded.lock.") from None
            time.sleep(0.02)


def package_folder(package: str) -> Path:
    """The folder of an installed package, without importing it."""
    spec = util.find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedServiceError(f"The Python package {package} is not installed.")
    return Path(spec.origin).parent


def state_folder(link: Path, account: Account) -> Path:
    """A server's own folder at `link`, or behind it where `account` could not reach it there.

    What it holds moves along: the checkout itself may have moved since the last start.
    """
    if not link.is_dir():
        link.unlink(missing_ok=True)
        link.mkdir(mode=0o700)
        account.own(link)
    if account.reaches(link):
        return link.resolve()
    folder = Path(tempfile.mkdtemp(prefix="omega-", dir=shared_folder()))
    subprocess.run(["/bin/cp", "-a", f"{link}/.", str(folder)], check=True)
    account.own(folder)
    remove(link)
    link.symlink_to(folder)
    return folder


def socket_folder(link: Path, name: str, account: Account) -> Path:
    """The folder of a socket called `name`: `link` itself, or a short one where its path is too long."""
    if link.is_dir():
        return link.resolve()
    link.unlink(missing_ok=True)
    if len(os.fsencode(link.parent.resolve() / link.name / name)) <= SOCKET_PATH_LIMIT:
        link.mkdir(mode=0o700)
    else:
        link.symlink_to(tempfile.mkdtemp(prefix="omega-", dir="/tmp"))
    account.own(link.resolve())
    return link.resolve()


def shared_folder() -> Path:
    """A folder that everybody can enter and only root can write to."""
    for folder in SHARED:
        if folder.is_dir() and os.access(folder, os.W_OK):
            return folder
    raise EmbeddedServiceError(f"PostgreSQL does not run as root, and none of {SHARED} can be written to.")


def reachable_copy(folder: Path, distribution: str) -> Path:
    """A copy of a package's folder (and its shared libraries) where every user can read it."""
    target = shared_folder() / f"{distribution}-{metadata.version(distribution)}"
    if not target.is_dir():
        partial = Path(tempfile.mkdtemp(prefix="omega-copy-", dir=target.parent))
        unneeded = shutil.ignore_patterns("include", "*.a")
        for source in (folder, folder.with_name(f"{folder.name}.libs")):
            if source.is_dir():
                shutil.copytree(source, partial / source.name, ignore=unneeded)
        subprocess.run(["/bin/chmod", "-R", "u=rwX,go=rX", str(partial)], check=True)
        with contextlib.suppress(OSError):  # another home's start was quicker
            partial.rename(target)
        shutil.rmtree(partial, ignore_errors=True)
    return target / folder.name


def remove(link: Path) -> None:
    """Remove a folder, also one that `link` only points to."""
    shutil.rmtree(link.resolve(), ignore_errors=True)
    if link.is_symlink():
        link.unlink()
