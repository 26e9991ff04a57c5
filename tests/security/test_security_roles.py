"""Roles in the admin: every URL of it, opened by somebody of another business, shows nothing of ours."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from accounts import roles
from accounts.models import AdminRole, AuditEntry, Client, Location, Sender
from messaging.models import Template
from tests.admin.world import a_business, a_staff_member, a_thread, an_event, fails, hears, opened_to, says
from voice.models import VoiceSettings

MARK, PART = "Zyxwvut", "zyxwv"  # a page says again what was looked for, so that one looks for less
ROLES = ["owner", "manager", "agent"]
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


def name_of(model):
    return model._meta.label


def login_as(name, role=None, business=None, **fields):
    user = User.objects.create_user(name, f"{name}@example.com", "pass", is_staff=True, **fields)
    if role:
        AdminRole.objects.create(user=user, role=role, business=business)
    made = Browser()
    made.force_login(user)
    return made


def furnish(mark):
    """A business with a row in every table that is a tenant's, each with `mark` in what is shown of it."""
    business = a_business(name=f"{mark} Studio")
    Location.objects.create(business=business, name=f"{mark} hall")
    a_staff_member(business, name=f"{mark} Mo", email=f"{mark}@example.com")
    thread = a_thread(business, said=f"{mark} said", first_name=mark, email=f"{mark}@client.example")
    fails(says(thread, f"{mark} answered"), retryable=True)
    hears(thread, "STOP")
    Template.objects.create(business=business, name=f"{mark} hello", channel="sms", body=mark)
    Sender.objects.create(business=business, channel="email", address=f"{mark}@send.example", provider="sendgrid")
    VoiceSettings.objects.create(business=business, greeting=mark)
    an_event(f"Body={mark}".encode(), business=business, error=mark)
    AuditEntry.objects.create(
        actor_kind="login", actor_name=mark, action=mark, business_id=business.pk, status=200, at=timezone.now()
    )
    return business, thread


@pytest.fixture
def ours(db):
    return furnish(MARK)


@pytest.fixture
def outsider(db):
    """The owner of another business: the mightiest of its roles."""
    return login_as("charlie", "owner", furnish("Other")[0])


def nothing_of_ours(answer):
    assert answer.status_code in {200, 302, 403, 404, 405}, answer.status_code
    if answer.status_code == 302:
        assert not answer.url.startswith("/admin/login/")
        return
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert MARK.encode() not in content, answer.request["PATH_INFO"]


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_no_list_choice_or_export_shows_another_business(ours, outsider, model):
    place = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    business, thread = ours
    changelist = reverse(f"{place}_changelist")
    queries = ["", f"?q={PART}", f"?business={business.pk}", f"?business__id__exact={business.pk}", "?state=problems"]
    queries += [f"?q={thread.client.phone}", f"?assignee={business.staff.get().pk}", f"?e=1&business={business.pk}"]
    for query in queries:
        nothing_of_ours(outsider.get(changelist + query))
    for part in ("add/", "export/", "import/"):
        nothing_of_ours(outsider.get(changelist + part))
    nothing_of_ours(outsider.post(f"{changelist}export/", {"format": "0", "resource": ""}))
    for field in model._meta.fields + model._meta.many_to_many:
        asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name, "field_name": field.name}
        nothing_of_ours(outsider.get("/admin/autocomplete/", {**asked, "term": PART}))


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_no_page_or_deed_of_another_businesss_row_opens(ours, outsider, model):
    place = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    # Of a vocabulary, which is everybody's, three words: they are alike.
    theirs = [row.pk for row in model._default_manager.all() if belongs_to(row, ours[0])][:3]
    admin_of = admin.site._registry[model]
    deeds = [f"do/{one.name}" for one in getattr(admin_of, "post_actions", ())]
    deeds += ["do/retry", "do/cancel", "reply", "note", "assign", "status", "read", "change", "delete"]
    for pk in theirs:
        before = list(model._default_manager.filter(pk=pk).values())
        for part in ("change", "history", "delete", "entries", "password"):
            nothing_of_ours(outsider.get(f"{place}{pk}/{part}/", follow=True))
        for deed in deeds:
            nothing_of_ours(
                outsider.post(f"{place}{pk}/{deed}/", {"post": "yes", "body": "Hi", "note": "Hi"}, follow=True)
            )
        for action in ("delete_selected", *(admin_of.actions or ())):
            chosen = {"action": action, "_selected_action": [pk], "index": "0", "post": "yes"}
            nothing_of_ours(outsider.post(place, chosen, follow=True))
        assert list(model._default_manager.filter(pk=pk).values()) == before


