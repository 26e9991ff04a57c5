"""Sensitive deeds of the admin ask for the password or a code again, where the last one is a while ago (ASVS 3.7).

What is sensitive is a table of page names here. A log-in and a code count as proofs too.
"""

import time
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from accounts.services import two_factor

BEGAN, PROVED = "omega_began", "omega_proved"
# Keys, credentials, rights, other people's passwords, and what is hidden from support: to look and to change.
PAGES = frozenset({
    "accounts_apikey_add", "accounts_provideraccount_add", "accounts_provideraccount_change",
    "accounts_provideraccount_delete", "accounts_adminrole_add", "accounts_adminrole_change",
    "accounts_adminrole_delete", "auth_user_add", "auth_user_change", "auth_user_delete", "auth_user_password_change",
    "messaging_webhookendpoint_add", "unmask",
})  # fmt: skip
# Buttons on a record's page.
DEEDS = frozenset({
    ("accounts_client_do", "erase"), ("accounts_authenticator_do", "reset"), ("onboarding_onboarding_do", "take_key"),
    ("messaging_webhookendpoint_do", "rotate"),
})  # fmt: skip
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def asked_again(request: HttpRequest) -> HttpResponseRedirect | None:
    """Where a proof has to come before this page: the way to it, and back."""
    if not is_sensitive(request) or is_fresh(request):
        return None
    back = request.get_full_path() if request.method in _SAFE else _page_before(request)
    if request.method not in _SAFE:
        messages.warning(request, _("Nothing was done yet. Say once more who you are, then do it again."))
    return HttpResponseRedirect(f"{reverse('admin:prove')}?{urlencode({'next': back})}")


def is_sensitive(request: HttpRequest) -> bool:
    """Whether this page of the admin is one of those."""
    match = request.resolver_match
    if match is None:
        return False
    if match.url_name == "two_factor":  # its challenge is a proof itself
        user: Any = request.user
        return bool(user.is_verified() or two_factor.authenticator_of(user.pk) is None)
    return match.url_name in PAGES or (match.url_name, match.kwargs.get("action")) in DEEDS


def is_fresh(request: HttpRequest) -> bool:
    """Whether the person proved to be there within ADMIN_PROOF_MINUTES."""
    session = request.session
    last = max(session.get(BEGAN, 0.0), session.get(PROVED, 0.0))
    return bool(time.time() - last <= settings.ADMIN_PROOF_MINUTES * 60)


def note_proof(request: HttpRequest) -> None:
    """The person has just proved to be there; the session goes on under a new key."""
    request.session.cycle_key()
    request.session[PROVED] = time.time()


def _page_before(request: HttpRequest) -> str:
    """The page with the form, as the browser tells it; a deed's own address cannot be asked for."""
    told = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(told, {request.get_host()}, require_https=request.is_secure()):
        parts = urlsplit(told)
        return parts.path + (f"?{parts.query}" if parts.query else "")
    return reverse("admin:index")
