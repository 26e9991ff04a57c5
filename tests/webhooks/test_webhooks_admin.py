"""Webhooks in the admin: an endpoint made by the form, its secret shown once, switched off and on, replayed."""

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import AdminRole
from messaging.models import WebhookDelivery, WebhookEndpoint
from messaging.services.webhook_endpoints import add_endpoint
from omega_project.lib import sealing
from tests.admin.world import EVIL, a_business

pytestmark = pytest.mark.django_db
PAGE = "/admin/messaging/webhookendpoint/"


@pytest.fixture
def browser():
    made = Browser()
    made.force_login(User.objects.create_superuser("olga", "olga@example.com", "pass"))
    made.get("/admin/jsi18n/")
    return made


def an_endpoint(**fields):
    given = {"url": "https://platform.example.com/hook", "events": [], "description": EVIL} | fields
    return add_endpoint(business_id=a_business().pk, **given)[0]


def a_delivery(endpoint, **fields):
    given = {"position": 1, "webhook_id": "msg_1", "type": "message.created", "status": "failed", "error": EVIL,
             "payload": '{"data": "<script>alert(1)</script>"}', "created_at": timezone.now()} | fields  # fmt: skip
    return WebhookDelivery.objects.create(business_id=endpoint.business_id, endpoint=endpoint, **given)


def do(browser, what, row, action):
    return browser.post(f"/admin/messaging/{what}/{row.pk}/do/{action}/", follow=True).content.decode()


def test_an_endpoint_is_made_and_its_secret_shown_once(browser):
    given = {
        "business": a_business().pk,
        "url": "https://p.example.com/h",
        "events": ["call.updated"],
        "description": "",
    }
    page = browser.post(f"{PAGE}add/", given | {"_continue": "1"}, follow=True).content.decode()
    made = WebhookEndpoint.objects.get()
    secret = sealing.unseal(made.secrets)["now"]
    assert secret in page
    assert (made.url, made.events) == ("https://p.example.com/h", ["call.updated"])
    assert secret not in browser.get(f"{PAGE}{made.pk}/change/").content.decode()


def test_an_address_that_cannot_be_told_is_a_sentence_at_the_field(browser, settings):
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = False
    given = {"business": a_business().pk, "url": "https://127.0.0.1/", "description": ""}
    assert "private network" in browser.post(f"{PAGE}add/", given).content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_an_endpoint_is_changed_by_the_form(browser):
    made = an_endpoint()
    given = {"url": made.url, "events": ["message.created", "message.updated"], "description": "Ours"}
    browser.post(f"{PAGE}{made.pk}/change/", given)
    made.refresh_from_db()
    assert (made.events, made.description) == (["message.created", "message.updated"], "Ours")


def test_it_is_switched_off_and_on_and_given_a_new_secret(browser):
    made = an_endpoint()
    before = sealing.unseal(made.secrets)["now"]
    do(browser, "webhookendpoint", made, "switch_off")
    assert WebhookEndpoint.objects.get().is_enabled is False
    do(browser, "webhookendpoint", made, "switch_on")
    assert WebhookEndpoint.objects.get().is_enabled is True
    page = do(browser, "webhookendpoint", made, "rotate")
    after = sealing.unseal(WebhookEndpoint.objects.get().secrets)
    assert after["now"] in page
    assert (after["before"], after["now"] == before) == (before, False)


def test_what_failed_is_sent_again(browser):
    made = an_endpoint()
    failed, done = a_delivery(made), a_delivery(made, position=2, status="delivered")
    assert "1 to be sent again" in do(browser, "webhookendpoint", made, "replay_failed")
    failed.refresh_from_db()
    assert failed.status == "pending"
    do(browser, "webhookdelivery", done, "replay")
    done.refresh_from_db()
    assert done.status == "pending"


def test_the_pages_show_what_came_from_outside_as_text(browser):
    made = an_endpoint()
    row = a_delivery(made, response=EVIL)
    pages = (PAGE, f"{PAGE}{made.pk}/change/", "/admin/messaging/webhookdelivery/?state=failed",
             f"/admin/messaging/webhookdelivery/{row.pk}/change/")  # fmt: skip
    for page in pages:
        answer = browser.get(page)
        assert answer.status_code == 200, page
        assert EVIL not in answer.content.decode()
        assert "<script>alert" not in answer.content.decode()


def test_an_owner_of_another_business_sees_none_of_it():
    made = an_endpoint()
    user = User.objects.create_user("ann", "ann@example.com", "pass", is_staff=True)
    AdminRole.objects.create(user=user, role="owner", business=a_business())
    browser = Browser()
    browser.force_login(user)
    browser.get("/admin/jsi18n/")
    assert made.url not in browser.get(PAGE).content.decode()
    assert browser.get(f"{PAGE}{made.pk}/change/").status_code in {302, 403}
