"""The demo's two businesses, so that whoever starts omega for the first time finds an inbox that lives."""

import secrets
from dataclasses import dataclass
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
from messaging.services.recording import TextToRecord, record_message
from omega_project.lib import sql

ADMIN = "admin"
KEY_NAME = "demo"


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a told conversation; `kind` is in, out, note, mail_in or mail_out."""

    minutes_ago: int
    kind: str
    text: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """A client and what was said; `owner` is the place in the staff list of who looks after it."""

    first: str
    last: str
    phone: str
    email: str
    lines: tuple[Line, ...] = ()
    owner: int | None = None
    unread: bool = False
    tags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    status: str = "open"


@dataclass(frozen=True, slots=True)
class House:
    """A demo business; `external_id` is how a second start knows it."""

    external_id: str
    name: str
    timezone: str
    sms: str
    email: str
    locations: tuple[tuple[str, str, str], ...]
    staff: tuple[tuple[str, str, str], ...]
    templates: tuple[tuple[str, str, str, str], ...]
    people: tuple[Person, ...]


LOTUS = House(
    external_id="demo-lotus",
    name="Lotus Day Spa",
    timezone="America/New_York",
    sms="+12125550160",
    email="hello@lotus.example",
    locations=(
        ("Lotus SoHo", "112 Greene Street, New York, NY 10012", "+12125550160"),
        ("Lotus Brooklyn", "88 Bergen Street, Brooklyn, NY 11201", "+17185550161"),
    ),
    staff=(
        ("Mei Tanaka", "owner", "available"),
        ("Daniel Ortiz", "manager", "available"),
        ("Priya Shah", "agent", "available"),
        ("Grace Lindqvist", "agent", "away"),
        ("Omar Haddad", "agent", "offline"),
    ),
    templates=(
        ("Reminder", "sms", "", "Hi {{ first_name }}, see you {{ day }} at {{ time }}. Reply C to change it. Lotus"),
        ("Late arrival", "sms", "", "No problem, {{ first_name }}: we keep your room for 15 minutes."),
        (
            "Welcome",
            "email",
            "Welcome to Lotus, {{ first_name }}",
            "Hi {{ first_name }},\n\nwe look forward to your first visit. Please come ten minutes early.\n\nLotus",
        ),
    ),
    people=(
        Person(
            "Ana",
            "Ruiz",
            "+14155550123",
            "ana.ruiz@example.com",
            (
                Line(2890, "out", "Hi Ana, your hot stone massage is on Friday at 3 pm with Mei. See you then!"),
                Line(2870, "in", "Perfect, thank you! Is there parking nearby?"),
                Line(2861, "out", "Yes: the garage on Mercer Street, we stamp your ticket for two hours."),
                Line(2855, "note", "Prefers room 3, the quiet one. Nut allergy: no almond oil."),
                Line(24, "in", "Could I come at 3:30 instead? My train is late."),
            ),
            owner=2,
            unread=True,
            tags=("vip", "massage"),
        ),
        Person(
            "James",
            "Whitfield",
            "+14155550134",
            "james.whitfield@example.com",
            (
                Line(1480, "in", "Do you sell gift cards? It's for my wife's birthday."),
                Line(1471, "out", "We do! From $50 up, by e-mail or in a nice envelope at the desk."),
                Line(1466, "in", "By e-mail please, $150"),
                Line(
                    1420,
                    "mail_out",
                    "Hi James,\n\nhere is your gift card over $150. It is good for two years.\n\nLotus Day Spa",
                    "Your Lotus gift card",
                ),
                Line(1100, "mail_in", "Got it, it looks lovely. Thank you!\n\nJames", "Re: Your Lotus gift card"),
            ),
            owner=1,
            labels=("gift cards",),
        ),
        Person(
            "Chloe",
            "Nguyen",
            "+14155550145",
            "chloe.nguyen@example.com",
            (
                Line(310, "in", "Hey! Any facial slots left on Saturday?"),
                Line(95, "in", "Sunday would work too 🙂"),
            ),
            unread=True,
            labels=("booking",),
        ),
        Person(
            "Robert",
            "Keller",
            "+14155550156",
            "",
            (
                Line(9000, "out", "Lotus: 20% off all scrubs this week. Reply STOP to opt out."),
                Line(8990, "in", "STOP"),
            ),
            status="closed",
        ),
        Person("Sofia", "Marino", "+14155550167", "sofia.marino@example.com", tags=("facial",)),
        Person("Hannah", "Okafor", "+14155550178", "hannah.okafor@example.com", tags=("member",)),
    ),
)
HARBOR = House(
    external_id="demo-harbor",
    name="Harbor Physio",
    timezone="America/Los_Angeles",
    sms="+13105550190",
    email="desk@harbor.example",
    locations=(
        ("Harbor Clinic", "400 Harbor Drive, San Diego, CA 92101", "+13105550190"),
        ("Harbor Sports Lab", "15 Ocean Avenue, Santa Monica, CA 90401", "+13105550191"),
    ),
    staff=(
        ("Ingrid Solberg", "owner", "available"),
        ("Marcus Bell", "manager", "away"),
        ("Lucia Fernandez", "agent", "available"),
        ("Tom Becker", "agent", "offline"),
    ),
    templates=(
        ("Exercises", "sms", "", "{{ first_name }}, your exercises: {{ link }}. Twice a day, and stop where it hurts."),
        ("Insurance", "sms", "", "Hi {{ first_name }}, please bring your insurance card to your visit on {{ day }}."),
    ),
    people=(
        Person(
            "Leo",
            "Martins",
            "+14155550223",
            "leo.martins@example.com",
            (
                Line(4300, "out", "Hi Leo, how does the knee feel after Tuesday's session?"),
                Line(4210, "in", "Much better. Stairs still hurt a bit in the morning."),
                Line(4200, "out", "That is normal in week two. Ice it for ten minutes after the exercises."),
                Line(4190, "note", "Left knee, week 2 after surgery. Load up only after the check on the 14th."),
                Line(40, "in", "It is swollen again today. Should I still come at 5?"),
            ),
            owner=2,
            unread=True,
            tags=("knee", "surgery"),
            labels=("urgent",),
        ),
        Person(
            "Nina",
            "Petrova",
            "+14155550234",
            "nina.petrova@example.com",
            (
                Line(700, "in", "I need the invoice from May for my insurance."),
                Line(640, "out", "It is on its way to your e-mail, Nina."),
                Line(
                    630,
                    "mail_out",
                    "Dear Nina,\n\nplease find your invoice for May.\n\nHarbor Physio",
                    "Your invoice for May",
                ),
            ),
            owner=0,
            status="pending",
        ),
        Person(
            "Sam",
            "Carter",
            "+14155550245",
            "sam.carter@example.com",
            (
                Line(1600, "out", "Sam, a reminder: back training on Thursday at 8 am."),
                Line(1590, "in", "Thanks, I'll be there 👍"),
            ),
        ),
        Person("Yuki", "Mori", "+14155550256", "yuki.mori@example.com", tags=("shoulder",)),
        Person("Elena", "Rossi", "+14155550267", "elena.rossi@example.com"),
    ),
)
HOUSES = (LOTUS, HARBOR)
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('omega:seed_demo', 0))"
_AT = """
UPDATE conversations_message SET created_at = %(at)s, sent_at = %(sent)s, delivered_at = %(sent)s WHERE id = %(id)s
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
    domain = business.external_id.removeprefix("demo-")
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
        _set_time(message_id, now - timedelta(minutes=line.minutes_ago), is_out=line.kind in {"out", "mail_out"})
    _arrange(thread, person, now)


