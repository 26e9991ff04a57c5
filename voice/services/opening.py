"""The first ring: a call becomes a message in its client's conversation, and its caller hears what comes next."""

import functools
from datetime import UTC, datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError

from accounts.models import Client
from conversations.services import calls as words
from conversations.services.threads import ensure_conversation, take_up
from conversations.services.timeline import NewMessage, append_messages, new_request_id
from messaging.services import intake, parties
from messaging.services.intake import Hook
from omega_project.lib import forms, sql
from omega_project.lib.clean import storable
from voice.services import routing, telling, twiml
from voice.services.numbers import WITHHELD
from voice.services.preferences import Preferences
from voice.services.routing import Known, Opening, Refused

log = structlog.get_logger(__name__)

_CALL = """
INSERT INTO voice_call (sid, business_id, message_id, origin, account_id, staff_id, step, refusal, dial_status,
    text_back, looks, is_final, look_at, created_at)
SELECT %(sid)s::text, %(business)s::bigint, {message}, 'twiml', %(account)s::text, %(caller)s::bigint, %(step)s::int,
    %(refusal)s::text, '', '', 0, false,
    CASE WHEN %(refusal)s::text = '' THEN clock_timestamp() + make_interval(secs => %(look)s::float) END,
    COALESCE(%(ev_at)s::timestamptz, clock_timestamp())
{source} ON CONFLICT DO NOTHING RETURNING id, sid
"""
_LEG = """
INSERT INTO voice_leg (call_id, sid, is_parent, to_address, status, rank, sequence)
SELECT made.id, made.sid, true, '', 'ringing', 20, -1 FROM made ON CONFLICT DO NOTHING RETURNING 1
"""
_BESIDE = f"made AS ({_CALL.format(message='ins.id', source='FROM ins')}), legged AS ({_LEG}),"
_INSERT = (
    f"WITH made AS ({_CALL.format(message='%(message)s::bigint', source='')}), legged AS ({_LEG}) "  # noqa: S608
    "SELECT id FROM made"
)
_KNOWN_CALL = """
SELECT m.id AS message_id, m.client_id, m.conversation_id FROM voice_call c
JOIN conversations_message m ON m.id = c.message_id
WHERE c.sid = %(sid)s::text AND c.business_id = %(business)s::bigint
"""
_KNOWN_MESSAGE = """
SELECT id FROM conversations_message
WHERE provider_message_id = %(sid)s::text AND business_id = %(business)s::bigint AND provider = %(provider)s::text
"""
_SORRY = "We are sorry, this call cannot be put through right now. Please call again in a moment."


def answer_call(hook: Hook) -> str:
    """TwiML for a call's first request; a repeated one hears the same again, and is one message.

    Two statements for a client who is known. Whatever is wrong with the request, the caller hears a sentence and the
    event is kept; only a database that is away lets the provider call again.
    """
    try:
        return _answer(hook)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("call.unforeseen")
        return sorry()


@functools.cache
def sorry() -> str:
    """What a caller hears of whose call nothing can be looked up."""
    return twiml.say(_SORRY, Preferences().language)


def _answer(hook: Hook) -> str:
    try:
        opening = routing.opening_of(hook)
    except Refused as refused:
        intake.take(hook, _key(hook))
        return refused.document
    if opening.is_plain and (known := _append_plain(hook, opening)) is not None:
        return opening.document(known)
    return intake.take(hook, _key(hook)) or opening.document(_known_call(hook, opening))


def _key(hook: Hook) -> str:
    return f"call:{hook.form.get('CallSid') or forms.digest(hook.payload)}"


def _append_plain(hook: Hook, opening: Opening) -> Known | None:
    """Event, message, call and leg in one statement; None where the careful way must be gone."""
    gate = intake.gate(hook, _key(hook), beside=_BESIDE, params=_call_params(hook, opening))
    try:
        stored = sql.retried(lambda: append_messages([_message(hook, opening)], gate).get(0))
    except OperationalError:
        raise
    except DatabaseError as error:
        log.warning("call.slow_path", error=str(error).split("\n")[0])
        return None
    if stored is None:
        return None
    intake.count(hook, "processed")
    return Known(stored["id"], stored["client_id"], stored["conversation_id"])


