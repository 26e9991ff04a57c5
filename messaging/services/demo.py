"""The demo's two businesses, so that whoever starts omega for the first time finds an inbox that lives."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from accounts.models import Business, Client, Location, Sender, Staff
from accounts.services.credentials import create_api_key, find_api_key
from conversations.models import Conversation
from conversations.services import threads
from conversations.services.timeline import NewMessage, append_messages, new_request_id
from messaging.models import Template
from messaging.services.demo_houses import HOUSES, House, Line, Person
from messaging.services.recording import record_message
from messaging.services.texts import TextToRecord
from omega_project.lib import sql

ADMIN = "admin"
KEY_NAME = "demo"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('omega:seed_demo', 0))"
_AT = """
UPDATE conversations_message SET created_at = %(at)s, sent_at = %(sent)s, delivered_at = %(sent)s WHERE id = %(id)s
"""
# By kind of a text: direction and status.
_TEXTS = {"in": ("inbound", "received"), "out": ("outbound", "delivered"), "lost": ("outbound", "undelivered")}
# As if omega had sent it, so that it can be tried again.
_LOST = """
UPDATE conversations_message m SET delivered_at = NULL, error_code = '30003', error_retryable = true, attempts = 1,
    due_at = m.created_at, error_message = 'The phone was switched off or out of reach.', provider = s.provider,
    sender_id = s.id
FROM accounts_sender s
WHERE m.id = %(id)s AND s.business_id = m.business_id AND s.channel = m.channel AND s.address = m.from_address
"""
# The told times instead of the moment of the telling, for the thread as a whole.
_SUMMARY = """
UPDATE conversations_conversation c SET created_at = t.began, updated_at = t.ended, last_message_at = t.ended,
    first_inbound_at = t.came, first_response_at = t.answered
FROM (
    SELECT min(created_at) AS began, max(created_at) FILTER (WHERE channel <> 'activity') AS ended,
        min(created_at) FILTER (WHERE direction = 'inbound') AS came,
        min(created_at) FILTER (WHERE direction = 'outbound' AND created_at > (
            SELECT min(created_at) FROM conversations_message
            WHERE conversation_id = %(id)s AND direction = 'inbound')) AS answered
    FROM conversations_message WHERE conversation_id = %(id)s
) t WHERE c.id = %(id)s
"""


def ensure_demo(known: dict[str, Any]) -> dict[str, Any]:
    """Make what of the demo is missing, and give its credentials: those of `known` where they still work.

    Two at once wait for each other; what a person changed in the demo stays.
    """

    def work() -> dict[str, Any]:
        sql.rows(_LOCK)
        businesses = [_ensure_house(house) for house in HOUSES]
        return known if _still_works(known, businesses) else _new_credentials(businesses)

    return sql.in_transaction(work)


def _still_works(known: dict[str, Any], businesses: list[Business]) -> bool:
    keys = {None: known.get("platform_api_key")}
    keys |= {item.get("id"): item.get("api_key") for item in known.get("businesses", [])}
    if set(keys) != {None, *(business.pk for business in businesses)}:
        return False
    found = {owner: find_api_key(key) if key else None for owner, key in keys.items()}
    admin = get_user_model().objects.filter(username=known.get("admin_username"), is_active=True).first()
    return (
        all(row is not None and row["business_id"] == owner for owner, row in found.items())
        and admin is not None
        and admin.check_password(known.get("admin_password"))
    )


def _new_credentials(businesses: list[Business]) -> dict[str, Any]:
    password = secrets.token_urlsafe(12)
    user, _ = get_user_model().objects.get_or_create(username=ADMIN, defaults={"email": "admin@omega.example"})
    user.is_staff = user.is_superuser = user.is_active = True
    user.set_password(password)
    user.save(update_fields=["is_staff", "is_superuser", "is_active", "password"])
    return {
        "admin_username": ADMIN,
        "admin_password": password,
        "platform_api_key": create_api_key(name=KEY_NAME),
        "businesses": [_described(business) for business in businesses],
    }


def _described(business: Business) -> dict[str, Any]:
    senders = dict(Sender.objects.in_business(business.pk).filter(is_default=True).values_list("channel", "address"))
    return {
        "id": business.pk,
        "name": business.name,
        "api_key": create_api_key(name=KEY_NAME, business_id=business.pk),
        "sms_sender": senders.get("sms"),
        "email_sender": senders.get("email"),
    }


def _ensure_house(house: House) -> Business:
    found = Business.objects.filter(external_id=house.external_id).first()
    return found or _make_house(house)


def _make_house(house: House) -> Business:
    business = Business.objects.create(external_id=house.external_id, name=house.name, timezone=house.timezone)
    places = [
        Location.objects.create(business=business, external_id=f"loc-{n}", name=name, address=address, phone=phone)
        for n, (name, address, phone) in enumerate(house.locations, start=1)
    ]
    staff = [_make_staff(business, place, *one) for place, one in enumerate(house.staff)]
    for n, member in enumerate(staff):
        member.locations.set(places if n == 0 else [places[n % len(places)]])
    Sender.objects.create(business=business, channel="sms", address=house.sms, provider="twilio", is_default=True)
    Sender.objects.create(business=business, channel="email", address=house.email, provider="sendgrid", is_default=True)
    for name, channel, subject, body in house.templates:
        Template.objects.create(business=business, name=name, channel=channel, subject=subject, body=body)
    for n, person in enumerate(house.people, start=1):
        _tell(business, house, staff, _make_client(business, person, n, places[n % len(places)]), person)
    return business


def _make_staff(business: Business, place: int, name: str, role: str, availability: str) -> Staff:
    domain = str(business.external_id).removeprefix("demo-")
    return Staff.objects.create(
        business=business, external_id=f"staff-{place + 1}", name=name, role=role, availability=availability,
        email=f"{name.split()[0].lower()}@{domain}.example",
    )  # fmt: skip


def _make_client(business: Business, person: Person, number: int, home: Location) -> Client:
    return Client.objects.create(
        business=business, external_id=f"client-{number}", first_name=person.first, last_name=person.last,
        phone=person.phone, email=person.email, home_location=home, tags=list(person.tags),
    )  # fmt: skip


def _tell(business: Business, house: House, staff: list[Staff], client: Client, person: Person) -> None:
    """Put a person's lines into the timeline by the services that the API uses, at the times that they tell."""
    if not person.lines:
        return
    made, _ = threads.ensure_conversation(
        business_id=business.pk, client_id=client.pk, location_id=client.home_location_id,
        assigned_to=None if person.owner is None else staff[person.owner].pk,
    )  # fmt: skip
    thread, speaker = Conversation.objects.get(pk=made), staff[person.owner or 0]
    now = timezone.now()
    for line in person.lines:
        message_id = _say(house, thread, client, speaker, line)
        _set_time(
            message_id, now - timedelta(minutes=line.minutes_ago), is_out=line.kind in {"out", "lost", "mail_out"}
        )
        if line.kind == "lost":
            sql.rows(_LOST, {"id": message_id})
    _arrange(thread, person, now)


