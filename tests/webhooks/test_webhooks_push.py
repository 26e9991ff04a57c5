"""What changes is pushed: signed, in order, at least once, tried again, and started over after a crash."""

import threading
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from messaging import jobs
from messaging.models import WebhookDelivery, WebhookEndpoint
from messaging.services import pushing
from omega_project.lib import sealing
from omega_project.lib.http import FetchError
from omega_project.lib.posting import Line
from tests.contract.world import a_staff_member, a_studio, call, get, phone, post, queue, reply
from tests.webhooks.receiver import a_platform


def due_now():
    """As if the back-off were over."""
    WebhookEndpoint.objects.update(due_at=timezone.now() - timedelta(seconds=1))


def deliveries(studio, **query):
    return get(f"{studio.path}/webhook-deliveries", studio.key, query)["results"]


def shown(studio, hooked):
    return get(f"{studio.path}/webhook-endpoints/{hooked['id']}", studio.key).body


def a_text(studio):
    """One more message.created, in a thread of its own or known already."""
    return queue(studio, to="+12125559988")["message_id"]


def test_a_message_is_told_as_the_feed_tells_it(studio, platform, hooked):
    sent = queue(studio, body="Hello Ana")
    jobs.push()
    feed = get(f"{studio.path}/changes", studio.key)["results"]
    assert platform.types() == [one["type"] for one in feed]
    told = next(one for one in platform.taken if one.event["type"] == "message.created").event
    same = next(one for one in feed if one["type"] == "message.created")
    assert told["data"] == same["data"]
    assert told["data"]["id"] == sent["message_id"]
    assert (told["cursor"], told["timestamp"], told["business_id"]) == (same["cursor"], same["at"], studio.id)


def test_each_post_is_signed_as_the_spec_says(studio, platform, hooked):
    a_text(studio)
    jobs.push()
    assert platform.taken
    for one in platform.taken:
        assert one.is_signed_by(hooked["secret"])
        assert not one.is_signed_by("whsec_" + "A" * 44)
        assert abs(int(one.headers["webhook-timestamp"]) - timezone.now().timestamp()) < 300
        assert one.headers["content-type"] == "application/json"
    assert len({one.id for one in platform.taken}) == len(platform.taken)


def test_nothing_of_before_is_told_and_nothing_twice(studio, platform):
    a_text(studio)
    post(f"{studio.path}/webhook-endpoints", {"url": platform.url}, studio.key)
    jobs.push()
    assert platform.taken == []
    number = a_text(studio)
    jobs.push()
    jobs.push()
    made = [one.event["data"]["id"] for one in platform.taken if one.event["type"] == "message.created"]
    assert made == [number]


def test_only_the_types_wanted_are_told(studio, platform):
    post(f"{studio.path}/webhook-endpoints", {"url": platform.url, "events": ["assignment.created"]}, studio.key)
    mo, sent = a_staff_member(studio), queue(studio)
    path = f"{studio.path}/clients/{sent['client_id']}/conversations/{sent['conversation_id']}/assignment"
    assert call("POST", f"{path}?assigned_to={mo.pk}", key=studio.key).status == 200
    jobs.push()
    assert platform.types() == ["assignment.created"]
    assert platform.taken[0].event["data"]["staff_id"] == mo.pk


def test_another_businesss_changes_are_never_told(studio, platform, hooked):
    queue(a_studio())
    jobs.push()
    assert platform.taken == []


def test_a_refused_delivery_holds_the_next_back_and_is_sent_again_as_it_was(studio, platform, hooked):
    first, second = a_text(studio), a_text(studio)
    platform.answers = [200, 500]  # of the new conversation, and of the first message
    jobs.push()
    jobs.push()
    assert len(platform.taken) == 2
    failed = platform.taken[1]
    assert shown(studio, hooked)["failing_since"]
    due_now()
    jobs.push()
    assert (platform.taken[2].id, platform.taken[2].body) == (failed.id, failed.body)
    made = [one.event["data"]["id"] for one in platform.taken[2:] if one.event["type"] == "message.created"]
    assert made == [first, second]
    well = shown(studio, hooked)
    assert (well["failing_since"], well["pending"], well["is_enabled"]) == (None, 0, True)


