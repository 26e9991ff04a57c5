"""The step `defaults`: the templates, opening hours and manner of taking calls of a business's first day."""

from typing import Any

from accounts.models import Location
from messaging.models import Template
from onboarding.services.steps import Done, Result, Run, counted
from voice.services.preferences import save_preferences

TEMPLATES: tuple[dict[str, str], ...] = (
    {
        "name": "Appointment reminder",
        "channel": "sms",
        "body": "Hi {{ client.first_name }}, see you on {{ day }} at {{ time }}. {{ business.name }}",
    },
    {
        "name": "Appointment confirmed",
        "channel": "sms",
        "body": "Thank you, {{ client.first_name }}: you are booked for {{ day }} at {{ time }}. {{ business.name }}",
    },
    {
        "name": "Running late",
        "channel": "sms",
        "body": "No problem, {{ client.first_name }}: we keep your place for 15 minutes.",
    },
    {
        "name": "After the visit",
        "channel": "sms",
        "body": "Thank you for your visit, {{ client.first_name }}. How was it? Just answer here. {{ business.name }}",
    },
    {
        "name": "Welcome",
        "channel": "email",
        "subject": "Welcome to {{ business.name }}",
        "body": "Hi {{ client.first_name }},\n\nwelcome! We look forward to your first visit.\n\n{{ business.name }}",
    },
)


def make_defaults(run: Run) -> Result:
    """What the request says, or omega's own. What the business has by now stays as it is."""
    count = _make_templates(run)
    opened = _set_hours(run)
    _set_voice(run)
    hours = f"hours of {counted(opened, 'location')} set" if opened else "no opening hours set: calls ring at any hour"
    return Done(f"{counted(count, 'template')} at hand; {hours}.")


def _make_templates(run: Run) -> int:
    given: list[dict[str, Any]] | None = run.wanted["settings"]["templates"]
    rows = list(TEMPLATES) if given is None else given
    made = [Template(business_id=run.business_id, **row) for row in rows]
    Template.objects.bulk_create(made, ignore_conflicts=True)
    return len(rows)


def _set_hours(run: Run) -> int:
    """The hours of each location that names some, and of the others those for all; how many were set."""
    for_all = run.wanted["settings"]["hours"]
    found = 0
    for row in run.wanted["locations"]:
        hours = row["hours"] if row["hours"] is not None else for_all
        if hours is not None:
            own = Location.objects.in_business(run.business_id).filter(external_id=row["external_id"], hours={})
            found += own.update(hours=hours)
    return found


def _set_voice(run: Run) -> None:
    given = {name: value for name, value in (run.wanted["settings"]["voice"] or {}).items() if value is not None}
    if given:
        save_preferences(business_id=run.business_id, **given)
