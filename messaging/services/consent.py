"""Consent: who may be written to, changed by a word, a provider, a caller or staff; each change is kept for ever."""

from datetime import datetime
from typing import Any

import orjson

from accounts.models import Client, ConsentState
from messaging.models import ConsentChange
from omega_project.lib import sql

OPTED_OUT, OPTED_IN = ConsentState.OPTED_OUT, ConsentState.OPTED_IN
# The client's address on each channel.
ADDRESS_FIELD = {"sms": "phone", "email": "email", "voice": "phone"}

_SET = """
WITH before AS (
    SELECT state FROM messaging_consent
    WHERE business_id = %(business)s AND channel = %(channel)s AND address = %(address)s
), now_is AS (
    INSERT INTO messaging_consent (business_id, channel, address, state, updated_at)
    VALUES (%(business)s, %(channel)s, %(address)s, %(state)s, now())
    ON CONFLICT (business_id, channel, address) DO UPDATE SET state = EXCLUDED.state, updated_at = now()
        WHERE messaging_consent.state <> EXCLUDED.state
    RETURNING 1
)
INSERT INTO messaging_consentchange (business_id, client_id, channel, address, previous, state, source, evidence, at)
SELECT %(business)s, %(client)s, %(channel)s, %(address)s, COALESCE((SELECT state FROM before), 'unknown'), %(state)s,
       %(source)s, %(evidence)s::jsonb, now()
FROM now_is
RETURNING id
"""
_LIFT = """
WITH lifted AS (
    UPDATE messaging_consent SET bounced_at = NULL, bounce_reason = '', updated_at = now()
    WHERE business_id = %(business)s AND channel = 'email' AND address = %(address)s AND bounced_at IS NOT NULL
    RETURNING state
)
INSERT INTO messaging_consentchange (business_id, channel, address, previous, state, source, evidence, at)
SELECT %(business)s, 'email', %(address)s, state, state, 'staff', %(evidence)s::jsonb, now() FROM lifted
RETURNING id
"""
_STATE = """
SELECT state FROM messaging_consent WHERE business_id = %(business)s AND channel = %(channel)s AND address = %(address)s
"""


def change_consent(
    *,
    business_id: int,
    channel: str,
    address: str,
    state: str,
    source: str,
    evidence: dict[str, Any],
    client_id: int | None = None,
) -> bool:
    """Set the consent of an address on a channel; False where it was so already. Call in a transaction.

    Every client of the business who has the address shows the new state. Only an explicit START (source `keyword`),
    a caller or staff may opt in: see `hears_keyword`.
    """
    params = {
        "business": business_id, "client": client_id, "channel": channel, "address": address, "state": state,
        "source": source, "evidence": orjson.dumps(evidence).decode(),
    }  # fmt: skip
    changed = bool(sql.rows(_SET, params))
    holders = Client.objects.in_business(business_id).filter(**{ADDRESS_FIELD[channel]: address})
    holders.exclude(**{f"consent_{channel}": state}).update(**{f"consent_{channel}": state})
    return changed


def lift_bounce(*, business_id: int, address: str, by: str) -> bool:
    """Let mail go again to an address that turned it away for good; False where none did. The ledger says by whom.

    The provider may keep a list of its own and drop the next mail all the same.
    """
    evidence = {"event": "bounce_lifted", "by": by}
    params = {"business": business_id, "address": address, "evidence": orjson.dumps(evidence).decode()}
    return bool(sql.rows(_LIFT, params))


def state_of(*, business_id: int, channel: str, address: str) -> str:
    """The consent of an address: `opted_in`, `opted_out` or `unknown`."""
    found = sql.row(_STATE, {"business": business_id, "channel": channel, "address": address})
    return str(found["state"]) if found else str(ConsentState.UNKNOWN)


def hears_keyword(
    *,
    keyword: str,
    business_id: int,
    client_id: int,
    address: str,
    evidence: dict[str, Any],
    source: str = "keyword",
    said_at: datetime | None = None,
) -> None:
    """STOP opts out, START opts in, HELP changes nothing; no other message ever opts in. Call in a transaction.

    `said_at` is for a word that is heard of late: what was said after it counts, not it.
    """
    state = {"stop": OPTED_OUT, "start": OPTED_IN}.get(keyword)
    if state is None or (said_at is not None and _said_since(business_id, address, said_at)):
        return
    change_consent(
        business_id=business_id, channel="sms", address=address, state=state, source=source, evidence=evidence,
        client_id=client_id,
    )  # fmt: skip


# An opt-in that a caller or staff wrote without the client's word knew nothing of a STOP that is heard only now.
_SAID_SINCE = """
SELECT 1 AS one FROM messaging_consentchange
WHERE business_id = %(business)s AND channel = 'sms' AND address = %(address)s AND at > %(at)s
  AND NOT (source IN ('api', 'staff') AND state = 'opted_in' AND COALESCE(evidence ->> 'confirmed', '') <> 'true')
LIMIT 1
"""


def _said_since(business_id: int, address: str, at: datetime) -> bool:
    return bool(sql.rows(_SAID_SINCE, {"business": business_id, "address": address, "at": at}))


def history(*, business_id: int, client: Client) -> list[ConsentChange]:
    """Every change of the client's present addresses, newest first."""
    addresses = [a for a in (client.phone, client.email) if a]
    found = ConsentChange.objects.in_business(business_id).filter(address__in=addresses)
    return list(found.order_by("-id")[:200])
