"""A load of messages for benchmarks and for trying sizes: written by COPY, as real traffic would have left it.

The whole is one transaction: an interrupted call leaves nothing. The same seed on the same day gives the same load.
"""

import itertools
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from accounts.models import Business, Client, Location, Sender, Staff
from conversations.models import Conversation, Message
from messaging.services import demo_words as words

EXTERNAL_ID, NAME = "demo-load", "Load Test Studios"
MESSAGES_PER_CONVERSATION = 10
# One conversation holds this share of all messages.
BUSIEST = 0.01
DAYS = 730
_SECOND = timedelta(seconds=1)
# A day's traffic, in seconds of UTC.
_OPENS, _OPEN_FOR = 9 * 3600, 13 * 3600
# status, error code, error's sentence, whether a retry could help; by weight.
_OUTCOMES = (
    (("delivered", "", "", "f"), 930),
    (("sent", "", "", "f"), 30),
    (("undelivered", "30003", "The phone could not be reached: it is off or out of service.", "t"), 20),
    (("failed", "21211", "The number is not a valid phone number.", "f"), 10),
    (("failed", "30008", "The carrier did not say why.", "t"), 5),
    (("blocked", "opted_out", "The client has opted out of texts.", "f"), 5),
)


# What one of a hundred, one of twenty and one of five are marked with.
_LABELS = (("complaint", 0.01), ("follow up", 0.05), ("vip", 0.2))
_TAGS = (("founder", 0.01), ("newsletter", 0.05), ("member", 0.2))


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was made, and where."""

    business_id: int
    clients: int
    messages: int


@dataclass(slots=True)
class Thread:
    """A conversation while its messages are made, in the order of their times."""

    id: int
    client_id: int
    phone: str
    email: str
    size: int
    unread: int
    by_mail: bool
    staff_id: int
    seen: int = 0
    last_id: int = 0
    last_at: int = 0
    first_at: int = 0
    first_in: int = 0
    first_answer: int = 0
    channels: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class House:
    """The business that gets the load, with what its messages refer to."""

    id: int
    locations: list[int]
    staff: list[int]
    sms: tuple[int, str]
    email: tuple[int, str] | None


class NoSender(Exception):
    """The business has no sender for texts."""


def load_messages(*, size: int, seed: int, business_id: int | None = None) -> Loaded:
    """Add about `size` messages to a business, by default to one of its own. Raises NoSender, Business.DoesNotExist."""
    _Clock.begin()
    with transaction.atomic():
        _take_time()
        house = _house_of(Business.objects.get(pk=business_id) if business_id else _load_business())
        rng = random.Random(seed)  # noqa: S311  a load, no secret
        threads = _make_clients(house, size, rng)
        first = _reserve(Message, sum(thread.size for thread in threads))
        made = _copy(Message, (*_VARYING, "business_id"), _message_lines(house, threads, first, rng))
        _copy(Conversation, _CONVERSATION, (_conversation_values(house, thread, rng) for thread in threads))
    _analyze()
    return Loaded(house.id, len(threads), made)


def _take_time() -> None:
    with connection.cursor() as cursor:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute(f"SET LOCAL {name} = 0")
        cursor.execute("SET LOCAL omega.no_changes = 'on'")  # a load is history, nobody's news


def _analyze() -> None:
    """Without it the planner would believe the tables as small as they were; VACUUM also fills the visibility map."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for model in (Client, Conversation, Message):
            cursor.execute(f"VACUUM (ANALYZE) {model._meta.db_table}")
        cursor.execute("RESET statement_timeout")


