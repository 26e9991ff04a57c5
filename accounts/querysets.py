"""Every read of accounts that is scoped or used twice."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from omega_project.lib.reach import current, everything

_RARE = 1_000


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

    def found(self, text: str) -> "ClientQuerySet":
        """As `matching`, of clients that are scoped already, also for who stands behind PostgreSQL's wall.

        There no index serves a part of a word (decision 19): rare words are looked up with the wall open, and common
        ones are met soon enough by reading the list.
        """
        if current().is_everything:
            return self.matching(text)
        with everything():
            ids = list(self.matching(text).order_by().values_list("pk", flat=True)[: _RARE + 1])
        return self.filter(pk__in=ids) if len(ids) <= _RARE else self.matching(text)


class ApiKeyQuerySet(models.QuerySet[Any]):
    def alive(self) -> "ApiKeyQuerySet":
        return self.filter(revoked_at__isnull=True).filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
        )
