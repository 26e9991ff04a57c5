"""A person gone: what a business knew of a client is emptied, in one transaction, and cannot come back.

Rows stay where something must still be known by their ids: that a request was answered before, that a provider's
message was taken in already, how many there were. Their words, addresses, names and files go. Of consent only an
opt-out stays, by its address alone: a person who said stop is not written to again, whoever they are.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.dispatch import Signal
from django.utils import timezone

from accounts.models import Client, ClientAddress
from conversations.models import Attachment, ClientMerge, Conversation, Message, MessageEvent, Notification
from messaging.models import Attempt, Consent, ConsentChange, Email, WebhookDelivery, WebhookEvent
from messaging.services import mail_sources, stored_mail
from omega_project.lib import sql
from omega_project.lib.api.errors import Conflict, NotFound
from omega_project.lib.reach import everything

# Sent after commit with `client_ids`: what apps above keep of a client goes too.
client_erased = Signal()

FIRST_NAME, LAST_NAME = "Erased", "client"
_STATEMENT_TIME = "SET LOCAL statement_timeout = '120s'"
# What has not left does not leave any more; what may have left stays at the provider, and is asked for no longer.
_EMPTY_MESSAGES = """
WITH emptied AS (
    UPDATE conversations_message m SET
        body = '', subject = '', html = '', from_address = '', to_address = '', cc = '{}', bcc = '{}', media_count = 0,
        error_message = '', metadata = '{}', decision = '{}', due_at = NULL, lease_until = NULL, is_read = true,
        call = CASE WHEN m.call IS NOT NULL
            THEN m.call || '{"from": "", "to": "", "recording_url": null}'::jsonb END,
        status = CASE WHEN m.status IN ('queued', 'scheduled') THEN 'canceled' WHEN m.status = 'unknown' THEN 'failed'
            ELSE m.status END,
        error_code = CASE m.status WHEN 'unknown' THEN 'erased' ELSE m.error_code END
    FROM (SELECT id, status FROM conversations_message WHERE client_id = ANY(%(clients)s::bigint[]) FOR UPDATE) was
    WHERE m.id = was.id RETURNING m.id, was.status AS was, m.status
), told AS (
    INSERT INTO conversations_messageevent (message_id, from_status, status, source, detail, at)
    SELECT id, was, status, 'erasure', '', clock_timestamp() FROM emptied WHERE was <> status
)
SELECT count(*)::int AS n FROM emptied
"""
# An event's bytes as text: any byte but the plain ones is written by its number, so that nothing in it can fail.
_STRAYS = """
SELECT e.id, e.kind, e.payload FROM messaging_webhookevent e
WHERE e.message_id IS NULL AND (
    (e.business_id = %(business)s::bigint
        AND lower(encode(e.payload, 'escape')) ~ ANY(%(marks)s::text[]))
    OR (e.business_id IS NULL AND lower(encode(e.payload, 'escape')) ~ ANY(%(alone)s::text[])))
FOR UPDATE
"""
_EMPTY_STRAYS = """
UPDATE messaging_webhookevent SET payload = '', url = '', headers = '{}', error = '', next_attempt_at = NULL,
    status = CASE WHEN status IN ('pending', 'failed') THEN 'ignored' ELSE status END
WHERE id = ANY(%(ids)s::bigint[])
"""


@dataclass(frozen=True, slots=True)
class Erased:
    """When a client's data went, and how much: messages, files, conversations."""

    client_id: int
    erased_at: datetime
    messages: int = 0
    files: int = 0


def erase_client(*, business_id: int, client_id: int) -> Erased:
    """Empty all that is kept of a client, and of those merged into them. The second time nothing is left to do.

    404 where there is no such client, 409 `in_flight` while a worker has a message of theirs in its hands.
    """
    return sql.in_transaction(lambda: _erase(business_id, client_id))


def _erase(business_id: int, client_id: int) -> Erased:
    client = Client.objects.in_business(business_id).select_for_update().filter(pk=client_id).first()
    if client is None or client.merged_into_id:
        raise NotFound("There is no such client in this business.")
    if client.erased_at:
        return Erased(client.pk, client.erased_at)
    sql.rows(_STATEMENT_TIME)
    clients = _whole(client)
    ids = [one.pk for one in clients]
    list(Conversation.objects.select_for_update().filter(client_id__in=ids).order_by("pk").values_list("pk"))
    if Message.objects.filter(client_id__in=ids, status=Message.Status.SENDING).exists():
        raise Conflict("A message of this client is being sent at this moment: please try again.", "in_flight")
    consented = _addresses(clients)
    files = _files(ids) + _forget_strays(business_id, ids, consented)
    _forget_records(ids)
    messages = int(sql.rows(_EMPTY_MESSAGES, {"clients": ids})[0]["n"])
    _forget_consent(business_id, ids, consented)
    now = _empty_people(ids)
    transaction.on_commit(lambda: _after(ids, files))
    return Erased(client_id, now, messages, len(files))


def _whole(client: Client) -> list[Client]:
    """The client and everybody who was merged into them, one after another."""
    found, newest = [client], [client]
    while newest:
        newest = list(Client.objects.select_for_update().filter(merged_into__in=[one.pk for one in newest]))
        found += newest
    return found


def _addresses(clients: Iterable[Client]) -> set[str]:
    ids = [one.pk for one in clients]
    found = {address for one in clients for address in (one.phone, one.email) if address}
    found |= set(ClientAddress.objects.filter(client_id__in=ids).values_list("address", flat=True))
    return found | set(ConsentChange.objects.filter(client_id__in=ids).values_list("address", flat=True))


