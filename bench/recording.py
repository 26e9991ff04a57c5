"""Finds out by itself which SQL a request costs: omega answers it in a transaction that is taken back.

    python -m bench.recording SHOTS STATEMENTS MOST

keeps, for each of the first MOST shots, the statements with their parameters as psycopg got them.
"""

import argparse
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from bench.shots import Shot, Statement, keep, kept


class Recorder:
    """Takes note of each statement on its way to the database."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self._texts: dict[str, str] = {}

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE", "BEGIN")):
            # One object for each text: 10,000 requests shall not keep 10,000 copies of it.
            self.statements.append((self._texts.setdefault(sql, sql), params))
        return execute(sql, params, many, context)


def statements_of(shot: Shot, recorder: Recorder, client: Client) -> list[Statement]:
    """What this request asks the database; nothing of it stays."""
    recorder.statements = []
    headers = dict(shot.headers)
    kind = headers.pop("Content-Type", "application/json")
    with transaction.atomic():
        answer = client.generic(shot.method, shot.path, shot.body, content_type=kind, secure=True, headers=headers)
        transaction.set_rollback(True)
    if answer.status_code >= 300:
        raise SystemExit(f"{shot.path} answered {answer.status_code}: {answer.content[:300]!r}")
    return recorder.statements


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shots", type=Path)
    parser.add_argument("statements", type=Path)
    parser.add_argument("most", type=int)
    given = parser.parse_args()
    django.setup()
    recorder, client = Recorder(), Client(SERVER_NAME=settings.ALLOWED_HOSTS[0])
    shots = kept(given.shots)[: given.most]
    connection.ensure_connection()
    with connection.execute_wrapper(recorder):
        statements_of(shots[0], recorder, client)  # the first one fills the caches, and costs more
        keep(given.statements, [statements_of(shot, recorder, client) for shot in shots])


if __name__ == "__main__":
    main()
