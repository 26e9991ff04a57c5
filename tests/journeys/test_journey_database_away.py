"""The database away: what providers tell us waits on the disk, callers are refused, and all heals by itself."""

import contextlib

import psycopg
import requests
from psycopg import sql

from omega_project.lib import embedded
from tests.journeys.scene import phone
from tests.settings import HOME


@contextlib.contextmanager
def database_away(scene):
    """Every connection to the journey's database is cut, and none is let in."""
    name = scene.omega.place.database_url.split("/")[3].split("?")[0]
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(embedded.database_url(HOME), autocommit=True) as other:
        other.execute(allow.format(sql.Identifier(name), sql.Literal(False)))
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        try:
            other.execute(cut, (name,))
            yield
        finally:
            other.execute(allow.format(sql.Identifier(name), sql.Literal(True)))


def said(scene, sent):
    return [one["body"] for one in scene.timeline(sent) if one["channel"] == "sms"]


def test_what_comes_while_the_database_is_away_is_kept_and_brought_in_in_order(scene):
    number = phone()
    sent = scene.send(number, "before")
    scene.end_of(sent)
    words = [f"while away {n}" for n in range(5)]
    with database_away(scene):
        assert [scene.text(number, one)["webhook"]["status"] for one in words] == [200] * 5
        refused = requests.post(
            f"{scene.omega.base_url}/sms/queue", headers={"X-API-KEY": scene.key}, timeout=10,
            json={"business_id": scene.business_id, "to": number, "body": "refused"},
        )  # fmt: skip
        assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
    assert scene.until(lambda: said(scene, sent) == ["before", *words]), said(scene, sent)
    assert scene.conversation(sent)["unread_count"] == 5


def test_receipts_that_come_while_the_database_is_away_count_afterwards(scene):
    scene.faults(callbacks={"delay_ms": 1500})
    sent = [scene.send(phone(), "hello") for _ in range(3)]
    scene.until(lambda: len(scene.ledger()) == 3)
    scene.until(lambda: all(scene.status(one) == "sent" for one in sent))
    with database_away(scene):
        scene.until(lambda: all(len(one["callbacks"]) >= 2 for one in scene.ledger()), 10)
    assert scene.until(lambda: {scene.status(one) for one in sent} == {"delivered"})
