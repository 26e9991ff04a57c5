"""Mail from an address that is not known as the client's, or that only claims to be: staff decide whose it is.

Until then it stands in the conversation that it was written into, unread and marked, and changes nothing of the client.
"""

from dataclasses import dataclass

from accounts.models import Client, ClientAddress
from accounts.services.clients import create_client
from conversations.models import Conversation, Message
from conversations.services.moving import locked_threads, move_message
from conversations.services.threads import ensure_conversation, take_up, write_activity
from messaging.models import Email
from messaging.services import parties
from messaging.services.mail_places import FORGED_SENDER
from omega_project.lib import sql
from omega_project.lib.addresses import normalise_email
from omega_project.lib.api.errors import Conflict


@dataclass(frozen=True, slots=True)
class _Held:
    message: Message
    mail: Email
    reason: str

    @property
    def address(self) -> str:
        """The sender's address; empty where it is none that anybody could be written to at."""
        try:
            return normalise_email(self.mail.held_from)
        except ValueError:
            return ""

    @property
    def counts(self) -> bool:
        return not self.mail.is_automatic and not self.message.is_read


def accept_held_mail(*, message_id: int, actor_id: int | None = None) -> str:
    """The mail is the client's: it counts from now on, and the address it came from is one more of theirs.

    A program's address becomes nobody's, and one that was forged is the client's already. Gives a sentence. 409
    `not_held` where it is not held, or no longer.
    """
    return sql.in_transaction(lambda: _accept(_locked(message_id), actor_id))


def move_held_mail(*, message_id: int, actor_id: int | None = None) -> int:
    """The mail is not the client's: it moves to whoever has its address, or to a client of its own; the conversation.

    409 `not_held` where it is not held, or no longer.
    """
    return sql.in_transaction(lambda: _move(_locked(message_id), actor_id))


def _locked(message_id: int) -> _Held:
    mail = Email.objects.select_for_update().filter(pk=message_id).exclude(held_from="").first()
    if mail is None:
        raise Conflict("This mail is not held: somebody may have decided already.", "not_held")
    message = Message.objects.select_related("client").defer("search").get(pk=message_id)
    return _Held(message, mail, str(message.metadata.get("held", "")))


def _release(held: _Held) -> None:
    Email.objects.filter(pk=held.mail.pk).update(held_from="")
    metadata = {name: value for name, value in held.message.metadata.items() if name != "held"}
    Message.objects.filter(pk=held.message.pk).update(metadata=metadata)


def _accept(held: _Held, actor_id: int | None) -> str:
    message = held.message
    adds = bool(held.address) and not held.mail.is_automatic and held.reason != FORGED_SENDER
    if adds:
        ClientAddress.objects.get_or_create(
            business_id=message.business_id, client_id=message.client_id, kind="email", address=held.address
        )
    _release(held)
    said = f"{held.address} is one more address of this client." if adds else "The mail stays in this conversation."
    conversation = Conversation.objects.get(pk=message.conversation_id)
    write_activity(
        conversation, "held_mail", f"Mail from {held.mail.held_from} accepted", actor_id, decision="accepted"
    )
    if held.counts and not message.client.is_blocked:
        take_up(message.conversation_id, message.created_at)
    return said


def _move(held: _Held, actor_id: int | None) -> int:
    message = held.message
    client_id = _owner(held)
    conversation_id, _ = ensure_conversation(business_id=message.business_id, client_id=client_id)
    before, after = locked_threads(message.conversation_id, conversation_id)
    move_message(message.pk, before.pk, after)
    _release(held)
    text = f"Mail from {held.mail.held_from} moved to another client: it was not from this one"
    write_activity(before, "held_mail", text, actor_id, decision="moved", conversation_id=after.pk)
    if held.counts:
        take_up(after.pk, message.created_at)
    return after.pk


def _owner(held: _Held) -> int:
    """Who has the address; a new client where nobody has, or where the address was only claimed."""
    message = held.message
    if held.address and held.reason != FORGED_SENDER:
        client_id = parties.client_by_email(business_id=message.business_id, email=held.address)
        if client_id != message.client_id:
            return client_id
    client_id = create_client(business_id=message.business_id)
    Client.objects.filter(pk=client_id).update(first_name=f"Not {message.client}"[:255])
    return client_id