def _files(ids: list[int]) -> list[str]:
    """The names of all files that go with the client's messages; their rows go here."""
    attachments = Attachment.objects.filter(message__client_id__in=ids)
    names = [name for name in attachments.values_list("file", flat=True) if name]
    attachments.delete()
    mails = Email.objects.filter(message__client_id__in=ids)
    names += [name for name in mails.values_list("source", flat=True) if name]
    events = WebhookEvent.objects.filter(message__client_id__in=ids)
    for payload in events.filter(kind=stored_mail.KIND).values_list("payload", flat=True):
        names += _source_of(bytes(payload))
    return list(dict.fromkeys(names))


def _source_of(payload: bytes) -> list[str]:
    try:
        return [stored_mail.read_payload(payload).file]
    except ValueError:
        return []


def _forget_records(ids: list[int]) -> None:
    """What stands beside messages and conversations: mails, tries, events, notifications, deliveries, merges."""
    of_message = Q(message__client_id__in=ids)
    Email.objects.filter(of_message).update(
        in_reply_to="", references=[], reply_to="", headers={}, full_text="", envelope_from="", envelope_to="",
        held_from="", source="",
    )  # fmt: skip
    Attempt.objects.filter(of_message).update(detail="")
    WebhookEvent.objects.filter(of_message).update(payload=b"", url="", headers={}, error="", next_attempt_at=None)
    MessageEvent.objects.filter(of_message).update(detail="")
    Notification.objects.filter(conversation__client_id__in=ids).delete()
    WebhookDelivery.objects.filter(client_id__in=ids).delete()
    ClientMerge.objects.filter(Q(kept_id__in=ids) | Q(merged_id__in=ids)).delete()


def _forget_strays(business_id: int, ids: list[int], addresses: set[str]) -> list[str]:
    """Empty events that never came to a message and name one of the addresses; the files that they kept.

    What came for no business at all is emptied too, but where the address is a client's elsewhere: it may be theirs.
    """
    others = Client.objects.exclude(pk__in=ids).filter(Q(phone__in=addresses) | Q(email__in=addresses))
    with everything():
        elsewhere = {address for row in others.values_list("phone", "email") for address in row}
    params = {"business": business_id, "marks": _marks(addresses), "alone": _marks(addresses - elsewhere)}
    found = sql.rows(_STRAYS, params)
    sql.rows(_EMPTY_STRAYS, {"ids": [row["id"] for row in found]})
    kept = [row for row in found if row["kind"] == stored_mail.KIND]
    return [name for row in kept for name in _source_of(bytes(row["payload"]))]


def _marks(addresses: set[str]) -> list[str]:
    """Each address as a payload may write it: plain in JSON, with %-signs in a form; no part of a longer number."""
    written = {form.lower() for one in addresses for form in (one, quote(one, safe=""))}
    return [f"(?:^|[^a-z0-9._]|%[0-9a-f]{{2}}){re.escape(one)}(?![0-9a-z])" for one in sorted(written)]


def _forget_consent(business_id: int, ids: list[int], addresses: set[str]) -> None:
    """An opt-out and its history stay, by the address alone and without evidence; everything else goes."""
    of_them = Consent.objects.in_business(business_id).filter(address__in=addresses)
    shared = Client.objects.in_business(business_id).exclude(pk__in=ids)
    shared = shared.filter(Q(phone__in=addresses) | Q(email__in=addresses))
    others = {address for row in shared.values_list("phone", "email") for address in row if address}
    alone = addresses - others
    kept = set(of_them.filter(state="opted_out").values_list("channel", "address"))
    of_them.filter(address__in=alone).exclude(state="opted_out").delete()
    changes = ConsentChange.objects.filter(business_id=business_id, address__in=alone)
    gone = [pk for pk, channel, address in changes.values_list("pk", "channel", "address")
            if (channel, address) not in kept]  # fmt: skip
    ConsentChange.objects.filter(pk__in=gone).delete()
    changes.update(evidence={}, client=None)
    ConsentChange.objects.filter(client_id__in=ids).update(evidence={}, client=None)


def _empty_people(ids: list[int]) -> datetime:
    now = timezone.now()
    ClientAddress.objects.filter(client_id__in=ids).delete()
    Conversation.objects.filter(client_id__in=ids).update(
        status=Conversation.Status.CLOSED, closed_at=now, snoozed_until=None, unread_count=0, labels=[], updated_at=now
    )
    Client.objects.filter(pk__in=ids).update(
        external_id=None, first_name=FIRST_NAME, last_name=LAST_NAME, phone="", email="", timezone="", locale="",
        home_location=None, tags=[], consent_sms="unknown", consent_email="unknown", consent_voice="unknown",
        erased_at=now, updated_at=now,
    )  # fmt: skip
    conversations = [str(one) for one in Conversation.objects.filter(client_id__in=ids).values_list("pk", flat=True)]
    for model, objects in ((Client, [str(one) for one in ids]), (Conversation, conversations)):
        kind = ContentType.objects.get_for_model(model)
        LogEntry.objects.filter(content_type=kind, object_id__in=objects).update(object_repr="erased")
    return now


def _after(ids: list[int], files: list[str]) -> None:
    """Files go when no row can name them any more; who keeps more of the client hears of it."""
    mail_sources.forget(one for one in files if default_storage.exists(one))
    client_erased.send_robust(sender=Client, client_ids=ids)