def test_the_waits_grow_and_a_retry_after_is_kept_to(studio, platform, hooked):
    a_text(studio)
    platform.answers, platform.headers = [503, 503], {"Retry-After": "3000"}
    jobs.push()
    endpoint = WebhookEndpoint.objects.get()
    assert timedelta(seconds=2900) < endpoint.due_at - timezone.now() < timedelta(seconds=3100)
    platform.headers = {}
    due_now()
    jobs.push()
    wait = WebhookEndpoint.objects.get().due_at - timezone.now()
    assert timedelta(seconds=pushing.BACK_OFF[1] - 5) < wait < timedelta(seconds=pushing.BACK_OFF[1] * 1.3)


def test_after_the_last_try_the_endpoint_is_switched_off_and_goes_on_where_it_stopped(studio, platform, hooked):
    a_text(studio)
    platform.answers = [500]
    jobs.push()
    WebhookDelivery.objects.update(tries=len(pushing.BACK_OFF))
    due_now()
    platform.answers = [500]
    jobs.push()
    off = shown(studio, hooked)
    assert off["is_enabled"] is False
    assert "500" in off["disabled_reason"]
    assert deliveries(studio, status="failed")[0]["response_status"] == 500
    later, taken = a_text(studio), len(platform.taken)
    jobs.push()
    assert len(platform.taken) == taken
    path = f"{studio.path}/webhook-endpoints/{hooked['id']}"
    assert call("PATCH", path, data={"is_enabled": True}, key=studio.key)["disabled_reason"] is None
    jobs.push()
    assert later in [one.event["data"]["id"] for one in platform.taken if one.event["type"] == "message.created"]


def test_410_ends_it_at_once(studio, platform, hooked):
    a_text(studio)
    platform.answers = [410]
    jobs.push()
    assert shown(studio, hooked)["is_enabled"] is False
    assert len(platform.taken) == 1


def test_a_redirect_is_not_followed(studio, platform, hooked):
    with a_platform() as other:
        platform.answers, platform.headers = [302], {"Location": other.url}
        a_text(studio)
        jobs.push()
        assert other.taken == []
    assert deliveries(studio)[-1]["response_status"] == 302


def test_a_worker_that_died_after_the_post_sends_it_again_under_the_same_id(studio, platform, hooked, monkeypatch):
    a_text(studio)

    def die(one):
        raise SystemExit

    with monkeypatch.context() as broken:
        broken.setattr(pushing, "_settle", die)
        with pytest.raises(SystemExit):
            jobs.push()
    told = [one.id for one in platform.taken]
    jobs.push()  # the lease holds
    assert [one.id for one in platform.taken] == told
    WebhookEndpoint.objects.update(lease_until=F("lease_until") - timedelta(seconds=61))
    jobs.push()
    assert [one.id for one in platform.taken] == told + told


def test_a_worker_that_comes_back_late_lets_nothing_go(studio, platform, hooked, monkeypatch):
    a_text(studio)
    settle = pushing._settle

    def late(one):
        WebhookEndpoint.objects.update(lease_until=timezone.now() + timedelta(seconds=30))  # somebody else's by now
        settle(one)

    monkeypatch.setattr(pushing, "_settle", late)
    jobs.push()
    assert WebhookEndpoint.objects.get().lease_until is not None


def test_a_slow_platform_delays_no_other(studio, platform, hooked, monkeypatch):
    monkeypatch.setattr(pushing, "POST_SECONDS", 0.5)
    other = a_studio()
    with a_platform() as quick:
        post(f"{other.path}/webhook-endpoints", {"url": quick.url}, other.key)
        platform.hold = 5
        a_text(studio)
        a_text(other)
        jobs.push()
        assert "message.created" in quick.types()
    assert "within 0.5 seconds" in deliveries(studio)[-1]["error"]


