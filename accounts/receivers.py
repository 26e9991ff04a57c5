"""Who hears of what Django tells."""

from typing import Any

from django.db.models.signals import post_migrate
from django.dispatch import receiver

from accounts.services import walls


@receiver(post_migrate, dispatch_uid="accounts.walls")
def raise_walls(sender: Any, **kwargs: Any) -> None:
    """Behind `migrate`, once: each table has its wall."""
    if sender.name == "accounts":
        walls.raise_walls()
