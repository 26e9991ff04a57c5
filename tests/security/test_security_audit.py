"""The trail: every change by the admin and the API is in it, names alone, and nobody takes it out again."""

import json

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client as Browser

from accounts.models import AuditEntry, Client
from tests.admin.world import a_business, a_staff_member, a_thread
from tests.contract.world import a_client, a_studio, queue
from tests.security.conftest import PASSWORD


def entries(**found):
    return list(AuditEntry.objects.filter(**found).order_by("id"))


def last():
    return AuditEntry.objects.latest("id")


def put(studio, path, body, **headers):
    url = f"/omega{studio.path}{path}"
    headers = {"HTTP_X_API_KEY": studio.key, "HTTP_X_REQUEST_ID": "asked-42", "REMOTE_ADDR": "192.0.2.44"} | headers
    return Browser().post(url, json.dumps(body), content_type="application/json", **headers)


def test_a_change_by_the_api_tells_who_what_when_and_from_where(db):
    studio = a_studio()
    answer = put(studio, "/clients/sync", {"rows": [{"external_id": "c-1", "first_name": "Ana-Secret"}]})
    assert answer.status_code == 200, answer.content
    entry = last()
    assert (entry.actor_kind, entry.action, entry.business_id) == ("key", "clients_sync", studio.id)
    assert (entry.request_id, entry.address, entry.status) == ("asked-42", "192.0.2.44", 200)
    assert entry.fields == ["rows"]
    assert "Ana-Secret" not in str(vars(entry))


def test_a_token_is_told_with_its_staff_member(db):
    studio = a_studio()
    mo = a_staff_member_of(studio)
    made = Browser().post(
        "/omega/auth/token", json.dumps({"business_id": studio.id, "staff_id": mo.pk}), "application/json",
        headers={"X-API-KEY": studio.key},
    ).json()  # fmt: skip
    assert last().action == "auth_token"
    assert made["access_token"] not in str(vars(last()))
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {made['access_token']}", "HTTP_X_API_KEY": ""}
    url = "/omega/session/expire"
    assert Browser().post(url, "{}", content_type="application/json", **bearer).status_code == 200
    assert (last().actor_kind, last().staff_id, last().action) == ("token", mo.pk, "session_expire")


def a_staff_member_of(studio):
    return a_staff_member(a_client(studio).business)


def test_sends_and_what_was_refused_are_not_in_it(db):
    studio = a_studio()
    before = AuditEntry.objects.count()
    queue(studio)
    assert put(studio, "/clients/sync", {"rows": "none"}).status_code == 422
    assert put(studio, "/clients/sync", {}, HTTP_X_API_KEY="wrong").status_code == 401
    assert AuditEntry.objects.count() == before


def test_the_admins_forms_and_deeds_are_in_it(olga, log_in):
    browser = log_in().browser
    assert (last().action, last().actor_name, last().actor_kind) == ("admin.login", "olga", "login")
    thread = a_thread(a_business(), said="Hello")
    page = f"/admin/conversations/conversation/{thread.pk}/"
    browser.post(f"{page}status/", {"status": "closed"})
    entry = last()
    assert (entry.action, entry.object_id, entry.business_id) == (
        "admin.conversation: status", str(thread.pk), thread.business_id,
    )  # fmt: skip
    client = thread.client
    data = {
        "first_name": "Changed-Secret",
        "phone": client.phone,
        "email": "",
        "tags": "",
        "timezone": "",
        "locale": "",
    }
    assert browser.post(f"/admin/accounts/client/{client.pk}/change/", data).status_code == 302
    entry = last()
    assert (entry.action, entry.object_kind, entry.object_id) == ("admin.client: change", "client", str(client.pk))
    assert entry.fields == ["first_name"]
    assert entry.business_id == client.business_id
    assert "Changed-Secret" not in str(vars(entry))
    browser.post("/admin/logout/")
    assert (last().action, last().actor_name) == ("admin.logout", "olga")


def test_exports_imports_and_other_peoples_rights_are_in_it(olga, log_in):
    browser = log_in().browser
    a_thread(a_business())
    fields = {"format": "0", "resource": "0", **{f"clientresource_{name}": "on" for name in ("id", "phone")}}
    assert "Content-Disposition" in browser.post("/admin/accounts/client/export/", fields).headers
    assert last().action == "admin.accounts_client_export"
    made = {
        "username": "pia",
        "password1": "the tide comes in",
        "password2": "the tide comes in",
        "usable_password": "true",
    }
    assert browser.post("/admin/auth/user/add/", made).status_code == 302
    assert last().action == "admin.user: add"
    assert "tide" not in str(vars(last()))


def test_a_refused_log_in_is_in_it_without_what_was_typed(olga, log_in):
    log_in("my-password-by-mistake", "wrong")
    assert (last().action, last().actor_kind, last().actor_name) == ("login refused", "nobody", "")


def test_a_form_that_changed_nothing_is_not_in_it(olga, log_in):
    browser = log_in().browser
    before = AuditEntry.objects.count()
    browser.post("/admin/accounts/client/add/", {"first_name": ""})
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize(
    "statement",
    ["UPDATE accounts_auditentry SET action = 'x'", "DELETE FROM accounts_auditentry",
     "UPDATE accounts_auditentry SET actor_id = NULL WHERE id = (SELECT max(id) FROM accounts_auditentry)"],
)  # fmt: skip
def test_postgresql_refuses_to_change_or_remove_it(db, statement):
    put(a_studio(), "/clients/sync", {"rows": [{"external_id": "c-1", "first_name": "Ana"}]})
    before = entries()
    with pytest.raises(DatabaseError, match="never changed or removed"), transaction.atomic():
        connection.cursor().execute(statement)
    assert entries() == before


def test_emptying_it_is_refused_too(db):
    with connection.cursor() as cursor:  # our tests switch this one off, so as to clean up behind them
        cursor.execute("SELECT tgtype FROM pg_trigger WHERE tgname = 'accounts_audit_is_not_emptied'")
        assert cursor.fetchone()[0] & 32  # pg_trigger.h: TRIGGER_TYPE_TRUNCATE


def test_a_business_that_goes_leaves_its_trail(db):
    studio = a_studio()
    put(studio, "/clients/sync", {"rows": [{"external_id": "c-1", "first_name": "Ana"}]})
    Client.objects.get(external_id="c-1", business_id=studio.id).business.delete()
    assert entries(business_id=studio.id)


def test_the_admin_shows_it_and_offers_no_way_to_change_it(olga, log_in):
    browser = log_in(password=PASSWORD).browser
    page = browser.get("/admin/accounts/auditentry/").content.decode()
    assert "admin.login" in page
    url = f"/admin/accounts/auditentry/{last().pk}/"
    assert browser.get(f"{url}change/").status_code == 200
    assert browser.post(f"{url}change/", {"action": "x"}).status_code == 403
    assert browser.post(f"{url}delete/", {"post": "yes"}).status_code == 403
