"""What is fired: the requests of callers and of the carrier, each with a body of its own, in as many as are wanted."""

import itertools
import json
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from bench.shots import Shot
from bench.system import Failed, System
from sandbox.accounts import basic
from sandbox.signing import TwilioSigner

# As the load balancer says it in production.
SECURE = ("X-Forwarded-Proto", "https")
JSON = ("Content-Type", "application/json")
FORM = ("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
SENTENCES = (
    "Hi, your reformer class on Tuesday at 9:30 is confirmed.",
    "We moved your massage to Friday at 3 pm. Reply C to change it.",
    "Thank you for your visit! How was your facial?",
    "Reminder: your check-up is tomorrow at noon. Please come ten minutes early.",
)
_CLIENTS = """
SELECT v.id, v.client_id, c.phone, v.message_count FROM conversations_conversation v
JOIN accounts_client c ON c.id = v.client_id
WHERE v.business_id = %(business)s AND v.status = 'open' ORDER BY v.id
"""
# Messages that the carrier has and of which it has not told the end.
_GONE = """FROM conversations_message
WHERE business_id = %(business)s AND channel = 'sms' AND status IN ('delivered', 'sent') AND id > %(after)s"""
_LEFT = f"SELECT count(*) {_GONE}"
_SENT = f"""
UPDATE conversations_message m SET status = 'sent', delivered_at = NULL
FROM (
    SELECT id {_GONE} ORDER BY id LIMIT %(count)s
) s WHERE m.id = s.id RETURNING m.id, m.provider_message_id, m.attempts, m.to_address
"""


@dataclass(slots=True)
class Person:
    """A client with a thread."""

    conversation_id: int
    client_id: int
    phone: str
    messages: int


class Armoury:
    """Makes volleys for one business. No two shots that write are the same."""

    def __init__(self, system: System, business_id: int, key: str) -> None:
        self.system, self.business_id, self.key = system, business_id, key
        self.rng = random.Random(1)
        self.numbers = itertools.count()
        self.run = secrets.token_hex(6)
        self.signer = TwilioSigner(system.environment["TWILIO_AUTH_TOKEN"])
        self.number = self._sender()
        self.people: list[Person] = []
        self.seen = 0

    def _sender(self) -> str:
        statement = "SELECT address FROM accounts_sender WHERE business_id = %s AND channel = 'sms'"
        return str(self.system.rows(statement, [self.business_id])[0]["address"])

    def look(self) -> None:
        """Take in the clients that there are now; anew after the database has grown."""
        found = self.system.rows(_CLIENTS, {"business": self.business_id})
        self.people = [Person(*row.values()) for row in found]
        self.rng.shuffle(self.people)

    def persons(self) -> Iterator[Person]:
        """The clients in turn, without end."""
        return itertools.cycle(self.people)

    def queue(self, count: int) -> list[Shot]:
        """Texts for sending, to known clients in turn."""
        headers = (("X-API-KEY", self.key), JSON, SECURE)
        return [
            Shot("POST", "/omega/sms/queue", headers, json.dumps(self._text(person)).encode())
            for person in itertools.islice(self.persons(), count)
        ]

    def _text(self, person: Person) -> dict[str, Any]:
        body = f"{SENTENCES[next(self.numbers) % len(SENTENCES)]} ({next(self.numbers)})"
        return {"business_id": self.business_id, "client_id": person.client_id, "body": body}

    def distinct(self, count: int) -> list[Shot]:
        """As `queue`, one to each of so many clients."""
        if len(self.people) < count:
            raise Failed(f"There are {len(self.people)} clients, and {count} are wanted.")
        return self.queue(count)

    def inbound(self, count: int) -> list[Shot]:
        """Texts of known clients, signed, each with a MessageSid of its own."""
        return [self._reply(person) for person in itertools.islice(self.persons(), count)]

    def _reply(self, person: Person) -> Shot:
        sid = self.sid("SM")
        form = {
            "ToCountry": "US", "ToState": "NY", "SmsMessageSid": sid, "NumMedia": "0", "SmsSid": sid,
            "SmsStatus": "received", "Body": f"Yes, Tuesday works. Thanks! ({sid[-6:]})", "To": self.number,
            "NumSegments": "1", "MessageSid": sid, "AccountSid": self.system.environment["TWILIO_ACCOUNT_SID"],
            "From": person.phone, "ApiVersion": "2010-04-01",
        }  # fmt: skip
        return self.signed("/omega/twilio/sms/reply", form)

    def sid(self, prefix: str) -> str:
        """An id that no other shot has."""
        return f"{prefix}{self.run}{next(self.numbers):020x}"

    def signed(self, path: str, form: dict[str, str]) -> Shot:
        """A call of Twilio's."""
        signature = self.signer.sign(self.system.environment["PUBLIC_BASE_URL"] + path, form.items())
        return Shot("POST", path, (("X-Twilio-Signature", signature), FORM, SECURE), urlencode(form).encode())

    def receipts_left(self) -> int:
        """How many messages there are that `status` has not spoken of yet."""
        params = {"business": self.business_id, "after": self.seen}
        return int(self.system.rows(_LEFT, params)[0]["count"])

    def status(self, count: int) -> list[Shot]:
        """Receipts of messages that were sent: fewer than wanted where there are fewer."""
        params = {"business": self.business_id, "after": self.seen, "count": count}
        found = sorted(self.system.rows(_SENT, params), key=lambda row: int(row["id"]))
        self.seen = found[-1]["id"] if found else self.seen
        return [self._receipt(row) for row in found]

    def _receipt(self, row: dict[str, Any]) -> Shot:
        sid = row["provider_message_id"]
        form = {
            "ApiVersion": "2010-04-01", "SmsSid": sid, "SmsStatus": "delivered", "To": row["to_address"],
            "From": self.number, "MessageSid": sid, "AccountSid": self.system.environment["TWILIO_ACCOUNT_SID"],
            "MessageStatus": "delivered", "RawDlrDoneDate": "2503031012",
        }  # fmt: skip
        return self.signed(f"/omega/twilio/sms/status?mid={row['id']}&a={row['attempts']}", form)

    def get(self, path: str) -> Shot:
        """A caller's question."""
        return Shot("GET", path, (("X-API-KEY", self.key), SECURE))

    def inbox(self, pages: int = 40) -> list[Shot]:
        """The first pages of the conversations' list, 25 each."""
        return self._pages(f"/omega/businesses/{self.business_id}/conversations", pages)

    def timeline(self, threads: int = 150) -> list[Shot]:
        """Pages of 25 of threads that have so many messages, and the first ones of the longest thread."""
        full = sorted((one for one in self.people if one.messages > 25), key=lambda one: one.messages)
        if not full:
            raise Failed("No conversation has a page of 25 messages.")
        some = self.rng.sample(full, min(threads, len(full)))
        shots = [self.get(f"{self._thread(one)}?page_size=25") for one in some]
        return shots + self._pages(self._thread(full[-1]), max(1, threads // 3))

    def _thread(self, person: Person) -> str:
        whose = f"/omega/businesses/{self.business_id}/clients/{person.client_id}"
        return f"{whose}/conversations/{person.conversation_id}/messages"

    def _pages(self, path: str, most: int) -> list[Shot]:
        shots, link = [], f"{path}?page_size=25"
        while link and len(shots) < most:
            shots.append(self.get(link))
            link = self.system.ask(shots[-1])["next"]
            link = link and "/omega" + link.split("/omega", 1)[1]
        return shots

    def carrier(self, count: int) -> list[Shot]:
        """What the worker says to the carrier, said without a worker."""
        sid, token = (self.system.environment[f"TWILIO_{name}"] for name in ("ACCOUNT_SID", "AUTH_TOKEN"))
        headers = (("Authorization", basic(sid, token)), FORM)
        path = f"/2010-04-01/Accounts/{sid}/Messages.json"
        forms = [
            {"From": self.number, "To": person.phone, "Body": SENTENCES[0]}
            for person in itertools.islice(self.persons(), count)
        ]
        return [Shot("POST", path, headers, urlencode(form).encode()) for form in forms]
