"""Who is on both ends of a call: the business, its staff, the client and their thread, each in one statement."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from accounts.services import hours
from messaging.services import parties as addresses
from messaging.services.consent import OPTED_OUT
from omega_project.lib import sql
from omega_project.lib.addresses import normalise_party, normalise_phone
from omega_project.lib.clean import storable
from voice.services.numbers import WITHHELD, is_withheld
from voice.services.preferences import SELECTED, Preferences, preferences_in

# Twilio rings ten phones at once at the most (providers.md, 5).
MOST_PHONES = 10

_CLIENT_BY_PHONE = """
    SELECT p.* FROM (
        SELECT id FROM accounts_client WHERE business_id = b.id AND phone = %(phone)s::text AND phone <> ''
        UNION ALL
        SELECT client_id FROM accounts_clientaddress
        WHERE business_id = b.id AND kind = 'phone' AND address = %(phone)s::text
    ) k JOIN accounts_client p ON p.id = k.id LEFT JOIN conversations_conversation w ON w.client_id = p.id
    WHERE p.merged_into_id IS NULL
    ORDER BY p.phone = %(phone)s::text DESC, w.last_message_at DESC NULLS LAST, p.id DESC LIMIT 1
"""
_CALLED = f"""
SELECT s.id AS sender_id, s.address AS own_number, b.id AS business_id, b.name AS business_name,
    b.timezone AS business_timezone, c.id AS client_id, c.first_name, c.last_name, c.is_blocked,
    v.id AS conversation_id, v.status AS conversation_status, l.id AS location_id, l.phone AS location_phone,
    l.timezone AS location_timezone, l.hours::text AS hours,
    (SELECT true FROM accounts_sender o WHERE o.channel IN ('voice', 'sms') AND o.address = l.phone LIMIT 1)
        IS NOT NULL AS phone_is_ours,
    a.id AS assignee_id,
    (SELECT array_agg(t.id ORDER BY t.here DESC, t.id) FROM (
        SELECT m.id, (SELECT true FROM accounts_staff_locations x WHERE x.staff_id = m.id AND x.location_id = l.id)
            IS NOT NULL AS here
        FROM accounts_staff m
        WHERE m.business_id = b.id AND m.is_active AND m.availability = 'available' AND m.id IS DISTINCT FROM a.id
          AND (l.id IS NULL OR NOT EXISTS (SELECT 1 FROM accounts_staff_locations x WHERE x.staff_id = m.id)
               OR EXISTS (SELECT 1 FROM accounts_staff_locations x WHERE x.staff_id = m.id AND x.location_id = l.id))
        ORDER BY here DESC, m.id LIMIT {MOST_PHONES}) t) AS team,
    CASE WHEN l.id IS NULL THEN (
        SELECT jsonb_agg(jsonb_build_array(o.hours, o.timezone)) FROM accounts_location o
        WHERE o.business_id = b.id AND o.is_active)::text END AS all_hours,
    {SELECTED}
FROM accounts_sender s JOIN accounts_business b ON b.id = s.business_id
LEFT JOIN voice_voicesettings p ON p.business_id = b.id
LEFT JOIN LATERAL ({_CLIENT_BY_PHONE}) c ON true
LEFT JOIN conversations_conversation v ON v.client_id = c.id
LEFT JOIN accounts_location l ON l.is_active AND l.id = COALESCE(s.location_id, v.location_id, c.home_location_id, (
    SELECT CASE WHEN count(*) = 1 THEN min(o.id) END FROM accounts_location o
    WHERE o.business_id = b.id AND o.is_active))
LEFT JOIN accounts_staff a ON a.id = v.assigned_to_id AND a.is_active AND a.availability = 'available'
WHERE s.channel IN ('voice', 'sms') AND s.address = %(number)s::text {{whose}}
ORDER BY s.channel = 'voice' DESC, s.is_active DESC LIMIT 1
"""  # noqa: S608  parts of our own
# Two statements, so that each has one plan for all values: planning anew would take longer than running it.
_OF_ANY, _OF_ONE = (_CALLED.format(whose=one) for one in ("", "AND s.business_id = %(business)s::bigint"))
_CALLING = f"""
SELECT b.id AS business_id, b.name AS business_name, b.country, b.status AS business_status, t.id AS staff_id,
    t.is_active AS staff_is_active, c.id AS client_id, c.is_blocked, c.consent_voice, h.phone,
    (SELECT state FROM messaging_consent WHERE business_id = b.id AND channel = 'voice' AND address = h.phone)
        AS address_consent,
    v.id AS conversation_id, v.status AS conversation_status, s.id AS sender_id, s.address AS caller_id, {SELECTED}
