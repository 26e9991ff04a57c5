"""Endpoints and deliveries over HTTP: the shapes, what is refused, and what is not of this business."""

import pytest

from messaging.models import WebhookDelivery, WebhookEndpoint
from tests.contract.shapes import assert_error, assert_faults, assert_keys, assert_times
from tests.contract.world import a_studio, call, get, post

pytestmark = pytest.mark.django_db
ENDPOINT = {
    "id", "business_id", "url", "description", "events", "is_enabled", "disabled_reason", "failing_since", "pending",
    "created_at", "updated_at",
}  # fmt: skip
URL = "https://platform.example.com/omega"


def make(studio, **fields):
    return post(f"{studio.path}/webhook-endpoints", {"url": URL} | fields, studio.key)


def change(studio, made, **fields):
    return call("PATCH", f"{studio.path}/webhook-endpoints/{made['id']}", data=fields, key=studio.key)


def test_an_endpoint_is_made_with_its_secret_which_no_other_answer_shows():
    studio = a_studio()
    made = make(studio, events=["message.created", "message.created"], description="Ours")
    assert made.status == 201
    assert_keys(made.body, ENDPOINT | {"secret"})
    assert_times(made.body)
    assert made["secret"].startswith("whsec_")
    assert made["events"] == ["message.created"]
    shown = get(f"{studio.path}/webhook-endpoints/{made['id']}", studio.key)
    assert_keys(shown.body, ENDPOINT)
    assert get(f"{studio.path}/webhook-endpoints", studio.key)["results"] == [shown.body]


@pytest.mark.parametrize(
    "body",
    [{"url": "ftp://x.example"}, {"url": "nope"}, {"url": ""}, {"url": 5}, {"url": "https://user:pw@x.example/"},
     {"events": ["message.read"]}, {"events": "message.created"}, {"description": "x" * 256}, {"secret": "mine"},
     {"url": "https://x.example:99999/"}],
)  # fmt: skip
def test_what_makes_no_endpoint_is_422(body):
    got = make(a_studio(), **body)
    assert got.status == 422, got.raw
    assert any(one.startswith(f"body.{next(iter(body))}") for one in got.faulty)


@pytest.mark.parametrize(
    "url",
    ["http://platform.example.com/", "https://localhost/", "https://127.0.0.1/", "https://10.0.0.8/x", "https://[::1]/",
     "https://169.254.169.254/latest/meta-data", "https://db.internal/", "https://[::ffff:10.0.0.1]/"],
)  # fmt: skip
def test_a_private_address_is_422_outside_the_demo(url, settings):
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = False
    studio = a_studio()
    assert_faults(make(studio, url=url), "body.url")
    assert_faults(change(studio, make(studio), url=url), "body.url")


def test_a_demo_may_tell_its_own_machine():
    assert make(a_studio(), url="http://127.0.0.1:9/hook").status == 201


def test_an_endpoint_is_changed_and_removed():
    studio = a_studio()
    made = make(studio)
    changed = change(studio, made, url=URL + "/2", events=["call.updated"], is_enabled=False, description="x")
    assert changed.status == 200
    wanted = {"url": URL + "/2", "events": ["call.updated"], "is_enabled": False, "description": "x"}
    assert {name: changed[name] for name in wanted} == wanted
    assert change(studio, made)["url"] == URL + "/2"
    assert_faults(change(studio, made, url=None, odd=1), "body.url", "body.odd")
    assert call("DELETE", f"{studio.path}/webhook-endpoints/{made['id']}", key=studio.key).status == 204
    assert_error(get(f"{studio.path}/webhook-endpoints/{made['id']}", studio.key), 404, "not_found")


def test_a_business_has_twenty_at_most():
    studio = a_studio()
    for _ in range(20):
        assert make(studio).status == 201
    assert_error(make(studio), 409, "too_many_endpoints")


def test_anothers_endpoint_and_delivery_are_404():
    studio, other = a_studio(), a_studio()
    made = make(other)
    path = f"{studio.path}/webhook-endpoints/{made['id']}"
    endpoint = WebhookEndpoint.objects.get()
    delivery = WebhookDelivery.objects.create(
        business_id=other.id, endpoint=endpoint, position=1, webhook_id="m", type="message.created", payload="{}",
        created_at=endpoint.created_at,
    )  # fmt: skip
    for answer in (
        get(path, studio.key), call("PATCH", path, data={}, key=studio.key), call("DELETE", path, key=studio.key),
        post(f"{path}/secret", {}, studio.key), post(f"{path}/replay", {}, studio.key),
        get(f"{studio.path}/webhook-deliveries/{delivery.pk}", studio.key),
        post(f"{studio.path}/webhook-deliveries/{delivery.pk}/replay", {}, studio.key),
    ):  # fmt: skip
        assert_error(answer, 404, "not_found")
    assert get(f"{studio.path}/webhook-deliveries", studio.key)["results"] == []
    query = {"endpoint_id": endpoint.pk}
    assert get(f"{studio.path}/webhook-deliveries", studio.key, query)["results"] == []


def test_a_list_of_deliveries_that_makes_no_sense_is_422():
    studio = a_studio()
    query = {"status": "lost", "type": "x", "endpoint_id": "0", "cursor": "x"}
    faulty = ("query.status", "query.type", "query.endpoint_id", "query.cursor")
    assert_faults(get(f"{studio.path}/webhook-deliveries", studio.key, query), *faulty)


def test_a_replay_that_makes_no_sense_is_422():
    studio = a_studio()
    path = f"{studio.path}/webhook-endpoints/{make(studio)['id']}/replay"
    body = {"after": "2026-02-01", "before": "2026-01-01", "limit": 0, "status": "pending"}
    assert_faults(post(path, body, studio.key), "body.after", "body.before", "body.limit", "body.status")
