"""create_api_key: shown once, found by its digest, for as long as was asked."""

from datetime import timedelta

import pytest
from django.core.management import CommandError
from django.utils import timezone

from accounts.models import ApiKey
from accounts.services.credentials import find_api_key
from tests.commands.calling import a_business, called

pytestmark = pytest.mark.django_db


def test_key_of_the_platform():
    key = called("create_api_key", "--name", "billing").strip()
    assert find_api_key(key)["business_id"] is None
    made = ApiKey.objects.get()
    assert (made.name, made.expires_at) == ("billing", None)
    assert bytes(made.key_hash) not in key.encode()


def test_key_of_a_business():
    business = a_business()
    key = called("create_api_key", "--name", "web shop", "--business", str(business.pk)).strip()
    assert find_api_key(key)["business_id"] == business.pk


def test_key_that_expires():
    called("create_api_key", "--name", "trial", "--expires-in-days", "30")
    left = ApiKey.objects.get().expires_at - timezone.now()
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--name", "x", "--business", "987654"], "There is no business 987654"),
        (["--name", "  "], "--name must have 1 to 255 characters"),
        (["--name", "x" * 256], "--name must have 1 to 255 characters"),
        (["--name", "x", "--expires-in-days", "0"], "--expires-in-days must be from 1 to"),
        (["--name", "x", "--expires-in-days", "99999999"], "--expires-in-days must be from 1 to"),
        ([], "--name"),
    ],
)
def test_key_refused_in_a_sentence(words, sentence):
    with pytest.raises(CommandError, match=sentence):
        called("create_api_key", *words)
    assert not ApiKey.objects.exists()
