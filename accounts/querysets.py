"""Every read of accounts that is scoped or used twice."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone


class TenantQuerySet(models.QuerySet[Any]):
    """The one door of tenant reads."""

    def in_business(self, business_id: int) -> "TenantQuerySet":
        return self.filter(business_id=business_id)


class ClientQuerySet(TenantQuerySet):
    def matching(self, text: str) -> "ClientQuerySet":
        """Clients with `text` in their name, phone or e-mail; served by the index client_search."""
        found = self
        for word in text.split()[:5]:
            term = word.upper()
            found = found.filter(
                Q(first_name__icontains=term)
                | Q(last_name__icontains=term)
                | Q(phone__icontains=term)
                | Q(email__icontains=term)
            )
        return found


class ApiKeyQuerySet(models.QuerySet[Any]):
    def alive(self) -> "ApiKeyQuerySet":
        return self.filter(revoked_at__isnull=True).filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
        )
