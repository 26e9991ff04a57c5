"""Which account of a provider a business sends by: its own where it has one, else the platform's."""

import time
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError

from messaging.providers.base import Provider
from messaging.providers.registry import registry
from omega_project.lib import sealing, sql

log = structlog.get_logger(__name__)
# An account that changes is used by every process after so long.
_KEPT_SECONDS = 15.0
_MOST = 5000

_ACCOUNT = """
SELECT id, account_id, secrets, updated_at FROM accounts_provideraccount
WHERE business_id = %(business)s::bigint AND provider = %(provider)s::text AND is_active
"""
_BY_ACCOUNT_ID = """
SELECT id, business_id, account_id, secrets, updated_at FROM accounts_provideraccount
WHERE provider = %(provider)s::text AND account_id = %(account)s::text AND account_id <> '' AND is_active
"""
_AT_PROVIDER = """
SELECT id, business_id, account_id, secrets, updated_at FROM accounts_provideraccount
WHERE provider = %(provider)s::text AND is_active ORDER BY id DESC LIMIT %(most)s::int
"""
# More keys than these are not tried on a webhook that names no account.
_MOST_TRIED = 200


@dataclass(frozen=True, slots=True)
class Account:
    """An account of a business's own, its secrets opened."""

    id: int
    account_id: str
    version: str
    secrets: dict[str, str] = field(repr=False)
    business_id: int | None = None


_cache: dict[tuple[str, Any], tuple[float, Account | None]] = {}
_lists: dict[str, tuple[float, list[Account]]] = {}


def forget() -> None:
    """Read the accounts anew at the next question: after one was edited, and between tests."""
    _cache.clear()
    _lists.clear()


def account_of(business_id: int, provider: str) -> Account | None:
    """The business's own account at a provider; None where it goes by the platform's."""
    params = {"business": business_id, "provider": provider}
    return _kept((provider, business_id), _ACCOUNT, params)


def account_named(provider: str, account_id: str) -> Account | None:
    """The account that a webhook names; None for the platform's own and for one that nobody has."""
    params = {"provider": provider, "account": account_id}
    # An account that is not known may be made the next moment; and who calls with made-up ones fills no cache.
    return _kept((provider, account_id), _BY_ACCOUNT_ID, params, keeps_none=False)


def accounts_at(provider: str) -> list[Account]:
    """The newest accounts of businesses' own at a provider: for a webhook that does not name its account."""
    at, accounts = _lists.get(provider, (0.0, []))
    if not at or time.monotonic() - at > _KEPT_SECONDS:
        try:
            rows = sql.rows(_AT_PROVIDER, {"provider": provider, "most": _MOST_TRIED})
        except (OperationalError, InterfaceError):
            if not at:
                raise
            return accounts
        accounts = [account for row in rows if (account := _opened_or_none(row))]
        _lists[provider] = (time.monotonic(), accounts)
    return accounts


def _opened_or_none(row: dict[str, Any]) -> Account | None:
    """One business's account that no key opens is no reason to turn away what comes for the others."""
    try:
        return _opened(row)
    except sealing.CannotOpen:
        log.error("account.sealed", account=row["id"])
        return None


def provider_of(business_id: int, name: str) -> Provider | None:
    """The provider of this name by which the business sends; None where there is no such provider."""
    account = account_of(business_id, name)
    if account is None:
        return registry.get(name)
    credentials = {"account_id": account.account_id, **account.secrets}
    return registry.get(name, account.id, account.version, credentials)


def _kept(key: tuple[str, Any], statement: str, params: dict[str, Any], *, keeps_none: bool = True) -> Account | None:
    at, account = _cache.get(key, (0.0, None))
    if at and time.monotonic() - at < _KEPT_SECONDS:
        return account
    try:
        row = sql.row(statement, params)
    except (OperationalError, InterfaceError):
        # What comes in while the database is away is checked by what this process knows (services/spooling.py).
        if account is None:
            raise
        return account
    account = None if row is None else _opened(row)
    if account is None and not keeps_none:
        return None
    if len(_cache) >= _MOST:
        _cache.clear()
    _cache[key] = (time.monotonic(), account)
    return account


def _opened(row: dict[str, Any]) -> Account:
    secrets = sealing.unseal(row["secrets"])
    return Account(row["id"], row["account_id"], row["updated_at"].isoformat(), secrets, row.get("business_id"))
