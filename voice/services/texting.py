"""The text that answers a missed call: the business's own words, with consent, once for who calls again and again."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts.models import Client, Sender
from messaging.models import Template
from messaging.services import sending, templates, templating, text_files
from messaging.services.texts import TextToQueue
from omega_project.lib import sql
from omega_project.lib.api.errors import ApiError
from voice.services.numbers import is_textable
from voice.services.preferences import Preferences, preferences_of

OWN_TEXT = "Hi, this is {{ business.name }}. Sorry that we missed your call. How can we help? Just answer this text."
# Who calls again within this time is not texted again: it is one wish to talk.
_REST_HOURS = 1
_LATELY = """
SELECT 1 AS one FROM (
    SELECT to_address, metadata, status, created_at FROM conversations_message
    WHERE conversation_id = %(conversation)s::bigint ORDER BY id DESC LIMIT 100
) m WHERE m.metadata ? 'text_back' AND m.to_address = %(to)s::text AND m.status <> ALL(%(not_sent)s::text[])
    AND m.created_at > clock_timestamp() - make_interval(hours => %(hours)s::int) LIMIT 1
"""
_NOT_SENT = ["blocked", "failed", "undelivered", "canceled"]


def text_back(*, call: Mapping[str, Any], client: Client) -> str:
    """Text the caller of a missed call, where the business wants that and the client may be texted.

    What became of it: "sent", or why not. The request's id is the call's, so that no second one can go. In the
    transaction that calls the call missed, where the conversation is locked already.
    """
    preferences = preferences_of(call["business_id"])
    if not preferences.texts_back:
        return "off"
    caller = call["from_address"]
    if not is_textable(caller) or text_files.is_known_landline(call["conversation_id"], caller):
        return "not a number for texts"
    if _was_texted(call["conversation_id"], caller):
        return "texted back lately"
    try:
        with transaction.atomic():
            return _send(call, client, preferences)
    except ApiError as error:
        return f"not sent: {error.detail}"


def _was_texted(conversation_id: int, number: str) -> bool:
    params = {"conversation": conversation_id, "to": number, "not_sent": _NOT_SENT, "hours": _REST_HOURS}
    return sql.row(_LATELY, params) is not None


def _send(call: Mapping[str, Any], client: Client, preferences: Preferences) -> str:
    text = TextToQueue(
        business_id=call["business_id"],
        client_id=client.pk,
        to=call["from_address"],
        sender=_sender(call),
        body=_words(call, client, preferences),
        request_id=f"text-back:{call['sid']}",
        metadata={"text_back": call["message_id"]},
        source="missed_call",
    )
    decision = sending.decide(text)
    if decision.would == "block":
        return f"not sent: {decision.reason}"
    sending.queue_message(text)
    return "sent"


def _sender(call: Mapping[str, Any]) -> str | None:
    """The number that was called, where it texts too: the client knows it."""
    own = Sender.objects.in_business(call["business_id"]).filter(channel="sms", is_active=True)
    return call["to_address"] if own.filter(address=call["to_address"]).exists() else None


def _words(call: Mapping[str, Any], client: Client, preferences: Preferences) -> str:
    """The business's template, else its own text, else omega's: the first that wants nothing unknown of the client."""
    variables = templating.known_variables(business_id=call["business_id"], client_id=client.pk)
    for words in (_template(call["business_id"], preferences), preferences.text_back_body.strip()):
        if words and variables.keys() >= set(templates.variables_of(words)):
            return templates.fill(variables, words)[0]
    return templates.fill(variables, OWN_TEXT)[0]


def _template(business_id: int, preferences: Preferences) -> str:
    chosen = preferences.text_back_template_id
    found = Template.objects.in_business(business_id).filter(pk=chosen, channel="sms").first() if chosen else None
    return found.body if found else ""
