"""The step `api_key`, and the one read of the key."""

import structlog
from django.utils import timezone

from accounts.services.credentials import create_api_key
from omega_project.lib import sealing, sql
from onboarding.models import Onboarding
from onboarding.services.steps import Done, Result, Run

log = structlog.get_logger(__name__)
# Of two readers at one instant the second waits for the first, and then finds nothing.
_TAKE = """
WITH found AS (
    SELECT id, api_key FROM onboarding_onboarding
    WHERE id = %(id)s::bigint AND status = 'completed' AND api_key IS NOT NULL FOR UPDATE
)
UPDATE onboarding_onboarding o SET api_key = NULL, api_key_read_at = clock_timestamp() FROM found
WHERE o.id = found.id RETURNING found.api_key
"""


def make_key(run: Run) -> Result:
    """Make the business's key and keep it, sealed, for the first who asks; once, in one transaction."""
    sql.in_transaction(lambda: _make(run))
    return Done("The key is given to the first who reads this onboarding's status.")


def _make(run: Run) -> None:
    onboarding = Onboarding.objects.select_for_update().get(pk=run.onboarding_id)
    if onboarding.api_key_made_at is not None:
        return
    key = create_api_key(name="onboarding", business_id=run.business_id)
    onboarding.api_key, onboarding.api_key_made_at = sealing.seal({"key": key}), timezone.now()
    onboarding.save(update_fields=["api_key", "api_key_made_at", "updated_at"])


def take_key(*, onboarding_id: int) -> str | None:
    """The key, for the first who asks after completion; None for everybody else.

    One that opens with none of the ENCRYPTION_KEYS stays where it is, until the right one is back.
    """

    def work() -> str | None:
        found = sql.row(_TAKE, {"id": onboarding_id})
        return str(sealing.unseal(found["api_key"])["key"]) if found else None

    try:
        return sql.in_transaction(work)
    except sealing.CannotOpen:
        log.error("onboarding.sealed", onboarding_id=onboarding_id)
        return None
