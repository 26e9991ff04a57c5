"""API keys: made, found and revoked. A key is 192 random bits, so a plain SHA-256 keeps it safe at rest."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import AccessToken, ApiKey, Staff
from omega_project.lib import sql
from omega_project.lib.api.errors import Conflict, NotFound

_FIND = """
SELECT id, business_id FROM accounts_apikey
WHERE key_hash = %(hash)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
"""


_LIVING = """
SELECT t.id, t.business_id, t.staff_id, t.api_key_id FROM accounts_accesstoken t
JOIN accounts_apikey k ON k.id = t.api_key_id
LEFT JOIN accounts_staff s ON s.id = t.staff_id
WHERE t.token_hash = %(hash)s AND t.revoked_at IS NULL AND t.expires_at > now() AND k.revoked_at IS NULL
    AND (k.expires_at IS NULL OR k.expires_at > now()) AND (s.id IS NULL OR s.is_active)
"""

# Of these keys, each alone or with a token that was made by it, those that are good now.
_GOOD = """
SELECT w.key, w.token FROM unnest(%(keys)s::bigint[], %(tokens)s::bigint[]) AS w(key, token)
JOIN accounts_apikey k ON k.id = w.key AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
WHERE w.token IS NULL OR EXISTS (
    SELECT 1 FROM accounts_accesstoken t LEFT JOIN accounts_staff s ON s.id = t.staff_id
    WHERE t.id = w.token AND t.api_key_id = k.id AND t.revoked_at IS NULL AND t.expires_at > now()
      AND (s.id IS NULL OR s.is_active))
"""


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def create_api_key(*, name: str, business_id: int | None = None, expires_at: datetime | None = None) -> str:
    """Make a key and give it, the only time that it can be seen. Without a business it is a platform key."""
    kind = "biz" if business_id else "plat"
    key = f"omega_{kind}_{secrets.token_urlsafe(24)}"
    ApiKey.objects.create(
        name=name, business_id=business_id, expires_at=expires_at, prefix=key[:14], key_hash=_hash(key)
    )
    return key


def revoke_api_key(*, key: ApiKey) -> None:
    """The key is dead from the next request on."""
    ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())


def create_token(*, business_id: int, staff_id: int | None, key_id: int, expires_in: int) -> tuple[str, AccessToken]:
    """Make a token that lives for `expires_in` seconds and give it, the only time that it can be seen.

    404 where the staff member is not of this business, 409 `staff_unavailable` where no longer active.
    """
    if staff_id is not None:
        _require_active(business_id, staff_id)
    token = f"omega_tok_{secrets.token_urlsafe(24)}"
    row = AccessToken.objects.create(
        business_id=business_id,
        staff_id=staff_id,
        api_key_id=key_id,
        token_hash=_hash(token),
        expires_at=timezone.now() + timedelta(seconds=expires_in),
    )
    return token, row


def _require_active(business_id: int, staff_id: int) -> None:
    staff = Staff.objects.in_business(business_id).filter(pk=staff_id).first()
    if staff is None:
        raise NotFound("There is no such staff member in this business.")
    if not staff.is_active:
        raise Conflict(f"{staff.name} is not active.", "staff_unavailable")


def expire_tokens(*, token_id: int, everywhere: bool) -> int:
    """End this token, or `everywhere` each living one of its staff member; how many ended."""
    mine = AccessToken.objects.get(pk=token_id)
    living = AccessToken.objects.filter(revoked_at__isnull=True, expires_at__gt=timezone.now())
    if everywhere and mine.staff_id is not None:
        living = living.filter(business_id=mine.business_id, staff_id=mine.staff_id)
    else:
        living = living.filter(pk=token_id)
    return living.update(revoked_at=timezone.now())


def find_token(given: str) -> dict[str, Any] | None:
    """The living token for what a caller sent. It dies with its API key and when its staff member leaves."""
    return sql.row(_LIVING, {"hash": _hash(given)})


def find_api_key(given: str) -> dict[str, Any] | None:
    """The living key for what a caller sent: looked up by its digest, so no comparison leaks time."""
    return sql.row(_FIND, {"hash": _hash(given)})


def still_good(asked: Iterable[tuple[int, int | None]]) -> set[tuple[int, int | None]]:
    """Of these ids of keys, each with that of its token or None, those that would be let in now: one query for all."""
    pairs = list(asked)
    params = {"keys": [key for key, _ in pairs], "tokens": [token for _, token in pairs]}
    return {(row["key"], row["token"]) for row in sql.rows(_GOOD, params)}
