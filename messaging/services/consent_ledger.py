"""Consent as the ledger tells it: how a client stands on each channel, now or at a time, and why; a caller's own word.

Whatever stands here comes of rows that are never changed, so that "could we text this number on 3 March, and why" has
an answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

import orjson

from accounts.models import Client, ConsentState
from messaging.services import consent
from omega_project.lib import sql
from omega_project.lib.api.errors import Conflict

CHANNELS = tuple(consent.ADDRESS_FIELD)
MOST_ROWS = 200
# Staff's and callers' own words may be taken back by staff and callers; a client's own may not (see `set_consent`).
_TAKEN_BACK_FREELY = {"api", "staff"}

_LEDGER = """
SELECT h.* FROM (
    (SELECT r.* FROM unnest(%(channels)s::text[], %(addresses)s::text[]) AS w(channel, address), LATERAL (
        SELECT id, channel, address, previous, state, source, evidence, at FROM messaging_consentchange
        WHERE business_id = %(business)s::bigint AND channel = w.channel AND address = w.address
          AND at <= COALESCE(%(at)s::timestamptz, 'infinity') ORDER BY id DESC LIMIT %(most)s::int) r)
    UNION
    (SELECT id, channel, address, previous, state, source, evidence, at FROM messaging_consentchange
     WHERE client_id = %(client)s::bigint AND business_id = %(business)s::bigint
       AND at <= COALESCE(%(at)s::timestamptz, 'infinity') ORDER BY id DESC LIMIT %(most)s::int)
) h ORDER BY h.id DESC
"""
_NOW = """
SELECT t.channel, t.state, t.bounced_at IS NOT NULL AS bounced
FROM unnest(%(channels)s::text[], %(addresses)s::text[]) AS w(channel, address)
JOIN messaging_consent t ON t.business_id = %(business)s::bigint AND t.channel = w.channel AND t.address = w.address
"""
# An address that nobody has spoken of gets its row first: there is nothing to lock otherwise, and a STOP that comes at
# the same moment would be written over.
_BEGIN = """
INSERT INTO messaging_consent (business_id, channel, address, state, updated_at)
VALUES (%(business)s::bigint, %(channel)s::text, %(address)s::text, 'unknown', now())
ON CONFLICT (business_id, channel, address) DO NOTHING
"""
_LOCK = """
SELECT state FROM messaging_consent
WHERE business_id = %(business)s::bigint AND channel = %(channel)s::text AND address = %(address)s::text FOR UPDATE
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the ledger."""

    id: int
    channel: str
    address: str
    previous: str
    state: str
    source: str
    evidence: dict[str, Any]
    at: datetime

    @property
    def moves_bounce(self) -> bool | None:
        """True where it says that the mailbox is gone, False where that is lifted, None where it says neither."""
        if self.source == "bounce":
            return True
        return False if self.evidence.get("event") == "bounce_lifted" else None

    @property
    def is_clients_own(self) -> bool:
        """Said by the client: a STOP, a click, a complaint, also where a caller or a provider passed it on."""
        return self.source not in _TAKEN_BACK_FREELY or "event" in self.evidence


@dataclass(frozen=True, slots=True)
class Standing:
    """How a client stands on one channel. `change` made it so; None where no row speaks of the address."""

    state: str
    address: str
    change: Change | None
    bounced: bool

    @property
    def reason(self) -> str | None:
        """Why nothing may be sent: `no_address`, `opted_out` or `address_bounced`; None where it may."""
        if not self.address:
            return "no_address"
        if self.state == ConsentState.OPTED_OUT:
            return "opted_out"
        return "address_bounced" if self.bounced else None


@dataclass(frozen=True, slots=True)
class Record:
    """The standing by channel, and the rows behind it, newest first: at most 200 of each address."""

    channels: dict[str, Standing]
    history: list[Change]


def addresses_of(client: Client) -> dict[str, str]:
    """The client's present address by channel; an empty text where there is none."""
    return {channel: getattr(client, name) for channel, name in consent.ADDRESS_FIELD.items()}


