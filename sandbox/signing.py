"""The carriers' signatures, made from the published rules: omega's check meets another hand's work."""

import base64
import hashlib
import hmac
from collections.abc import Iterable

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class TwilioSigner:
    """Signs webhooks for one token: base64(HMAC-SHA1(token, URL + each name and value, sorted by name))."""

    __slots__ = ("_keyed",)

    def __init__(self, auth_token: str) -> None:
        self._keyed = hmac.new(auth_token.encode(), digestmod=hashlib.sha1)

    def sign(self, url: str, params: Iterable[tuple[str, str]] = ()) -> str:
        """The value of X-Twilio-Signature; the URL goes in without its fragment, the values untrimmed."""
        mac = self._keyed.copy()
        pieces = [url.partition("#")[0]]
        for name, value in sorted(params):
            pieces += (name, value)
        mac.update("".join(pieces).encode())
        return base64.b64encode(mac.digest()).decode()


class SendGridSigner:
    """Signs event posts: base64 DER ECDSA P-256 over the time stamp's bytes and the raw body."""

    __slots__ = ("_key",)

    def __init__(self, private_key_base64: str) -> None:
        key = serialization.load_der_private_key(base64.b64decode(private_key_base64), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("SENDGRID_WEBHOOK_PRIVATE_KEY must be a P-256 key (DER, PKCS8, base64).")
        self._key = key

    def sign(self, timestamp: str, body: bytes) -> str:
        """The value of X-Twilio-Email-Event-Webhook-Signature."""
        return base64.b64encode(self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
