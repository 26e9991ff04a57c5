"""Prometheus's scrape: the figures of this moment and what was counted, for a platform key alone."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from conversations.models import Message
from tests.contract.world import a_platform_key, a_studio, call, get, queue

pytestmark = pytest.mark.django_db


def scraped(answer):
    families = text_string_to_metric_families(answer.raw.decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_the_outbox_is_told_by_channel_and_status():
    studio = a_studio()
    for _ in range(3):
        queue(studio)
    found = scraped(get("/metrics", a_platform_key()))
    assert found["omega_outbox_messages", (("channel", "sms"), ("status", "queued"))] == 3
    assert found["omega_up", (("part", "database"),)] == 1


def test_requests_are_counted_by_route_not_by_path():
    studio = a_studio()
    sent = queue(studio)
    get(f"/messages/{sent['message_id']}", studio.key)
    found = scraped(get("/metrics", a_platform_key()))
    routes = {dict(labels)["route"] for name, labels in found if name == "omega_http_request_seconds_count"}
    assert "omega/messages/<str:message_id>" in routes
    assert not [route for route in routes if str(sent["message_id"]) in route.split("/")]


def test_an_unknown_method_makes_no_label_of_its_own():
    call("BREW", "/health")
    labels = {dict(labels).get("method") for _, labels in scraped(get("/metrics", a_platform_key()))}
    assert "BREW" not in labels


def test_a_business_key_and_nobody_are_refused():
    studio = a_studio()
    assert get("/metrics", studio.key).status == 403
    assert get("/metrics", None).status == 401


def test_nobody_may_where_debug_is_on(settings):
    settings.DEBUG = True
    assert get("/metrics", None).status == 200


def test_the_scrape_walks_no_history(django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        get("/metrics", a_platform_key())
    assert not Message.objects.exists()
