"""One business of a running omega, called and calling."""

import itertools

import requests

from tests.support.processes import Omega, wait_for

_numbers = itertools.count(4_100_200)


class Line:
    """One business of a running omega, called and calling."""

    def __init__(self, omega: Omega):
        self.omega, business = omega, omega.seed()["businesses"][1]
        self.business_id, self.key, self.sender = business["id"], business["api_key"], business["sms_sender"]
        self.staff = self.get(f"/businesses/{self.business_id}/staffs?page_size=100")["results"]

    def get(self, path):
        got = requests.get(self.omega.base_url + path, headers={"X-API-KEY": self.key}, timeout=20)
        assert got.status_code == 200, (path, got.status_code, got.text[:500])
        return got.json()

    def carrier(self, method, path, body=None):
        got = requests.request(method, self.omega.sandbox_url + path, json=body, timeout=60)
        assert got.ok, got.text
        return got.json() if got.content else None

    def clean(self):
        """A carrier that is well, that no device listens to, and that has forgotten all."""
        for path in ("/ledger", "/faults", "/phones", "/device"):
            self.carrier("DELETE", path)

    def register(self, member):
        """A staff member's device, by a token of omega's; its identity."""
        token = self.get(f"/voice-calls/token?business_id={self.business_id}&staff_id={member['id']}")
        shown = self.carrier("POST", "/device/register", {"token": token["token"]})
        assert shown["identity"] == token["identity"]
        return token["identity"]

    def calls_us(self, caller, **script):
        """A client calls; the call as the carrier's ledger has it when it is over."""
        body = {"from": caller, "to": self.sender, "script": script}
        call = self.carrier("POST", "/handset/call", body)["call"]
        assert call["errors"] == [], call
        return call

    def texts_to(self, caller):
        """The texts that the carrier took for a client."""
        return self.carrier("GET", f"/ledger?kind=message&to=%2B{caller[1:]}")["results"]

    def message(self, caller):
        """The call's message of a client, as the API shows it."""
        query = f"/businesses/{self.business_id}/conversations?q=%2B{caller[1:]}"
        found = [one for one in self.get(query)["results"] if one["client"]["phone"] == caller]
        if not found:
            return None
        ids = self.business_id, found[0]["client"]["id"], found[0]["id"]
        rows = self.get("/businesses/{}/clients/{}/conversations/{}/messages?channel=voice".format(*ids))["results"]
        return rows[0] | {"conversation": found[0]}

    def message_of(self, client):
        """The last message of a client, as the inbox has it."""
        path = f"/businesses/{self.business_id}/conversations?q=%2B{client[1:]}"
        wait_for(lambda: self.get(path)["results"], 30)
        return {"conversation_id": self.get(path)["results"][0]["id"]}

    def told(self, caller, line, seconds=60):
        """The message once it tells the call by this line."""
        assert wait_for(lambda: (self.message(caller) or {}).get("body") == line, seconds), self.message(caller)
        return self.message(caller)


def number():
    return f"+1415{next(_numbers)}"