def _known_call(hook: Hook, opening: Opening) -> Known | None:
    """What a call that was told before is here; None where it could not be recorded."""
    found = sql.row(_KNOWN_CALL, {"sid": sid_of(hook), "business": opening.business_id})
    return Known(**found) if found else None


def sid_of(hook: Hook) -> str:
    """The call's sid as the database can hold it."""
    return storable(hook.form.get("CallSid", ""))[:64]


def process_call(hook: Hook) -> intake.Outcome:
    """Record a call's first request, client and conversation made where missing. In a transaction.

    Its answer is the TwiML. Raises Refused for a call that stands in no conversation.
    """
    opening = routing.opening_of(hook)
    client_id = opening.client_id or _client(opening)
    conversation_id, made = ensure_conversation(
        business_id=opening.business_id, client_id=client_id, location_id=opening.location_id
    )
    if not made and opening.direction == "inbound" and not opening.refusal:
        take_up(conversation_id, hook.at or datetime.now(UTC))
    row = _message(hook, opening)
    row.client_id, row.conversation_id = client_id, conversation_id
    stored = append_messages([row]).get(0)
    message_id = stored["id"] if stored else _known(hook, opening)
    call = sql.row(_INSERT, _call_params(hook, opening) | {"message": message_id})
    if call is not None:
        telling.tell(call["id"])
    return message_id, opening.business_id, opening.document(Known(message_id, client_id, conversation_id))


def _client(opening: Opening) -> int:
    """The client with the other end's number; all who withhold theirs are one."""
    client_id = parties.client_by_phone(business_id=opening.business_id, phone=opening.client_phone)
    if opening.client_phone == WITHHELD:
        Client.objects.filter(pk=client_id, first_name="", last_name="").update(first_name="Withheld number")
    return client_id


def _known(hook: Hook, opening: Opening) -> int:
    """The message that stands for this call already: a caller recorded it."""
    params = {"sid": sid_of(hook), "business": opening.business_id, "provider": hook.provider}
    found = sql.row(_KNOWN_MESSAGE, params)
    if found is None:
        raise RuntimeError("The call was not stored and is not known either.")
    return int(found["id"])


def _call_params(hook: Hook, opening: Opening) -> dict[str, Any]:
    return {
        "sid": sid_of(hook),
        "business": opening.business_id,
        "account": storable(hook.form.get("AccountSid", "") or settings.TWILIO_ACCOUNT_SID)[:64],
        "caller": opening.staff_id,
        "step": opening.step,
        "refusal": opening.refusal,
        "look": telling.LOOKS[0],
        "ev_at": hook.at,
    }


def _message(hook: Hook, opening: Opening) -> NewMessage:
    """The call's message as it first rings: read, until it is known that nobody answered."""
    is_outbound, began = opening.direction == "outbound", hook.at or datetime.now(UTC)
    status = "ringing"
    if opening.refusal:
        status = words.BLOCKED if is_outbound else words.REJECTED
    call = words.call_object(
        sid=sid_of(hook), status=status, direction=opening.direction, from_=opening.from_address,
        to=opening.to_address, staff_id=opening.staff_id, started_at=began,
    )  # fmt: skip
    return NewMessage(
        business_id=opening.business_id,
        conversation_id=opening.conversation_id or 0,
        client_id=opening.client_id or 0,
        channel="voice",
        direction=opening.direction,
        status=words.MESSAGE_STATUS.get(status, "sent") if is_outbound else "received",
        request_id=new_request_id(),
        body=words.line_of(direction=opening.direction, status=status),
        from_address=opening.from_address,
        to_address=opening.to_address,
        staff_id=opening.staff_id,
        sender_id=opening.sender_id,
        provider=hook.provider,
        provider_message_id=sid_of(hook),
        error_code=opening.refusal if is_outbound else "",
        error_message=opening.refusal_sentence if is_outbound else "",
        sent_at=began if is_outbound and not opening.refusal else None,
        decision={"source": "call", "step": opening.step, "refusal": opening.refusal},
        call=call,
        created_at=hook.at,
    )