def belongs_to(row, business):
    """Whether a row is of `business`, by whatever way leads there."""
    if row == business:
        return True
    path = admin.site._registry[type(row)]
    way = path.business_path() if hasattr(path, "business_path") else None
    if way is None:
        return True  # nobody's but support's: every row of it is foreign to a tenant
    return type(row)._default_manager.filter(pk=row.pk).filter(**{way: business.pk}).exists()


def test_one_sees_ones_own(db):
    own, thread = furnish("Own")
    browser = login_as("otto", "agent", own)
    page = browser.get("/admin/conversations/conversation/").content.decode()
    assert "Own said" not in page  # a later text is the last
    assert "STOP" in page
    assert browser.get(f"/admin/conversations/conversation/{thread.pk}/change/").status_code == 200
    assert "Own" in browser.get("/admin/accounts/client/").content.decode()
    assert "Unread conversations" in browser.get("/admin/").content.decode()


def test_a_form_takes_nothing_of_another_business(ours, db):
    own, _ = furnish("Own")
    browser = login_as("otto", "owner", own)
    foreign = Location.objects.get(business=ours[0])
    data = {"first_name": "New", "phone": "", "email": "", "tags": "", "timezone": "", "locale": ""}
    url = "/admin/accounts/client/add/"
    assert browser.post(url, data | {"business": ours[0].pk}).status_code == 200
    assert browser.post(url, data | {"business": own.pk, "home_location": foreign.pk}).status_code == 200
    assert not Client.objects.filter(first_name="New").exists()
    assert browser.post(url, data | {"business": own.pk}).status_code == 302
    assert Client.objects.get(first_name="New").business == own


def test_an_import_goes_into_ones_own_business_alone(ours, db):
    own, _ = furnish("Own")
    browser = login_as("otto", "manager", own)
    page = browser.get("/admin/accounts/client/import/").content.decode()
    assert "Own Studio" in page
    forged = {"business": ours[0].pk, "import_file_name": "x.csv", "original_file_name": "x.csv", "format": "0"}
    assert browser.post("/admin/accounts/client/process_import/", forged | {"resource": ""}).status_code == 200


def test_an_owner_changes_ones_business_and_not_whether_it_is_suspended(db):
    own, _ = furnish("Own")
    browser = login_as("otto", "owner", own)
    page = browser.get(f"/admin/accounts/business/{own.pk}/change/").content.decode()
    assert 'name="name"' in page
    assert not re.search('name="(status|external_id|settings|country)"', page)


@pytest.mark.parametrize("role", ROLES)
def test_no_role_of_a_business_manages_logins_keys_or_queues(db, role):
    browser = login_as("otto", role, a_business())
    for place in ("auth/user", "auth/group", "accounts/adminrole", "accounts/apikey", "accounts/accesstoken",
                  "accounts/provideraccount", "accounts/logintries", "messaging/webhookevent"):  # fmt: skip
        assert browser.get(f"/admin/{place}/").status_code == 403, place
    assert browser.get("/django-rq/").status_code == 404
    assert browser.get("/django-rq/stats.json").status_code in {403, 404}


def test_support_sees_every_business_and_makes_nobody_mightier(ours, db):
    browser = login_as("sue", "support")
    opened_to(User.objects.get(username="sue"), ours[0])
    assert MARK in browser.get("/admin/accounts/client/").content.decode()
    assert browser.get("/django-rq/").status_code == 200
    for place in ("auth/user", "auth/group", "accounts/adminrole", "accounts/authenticator"):
        assert browser.get(f"/admin/{place}/").status_code == 403, place


def test_permissions_without_a_role_open_no_business(ours, db):
    browser = login_as("nobody")
    user = User.objects.get(username="nobody")
    user.user_permissions.set(user.user_permissions.model.objects.filter(codename__startswith="view_"))
    for place in ("accounts/client", "conversations/conversation", "conversations/message", "messaging/webhookevent"):
        answer = browser.get(f"/admin/{place}/")
        assert answer.status_code == 200
        assert MARK not in answer.content.decode()


def test_a_role_is_of_one_business_and_support_of_none(db):
    business, user = a_business(), User.objects.create_user("otto")
    for facts in ({"role": "agent"}, {"role": "support", "business": business}):
        with pytest.raises(IntegrityError), transaction.atomic():
            AdminRole.objects.create(user=user, **facts)
    with pytest.raises(ValidationError):
        AdminRole(user=user, role="king").full_clean()


def test_every_permission_that_a_role_names_exists(db):
    known = {
        f"{one.content_type.app_label}.{one.codename}" for one in Permission.objects.select_related("content_type")
    }
    assert known >= roles.OWNER
    assert roles._of_support() - {"django_rq.view_dashboard"} <= known  # django-rq names none; the door asks for ours
    assert roles.AGENT < roles.MANAGER < roles.OWNER < roles._of_support()
