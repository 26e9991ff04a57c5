"""What messaging does when the apps below it say that something has happened: one line each."""

from typing import Any

from django.dispatch import receiver

from accounts.services.address_changes import address_changed
from messaging.services import consent_copies


@receiver(address_changed)
def refresh_consent(phones: list[int], emails: list[int], **kwargs: Any) -> None:
    consent_copies.refresh_clients(phones=phones, emails=emails)
