"""Clients in and out as CSV, through the admin."""

import csv
import io
import re

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from tablib import Dataset

from accounts.models import Client
from accounts.resources import MOST_IMPORTED, ClientResource

PAGE = "/admin/accounts/client/"


@pytest.fixture
def browser(db):
    made = Browser()
    made.force_login(User.objects.create_superuser("olga", "olga@example.com", "pass"))
    return made


def upload(browser, business, text):
    raw = text if isinstance(text, bytes) else text.encode()
    data = {
        "business": business.pk, "format": "0", "resource": "0",
        "import_file": SimpleUploadedFile("clients.csv", raw, "text/csv"),
    }  # fmt: skip
    return browser.post(f"{PAGE}import/", data)


def confirm(browser, preview):
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', preview.content.decode())
    return browser.post(f"{PAGE}process_import/", dict(hidden), follow=True)


FILE = """external_id,first_name,phone,email,tags,home_location_external_id,consent_sms
c1,Ana,(415) 555-0123,Ana@Example.com,vip; new,L1,opted_in
c2,Bo,12,,,,
c3,=cmd(),,,,,
"""


def test_a_file_is_previewed_then_imported_by_the_rules_of_the_sync(browser, business, location):
    preview = upload(browser, business, FILE)
    assert preview.status_code == 200
    assert "phone cannot be a phone number" in preview.content.decode()
    assert not Client.objects.exists()
    done = confirm(browser, preview)
    assert "2 clients made, 0 changed, 0 as they were." in done.content.decode()
    assert "Row 2 was left out: phone cannot be a phone number" in done.content.decode()
    ana = Client.objects.get(external_id="c1")
    assert (ana.phone, ana.email, ana.tags, ana.home_location_id, ana.consent_sms) == (
        "+14155550123", "ana@example.com", ["vip", "new"], location.pk, "unknown",
    )  # fmt: skip
    assert not Client.objects.filter(external_id="c2").exists()


def test_an_empty_cell_empties_and_a_missing_column_stays(browser, business, client_of):
    client_of(external_id="c1", first_name="Ana", last_name="G", phone="+14155550123")
    confirm(browser, upload(browser, business, "external_id,phone\nc1,\n"))
    ana = Client.objects.get()
    assert (ana.first_name, ana.last_name, ana.phone) == ("Ana", "G", "")


def test_what_goes_out_comes_in_again_unchanged(browser, business, client_of, location):
    client_of(external_id="c1", first_name="=1+1", last_name="-x", phone="+14155550123", tags=["a", "b c"],
              home_location=location, timezone="UTC", locale="en")  # fmt: skip
    merged = client_of(external_id="c2")
    Client.objects.filter(pk=merged.pk).update(merged_into=Client.objects.get(external_id="c1"))
    answer = browser.post(f"{PAGE}export/", {"format": "0", "resource": "0"})
    assert answer["Content-Type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [(line["external_id"], line["first_name"], line["phone"]) for line in lines] == [
        ("c1", "'=1+1", "+14155550123")
    ]
    before = Client.objects.get(external_id="c1").updated_at
    done = confirm(browser, upload(browser, business, answer.content))
    assert "0 clients made, 0 changed, 1 as they were." in done.content.decode()
    assert Client.objects.get(external_id="c1").updated_at == before


@pytest.mark.parametrize(
    "text",
    [b"\xff\xfe\x00", "", "external_id\n", "a,b\n1\n", "first_name\nAna\n", "external_id,external_id\n1,2\n",
     "\0\n\0\n",
     "external_id,phone\nc1\x00,1\n", '"external_id\nx', "external_id,<b>\nc1,<script>\n"],
    ids=range(10),
)  # fmt: skip
def test_a_file_that_is_none_is_answered_with_a_sentence(browser, business, text):
    answer = upload(browser, business, text)
    assert answer.status_code == 200
    assert "<script>\n" not in answer.content.decode()
    assert not Client.objects.exists()


def test_too_many_rows_are_refused(business):
    resource = ClientResource(business=business)
    dataset = Dataset(*[[str(n)] for n in range(MOST_IMPORTED + 1)], headers=["external_id"])
    result = resource.import_data(dataset, dry_run=True)
    assert "at most 20000" in str(result.base_errors[0].error)


def test_thousands_of_rows_go_in_by_batches(business):
    dataset = Dataset(*[[str(n), "A"] for n in range(2500)], headers=["external_id", "first_name"])
    assert ClientResource(business=business).import_data(dataset, dry_run=True).totals["new"] == 2500
    assert not Client.objects.exists()
    assert ClientResource(business=business).import_data(dataset).totals["new"] == 2500
    assert Client.objects.count() == 2500


def test_import_needs_the_right_to_change_clients(business):
    looker = User.objects.create_user("len", password="pass", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename__in=["view_client", "every_business"]))
    browser = Browser()
    browser.force_login(looker)
    assert upload(browser, business, FILE).status_code == 403
    assert browser.get(f"{PAGE}export/").status_code == 200
    looker.user_permissions.clear()
    assert Browser().get(f"{PAGE}export/").status_code == 302


def test_the_list_leads_to_both(browser, business):
    text = browser.get(PAGE).content.decode()
    assert f"{PAGE}import/" in text
    assert f"{PAGE}export/" in text