def test_two_workers_at_once_tell_everything_once(studio, platform, hooked):
    numbers = [a_text(studio) for _ in range(5)]
    threads = [threading.Thread(target=jobs.push) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    jobs.push()
    made = [one.event["data"]["id"] for one in platform.taken if one.event["type"] == "message.created"]
    assert made == numbers


def test_a_hundred_changes_are_told_in_order(studio, platform, hooked):
    numbers = [a_text(studio) for _ in range(120)]
    while pushing.push(jobs.change_object):
        pass
    made = [one.event["data"]["id"] for one in platform.taken if one.event["type"] == "message.created"]
    assert made == numbers


def test_after_a_new_secret_both_sign_for_a_day(studio, platform, hooked):
    fresh = post(f"{studio.path}/webhook-endpoints/{hooked['id']}/secret", {}, studio.key).body
    assert fresh["secret"] != hooked["secret"]
    a_text(studio)
    jobs.push()
    assert platform.taken[0].is_signed_by(hooked["secret"])
    assert platform.taken[0].is_signed_by(fresh["secret"])
    WebhookEndpoint.objects.update(rotated_at=timezone.now() - timedelta(hours=25))
    a_text(studio)
    jobs.push()
    assert not platform.taken[-1].is_signed_by(hooked["secret"])
    assert platform.taken[-1].is_signed_by(fresh["secret"])


def test_a_secret_is_sealed_and_one_that_cannot_be_opened_gives_nothing_up(studio, platform, hooked, settings):
    assert hooked["secret"].encode() not in bytes(WebhookEndpoint.objects.get().secrets)
    assert sealing.unseal(WebhookEndpoint.objects.get().secrets) == {"now": hooked["secret"]}
    a_text(studio)
    settings.ENCRYPTION_KEYS = ["another"]
    jobs.push()
    assert platform.taken == []
    assert {one.tries for one in WebhookDelivery.objects.all()} == {0}
    assert shown(studio, hooked)["is_enabled"] is True


def test_a_delivery_is_replayed_as_it_was(studio, platform, hooked):
    a_text(studio)
    jobs.push()
    before, one = list(platform.taken), deliveries(studio)[-1]
    again = post(f"{studio.path}/webhook-deliveries/{one['id']}/replay", {}, studio.key)
    assert (again.status, again["status"]) == (202, "pending")
    jobs.push()
    assert (platform.taken[-1].id, platform.taken[-1].body) == (before[0].id, before[0].body)
    assert get(f"{studio.path}/webhook-deliveries/{one['id']}", studio.key)["attempts"] == 2


def test_an_endpoints_deliveries_are_replayed_in_order(studio, platform, hooked):
    for _ in range(3):
        a_text(studio)
    jobs.push()
    before = [one.id for one in platform.taken]
    path = f"{studio.path}/webhook-endpoints/{hooked['id']}/replay"
    assert post(path, {"status": "failed"}, studio.key)["replayed"] == 0
    assert post(path, {}, studio.key)["replayed"] == len(before)
    jobs.push()
    assert [one.id for one in platform.taken] == before + before


def test_a_line_to_a_private_address_is_refused_where_it_is_not_allowed(studio, platform, hooked, settings):
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = False
    a_text(studio)
    jobs.push()
    assert platform.taken == []
    assert "private network" in deliveries(studio)[-1]["error"]


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://[::1]/", "http://2130706433/", "http://0x7f.1/"])
def test_no_way_of_writing_loopback_passes(url):
    with pytest.raises(FetchError):
        Line(url).post(b"{}", {}, seconds=1)


def test_an_answer_of_a_megabyte_is_cut_and_the_next_one_comes_all_the_same(studio, platform, hooked):
    platform.body = b"x" * 1_000_000
    a_text(studio)
    jobs.push()
    assert len(deliveries(studio)) == len(platform.taken) > 1
    assert max(len(one["response"]) for one in deliveries(studio)) == 1000


def test_what_a_client_wrote_is_told_too(studio, platform, hooked):
    reply(studio, phone(), "I am late")
    jobs.push()
    bodies = [one.event["data"].get("body") for one in platform.taken]
    assert "I am late" in bodies
