"""Traces: carried by the row and the job, told of what was sampled alone, and nothing at all where nobody asked."""

import subprocess
import sys

import pytest
from rq import Queue
from rq.job import Job

from conversations.models import Message
from messaging.services import delivery
from messaging.services.wakeup import PROCESS_EVENT
from omega_project.lib import jobs, tracing
from tests.contract.world import a_mail_sender, a_studio, get, mail, phone, post, reply, report, sid
from tests.support.otlp import Receiver

pytestmark = pytest.mark.django_db
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def receiver(monkeypatch):
    with Receiver() as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.endpoint)
        tracing.configure(wanted=True)
        yield server
        tracing.stop()
        tracing.configure(wanted=False)
        server.shutdown()


def sent(studio, flags="01"):
    """A text that was queued by a request in the trace, and tried."""
    body = {"business_id": studio.id, "to": phone(), "body": "Hello"}
    above = f"00-{TRACE}-00f067aa0ba902b7-{flags}"
    message_id = post("/sms/queue", body, studio.key, traceparent=above)["message_id"]
    delivery.drain(seconds=5)
    return message_id


def test_a_text_is_one_trace_from_the_request_to_its_receipt(receiver):
    studio = a_studio()
    message_id = sent(studio)
    report(studio, sid(), "delivered", query=f"?mid={message_id}&a=1")
    tracing.stop()
    found = receiver.of(TRACE)
    assert set(found) == {
        "POST omega/sms/queue", "message.claim", "provider.send", "message.settle", "message.receipt"
    }  # fmt: skip
    root = found.pop("POST omega/sms/queue")
    assert root.parent == "00f067aa0ba902b7"
    assert {span.parent for span in found.values()} == {root.id}
    assert {span.attributes["message.id"] for span in found.values()} == {message_id}
    # Nothing listens where the tests' provider would.
    assert found["provider.send"].failed
    assert found["provider.send"].attributes["message.outcome"] == "not_taken"
    hook = next(span for span in receiver.spans if span.name == "POST omega/twilio/sms/status")
    assert found["message.receipt"].links == (hook.trace,)


def test_a_mail_is_one_trace_too(receiver):
    studio = a_studio()
    a_mail_sender(studio)
    assert mail(studio).status == 202
    delivery.drain(seconds=5)
    tracing.stop()
    root = next(span for span in receiver.spans if span.name == "POST omega/email/queue")
    assert {"message.claim", "provider.send", "message.settle"} <= set(receiver.of(root.trace))


def test_an_incoming_text_is_processed_in_the_trace_of_its_webhook(receiver):
    reply(a_studio(), phone(), "Hi")
    tracing.stop()
    root = next(span for span in receiver.spans if span.name == "POST omega/twilio/sms/reply")
    assert receiver.of(root.trace)["webhook.process"].parent == root.id
    assert Message.objects.latest("id").traceparent.split("-")[1] == root.trace


def test_what_was_not_sampled_is_told_by_nobody(receiver):
    message_id = sent(a_studio(), flags="00")
    tracing.stop()
    assert receiver.spans == []
    assert Message.objects.get(pk=message_id).traceparent is None


def test_a_sampler_is_obeyed(receiver, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    get("/health")
    tracing.stop()
    assert receiver.spans == []


def test_a_request_that_fails_says_so_and_not_of_whom(receiver):
    get("/messages/12025550147", None, {"q": "ana@example.com"})
    tracing.stop()
    found = receiver.spans[0]
    assert (found.name, found.attributes["http.response.status_code"]) == ("GET omega/messages/<str:message_id>", 401)
    assert b"12025550147" not in receiver.raw
    assert b"ana@example.com" not in receiver.raw


def test_a_job_carries_the_trace_and_a_wake_up_none(receiver, django_capture_on_commit_callbacks):
    line = jobs.redis_line()
    line.flushdb()
    with (
        tracing.span("request", parent=f"00-{TRACE}-00f067aa0ba902b7-01"),
        django_capture_on_commit_callbacks(execute=True),
    ):
        jobs.enqueue("io", PROCESS_EVENT, 7)
        jobs.kick("bulk", PROCESS_EVENT)
    with_id, wake_up = (Job.fetch(Queue(name, connection=line).job_ids[0], line) for name in ("io", "bulk"))
    assert with_id.meta["traceparent"].split("-")[1] == TRACE
    assert "traceparent" not in wake_up.meta


def test_a_receiver_that_is_away_harms_nothing(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    tracing.configure(wanted=True)
    try:
        assert get("/health").status == 200
        tracing.stop()
    finally:
        tracing.configure(wanted=False)


def test_without_an_endpoint_neither_tracer_nor_exporter_is_imported():
    """redis-py imports OpenTelemetry's metrics by itself where they are installed; that is not ours."""
    code = (
        "import sys, tests.settings, django\n"
        "django.setup()\n"
        "from django.test import Client\n"
        "assert Client().get('/omega/health').status_code == 200\n"
        "unwanted = ('omega_project.lib.otel', 'opentelemetry.sdk.trace', 'opentelemetry.exporter')\n"
        "sys.exit(' '.join(name for name in sys.modules if name.startswith(unwanted)) or 0)\n"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("named", "wanted"), [
    ({}, False),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
    ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
])  # fmt: skip
def test_an_endpoint_is_what_turns_it_on(named, wanted):
    assert tracing.endpoint_named(named) is wanted
