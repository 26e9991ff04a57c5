"""Whom a call rings, and whether it is placed at all: decided from what is known, nothing is written here."""

from collections.abc import Callable
from dataclasses import dataclass

from messaging.services.intake import Hook
from omega_project.lib import forms
from omega_project.lib.clean import storable
from voice.models import Call
from voice.services import numbers, parties, twiml
from voice.services.identities import CLIENT, identity_of, read_identity
from voice.services.parties import Called, Calling
from voice.services.preferences import Preferences

Step = Call.Step
# What is said to staff whose call is not placed, for reasons of consent or policy.
_REFUSALS = {
    "business_suspended": "This business is suspended, and places no calls.",
    "client_blocked": "This client is blocked.",
    "opted_out": "This client does not want to be called.",
}
_NOT_IN_SERVICE = "This number is not in service."
_DEFAULT = Preferences()


@dataclass(frozen=True, slots=True)
class Known:
    """What a call's callbacks and the clients that it rings are told of it: our own ids."""

    message_id: int
    client_id: int
    conversation_id: int

    @property
    def marks(self) -> dict[str, int]:
        return {"mid": self.message_id}


# TwiML, once it is known what the call is here; None where it could not be recorded.
Document = Callable[[Known | None], str]


class Refused(ValueError):
    """A call that is not put through, and stands in no conversation: why, and what the caller hears."""

    def __init__(self, sentence: str, document: str = "") -> None:
        super().__init__(sentence)
        self.document = document or twiml.say(sentence, _DEFAULT.language)


@dataclass(frozen=True, slots=True)
class Opening:
    """A call at its first ring: whose it is, and what is answered."""

    business_id: int
    direction: str
    from_address: str
    to_address: str
    client_id: int | None
    client_phone: str
    conversation_id: int | None
    conversation_status: str | None
    document: Document
    sender_id: int | None = None
    location_id: int | None = None
    staff_id: int | None = None
    step: int = Step.ASSIGNEE
    refusal: str = ""

    @property
    def refusal_sentence(self) -> str:
        return _REFUSALS.get(self.refusal, "")

    @property
    def is_plain(self) -> bool:
        """Nothing but one more message in a conversation that needs no opening: one statement does it."""
        if self.client_id is None or self.conversation_id is None or self.step >= Step.VOICEMAIL:
            return False
        return self.direction == "outbound" or self.conversation_status == "open"


def is_from_staff(hook: Hook) -> bool:
    """Whether a staff member's client is at the near end."""
    return hook.form.get("From", "").startswith(CLIENT)


def opening_of(hook: Hook) -> Opening:
    """What a call's first request comes to. Raises Refused."""
    if not hook.form.get("CallSid"):
        raise Refused("The request names no call.")
    return _outgoing(hook) if is_from_staff(hook) else _incoming(hook)


# ---- a client calls


def _incoming(hook: Hook) -> Opening:
    found = parties.called(hook.form, hook.business_id)
    if found is None:
        number = storable(hook.form.get("To", ""))[:40]
        raise Refused(
            f"No business has the number {number} for calls. Add it as a sender, then replay this.",
            twiml.say(_NOT_IN_SERVICE, _DEFAULT.language),
        )
    if found.row["is_blocked"]:
        return _opening_in(found, lambda known: twiml.reject(), Step.END, "client_blocked")
    step, document = after(found, 0)
    return _opening_in(found, document, step)


def _opening_in(found: Called, document: Document, step: int, refusal: str = "") -> Opening:
    row = found.row
    return Opening(
        business_id=row["business_id"],
        direction="inbound",
        from_address=found.caller,
        to_address=found.own_number,
        client_id=row["client_id"],
        client_phone=found.caller,
        conversation_id=row["conversation_id"],
        conversation_status=row["conversation_status"],
        document=document,
        sender_id=row["sender_id"],
        location_id=row["location_id"],
        step=step,
        refusal=refusal,
    )


def after(found: Called, step: int, *, may_ring: bool = True) -> tuple[int, Document]:
    """What comes after a step of an incoming call (0: the first ring), as the step and its document.

    The assignee, the location's team together, its phone, voicemail; outside the hours voicemail at once.
    """
    if may_ring and found.is_open():
        for following in (Step.ASSIGNEE, Step.TEAM, Step.PHONE):
            nouns = _nouns(found, following) if following > step else ()
            if nouns:
                return following, _ring(found, following, nouns, is_first=not step)
    return _leave_word(found)


def _nouns(found: Called, step: int) -> tuple[twiml.Noun, ...]:
    if step == Step.PHONE:
        return (twiml.Noun(number=found.phone),) if found.phone else ()
    assignee = found.row["assignee_id"]
    staff = found.team if step == Step.TEAM else [assignee] if assignee is not None else []
    business_id = found.row["business_id"]
    return tuple(
        twiml.Noun(identity=identity_of(business_id=business_id, staff_id=one), staff_id=one)
        for one in staff[: parties.MOST_PHONES]
    )


