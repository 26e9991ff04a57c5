"""A client's phone or e-mail became another one: said upward, since consent belongs to addresses."""

from collections.abc import Sequence
from functools import partial

from django.db import transaction
from django.dispatch import Signal

# Sent on commit with `phones` and `emails`: the ids of the clients whose phone or e-mail is new.
address_changed = Signal()


def tell_changed(*, phones: Sequence[int] = (), emails: Sequence[int] = ()) -> None:
    """Say on commit that these clients (by id) have another phone or another e-mail than before."""
    if phones or emails:
        send = partial(address_changed.send_robust, sender=None, phones=list(phones), emails=list(emails))
        transaction.on_commit(send)
