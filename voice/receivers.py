"""What voice does when the apps below it say that something has happened: one line each."""

from typing import Any

from django.dispatch import receiver

from messaging.services.erasing import client_erased
from voice.services import erasing


@receiver(client_erased)
def erase_calls(client_ids: list[int], **kwargs: Any) -> None:
    erasing.erase_calls(client_ids)
