"""What mail events say of an address: that it wants no mail, that it wants mail again, that there is no such mailbox.

An opt-out is consent. A mailbox that does not exist is none: it is kept beside the consent, blocks the next mail with
a reason of its own (`address_bounced`), and staff can lift it. Both stand in the ledger.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from messaging.services.consent import OPTED_IN, OPTED_OUT
from messaging.services.mail_folding import moment
from messaging.services.mail_matching import Found, Report
from messaging.services.mail_meanings import MEANINGS
from omega_project.lib import sql

# Told by a caller, in place of a provider.
API = "api"
BOUNCE = "bounce"
_LEFT_A_LIST = "group_unsubscribed"

# Clients before their addresses, as whoever sets a consent takes them: the other way round they wait for each other.
_HOLD = """
SELECT c.id FROM unnest(%(businesses)s::bigint[], %(addresses)s::text[]) AS w(business, address)
JOIN accounts_client c ON c.business_id = w.business AND c.email = w.address
WHERE c.email <> '' ORDER BY c.id FOR NO KEY UPDATE OF c
"""
_NOW = """
WITH wanted AS (
    SELECT * FROM unnest(%(businesses)s::bigint[], %(addresses)s::text[]) AS w(business, address)
), locked AS MATERIALIZED (
    SELECT c.business_id, c.address, c.state, c.bounced_at FROM messaging_consent c
    WHERE c.channel = 'email' AND (c.business_id, c.address) IN (SELECT business, address FROM wanted)
    ORDER BY c.id FOR UPDATE OF c
)
SELECT w.business, w.address, COALESCE(l.state, 'unknown') AS state, l.bounced_at IS NOT NULL AS is_dead, ARRAY(
    SELECT jsonb_build_array(h.state, h.source, h.evidence ->> 'event', h.evidence ->> 'group',
                             h.evidence ->> 'event_id')::text
    FROM messaging_consentchange h
    WHERE h.business_id = w.business AND h.channel = 'email' AND h.address = w.address
    ORDER BY h.id DESC LIMIT 50
) AS ledger
FROM wanted w LEFT JOIN locked l ON l.business_id = w.business AND l.address = w.address
"""
_KEEP = """
WITH now_is AS (
    SELECT * FROM jsonb_to_recordset(%(states)s::jsonb) AS x(
        business bigint, address text, state text, is_dead bool, reason text)
), kept AS (
    INSERT INTO messaging_consent AS c (business_id, channel, address, state, updated_at, bounced_at, bounce_reason)
    SELECT business, 'email', address, state, now(), CASE WHEN is_dead THEN now() END, reason FROM now_is
    ORDER BY business, address
    ON CONFLICT (business_id, channel, address) DO UPDATE SET state = EXCLUDED.state, updated_at = now(),
        bounced_at = COALESCE(c.bounced_at, EXCLUDED.bounced_at),
        bounce_reason = CASE WHEN c.bounced_at IS NULL THEN EXCLUDED.bounce_reason ELSE c.bounce_reason END
), told AS (
    INSERT INTO messaging_consentchange
        (business_id, client_id, channel, address, previous, state, source, evidence, at)
    SELECT business, client, 'email', address, previous, state, source, evidence, now()
    FROM jsonb_to_recordset(%(lines)s::jsonb) AS y(
        business bigint, client bigint, address text, previous text, state text, source text, evidence jsonb, ord int)
    ORDER BY ord
)
UPDATE accounts_client c SET consent_email = n.state FROM now_is n
WHERE c.business_id = n.business AND c.email = n.address AND c.email <> '' AND n.state <> 'unknown'
    AND c.consent_email <> n.state
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What one event says of one address of one business. `what`: `out`, `in` or `dead`."""

    what: str
    place: int
    business_id: int
    client_id: int
    address: str
    source: str
    evidence: dict[str, Any]
    at: datetime

    @property
    def order(self) -> tuple[Any, ...]:
        """By time; at one and the same the opt-out is heard last and so stands."""
        return self.at, self.what != "in", self.evidence["event"], self.evidence["event_id"]


def wishes_of(told: Iterable[tuple[int, Report, Found]]) -> list[Wish]:
    """What these events (each with its place and its message) say of their addresses."""
    wishes = []
    for place, report, found in told:
        event = report.event
        what = MEANINGS[event.kind].consent or ("out" if event.opts_out else "dead" if is_dead_end(report) else "")
        address = event.address or found.to_address
        if what and address:
            at = moment(found, event.at)
            source = _source(what, report)
            evidence = _evidence(report, found, at)
            wishes.append(Wish(what, place, found.business_id, found.client_id, address[:254], source, evidence, at))
    return wishes


def is_dead_end(report: Report) -> bool:
    """A bounce for good, or a drop because of one before: mail to this address goes nowhere."""
    event = report.event
    return event.is_dead_end or (event.kind == "bounced" and not event.is_temporary)


def _source(what: str, report: Report) -> str:
    if what == "dead":
        return BOUNCE
    return API if report.source == API else "provider"


def _evidence(report: Report, found: Found, at: datetime) -> dict[str, Any]:
    event = report.event
    told = {
        "event": event.kind, "event_id": event.event_id, "message_id": found.id, "provider": report.provider or None,
        "group": event.group or None, "reason": event.reason or None, "code": event.code or None,
        "at": at.isoformat(),
    }  # fmt: skip
    return {name: value for name, value in told.items() if value is not None}


def grant(wishes: list[Wish]) -> set[int]:
    """Write what these wishes change, in three statements; the places of those that changed something.

    Call in a transaction.
    """
    if not wishes:
        return set()
    addresses = sorted({(wish.business_id, wish.address) for wish in wishes})
    wanted = {"businesses": [one[0] for one in addresses], "addresses": [one[1] for one in addresses]}
    sql.rows(_HOLD, wanted)
    rows = sql.rows(_NOW, wanted)
    standing = {(row["business"], row["address"]): Standing(row) for row in rows}
    for wish in sorted(wishes, key=lambda one: one.order):
        standing[wish.business_id, wish.address].hear(wish)
    changed = [one for one in standing.values() if one.lines]
    if changed:
        lines = [line | {"ord": place} for place, line in enumerate(line for one in changed for line in one.lines)]
        states = [one.row() for one in changed]
        sql.rows(_KEEP, {"states": orjson.dumps(states).decode(), "lines": orjson.dumps(lines).decode()})
    return {place for one in changed for place in one.used}


class Standing:
    """How an address stands, and how it comes to stand by one wish after another."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.business_id, self.address = row["business"], row["address"]
        self.state, self.is_dead, self.reason = row["state"], row["is_dead"], ""
        history = [orjson.loads(line) for line in row["ledger"]]
        self.known = {line[4] for line in history if line[4]}
        self.outs = _opt_outs_since_last_in(history)
        if self.state == OPTED_OUT and not self.outs:
            self.outs.add(("unknown", "", None))
        self.lines: list[dict[str, Any]] = []
        self.used: set[int] = set()

    def hear(self, wish: Wish) -> None:
        event_id = wish.evidence["event_id"]
        if event_id and event_id in self.known:  # a replay, or another copy of the same event
            return
        if {"out": self._out, "in": self._in, "dead": self._dead}[wish.what](wish):
            self.known.add(event_id)
            self.used.add(wish.place)

    def _out(self, wish: Wish) -> bool:
        """Opt out. A further reason is a line too where what stands could be undone without it: see `_in`."""
        origin = _origin(wish)
        can_be_undone = all(event == _LEFT_A_LIST for _, event, _ in self.outs)
        if self.state == OPTED_OUT and (origin in self.outs or not can_be_undone):
            return False
        self._tell(wish, str(OPTED_OUT))
        self.outs.add(origin)
        return True

    def _in(self, wish: Wish) -> bool:
        """Who left one of the provider's lists and comes back to it opts in; no other opt-out is undone by that."""
        left = (wish.source, _LEFT_A_LIST, wish.evidence.get("group"))
        if self.state != OPTED_OUT or self.outs != {left}:
            return False
        self._tell(wish, str(OPTED_IN))
        self.outs = set()
        return True

    def _dead(self, wish: Wish) -> bool:
        if self.is_dead:
            return False
        self.is_dead, self.reason = True, str(wish.evidence.get("reason") or "")[:500]
        self._tell(wish, self.state)
        return True

    def _tell(self, wish: Wish, state: str) -> None:
        self.lines.append({
            "business": self.business_id, "client": wish.client_id, "address": self.address, "previous": self.state,
            "state": state, "source": wish.source, "evidence": wish.evidence,
        })  # fmt: skip
        self.state = state

    def row(self) -> dict[str, Any]:
        return {
            "business": self.business_id, "address": self.address, "state": self.state, "is_dead": self.is_dead,
            "reason": self.reason,
        }  # fmt: skip


def _origin(wish: Wish) -> tuple[str, str, str | None]:
    return wish.source, wish.evidence["event"], wish.evidence.get("group")


def _opt_outs_since_last_in(history: list[list[str | None]]) -> set[tuple[str, str, str | None]]:
    outs = set()
    for state, source, event, group, _ in history:  # newest first
        if state != OPTED_OUT:
            break
        if source != BOUNCE:
            outs.add((source or "", event or "", group))
    return outs