FROM accounts_business b
LEFT JOIN accounts_staff t ON t.id = %(staff)s::bigint AND t.business_id = b.id
LEFT JOIN voice_voicesettings p ON p.business_id = b.id
LEFT JOIN LATERAL (
    SELECT kept.* FROM accounts_client named
    JOIN accounts_client kept ON kept.id = COALESCE(named.merged_into_id, named.id)
    WHERE %(client)s::bigint IS NOT NULL AND named.id = %(client)s::bigint AND named.business_id = b.id
    UNION ALL
    (SELECT found.* FROM ({_CLIENT_BY_PHONE}) found WHERE %(client)s::bigint IS NULL)
) c ON true
LEFT JOIN LATERAL (
    SELECT CASE WHEN c.id IS NULL THEN %(phone)s::text
        WHEN %(phone)s::text <> c.phone AND EXISTS (
            SELECT 1 FROM accounts_clientaddress WHERE business_id = b.id AND kind = 'phone'
            AND address = %(phone)s::text AND client_id = c.id) THEN %(phone)s::text
        ELSE c.phone END AS phone
) h ON true
LEFT JOIN conversations_conversation v ON v.client_id = c.id
LEFT JOIN LATERAL (
    SELECT n.id, n.address FROM accounts_sender n
    WHERE n.business_id = b.id AND n.channel IN ('voice', 'sms') AND n.is_active
      AND n.address ~ '^[+][1-9][0-9]{{7,14}}$'
    ORDER BY n.channel = 'voice' DESC, n.location_id = v.location_id DESC NULLS LAST,
        n.id = v.last_sender_id DESC NULLS LAST, n.location_id = c.home_location_id DESC NULLS LAST,
        (SELECT true FROM accounts_staff_locations x WHERE x.staff_id = t.id AND x.location_id = n.location_id)
            DESC NULLS LAST,
        n.is_default DESC, n.id
    LIMIT 1
) s ON true
WHERE b.id = %(business)s::bigint
"""  # noqa: S608  parts of our own


@dataclass(frozen=True, slots=True)
class Called:
    """A client calls one of a business's numbers. `caller` is in E.164, or `anonymous` where it is withheld."""

    caller: str
    row: dict[str, Any]
    preferences: Preferences

    @property
    def own_number(self) -> str:
        return str(self.row["own_number"])

    @property
    def team(self) -> list[int]:
        """The available staff of the location, the assignee apart."""
        return self.row["team"] or []

    @property
    def phone(self) -> str:
        """The location's own phone, where ringing it does not call us again."""
        if self.row["phone_is_ours"] or not self.row["location_phone"]:
            return ""
        try:
            return normalise_phone(self.row["location_phone"])
        except ValueError:
            return ""

    def is_open(self, at: datetime | None = None) -> bool:
        """Whether it rings now; where no location is known, whether any of the business's is open."""
        row, now = self.row, at or datetime.now(UTC)
        if row["location_id"] is not None:
            return hours.is_open_by(_json(row["hours"]), (row["location_timezone"], row["business_timezone"]), now)
        places = _json(row["all_hours"]) or [({}, "")]
        return any(hours.is_open_by(one, (zone, row["business_timezone"]), now) for one, zone in places)


@dataclass(frozen=True, slots=True)
class Calling:
    """A staff member calls a client. `phone` is the client's number, `caller_id` the business's."""

    to: str | None
    row: dict[str, Any]
    preferences: Preferences

    @property
    def phone(self) -> str:
        return str(self.row["phone"] or "")

    @property
    def is_opted_out(self) -> bool:
        return OPTED_OUT in (self.row["address_consent"], self.row["consent_voice"])

    @property
    def countries(self) -> frozenset[str]:
        """Where the business calls: its own country, and those that its settings allow."""
        return frozenset({self.row["country"], *self.preferences.allowed_countries})


def _json(text: str | None) -> Any:
    return orjson.loads(text) if text else None


def called(form: Mapping[str, str], business_id: int | None) -> Called | None:
    """Both ends of a call that came in; None where no business (or not this one) has the number."""
    raw = storable(form.get("From", ""))
    caller = WITHHELD if is_withheld(raw) else normalise_party(raw)
    number = normalise_party(storable(form.get("To") or form.get("Called") or ""))
    params = {"phone": caller, "number": number}
    row = sql.row(_OF_ANY, params) if business_id is None else sql.row(_OF_ONE, params | {"business": business_id})
    return None if row is None else Called(caller, row, preferences_in(row))


def calling(*, business_id: int, staff_id: int, to: str, client_id: int | None) -> Calling | None:
    """Both ends of a call that a staff member places; None where there is no such business.

    ValueError with a sentence where `to` is no phone number.
    """
    phone = normalise_phone(to, addresses.country(business_id)) if to.strip() else None
    params = {"business": business_id, "staff": staff_id, "client": client_id, "phone": phone or ""}
    row = sql.row(_CALLING, params)
    return None if row is None else Calling(phone, row, preferences_in(row))
