"""Mail providers call while the database is away: what they sign is kept on the disk, and brought in afterwards."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.files.storage import default_storage
from django.db import OperationalError, connection

from accounts.models import ProviderAccount
from conversations.models import Message
from messaging.models import WebhookEvent
from messaging.services import carriers, intake, spool, spooling
from omega_project.lib import sealing
from tests.contract.shapes import assert_error
from tests.contract.world import a_studio
from tests.mail import letters, reports
from tests.support.spools import own_spool

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _place(settings, tmp_path):
    own_spool(settings, tmp_path)
    settings.SENDGRID_WEBHOOK_PUBLIC_KEY = reports.public_key()
    carriers.forget()
    yield
    carriers.forget()


def refuse(*_):
    raise OperationalError("the server closed the connection unexpectedly")


def away():
    return connection.execute_wrapper(refuse)


def hand_over(mail, house):
    return letters.post(letters.form(letters.raw_fields(mail, house.address)))


def mails_on_disk():
    folder = Path(default_storage.path("mail"))
    return {file for file in folder.rglob("*") if file.is_file()} if folder.is_dir() else set()


def test_events_are_kept_and_brought_in_in_order():
    studio = a_studio()
    mail = reports.a_mail(studio, status="queued", provider_message_id=None)
    first, second = [reports.event(mail, "processed")], [reports.event(mail, "delivered", response="250 OK")]
    with away():
        got = reports.post_events(first)
        assert (got.status, got.body) == (200, {"received": 1, "new": 1})
        assert reports.post_events(second).status == 200
    assert (spool.waiting(), WebhookEvent.objects.count()) == (2, 0)
    assert spooling.drain() == 2
    assert reports.lines(mail) == [("queued", "sent"), ("sent", "delivered")]


def test_what_nobody_known_has_signed_is_not_kept():
    mail = reports.a_mail(a_studio())
    forger, batch = ec.generate_private_key(ec.SECP256R1()), [reports.event(mail, "delivered")]
    with away():
        assert_error(reports.post_events(batch, key=forger), 503, "unavailable")  # it may be a business's own key
    assert_error(reports.post_events(batch, key=forger), 403, "invalid_signature")
    with away():
        assert_error(reports.post_events(batch, key=forger), 403, "invalid_signature")
    assert spool.waiting() == 0


def test_ten_megabytes_of_events_are_kept_too():
    mail = reports.a_mail(a_studio())
    batch = [reports.event(mail, "deferred", response="x" * 9_500_000), reports.event(mail, "delivered")]
    assert len(reports.wire(batch)) > 9_500_000
    with away():
        assert reports.post_events(batch).status == 200
    assert spooling.drain() == 1
    mail.refresh_from_db()
    assert mail.status == "delivered"


def test_the_key_of_a_businesss_own_account_is_known_for_as_long_as_it_was_seen_once(settings):
    studio = a_studio()
    settings.SENDGRID_WEBHOOK_PUBLIC_KEY = ""
    secrets = sealing.seal({"api_key": "SG.x", "webhook_public_key": reports.public_key()})
    ProviderAccount.objects.create(business_id=studio.id, provider="sendgrid", account_id="own", secrets=secrets)
    mail = reports.a_mail(studio)
    path = "/email/webhook?account=own"
    with away():
        answer = reports.post_events([reports.event(mail, "delivered")], path=path)
        assert_error(answer, 503, "unavailable")
        assert answer.headers["Retry-After"]
    assert reports.post_events([reports.event(mail, "processed")], path=path).status == 200
    carriers._cache = {key: (at - 3600, one) for key, (at, one) in carriers._cache.items()}
    with away():
        assert reports.post_events([reports.event(mail, "delivered")], path=path).status == 200
    assert spooling.drain() == 1
    mail.refresh_from_db()
    assert mail.status == "delivered"


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_clients_mail_is_kept_small_or_large(size):
    house = letters.a_house()
    thread = letters.a_thread(house)
    mail = letters.a_mail(thread.client.email, house.address, "See you on Friday " + "x" * size)
    with away():
        assert hand_over(mail, house).status == 200
    assert (spool.waiting(), WebhookEvent.objects.count()) == (1, 0)
    assert spooling.drain() == 1
    for one in WebhookEvent.objects.filter(status="pending"):
        intake.replay_event(event_id=one.pk)
    message = Message.objects.get(direction="inbound")
    assert message.body.startswith("See you on Friday")
    assert message.conversation_id == thread.pk


def test_a_mail_that_its_provider_sent_twice_is_one_and_leaves_one_file():
    house = letters.a_house()
    thread = letters.a_thread(house)
    mail = letters.a_mail(thread.client.email, house.address, "See you on Friday")
    before = mails_on_disk()
    with away():
        for _ in range(2):
            assert hand_over(mail, house).status == 200
    assert hand_over(mail, house).body == {"status": "stored"}
    assert spooling.drain() == 2
    assert Message.objects.filter(direction="inbound").count() == 1
    assert len(mails_on_disk() - before) == 1


@pytest.mark.parametrize("full", ["no room", "not writable"])
def test_where_nothing_can_be_kept_the_provider_calls_again(settings, full):
    if full == "no room":
        settings.SPOOL_MAX_BYTES = 200
    else:
        settings.SPOOL_DIR.parent.mkdir(exist_ok=True)
        settings.SPOOL_DIR.write_text("a file stands where the folder should be")
    house = letters.a_house()
    thread = letters.a_thread(house)
    mail = letters.a_mail(thread.client.email, house.address, "See you on Friday")
    sent = reports.a_mail(a_studio())
    with away():
        for answer in (hand_over(mail, house), reports.post_events([reports.event(sent, "delivered")])):
            assert_error(answer, 503, "unavailable")
            assert answer.headers["Retry-After"]
    assert hand_over(mail, house).body == {"status": "stored"}


def test_what_is_in_the_spool_counts_with_the_mails_own_file(settings):
    house = letters.a_house()
    thread = letters.a_thread(house)
    settings.SPOOL_MAX_BYTES = 500_000
    with away():
        for _ in range(2):
            mail = letters.a_mail(thread.client.email, house.address, "x" * 300_000)
            last = hand_over(mail, house).status
    assert last == 503
    assert spool.usage()["waiting"] == 1
