"""What a request costs: few statements whatever the size, and plans that walk an index (limits.md)."""

import pytest
from django.db import connection, transaction

from conversations.models import Attachment, Conversation
from tests.contract.world import (
    a_client,
    a_staff_member,
    a_studio,
    claimed,
    get,
    message,
    phone,
    queue,
    record,
    reply,
    report,
    sid,
    statements,
    thread_path,
)

BUDGET = pytest.mark.django_db


def cost(work):
    """How many statements `work` takes; savepoints of the test's own transaction are none."""
    work()
    with statements() as seen:
        answer = work()
    assert answer.status < 300, answer.raw
    return len([sql for sql, _ in seen if not sql.lstrip().upper().startswith(("SAVEPOINT", "RELEASE"))])


@BUDGET
def test_a_send_to_a_known_client_takes_three_statements():
    studio = a_studio()
    client = a_client(studio)
    assert cost(lambda: queue(studio, client_id=client.pk)) <= 3
    assert cost(lambda: queue(studio, to=client.phone)) <= 3


@BUDGET
def test_a_plain_reply_and_a_receipt_take_few_statements():
    studio, number = a_studio(), phone()
    one = sid()
    record(studio, to=number, status="sent", provider="twilio", provider_message_id=one)
    assert cost(lambda: reply(studio, number, "Hi")) <= 3
    words = iter(["sent", "delivered"])
    assert cost(lambda: report(studio, one, next(words))) <= 2


def grow(studio, number, rows):
    """`rows` threads, and as many messages in the thread of `number`; each with an assignee or media."""
    mo = a_staff_member(studio)
    for _ in range(rows):
        one = queue(studio, to=number, media_urls=["https://example.com/a.jpg"])
        other = queue(studio)
        reply(studio, message(studio, other["message_id"])["to"], "Hi")
    Conversation.objects.filter(business_id=studio.id).update(assigned_to=mo)
    assert Attachment.objects.count() >= rows
    return one


@BUDGET
@pytest.mark.parametrize("rows", [1, 30])
def test_a_list_takes_four_statements_with_one_row_and_with_thirty(rows):
    studio, number = a_studio(), phone()
    one = grow(studio, number, rows)
    size = {"page_size": 100}
    paths = [f"{studio.path}/conversations", thread_path(studio, one), f"{studio.path}/clients"]
    for path in paths:
        assert len(get(path, studio.key, size)["results"]) >= rows
        assert cost(lambda path=path: get(path, studio.key, size)) <= 4, path


@BUDGET
@pytest.mark.parametrize("rows", [1, 30])
def test_a_profile_and_a_message_cost_the_same_at_any_size(rows):
    studio, number = a_studio(), phone()
    one = grow(studio, number, rows)
    assert cost(lambda: get(f"{studio.path}/clients/{one['client_id']}", studio.key)) <= 5
    assert cost(lambda: get(f"/messages/{one['message_id']}", studio.key)) <= 6


SEED = """
INSERT INTO accounts_client (business_id, first_name, last_name, phone, email, timezone, locale, tags, is_blocked,
    consent_sms, consent_email, consent_voice, created_at, updated_at)
SELECT %(b)s, 'C' || n, '', '+1310' || (2000000 + n), '', '', '', '{}', false, 'unknown', 'unknown', 'unknown', now(),
    now() FROM generate_series(1, 12000) n;
INSERT INTO conversations_conversation (business_id, client_id, status, unread_count, message_count, channels, labels,
    last_message_at, created_at, updated_at)
SELECT business_id, id, CASE WHEN id %% 50 = 0 THEN 'closed' ELSE 'open' END, (id %% 40 = 0)::int, 0, '{sms}', '{}',
    now() - id * interval '1 second', now(), now() FROM accounts_client
WHERE business_id = %(b)s AND phone LIKE '+1310%%';
"""
# The columns that a model requires and this test does not care for are copied from a message made by the API.
MORE = """
INSERT INTO conversations_message ({names})
SELECT {values} FROM conversations_message m, conversations_conversation v, generate_series(1, %(each)s) n
WHERE m.id = %(like)s AND v.business_id = %(b)s AND (v.client_id = %(client)s OR %(client)s IS NULL)
"""


