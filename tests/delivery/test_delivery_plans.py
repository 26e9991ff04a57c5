"""The hot statements are prepared on the server and planned once: what they cost stands on that."""

import pytest
from django.db import connection

from omega_project.lib import sql
from tests.delivery import world

pytestmark = pytest.mark.django_db


def test_a_queued_text_is_three_prepared_statements_planned_once():
    owner = world.business()
    ana = world.client(owner)
    for _ in range(12):
        world.text(owner, ana)
    rows = sql.rows("SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements")
    hot = [
        row for row in rows if "conversations_message" in row["statement"] or "jsonb_to_recordset" in row["statement"]
    ]
    assert len(hot) >= 2
    assert all(row["custom_plans"] <= 5 for row in hot)
    assert any(row["generic_plans"] >= 5 for row in hot)


@pytest.mark.django_db(transaction=True)
def test_a_plan_that_a_migration_made_stale_is_made_anew():
    statement = "SELECT * FROM plan_probe"
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE plan_probe (one int)")
    try:
        assert sql.rows(statement) == []
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE plan_probe ADD COLUMN two int")
            cursor.execute("INSERT INTO plan_probe VALUES (1, 2)")
        assert sql.rows(statement) == [{"one": 1, "two": 2}]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE plan_probe")
