"""seed_demo: the demo once, its credentials as often as they get lost, and loads of any size."""

import json
import stat

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError
from django.db.models import Count, Max, Q

from accounts.models import ApiKey, Business, Client, Sender
from accounts.services.credentials import find_api_key
from conversations.models import Conversation, Message
from messaging.models import Template
from messaging.services.problems import problem_groups
from messaging.services.retrying import Wanted, retry_failed
from sandbox.numbers import BY_ENDING
from tests.commands.calling import a_business, called
from tests.contract.world import claimed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def debug(settings):
    settings.DEBUG = True


@pytest.fixture
def path(tmp_path):
    return tmp_path / "demo.json"


def seeded(path):
    called("seed_demo", "--json", str(path))
    return json.loads(path.read_text())


def counts():
    models = (Business, Client, Sender, Template, Conversation, Message)
    return [model.objects.count() for model in models]


def test_demo_credentials_work(path):
    made = seeded(path)
    assert authenticate(username=made["admin_username"], password=made["admin_password"]).is_superuser
    assert find_api_key(made["platform_api_key"])["business_id"] is None
    assert len(made["businesses"]) == 2
    for business in made["businesses"]:
        assert find_api_key(business["api_key"])["business_id"] == business["id"]
        assert set(business) == {"id", "name", "api_key", "sms_sender", "email_sender"}
        sender = Sender.objects.get(address=business["sms_sender"])
        assert (sender.business_id, sender.is_default, sender.messages_per_second) == (business["id"], True, None)
        assert Sender.objects.filter(address=business["email_sender"], provider="sendgrid").exists()


def test_demo_file_is_private(path):
    seeded(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["demo.json"]


def test_demo_second_call_changes_nothing(path):
    before, kept = seeded(path), (counts(), ApiKey.objects.count())
    assert seeded(path) == before
    assert (counts(), ApiKey.objects.count()) == kept


def test_demo_lost_file_means_new_credentials_and_nothing_else(path):
    before, kept = seeded(path), counts()
    path.unlink()
    after = seeded(path)
    assert counts() == kept
    assert after["admin_password"] != before["admin_password"]
    assert authenticate(username="admin", password=after["admin_password"])
    assert not authenticate(username="admin", password=before["admin_password"])
    assert [b["id"] for b in after["businesses"]] == [b["id"] for b in before["businesses"]]


@pytest.mark.parametrize("content", ["", "[]", '{"businesses": []}', '{"platform_api_key": "no", "businesses": 3'])
def test_demo_spoilt_file_is_made_anew(path, content):
    path.write_text(content)
    assert find_api_key(seeded(path)["platform_api_key"])


def test_demo_revoked_key_is_made_anew(path):
    before = seeded(path)
    ApiKey.objects.filter(business_id=before["businesses"][0]["id"]).delete()
    assert seeded(path)["businesses"][0]["api_key"] != before["businesses"][0]["api_key"]


def test_demo_inbox_has_something_of_everything(path):
    seeded(path)
    kinds = set(Message.objects.values_list("channel", "direction", "status"))
    assert {("sms", "inbound", "received"), ("sms", "outbound", "delivered"), ("note", "internal", "received")} <= kinds
    assert Conversation.objects.filter(unread_count__gt=0).exists()
    assert Conversation.objects.filter(unread_count=0, status="open").exists()
    assert Client.objects.filter(consent_sms="opted_out").exists()


def test_demo_has_a_problem_to_look_at(path):
    seeded(path)
    [group] = problem_groups()
    assert (group["status"], group["error_code"], group["count"]) == ("undelivered", "30003", 1)
    message = Message.objects.get(pk=group["samples"][0])
    assert message.delivered_at is None
    assert retry_failed(Wanted(message_ids=[message.pk])).retried == [message.pk]
    assert message.pk in claimed(), "whoever tries it again in the demo sees it go"


def test_demo_numbers_are_not_magic(path):
    seeded(path)
    assert not [phone for phone in Client.objects.values_list("phone", flat=True) if phone[-4:] in BY_ENDING]


def test_demo_summaries_fit_their_messages(path):
    seeded(path)
    check_summaries()


def check_summaries():
    """What each conversation says of its messages is what its messages say."""
    said = Q(messages__channel="activity")
    rows = Conversation.objects.annotate(
        messages_there=Count("messages"),
        unread_there=Count("messages", filter=Q(messages__is_read=False, messages__reading__isnull=True)),
        last_there=Max("messages__id", filter=~said),
        last_at_there=Max("messages__created_at", filter=~said),
    )
    for row in rows:
        assert (row.message_count, row.unread_count) == (row.messages_there, row.unread_there)
        assert (row.last_message_id, row.last_message_at) == (row.last_there, row.last_at_there)


def test_demo_needs_debug(settings, path):
    settings.DEBUG = False
    with pytest.raises(CommandError, match="only where DEBUG is on"):
        called("seed_demo", "--json", str(path))
    assert not Business.objects.exists()


@pytest.mark.parametrize("size", ["0", "-5", "999999999999"])
def test_load_refuses_a_senseless_size(size):
    with pytest.raises(CommandError, match="--size must be from 1"):
        called("seed_demo", "--size", size)


def test_load_refuses_an_unknown_business():
    with pytest.raises(CommandError, match="There is no business 987654"):
        called("seed_demo", "--size", "10", "--business", "987654")


def test_load_refuses_a_business_that_cannot_send():
    business = Business.objects.create(name="Mute")
    with pytest.raises(CommandError, match="has no sender for texts"):
        called("seed_demo", "--size", "10", "--business", str(business.pk))


@pytest.mark.django_db(transaction=True)
def test_load_is_what_traffic_would_have_left():
    business = a_business()
    printed = called("seed_demo", "--size", "3000", "--business", str(business.pk))
    assert "3,000 messages in 300 conversations" in printed
    assert Message.objects.filter(business=business).count() == 3000
    check_summaries()
    assert Conversation.objects.order_by("-message_count")[0].message_count >= 30
    assert {"received", "delivered", "undelivered", "failed"} <= set(Message.objects.values_list("status", flat=True))
    assert Conversation.objects.filter(unread_count__gt=0).exists()
    assert Conversation.objects.filter(first_response_at__isnull=False).exists()
    # The sequences stand behind the load: what comes next has an id of its own.
    last = Message.objects.order_by("-id")[0].id
    called("seed_demo", "--size", "10", "--business", str(business.pk))
    assert Message.objects.filter(id__gt=last).count() == 10


@pytest.mark.django_db(transaction=True)
def test_load_is_the_same_for_the_same_seed():
    loads = []
    for seed in (7, 7, 8):
        number = f"+1212555018{len(loads)}"
        business = a_business(number=number)
        called("seed_demo", "--size", "200", "--business", str(business.pk), "--seed", str(seed))
        loads.append(list(Message.objects.filter(business=business).order_by("id").values_list("body", "created_at")))
    assert loads[0] == loads[1]
    assert loads[0] != loads[2]
