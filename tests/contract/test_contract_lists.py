"""Lists: pages by an opaque cursor, both ways, in a total order; and the filters of the inbox (api.md, 3)."""

import datetime

import pytest
from django.utils import timezone

from accounts.models import Client
from conversations.models import Conversation, Message
from tests.contract.shapes import CLIENT, CONVERSATION, LAST_MESSAGE, MESSAGE, assert_faults, assert_keys, assert_times
from tests.contract.world import (
    a_client,
    a_staff_member,
    a_studio,
    conversations,
    follow,
    get,
    phone,
    post,
    queue,
    record,
    reply,
    thread_path,
    timeline,
)

pytestmark = pytest.mark.django_db


def a_full_studio(count=7):
    """A business with threads, newest first in the answer."""
    studio = a_studio()
    sent = [queue(studio, body=f"text {n}") for n in range(count)]
    return studio, [one["conversation_id"] for one in reversed(sent)]


def a_long_thread(count=7):
    studio, number = a_studio(), phone()
    sent = [queue(studio, to=number, body=f"text {n}") for n in range(count)]
    return studio, thread_path(studio, sent[0]), [one["message_id"] for one in reversed(sent)]


def a_list_of_clients(count=7):
    studio = a_studio()
    made = [a_client(studio).pk for _ in range(count)]
    return studio, f"{studio.path}/clients", made[::-1]


def an_inbox(count=7):
    studio, ids = a_full_studio(count)
    return studio, f"{studio.path}/conversations", ids


LISTS = [an_inbox, a_long_thread, a_list_of_clients]


def ids_of(page):
    assert page.status == 200, page.raw
    return [one["id"] for one in page["results"]]


def walk(first, key, way):
    """The pages from `first` on along `next` or `previous`."""
    pages = [first]
    while pages[-1][way]:
        assert len(pages) < 50
        pages.append(follow(pages[-1][way], key))
        assert pages[-1].status == 200, pages[-1].raw
    return pages


@pytest.mark.parametrize("a_list", LISTS)
def test_a_page_has_these_keys_and_starts_at_the_newest(a_list):
    studio, path, ids = a_list()
    page = get(path, studio.key)
    assert_keys(page.body, {"next", "previous", "results"})
    assert ids_of(page) == ids
    assert (page["next"], page["previous"]) == (None, None)


@pytest.mark.parametrize("a_list", LISTS)
@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8])
def test_forward_and_backward_every_row_comes_once(a_list, size):
    studio, path, ids = a_list()
    first = get(path, studio.key, {"page_size": size})
    assert first["previous"] is None
    there = walk(first, studio.key, "next")
    assert [one for page in there for one in ids_of(page)] == ids
    back = walk(there[-1], studio.key, "previous")
    assert [one for page in reversed(back) for one in ids_of(page)] == ids
    assert back[-1].body["results"] == first.body["results"]


@pytest.mark.parametrize("which", range(3))
def test_an_empty_list_is_an_empty_page(which):
    studio, other = a_studio(), a_studio()
    made = record(other)
    Message.objects.all().delete()
    path = [f"{studio.path}/conversations", thread_path(other, made), f"{studio.path}/clients"][which]
    page = get(path, other.key if which == 1 else studio.key)
    assert page.body == {"next": None, "previous": None, "results": []}


def test_the_page_size_is_25_unless_asked():
    studio = a_studio()
    Client.objects.bulk_create(Client(business_id=studio.id, phone=phone()) for _ in range(101))
    path = f"{studio.path}/clients"
    assert len(get(path, studio.key)["results"]) == 25
    assert len(get(path, studio.key, {"page_size": 100})["results"]) == 100


@pytest.mark.parametrize("size", ["0", "101", "-1", "x", "", "1.5", "1e1", "9" * 40, "\u0661\u0660", " 5", "\x00"])
@pytest.mark.parametrize("a_list", LISTS)
def test_another_page_size_is_422(a_list, size):
    studio, path, _ = a_list(1)
    assert_faults(get(path, studio.key, {"page_size": size}), "query.page_size")


@pytest.mark.parametrize("a_list", LISTS)
def test_the_total_comes_when_asked_for(a_list):
    studio, path, ids = a_list()
    page = get(path, studio.key, {"include_total": "true", "page_size": 2})
    assert page["total"] == len(ids)
    assert follow(page["next"], studio.key)["total"] == len(ids)
    assert "total" not in get(path, studio.key, {"include_total": "false"}).body


BAD_CURSORS = ["x", "0", "e30", "=", "é", "%", "\x00", "' OR 1=1", "A" * 400, "A" * 5000, "W10", "bnVsbA"]


@pytest.mark.parametrize("cursor", BAD_CURSORS)
@pytest.mark.parametrize("a_list", LISTS)
def test_a_cursor_that_is_none_is_422(a_list, cursor):
    studio, path, _ = a_list(1)
    assert_faults(get(path, studio.key, {"cursor": cursor}), "query.cursor")


