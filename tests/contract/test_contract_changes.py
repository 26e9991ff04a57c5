"""The feed of changes: what is in it, that nothing is missed or turned round, and that it ends up at a browser."""

import datetime
import threading

import pytest
from django.db import transaction
from django.utils import timezone

from conversations.models import Change, ChangeFeed, Message
from conversations.services import changes
from tests.contract.shapes import assert_error
from tests.contract.world import (
    a_client,
    a_staff_member,
    a_studio,
    at_once,
    call,
    get,
    post,
    queue,
    record,
    reply,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def studio():
    return a_studio()


def feed(studio, **query):
    got = get(f"{studio.path}/changes", studio.key, query)
    assert got.status == 200, got.raw
    return got.body


def kinds(answer):
    return [(one["type"], one["data"]["id"]) for one in answer["results"]]


def test_a_business_where_nothing_happened(studio):
    got = feed(studio)
    assert (got["results"], got["has_more"]) == ([], False)
    assert feed(studio, after=got["next_cursor"]) == got


def test_a_sent_text_and_its_receipt(studio):
    sent = record(studio, status="sent", provider_message_id="L-1")
    first = feed(studio)
    assert ("message.created", sent["message_id"]) in kinds(first)
    post("/sms/status", {"provider_message_id": "L-1", "status": "delivered"}, studio.key)
    then = feed(studio, after=first["next_cursor"])
    assert kinds(then) == [("message.updated", sent["message_id"])]
    assert then["results"][0]["data"]["status"] == "delivered"
    assert then["results"][0]["data"] == feed(studio)["results"][-1]["data"]


def test_an_incoming_text_an_assignment_and_labels(studio):
    client, staff = a_client(studio), a_staff_member(studio)
    reply(studio, client.phone, "Hello")
    got = feed(studio)
    assert {kind for kind, _ in kinds(got)} == {"message.created", "conversation.updated"}
    thread = f"{studio.path}/clients/{client.pk}/conversations/{Message.objects.get().conversation_id}"
    call("POST", f"{thread}/assignment?assigned_to={staff.pk}", key=studio.key)
    then = feed(studio, after=got["next_cursor"])
    told = {one["type"]: one["data"] for one in then["results"]}
    assert told["assignment.created"]["staff_id"] == told["conversation.updated"]["assigned_to"]["id"] == staff.pk
    post(f"{thread}/labels", {"labels": ["vip"]}, studio.key)
    assert [kind for kind, _ in kinds(feed(studio, after=then["next_cursor"]))] == ["conversation.updated"]


def test_a_reader_goes_on_page_by_page(studio):
    for _ in range(5):
        queue(studio)
    seen, cursor, more = [], None, True
    while more:
        got = feed(studio, limit=2, **({"after": cursor} if cursor else {}))
        seen, cursor, more = seen + kinds(got), got["next_cursor"], got["has_more"]
    assert seen == kinds(feed(studio))
    assert len([one for one in seen if one[0] == "message.created"]) == 5


def test_another_businesss_changes_and_cursors_are_its_own(studio):
    other = a_studio()
    queue(other)
    queue(studio)
    cursor = feed(other)["next_cursor"]
    assert get(f"{studio.path}/changes", studio.key, {"after": cursor}).faulty == {"query.after"}
    assert get(f"{studio.path}/changes", studio.key, {"after": "x"}).faulty == {"query.after"}
    assert {one["data"]["business_id"] for one in feed(studio)["results"]} == {studio.id}


def test_what_was_forgotten_is_said(studio):
    queue(studio)
    cursor = feed(studio)["next_cursor"]
    queue(studio)
    Change.objects.update(at=timezone.now() - datetime.timedelta(days=8))
    assert changes.prune() > 0
    queue(studio)
    assert_error(get(f"{studio.path}/changes", studio.key, {"after": cursor}), 410, "cursor_expired")
    assert len(kinds(feed(studio))) == Change.objects.count()


def test_an_idle_readers_cursor_does_not_grow_old(studio):
    queue(studio)
    cursor = feed(studio)["next_cursor"]
    Change.objects.update(at=timezone.now() - datetime.timedelta(days=8))
    changes.prune()
    assert feed(studio, after=cursor)["results"] == []
    queue(studio)
    assert feed(studio, after=cursor)["results"] != []


def test_events_for_a_browser(studio):
    path = f"{studio.path}/events"
    queue(studio)
    begun = call("GET", path, key=studio.key)
    assert begun.headers["Content-Type"] == "text/event-stream"
    assert b"event:" not in begun.raw
    last = begun.raw.decode().rsplit("id: ", 1)[1].strip()
    sent = queue(studio)
    told = call("GET", path, key=studio.key, Last_Event_ID=last).raw.decode()
    assert "event: message.created\ndata: {" in told
    assert f'"id":{sent["message_id"]}' in told
    assert told.startswith("retry: 1000\n")
    assert call("GET", path, key=studio.key, Last_Event_ID="nonsense").faulty == {"header.Last-Event-ID"}


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_commits_late_is_not_missed(studio):
    written, read = threading.Event(), threading.Event()

    def work(number):
        if number:
            written.wait(10)
            queue(studio)
            cursors.append(feed(studio)["next_cursor"])
            read.set()
        else:
            with transaction.atomic():
                late.append(record(studio, status="sent")["message_id"])
                written.set()
                read.wait(10)

    cursors, late = [], []
    at_once(2, work)
    assert ("message.created", late[0]) in kinds(feed(studio, after=cursors[0]))


@pytest.mark.django_db(transaction=True)
def test_many_writers_and_readers(studio):
    """Each reader, whenever it asks, gets every change once, in one and the same order."""
    client = a_client(studio)
    queue(studio, client_id=client.pk)
    done = threading.Event()

    def work(number):
        if number < 3:
            for _ in range(15):
                record(studio, client_id=client.pk, status="sent")
            return None
        seen, cursor = [], None
        while True:
            last = done.is_set()
            got = feed(studio, limit=7, **({"after": cursor} if cursor else {}))
            seen, cursor = seen + [one["cursor"] for one in got["results"]], got["next_cursor"]
            if last and not got["has_more"]:
                return seen
            if len(seen) >= 45 and Message.objects.count() == 46:
                done.set()

    readers = at_once(5, work)[3:]
    assert readers[0] == readers[1]
    assert len(set(readers[0])) == len(readers[0]) == Change.objects.count()
    positions = list(Change.objects.order_by("position").values_list("position", flat=True))
    assert positions == list(range(1, len(positions) + 1))
    assert ChangeFeed.objects.get().position == positions[-1]
