"""`manage.py onboard_business`: what it prints, and the code that it ends with."""

import json
import re

import pytest
from django.core.management import CommandError

from accounts.services.credentials import find_api_key
from onboarding.models import Onboarding
from tests.commands.calling import called
from tests.onboarding import world
from tests.onboarding.world import phone

pytestmark = pytest.mark.django_db


def a_file(folder, **fields):
    path = folder / "request.json"
    path.write_text(json.dumps(world.a_request(**fields)))
    return str(path)


def test_a_business_from_a_file(carrier, tmp_path):
    said = called("onboard_business", a_file(tmp_path, owner=None), "--show-key")
    made = Onboarding.objects.get()
    assert said.startswith(f"onboarding {made.pk} of business {made.business_id}\n")
    assert re.search(r"^senders +done +\+1212\d+ is bought\.$", said, re.MULTILINE)
    assert re.search(r"^test_message +skipped +There is nobody to text", said, re.MULTILINE)
    assert find_api_key(said.splitlines()[-1])["business_id"] == made.business_id
    assert made.source == "command"


def test_the_key_is_left_for_its_reader_unless_it_is_asked_for(carrier, tmp_path):
    said = called("onboard_business", a_file(tmp_path, owner=None))
    assert said.splitlines()[-1] == "completed"
    assert Onboarding.objects.get().api_key is not None


def test_a_step_that_waits_for_a_person_ends_it_with_one(carrier, tmp_path, capsys):
    name = a_file(tmp_path, owner=None, senders=[{"channel": "sms", "buy": {"area_code": "533"}}])
    with pytest.raises(SystemExit) as ended:
        called("onboard_business", name)
    assert ended.value.code == 1
    with pytest.raises(SystemExit):
        called("onboard_business", "--retry", str(Onboarding.objects.get().pk))
    better = world.a_request(external_id=Onboarding.objects.get().external_id, owner=None)
    (tmp_path / "better.json").write_text(json.dumps(better))
    assert "completed" in called("onboard_business", str(tmp_path / "better.json"))


def test_the_end_of_its_patience_is_told_by_two(carrier, tmp_path):
    with pytest.raises(SystemExit) as ended:
        called("onboard_business", a_file(tmp_path), "--wait", "0.5")
    assert ended.value.code == 2  # no worker is here to send the test message


def test_what_is_wrong_is_a_sentence_each(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({"name": "x", "senders": [{"channel": "sms", "address": phone(), "location": "y"}]}))
    with pytest.raises(CommandError) as refused:
        called("onboard_business", str(path))
    assert str(refused.value).splitlines() == [
        "senders.0.location is no location of this request", "external_id is required", "timezone is required",
    ]  # fmt: skip
    path.write_text("{")
    with pytest.raises(CommandError, match="The request is not valid JSON"):
        called("onboard_business", str(path))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Name a file, or an onboarding with --retry."),
        (["/nowhere.json"], "/nowhere.json cannot be read: No such file"),
        (["--retry", "987654"], "There is no such onboarding."),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(words, sentence):
    with pytest.raises(CommandError, match=sentence):
        called("onboard_business", *words)
