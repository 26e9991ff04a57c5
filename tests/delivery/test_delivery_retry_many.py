"""A hundred thousand failed messages: every door that tries them again does a bounded part, and says what it did."""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client as Browser

from conversations.models import Message
from tests.contract import world as contract

CROWD = 100_000
BOARD, LIST = "/admin/conversations/message/problems/retry/", "/admin/conversations/message/"
MORE = "No more than 1,000 are looked at at once."
# What this needs no look at is taken away until the test's transaction is taken back: it would be half a minute's work.
_COPY = """
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE conversations_message DISABLE TRIGGER USER;
DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT conname AS name FROM pg_constraint
        WHERE conrelid = 'conversations_message'::regclass AND contype = 'f'
    LOOP EXECUTE format('ALTER TABLE conversations_message DROP CONSTRAINT %I', one.name); END LOOP;
    FOR one IN SELECT i.relname AS name FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
        WHERE x.indrelid = 'conversations_message'::regclass AND NOT x.indisunique AND i.relname <> 'message_failed'
    LOOP EXECUTE format('DROP INDEX %I', one.name); END LOOP;
END $$;
INSERT INTO conversations_message ({names})
SELECT {values} FROM conversations_message m, generate_series(1, {most}) n WHERE m.id = {one};
ALTER TABLE conversations_message ENABLE TRIGGER USER;
ANALYZE conversations_message
"""


def crowd(studio):
    """So many failed texts of one client, copies of one; the client's others and the feed know nothing of them."""
    one = contract.queue(studio)["message_id"]
    columns = [field.column for field in Message._meta.concrete_fields if not field.generated]
    new = {
        "id": "nextval('conversations_message_id_seq')", "position": "currval('conversations_message_id_seq')",
        "request_id": "'crowd-' || n", "status": "'failed'", "error_code": "'30003'", "error_retryable": "true",
        "body": "''",
    }  # fmt: skip
    values = ", ".join(new.get(column, f"m.{column}") for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(_COPY.format(names=", ".join(columns), values=values, most=CROWD, one=one))
    return one


def queued():
    return Message.objects.filter(status="queued", request_id__startswith="crowd").count()


@pytest.mark.django_db
def test_every_door_tries_a_part_again_and_says_so():
    studio, other = contract.a_studio(), contract.a_studio()
    crowd(studio)

    path = f"/businesses/{studio.id}/messages/retry"
    assert contract.post(path, {"limit": CROWD}, studio.key).faulty == {"body.limit"}
    assert contract.post(path, {"message_ids": list(range(1, CROWD))}, studio.key).faulty == {"body.message_ids"}
    got = contract.post(path, {"limit": 1000}, studio.key)
    assert (got.status, got["matched"], len(got["retried"]), queued()) == (202, 1000, 1000, 1000)
    assert contract.post(f"/businesses/{other.id}/messages/retry", {"limit": 1000}, other.key)["matched"] == 0

    out = StringIO()
    call_command("retry_failed_messages", "--limit", "1000", stdout=out)
    assert "retried     1000" in out.getvalue()
    assert "there may be more; run it again" in out.getvalue()
    assert queued() == 2000

    browser = Browser()
    browser.force_login(User.objects.create_superuser("olga"))
    group = {"channel": "sms", "status": "failed", "code": "30003", "days": ""}
    page = browser.post(BOARD, group, follow=True).content.decode()
    assert "1000 messages are queued again." in page
    assert MORE in page
    assert queued() == 3000

    ids = list(Message.objects.filter(status="failed").values_list("pk", flat=True)[:1])
    action = {"action": "retry_selected", "_selected_action": ids, "select_across": "1"}
    page = browser.post(f"{LIST}?status__exact=failed", action, follow=True).content.decode()
    assert "1000 messages are queued again." in page
    assert MORE in page
    assert queued() == 4000
