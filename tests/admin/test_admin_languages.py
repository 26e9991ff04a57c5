"""The admin in English and Spanish, and in the viewer's zone: no word without Spanish, no text that nobody marked."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client as Browser

from accounts.models import Business, Preference
from omega_project.lib import catalogue
from tests.admin.world import a_business, a_thread

ROOT = Path(settings.BASE_DIR)
PO = ROOT / catalogue.CATALOGUE
TEMPLATES = sorted([*(ROOT / "templates/admin").rglob("*.html"), *(ROOT / "templates/console").rglob("*.html")])
PLACEHOLDERS = re.compile(r"%\(\w+\)s|\{\w*\}")


def prefer(browser, **fields):
    return browser.post("/admin/preferences/", {"language": "", "zone": ""} | fields)


def test_each_marked_word_has_its_spanish():
    missing = catalogue.untranslated(catalogue.words(), catalogue.read(PO))
    unknown = [one for one in catalogue.words() if one[0].strip() and one not in catalogue.read(PO)]
    assert not missing, "Run `manage.py words`, and write the Spanish into locale/es: " + "; ".join(map(str, missing))
    assert not unknown, "Run `manage.py words`, and write the Spanish into locale/es: " + "; ".join(map(str, unknown))


def test_what_is_compiled_is_what_is_written():
    assert PO.with_suffix(".mo").read_bytes() == catalogue.compiled(catalogue.read(PO))


def test_what_is_filled_in_is_filled_in_in_both_languages():
    for (one, many), forms in catalogue.read(PO).items():
        for english, spanish in zip([one, many or one], [*forms, *forms], strict=False):
            assert sorted(PLACEHOLDERS.findall(english)) == sorted(PLACEHOLDERS.findall(spanish)), english


def unmarked(source):
    """What of a template would be shown and is not marked."""
    source = re.sub(r"\{#.*?#\}|\{% comment.*?endcomment %\}", "", source, flags=re.DOTALL)
    source = re.sub(r"\{% blocktrans.*?endblocktrans(late)? %\}", "", source, flags=re.DOTALL)
    source = re.sub(r"<(script|style|code|kbd)\b.*?</\1>", "", source, flags=re.DOTALL)
    source = re.sub(r"<span[^>]*material-symbols-outlined.*?</span>", "", source, flags=re.DOTALL)
    source = re.sub(r"\{% block (title|bodyclass|is_fullwidth).*?%\}.*?\{% endblock.*?%\}", "", source, flags=re.DOTALL)
    source = re.sub(r"\{[{%].*?[%}]\}", "", source, flags=re.DOTALL)
    source = re.sub(r"<[^>]*>", "\n", source, flags=re.DOTALL)
    return [line.strip() for line in source.splitlines() if re.search(r"[A-Za-z]{3}", line)]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_of_a_template_is_unmarked(path):
    assert not unmarked(path.read_text())


def test_a_text_that_nobody_marked_is_found():
    assert unmarked("<p>Hello there</p>") == ["Hello there"]
    assert not unmarked("<p>{% translate 'Hello there' %} {{ name }}</p>")


SPOKEN = sorted(
    path
    for app in catalogue.OURS
    for path in (ROOT / app).rglob("*.py")
    if {"admin", "console"} & set(path.parts) or path.parent.name == "accounts"
)
TELL = {"tell", "add_error", "ValidationError", "success", "error", "warning", "info"}
MARK = {"_", "gettext", "gettext_lazy", "ngettext", "getattr"}


def called(node):
    return getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""


def told(source):
    """Sentences that Python tells a person, and that nobody marked: a word, a blank, a word."""
    for node in ast.walk(ast.parse(source)):
        is_log = getattr(getattr(getattr(node, "func", None), "value", None), "id", "") == "log"
        if called(node) in TELL and not is_log:
            yield from (one for part in node.args for one in _strings(part))


def _strings(node):
    if called(node) in MARK:
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"[a-z]{2} [a-z]", node.value):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from _strings(child)


@pytest.mark.parametrize("path", SPOKEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sentence_that_python_tells_is_unmarked(path):
    assert not list(told(path.read_text()))


def test_a_sentence_that_nobody_marked_is_found():
    assert list(told('tell(request, [f"{one} goes on now."])')) == [" goes on now."]
    assert not list(told('tell(request, [_("It goes on now.")])'))


def test_each_person_has_their_own_language(browser):
    assert prefer(browser, language="es").url == "/admin/"
    page = browser.get("/admin/conversations/message/").content.decode()
    assert '<html lang="es"' in page
    assert "Bandeja" in page
    assert "Reintentar" in page
    other = Browser()
    other.force_login(User.objects.create_superuser("otto", password="pass"))
    assert "Retry" in other.get("/admin/conversations/message/").content.decode()


def test_labels_choices_and_help_are_in_it_too(browser):
    a_thread()
    prefer(browser, language="es")
    page = browser.get(f"/admin/accounts/business/{Business.objects.get().pk}/change/").content.decode()
    assert "Zona horaria" in page
    assert "Código ISO 3166" in page
    assert "Activo" in page


def test_who_chose_nothing_has_the_browsers_language(browser):
    spanish = {"HTTP_ACCEPT_LANGUAGE": "es-MX,es;q=0.9,en;q=0.5"}
    assert "Bandeja" in browser.get("/admin/", **spanish).content.decode()
    assert "Inbox" in browser.get("/admin/", HTTP_ACCEPT_LANGUAGE="de").content.decode()


def test_the_api_stays_english(client, db):
    answer = client.get("/omega/messages/1", HTTP_ACCEPT_LANGUAGE="es")
    assert answer.json()["detail"] == "Authentication credentials were not provided."


@pytest.mark.parametrize(
    ("chosen", "cookie", "shown"),
    [
        ("Asia/Tokyo", "Europe/Berlin", "9 p.m."),
        ("", "Europe/Berlin", "1 p.m."),
        ("", "No/Where", "noon"),
        ("", "", "noon"),
    ],
)
def test_times_are_in_the_viewers_zone(browser, chosen, cookie, shown):
    business = a_business()
    Business.objects.update(created_at="2026-11-29T12:00:00Z")
    prefer(browser, zone=chosen)
    browser.cookies["omega_zone"] = cookie
    page = browser.get(f"/admin/accounts/business/{business.pk}/change/").content.decode()
    assert f"Nov. 29, 2026, {shown}" in page


@pytest.mark.parametrize("fields", [{"language": "xx"}, {"zone": "Mars/Base"}, {"zone": "../../etc/passwd"}])
def test_nonsense_is_not_kept(browser, fields):
    assert prefer(browser, **fields).url == "/admin/preferences/"
    assert not Preference.objects.exists()


def test_the_tour_is_shown_until_it_was_seen(browser, settings):
    settings.DEBUG = True
    page = browser.get("/admin/").content.decode()
    assert page.count("<li>") >= 5
    assert "om-tour" in page
    browser.post("/admin/tour/")
    assert "om-tour" not in browser.get("/admin/").content.decode()
    settings.DEBUG = False
    other = Browser()
    other.force_login(User.objects.create_superuser("otto", password="pass"))
    assert "om-tour" not in other.get("/admin/").content.decode()


@pytest.mark.parametrize("debug", [True, False])
def test_what_is_not_there_says_what_to_do(browser, settings, debug):
    settings.DEBUG = debug
    answer = browser.get("/admin/no/such/page/")
    assert answer.status_code == 404
    assert "Look for it in its list" in answer.content.decode()
    assert browser.get("/admin/conversations/conversation/999999999/change/").status_code == 404


def test_what_is_not_allowed_says_why(db):
    user = User.objects.create_user("ann", password="pass", is_staff=True)
    browser = Browser()
    browser.force_login(user)
    answer = browser.get("/admin/accounts/client/")
    assert answer.status_code == 403
    assert "Your role does not allow it." in answer.content.decode()


def test_what_breaks_says_that_nothing_was_lost(browser, monkeypatch):
    def breaks(*args, **kwargs):
        raise RuntimeError("secret")

    monkeypatch.setattr("messaging.admin.problems.problem_groups", breaks)
    browser.raise_request_exception = False
    answer = browser.get("/admin/conversations/message/problems/")
    assert answer.status_code == 500
    assert "Nothing of what you did was lost" in answer.content.decode()
    assert "secret" not in answer.content.decode()
