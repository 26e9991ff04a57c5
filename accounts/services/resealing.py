"""A rotation of keys: what is sealed under an older one of ENCRYPTION_KEYS is sealed anew under the first."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.apps import apps
from django.db import models, transaction

from omega_project.lib import sealing

# Every column that is sealed; tests/security/test_security_sealing.py knows when one is missing.
SEALED = (
    ("accounts", "ProviderAccount", "secrets"),
    ("accounts", "Authenticator", "secret"),
    ("messaging", "WebhookEndpoint", "secrets"),
    ("onboarding", "Onboarding", "request"),
    ("onboarding", "Onboarding", "api_key"),
)


@dataclass(slots=True)
class Resealed:
    """How many were sealed anew, how many were so already, and which open with no key, such as "ProviderAccount 7"."""

    anew: int = 0
    already: int = 0
    lost: list[str] = field(default_factory=list)


def reseal(*, is_rehearsal: bool = False) -> Resealed:
    """Seal anew what is not sealed by the first key, row by row under its lock; a rehearsal only counts."""
    done = Resealed()
    for model, column, pk in _rows():
        with transaction.atomic():
            row = model._default_manager.select_for_update().filter(pk=pk).only(column).first()
            if row is not None and getattr(row, column) is not None:  # a key that was read is gone
                _one(done, row, column, is_rehearsal)
    return done


def _rows() -> Iterator[tuple[type[models.Model], str, int]]:
    for app, name, column in SEALED:
        model = apps.get_model(app, name)
        for pk in model._default_manager.order_by("pk").values_list("pk", flat=True):
            yield model, column, pk


def _one(done: Resealed, row: models.Model, column: str, is_rehearsal: bool) -> None:
    sealed = bytes(getattr(row, column))
    if sealing.is_newest(sealed):
        done.already += 1
        return
    try:
        anew = sealing.seal(sealing.unseal(sealed))
    except sealing.CannotOpen:
        done.lost.append(f"{row._meta.object_name} {row.pk}")
        return
    done.anew += 1
    if not is_rehearsal:
        setattr(row, column, anew)
        row.save(update_fields=[column])
