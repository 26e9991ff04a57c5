"""A person's data out: all that a business keeps of a client, read in pages so that a long thread is no matter."""

from collections.abc import Iterator
from typing import Any

from accounts.models import Client, ClientAddress
from conversations.services.reading import Narrowing, message_rows, timeline_order
from omega_project.lib.api.pagination import Cursor

_AT_ONCE = 500


def other_addresses(client: Client) -> list[dict[str, Any]]:
    """Addresses that were a client's besides: `kind`, `address`, `since`."""
    rows = ClientAddress.objects.filter(client=client).order_by("id").values_list("kind", "address", "created_at")
    return [{"kind": kind, "address": address, "since": since} for kind, address, since in rows]


def messages_of(client: Client) -> Iterator[dict[str, Any]]:
    """Every entry of the client's timeline, oldest first: texts, mails, calls, notes, activities."""
    order, cursor = timeline_order(descending=False), None
    while True:
        narrowing = Narrowing(["m.client_id = %(client)s::bigint"], {"client": client.pk})
        narrowing.add("m.conversation_id = %(thread)s::bigint", thread=_thread_of(client))
        rows = message_rows(narrowing, order, limit=_AT_ONCE, cursor=cursor)
        yield from rows
        if len(rows) < _AT_ONCE:
            return
        cursor = Cursor((rows[-1]["created_at"], rows[-1]["id"]), backwards=False)


def _thread_of(client: Client) -> int:
    conversation = getattr(client, "conversation", None)
    return conversation.pk if conversation else 0
