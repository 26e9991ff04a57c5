"""API keys: made, found and revoked. A key is 192 random bits, so a plain SHA-256 keeps it safe at rest."""

import hashlib
import secrets
from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.models import ApiKey
from omega_project.lib import sql

_FIND = """
SELECT id, business_id FROM accounts_apikey
WHERE key_hash = %(hash)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
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


def find_api_key(given: str) -> dict[str, Any] | None:
    """The living key for what a caller sent: looked up by its digest, so no comparison leaks time."""
    return sql.row(_FIND, {"hash": _hash(given)})