def many_messages(studio, like, each, client=None, **changes):
    """Messages like `like` in the threads of `studio`, by one statement."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = 'conversations_message'"
                       " AND table_schema = 'public' AND is_generated = 'NEVER'")  # fmt: skip
        names = [name for (name,) in cursor.fetchall()]
        new = {
            "id": "nextval('conversations_message_id_seq')", "position": "currval('conversations_message_id_seq')",
            "conversation_id": "v.id", "client_id": "v.client_id",
            "request_id": "'seed-' || v.id || '-' || n || random()",
        } | changes  # fmt: skip
        values = [new.get(name, f"m.{name}") for name in names]
        statement = MORE.format(names=", ".join(f'"{name}"' for name in names), values=", ".join(values))
        cursor.execute(statement, {"each": each, "like": like, "b": studio.id, "client": client})


@pytest.fixture(scope="module")
def busy_studio(django_db_setup, django_db_blocker):
    """A business with 12,000 threads and 40,000 messages, gone again afterwards."""
    with django_db_blocker.unblock(), transaction.atomic():
        studio = a_studio()
        sent = queue(studio)
        with connection.cursor() as cursor:
            cursor.execute(SEED.replace("\n", " "), {"b": studio.id})
        many_messages(studio, sent["message_id"], 3, status="'sent'", due_at="NULL")
        many_messages(studio, sent["message_id"], 3000, sent["client_id"], status="'sent'", due_at="NULL")
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE accounts_client, conversations_conversation, conversations_message")
        yield studio, sent
        transaction.set_rollback(True)


def plans(work):
    """The plans of the statements that `work` runs and that touch the two big tables."""
    with statements() as seen:
        work()
    found = []
    for sql, params in seen:
        words = sql.lstrip().split(None, 1)[0].upper()
        if words in {"SELECT", "WITH", "UPDATE", "INSERT"} and "conversations_" in sql:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {sql}", params)
                found.append("\n".join(line for (line,) in cursor.fetchall()))
    assert found
    return found


def assert_no_scan(work):
    for plan in plans(work):
        assert "Seq Scan on conversations_message" not in plan, plan
        assert "Seq Scan on conversations_conversation" not in plan, plan


@pytest.mark.parametrize(
    "query",
    [{}, {"status": "open"}, {"status": "closed"}, {"unread": "true"}, {"assigned_to": "none"}, {"assigned_to": "1"}],
    ids=str,
)
def test_the_inbox_walks_an_index(busy_studio, query):
    studio, _ = busy_studio
    path = f"{studio.path}/conversations"
    assert_no_scan(lambda: get(path, studio.key, query))


def test_the_inboxs_later_pages_walk_an_index_and_sort_nothing(busy_studio):
    studio, _ = busy_studio
    first = get(f"{studio.path}/conversations", studio.key)
    path = first["next"].split("/omega", 1)[1]
    assert_no_scan(lambda: get(path, studio.key))
    assert "index" in str(plans(lambda: get(path, studio.key))).lower()


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_the_timeline_walks_its_index(busy_studio, order):
    studio, sent = busy_studio
    assert_no_scan(lambda: get(thread_path(studio, sent), studio.key, {"order": order}))


def test_the_claim_walks_its_index(busy_studio):
    studio, _ = busy_studio
    queue(studio)
    assert_no_scan(claimed)


def test_a_send_a_reply_and_a_receipt_walk_indexes(busy_studio):
    studio, sent = busy_studio
    shown = message(studio, sent["message_id"])
    assert_no_scan(lambda: queue(studio, to=shown["to"]))
    assert_no_scan(lambda: reply(studio, shown["to"], "Hi"))
    assert_no_scan(lambda: report(studio, sid(), "delivered", query=f"?mid={sent['message_id']}"))
    assert_no_scan(lambda: get(f"/messages/requests/{sent['request_id']}", studio.key))
