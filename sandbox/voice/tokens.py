"""Reads access tokens as Twilio does (docs: iam/access-tokens): HS256 by an API key's secret, a day at most."""

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from dataclasses import dataclass
from typing import Any

from sandbox.accounts import Accounts

CONTENT_TYPE = "twilio-fpa;v=1"
LONGEST_SECONDS = 86_400
CLOCK_SLACK_SECONDS = 30
IDENTITY = re.compile(r"[A-Za-z0-9_]{1,256}")  # what every SDK takes, the mobile ones too
MESSAGES = {
    20101: "Invalid Access Token",
    20102: "Invalid Access Token header",
    20103: "Invalid Access Token issuer/subject",
    20104: "Access Token expired or expiration date invalid",
    20105: "Access Token not yet valid",
    20106: "Invalid Access Token grants",
    20107: "Invalid Access Token signature",
    20157: "Expiration Time in the Access Token Exceeds Maximum Time Allowed",
}


class TokenError(Exception):
    """A token that opens nothing; its code is Twilio's."""

    def __init__(self, code: int) -> None:
        super().__init__(MESSAGES[code])
        self.code, self.message = code, MESSAGES[code]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows."""

    identity: str
    account: str
    application: str
    parameters: dict[str, str]
    incoming: bool
    expires_at: float


def read_token(token: str, accounts: Accounts) -> Grant:
    """What a token allows; raises TokenError."""
    head, claims, signed, signature = _split(token)
    if head.get("alg") != "HS256" or head.get("typ") != "JWT":
        raise TokenError(20102)
    if head.get("cty") != CONTENT_TYPE:
        raise TokenError(20101)
    known = accounts.secret_of(str(claims.get("iss", "")))
    if known is None or known[1] != claims.get("sub"):
        raise TokenError(20103)
    expected = hmac.new(known[0].encode(), signed, hashlib.sha256).digest()
    if not hmac.compare_digest(expected, signature):
        raise TokenError(20107)
    return _grant(claims, known[1], _expiry(claims))


def _split(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    try:
        head, claims, signature = token.split(".")
        parts = json.loads(_decoded(head)), json.loads(_decoded(claims)), _decoded(signature)
    except (ValueError, binascii.Error):
        raise TokenError(20101) from None
    if not isinstance(parts[0], dict) or not isinstance(parts[1], dict):
        raise TokenError(20101)
    return parts[0], parts[1], f"{head}.{claims}".encode(), parts[2]


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _expiry(claims: dict[str, Any]) -> float:
    now, expires = time.time(), claims.get("exp")
    begins = claims.get("nbf", claims.get("iat", now))
    if not isinstance(expires, int | float) or not isinstance(begins, int | float) or expires <= now:
        raise TokenError(20104)
    if begins > now + CLOCK_SLACK_SECONDS:
        raise TokenError(20105)
    if expires - begins > LONGEST_SECONDS or expires - now > LONGEST_SECONDS + CLOCK_SLACK_SECONDS:
        raise TokenError(20157)
    return float(expires)


def _grant(claims: dict[str, Any], account: str, expires_at: float) -> Grant:
    grants = claims.get("grants")
    voice = grants.get("voice") if isinstance(grants, dict) else None
    if not isinstance(grants, dict) or not isinstance(voice, dict):
        raise TokenError(20106)
    outgoing, incoming = voice.get("outgoing") or {}, voice.get("incoming") or {}
    identity = grants.get("identity")
    if not isinstance(identity, str) or not IDENTITY.fullmatch(identity):
        raise TokenError(20106)
    if not isinstance(outgoing, dict) or not isinstance(incoming, dict):
        raise TokenError(20106)
    parameters = outgoing.get("params") or {}
    return Grant(
        identity,
        account,
        str(outgoing.get("application_sid") or ""),
        {str(name): str(value) for name, value in parameters.items()} if isinstance(parameters, dict) else {},
        incoming.get("allow") is True,
        expires_at,
    )
