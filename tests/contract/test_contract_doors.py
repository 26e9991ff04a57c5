"""The doors: who is let in, what every answer carries, and the shape of every refusal (api.md, 1 and 2)."""

import datetime
import uuid

import pytest
from django.utils import timezone

from accounts.models import ApiKey
from accounts.services.credentials import create_api_key, revoke_api_key
from omega_project.lib.api.throttling import parse_rate
from tests.contract.shapes import assert_error, assert_faults
from tests.contract.world import a_client, a_platform_key, a_studio, call, get, post, queue

pytestmark = pytest.mark.django_db

DOORS = [
    ("POST", "/sms/queue"),
    ("POST", "/sms/record"),
    ("POST", "/sms/status"),
    ("GET", "/businesses/1/conversations"),
    ("GET", "/businesses/1/clients"),
    ("GET", "/businesses/1/clients/1"),
    ("POST", "/businesses/1/clients/1/conversations"),
    ("GET", "/businesses/1/clients/1/conversations/1/messages"),
    ("POST", "/messages/retry"),
    ("POST", "/businesses/1/messages/retry"),
    ("GET", "/messages/requests/abc"),
    ("GET", "/businesses/1/messages/requests/abc"),
    ("GET", "/messages/1"),
    ("POST", "/messages/1/cancel"),
]


@pytest.mark.parametrize(("method", "path"), DOORS)
def test_a_door_without_a_key_is_401_and_says_how(method, path):
    got = call(method, path, data=b"{}" if method == "POST" else b"")
    assert_error(got, 401, "not_authenticated")
    assert got.headers["WWW-Authenticate"]
    assert got.headers["X-Request-ID"]


@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.parametrize("key", ["wrong", "omega_plat_" + "x" * 32, "é", " ", "x" * 5000])
def test_a_door_with_a_wrong_key_is_401(method, path, key):
    got = call(method, path, key=key, data=b"{}" if method == "POST" else b"")
    assert got.status == 401, got.raw
    assert got.body["code"] in {"authentication_failed", "not_authenticated"}
    assert got.headers["WWW-Authenticate"]


def test_a_wrong_key_is_named_authentication_failed():
    assert_error(get("/businesses/1/clients", "wrong"), 401, "authentication_failed")


def test_a_revoked_key_is_dead():
    studio = a_studio()
    assert get(f"{studio.path}/clients", studio.key).status == 200
    revoke_api_key(key=ApiKey.objects.get(business_id=studio.id))
    assert_error(get(f"{studio.path}/clients", studio.key), 401, "authentication_failed")


def test_an_expired_key_is_dead():
    studio = a_studio()
    past = timezone.now() - datetime.timedelta(seconds=1)
    old = create_api_key(name="old", business_id=studio.id, expires_at=past)
    assert_error(get(f"{studio.path}/clients", old), 401, "authentication_failed")


def test_a_key_is_stored_hashed():
    studio = a_studio()
    row = ApiKey.objects.get(business_id=studio.id)
    stored = [str(value) for value in vars(row).values()] + [bytes(row.key_hash).decode("latin-1")]
    assert not any(studio.key in value for value in stored)


def test_a_platform_key_opens_every_business():
    one, other, key = a_studio(), a_studio(), a_platform_key()
    assert get(f"{one.path}/clients", key).status == 200
    assert get(f"{other.path}/clients", key).status == 200


def test_a_business_that_does_not_exist_is_404_for_the_platform():
    assert_error(get("/businesses/999999999/clients", a_platform_key()), 404, "not_found")


@pytest.mark.parametrize("given", ["abc-123", "A.b_c:d-1", "x" * 128])
def test_a_sane_request_id_header_comes_back(given):
    assert get("/health", X_Request_ID=given).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 300, "a b", "<script>", "a;b", "é", "{}"])
def test_an_insane_request_id_header_is_replaced(given):
    made = get("/health", X_Request_ID=given).headers["X-Request-ID"]
    assert made
    assert made != given


