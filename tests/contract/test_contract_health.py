"""Health for load balancers, and the published description of every endpoint, without a credential or a CDN."""

import json
import re
from datetime import timedelta

import pytest
import yaml
from django.db import OperationalError, connection
from django.utils import timezone
from openapi_spec_validator import validate

from accounts.models import ProviderAccount, Sender
from conversations.models import Message
from messaging.models import Circuit, SenderBudget
from tests.contract.shapes import assert_error, assert_keys
from tests.contract.world import a_studio, call, get, queue, statements

pytestmark = pytest.mark.django_db

PUBLISHED = {
    "/sms/queue": {"post"},
    "/sms/record": {"post"},
    "/sms/status": {"post"},
    "/twilio/sms/reply": {"post"},
    "/twilio/sms/status": {"post"},
    "/health": {"get"},
    "/health/db": {"get"},
    "/businesses/{business_id}/conversations": {"get"},
    "/businesses/{business_id}/clients": {"get"},
    "/businesses/{business_id}/clients/{client_id}": {"get"},
    "/businesses/{business_id}/clients/{client_id}/conversations": {"post"},
    "/businesses/{business_id}/clients/{client_id}/conversations/{conversation_id}/messages": {"get"},
    "/messages/retry": {"post"},
    "/businesses/{business_id}/messages/retry": {"post"},
    "/messages/requests/{request_id}": {"get"},
    "/businesses/{business_id}/messages/requests/{request_id}": {"get"},
    "/messages/{message_id}": {"get"},
    "/messages/{message_id}/cancel": {"post"},
}
SUMMARIES = {
    "/sms/queue": "Queue SMS for sending and database recording",
    "/sms/record": "Record SMS message in database without sending",
    "/sms/status": "Update SMS delivery status",
    "/twilio/sms/reply": "Process incoming SMS replies via Twilio webhook",
    "/twilio/sms/status": "Process SMS delivery status updates from Twilio",
    "/health": "Get Health",
    "/health/db": "Check Db Connection",
    "/messages/retry": "Retry Processing of Failed Messages (platform)",
}


def refuse(*_):
    raise OperationalError("connection refused")


def test_health_is_ok_and_touches_nothing():
    with statements() as seen:
        got = get("/health")
    assert got.status == 200
    assert_keys(got.body, {"status", "version"})
    assert got["status"] == "ok"
    assert got["version"]
    assert seen == []


def test_health_is_ok_while_the_database_is_not():
    with connection.execute_wrapper(refuse):
        assert get("/health").status == 200


def test_health_db_says_how_long_the_database_took():
    got = get("/health/db")
    assert got.status == 200
    assert_keys(got.body, {"status", "database"})
    assert_keys(got["database"], {"status", "latency_ms"})
    assert (got["status"], got["database"]["status"]) == ("ok", "ok")
    assert got["database"]["latency_ms"] >= 0


def test_health_db_is_503_in_the_same_shape_while_the_database_is_away():
    with connection.execute_wrapper(refuse):
        got = get("/health/db")
    assert got.status == 503
    assert got["status"] != "ok"
    assert got["database"]["status"] != "ok"
    assert "error" in {*got.body, *got["database"]}


def test_health_ready_names_each_part():
    got = get("/health/ready")
    assert got.status in {200, 503}
    named = json.dumps(got.body).lower()
    for part in ("database", "redis", "migrations", "due", "workers", "scheduler"):
        assert part in named


