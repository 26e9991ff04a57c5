"""The steps `locations` and `staff`: the sync's own rows and checks, and a mail to those who have an address."""

from typing import Any

from accounts.services import sync
from omega_project.lib import sql
from onboarding.services import plan, wakeup
from onboarding.services.steps import Done, Result, Run, Skipped, Stuck, counted

# A member who was invited before is not again, whatever onboarding says.
_INVITE = """
INSERT INTO onboarding_invitation (onboarding_id, staff_id, status, attempts, due_at, error, created_at)
SELECT %(onboarding)s::bigint, s.id, 'due', 0, clock_timestamp(), '', clock_timestamp() FROM accounts_staff s
WHERE s.business_id = %(business)s::bigint AND s.external_id = ANY(%(external_ids)s::text[]) AND s.email <> ''
    AND s.is_active
ON CONFLICT (staff_id) DO NOTHING RETURNING id
"""
_INVITED = "SELECT count(*) AS n FROM onboarding_invitation WHERE onboarding_id = %(onboarding)s::bigint"


def make_locations(run: Run) -> Result:
    """Make the locations as the request has them."""
    # The hours are the step `defaults`' own: a sync knows them not.
    rows = [{name: value for name, value in row.items() if name != "hours"} for row in run.wanted["locations"]]
    if not rows:
        return Skipped("The request names no locations.")
    _require_all(sync.sync_locations(business_id=run.business_id, rows=rows), "location")
    return Done(f"{counted(len(rows), 'location')} made.")


def make_staff(run: Run) -> Result:
    """Make the staff, the owner among them, and write down who is to be invited."""
    rows = plan.staff_rows(run.wanted)
    if not rows:
        return Skipped("The request names no staff.")
    _require_all(sync.sync_staffs(business_id=run.business_id, rows=rows), "staff member")
    if not run.wanted["settings"]["invitations"]:
        return Done(f"{counted(len(rows), 'staff member')} made.")
    invited = _invite(run, [row["external_id"] for row in rows])
    return Done(f"{counted(len(rows), 'staff member')} made, {invited} of them told by mail.")


def _invite(run: Run, external_ids: list[str]) -> int:
    params: dict[str, Any] = {"onboarding": run.onboarding_id, "business": run.business_id}
    if sql.rows(_INVITE, params | {"external_ids": external_ids}):
        wakeup.wake_invite()
    return int(sql.rows(_INVITED, {"onboarding": run.onboarding_id})[0]["n"])


def _require_all(answer: dict[str, Any], noun: str) -> None:
    bad = next((row for row in answer["results"] if row["outcome"] == "failed"), None)
    if bad is not None:
        fault = bad["errors"][0]
        raise Stuck(f"The {noun} {bad['external_id']} cannot be made: {fault['loc'][-1]} {fault['msg']}.")
