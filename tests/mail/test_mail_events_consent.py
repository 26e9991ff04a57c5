"""What events say of an address: opted out, back again, or no mailbox at all."""

import pytest

from accounts.models import Client
from messaging.models import Consent, ConsentChange
from messaging.services import carriers, consent
from tests.contract.world import a_studio
from tests.mail.reports import a_mail, an_address, event, post_events, public_key, row, tell

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def key(settings):
    settings.SENDGRID_WEBHOOK_PUBLIC_KEY = public_key()
    carriers.forget()


def state(mail):
    found = Consent.objects.filter(business_id=mail.business_id, channel="email", address=mail.to_address).first()
    return found and (found.state, found.bounced_at is not None)


def ledger(mail):
    found = ConsentChange.objects.filter(business_id=mail.business_id, address=mail.to_address).order_by("id")
    return [(one.previous, one.state, one.source, one.evidence["event"]) for one in found]


def seen_on_client(mail):
    return Client.objects.get(pk=mail.client_id).consent_email


@pytest.mark.parametrize("word", ["spamreport", "unsubscribe", "group_unsubscribe"])
def test_who_wants_no_mail_is_opted_out_and_the_status_stays(word):
    mail = a_mail(a_studio(), status="delivered")
    post_events([event(mail, word, asm_group_id=10)])
    assert state(mail) == ("opted_out", False)
    assert seen_on_client(mail) == "opted_out"
    change = ConsentChange.objects.get()
    assert (change.previous, change.state, change.source) == ("unknown", "opted_out", "provider")
    assert change.evidence["message_id"] == mail.pk
    assert change.evidence["provider"] == "sendgrid"
    assert row(mail).status == "delivered"


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [("Unsubscribed Address", ("opted_out", False)), ("Spam Reporting Address", ("opted_out", False)),
     ("Bounced Address", ("unknown", True)), ("Invalid", ("unknown", True)), ("Spam Content", None), ("", None),
     ("Recipient List over Package Quota", None)],
)  # fmt: skip
def test_why_a_mail_was_dropped_counts(reason, wanted):
    mail = a_mail(a_studio())
    post_events([event(mail, "dropped", reason=reason)])
    assert state(mail) == wanted
    assert row(mail).status == "undelivered"


@pytest.mark.parametrize(
    ("said", "wanted"),
    [({"type": "bounce", "status": "5.1.1"}, ("unknown", True)), ({"type": "blocked", "status": "5.7.1"}, None),
     ({"type": "expired"}, None), ({"status": "4.2.2"}, None), ({"status": "5.1.1"}, ("unknown", True))],
)  # fmt: skip
def test_a_mailbox_that_is_gone_is_no_opt_out_and_one_that_is_busy_is_not_gone(said, wanted):
    mail = a_mail(a_studio())
    post_events([event(mail, "bounce", reason="says why", **said)])
    assert state(mail) == wanted
    assert seen_on_client(mail) == "unknown"
    assert row(mail).error_retryable == (wanted is None)
    if wanted:
        assert ledger(mail) == [("unknown", "unknown", "bounce", "bounced")]
        assert Consent.objects.get().bounce_reason == "says why"


def test_who_left_a_list_and_comes_back_to_it_is_opted_in():
    mail = a_mail(a_studio())
    post_events([event(mail, "group_unsubscribe", asm_group_id=10, timestamp=1741000720)])
    post_events([event(mail, "group_resubscribe", asm_group_id=11)])
    assert state(mail) == ("opted_out", False)
    post_events([event(mail, "group_resubscribe", asm_group_id=10)])
    assert state(mail) == ("opted_in", False)
    assert seen_on_client(mail) == "opted_in"


@pytest.mark.parametrize(
    "words",
    ["spamreport", "unsubscribe", "group_unsubscribe spamreport", "spamreport group_unsubscribe",
     "group_unsubscribe unsubscribe"],
)  # fmt: skip
def test_coming_back_to_a_list_undoes_no_other_opt_out(words):
    mail = a_mail(a_studio())
    for word in words.split():
        post_events([event(mail, word, asm_group_id=10)])
    post_events([event(mail, "group_resubscribe", asm_group_id=10)])
    assert state(mail) == ("opted_out", False)


@pytest.mark.parametrize("source", ["staff", "api", "keyword"])
def test_coming_back_to_a_list_undoes_no_word_of_staff(source):
    mail = a_mail(a_studio())
    consent.change_consent(
        business_id=mail.business_id, channel="email", address=mail.to_address, state="opted_out", source=source,
        evidence={},
    )  # fmt: skip
    post_events([event(mail, "group_unsubscribe", asm_group_id=10)])
    post_events([event(mail, "group_resubscribe", asm_group_id=10)])
    assert state(mail) == ("opted_out", False)


def test_coming_back_without_having_left_changes_nothing():
    mail = a_mail(a_studio())
    post_events([event(mail, "group_resubscribe", asm_group_id=10)])
    assert (state(mail), ledger(mail)) == (None, [])


def test_an_event_that_is_processed_again_opts_nobody_out_again():
    mail = a_mail(a_studio())
    tell(mail, "unsubscribed", event_id="one")
    consent.change_consent(
        business_id=mail.business_id, channel="email", address=mail.to_address, state="opted_in", source="staff",
        evidence={},
    )  # fmt: skip
    tell(mail, "unsubscribed", event_id="one")
    assert state(mail) == ("opted_in", False)
    tell(mail, "unsubscribed", event_id="two")
    assert state(mail) == ("opted_out", False)


def test_one_businesss_consent_is_not_anothers_and_all_holders_of_an_address_show_it():
    studio, address = a_studio(), an_address()
    mail, elsewhere = a_mail(studio, to=address), a_mail(a_studio(), to=address)
    twin = Client.objects.create(business_id=studio.id, email=address)
    post_events([event(mail, "spamreport")])
    twin.refresh_from_db()
    assert (seen_on_client(mail), twin.consent_email) == ("opted_out", "opted_out")
    assert (state(elsewhere), seen_on_client(elsewhere)) == (None, "unknown")


def test_a_copys_complaint_is_of_the_copys_address():
    mail = a_mail(a_studio(), cc=["friend@example.org"])
    post_events([event(mail, "spamreport", email="friend@example.org")])
    assert state(mail) is None
    assert Consent.objects.get().address == "friend@example.org"
    assert row(mail).mail.complained_at is None


def test_staff_lift_a_bounce_and_the_ledger_says_so():
    mail = a_mail(a_studio())
    tell(mail, "bounced", reason="550 gone")
    assert consent.lift_bounce(business_id=mail.business_id, address=mail.to_address, by="Mo") is True
    assert consent.lift_bounce(business_id=mail.business_id, address=mail.to_address, by="Mo") is False
    assert state(mail) == ("unknown", False)
    assert ledger(mail)[-1] == ("unknown", "unknown", "staff", "bounce_lifted")
    tell(a_mail(a_studio()), "bounced")
    tell(mail, "bounced", reason="550 still gone", event_id="again")
    assert state(mail) == ("unknown", True)