def _ring(found: Called, step: int, nouns: tuple[twiml.Noun, ...], *, is_first: bool) -> Document:
    wants, row = found.preferences, found.row
    name = f"{row['first_name'] or ''} {row['last_name'] or ''}".strip()

    def document(known: Known | None) -> str:
        ring = twiml.Ring(
            nouns=nouns,
            seconds=wants.ring_seconds,
            marks=_marks(known) | {"step": step},
            # Twilio dials a number only with a caller id that is one.
            caller_id=found.own_number if step == Step.PHONE and found.caller == numbers.WITHHELD else None,
            is_recorded=wants.records_calls,
            parameters={"caller": name or found.caller, **_told(known)},
        )
        return twiml.dial(ring, before=wants.announced if wants.records_calls and is_first else "",
                          language=wants.language)  # fmt: skip

    return document


def _leave_word(found: Called) -> tuple[int, Document]:
    wants = found.preferences
    words = wants.words_for(found.row["business_name"], is_open=found.is_open())
    if not wants.takes_voicemail:
        return Step.END, lambda known: twiml.say(words, wants.language)
    return Step.VOICEMAIL, lambda known: twiml.voicemail(
        words, wants.language, seconds=wants.voicemail_seconds, marks=_marks(known)
    )


def _marks(known: Known | None) -> dict[str, int]:
    return known.marks if known else {}


def _told(known: Known | None) -> dict[str, str]:
    """What the client that rings is told: enough to open the conversation."""
    if known is None:
        return {}
    return {"conversation_id": str(known.conversation_id), "client_id": str(known.client_id)}


# ---- a staff member calls


def _outgoing(hook: Hook) -> Opening:
    identity = read_identity(hook.form["From"])
    if identity is None:
        raise Refused("The caller is no staff member's client.", twiml.reject())
    business_id, staff_id = identity
    if hook.business_id not in {None, business_id}:
        raise Refused("The caller's identity belongs to another business than the account.", twiml.reject())
    found = _ends(hook, business_id, staff_id)
    if found.row["staff_id"] is None or not found.row["staff_is_active"]:
        raise Refused("The caller is no active staff member of this business.")
    return _opening_out(found, _policy(found), _number_of(found))


def _ends(hook: Hook, business_id: int, staff_id: int) -> Calling:
    """`To` and `client_id` are the caller's to choose: each is checked (providers.md, 5)."""
    to, client = storable(hook.form.get("To", "")), hook.form.get("client_id", "")
    client_id = forms.number(client)
    if client and client_id is None:
        raise Refused("The client's number is none.")
    if not to.strip() and client_id is None:
        raise Refused("No number to call was given.")
    try:
        found = parties.calling(business_id=business_id, staff_id=staff_id, to=to, client_id=client_id)
    except ValueError:
        raise Refused("What was dialled is no phone number.") from None
    if found is None:
        raise Refused("There is no such business.", twiml.reject())
    if client_id is not None and found.row["client_id"] is None:
        raise Refused("There is no such client in this business.")
    return found


def _number_of(found: Calling) -> str:
    """The client's number, where it may be dialled; Refused with the reason otherwise."""
    phone = found.phone
    if found.to and found.to != phone:
        raise Refused("The number is not this client's.")
    if not phone.startswith("+"):
        raise Refused("This client has no phone number.")
    if found.row["sender_id"] is None:
        raise Refused("The business has no number to call from. Add one first.")
    if phone == found.row["caller_id"]:
        raise Refused("This is the business's own number.")
    if why := numbers.refusal_of(phone, found.countries):
        raise Refused(why)
    return phone


def _policy(found: Calling) -> str:
    row = found.row
    if row["business_status"] != "active":
        return "business_suspended"
    if row["is_blocked"]:
        return "client_blocked"
    return "opted_out" if found.is_opted_out else ""


def _opening_out(found: Calling, refusal: str, phone: str) -> Opening:
    row, wants = found.row, found.preferences

    def document(known: Known | None) -> str:
        if refusal:
            return twiml.say(_REFUSALS[refusal], wants.language)
        ring = twiml.Ring(
            nouns=(twiml.Noun(number=phone),),
            seconds=60,
            marks=_marks(known),
            caller_id=row["caller_id"],
            is_recorded=wants.records_calls,
            is_announced=wants.records_calls,
        )
        return twiml.dial(ring)

    return Opening(
        business_id=row["business_id"],
        direction="outbound",
        from_address=row["caller_id"],
        to_address=phone,
        client_id=row["client_id"],
        client_phone=phone,
        conversation_id=row["conversation_id"],
        conversation_status=row["conversation_status"],
        document=document,
        sender_id=row["sender_id"],
        staff_id=row["staff_id"],
        refusal=refusal,
    )
