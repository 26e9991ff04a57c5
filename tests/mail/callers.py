"""Other mail providers' calls, each signed as its provider signs, written without django-anymail."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.contract.world import call

USER = "omega:secret"
POSTAL = rsa.generate_private_key(65537, 2048)
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@dataclass
class Caller:
    """A provider: its settings, the body of an event and its headers. `wrong` breaks the proof."""

    name: str
    settings: dict
    body: object
    sign: object = None
    content_type: str = JSON
    words: dict = field(default_factory=dict)

    def post(self, mail, word, *, path=None, wrong=False, body=None, **more):
        path = path or f"/email/webhook/{self.name}"
        data = body if body is not None else self.body(mail, self.words.get(word, word), **more)
        headers = self.sign(data, path, wrong) if self.sign else basic("wrong" if wrong else USER)
        if isinstance(headers, tuple):
            data, headers = headers
        return call("POST", path, data=data, content_type=self.content_type, **headers)


def basic(user):
    return {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}


def dumped(value):
    return json.dumps(value).encode()


def keyed(key, text, digest=hashlib.sha256):
    return hmac.new(key.encode(), text if isinstance(text, bytes) else text.encode(), digest)


def ours(mail):
    return {"omega_message_id": str(mail.pk), "omega_attempt": "0"}


def mailgun(mail, word, **more):
    token, at = more.pop("token", None) or hashlib.sha1(str(time.time_ns()).encode()).hexdigest(), str(int(time.time()))
    event = {
        "event": word, "recipient": mail.to_address, "timestamp": time.time(), "user-variables": ours(mail),
        "message": {"headers": {"message-id": mail.provider_message_id}}, "severity": "permanent",
        "delivery-status": {"message": "says why", "code": 550},
    } | more  # fmt: skip
    return dumped({"signature": {"token": token, "timestamp": at}, "event-data": event})


def mailgun_signed(data, path, wrong):
    try:
        whole = json.loads(data)
        block = whole["signature"]
        block["signature"] = keyed("no" if wrong else "mg", block["timestamp"] + block["token"]).hexdigest()
        return dumped(whole), {}
    except (ValueError, KeyError, TypeError, RecursionError):
        return data, {}


def mandrill(mail, word, **more):
    message = {"email": mail.to_address, "metadata": ours(mail), "diag": "says why"}
    event = {"event": word, "ts": int(time.time()), "_id": mail.provider_message_id, "msg": message} | more
    return urlencode({"mandrill_events": json.dumps([event])}).encode()


def mandrill_signed(data, path, wrong):
    events = data.decode(errors="replace")
    text = f"http://testserver/omega{path}"
    for name, value in sorted(parse_qsl(events, keep_blank_values=True)):
        text += name + value
    signed = base64.b64encode(keyed("no" if wrong else "md", text, hashlib.sha1).digest()).decode()
    return {"X_Mandrill_Signature": signed}


def header(name, key):
    return lambda data, path, wrong: {name: keyed("no" if wrong else key, data).hexdigest()}


def postal_signed(data, path, wrong):
    signed = POSTAL.sign(data + b" " if wrong else data, padding.PKCS1v15(), hashes.SHA1())
    return {"X_Postal_Signature": base64.b64encode(signed).decode()}


def unisender_signed(data, path, wrong):
    right = hashlib.md5(data.replace(b"AUTH", b"no" if wrong else b"ug")).hexdigest()
    return data.replace(b"AUTH", right.encode()), {}


def postal_key():
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(POSTAL.public_key().public_bytes(*form)).decode()


def at():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


WORDS = ("delivered", "bounced", "opened", "complained")


def words(*theirs):
    return dict(zip(WORDS, theirs, strict=True))


CALLERS = {
    one.name: one
    for one in [
        Caller("mailgun", {"MAILGUN_WEBHOOK_SIGNING_KEY": "mg"}, mailgun, mailgun_signed,
               words=words("delivered", "failed", "opened", "complained")),
        Caller("mandrill", {"MANDRILL_WEBHOOK_KEY": "md"}, mandrill, mandrill_signed, FORM,
               words("send", "hard_bounce", "open", "spam")),
        Caller("mailersend", {"MAILERSEND_SIGNING_SECRET": "ms"}, lambda mail, word, **more: dumped(
            {"type": "activity." + word, "data": {"type": word, "id": f"{mail.pk}{word}", "created_at": at(), "email": {
                "message": {"id": mail.provider_message_id}, "recipient": {"email": mail.to_address}},
                "morph": {"object": "recipient_bounce", "reason": "says why"}} | more}),
            header("Signature", "ms"), words=words("delivered", "hard_bounced", "opened", "spam_complaint")),
        Caller("mailtrap", {"MAILTRAP_TRACKING_SECRET": "mt"}, lambda mail, word, **more: dumped(
            {"events": [{"event": word, "message_id": mail.provider_message_id, "email": mail.to_address,
                         "timestamp": int(time.time()), "event_id": f"{mail.pk}{word}", "response": "says why",
                         "custom_variables": ours(mail)} | more]}),
            header("Mailtrap_Signature", "mt"), words=words("delivery", "bounce", "open", "spam")),
        Caller("postal", {"POSTAL_WEBHOOK_KEY": postal_key()}, lambda mail, word, **more: dumped(
            {"timestamp": time.time(), "uuid": f"{mail.pk}{word}", "payload": word | {
                "message": {"id": mail.provider_message_id, "to": mail.to_address}, "output": "says why"}} | more),
            postal_signed, words=words({"status": "Sent"}, {"bounce": {}}, {"url": "https://x"}, {"status": "?"})),
        Caller("unisender_go", {"UNISENDER_GO_API_KEY": "ug"}, lambda mail, word, **more: dumped(
            {"auth": "AUTH", "events_by_user": [{"user_id": 1, "events": [{
                "event_name": "transactional_email_status", "event_data": {
                    "job_id": mail.provider_message_id, "email": mail.to_address, "status": word,
                    "event_time": "2026-03-01 10:00:00", "metadata": ours(mail),
                    "delivery_info": {"destination_response": "says why"}} | more}]}]}),
            unisender_signed, words=words("delivered", "hard_bounced", "opened", "spam")),
        Caller("postmark", {"WEBHOOK_SECRET": USER}, lambda mail, word, **more: dumped(
            {"RecordType": word, "MessageID": mail.provider_message_id, "Recipient": mail.to_address,
             "Type": {"Bounce": "HardBounce"}.get(word, word), "Metadata": ours(mail),
             "Details": "says why", "DeliveredAt": at()} | more),
            words=words("Delivery", "Bounce", "Open", "SpamComplaint")),
        Caller("brevo", {"WEBHOOK_SECRET": USER}, lambda mail, word, **more: dumped(
            {"event": word, "email": mail.to_address, "message-id": mail.provider_message_id, "reason": "says why",
             "ts_epoch": int(time.time() * 1000)} | more),
            words=words("delivered", "hard_bounce", "unique_opened", "complaint")),
        Caller("mailjet", {"WEBHOOK_SECRET": USER}, lambda mail, word, **more: dumped(
            [{"event": word, "email": mail.to_address, "MessageID": mail.provider_message_id, "time": int(time.time()),
              "Payload": json.dumps(ours(mail)), "smtp_reply": "says why"} | more]),
            words=words("sent", "bounce", "open", "spam")),
        Caller("sparkpost", {"WEBHOOK_SECRET": USER}, lambda mail, word, **more: dumped(
            [{"msys": {"message_event": {
                "type": word, "transmission_id": mail.provider_message_id, "raw_rcpt_to": mail.to_address,
                "timestamp": str(int(time.time())), "event_id": f"{mail.pk}{word}", "rcpt_meta": ours(mail),
                "bounce_class": "10", "raw_reason": "says why"} | more}}]),
            words=words("delivery", "bounce", "open", "spam_complaint")),
    ]
}  # fmt: skip
