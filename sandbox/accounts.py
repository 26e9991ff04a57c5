"""Who may call: the main account, its API key, and the subaccounts that a business may have."""

import re
from base64 import b64encode

from sandbox.settings import Settings
from sandbox.signing import TwilioSigner

ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")


def basic(username: str, password: str) -> str:
    """The Authorization header of HTTP basic authentication."""
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode()


class Accounts:
    """Looks a caller up by its whole Authorization header: one dict access for each request."""

    def __init__(self, settings: Settings) -> None:
        self.main_sid = settings.account_sid
        self._scopes: dict[str, str | None] = {basic(settings.account_sid, settings.auth_token): None}
        if settings.api_key_sid:
            self._scopes[basic(settings.api_key_sid, settings.api_key_secret)] = None
        self._main = TwilioSigner(settings.auth_token)
        self._signers: dict[str, TwilioSigner] = {}

    def register(self, sid: str, auth_token: str) -> None:
        """Add a subaccount: its own credentials open its own resources, and its token signs its callbacks."""
        self._scopes[basic(sid, auth_token)] = sid
        self._signers[sid] = TwilioSigner(auth_token)

    def allows(self, authorization: str | None, sid: str) -> bool:
        """Whether these credentials open this account; the main one's open every subaccount, as at Twilio."""
        scope = self._scopes.get(authorization or "", "")
        return scope is None or scope == sid

    def signer(self, sid: str) -> TwilioSigner:
        """The signer with this account's token."""
        return self._signers.get(sid, self._main)
