"""A running omega as the journeys see it: its HTTP doors, and the carrier's ledger and handsets."""

import itertools
import time

import redis
import requests

from tests.support.processes import Omega

_numbers = itertools.count(3_000_100)
_mailboxes = itertools.count(1)
# Waits end as soon as what is waited for is there: a busy machine only gets more time, up to a limit.
PATIENCE, MOST_SECONDS = 2.0, 100.0
ENDS = {"delivered", "undelivered", "failed", "blocked", "canceled", "read"}


def phone():
    """A number that nobody else in this run has, and that is no magic one of the sandbox."""
    while (number := f"+1213{next(_numbers)}")[-4:] < "0100":
        pass
    return number


def mailbox():
    """A mail address that nobody else in this run has, and that is no magic one of the sandbox."""
    return f"client{next(_mailboxes)}@journey.example"


class Scene:
    """One business of a running omega."""

    def __init__(self, omega: Omega):
        self.omega = omega
        business = omega.seed()["businesses"][0]
        self.business_id, self.key, self.sender = business["id"], business["api_key"], business["sms_sender"]
        self.mailbox = business["email_sender"]
        self.line = requests.Session()

    def get(self, path):
        got = self.line.get(self.omega.base_url + path, headers={"X-API-KEY": self.key}, timeout=20)
        assert got.status_code == 200, (path, got.status_code, got.text[:500])
        return got.json()

    def post(self, path, body, base_url=None):
        url = (base_url or self.omega.base_url) + path
        return self.line.post(url, json=body, headers={"X-API-KEY": self.key}, timeout=20)

    def send(self, to, body, base_url=None, **fields):
        """Queue a text; the answer's body."""
        fields = {"business_id": self.business_id, "to": to, "body": body} | fields
        got = self.post("/sms/queue", fields, base_url)
        assert got.status_code == 202, (got.status_code, got.text[:500])
        return got.json()

    def mail(self, to, subject="Your class", **fields):
        """Queue a mail; the answer's body."""
        fields = {"business_id": self.business_id, "to": to, "subject": subject, "text": "See you at ten."} | fields
        got = self.post("/email/queue", {name: value for name, value in fields.items() if value is not None})
        assert got.status_code == 202, (got.status_code, got.text[:500])
        return got.json()

    def mails(self, to=None):
        """The mails that the carrier accepted from omega, in order."""
        found = self.carrier("GET", "/ledger", None)["results"]
        return [one for one in found if one["from"] == self.mailbox and to in {None, *one["recipients"]}]

    def message(self, sent):
        return self.get(f"/messages/{sent['message_id']}")

    def status(self, sent):
        return self.message(sent)["status"]

    def timeline(self, sent):
        ids = sent["client_id"], sent["conversation_id"]
        path = "/businesses/{}/clients/{}/conversations/{}/messages".format(self.business_id, *ids)
        return self.get(path + "?order=asc&page_size=100")["results"]

    def conversation(self, sent):
        return self.get(f"/businesses/{self.business_id}/clients/{sent['client_id']}")["conversation"]

    def carrier(self, method, path, body=None):
        got = self.line.request(method, self.omega.sandbox_url + path, json=body, timeout=30)
        assert got.ok, got.text
        return got.json() if got.content else None

    def ledger(self, to=None):
        """What the carrier accepted from omega, in order."""
        found = self.carrier("GET", "/ledger", None)["results"]
        return [one for one in found if one["from"] == self.sender and to in {None, one["to"]}]

    def faults(self, **sections):
        return self.carrier("PUT", "/faults", sections)

    def heal(self):
        self.carrier("DELETE", "/faults")

    def text(self, sender, body="", **fields):
        """The client at `sender` texts the business."""
        return self.carrier("POST", "/handset/sms", {"from": sender, "to": self.sender, "body": body} | fields)

    def flush_redis(self):
        redis.from_url(self.omega.place.redis_url).flushdb()

    def until(self, condition, seconds=15.0, every=0.1):
        """Wait until `condition` gives something true, and give it; at the end whatever it gives."""
        deadline = time.monotonic() + min(PATIENCE * seconds, MOST_SECONDS)
        while not (found := condition()) and time.monotonic() < deadline:
            time.sleep(every)
        return found

    def was_not_held_back(self, sent, stuck):
        """Whether a message reached the carrier before anything was known of a stuck one."""
        went = min(line["at"] for line in self.message(sent)["history"] if line["status"] == "sent")
        known = [line["at"] for line in self.message(stuck)["history"] if line["status"] not in {"queued", "sending"}]
        return all(went < at for at in known)

    def end_of(self, sent, seconds=15.0):
        """The status in which a message comes to rest."""
        self.until(lambda: self.status(sent) in ENDS, seconds)
        return self.status(sent)

    def ends_of(self, all_sent, seconds):
        """The same for many: by the list of each thread's messages would cost more than asking for what is open."""
        deadline = time.monotonic() + min(PATIENCE * seconds, MOST_SECONDS)
        ends, waiting = {}, list(all_sent)
        while waiting and time.monotonic() < deadline:
            ends |= {one["message_id"]: self.status(one) for one in waiting}
            waiting = [one for one in waiting if ends[one["message_id"]] not in ENDS]
            time.sleep(0.5 if waiting else 0)
        return ends
