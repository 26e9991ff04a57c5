"""A client whom the business does not want to hear from, or write to, any more."""

from django.utils import timezone

from accounts.models import Client
from conversations.models import Conversation
from conversations.services.threads import write_activity
from omega_project.lib import sql


def block_client(*, conversation: Conversation, is_blocked: bool, actor_id: int | None) -> bool:
    """Block or unblock the conversation's client, and say so in its history. False where that was so already.

    What a blocked client writes is kept, read by nobody, and opens nothing; what is sent to one is refused.
    """

    def work() -> bool:
        client = Client.objects.select_for_update(no_key=True).get(pk=conversation.client_id)
        if client.is_blocked == is_blocked:
            return False
        Client.objects.filter(pk=client.pk).update(is_blocked=is_blocked, updated_at=timezone.now())
        text = "Client blocked" if is_blocked else "Client unblocked"
        write_activity(conversation, "blocked" if is_blocked else "unblocked", text, actor_id)
        return True

    return sql.in_transaction(work)