def _say(house: House, thread: Conversation, client: Client, speaker: Staff, line: Line) -> int:
    if line.kind == "note":
        return threads.add_note(conversation=thread, body=line.text, staff_id=speaker.pk, mentions=[])
    if line.kind in {"mail_in", "mail_out"}:
        return _say_by_mail(house, thread, client, speaker, line)
    inbound = line.kind == "in"
    text = TextToRecord(
        business_id=thread.business_id, direction="inbound" if inbound else "outbound", client_id=client.pk,
        status="received" if inbound else "delivered", body=line.text, staff_id=None if inbound else speaker.pk,
        **({"to": house.sms} if inbound else {"from_": house.sms}),
    )  # fmt: skip
    return record_message(text).message_id


def _say_by_mail(house: House, thread: Conversation, client: Client, speaker: Staff, line: Line) -> int:
    inbound = line.kind == "mail_in"
    parties = (client.email, house.email) if inbound else (house.email, client.email)
    message = NewMessage(
        business_id=thread.business_id, conversation_id=thread.pk, client_id=client.pk, channel="email",
        direction="inbound" if inbound else "outbound", status="received" if inbound else "delivered",
        request_id=new_request_id(), body=line.text, subject=line.subject, from_address=parties[0],
        to_address=parties[1], staff_id=None if inbound else speaker.pk, is_read=not inbound,
        decision={"source": "record"},
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