def record_of(client: Client, at: datetime | None = None) -> Record:
    """How the client's present addresses stand, or stood at a time."""
    addresses = addresses_of(client)
    wanted = {
        "business": client.business_id, "client": client.pk, "channels": list(addresses),
        "addresses": list(addresses.values()), "at": at, "most": MOST_ROWS,
    }  # fmt: skip
    history = [_change(row) for row in sql.rows(_LEDGER, wanted)]
    if at is None:
        now = {row["channel"]: row for row in sql.rows(_NOW, wanted)}
        channels = {name: _present(client, name, address, history, now) for name, address in addresses.items()}
    else:
        channels = {name: _past(name, address, history) for name, address in addresses.items()}
    return Record(channels, history)


def _change(row: dict[str, Any]) -> Change:
    return Change(**row | {"evidence": orjson.loads(row["evidence"])})


def _of(history: Iterable[Change], channel: str, address: str) -> list[Change]:
    return [one for one in history if one.channel == channel and one.address == address]


def _past(channel: str, address: str, history: list[Change]) -> Standing:
    rows = _of(history, channel, address) if address else []
    state = rows[0].state if rows else str(ConsentState.UNKNOWN)
    moved = [one.moves_bounce for one in rows if one.moves_bounce is not None]
    return Standing(state, address, _maker(rows, state), bool(moved and moved[0]))


def _present(
    client: Client, channel: str, address: str, history: list[Change], now: dict[str, dict[str, Any]]
) -> Standing:
    """As a send sees it: an opt-out counts by the address and by the client, who may have said it at another one."""
    told = now.get(channel, {"state": str(ConsentState.UNKNOWN), "bounced": False})
    own = getattr(client, f"consent_{channel}")
    state = own if own == ConsentState.OPTED_OUT else told["state"]
    rows = _of(history, channel, address)
    if state != told["state"]:
        rows = [one for one in history if one.channel == channel]
    return Standing(str(state), address, _maker(rows, str(state)), told["bounced"])


def _maker(rows: list[Change], state: str) -> Change | None:
    """The row since which it has been so: the oldest of the newest ones that say it."""
    same = list(takewhile(lambda one: one.state == state, rows))
    return same[-1] if same else None


@dataclass(frozen=True, slots=True)
class Word:
    """What a caller says of a client's consent. `confirmed`: the client has asked for it again, after a STOP."""

    channel: str
    state: str
    reason: str
    evidence: dict[str, Any]
    confirmed: bool
    actor_id: int | None
    key_id: int


def set_consent(client: Client, word: Word) -> bool:
    """Write a caller's word into the ledger (source `api`); False where it was so already.

    409 `no_address` where the client has none on that channel, 409 `client_opted_out` where the client's own opt-out
    would be undone without `confirmed`.
    """
    address = addresses_of(client)[word.channel]
    if not address:
        raise Conflict(f"The client has no address for {word.channel}.", "no_address")
    return sql.in_transaction(lambda: _set(client, word, address))


def _set(client: Client, word: Word, address: str) -> bool:
    place = {"business": client.business_id, "channel": word.channel, "address": address}
    # The client before the address, as a webhook takes them: the other way round they could wait for each other.
    client = Client.objects.select_for_update().get(pk=client.pk)
    sql.rows(_BEGIN, place)
    sql.rows(_LOCK, place)
    overridden = _own_opt_outs(client, word) if word.state == ConsentState.OPTED_IN else []
    if overridden and not word.confirmed:
        raise Conflict(
            "The client has opted out. Opting in again needs confirmed: true, which says that the client asked for it.",
            "client_opted_out", change_id=overridden[0],
        )  # fmt: skip
    evidence = {
        "reason": word.reason, "evidence": word.evidence, "staff_id": word.actor_id, "key_id": word.key_id,
        "confirmed": word.confirmed, "overrides": overridden,
    }  # fmt: skip
    return consent.change_consent(
        business_id=client.business_id, channel=word.channel, address=address, state=word.state, source="api",
        evidence={name: value for name, value in evidence.items() if value not in (None, "", {}, [], False)},
        client_id=client.pk,
    )  # fmt: skip


def _own_opt_outs(client: Client, word: Word) -> list[int | None]:
    """The ids of the client's own opt-outs that stand; a null where one stands that no row tells of."""
    standing = record_of(client)
    now = standing.channels[word.channel]
    if now.state != ConsentState.OPTED_OUT:
        return []
    rows = _of(standing.history, word.channel, now.change.address) if now.change else []
    said = [one for one in takewhile(lambda one: one.state == now.state, rows) if one.moves_bounce is None]
    return [one.id for one in said if one.is_clients_own] if said else [None]
