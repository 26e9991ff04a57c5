"""Each provider's own post becomes the same message; SendGrid's in both modes, signed or not."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from accounts.models import Sender
from conversations.models import Attachment, Message
from messaging.models import WebhookEvent
from messaging.services import intake
from tests.contract.shapes import assert_error
from tests.mail.letters import BOUNDARY, a_house, a_mail, a_thread, event, form, mail_of, post, raw_fields, token_of

pytestmark = pytest.mark.django_db
FIXTURES = Path(__file__).parents[1] / "fixtures"
URLENCODED = "application/x-www-form-urlencoded"


@pytest.fixture
def thread():
    return a_thread(a_house())


def mail_from(thread, **more):
    return a_mail(
        thread.client.email, token_of(thread), "Grüße", files=[("a.pdf", "application/pdf", b"%PDF\xff")], **more
    )


def assert_taken(thread, answer, *, body="Grüße", files=("a.pdf",)):
    assert (answer.status, answer.body) == (200, {"status": "stored"}), answer.raw
    assert event().status == "processed", event().error
    message = Message.objects.get(direction="inbound")
    assert (message.conversation_id, message.body, message.metadata.get("held")) == (thread.pk, body, None)
    kept = list(Attachment.objects.order_by("pk"))
    assert [one.name for one in kept] == list(files)
    assert [one.file.read() for one in kept] == [b"%PDF\xff"] * len(files)
    return message


def json_post(provider, value, **headers):
    return post(json.dumps(value), provider, "application/json", **headers)


def test_sendgrid_raw(thread):
    message = assert_taken(thread, post(form(raw_fields(mail_from(thread), token_of(thread), thread.client.email))))
    assert mail_of(message).envelope_from == thread.client.email


def test_sendgrid_raw_under_its_other_name(thread):
    fields = [("rawEmail", mail_from(thread)), *raw_fields(b"", token_of(thread))[1:]]
    assert_taken(thread, post(form(fields)))


def parsed_fields(thread, text="Grüße", charset="utf-8"):
    headers = f"From: {thread.client.email}\nMessage-ID: <p@x.example>\nContent-Type: multipart/mixed; boundary=q\n"
    return [
        ("headers", headers),
        ("dkim", "{@example.net : pass}"), ("content-ids", '{"ii_1": "attachment1"}'),
        ("html", f'<p>{text}</p><img src="cid:ii_1">'.encode(charset)), ("text", text.encode(charset)),
        ("envelope", json.dumps({"to": [token_of(thread)], "from": thread.client.email})),
        ("attachment-info", json.dumps({"attachment1": {"filename": "a.pdf", "type": "application/pdf"}})),
        ("charsets", json.dumps({"text": charset, "html": charset})), ("SPF", "pass"),
        ("attachment1", b"%PDF\xff", "wrong.bin", "application/pdf"),
    ]  # fmt: skip


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252", "utf-16"])
def test_sendgrid_parsed(thread, charset):
    message = assert_taken(thread, post(form(parsed_fields(thread, charset=charset))))
    assert message.html == '<p>Grüße</p><img src="cid:ii_1">'
    assert message.metadata["inline"] == {"ii_1": 0}


def test_sendgrid_parsed_without_its_headers(thread):
    fields = [("from", f"Zoë <{thread.client.email}>"), ("subject", "Über\r\nBcc: x"), ("text", "Grüße"),
              ("envelope", json.dumps({"to": [token_of(thread)]}))]  # fmt: skip
    message = assert_taken(thread, post(form(fields)), files=())
    assert (message.subject, message.metadata["from_name"]) == ("Über Bcc: x", "Zoë")


PARSED = sorted(FIXTURES.glob("inbound_parse*.multipart"))


@pytest.mark.parametrize("file", PARSED, ids=lambda file: file.stem)
def test_captured_posts_of_sendgrid(file):
    house = a_house()
    Sender.objects.filter(address=house.address).update(address="support@in.example.com")
    told = json.loads((FIXTURES / "index.json").read_text())["fixtures"][file.name]
    answer = post(file.read_bytes(), content_type=told["headers"]["Content-Type"])
    assert answer.status == 200
    if "bounce" in file.stem:
        assert event().status == "ignored"
    else:
        found = Message.objects.get()
        assert (found.business_id, event().status) == (house.id, "processed")
        assert found.body.split("\n")[0] in {
            "Yes, Tuesday works.", "Yes ✓ Tuesday works.", "Ça marche, à bientôt", "I am out of office until Friday.",
            "guessing tokens",
        }  # fmt: skip


class Signer:
    """Somebody who signs as SendGrid does."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        der = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.public = base64.b64encode(der).decode()

    def headers(self, body, timestamp="1741000820"):
        signature = self.key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "X_Twilio_Email_Event_Webhook_Signature": base64.b64encode(signature).decode(),
            "X_Twilio_Email_Event_Webhook_Timestamp": timestamp,
        }


