"""The town, built once, and a caller of its business whose requests are explained as they run."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import environ
import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client as Browser
from pytest_django.plugin import DjangoDbBlocker

from accounts.services.credentials import create_api_key
from omega_project.lib import embedded
from tests.scale import town as towns
from tests.scale.plans import Reading, explained
from tests.settings import HOME


class Caller:
    """Asks the API with a key of the town's business."""

    def __init__(self) -> None:
        self.key = create_api_key(name="scale", business_id=1)
        self.browser = Browser(raise_request_exception=False)

    def get(self, path: str, query: Any = ()) -> dict[str, Any]:
        answer = self.browser.get(f"/omega{path}", dict(query), HTTP_X_API_KEY=self.key)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def readings(self, path: str, query: Any = ()) -> list[Reading]:
        """What PostgreSQL reads on a big table for this request."""
        with explained() as found:
            self.get(path, query)
        return found


@contextmanager
def _database() -> Iterator[str]:
    """A migrated database for this process's connection, gone afterwards; the URL of its superuser."""
    name = f"town_{secrets.token_hex(4)}"
    url = embedded.database_url(HOME, name)
    mine = {part: connection.settings_dict[part] for part in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
    connection.close()
    connection.settings_dict |= {part: value for part, value in environ.Env.db_url_config(url).items() if part in mine}
    try:
        call_command("migrate", verbosity=0)
        yield url.replace("://omega@", "://postgres@")
    finally:
        connection.close()
        connection.settings_dict |= mine
        with psycopg.connect(embedded.database_url(HOME), autocommit=True) as line:
            line.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="package")
def town(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Caller]:
    """The town stands in a database of its own: that of the other tests stays small."""
    with django_db_blocker.unblock(), _database() as url:
        towns.build(url)
        yield Caller()
