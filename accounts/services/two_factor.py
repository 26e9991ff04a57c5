"""The second factor of the admin's log-in: an authenticator app, and recovery codes for when it is lost."""

import base64
import hashlib
import secrets
import time
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

import segno
from django.db import transaction
from django.utils import timezone
from django_otp.oath import TOTP

from accounts.models import Authenticator, RecoveryCode
from accounts.services import notices
from omega_project.lib import sealing

RECOVERY_CODES = 10
ISSUER = "omega"
# RFC 6238, 5.2: one step of 30 seconds back and one ahead, for a clock that is off and a person who is slow.
_TOLERANCE = 1


def authenticator_of(user_id: int) -> Authenticator | None:
    """The confirmed authenticator of a person."""
    found: Authenticator | None = Authenticator.objects.filter(user_id=user_id, confirmed=True).first()
    return found


def begin(user_id: int) -> Authenticator:
    """The authenticator that a person is about to set up: the same one until its first code has come."""
    made, _ = Authenticator.objects.get_or_create(
        user_id=user_id,
        confirmed=False,
        defaults={"name": "authenticator", "secret": sealing.seal({"key": secrets.token_hex(20)})},
    )
    return made  # type: ignore[no-any-return]


def confirm(device: Authenticator, code: str) -> list[str] | None:
    """The first code makes a new authenticator the only one, and gives new recovery codes; None: it is not right."""
    step = _matching_step(device, code)
    if step is None:
        return None
    with transaction.atomic():
        Authenticator.objects.filter(user_id=device.user_id, confirmed=True).delete()
        Authenticator.objects.filter(pk=device.pk).update(confirmed=True, last_step=step)
        notices.tell(user_id=device.user_id, change=notices.Change.FACTOR_ON)
        return _recovery_codes(device.user_id)


def accepts(device: Authenticator, code: str) -> bool:
    """Whether `code` is the authenticator's now, or one of the person's recovery codes; each is good once."""
    given = "".join(code.split())
    step = _matching_step(device, given)
    if step is not None:
        moved = Authenticator.objects.filter(pk=device.pk, last_step__lt=step).update(last_step=step)
        return bool(moved)
    unused = RecoveryCode.objects.filter(user_id=device.user_id, used_at__isnull=True, code_hash=_hash(given))
    return bool(unused.update(used_at=timezone.now()))


def _matching_step(device: Authenticator, code: str) -> int | None:
    """The time step that `code` belongs to, among those that are open and later than the last one used."""
    if not (len(code) == 6 and code.isascii() and code.isdigit()):
        return None
    totp = TOTP(_key(device))
    totp.time = time.time()
    is_right = totp.verify(int(code), tolerance=_TOLERANCE, min_t=device.last_step + 1)
    return int(totp.t()) if is_right else None


def new_recovery_codes(user_id: int) -> list[str]:
    """Make new codes and give them, the only time that they can be seen; those from before are dead."""
    notices.tell(user_id=user_id, change=notices.Change.RECOVERY_CODES)
    return _recovery_codes(user_id)


def _recovery_codes(user_id: int) -> list[str]:
    codes = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    with transaction.atomic():
        RecoveryCode.objects.filter(user_id=user_id).delete()
        RecoveryCode.objects.bulk_create(RecoveryCode(user_id=user_id, code_hash=_hash(code)) for code in codes)
    return [f"{code[:4]}-{code[4:8]}-{code[8:12]}-{code[12:]}" for code in codes]


def turn_off(user_id: int) -> None:
    """The person logs in by the password alone from now on, where that is allowed."""
    Authenticator.objects.filter(user_id=user_id).delete()
    RecoveryCode.objects.filter(user_id=user_id).delete()
    notices.tell(user_id=user_id, change=notices.Change.FACTOR_OFF)


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.replace("-", "").lower().encode("utf-8", "surrogateescape")).digest()


def _key(device: Authenticator) -> bytes:
    return bytes.fromhex(sealing.unseal(bytes(device.secret))["key"])


def shown_key(device: Authenticator) -> str:
    """The key as one types it into an app that has no camera."""
    return base64.b32encode(_key(device)).decode().rstrip("=")


def picture(device: Authenticator, name: str) -> str:
    """The key as a QR code: an SVG element, made here."""
    query = urlencode({"secret": shown_key(device), "issuer": ISSUER, "digits": 6, "period": 30})
    drawn = BytesIO()
    options: dict[str, Any] = {"kind": "svg", "scale": 5, "xmldecl": False, "svgns": True, "border": 4, "light": "#fff"}
    segno.make(f"otpauth://totp/{quote(f'{ISSUER}:{name}')}?{query}", error="m").save(drawn, **options)
    return drawn.getvalue().decode()
