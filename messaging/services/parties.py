"""Who is on both ends of a message: the business, its sender, the client and its thread, in one statement a channel."""

import functools
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

import orjson

from accounts.services.clients import create_client
from messaging.services import backlog, consent
from messaging.services.channels import BY_NAME, EMAIL, SMS, Channel
from omega_project.lib import sql

# `most` tells the planner how few rows the JSON holds, and scalar sub-selects leave it no table to hash: each look-up
# goes by its index, however large the tables are and however old their statistics.
_FACTS = """
SELECT w.ord, clock_timestamp() AS now, b.timezone AS business_timezone, b.status AS business_status,
       b.quiet_from, b.quiet_until,
       c.id AS client_id, h.address AS client_address, c.timezone AS client_timezone, c.is_blocked,
       c.{consent} AS client_consent, v.id AS conversation_id,
       (SELECT ARRAY[state, CASE WHEN bounced_at IS NOT NULL THEN 'bounced' END] FROM messaging_consent
        WHERE business_id = b.id AND channel = '{channel}' AND address = COALESCE(NULLIF(h.address, ''), w."to"))
        AS address_consent,
       s.id AS sender_id, s.address AS sender_address, s.provider AS sender_provider, s.why AS sender_why,
       {ahead},
       w.staff IS NULL OR (
           SELECT true FROM accounts_staff WHERE id = w.staff AND business_id = b.id) IS NOT NULL AS staff_known,
       w.location IS NULL OR (
           SELECT true FROM accounts_location WHERE id = w.location AND business_id = b.id) IS NOT NULL
           AS location_known
FROM (SELECT * FROM jsonb_to_recordset(%(wanted)s::jsonb) AS x(
    ord int, business bigint, client bigint, "to" text, sender text, staff bigint, location bigint) LIMIT {most}) w
JOIN accounts_business b ON b.id = w.business
LEFT JOIN LATERAL (
    SELECT p.* FROM accounts_client p WHERE w.client IS NOT NULL AND p.id = w.client AND p.business_id = b.id
    UNION ALL
    (SELECT p.* FROM (
         SELECT id FROM accounts_client WHERE business_id = b.id AND {column} = w."to" AND {column} <> ''
         UNION ALL
         SELECT client_id FROM accounts_clientaddress WHERE business_id = b.id AND kind = '{kind}' AND address = w."to"
     ) k JOIN accounts_client p ON p.id = k.id LEFT JOIN conversations_conversation u ON u.client_id = p.id
     WHERE w.client IS NULL AND p.merged_into_id IS NULL
     ORDER BY p.{column} = w."to" DESC, u.last_message_at DESC NULLS LAST, p.id DESC LIMIT 1)
) c ON true
LEFT JOIN LATERAL (
    SELECT CASE WHEN w."to" <> c.{column} AND (
        SELECT true FROM accounts_clientaddress WHERE business_id = b.id AND kind = '{kind}' AND address = w."to"
        AND client_id = c.id) THEN w."to" ELSE c.{column} END AS address
) h ON true
LEFT JOIN conversations_conversation v ON v.client_id = c.id
LEFT JOIN LATERAL (
    SELECT n.id, n.address, n.provider, n.messages_per_second,
        CASE WHEN n.address = w.sender THEN 'asked_for' WHEN n.location_id = w.location THEN 'location'
             WHEN n.id = v.last_sender_id THEN 'conversation'
             WHEN n.location_id = c.home_location_id THEN 'home_location'
             WHEN n.is_default THEN 'default' ELSE 'only' END AS why
    FROM accounts_sender n
    WHERE n.business_id = b.id AND n.channel = '{channel}' AND n.is_active
      AND (w.sender IS NULL OR n.address = w.sender)
    ORDER BY n.location_id = w.location DESC NULLS LAST, n.id = v.last_sender_id DESC NULLS LAST,
             n.location_id = c.home_location_id DESC NULLS LAST, n.is_default DESC, n.id
    LIMIT 1
) s ON true
"""
# Of several clients with one address, what comes in goes to the one whose conversation moved last (api.md, 7); of
# those who have it only from a merge (ClientAddress), where it is nobody's own.
_BY_ADDRESS = """
SELECT c.id FROM (
    SELECT id FROM accounts_client
    WHERE business_id = %(business)s::bigint AND {column} = %(address)s::text AND {column} <> ''
    UNION ALL
    SELECT client_id FROM accounts_clientaddress
    WHERE business_id = %(business)s::bigint AND kind = '{kind}' AND address = %(address)s::text
) k JOIN accounts_client c ON c.id = k.id LEFT JOIN conversations_conversation v ON v.client_id = c.id
WHERE c.merged_into_id IS NULL
ORDER BY c.{column} = %(address)s::text DESC, v.last_message_at DESC NULLS LAST, c.id DESC LIMIT 1
"""


def _filled(statement: str, channel: Channel, **more: int) -> str:
    return statement.format(
        column=channel.column,
        kind=channel.kind,
        channel=channel.name,
        consent=f"consent_{channel.name}",
        ahead=backlog.AHEAD,
        **more,
    )


