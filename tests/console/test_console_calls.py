"""Calling from the inbox, in process: whom, as whom, and who may not."""

from accounts.models import Client
from tests.admin.world import a_business, a_staff_member, a_thread
from tests.security.test_security_roles import login_as


def facts(browser, thread, code=200):
    answer = browser.get(f"/admin/inbox/{thread.pk}/phone/")
    assert answer.status_code == code
    return answer.json() if code == 200 else None


def token(browser, business, code=200, **form):
    answer = browser.post(f"/admin/inbox/call-token/?business={business.pk}", form)
    assert answer.status_code == code, answer.content
    return answer.json() if "json" in answer.headers["Content-Type"] else None


def test_support_calls_as_anybody_of_the_business_and_staff_as_themselves(browser):
    business = a_business()
    mo, thread = a_staff_member(business, email="mo@example.com"), a_thread(business, first_name="Ana")
    ada = a_staff_member(business, name="Ada")
    assert facts(browser, thread) == {"client": thread.client_id, "name": "Ana", "as": ada.pk, "closed": ""}
    assert token(browser, business, staff=mo.pk)["name"] == "Mo Santos"
    own = login_as("mo", "agent", business)
    assert facts(own, thread)["as"] == mo.pk
    assert token(own, business, staff=ada.pk)["name"] == "Mo Santos"
    html = own.get(f"/admin/inbox/{thread.pk}/")
    assert 'id="phone"' in html.content.decode()
    assert "microphone=(self)" in html.headers["Permissions-Policy"]


def test_why_nobody_can_be_called_is_a_sentence(browser):
    business = a_business()
    thread = a_thread(business)
    assert "no staff member" in facts(browser, thread)["closed"]
    assert "no staff member" in token(browser, business, 409)["errors"][0]
    a_staff_member(business)
    Client.objects.filter(pk=thread.client_id).update(consent_voice="opted_out")
    assert facts(browser, thread)["closed"] == "This client does not want to be called."


def test_nobody_calls_from_another_business_or_behind_a_curtain(db):
    business = a_business()
    a_staff_member(business)
    thread = a_thread(business)
    outsider = login_as("charlie", "owner", a_business(name="Other"))
    facts(outsider, thread, 404)
    token(outsider, business, 404)
    sue = login_as("sue", "support")
    token(sue, business, 403)
    assert 'id="phone"' not in sue.get(f"/admin/inbox/{thread.pk}/").content.decode()
