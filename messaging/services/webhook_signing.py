"""Signatures of what is pushed, per the Standard Webhooks spec (standardwebhooks.com): symmetric, `whsec_` secrets."""

import base64
import hmac
import secrets
from collections.abc import Iterable

_PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """A secret to sign with, in the spec's form."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def headers(signers: Iterable[str], webhook_id: str, at: int, payload: bytes) -> dict[str, str]:
    """The three headers of a try at `at` (Unix seconds), signed by each of these secrets."""
    signed = webhook_id.encode() + b"." + str(at).encode() + b"." + payload
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{_signature(one, signed)}" for one in signers),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