def _load_business() -> Business:
    found: Business | None = Business.objects.filter(external_id=EXTERNAL_ID).first()
    if found:
        return found
    business = Business.objects.create(external_id=EXTERNAL_ID, name=NAME, timezone="America/New_York")
    for number in range(1, 4):
        Location.objects.create(business=business, external_id=f"loc-{number}", name=f"Studio {number}")
    for number, (first, last) in enumerate(zip(words.FIRST_NAMES[:8], words.LAST_NAMES[:8], strict=True)):
        role = ("owner", "manager", "agent")[min(number, 2)]
        Staff.objects.create(business=business, external_id=f"staff-{number}", name=f"{first} {last}", role=role)
    for channel, provider, address in (("sms", "twilio", "+12125550170"), ("email", "sendgrid", "hello@load.example")):
        Sender.objects.create(business=business, channel=channel, provider=provider, address=address, is_default=True)
    return business


def _house_of(business: Business) -> House:
    senders: dict[str, tuple[int, str]] = {}
    for sender in Sender.objects.in_business(business.pk).filter(is_active=True).order_by("is_default", "-pk"):
        senders[sender.channel] = (sender.pk, sender.address)
    if "sms" not in senders:
        raise NoSender
    locations = list(Location.objects.in_business(business.pk).order_by("pk").values_list("pk", flat=True))
    staff = list(Staff.objects.in_business(business.pk).order_by("pk").values_list("pk", flat=True))
    return House(business.pk, locations, staff, senders["sms"], senders.get("email"))


