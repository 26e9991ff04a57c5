"""The consent columns of clients: copies of the ledger, made anew where a client's address is another one."""

from collections.abc import Sequence

from omega_project.lib import sql

# An opt-out never gets lost: who had opted out has so at the new address. It is written into the ledger as well where
# the address has no word of its own there and is nobody else's in the business.
_CARRY = """
WITH carried AS (
    INSERT INTO messaging_consent (business_id, channel, address, state, updated_at)
    SELECT DISTINCT c.business_id, %(channel)s::text, c.{address}, 'opted_out', now() FROM accounts_client c
    WHERE c.id = ANY(%(ids)s::bigint[]) AND c.consent_{channel} = 'opted_out' AND c.{address} <> ''
      AND NOT EXISTS (SELECT 1 FROM accounts_client o WHERE o.business_id = c.business_id
                      AND o.{address} = c.{address} AND o.{address} <> '' AND o.id <> c.id)
    ON CONFLICT DO NOTHING RETURNING business_id, address
)
INSERT INTO messaging_consentchange (business_id, client_id, channel, address, previous, state, source, evidence, at)
SELECT c.business_id, c.id, %(channel)s::text, c.{address}, 'unknown', 'opted_out', 'import',
    jsonb_build_object('reason', 'the client had opted out at another address before'), now()
FROM carried k JOIN accounts_client c ON c.business_id = k.business_id AND c.{address} = k.address
WHERE c.id = ANY(%(ids)s::bigint[])
"""
_COPY = """
UPDATE accounts_client c SET consent_{channel} = x.state
FROM (
    SELECT p.id, COALESCE(t.state, 'unknown') AS state FROM accounts_client p
    LEFT JOIN messaging_consent t
        ON t.business_id = p.business_id AND t.channel = %(channel)s::text AND t.address = p.{address}
    WHERE p.id = ANY(%(ids)s::bigint[])
) x
WHERE c.id = x.id AND c.consent_{channel} <> 'opted_out' AND c.consent_{channel} <> x.state
"""
_ADDRESS = {"sms": "phone", "voice": "phone", "email": "email"}


def refresh_clients(*, phones: Sequence[int] = (), emails: Sequence[int] = ()) -> None:
    """Show the consent of the present addresses of these clients (by id), whose phone or e-mail has changed."""

    def work() -> None:
        for channel, address in _ADDRESS.items():
            ids = phones if address == "phone" else emails
            if ids:
                _refresh(channel, address, sorted(ids))

    sql.in_transaction(work)


def _refresh(channel: str, address: str, ids: list[int]) -> None:
    params = {"ids": ids, "channel": channel}
    sql.rows(_CARRY.format(channel=channel, address=address), params)
    sql.rows(_COPY.format(channel=channel, address=address), params)