@pytest.fixture
def signer(settings):
    made = Signer()
    settings.SENDGRID_INBOUND_PUBLIC_KEY = made.public
    return made


def test_a_signed_post_of_sendgrid(thread, signer):
    body = form(raw_fields(mail_from(thread), token_of(thread)))
    assert_taken(thread, post(body, **signer.headers(body)))


@pytest.mark.parametrize("change", ["body", "timestamp", "signature", "garbage", "nobody"])
def test_a_wrong_signature_is_403_and_nothing_is_kept(thread, signer, change):
    body = form(raw_fields(mail_from(thread), token_of(thread)))
    headers = (Signer() if change == "nobody" else signer).headers(body)
    name = "X_Twilio_Email_Event_Webhook_Signature"
    if change == "timestamp":
        headers["X_Twilio_Email_Event_Webhook_Timestamp"] = "1741000821"
    if change in {"signature", "garbage"}:
        headers[name] = "é!" if change == "garbage" else "AA" + headers[name][2:]
    sent = body + b"x" if change == "body" else body
    assert_error(post(sent, **headers), 403, "invalid_signature")
    assert not WebhookEvent.objects.exists()


def test_mailgun_raw(thread):
    fields = [("recipient", token_of(thread)), ("sender", thread.client.email), ("body-mime", mail_from(thread)),
              ("timestamp", "1741000820"), ("token", "t"), ("signature", "s")]  # fmt: skip
    assert_taken(thread, post(form(fields), "mailgun"))


def mailgun_fields(thread):
    sender = thread.client.email
    headers = [["From", sender], ["To", token_of(thread)], ["Subject", "Friday"], ["Message-Id", "<m@x.example>"]]
    return [
        ("recipient", token_of(thread)), ("sender", sender), ("body-plain", "Grüße"), ("attachment-count", "1"),
        ("message-headers", json.dumps(headers)), ("timestamp", "1741000820"), ("token", "t"),
        ("signature", hmac.new(b"the-key", b"1741000820t", hashlib.sha256).hexdigest()),
        ("attachment-1", b"%PDF\xff", "a.pdf", "application/pdf"),
    ]  # fmt: skip


def test_mailgun_parsed(thread):
    assert_taken(thread, post(form(mailgun_fields(thread)), "mailgun"))


@pytest.mark.parametrize(("key", "status"), [("the-key", 200), ("another-key", 403)])
def test_mailguns_signature_is_checked_where_a_key_is_set(thread, settings, key, status):
    settings.ANYMAIL = {"MAILGUN_WEBHOOK_SIGNING_KEY": key}
    assert post(form(mailgun_fields(thread)), "mailgun").status == status
    assert WebhookEvent.objects.exists() == (status == 200)


FILE = base64.b64encode(b"%PDF\xff").decode()


def postmark(thread, **more):
    path = {"Name": "Return-Path", "Value": f"<{thread.client.email}>"}
    return {
        "FromFull": {"Email": thread.client.email, "Name": "Ana", "MailboxHash": ""}, "ToFull": [], "CcFull": [],
        "BccFull": [], "OriginalRecipient": token_of(thread), "Subject": "Friday", "MessageID": "73e6d360",
        "Date": "Mon, 3 Mar 2025 10:20:20 +0000", "TextBody": "Grüße", "HtmlBody": "",
        "Headers": [path, {"Name": "Message-ID", "Value": "<p@x.example>"}],
        "Attachments": [{"Name": "a.pdf", "Content": FILE, "ContentType": "application/pdf"}],
    } | more  # fmt: skip


def test_postmark(thread):
    message = assert_taken(thread, json_post("postmark", postmark(thread)))
    assert mail_of(message).rfc_message_id == "p@x.example"


def test_postmark_raw(thread):
    assert_taken(thread, json_post("postmark", postmark(thread, RawEmail=mail_from(thread).decode())))


