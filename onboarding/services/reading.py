"""How far an onboarding is, as the API and the admin tell it."""

from typing import Any

from omega_project.lib import sql

_FOUND = """
SELECT o.id AS onboarding_id, o.business_id, o.status FROM onboarding_onboarding o
WHERE (o.id = %(id)s::bigint OR o.business_id = %(business)s::bigint)
"""
_STEPS = """
SELECT name, status, detail, at FROM onboarding_onboardingstep WHERE onboarding_id = %(id)s::bigint ORDER BY place
"""


def status_of(*, onboarding_id: int | None = None, business_id: int | None = None) -> dict[str, Any] | None:
    """An onboarding with its steps, by its own id or its business's; None where there is none."""
    found = sql.row(_FOUND, {"id": onboarding_id, "business": business_id})
    if found is None:
        return None
    steps = sql.rows(_STEPS, {"id": found["onboarding_id"]})
    return found | {"steps": [row | {"detail": row["detail"] or None} for row in steps]}
