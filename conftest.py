"""What every test stands on: services apart from the demo's, no network, and the programs on demand."""

import fcntl
import threading
from collections.abc import Iterator
from contextvars import copy_context
from importlib import import_module
from typing import IO, Any

import pytest
from django.apps import AppConfig, apps
from django.db import connection
from django.db.models.signals import post_migrate
from pytest_django import DjangoDbBlocker
from xdist.scheduler import LoadScopeScheduling

from omega_project.lib import embedded, reach
from tests.settings import HOME
from tests.support.processes import Omega, Place, forget_migrated, lasting_place

_users: list[IO[str]] = []
# The migrations that write what carriers' codes and clients' words mean.
VOCABULARIES = ("0002_vocabulary", "0006_mail_vocabulary", "0009_retry_rules")
# Folders whose tests share what is dear to make: a town of a million messages, a running omega.
TOGETHER = ("tests/journeys", "tests/scale", "tests/voice")


class ByFile(LoadScopeScheduling):
    """Who of xdist's workers runs what: file by file, and a folder that shares something as one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.rpartition("/")[0]
        return folder if folder in TOGETHER else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Called by xdist where the whole suite runs."""
    return ByFile(config, log)


_start = threading.Thread.start


def _start_where_we_are(thread: threading.Thread) -> None:
    """A thread of a test reaches as far as the test, as Python 3.14 would have it."""
    context, run = copy_context(), thread.run
    setattr(thread, "run", lambda: context.run(run))  # noqa: B010
    _start(thread)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let tests talk to this machine only, and say that this session uses the services."""
    config.option.allow_hosts = config.option.allow_hosts or "127.0.0.1,::1,localhost"
    config.option.allow_unix_socket = True
    HOME.mkdir(parents=True, exist_ok=True)
    reach.enter(reach.EVERYTHING)  # a test is an operator; a request and a job in it begin with nothing
    setattr(threading.Thread, "start", _start_where_we_are)  # noqa: B010  and so are its threads
    _users.append((HOME / "users.lock").open("w"))
    fcntl.flock(_users[0], fcntl.LOCK_SH)


def pytest_unconfigure() -> None:
    """Stop the services, unless another session uses them: the last one does it."""
    if not _users:
        return
    forget_migrated()
    with _users.pop() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        embedded.stop(HOME)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """A test with transactions of its own empties every table at its end: what a migration wrote comes back."""
    post_migrate.connect(_write_vocabulary, dispatch_uid="tests.vocabulary")
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER accounts_audit_is_not_emptied")


def _write_vocabulary(app_config: AppConfig, **kwargs: object) -> None:
    if app_config.label == "messaging" and not app_config.get_model("CarrierCode").objects.exists():
        for name in VOCABULARIES:
            import_module(f"messaging.migrations.{name}").forwards(apps, None)


@pytest.fixture
def place() -> Iterator[Place]:
    """A migrated database, a Redis database and a folder that no other test has."""
    with lasting_place(HOME) as made:
        yield made


@pytest.fixture(scope="session")
def omega() -> Iterator[Omega]:
    """All of omega, running, with the sandbox and the demo's businesses; for tests that break nothing.

    A test that kills or reconfigures a program starts its own, in a place of its own.
    """
    with lasting_place(HOME) as place, Omega(place) as running:
        running.seed()
        running.start_all()
        yield running
