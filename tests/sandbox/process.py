"""The sandbox's process as its tests see it, and the real SDKs that point at it."""

import json
import socket
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from sendgrid import SendGridAPIClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

FIXTURES = Path(__file__).parents[1] / "fixtures"
ACCOUNT = "AC00000000000000000000000000000001"
TOKEN = "11111111111111111111111111111111"
KEY = ("SK00000000000000000000000000000001", "only-for-tests-and-long-enough-to-sign")
APPLICATION = "AP00000000000000000000000000000003"
SENDGRID_KEY = "SG.sandbox.key"


class RewritingClient(TwilioHttpClient):
    """The SDK has no base URL; this sends every request to the sandbox."""

    def __init__(self, base_url: str, timeout: float = 10) -> None:
        super().__init__(timeout=timeout)
        self.base = urlsplit(base_url)

    def request(self, method, url, *args, **kwargs):
        parts = urlsplit(url)
        return super().request(
            method,
            urlunsplit((self.base.scheme, self.base.netloc, parts.path, parts.query, "")),
            *args,
            **kwargs,
        )


class Sandbox:
    """The process under test, seen from outside."""

    def __init__(self, base_url: str, pid: int) -> None:
        self.base_url, self.pid = base_url, pid
        self.messages_url = f"{base_url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"

    def client(self, timeout: float = 10, user: str = ACCOUNT, secret: str = TOKEN, account: str = "") -> Client:
        """A real Twilio client, of the main account or of the credentials given."""
        return Client(user, secret, account or None, http_client=RewritingClient(self.base_url, timeout))

    def faults(self, **sections: object) -> requests.Response:
        """Set faults."""
        return requests.put(f"{self.base_url}/faults", json=sections, timeout=5)

    def ledger(self, **query: str | int) -> list[dict]:
        """The evidence."""
        return requests.get(f"{self.base_url}/ledger", params=query, timeout=5).json()["results"]

    def made(self, **query: str) -> list[dict]:
        """The evidence of what was set up."""
        return requests.get(f"{self.base_url}/ledger/provisioning", params=query, timeout=5).json()["results"]

    def texts(self, **fields: object) -> requests.Response:
        """A handset texts."""
        return requests.post(f"{self.base_url}/handset/sms", json=fields, timeout=20)

    def writes(self, **fields: object) -> requests.Response:
        """A client writes a mail."""
        return requests.post(f"{self.base_url}/handset/email", json=fields, timeout=20)

    def mail(self, timeout: float = 5, **changes: object) -> str:
        """A mail by the real SendGrid SDK, the fixture's but for what changes; returns its X-Message-Id."""
        body = json.loads((FIXTURES / "sendgrid_mail_send_request.json").read_text()) | changes
        if "to" in body:
            people = [{"email": address} for address in body.pop("to")]
            body["personalizations"] = [body["personalizations"][0] | {"to": people}]
        client = SendGridAPIClient(SENDGRID_KEY, host=self.base_url).client
        return client.mail.send.post(request_body=body, timeout=timeout).headers["X-Message-Id"]

    def get(self, path: str) -> Any:
        """One of the control calls' answers."""
        return requests.get(self.base_url + path, timeout=5).json()

    def post(self, path: str = "", timeout: float = 10, **form: object) -> requests.Response:
        """A bare send, as the wire sees it."""
        url = self.base_url + path if path else self.messages_url
        return requests.post(url, data=form, auth=(ACCOUNT, TOKEN), timeout=timeout)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_up(url: str, process: subprocess.Popen) -> None:
    """Ten seconds at most."""
    for _ in range(200):
        assert process.poll() is None, "the sandbox did not start"
        try:
            requests.get(url, timeout=1)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the sandbox does not answer")