def test_a_shut_account_of_a_provider_is_named_and_no_reason_to_leave_service():
    studio = a_studio()
    account = ProviderAccount.objects.create(business_id=studio.id, provider="twilio", account_id="AC1", secrets=b"")
    now = timezone.now()
    Circuit.objects.create(
        provider="twilio", account=account, state="open", failures=9, opened_at=now, failed_at=now,
        probe_at=now, code="20003", reason="Authenticate, said for +14155550100",
    )  # fmt: skip
    old = queue(studio)
    Message.objects.filter(pk=old["message_id"]).update(due_at=now - timedelta(hours=1))
    got = get("/health/ready")
    part = got["provider_accounts"]
    assert part["status"] == "degraded"
    assert part["shut"][0] | {"seconds": 0} == {
        "provider": "twilio", "account": f"account {account.pk}", "seconds": 0, "code": "20003",
    }  # fmt: skip
    assert "+1415" not in got.raw.decode()
    assert got["oldest_due_message"]["status"] == "ok", "it waits for the account, not for us"
    holds = [step for step in get(f"/messages/{old['message_id']}", studio.key)["trace"] if step["step"] == "hold"]
    assert holds[0]["detail"] == {"reason": "provider_account_unavailable", "provider": "twilio", "code": "20003"}


def test_what_waits_for_its_senders_rate_is_no_reason_either_as_long_as_somebody_sends():
    studio, now = a_studio(), timezone.now()
    sender = Sender.objects.get(business_id=studio.id)
    Sender.objects.filter(pk=sender.pk).update(messages_per_second=1)
    Message.objects.filter(pk=queue(studio)["message_id"]).update(due_at=now - timedelta(hours=1))
    assert get("/health/ready")["oldest_due_message"]["status"] == "error", "nobody has ever sent by this sender"
    budget = SenderBudget.objects.create(sender=sender, tokens=0.2, refilled_at=now)
    assert get("/health/ready")["oldest_due_message"]["status"] == "ok"
    SenderBudget.objects.filter(pk=budget.pk).update(refilled_at=now - timedelta(minutes=1))
    assert get("/health/ready")["oldest_due_message"]["status"] == "error", "nobody uses the rate any more"


def test_health_ready_is_503_while_the_database_is_away():
    with connection.execute_wrapper(refuse):
        got = get("/health/ready")
    assert got.status == 503
    assert got["database"]["status"] != "ok"


def test_a_call_while_the_database_is_away_is_503_in_the_contracts_shape():
    studio = a_studio()
    with connection.execute_wrapper(refuse):
        answers = [queue(studio), get(f"{studio.path}/clients", studio.key), get("/messages/1", studio.key)]
    for answer in answers:
        assert_error(answer, 503, "unavailable")
        assert answer.headers["Retry-After"]


def schema():
    return yaml.safe_load(call("GET", "/schema").raw)


def test_the_schema_is_openapi_3_1_and_valid():
    got = schema()
    assert got["openapi"].startswith("3.1")
    validate(got)


def test_the_schema_holds_every_published_endpoint():
    paths = {path.removeprefix("/omega"): operations for path, operations in schema()["paths"].items()}
    for path, methods in PUBLISHED.items():
        assert path in paths, path
        assert methods <= paths[path].keys()
    for path, summary in SUMMARIES.items():
        assert next(iter(paths[path].values()))["summary"] == summary


def test_the_schema_names_every_answer_of_a_send():
    operation = next(value for path, value in schema()["paths"].items() if path.endswith("/sms/queue"))["post"]
    assert {"200", "202", "401", "403", "404", "409", "413", "422", "429"} <= operation["responses"].keys()
    assert operation["tags"] == ["sms"]


def test_operation_ids_are_there_once_each():
    ids = [one["operationId"] for path in schema()["paths"].values() for one in path.values() if "operationId" in one]
    assert len(ids) == len(set(ids)) >= len(PUBLISHED)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_pages_load_nothing_from_another_host(path):
    got = get(path)
    assert got.status == 200
    assert got.headers["Content-Type"].startswith("text/html")
    assert not re.findall(rb"""(?:src|href)\s*=\s*["'](?:https?:)?//""", got.raw)
    assert b"fonts.googleapis" not in got.raw


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_what_the_pages_load_is_there(path, client):
    for found in re.findall(rb"""(?:src|href)\s*=\s*["'](/static/[^"']+)""", get(path).raw):
        assert client.get(found.decode()).status_code == 200, found
