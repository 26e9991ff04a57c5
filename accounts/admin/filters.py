"""Filters of lists that need no scan: the choices come from small tables."""

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import Business
from omega_project.lib.reach import reach_of

# With more businesses than that a list of links is no help: open the business, and go on from there.
MOST_CHOICES = 50


class BusinessFilter(SimpleListFilter):
    """One business's rows: every list of a tenant's rows has an index that begins with the business."""

    title = "business"
    parameter_name = "business"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        if not reach_of(request).is_everything:  # who has one business has nothing to choose
            return []
        rows = Business.objects.order_by("name").values_list("pk", "name")[:MOST_CHOICES]
        return [(str(pk), name) for pk, name in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        return queryset.filter(business_id=int(value)) if value.isascii() and value.isdigit() else queryset