def test_sparkpost(thread):
    relay = {"protocol": "smtp", "msg_from": thread.client.email, "rcpt_to": token_of(thread), "content": {
        "email_rfc822": base64.b64encode(mail_from(thread)).decode(), "email_rfc822_is_base64": True}}  # fmt: skip
    assert_taken(thread, json_post("sparkpost", [{"msys": {"relay_message": relay}}]))


def test_mailjet(thread):
    headers = {"From": thread.client.email, "Subject": "Friday", "Message-ID": "<m@x.example>", "Received": ["a", "b"]}
    part = {"Content-Type": 'application/pdf; name="a.pdf"', "Content-Disposition": 'attachment; filename="a.pdf"'}
    value = {
        "Sender": thread.client.email, "Recipient": token_of(thread), "Text-part": "Grüße", "Headers": headers,
        "Parts": [{"Headers": part, "ContentRef": "Attachment1"}], "Attachment1": FILE, "SpamAssassinScore": "0.1",
    }  # fmt: skip
    assert_taken(thread, json_post("mailjet", value))


def test_mailersend(thread):
    data = {"id": "1", "sender": {"email": thread.client.email}, "raw": mail_from(thread).decode(),
            "recipients": {"rcptTo": [{"email": token_of(thread)}]}}  # fmt: skip
    assert_taken(thread, json_post("mailersend", {"type": "inbound.message", "data": data}))


def test_mandrill(thread):
    message = {"raw_msg": mail_from(thread).decode(), "email": token_of(thread)}
    events = [{"event": "inbound", "ts": 1741000820, "msg": message}]
    assert_taken(thread, post(urlencode({"mandrill_events": json.dumps(events)}), "mandrill", URLENCODED))


def postal(thread):
    raw = base64.b64encode(mail_from(thread)).decode()
    return {"id": 1, "rcpt_to": token_of(thread), "mail_from": thread.client.email, "message": raw, "base64": True}


def test_postal(thread):
    assert_taken(thread, json_post("postal", postal(thread)))


@pytest.mark.parametrize("is_forged", [False, True])
def test_postals_signature_is_checked_where_a_key_is_set(thread, settings, is_forged):
    key = rsa.generate_private_key(65537, 2048)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    settings.ANYMAIL = {"POSTAL_WEBHOOK_KEY": "".join(pem.decode().split("\n")[1:-2])}
    body = json.dumps(postal(thread)).encode()
    signature = base64.b64encode(key.sign(body, padding.PKCS1v15(), hashes.SHA1())).decode()
    answer = post(body + b" " * is_forged, "postal", "application/json", X_Postal_Signature=signature)
    assert answer.status == (403 if is_forged else 200)


def test_a_large_post_of_another_provider_waits_for_a_job(thread):
    value = postmark(thread, TextBody="Grüße", HtmlBody="<p>x</p>" * 200_000)
    assert json_post("postmark", value).body == {"status": "stored"}
    assert event().status == "pending"
    assert json_post("postmark", value).body == {"status": "known"}
    intake.process_waiting(event_id=event().pk)
    assert (event().status, Message.objects.get().conversation_id) == ("processed", thread.pk)


ODD = [
    {},
    [],
    {"x": 1},
    {"Headers": 5},
    {"FromFull": "x", "Attachments": [{}]},
    [[[[]]]],
    {"Headers": [{"Name": None}]},
]


@pytest.mark.parametrize("provider", ["postmark", "sparkpost", "mailjet", "mailersend", "postal"])
@pytest.mark.parametrize("value", ODD, ids=str)
def test_json_that_is_not_what_they_send_is_kept_for_a_person(provider, value):
    answer = json_post(provider, value)
    assert answer.status == 200
    assert (event().status, Message.objects.count()) == ("failed", 0)
    assert event().error


@pytest.mark.parametrize("body", [b"", b"x", b"\xff", b'"x"', b"5"])
@pytest.mark.parametrize("provider", ["postmark", "mailgun", "mandrill"])
def test_what_is_no_json_and_no_form_is_422(provider, body):
    answer = post(body, provider, "application/json")
    assert answer.faulty == {"body"}


def test_a_mailgun_form_without_a_mail_is_kept():
    answer = post(form([("recipient", "x@y.example")]), "mailgun", f"multipart/form-data; boundary={BOUNDARY}")
    assert (answer.status, event().status) == (200, "failed")
