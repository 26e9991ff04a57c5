"""What `manage.py check` says of the wall between businesses."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError, connection

from accounts.services import walls
from omega_project.lib import reach


@register(Tags.models)
def every_table_is_somebodys(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A model that leads to no business would be open to all of them."""
    hint = "Give it a foreign key to what it belongs to, or name it in SHARED_TABLES (omega_project/settings.py)."
    return [
        Error("Nothing says whose its rows are.", hint, obj=model, id="accounts.E001") for model in walls.homeless()
    ]


@register(Tags.database)
def the_wall_stands(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Whether PostgreSQL holds the ORM to a business, with this login."""
    if not databases:
        return []
    try:
        return _of_the_login() + _of_the_tables()
    except DatabaseError:
        return []  # who cannot be asked is told so by what comes next


def _of_the_login() -> list[CheckMessage]:
    if not settings.DATABASE_WALL_ROLE:
        sentence = "DATABASE_WALL_ROLE is empty: nothing but the code keeps businesses apart."
        return [Warning(sentence, id="accounts.W001")]
    with reach.within(reach.NOTHING), connection.cursor() as cursor:
        cursor.execute("SELECT current_user = %s", [settings.DATABASE_WALL_ROLE])
        if cursor.fetchone()[0]:
            return []
    hint = "Let it own the database, or GRANT it a role of your own and name that in DATABASE_WALL_ROLE."
    return [
        Warning(
            f"This login is no member of {settings.DATABASE_WALL_ROLE}: nothing but the code keeps businesses apart.",
            hint,
            id="accounts.W002",
        )
    ]


def _of_the_tables() -> list[CheckMessage]:
    found = walls.gaps() if settings.DATABASE_WALL_ROLE else []
    sentence = f"Without their wall, which `migrate` raises: {', '.join(found)}."
    return [Warning(sentence, id="accounts.W003")] if found else []