def _sizes(size: int, rng: random.Random) -> list[int]:
    """How many messages each conversation has: ten on average, a long tail, and one with a hundredth of all."""
    count = max(1, size // MESSAGES_PER_CONVERSATION)
    weights = [min(rng.paretovariate(1.2), 500.0) for _ in range(count)]
    rest = max(0, size - count - int(size * BUSIEST))
    scale = rest / sum(weights)
    sizes = [1 + int(weight * scale) for weight in weights]
    sizes[count // 2] += size - sum(sizes)
    return sizes


_CLIENT = (
    "id",
    "business_id",
    "first_name",
    "last_name",
    "phone",
    "email",
    "home_location_id",
    "has_conversation",
    "tags",
    "created_at",
    "updated_at",
)


def _make_clients(house: House, size: int, rng: random.Random) -> list[Thread]:
    sizes = _sizes(size, rng)
    first_client, first_thread = _reserve(Client, len(sizes)), _reserve(Conversation, len(sizes))
    threads = []
    for place, count in enumerate(sizes):
        client_id = first_client + place
        unread = rng.randint(1, 3) if rng.random() < 0.15 else 0
        threads.append(
            Thread(
                first_thread + place, client_id, words.phone(client_id), f"client{client_id}@mail.example", count,
                min(unread, count), house.email is not None and rng.random() < 0.1,
                rng.choice(house.staff) if house.staff else 0,
            )
        )  # fmt: skip
    _copy(Client, _CLIENT, (_client_values(house, thread, rng) for thread in threads))
    return threads


def _client_values(house: House, thread: Thread, rng: random.Random) -> tuple[Any, ...]:
    made = _Clock.at(0)
    home = rng.choice(house.locations) if house.locations else None
    return (
        thread.client_id, house.id, rng.choice(words.FIRST_NAMES), rng.choice(words.LAST_NAMES), thread.phone,
        thread.email, home, True, _some(_TAGS, rng), made, made,
    )  # fmt: skip


def _some(names: tuple[tuple[str, float], ...], rng: random.Random) -> list[str]:
    """Those of the names that one row has, each with its own share of all rows."""
    return [name for name, share in names if rng.random() < share]


class _Clock:
    """Seconds since the load's first day, as COPY writes them."""

    began = datetime(2024, 1, 1, tzinfo=UTC)

    @classmethod
    def begin(cls) -> None:
        today = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        cls.began = today - timedelta(days=DAYS)

    @classmethod
    def at(cls, seconds: int) -> str:
        return (cls.began + _SECOND * seconds).isoformat()


def _moments(threads: list[Thread], rng: random.Random) -> list[int]:
    """Each message's second and thread in one number, in the order of time."""
    found, bits = [], len(threads).bit_length()
    for place, thread in enumerate(threads):
        start = int(DAYS * rng.random() ** 0.6)
        for _ in range(thread.size):
            day = min(DAYS - 1, start + int((DAYS - start) * rng.random() ** 2))
            found.append((day * 86400 + _OPENS + int(rng.random() * _OPEN_FOR)) << bits | place)
    found.sort()
    return found


_VARYING = (
    "id", "position", "conversation_id", "client_id", "channel", "direction", "status", "accepted_status", "request_id",
    "body", "subject", "from_address", "to_address", "staff_id", "sender_id", "provider", "provider_message_id",
    "error_code", "error_message", "error_retryable", "attempts", "segments", "is_read", "due_at", "created_at",
    "sent_at", "delivered_at",
)  # fmt: skip


def _message_lines(
    house: House, threads: list[Thread], first: int, rng: random.Random
) -> Iterator[tuple[Any, ...]]:  # fmt: skip
    moments = _moments(threads, rng)
    bits, mask = len(threads).bit_length(), (1 << len(threads).bit_length()) - 1
    outcomes = rng.choices([o for o, _ in _OUTCOMES], [w for _, w in _OUTCOMES], k=9973)
    bodies = words.bodies(rng)
    for message_id, moment in enumerate(moments, start=first):
        thread = threads[moment & mask]
        yield (*_message(house, thread, message_id, moment >> bits, rng, outcomes, bodies), house.id)


def _message(
    house: House, thread: Thread, message_id: int, second: int, rng: random.Random, outcomes: list[Any],
    bodies: dict[str, list[str]],
) -> tuple[Any, ...]:  # fmt: skip
    thread.seen += 1
    left = thread.size - thread.seen
    unread = left < thread.unread
    inbound = unread or (left != thread.unread and rng.random() < 0.45)
    noted = not unread and rng.random() < 0.02
    kind = "note" if noted else "in" if inbound else "out"
    channel = "note" if kind == "note" else _channel(thread, rng)
    _remember(thread, message_id, second, kind, channel)
    body = rng.choice(bodies[kind if channel != "email" else "mail"])
    return _ROWS[kind](house, thread, message_id, _Clock.at(second), channel, body, unread, outcomes)


def _channel(thread: Thread, rng: random.Random) -> str:
    return "email" if thread.by_mail and rng.random() < 0.5 else "sms"


def _remember(thread: Thread, message_id: int, second: int, kind: str, channel: str) -> None:
    thread.last_id, thread.last_at = message_id, second
    thread.first_at = thread.first_at or second
    if kind == "in" and not thread.first_in:
        thread.first_in = second
    if kind == "out" and thread.first_in and not thread.first_answer:
        thread.first_answer = second
    if channel != "note":
        thread.channels.add(channel)


def _ends(house: House, thread: Thread, channel: str) -> tuple[int, str, str, str]:
    """Our sender's id and address, the client's address, and the provider between them."""
    if channel == "email" and house.email:
        return (*house.email, thread.email, "sendgrid")
    return (*house.sms, thread.phone, "twilio")


def _incoming(
    house: House, thread: Thread, message_id: int, at: str, channel: str, body: str, unread: bool, outcomes: Any
) -> tuple[Any, ...]:
    sender, own, client, provider = _ends(house, thread, channel)
    subject = "Re: Your visit" if channel == "email" else ""
    return (
        message_id, message_id, thread.id, thread.client_id, channel, "inbound", "received", "received",
        f"load-{message_id}", body, subject, client, own, None, sender, provider, f"SM{message_id:032x}", "", "", "f",
        0, 1, "f" if unread else "t", None, at, None, None,
    )  # fmt: skip


def _outgoing(
    house: House, thread: Thread, message_id: int, at: str, channel: str, body: str, unread: bool, outcomes: Any
) -> tuple[Any, ...]:
    sender, own, client, provider = _ends(house, thread, channel)
    status, code, sentence, retryable = outcomes[message_id % len(outcomes)]
    gone = at if status in {"delivered", "sent", "undelivered"} else None
    subject = "Your visit" if channel == "email" else ""
    return (
        message_id, message_id, thread.id, thread.client_id, channel, "outbound", status, "queued",
        f"load-{message_id}", body, subject, own, client, thread.staff_id or None, sender, provider,
        f"SM{message_id:032x}" if gone else None, code, sentence, retryable, 1 if gone else 0, 1, "t", at, at, gone,
        gone if status == "delivered" else None,
    )  # fmt: skip


def _noted(
    house: House, thread: Thread, message_id: int, at: str, channel: str, body: str, unread: bool, outcomes: Any
) -> tuple[Any, ...]:
    return (
        message_id, message_id, thread.id, thread.client_id, "note", "internal", "received", "received",
        f"load-{message_id}", body, "", "", "", thread.staff_id or None, None, "", None, "", "", "f", 0, 0, "t", None,
        at, None, None,
    )  # fmt: skip


_ROWS = {"in": _incoming, "out": _outgoing, "note": _noted}
_CONVERSATION = (
    "id", "business_id", "client_id", "location_id", "status", "assigned_to_id", "last_sender_id", "unread_count",
    "message_count", "channels", "last_message_id", "last_message_at", "first_inbound_at", "first_response_at",
    "created_at", "updated_at", "closed_at", "labels",
)  # fmt: skip


def _conversation_values(house: House, thread: Thread, rng: random.Random) -> tuple[Any, ...]:
    last, status = _Clock.at(thread.last_at), "open"
    if not thread.unread:
        status = rng.choices(("open", "pending", "closed"), (3, 1, 6))[0]
    return (
        thread.id, house.id, thread.client_id, rng.choice(house.locations) if house.locations else None, status,
        thread.staff_id or None if rng.random() < 0.6 else None, house.sms[0], thread.unread, thread.size,
        "{" + ",".join(sorted(thread.channels)) + "}", thread.last_id, last,
        _Clock.at(thread.first_in) if thread.first_in else None,
        _Clock.at(thread.first_answer) if thread.first_answer else None, _Clock.at(thread.first_at), last,
        last if status == "closed" else None, _some(_LABELS, rng),
    )  # fmt: skip


def _reserve(model: type[models.Model], count: int) -> int:
    """The first of `count` ids in a row, taken from the table's own sequence."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [model._meta.db_table])
        sequence = cursor.fetchone()[0]
        cursor.execute("SELECT nextval(%s)", [sequence])
        first = int(cursor.fetchone()[0])
        cursor.execute("SELECT setval(%s, %s)", [sequence, first + count - 1])
    return first


def _constants(model: type[models.Model], given: Iterable[str]) -> dict[str, str]:
    """The columns that a load does not speak of, with the model's own defaults, as COPY writes them."""
    found, named = {}, set(given)
    for one in model._meta.concrete_fields:
        if one.column is None or one.column in named or getattr(one, "generated", False):
            continue
        value = one.get_db_prep_save(one.get_default(), connection)
        if isinstance(one, models.JSONField):
            value = "{}"
        found[one.column] = _text(value)
    return found


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _text(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, list):
        return "{" + ",".join(value) + "}"
    return value.translate(_ESCAPES) if isinstance(value, str) else str(value)


def _copy(model: type[models.Model], columns: tuple[str, ...], lines: Iterable[tuple[Any, ...]]) -> int:
    """COPY lines into the table of `model`; how many."""
    constants = _constants(model, columns)
    names = ", ".join(f'"{name}"' for name in (*columns, *constants))
    ending = "".join(f"\t{value}" for value in constants.values()) + "\n"
    count = itertools.count()
    statement = f"COPY {model._meta.db_table} ({names}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        block: list[str] = []
        for line in lines:
            block.append("\t".join(map(_text, line)) + ending)
            if next(count) % 2000 == 0:
                copy.write("".join(block))
                block.clear()
        copy.write("".join(block))
    return next(count)
