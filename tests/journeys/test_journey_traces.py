"""One trace, whichever process has the message in hand; and nobody's number or word in it."""

import requests

from tests.support.otlp import Receiver
from tests.support.processes import Omega, wait_for

TRACE = "0af7651916cd43dd8448eb211c80319c"
PHONE, MAIL, WORDS = "+12125557391", "zyxwvut@marked.example", "Zyxwvut has told us of her illness"
MARKS = (PHONE[1:], "zyxwvut", "Zyxwvut", "marked.example", "illness")
OUT = {"POST omega/sms/queue", "message.claim", "provider.send", "message.settle", "message.receipt"}
IN = {"POST omega/twilio/sms/reply", "webhook.process", "messaging.jobs.fetch_media"}


def test_a_text_and_its_answer_are_traced_through_all_processes(place):
    with (
        Receiver() as receiver,
        Omega(place, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, OTEL_BSP_SCHEDULE_DELAY="200") as omega,
    ):
        business = omega.seed()["businesses"][0]
        omega.start_all()
        _send(omega, business)
        assert wait_for(lambda: set(receiver.of(TRACE)) >= OUT, 20), set(receiver.of(TRACE))
        found = receiver.of(TRACE)
        assert found["POST omega/sms/queue"].pid != found["provider.send"].pid
        assert {found[name].parent for name in OUT - {"POST omega/sms/queue"}} == {found["POST omega/sms/queue"].id}
        _answer(omega, business)
        assert wait_for(lambda: _answered(receiver) >= IN, 20), _answered(receiver)
    assert len(receiver.raw) > 1000
    assert [mark for mark in MARKS if mark.encode() in receiver.raw] == []


def _send(omega, business):
    headers = {"X-API-KEY": business["api_key"], "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    client = {"external_id": "marked", "first_name": "Zyxwvut", "phone": PHONE, "email": MAIL}
    base, own = omega.base_url, f"/businesses/{business['id']}"
    key = {"X-API-KEY": business["api_key"]}
    requests.post(f"{base}{own}/clients/sync", json={"rows": [client]}, headers=key).raise_for_status()
    requests.get(f"{base}{own}/clients", params={"q": PHONE}, headers=key).raise_for_status()
    body = {"business_id": business["id"], "to": PHONE, "body": WORDS}
    assert requests.post(f"{base}/sms/queue", json=body, headers=headers).status_code == 202


def _answer(omega, business):
    """A picture, so that a job has something to fetch."""
    picture = f"{omega.sandbox_url}/nowhere.png"
    told = {"from": PHONE, "to": business["sms_sender"], "body": WORDS, "media": [picture]}
    requests.post(f"{omega.sandbox_url}/handset/sms", json=told).raise_for_status()


def _answered(receiver):
    """The spans of the webhook's trace by which the answer came."""
    traces = [span.trace for span in receiver.spans if span.name == "POST omega/twilio/sms/reply"]
    return set(receiver.of(traces[-1])) if traces else set()
