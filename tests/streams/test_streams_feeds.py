"""What a process keeps of a business's newest events, and the tickets that lead there."""

import pytest
from django.core import signing
from django.utils import timezone

from accounts import tickets
from accounts.models import ApiKey
from conversations.event_feeds import MOST_KEPT_BYTES, Feed, Told
from tests.contract.shapes import assert_error
from tests.contract.world import a_studio, call, get

pytestmark = pytest.mark.django_db
ASKED = {"Accept": "text/event-stream"}


def test_a_feed_gives_what_is_behind_a_place_and_keeps_no_more_than_it_may():
    feed = Feed(7)
    assert feed.after(7) == Told([], 7)
    assert feed.after(6) is None
    feed.add(Told([(8, b"a"), (10, b"b")], 11))
    assert feed.after(7) == Told([(8, b"a"), (10, b"b")], 11)
    assert feed.after(8) == Told([(10, b"b")], 11)
    assert feed.after(30) == Told([], 30)
    feed.add(Told([(12, b"c" * MOST_KEPT_BYTES), (13, b"d")], 13))
    assert feed.after(11) is None
    assert feed.after(12) == Told([(13, b"d")], 13)
    assert feed.size == 1


@pytest.fixture
def studio():
    return a_studio()


def sent_to(studio, settings):
    settings.LIVE_BASE_URL = "https://live.example.com"
    answer = get(f"{studio.path}/events", studio.key, **ASKED)
    assert answer.status == 307
    assert answer.headers["Location"].startswith(f"https://live.example.com/omega{studio.path}/events?after=")
    return answer.headers["Location"].rsplit("ticket=", 1)[1].replace("%3A", ":")


def test_a_ticket_opens_its_business_alone_and_dies_with_its_key(studio, settings):
    ticket = sent_to(studio, settings)
    path = f"{studio.path}/events"
    assert get(path, query={"ticket": ticket}).status == 200
    assert_error(get(f"{a_studio().path}/events", query={"ticket": ticket}), 403, "permission_denied")
    assert get(f"{studio.path}/changes", query={"ticket": ticket}).status == 401
    ApiKey.objects.update(revoked_at=timezone.now())
    assert_error(get(path, query={"ticket": ticket}), 401, "authentication_failed")


def test_a_ticket_grows_old_and_cannot_be_made(studio, settings, monkeypatch):
    ticket = sent_to(studio, settings)
    path = f"{studio.path}/events"
    monkeypatch.setattr(tickets, "SECONDS", -1)
    assert get(path, query={"ticket": ticket}).status == 401
    forged = signing.dumps([1, None, None, studio.id], key="another", salt="events-ticket")
    assert_error(get(path, query={"ticket": forged}), 401, "authentication_failed")


def test_only_a_get_is_sent_elsewhere(studio, settings):
    settings.LIVE_BASE_URL = "https://live.example.com"
    assert call("HEAD", f"{studio.path}/events", key=studio.key, **ASKED).status == 200
    assert get(f"{studio.path}/events", studio.key).status == 200
    assert get(f"{studio.path}/events", "wrong", **ASKED).status == 401
