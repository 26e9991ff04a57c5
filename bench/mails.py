"""What a provider tells of mails: batches of a thousand events, each batch about a thousand mails."""

import secrets
import time
from statistics import median
from typing import Any

import orjson

from bench.measures import Measures
from bench.report import Figure, of_rounds
from bench.shots import Shot
from bench.volleys import JSON, SECURE
from sandbox.sendgrid.events import wire_form
from sandbox.signing import SendGridSigner

BATCH, MAILS = 1000, 12_000
BATCH_MS, EVENTS_A_SECOND = 500.0, 5000.0
# The course of most mails; each is told of in a batch of its own.
COURSE: tuple[dict[str, Any], ...] = (
    {"event": "processed", "send_at": 0},
    {"event": "delivered", "response": "250 2.0.0 OK 1740996724 abc-gsmtp", "ip": "149.72.1.1", "tls": 1},
    {"event": "open", "useragent": "Mozilla/5.0", "ip": "66.249.1.1", "sg_machine_open": False},
    {"event": "click", "useragent": "Mozilla/5.0", "url": "https://omega.example.com/p/1"},
)
_COLUMNS = """
SELECT column_name AS name, data_type AS type, is_nullable = 'NO' AND column_default IS NULL AS needed
FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'
"""
_NOTHING = {"boolean": "false", "ARRAY": "'{}'", "jsonb": "'{}'", "timestamp with time zone": "now()"}
# A mail is like any text of the load but in these.
_MAIL = {
    "id": "nextval('conversations_message_id_seq')", "position": "currval('conversations_message_id_seq')",
    "channel": "'email'", "provider": "'sendgrid'", "status": "'sent'", "subject": "'Your class on Tuesday'",
    "provider_message_id": "%(run)s || n", "request_id": "%(run)s || n", "delivered_at": "NULL", "due_at": "NULL",
    "to_address": "'c' || m.client_id || '@bench.example'", "created_at": "now()", "sent_at": "now()",
}  # fmt: skip


class MailMeasures(Measures):
    """The phase of mails."""

    def events(self) -> None:
        """How long a batch takes, and how many events a second go through two connections."""
        self.report.head("Mail events, batches of 1,000")
        self._measure("one batch after another", 1)
        figure, rate = self._measure("two at a time", 2)
        met = rate >= EVENTS_A_SECOND
        self.report.add(Figure("events", rate, note=figure.note).aim(f"{EVENTS_A_SECOND:,.0f}/s", met=met))

    def _measure(self, title: str, connections: int) -> tuple[Figure, float]:
        rounds = [self.fire("events", self.batches(), connections=connections) for _ in range(self.effort.rounds)]
        figure = of_rounds(f"POST email/webhook, {title}", rounds)
        self.report.add(figure.aim(f"p99 < {BATCH_MS:.0f} ms", met=(figure.p99_ms or 0) < BATCH_MS))
        return figure, BATCH * median(one["rate"] for one in rounds)

    def batches(self) -> list[Shot]:
        """The whole course of mails that nobody has heard of yet."""
        signer = SendGridSigner(self.system.environment["SENDGRID_WEBHOOK_PRIVATE_KEY"])
        mails = self._mails()
        parts = [mails[begin : begin + BATCH] for begin in range(0, len(mails), BATCH)]
        return [
            _signed(signer, wire_form([orjson.dumps(_event(mail, told)) for mail in part]))
            for told in COURSE
            for part in parts
        ]

    def _mails(self) -> list[dict[str, Any]]:
        """New mails, and their rows; as many as a round needs."""
        run = f"bench-{secrets.token_hex(6)}-"
        columns = self.system.rows(_COLUMNS, ["conversations_message"])
        names = [one["name"] for one in columns]
        values = ", ".join(_MAIL.get(name, f'm."{name}"') for name in names)
        quoted = ", ".join(f'"{name}"' for name in names)
        made = self.system.rows(
            f"INSERT INTO conversations_message ({quoted}) SELECT {values} FROM (SELECT row_number() OVER () AS n, t.* "
            "FROM (SELECT * FROM conversations_message WHERE business_id = %(business)s AND channel = 'sms' "
            "AND direction = 'outbound' ORDER BY id DESC LIMIT %(count)s) t) m "
            "RETURNING id, provider_message_id AS sid, to_address AS address",
            {"run": run, "business": self.armoury.business_id, "count": MAILS},
        )
        needed = [one for one in self.system.rows(_COLUMNS, ["messaging_email"]) if one["needed"]]
        names = [f'"{one["name"]}"' for one in needed if one["name"] != "message_id"]
        values = ", ".join(_NOTHING.get(one["type"], "''") for one in needed if one["name"] != "message_id")
        self.system.rows(
            f"INSERT INTO messaging_email (message_id, {', '.join(names)}) SELECT id, {values} "
            "FROM conversations_message WHERE provider_message_id LIKE %(run)s || '%%'",
            {"run": run},
        )
        self.system.rows("CHECKPOINT")  # what making them leaves to be written is no event's cost
        return made


def _event(mail: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    return told | {
        "email": mail["address"], "omega_message_id": str(mail["id"]), "omega_attempt": "0",
        "category": ["transactional"], "sg_event_id": secrets.token_urlsafe(18),
        "sg_message_id": f"{mail['sid']}.recvd-67fdc7b4d6-wbpn9-1-67C58B10-15.0",
        "smtp-id": f"<{mail['sid']}@geopod-ismtpd-3>", "timestamp": int(time.time()),
    }  # fmt: skip


def _signed(signer: SendGridSigner, body: bytes) -> Shot:
    at, prefix = str(int(time.time())), "X-Twilio-Email-Event-Webhook"
    proof = ((f"{prefix}-Signature", signer.sign(at, body)), (f"{prefix}-Timestamp", at))
    return Shot("POST", "/omega/email/webhook", (*proof, JSON, SECURE), body)
