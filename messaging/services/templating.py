"""The book of templates: made, changed, listed, and shown as they would go."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from conversations.services.reading import Narrowing, Order, Source, page_rows
from messaging.models import Template
from messaging.segments import count_segments
from messaging.services.parties import Facts
from messaging.services.sending import Draft
from messaging.services.templates import VARIABLE, variables_of
from omega_project.lib import sql
from omega_project.lib.api.errors import Conflict, NotFound
from omega_project.lib.api.pagination import Cursor

# What omega fills in by itself, where it is known.
KNOWN = (
    "client.first_name", "client.last_name", "client.name", "client.phone", "client.email", "staff.name",
    "staff.first_name", "business.name", "location.name", "location.phone", "location.address",
)  # fmt: skip
BY_NAME = Order("t.name", "text", descending=False, tie="t.id")
_ROWS = """
SELECT t.id, t.business_id, t.name, t.channel, t.language, t.subject, t.body, t.created_at, t.updated_at {extra}
FROM page t ORDER BY {order}
"""
TEMPLATES = Source("messaging_template t", "t.*", "t.*", _ROWS)
_KNOWN = """
SELECT b.name AS business_name, c.id AS client_id, c.first_name, c.last_name, c.phone, c.email, s.id AS staff_id,
    s.name AS staff_name, l.name AS location_name, l.phone AS location_phone, l.address AS location_address
FROM accounts_business b
LEFT JOIN accounts_client c ON c.id = %(client)s::bigint AND c.business_id = b.id
LEFT JOIN accounts_staff s ON s.id = %(staff)s::bigint AND s.business_id = b.id
LEFT JOIN conversations_conversation v ON v.client_id = c.id
LEFT JOIN accounts_location l ON l.id = COALESCE(v.location_id, c.home_location_id)
WHERE b.id = %(business)s::bigint
"""


def create_template(*, business_id: int, **values: Any) -> Template:
    """A new template; 409 `name_taken` where its business has one of this name."""
    try:
        with transaction.atomic():
            return Template.objects.create(business_id=business_id, **values)
    except IntegrityError as error:
        raise _taken(values["name"]) from error


def change_template(template: Template, **changes: Any) -> Template:
    """The template with these values; 409 `name_taken` where another has the name."""
    if not changes:
        return template
    for name, value in changes.items():
        setattr(template, name, value)
    try:
        with transaction.atomic():
            Template.objects.filter(pk=template.pk).update(**changes, updated_at=timezone.now())
    except IntegrityError as error:
        raise _taken(template.name) from error
    template.refresh_from_db()
    return template


def _taken(name: str) -> Conflict:
    return Conflict(f"There is a template named {name!r} in this business already.", "name_taken")


def narrowed(business_id: int, text: str | None, channel: str | None, language: str | None) -> Narrowing:
    """The business's templates with a part of the name or text, of a channel, in a language."""
    found = Narrowing(["t.business_id = %(business)s::bigint"], {"business": business_id})
    for place, word in enumerate((text or "").split()[:5]):
        condition = f"position(%(w{place})s::text IN upper(t.name || ' ' || t.body)) > 0"
        found.add(condition, **{f"w{place}": word.upper()})
    if channel is not None:
        found.add("t.channel = %(channel)s::text", channel=channel)
    if language is not None:
        found.add("t.language = %(language)s::text", language=language)
    return found


def template_rows(narrowing: Narrowing, *, limit: int, cursor: Cursor | None = None) -> list[dict[str, Any]]:
    """`limit` templates by name: one query."""
    return page_rows(TEMPLATES, narrowing, BY_NAME, limit=limit, cursor=cursor)


def known_variables(*, business_id: int, client_id: int | None = None, staff_id: int | None = None) -> dict[str, str]:
    """What a template may say of the business, the client and the staff member; 404 for those of another business.

    A name that is not known is left out, so that a template that wants it says so.
    """
    row = sql.row(_KNOWN, {"business": business_id, "client": client_id, "staff": staff_id})
    if row is None or (client_id is not None and row["client_id"] is None):
        raise NotFound("There is no such client in this business.")
    if staff_id is not None and row["staff_id"] is None:
        raise NotFound("There is no such staff member in this business.")
    found = {
        "business.name": row["business_name"], "client.first_name": row["first_name"],
        "client.last_name": row["last_name"], "client.name": _whole(row["first_name"], row["last_name"]),
        "client.phone": row["phone"], "client.email": row["email"], "staff.name": row["staff_name"],
        "staff.first_name": (row["staff_name"] or "").split(" ")[0], "location.name": row["location_name"],
        "location.phone": row["location_phone"], "location.address": row["location_address"],
    }  # fmt: skip
    return {name: value for name, value in found.items() if value}


def known_for(draft: Draft, facts: Facts, *texts: str) -> dict[str, str]:
    """What the texts of a draft may say by themselves; nothing is asked where none of them wants it."""
    wanted = [name for name in variables_of(" ".join(texts)) if "." in name and name not in draft.variables]
    if not wanted:
        return {}
    return known_variables(business_id=draft.business_id, client_id=facts.client_id, staff_id=draft.staff_id)


def _whole(first: str | None, last: str | None) -> str:
    return f"{first or ''} {last or ''}".strip()


def preview(template: Template, variables: Mapping[str, str]) -> dict[str, Any]:
    """The template as it would go; what is missing stands as it is and is named."""

    def filled(text: str) -> str:
        return VARIABLE.sub(lambda match: variables.get(match[1], match[0]), text)

    body = filled(template.body)
    segments = count_segments(body) if template.channel == "sms" else None
    return {
        "subject": filled(template.subject),
        "body": body,
        "missing": [name for name in variables_of(f"{template.subject} {template.body}") if name not in variables],
        "characters": len(body),
        "segments": segments.count if segments else None,
        "encoding": segments.encoding if segments else None,
    }
