"""Who hands mail over: the user and password of the hook's URL, and the provider's signature where it makes one."""

import base64
import binascii
import hashlib
import hmac
from typing import IO

from cryptography.exceptions import InvalidSignature as WrongSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated

from messaging.providers import anymail_inbound
from messaging.providers.sendgrid_events import public_key
from messaging.services.provider_posts import as_post
from omega_project.lib.api.errors import InvalidSignature

_PREFIX = "x-twilio-email-event-webhook"
_CHALLENGE = 'Basic realm="omega", charset="UTF-8"'


class NoPassword(NotAuthenticated):
    auth_header = _CHALLENGE


class WrongPassword(AuthenticationFailed):
    auth_header = _CHALLENGE


def require_basic_auth(request: HttpRequest) -> None:
    """401 unless the request carries INBOUND_EMAIL_BASIC_AUTH; nobody gets in where that is not set."""
    given = request.headers.get("authorization", "")
    if not given:
        raise NoPassword
    kind, _, encoded = given.partition(" ")
    try:
        offered = base64.b64decode(encoded.strip().encode("utf-8", "replace"), validate=True)
    except (binascii.Error, ValueError):
        offered = b""
    wanted = settings.INBOUND_EMAIL_BASIC_AUTH.encode()
    holds = hmac.compare_digest(hashlib.sha256(offered).digest(), hashlib.sha256(wanted).digest())
    if not (holds and wanted and kind.lower() == "basic"):
        raise WrongPassword("The user or the password of this hook is wrong.")


class SendGridSignature:
    """SendGrid's signature over the timestamp and the bytes of the body, which it is shown as they come."""

    def __init__(self, request: HttpRequest) -> None:
        self._signature = request.headers.get(f"{_PREFIX}-signature", "")
        timestamp = request.headers.get(f"{_PREFIX}-timestamp", "")
        self._digest = hashlib.sha256(timestamp.encode("utf-8", "replace"))

    def see(self, chunk: bytes) -> None:
        self._digest.update(chunk)

    def require(self) -> None:
        """403 where the call is signed, a key is set, and the signature is not by that key."""
        if not self._signature or not settings.SENDGRID_INBOUND_PUBLIC_KEY:
            return
        try:
            key = public_key(settings.SENDGRID_INBOUND_PUBLIC_KEY)
            given = base64.b64decode(self._signature.encode("utf-8", "replace"), validate=True)
            key.verify(given, self._digest.digest(), ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        except (ValueError, TypeError, WrongSignature) as error:
            raise InvalidSignature("The signature does not belong to this request.") from error


def require_signature(request: HttpRequest, file: IO[bytes], provider: str) -> None:
    """403 where another provider signs its posts, a key for that is set, and the signature does not hold."""
    if not anymail_inbound.is_signed(provider):
        return
    meta = {name: str(value) for name, value in request.META.items() if name.startswith("HTTP_")}
    secret = settings.INBOUND_EMAIL_BASIC_AUTH
    url = (settings.PUBLIC_BASE_URL + request.get_full_path()).replace("://", f"://{secret}@", 1)
    post = as_post(file, request.headers.get("content-type", ""), meta)
    try:
        anymail_inbound.check(provider, post, url, secret)
    except anymail_inbound.Forged as error:
        raise InvalidSignature("The signature does not belong to this request.") from error
