"""Secrets at rest: sealed by the newest key, opened by any, and moved to the newest by a command."""

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import models
from django.test import override_settings

from accounts.models import ProviderAccount
from accounts.services import resealing, two_factor
from omega_project.lib import sealing
from onboarding.models import Onboarding
from tests.admin.world import a_business

OLD, NEW = override_settings(ENCRYPTION_KEYS=["old"]), override_settings(ENCRYPTION_KEYS=["new"])
BOTH = override_settings(ENCRYPTION_KEYS=["new", "old"])
# Columns of bytes that hold no secret: digests, and payloads as they came.
NO_SECRETS = {"key_hash", "token_hash", "code_hash", "request_hash", "fingerprint", "payload"}


@pytest.fixture
def account(db):
    with OLD:
        return ProviderAccount.objects.create(
            business=a_business(), provider="twilio", account_id="AC1", secrets=sealing.seal({"auth_token": "t0ken"})
        )


def opened(account):
    account.refresh_from_db()
    return sealing.unseal(account.secrets)


def test_a_rotation_leaves_nothing_under_the_old_key(account, olga, capsys):
    with OLD:
        two_factor.begin(olga.pk)
    with BOTH:
        call_command("reseal", dry_run=True)
        assert "to seal anew: 2" in capsys.readouterr().out
        call_command("reseal")
        assert "sealed anew: 2" in capsys.readouterr().out
        call_command("reseal")
        assert "sealed anew: 0, under the first key already: 2" in capsys.readouterr().out
    with NEW:
        assert opened(account) == {"auth_token": "t0ken"}
        assert len(two_factor._key(two_factor.begin(olga.pk))) == 20
    with OLD, pytest.raises(sealing.CannotOpen):
        opened(account)


def test_an_onboardings_request_and_key_move_too(account):
    with OLD:
        sealed = {"request": sealing.seal({"name": "Lotus"}), "api_key": sealing.seal({"key": "k"})}
    row = Onboarding.objects.create(
        external_id="a", business_id=account.business_id, reference="a", fingerprint=b"", **sealed
    )
    read = Onboarding.objects.create(
        external_id="b", business=a_business(), reference="b", fingerprint=b"", request=sealed["request"], api_key=None
    )
    with BOTH:
        call_command("reseal")
    row.refresh_from_db()
    with NEW:
        assert (sealing.unseal(row.request), sealing.unseal(row.api_key)) == ({"name": "Lotus"}, {"key": "k"})
    read.refresh_from_db()
    assert read.api_key is None


def test_what_opens_with_no_key_is_named_and_left_as_it_is(account):
    before = bytes(account.secrets)
    with NEW, pytest.raises(CommandError, match=f"ProviderAccount {account.pk}"):
        call_command("reseal")
    account.refresh_from_db()
    assert bytes(account.secrets) == before


def test_a_sealed_secret_cannot_be_read_or_changed(account):
    sealed = bytes(account.secrets)
    assert b"t0ken" not in sealed
    for place in (10, 40, len(sealed) - 5):
        broken = sealed[:place] + (b"A" if sealed[place : place + 1] != b"A" else b"B") + sealed[place + 1 :]
        with OLD, pytest.raises(sealing.CannotOpen):
            sealing.unseal(broken)


def test_every_column_that_is_sealed_is_known_to_the_rotation():
    known = {(app, name, column) for app, name, column in resealing.SEALED}
    columns = {
        (model._meta.app_label, model.__name__, field.name)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.BinaryField) and field.name not in NO_SECRETS
    }
    assert columns == known
