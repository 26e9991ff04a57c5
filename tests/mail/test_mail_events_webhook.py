"""POST /email/webhook: what SendGrid posts is checked, kept once and used, whatever stands in it."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from conversations.models import MessageEvent
from messaging.models import ConsentChange, WebhookEvent
from messaging.services import carriers
from tests.contract.shapes import assert_error
from tests.contract.world import a_studio, at_once, call, message, statements
from tests.mail.reports import (
    PREFIX,
    a_mail,
    an_address,
    event,
    lines,
    post_events,
    public_key,
    row,
    signature,
    wire,
)

pytestmark = pytest.mark.django_db
FIXTURES = Path(__file__).parents[1] / "fixtures"
INDEX = json.loads((FIXTURES / "index.json").read_text())["fixtures"]
OTHER = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(autouse=True)
def key(settings):
    settings.SENDGRID_WEBHOOK_PUBLIC_KEY = public_key()
    carriers.forget()


def states():
    return sorted(WebhookEvent.objects.values_list("status", flat=True))


@pytest.mark.parametrize("path", ["/email/webhook", "/email/webhook/sendgrid", "/email/webhook/sendgrid/"])
def test_a_signed_batch_is_applied(path):
    studio = a_studio()
    mail = a_mail(studio, status="queued", provider_message_id=None)
    batch = [event(mail, "processed"), event(mail, "delivered", response="250 OK")]
    got = post_events(batch, path=path)
    assert (got.status, got.body) == (200, {"received": 2, "new": 2})
    assert lines(mail) == [("queued", "sent"), ("sent", "delivered")]
    shown = message(studio, mail.pk)
    assert (shown["status"], shown["error"]) == ("delivered", None)
    stored = WebhookEvent.objects.order_by("dedupe_key").first()
    assert (stored.status, stored.message_id, stored.business_id) == ("processed", mail.pk, studio.id)
    assert bytes(stored.payload).decode() in [json.dumps(one) for one in batch]


@pytest.mark.parametrize("name", ["sendgrid_events.json", "sendgrid_event_async_bounce.json"])
def test_the_fixtures_signatures_hold(name, settings):
    settings.SENDGRID_WEBHOOK_PUBLIC_KEY = (FIXTURES / "sendgrid_public_key.txt").read_text().strip()
    body, headers = (FIXTURES / name).read_bytes(), INDEX[name]["headers"]
    named = {key.replace("-", "_"): value for key, value in headers.items() if key != "Content-Type"}
    assert call("POST", "/email/webhook", data=body, **named).status == 200
    assert_error(call("POST", "/email/webhook", data=body + b"\n", **named), 403, "invalid_signature")
    assert_error(call("POST", "/email/webhook", data=body.strip() + b" ", **named), 403, "invalid_signature")


def test_the_fixtures_events_reach_their_mail(settings):
    settings.SENDGRID_WEBHOOK_PUBLIC_KEY = (FIXTURES / "sendgrid_public_key.txt").read_text().strip()
    studio = a_studio()
    mail = a_mail(studio, to="bob@example.net", provider_message_id="Xet6bZ7WRTG2fYDa-p7arw")
    for name in ("sendgrid_events.json", "sendgrid_event_async_bounce.json"):
        named = {key.replace("-", "_"): value for key, value in INDEX[name]["headers"].items() if key != "Content-Type"}
        assert call("POST", "/email/webhook", data=(FIXTURES / name).read_bytes(), **named).status == 200
    now = row(mail)
    assert (now.status, now.error_code) == ("undelivered", "5.2.1")
    assert now.mail.processed_at
    assert now.mail.opened_at
    assert now.mail.complained_at
    assert states() == ["ignored"] + ["pending"] * 3 + ["processed"] * 10
    assert ConsentChange.objects.filter(address="bob@example.net", state="opted_out").exists()


BAD = [None, "", "AAAA", "é", "x" * 9000, "====", "MEUCIQ=="]


@pytest.mark.parametrize("sign", BAD)
@pytest.mark.parametrize("which", ["Signature", "Timestamp"])
def test_a_wrong_or_missing_signature_is_403_and_writes_nothing(which, sign):
    mail = a_mail(a_studio())
    got = post_events([event(mail, "delivered")], **{f"{PREFIX}{which}": sign})
    assert_error(got, 403, "invalid_signature")
    assert row(mail).status == "sent"
    assert not WebhookEvent.objects.exists()


def test_another_key_another_body_and_no_key_are_403(settings):
    mail = a_mail(a_studio())
    batch = wire([event(mail, "delivered")])
    assert_error(post_events(batch, key=OTHER), 403, "invalid_signature")
    forged = {f"{PREFIX}Signature": signature(batch, "1"), f"{PREFIX}Timestamp": "1"}
    assert_error(call("POST", "/email/webhook", data=batch + b" ", **forged), 403, "invalid_signature")
    settings.SENDGRID_WEBHOOK_PUBLIC_KEY = ""
    assert_error(post_events(batch), 403, "invalid_signature")
    assert row(mail).status == "sent"


@pytest.mark.parametrize("at", ["0", "1", "99999999999", "yesterday"])
def test_a_signature_of_any_age_holds(at):
    mail = a_mail(a_studio())
    assert post_events([event(mail, "delivered")], at=at).status == 200
    assert row(mail).status == "delivered"


def test_a_replay_changes_nothing():
    mail = a_mail(a_studio())
    batch = wire([event(mail, "delivered"), event(mail, "deferred"), event(mail, "spamreport")])
    assert [post_events(batch).body["new"] for _ in range(3)] == [3, 0, 0]
    assert len(lines(mail)) == 3
    assert ConsentChange.objects.filter(address=mail.to_address).count() == 1


@pytest.mark.django_db(transaction=True)
def test_ten_posts_of_one_batch_at_once_are_one():
    studio = a_studio()
    mails = [a_mail(studio) for _ in range(20)]
    batch = wire([event(mail, kind) for mail in mails for kind in ("delivered", "open", "unsubscribe")])
    answers = at_once(10, lambda _: post_events(batch))
    assert {answer.status for answer in answers} == {200}, [answer.raw for answer in answers]
    assert sum(answer["new"] for answer in answers) == 60
    assert MessageEvent.objects.count() == 60
    assert ConsentChange.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_ten_different_batches_about_the_same_mails_at_once_all_count():
    studio = a_studio()
    mails = [a_mail(studio, status="queued") for _ in range(10)]
    words = ["processed", "deferred", "delivered", "open", "bounce"]
    answers = at_once(10, lambda n: post_events([event(one, words[n % 5]) for one in mails[:: 1 if n % 2 else -1]]))
    assert {answer.status for answer in answers} == {200}, [answer.raw for answer in answers]
    assert {row(mail).status for mail in mails} == {"undelivered"}


NO_LISTS = [b"", b"{}", b"null", b"1", b'"x"', b"[", b"[1", b"]", b"[}", b"{]", b"\xff\xfe", b"[1,2", b"nonsense",
            b'["', b'["\\', b"[" * 5000, b'[{"event":"open"}] x']  # fmt: skip


@pytest.mark.parametrize("body", NO_LISTS, ids=range(len(NO_LISTS)))
def test_what_is_no_list_is_422(body):
    got = post_events(body)
    assert got.status == 422, got.raw
    assert got.faulty == {"body"}
    assert not WebhookEvent.objects.exists()


def test_an_empty_list_is_taken():
    assert post_events(b" [ ] \r\n").body == {"received": 0, "new": 0}


BROKEN = ["1", "null", '"x"', "[]", "{}", '{"event": null}', '{"event": 7}', '{"event": ""}', "[[[1]]]", "{nonsense}",
          "", '{"event": "open", }', "NaN", '{"event": {"a": 1}}', "[" * 3000 + "]" * 3000, '{"a": tru}']  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_one_broken_event_among_a_thousand_spoils_no_other(broken):
    studio = a_studio()
    mails = [a_mail(studio) for _ in range(3)]
    good = [json.dumps(event(mails[n % 3], "delivered" if n < 3 else "open")) for n in range(999)]
    got = post_events(wire([*good[:500], broken, *good[500:]]))
    assert (got.status, got.body) == (200, {"received": 1000, "new": 1000})
    assert {row(mail).status for mail in mails} == {"read"}
    failed = WebhookEvent.objects.get(status="failed")
    assert bytes(failed.payload).decode() == broken
    assert failed.error.startswith("The event ")
    assert failed.next_attempt_at is None


HOSTILE = [
    {"email": "a\x00b@example.com"}, {"reason": "\x00" * 50}, {"reason": "\ud800 alone"}, {"event": "\ud800"},
    {"timestamp": "x"}, {"timestamp": -(10**30)}, {"timestamp": 10**18}, {"timestamp": []}, {"timestamp": True},
    {"timestamp": 0}, {"timestamp": 1e308}, {"sg_event_id": ""}, {"sg_event_id": "x" * 5000}, {"sg_event_id": 12},
    {"sg_event_id": None}, {"omega_message_id": "9" * 40}, {"omega_message_id": "-1"}, {"omega_message_id": {"a": 1}},
    {"omega_attempt": "99999"}, {"sg_message_id": "x" * 100_000}, {"sg_message_id": []}, {"smtp-id": "<>"},
    {"reason": "é" * 200_000}, {"email": "A" * 100_000}, {"email": ["x"]}, {"status": {"a": 1}}, {"type": 5},
    {"category": ["x"] * 5000}, {"asm_group_id": 2**80}, {"event": "account_status_change"},
    {"response": "\ufffe\U0010ffff"}, {"sg_message_id": "'; DROP TABLE x; --"}, {"smtp-id": "%s %(x)s {0}"},
]  # fmt: skip


@pytest.mark.parametrize("change", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_value_hurts_nobody(change):
    studio = a_studio()
    mail, strange = a_mail(studio), a_mail(studio)
    body = wire([event(strange, "bounce") | change, event(mail, "delivered"), event(strange, "dropped") | change])
    got = post_events(body)
    assert (got.status, got["received"]) == (200, 3)
    assert row(mail).status == "delivered"
    assert message(studio, strange.pk)


def test_a_number_of_ten_thousand_digits_and_bytes_that_are_no_text():
    mail = a_mail(a_studio())
    good = json.dumps(event(mail, "delivered"))
    strange = '{"event": "open", "n": ' + "9" * 10_000 + "}"
    assert post_events(wire([strange, good])).status == 200
    other = a_mail(a_studio())
    body = b'[{"event": "open", "useragent": "\xff\xfe"},' + json.dumps(event(other, "delivered")).encode() + b"]"
    assert post_events(body).status == 200
    assert (row(mail).status, row(other).status) == ("delivered", "delivered")


@pytest.mark.parametrize("word", ["account_status_change", "cleaned", "Delivered", "sms"])
def test_an_unknown_word_is_kept_and_moves_nothing(word):
    mail = a_mail(a_studio())
    assert post_events([event(mail, word)]).body["new"] == 1
    assert (row(mail).status, states()) == ("sent", ["ignored"])


def test_a_machine_that_opens_is_no_reader():
    mail = a_mail(a_studio())
    post_events([event(mail, "open", sg_machine_open=True)])
    assert (row(mail).status, row(mail).mail.opened_at) == ("sent", None)
    post_events([event(mail, "open", sg_machine_open=False)])
    assert row(mail).status == "read"


def test_a_thousand_events_take_a_handful_of_statements():
    studio = a_studio()
    mails = [a_mail(studio) for _ in range(250)]
    batch = [event(mail, kind) for mail in mails for kind in ("processed", "delivered", "open", "spamreport")]
    body = wire(batch)
    with statements() as seen:
        assert post_events(body).body == {"received": 1000, "new": 1000}
    words = [sql.split()[0] for sql, _ in seen if not sql.upper().startswith(("SAVEPOINT", "RELEASE"))]
    assert len(words) <= 6, words
    assert {row(mail).status for mail in mails} == {"read"}


def test_the_body_may_be_as_large_as_the_limit_and_no_larger(settings):
    settings.OMEGA_MAX_BODY_BYTES = 200_000
    mail = a_mail(a_studio())
    many = [event(mail, "open", useragent="x" * 1000) for _ in range(180)]
    assert_error(post_events(many), 413, "too_large")
    assert post_events(many[:120]).status == 200


def test_an_event_of_ten_megabytes_is_kept_and_counts():
    mail = a_mail(a_studio())
    large = "x" * (10 * 1000 * 1000)
    assert post_events([event(mail, "delivered", response=large), event(mail, "open")]).body["new"] == 2
    assert row(mail).status == "read"
    assert max(len(one.payload) for one in WebhookEvent.objects.all()) > len(large)


@pytest.mark.parametrize("provider", ["nobody", "amazon_ses", "ses", "smtp", "SendGrid", "twilio", "%00", "é"])
def test_an_unknown_provider_is_404(provider):
    assert_error(post_events([], path=f"/email/webhook/{provider}"), 404, "not_found")


def test_three_thousand_events_in_one_post():
    studio = a_studio()
    mail = a_mail(studio)
    got = post_events([event(mail, "click") for _ in range(3000)])
    assert got.body == {"received": 3000, "new": 3000}
    assert WebhookEvent.objects.filter(status="processed").count() == 3000


def test_an_address_nobody_wrote_to_is_kept_for_later():
    post_events([{"event": "bounce", "email": an_address(), "sg_event_id": "x", "type": "bounce"}])
    stored = WebhookEvent.objects.get()
    assert (stored.status, stored.message_id) == ("pending", None)
    assert stored.error == "No mail of ours is known by this event's ids and recipient."