def cursor_in(page):
    return page["next"].split("cursor=")[1].split("&")[0]


@pytest.mark.parametrize("a_list", LISTS)
def test_a_tampered_cursor_is_422(a_list):
    studio, path, _ = a_list()
    good = cursor_in(get(path, studio.key, {"page_size": 2}))
    for place in (0, 3, len(good) // 2, len(good) - 3):
        changed = good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :]
        assert get(path, studio.key, {"cursor": changed}).status == 422, place
    assert get(path, studio.key, {"cursor": good[:-4]}).status == 422


@pytest.mark.parametrize("a_list", LISTS)
def test_a_cursor_of_another_list_or_business_is_422(a_list):
    studio, path, _ = a_list()
    for other, other_path, _ in (one(3) for one in LISTS):
        foreign = cursor_in(get(other_path, other.key, {"page_size": 2}))
        assert_faults(get(path, studio.key, {"cursor": foreign}), "query.cursor")


def test_a_cursor_of_another_thread_of_the_same_business_is_422():
    studio, number = a_studio(), phone()
    one, *_ = [queue(studio, to=number) for _ in range(3)]
    other = queue(studio)
    foreign = cursor_in(get(thread_path(studio, one), studio.key, {"page_size": 1}))
    assert_faults(get(thread_path(studio, other), studio.key, {"cursor": foreign}), "query.cursor")


def test_a_cursor_of_the_turned_order_is_422():
    studio, path, _ = a_long_thread()
    foreign = cursor_in(get(path, studio.key, {"page_size": 1, "order": "asc"}))
    assert_faults(get(path, studio.key, {"cursor": foreign}), "query.cursor")


def test_a_link_keeps_the_filters():
    studio, _ = a_full_studio()
    page = get(f"{studio.path}/conversations", studio.key, {"page_size": 2, "status": ["open", "closed"]})
    assert page["next"].startswith("http")
    assert "page_size=2" in page["next"]
    assert "status=open" in page["next"]
    assert "status=closed" in page["next"]


def test_rows_that_arrive_meanwhile_shift_no_page():
    studio, path, ids = a_long_thread()
    first = get(path, studio.key, {"page_size": 3})
    queue(studio, client_id=first["results"][0]["client_id"])
    assert ids_of(follow(first["next"], studio.key)) == ids[3:6]


def test_rows_of_the_same_instant_come_once_each():
    studio, ids = a_full_studio()
    Conversation.objects.filter(business_id=studio.id).update(last_message_at=timezone.now())
    first = get(f"{studio.path}/conversations", studio.key, {"page_size": 2})
    seen = [one for page in walk(first, studio.key, "next") for one in ids_of(page)]
    assert sorted(seen) == sorted(ids)
    assert len(seen) == len(ids)


def test_microseconds_are_not_lost_in_a_cursor():
    studio, ids = a_full_studio()
    now = timezone.now()
    for place, one in enumerate(ids):
        moved = now - datetime.timedelta(microseconds=place)
        Conversation.objects.filter(pk=one).update(last_message_at=moved)
    first = get(f"{studio.path}/conversations", studio.key, {"page_size": 1})
    assert [one for page in walk(first, studio.key, "next") for one in ids_of(page)] == ids


def test_order_asc_turns_the_timeline():
    studio, path, ids = a_long_thread()
    first = get(path, studio.key, {"order": "asc", "page_size": 3})
    assert [one for page in walk(first, studio.key, "next") for one in ids_of(page)] == ids[::-1]


def test_the_timeline_holds_messages_in_their_full_shape():
    studio, number = a_studio(), phone()
    sent = queue(studio, to=number)
    reply(studio, number, "Hi")
    for one in timeline(studio, sent):
        assert_keys(one, MESSAGE)
        assert_times(one)


def test_the_inbox_holds_conversations_in_their_full_shape():
    studio = a_studio()
    client = a_client(studio, first_name="Ana", last_name="Li", email="ana@example.com")
    sent = queue(studio, client_id=client.pk, body="Hello there")
    reply(studio, client.phone, "Hi\nback")
    one = conversations(studio)[0]
    assert_keys(one, CONVERSATION)
    assert_keys(one["last_message"], LAST_MESSAGE)
    assert_times(one)
    assert_times(one["last_message"])
    person = {"id": client.pk, "name": "Ana Li", "phone": client.phone, "email": "ana@example.com"}
    wanted = {
        "id": sent["conversation_id"], "business_id": studio.id, "client": person, "status": "open",
        "unread_count": 1, "channels": ["sms"], "labels": [], "assigned_to": None, "closed_at": None,
    }  # fmt: skip
    assert {name: one.get(name) for name in wanted} == wanted
    last = one["last_message"]
    assert (last["channel"], last["direction"], last["status"]) == ("sms", "inbound", "received")
    assert "Hi" in last["preview"]


