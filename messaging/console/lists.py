"""The left of the inbox: folders, filters, and a page of conversations by key."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.services.unmasking import clients_at
from conversations.admin.words import CHANNEL_ICONS, initials
from conversations.services import filtering, inboxes, personal
from conversations.services.reading import Narrowing, conversation_rows
from messaging.console.rooms import Room, number
from omega_project.lib import masking
from omega_project.lib.api.errors import ParameterError
from omega_project.lib.api.pagination import Cursor, decode, encode

PAGE = 30
LONGEST_SEARCH = 200


class Folder(NamedTuple):
    """A way to look at the inbox. `empty` says what to do where nothing is in it."""

    title: Any
    icon: str
    status: str | None
    empty: Any


FOLDERS = {
    "mine": Folder(_("Mine"), "person", "open", _("Nothing waits for you. Look at “Unassigned” for more to do.")),
    "unassigned": Folder(_("Unassigned"), "person_off", "open", _("Every open conversation has somebody. Well done.")),
    "all": Folder(_("All open"), "inbox", "open", _("No conversation is open. The next message opens one.")),
    "mentions": Folder(
        _("Mentions"), "alternate_email", None, _("Nobody has mentioned you. A note with @ and your name does it.")
    ),
    "pending": Folder(_("Pending"), "hourglass_top", "pending", _("Nothing waits for an answer from elsewhere.")),
    "snoozed": Folder(_("Snoozed"), "snooze", "snoozed", _("Nothing sleeps. Press s in a conversation to snooze it.")),
    "closed": Folder(_("Closed"), "check_circle", "closed", _("Nothing has been closed yet.")),
}
CHANNELS = {"sms": _("Texts"), "email": _("E-mail"), "voice": _("Calls")}
_NEWEST = filtering.CONVERSATION_ORDERS["-last_message_at"]


@dataclass(slots=True)
class Asked:
    """What of the inbox is asked for; what makes no sense is left out. The names are those of `filtering`."""

    folder: str = "all"
    location_id: int | None = None
    channel: str | None = None
    label: str | None = None
    unread: bool | None = None
    q: str | None = None
    status: list[str] | None = None
    assigned_to: str | None = None
    client_id: int | None = None
    updated_after: None = None
    updated_before: None = None
    sort: str = "-last_message_at"

    @property
    def query(self) -> str:
        """The same as a query string."""
        told = {"folder": self.folder, "location": self.location_id, "channel": self.channel, "label": self.label,
                "unread": "yes" if self.unread else None, "q": self.q}  # fmt: skip
        return urlencode({name: value for name, value in told.items() if value})

    @property
    def is_filtered(self) -> bool:
        return any((self.location_id, self.channel, self.label, self.unread))


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation in the list. `is_new`: this login has not read its end."""

    row: dict[str, Any]
    name: str
    initials: str
    hue: int
    icon: str
    preview: str
    is_new: bool
    is_out: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """A page of the list; `more` is the cursor of what is behind it."""

    rows: list[Row] = field(default_factory=list)
    more: str = ""


def asked_by(query: QueryDict) -> Asked:
    """What a query string asks for."""
    folder = query.get("folder", "")
    channel = query.get("channel", "")
    return Asked(
        folder=folder if folder in FOLDERS else "all",
        location_id=number(query.get("location")),
        channel=channel if channel in CHANNELS else None,
        label=query.get("label", "").replace("\0", "")[:64] or None,
        unread=True if query.get("unread") == "yes" else None,
        q=query.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH] or None,
    )


def stretch(room: Room, asked: Asked, cursor: str | None = None) -> Stretch:
    """A page of conversations, the latest first: one query, and one for what this login has seen of them."""
    scope = f"inbox:{room.business.pk}:{asked.query}"
    try:
        start = decode(cursor, scope)
    except ParameterError:
        start = None
    found = conversation_rows(_narrowed(room, asked), _NEWEST, limit=PAGE + 1, cursor=start)
    shown = found[:PAGE]
    last = shown[-1] if len(found) > PAGE else None
    more = encode(Cursor((last["last_message_at"], last["id"]), backwards=False), scope) if last else ""
    return Stretch(_rows(room, shown), more)


def rows_among(room: Room, asked: Asked, ids: Iterable[int]) -> list[Row]:
    """Those of these conversations that are in the list asked for."""
    narrowing = _narrowed(room, asked)
    wanted = list(ids)
    narrowing.add("v.id = ANY(%(among)s::bigint[])", among=wanted)
    narrowing.plan_anew = True
    return _rows(room, conversation_rows(narrowing, _NEWEST, limit=len(wanted) or 1)) if wanted else []


def _narrowed(room: Room, asked: Asked) -> Narrowing:
    """A search looks everywhere, whatever the folder."""
    folder = FOLDERS[asked.folder]
    asked.status = [folder.status] if folder.status and not asked.q else None
    staff_id: int | None = None
    if not asked.q and asked.folder == "unassigned":
        asked.assigned_to = "none"
    if not asked.q and asked.folder == "mine" and room.staff_id:
        staff_id, asked.assigned_to = room.staff_id, str(room.staff_id)
    if asked.q and masking.is_on():  # who sees masked data finds a client by a whole number or address alone
        narrowing = filtering.conversations(room.business.pk, replace(asked, q=None), staff_id)
        narrowing.add("v.client_id = ANY(%(known)s::bigint[])", known=clients_at(asked.q))
        return narrowing
    narrowing = filtering.conversations(room.business.pk, asked, staff_id)
    if asked.folder in {"mine", "mentions"} and not asked.q:
        if not room.staff_id:
            narrowing.add("false")
        elif asked.folder == "mentions":
            inboxes.mentioning(narrowing, room.staff_id)
    return narrowing


def _rows(room: Room, rows: list[dict[str, Any]]) -> list[Row]:
    user_id: Any = room.request.user.pk
    marks = personal.marks_of(user_id=user_id, conversation_ids=[row["id"] for row in rows])
    return [_row(row, marks.get(row["id"])) for row in rows]


def _row(row: dict[str, Any], mark: personal.Mark | None) -> Row:
    name = f"{row['first_name']} {row['last_name']}".strip() or row["phone"] or row["email"] or gettext("Somebody")
    text = row["last_subject"] or row["last_body"]
    if not text:
        text = gettext("Picture or file") if row["last_media"] else gettext("No message yet")
    is_new = row["unread_count"] > 0 if mark is None else (row["last_message_at"], row["last_id"] or 0) > mark
    return Row(
        row=row, name=name, initials=initials(name), hue=hue_of(name), preview=text,
        icon=CHANNEL_ICONS.get(row["last_channel"] or "", "chat_bubble"),
        is_new=is_new, is_out=row["last_direction"] == "outbound",
    )  # fmt: skip


def hue_of(name: str) -> int:
    """Which of the eight colours of avatars a name has."""
    return sum(name.encode("utf-8", "replace")) % 8