# By channel: the statement for one message, and for many.
_FACTS_BY_CHANNEL = {
    name: (_filled(_FACTS, channel, most=1), _filled(_FACTS, channel, most=1000)) for name, channel in BY_NAME.items()
}
_HOLDER = {name: _filled(_BY_ADDRESS, channel) for name, channel in BY_NAME.items()}
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%(name)s::text, 0))"


@dataclass(slots=True)
class Facts:
    """What a decision on a message stands on."""

    to: str | None
    client_id: int | None
    client_address: str | None
    client_timezone: str
    conversation_id: int | None
    consent: str
    bounced: bool
    blocked: bool
    suspended: bool
    sender: dict[str, Any] | None
    sender_reason: str
    staff_known: bool
    location_known: bool
    business_timezone: str
    quiet_from: time
    quiet_until: time
    now: datetime
    queue: backlog.Queue


@dataclass(frozen=True, slots=True)
class Ends:
    """The two ends of a message, as a caller names them; `to` is normalised."""

    business: int
    client: int | None = None
    to: str | None = None
    sender: str | None = None
    staff: int | None = None
    location: int | None = None
    channel: Channel = SMS


def facts_for(ends: list[Ends]) -> list[Facts | None]:
    """Everything about the ends of these messages, a statement a channel; None where there is no such business."""
    wanted: dict[str, list[dict[str, Any]]] = {}
    for place, one in enumerate(ends):
        wanted.setdefault(one.channel.name, []).append(_wanted(place, one))
    found: dict[int, dict[str, Any]] = {}
    for name, some in wanted.items():
        statement = _FACTS_BY_CHANNEL[name][0 if len(some) == 1 else 1]
        found |= {row["ord"]: row for row in sql.rows(statement, {"wanted": orjson.dumps(some).decode()})}
    return [_facts(found[place], one.to) if place in found else None for place, one in enumerate(ends)]


def _wanted(place: int, one: Ends) -> dict[str, Any]:
    return {
        "ord": place, "business": one.business, "client": one.client, "to": one.to, "sender": _sender_address(one),
        "staff": one.staff, "location": one.location,
    }  # fmt: skip


def _facts(row: dict[str, Any], to: str | None) -> Facts:
    own, bounced = row["address_consent"] or (None, None)
    opted_out = consent.OPTED_OUT in (own, row["client_consent"])
    state = consent.OPTED_OUT if opted_out else own or row["client_consent"] or "unknown"
    sender = None
    if row["sender_id"] is not None:
        sender = {"id": row["sender_id"], "address": row["sender_address"], "provider": row["sender_provider"]}
    return Facts(
        to=to,
        client_id=row["client_id"],
        client_address=row["client_address"] or None,
        client_timezone=row["client_timezone"] or "",
        conversation_id=row["conversation_id"],
        consent=str(state),
        bounced=bounced is not None,
        blocked=bool(row["is_blocked"]),
        suspended=row["business_status"] != "active",
        sender=sender,
        sender_reason=row["sender_why"] or "",
        staff_known=row["staff_known"],
        location_known=row["location_known"],
        business_timezone=row["business_timezone"],
        quiet_from=row["quiet_from"],
        quiet_until=row["quiet_until"],
        now=row["now"],
        queue=backlog.queue_of(row["ahead"], row["first_ahead"], row["per_second"]),
    )


def _sender_address(one: Ends) -> str | None:
    """A sender as the database has it; one that cannot be a sender stays as it was given and matches none."""
    if one.sender is None:
        return None
    try:
        return one.channel.read_sender(one.sender, lambda: country(one.business))
    except ValueError:
        return one.sender


@functools.lru_cache(maxsize=4096)
def country(business_id: int) -> str | None:
    """The country whose national numbers a business means. It does not change while a process lives."""
    row = sql.row("SELECT country FROM accounts_business WHERE id = %(id)s::bigint", {"id": business_id})
    return row["country"] if row else None


def client_by_phone(*, business_id: int, phone: str) -> int:
    """As `client_by_address`, for texts."""
    return client_by_address(channel=SMS, business_id=business_id, address=phone)


def client_by_email(*, business_id: int, email: str) -> int:
    """As `client_by_address`, for mails."""
    return client_by_address(channel=EMAIL, business_id=business_id, address=email)


def client_by_address(*, channel: Channel, business_id: int, address: str) -> int:
    """The client with this address, made where there is none. Call in a transaction.

    The advisory lock makes a thousand first messages of one address one client: addresses are not unique in a
    business, so no constraint could.
    """
    params: dict[str, Any] = {"business": business_id, "address": address}
    found = sql.row(_HOLDER[channel.name], params)
    if found:
        return int(found["id"])
    sql.rows(_LOCK, {"name": f"client:{business_id}:{address}"})
    found = sql.row(_HOLDER[channel.name], params)
    if found:
        return int(found["id"])
    state = consent.state_of(business_id=business_id, channel=channel.name, address=address)
    return create_client(business_id=business_id, **{channel.column: address}, consent={channel.name: state})