def test_every_answer_carries_a_request_id_of_its_own():
    studio = a_studio()
    paths = ["/health", f"{studio.path}/clients", "/nowhere", "/messages/x", "/messages/1"]
    found = [get(path, studio.key).headers["X-Request-ID"] for path in paths]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("path", ["/health", "/businesses/{}/clients", "/businesses/{}/conversations"])
def test_the_same_path_with_a_slash_answers_too(path):
    studio = a_studio()
    path = path.format(studio.id)
    assert get(path + "/", studio.key).status == get(path, studio.key).status == 200


def test_a_post_with_a_slash_is_answered_and_not_redirected():
    studio = a_studio()
    client = a_client(studio)
    got = post("/sms/queue/", {"business_id": studio.id, "client_id": client.pk, "body": "hi"}, studio.key)
    assert got.status == 202


def test_an_unknown_path_is_404_in_the_contracts_shape():
    assert_error(get("/no/such/path", a_platform_key()), 404, "not_found")


@pytest.mark.parametrize(("method", "path"), [("GET", "/sms/queue"), ("DELETE", "/messages/1"), ("PUT", "/health")])
def test_another_verb_is_405_in_json(method, path):
    got = call(method, path, key=a_platform_key())
    assert got.status == 405
    assert set(got.body) == {"detail", "code"}


@pytest.mark.parametrize("name", ["surprise", "Body", "from_", "constructor", "status"])
def test_an_unknown_body_field_is_refused(name):
    studio = a_studio()
    assert_faults(queue(studio, **{name: 1}), f"body.{name}")


@pytest.mark.parametrize("path", ["/sms/record", "/sms/status", "/messages/retry"])
def test_an_unknown_body_field_is_refused_everywhere(path):
    assert_faults(post(path, {"surprise": 1}, a_platform_key()), "body.surprise")


def test_every_fault_of_a_request_is_in_one_answer():
    bad = {
        "business_id": "one", "to": "+12", "body": "x" * 1601, "media_urls": ["ftp://x"], "priority": "urgent",
        "scheduled_at": "soon", "request_id": "a b", "dry_run": "yes", "metadata": [], "surprise": 1,
    }  # fmt: skip
    got = post("/sms/queue", bad, a_platform_key(), Idempotency_Key="no spaces allowed")
    whole = {f"body.{name}" for name in bad if name != "media_urls"}
    assert_faults(got, *whole, "body.media_urls.0", "header.Idempotency-Key")


def test_a_number_that_cannot_be_one_is_in_the_same_answer_as_the_other_faults():
    assert_faults(queue(a_studio(), to="12", body="x" * 1601, priority="urgent"), "body.to", "body.body")


def test_faults_of_path_and_query_come_together():
    got = get("/businesses/x/clients/y/conversations/0/messages", a_platform_key(), {"page_size": "0", "order": "up"})
    wanted = {"path.business_id", "path.client_id", "path.conversation_id", "query.page_size", "query.order"}
    assert_faults(got, *wanted)


def test_faults_of_path_and_body_come_together():
    got = post("/businesses/x/clients/0/conversations", {"location_id": "a"}, a_platform_key())
    assert_faults(got, "path.business_id", "path.client_id", "body.location_id")


def test_over_the_keys_rate_is_429_with_retry_after(settings):
    settings.API_RATE_LIMIT = parse_rate("2/h")
    studio = a_studio()
    ApiKey.objects.filter(business_id=studio.id).update(id=uuid.uuid4().int % 2**60)
    answers = [get(f"{studio.path}/clients", studio.key) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert_error(answers[2], 429, "throttled")
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 3600


def test_one_keys_rate_is_not_another_ones(settings):
    settings.API_RATE_LIMIT = parse_rate("1/h")
    one, other = a_studio(), a_studio()
    for studio in (one, other):
        ApiKey.objects.filter(business_id=studio.id).update(id=uuid.uuid4().int % 2**60)
    assert [get(f"{s.path}/clients", s.key).status for s in (one, one, other)] == [200, 429, 200]


def test_the_rate_can_be_off(settings):
    settings.API_RATE_LIMIT = parse_rate("off")
    studio = a_studio()
    assert {get(f"{studio.path}/clients", studio.key).status for _ in range(5)} == {200}