def _say(house: House, thread: Conversation, client: Client, speaker: Staff, line: Line) -> int:
    if line.kind not in _TEXTS:
        return _write(house, thread, client, speaker, line)
    direction, status = _TEXTS[line.kind]
    inbound = direction == "inbound"
    text = TextToRecord(
        business_id=thread.business_id, direction=direction, client_id=client.pk,
        status=status, body=line.text, staff_id=None if inbound else speaker.pk,
        to=house.sms if inbound else None, from_=None if inbound else house.sms,
    )  # fmt: skip
    return record_message(text).message_id


# By kind: channel, direction, status.
_WRITTEN = {
    "note": ("note", "internal", "received"),
    "mail_in": ("email", "inbound", "received"),
    "mail_out": ("email", "outbound", "delivered"),
}


def _write(house: House, thread: Conversation, client: Client, speaker: Staff, line: Line) -> int:
    """A note or a mail, straight into the timeline: nobody is to be told of it."""
    channel, direction, status = _WRITTEN[line.kind]
    ends = {"mail_in": (client.email, house.email), "mail_out": (house.email, client.email)}.get(line.kind, ("", ""))
    message = NewMessage(
        business_id=thread.business_id, conversation_id=thread.pk, client_id=client.pk, channel=channel,
        direction=direction, status=status, request_id=new_request_id(), body=line.text, subject=line.subject,
        from_address=ends[0], to_address=ends[1], staff_id=None if line.kind == "mail_in" else speaker.pk,
        is_read=line.kind != "mail_in", decision={"source": "record"},
    )  # fmt: skip
    return int(append_messages([message])[0]["id"])


def _set_time(message_id: int, at: datetime, *, is_out: bool) -> None:
    sql.rows(_AT, {"id": message_id, "at": at, "sent": at if is_out else None})


def _arrange(thread: Conversation, person: Person, now: datetime) -> None:
    """What was answered is read; labels, status and the thread's own times."""
    answered = [line.minutes_ago for line in person.lines if line.kind in {"out", "mail_out"}]
    if answered or not person.unread:
        chosen = {"before": now - timedelta(minutes=min(answered))} if person.unread else {}
        threads.mark_read(conversation_id=thread.pk, is_read=True, chosen=chosen)
    if person.labels:
        threads.set_labels(conversation=thread, labels=list(person.labels))
    if person.status != Conversation.Status.OPEN:
        threads.change_status(conversation=thread, status=person.status, snoozed_until=None, actor_id=None)
    sql.rows(
        "UPDATE conversations_message SET created_at = %(at)s WHERE conversation_id = %(id)s AND channel = 'activity'",
        {"id": thread.pk, "at": now - timedelta(minutes=person.lines[-1].minutes_ago)},
    )
    sql.rows(_SUMMARY, {"id": thread.pk})
