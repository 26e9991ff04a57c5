"""Every read of conversations that is scoped or used twice."""

from typing import Any

from django.db import models

from accounts.querysets import TenantQuerySet


class ConversationQuerySet(TenantQuerySet):
    def for_client(self, business_id: int, client_id: int) -> "models.QuerySet[Any]":
        return self.filter(business_id=business_id, client_id=client_id)


class MessageQuerySet(TenantQuerySet):
    def visible_to(self, business_id: int | None) -> "models.QuerySet[Any]":
        """Messages of one business, or of all for a platform key (None)."""
        return self.all() if business_id is None else self.filter(business_id=business_id)

    def outbox(self) -> "models.QuerySet[Any]":
        """What omega itself has still to send or to find out."""
        return self.filter(due_at__isnull=False, status__in=["scheduled", "queued", "sending", "unknown"])
