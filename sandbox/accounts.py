"""Who may call: the main account, its API key, and the subaccounts and keys that were set up."""

import re
import time
from base64 import b64encode

from sandbox.provisioning.register import KEY, SUBACCOUNT, Register, Thing
from sandbox.settings import Settings
from sandbox.signing import TwilioSigner

ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")
UNKNOWN, INACTIVE = 20003, 20005


def basic(username: str, password: str) -> str:
    """The Authorization header of HTTP basic authentication."""
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode()


class Accounts:
    """Looks a caller up by its whole Authorization header: one dict access for each request."""

    def __init__(self, settings: Settings, register: Register) -> None:
        self.main_sid, self.main_token = settings.account_sid, settings.auth_token
        self._main_key = (settings.api_key_sid, settings.api_key_secret)
        self._main = TwilioSigner(settings.auth_token)
        self._register = register
        self.started = time.time()
        register.listeners.append(self._learn)
        self.forget()

    def forget(self) -> None:
        """Know nobody but the main account and whom the register holds."""
        self._scopes: dict[str, str | None] = {basic(self.main_sid, self.main_token): None}
        self._standard: set[str] = set()  # headers of keys, which may not manage accounts and keys
        self._signers: dict[str, TwilioSigner] = {}
        self._idle: set[str] = set()  # suspended and closed accounts
        if self._main_key[0]:
            self._scopes[basic(*self._main_key)] = None
        for thing in self._register.all():
            self._learn(thing)

    def _learn(self, thing: Thing) -> None:
        if thing.kind == SUBACCOUNT:
            self._scopes[basic(thing.sid, thing.values["auth_token"])] = thing.sid
            self._signers[thing.sid] = TwilioSigner(thing.values["auth_token"])
            (self._idle.discard if thing.values["status"] == "active" else self._idle.add)(thing.sid)
        elif thing.kind == KEY:
            header = basic(thing.sid, thing.values["secret"])
            self._scopes[header] = thing.account
            self._standard.add(header)
            if thing.removed_at is not None:
                del self._scopes[header]

    def refusal(self, authorization: str | None, sid: str) -> int:
        """The error code for credentials that do not open this account, 0 for those that do.

        The main account's own open every subaccount, as at Twilio.
        """
        scope = self._scopes.get(authorization or "", "")
        if scope is not None and scope != sid:
            return UNKNOWN
        return INACTIVE if sid in self._idle else 0

    def stranger(self, authorization: str | None) -> int:
        """The error code for credentials that open nothing, 0 for others: what the list of accounts asks."""
        scope = self._scopes.get(authorization or "", "")
        if scope == "":
            return UNKNOWN
        return INACTIVE if scope in self._idle else 0

    def manages(self, authorization: str | None, sid: str) -> bool:
        """Whether these credentials may read and change the account itself and its keys."""
        header = authorization or ""
        return self._scopes.get(header, "") in {None, sid} and header not in self._standard

    def is_idle(self, sid: str) -> bool:
        """Whether an account is suspended or closed: nothing reaches its webhooks."""
        return sid in self._idle

    def is_main(self, authorization: str | None) -> bool:
        """Whether these are the main account's own credentials."""
        return self._scopes.get(authorization or "", "") is None

    def secret_of(self, key: str) -> tuple[str, str] | None:
        """An API key's secret and account; access tokens are signed with it."""
        if key and key == self._main_key[0]:
            return self._main_key[1], self.main_sid
        thing = self._register.find(KEY, key)
        return (thing.values["secret"], thing.account) if thing else None

    def token_of(self, sid: str) -> str:
        """An account's auth token."""
        thing = self._register.find(SUBACCOUNT, sid)
        return thing.values["auth_token"] if thing else self.main_token

    def signer(self, sid: str) -> TwilioSigner:
        """The signer with this account's token."""
        return self._signers.get(sid, self._main)
