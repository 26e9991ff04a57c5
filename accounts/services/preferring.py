"""How a person has the admin: kept, and read."""

from typing import Any

from django.utils import timezone

from accounts.models import Preference


def preference_of(user_id: int) -> Preference:
    """What a person chose; one that says nothing where they chose nothing yet."""
    return Preference.objects.filter(pk=user_id).first() or Preference(pk=user_id)


def prefer(*, user: Any, language: str, zone: str) -> None:
    """Keep a person's language and zone; empty: as their browser has it."""
    Preference.objects.update_or_create(user=user, defaults={"language": language, "timezone": zone})


def see_tour(*, user: Any) -> None:
    """The tour is not shown to this person again."""
    Preference.objects.update_or_create(user=user, defaults={"tour_seen_at": timezone.now()})
