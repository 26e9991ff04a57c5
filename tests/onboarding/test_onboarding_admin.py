"""Onboarding and a business's own page in the admin, as a person clicks through them."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.urls import reverse

from accounts.models import AdminRole, Location, ProviderAccount, Sender, Staff
from messaging.models import Template
from messaging.services.sending import queue_message
from messaging.services.texts import TextToQueue
from omega_project.lib import sealing
from onboarding.models import Invitation, Onboarding
from tests.contract.world import a_studio
from tests.onboarding import world
from tests.onboarding.world import phone

pytestmark = pytest.mark.django_db
ADD = "/admin/onboarding/onboarding/add/"


@pytest.fixture
def browser():
    made = Browser()
    made.force_login(User.objects.create_superuser("olga", "olga@example.com", "pass"))
    return made


def page_of(started):
    return reverse("admin:onboarding_onboarding_change", args=[started["onboarding_id"]])


def do(browser, app, pk, action):
    return browser.post(f"/admin/{app}/{pk}/do/{action}/", follow=True).content.decode()


FIELDS = {
    "name": "Lotus", "external_id": "lotus", "timezone": "America/New_York", "country": "US",
    "owner_name": "Mei", "owner_email": "mei@lotus.example", "owner_phone": "(212) 555-0178", "kind": "local",
    "places": "soho | Lotus SoHo | +12125550160\n\nbk | Lotus Brooklyn", "twilio": "subaccount",
    "people": "mo | Mo Reyes | mo@lotus.example | manager",
}  # fmt: skip


def test_a_business_is_onboarded_by_hand(browser, carrier):
    number = phone()
    answer = browser.post(ADD, FIELDS | {"sms_address": number}, follow=True)
    made = Onboarding.objects.get(external_id="lotus")
    assert "was added successfully" in answer.content.decode()
    started = {"onboarding_id": made.pk, "business_id": made.business_id}
    assert world.go(started) == "completed", world.details(started)
    assert made.source == "admin"
    assert set(Location.objects.values_list("external_id", "name")) == {
        ("soho", "Lotus SoHo"),
        ("bk", "Lotus Brooklyn"),
    }
    assert set(Staff.objects.values_list("name", "role")) == {("Mo Reyes", "manager"), ("Mei", "owner")}
    assert Sender.objects.get(channel="sms").address == number


def test_what_the_service_refuses_stands_at_its_field(browser):
    bad = {"timezone": "x", "people": "a | A | no-mail", "sms_address": "1234567", "owner_phone": "1", "country": "?"}
    html = browser.post(ADD, FIELDS | bad).content.decode()
    for sentence in (
        "This must be a time zone&#x27;s name", "Line 1: email must be an e-mail address",
        "This must be a number in E.164 form", "This must have at least 2 characters",
    ):  # fmt: skip
        assert sentence in html, sentence
    assert not Onboarding.objects.exists()


def test_a_number_of_another_business_is_named(browser):
    studio = a_studio(name="Harbor")
    html = browser.post(ADD, FIELDS | {"sms_address": studio.sender}).content.decode()
    assert f"{studio.sender} belongs to business {studio.id} (Harbor)." in html


def test_the_request_may_be_json(browser):
    whole = world.a_request()
    browser.post(ADD, {"whole": json.dumps(whole)})
    assert Onboarding.objects.get().external_id == whole["external_id"]
    assert "timezone is required." in browser.post(ADD, {"whole": '{"name": "x"}'}).content.decode()
    assert "is not valid JSON" in browser.post(ADD, {"whole": "{"}).content.decode()


def test_the_board_says_who_waits_for_what(browser, carrier):
    stuck = world.onboard(world.a_request(name="Stuck Spa", senders=[{"channel": "sms", "buy": {"area_code": "533"}}]))
    world.go(stuck)
    mail = [{"channel": "email", "address": "a@unpublished.example"}]
    world.onboarded(carrier, name="Mail Spa", senders=mail)
    html = browser.get("/admin/onboarding/onboarding/").content.decode()
    for words in ("Stuck Spa", "Twilio offers no such number", "Mail Spa", "Publish in the DNS of unpublished.example"):
        assert words in html
    assert "Stuck Spa" not in browser.get("/admin/onboarding/onboarding/?status__exact=completed").content.decode()
    assert "Mail Spa" not in browser.get("/admin/onboarding/onboarding/?q=stuck").content.decode()


def test_retry_and_correction(browser, carrier):
    body = world.a_request(senders=[{"channel": "sms", "buy": {"area_code": "533"}}])
    started = world.onboard(body)
    world.go(started)
    html = browser.get(page_of(started)).content.decode()
    assert "Twilio offers no such number" in html
    do(browser, "onboarding/onboarding", started["onboarding_id"], "retry")
    assert world.go(started) == "failed"
    shown = browser.post(f"/admin/onboarding/onboarding/{started['onboarding_id']}/do/correct/", follow=True)
    whole = json.loads(shown.context["adminform"].form["whole"].value())
    whole["senders"][0]["buy"]["area_code"] = "415"
    browser.post(ADD, {"whole": json.dumps(whole)})
    assert world.go(started) == "completed", world.details(started)


def test_several_are_retried_from_the_board(browser, carrier):
    stuck = world.onboard(world.a_request(senders=[{"channel": "sms", "buy": {"area_code": "533"}}]))
    world.go(stuck)
    done = world.onboarded(carrier)
    chosen = [stuck["onboarding_id"], done["onboarding_id"]]
    wanted = {"action": "retry_chosen", "_selected_action": chosen}
    html = browser.post("/admin/onboarding/onboarding/", wanted, follow=True).content.decode()
    assert "goes on." in html
    assert "Nothing of this onboarding waits for a person." in html
    assert world.step(stuck, "senders").status == "retrying"


def test_the_request_is_shown_without_its_secrets(browser, carrier):
    twilio = {"account_sid": "AC" + "d" * 32, "auth_token": "topsecret"}
    started = world.onboard(world.a_request(settings={"twilio": twilio}))
    world.go(started)
    shown = browser.get(f"{ADD}?of={started['onboarding_id']}").content.decode()
    assert "AC" + "d" * 32 in shown
    assert "topsecret" not in shown
    assert browser.get(f"{ADD}?of=x").status_code == 200


def test_the_key_is_shown_to_one_person(browser, carrier):
    started = world.onboarded(carrier)
    first = do(browser, "onboarding/onboarding", started["onboarding_id"], "take_key")
    assert "omega_biz_" in first
    assert browser.post(f"/admin/onboarding/onboarding/{started['onboarding_id']}/do/take_key/").status_code == 404


def test_an_invitation_is_sent_once_more(browser, carrier):
    world.onboarded(carrier)
    row = Invitation.objects.first()
    Invitation.objects.update(status="unknown", due_at=None)
    do(browser, "onboarding/invitation", row.pk, "send_again")
    assert Invitation.objects.get(pk=row.pk).status == "due"


def test_a_business_is_suspended_and_resumed(browser):
    studio = a_studio()
    queue_message(TextToQueue(studio.id, to=phone(), body="hi"))
    html = do(browser, "accounts/business", studio.id, "suspend")
    assert "is suspended: it receives and records, and sends nothing." in html
    assert "Resume without what waited" in html
    assert "sends again. 1 messages that waited are not sent." in do(
        browser, "accounts/business", studio.id, "resume_empty"
    )
    assert "Suspend" in do(browser, "accounts/business", studio.id, "suspend")
    assert "sends again." in do(browser, "accounts/business", studio.id, "resume")


def test_a_business_does_not_resume_itself(browser):
    studio = a_studio(status="suspended")
    user = User.objects.create_user("owen", "owen@example.com", "pass", is_staff=True)
    AdminRole.objects.create(user=user, role="owner", business_id=studio.id)
    owner = Browser()
    owner.force_login(user)
    page = owner.get(reverse("admin:accounts_business_change", args=[studio.id]))
    assert (page.status_code, "Resume" in page.content.decode()) == (200, False)
    assert owner.post(f"/admin/accounts/business/{studio.id}/do/resume/").status_code == 403


def form_of(page):
    """The form as the page has it, to be sent back: every field of the page and of its inlines."""
    form = page.context["adminform"].form
    forms = [form, *(one for inline in page.context["inline_admin_formsets"] for one in inline.formset.forms)]
    forms += [inline.formset.management_form for inline in page.context["inline_admin_formsets"]]
    found = {}
    for one in forms:
        for bound in one:
            value = bound.value()
            if value is not None and value is not False:
                found[bound.html_name] = value if not isinstance(value, list) else ",".join(map(str, value))
    return found


def test_a_businesss_own_page_is_saved(browser, carrier):
    started = world.onboarded(carrier)
    url = reverse("admin:accounts_business_change", args=[started["business_id"]])
    values = form_of(browser.get(url))
    values |= {
        "locations-0-hours": "mon-fri 09:00-17:00; sat 10:00-14:00", "locations-0-timezone": "Europe/Berlin",
        "quiet_from": "20:00:00", "staff-0-role": "manager", "templates-0-body": "New words",
        "voice_settings-0-greeting": "Hello there", "voice_settings-0-texts_back": "on",
    }  # fmt: skip
    answer = browser.post(url, values)
    assert answer.status_code == 302, answer.context["errors"]
    place = Location.objects.get(business_id=started["business_id"])
    assert place.hours == {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")} | {
        "sat": [["10:00", "14:00"]]
    }
    assert place.timezone == "Europe/Berlin"
    made = world.business(started)
    assert (f"{made.quiet_from:%H:%M}", made.voice_settings.greeting) == ("20:00", "Hello there")
    assert made.voice_settings.texts_back
    assert Template.objects.filter(business=made, body="New words").count() == 1
    assert Sender.objects.filter(business=made, is_active=True).count() == 2


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("locations-0-timezone", "Moon", "Moon is no time zone"),
        ("locations-0-hours", "someday 09:00-17:00", "no weekday such as mon"),
        ("locations-0-hours", "mon 9-17", "no stretch of time such as 09:00-17:00"),
        ("senders-0-address", "oops!", "must be a phone number"),
        ("staff-0-email", "nobody", "must be an e-mail address"),
        ("voice_settings-0-ring_seconds", "1", "greater than or equal to 5"),
    ],
)
def test_what_cannot_be_is_a_sentence_on_the_page(browser, carrier, field, value, sentence):
    started = world.onboarded(carrier)
    url = reverse("admin:accounts_business_change", args=[started["business_id"]])
    answer = browser.post(url, form_of(browser.get(url)) | {field: value})
    assert answer.status_code == 200
    assert sentence in answer.content.decode()


def test_a_secret_goes_in_and_is_never_shown(browser):
    studio = a_studio()
    url = reverse("admin:accounts_provideraccount_add")
    wanted = {"business": studio.id, "provider": "twilio", "account_id": "AC" + "e" * 32, "is_active": "on"}
    assert "it is needed" in browser.post(url, wanted).content.decode()
    assert browser.post(url, wanted | {"auth_token": "hush-hush"}).status_code == 302
    row = ProviderAccount.objects.get()
    assert sealing.unseal(row.secrets) == {"auth_token": "hush-hush"}
    change = reverse("admin:accounts_provideraccount_change", args=[row.pk])
    assert "hush-hush" not in browser.get(change).content.decode()
    before = row.updated_at
    browser.post(change, {"account_id": row.account_id, "is_active": "on", "api_key_sid": "SK1", "api_key_secret": "s"})
    row.refresh_from_db()
    wanted = {"auth_token": "hush-hush", "api_key_sid": "SK1", "api_key_secret": "s"}
    assert (sealing.unseal(row.secrets), row.updated_at > before) == (wanted, True)
    history = browser.get(reverse("admin:accounts_provideraccount_history", args=[row.pk])).content.decode()
    assert "hush-hush" not in history
    assert "auth_token" in browser.get("/admin/accounts/provideraccount/").content.decode()