def test_the_last_message_shows_its_present_status():
    studio = a_studio()
    sent = record(studio, status="sent", provider_message_id="SM1")
    call = {"provider_message_id": "SM1", "status": "delivered"}
    post("/sms/status", call, studio.key)
    assert conversations(studio)[0]["last_message"]["id"] == sent["message_id"]
    assert conversations(studio)[0]["last_message"]["status"] == "delivered"


def test_the_inbox_is_ordered_by_the_last_message():
    studio, one, two = a_studio(), phone(), phone()
    first, second = queue(studio, to=one), queue(studio, to=two)
    reply(studio, one, "back on top")
    found = [row["id"] for row in conversations(studio)]
    assert found == [first["conversation_id"], second["conversation_id"]]


def test_the_inbox_by_status_takes_several():
    studio, ids = a_full_studio(4)
    for one, status in zip(ids, ["open", "pending", "snoozed", "closed"], strict=True):
        until = timezone.now() if status == "snoozed" else None
        Conversation.objects.filter(pk=one).update(status=status, snoozed_until=until)
    assert [row["id"] for row in conversations(studio)] == ids
    for one, status in zip(ids, ["open", "pending", "snoozed", "closed"], strict=True):
        assert [row["id"] for row in conversations(studio, status=status)] == [one]
    assert [row["id"] for row in conversations(studio, status=["closed", "open"])] == [ids[0], ids[3]]


def test_the_inbox_by_unread():
    studio, number = a_studio(), phone()
    queue(studio)
    reply(studio, number, "Hi")
    unread = conversations(studio, unread="true")
    assert [row["client"]["phone"] for row in unread] == [number]
    assert number not in [row["client"]["phone"] for row in conversations(studio, unread="false")]


def test_the_inbox_by_assignee():
    studio, ids = a_full_studio(3)
    mo, lu = a_staff_member(studio, name="Mo"), a_staff_member(studio, name="Lu")
    Conversation.objects.filter(pk=ids[0]).update(assigned_to=mo)
    mine = conversations(studio, assigned_to=mo.pk)
    assert [row["id"] for row in mine] == [ids[0]]
    assert mine[0]["assigned_to"] == {"id": mo.pk, "name": "Mo"}
    assert conversations(studio, assigned_to=lu.pk) == []
    assert [row["id"] for row in conversations(studio, assigned_to="none")] == ids[1:]


@pytest.mark.parametrize(
    "query",
    [{"status": "opened"}, {"status": ["open", "x"]}, {"unread": "maybe"}, {"assigned_to": "x"}, {"status": ""},
     {"assigned_to": "0"}, {"assigned_to": str(2**63)}, {"assigned_to": "-1"}, {"assigned_to": "\x00"},
     {"include_total": "7"}, {"status": "\x00"}, {"assigned_to": "\u0661"}],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_is_422(query):
    studio = a_studio()
    name = f"query.{next(iter(query))}"
    got = get(f"{studio.path}/conversations", studio.key, query)
    assert got.status == 422, got.raw
    assert any(fault.startswith(name) for fault in got.faulty)


def test_a_list_of_clients_is_in_its_full_shape():
    studio = a_studio()
    a_client(studio, last_name="Li", tags=["vip"], external_id="c-1", timezone="Europe/Rome", locale="it")
    one = get(f"{studio.path}/clients", studio.key)["results"][0]
    assert_keys(one, CLIENT)
    assert_times(one)
    wanted = {"external_id": "c-1", "first_name": "Ana", "last_name": "Li", "name": "Ana Li", "tags": ["vip"],
              "timezone": "Europe/Rome", "locale": "it", "home_location_id": None, "email": None}  # fmt: skip
    assert {name: one[name] for name in wanted} == wanted
    assert one["consent"] == {"sms": "unknown", "email": "unknown", "voice": "unknown"}


@pytest.mark.parametrize("q", ["ana", "ANA LI", "li", "@example", "12125", "+1212555"])
def test_clients_are_found_by_a_part_of_name_phone_or_mail(q):
    studio = a_studio()
    wanted = a_client(studio, last_name="Li", email="ana@example.com", phone="+12125550111")
    a_client(studio, first_name="Zoe", phone="+13105550122")
    assert ids_of(get(f"{studio.path}/clients", studio.key, {"q": q})) == [wanted.pk]


@pytest.mark.parametrize("q", ["%", "_", "\\", "'", "a%a", "x" * 200, "*", "(", "💥", "<", "\u202e"])
def test_a_search_for_signs_finds_signs_and_nothing_else(q):
    studio = a_studio()
    a_client(studio)
    assert ids_of(get(f"{studio.path}/clients", studio.key, {"q": q})) == []


@pytest.mark.parametrize("q", ["\x00", "x" * 201])
def test_a_search_that_cannot_be_is_422(q):
    studio = a_studio()
    assert get(f"{studio.path}/clients", studio.key, {"q": q}).status == 422


def test_a_last_message_of_long_words_has_a_short_preview():
    studio = a_studio()
    queue(studio, body="x" * 1600)
    assert len(conversations(studio)[0]["last_message"]["preview"]) < 400
