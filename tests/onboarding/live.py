"""A running omega, as a host platform that signs businesses up meets it."""

import email
import itertools
import os
import secrets
import time
from pathlib import Path

import requests

from tests.onboarding.world import Carrier

_numbers = itertools.count(5_000_100)


def phone():
    """A number that nobody else in this run has, and that is no magic one of the sandbox."""
    while (number := f"+1217{next(_numbers)}")[-4:] < "0100":
        pass
    return number


def a_request(locations=1, staff=1, **fields):
    """A good request, as large as is wanted."""
    name = f"live-{secrets.token_hex(5)}"
    return {
        "external_id": name, "name": f"Studio {name}", "timezone": "America/New_York",
        "locations": [{"external_id": f"l{n}", "name": f"Place {n}"} for n in range(locations)],
        "staff": [
            {"external_id": f"s{n}", "name": f"Staff {n}", "email": f"s{n}@{name}.example",
             "location_external_ids": [f"l{n % locations}"]}
            for n in range(staff)
        ],
        "senders": [{"channel": "sms", "address": phone()}],
        "owner": {"name": "Mei", "phone": phone()},
    } | fields  # fmt: skip


class Live:
    """The platform's line to a running omega, and its carrier."""

    def __init__(self, omega, mails: Path) -> None:
        self.omega, self.mails = omega, mails
        self.carrier = Carrier(omega.sandbox_url)
        self.key = omega.seed()["platform_api_key"]
        self.line = requests.Session()
        self.line.trust_env = False

    def ask(self, method, path, body=None, key=None):
        url, headers = self.omega.base_url + path, {"X-API-KEY": key or self.key}
        return self.line.request(method, url, json=body, headers=headers, timeout=20)

    def onboard(self, body):
        got = self.ask("POST", "/business/onboard", body)
        assert got.status_code == 202, got.text
        return got.json()

    def state(self, started):
        got = self.ask("GET", f"/business/onboard/{started['onboarding_id']}")
        assert got.status_code == 200, got.text
        return got.json()

    def finished(self, all_started, seconds):
        """The states of these onboardings when none goes on any more, or the time is over."""
        deadline, found, waiting = time.monotonic() + seconds, {}, list(all_started)
        while waiting and time.monotonic() < deadline:
            for started in waiting:
                found[started["onboarding_id"]] = self.state(started)
            waiting = [one for one in waiting if found[one["onboarding_id"]]["status"] == "in_progress"]
            time.sleep(0.2 if waiting else 0)
        return found

    def busy_seconds(self):
        """What omega's programs have used of the processors so far: the measure that other programs do not lengthen."""
        pids = [pid for name in ("web", "worker-1", "worker-2") for pid in self.omega.pids(name)]
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
        return sum(int(one[11]) + int(one[12]) for one in stats) / os.sysconf("SC_CLK_TCK")

    def invited(self):
        """Whom mails were sent to, one entry a mail."""
        texts = [path.read_text() for path in self.mails.glob("*.log")] if self.mails.exists() else []
        parts = [part for text in texts for part in text.split("-" * 79)]
        return [email.message_from_string(part.strip())["To"] for part in parts if part.strip()]


def doubled(carrier):
    """Names of which the carrier has made two of one kind; an account's parts are those under its reference."""
    seen, twice = set(), []
    for kind in ("subaccount", "application", "key", "number", "domain"):
        for row in carrier.made(kind):
            if (kind, row["name"]) in seen:
                twice.append((kind, row["name"]))
            seen.add((kind, row["name"]))
    return twice
