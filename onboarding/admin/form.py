"""The form that onboards by hand: it writes the request that the API would get, and the same service judges it."""

from collections.abc import Iterable
from typing import Any

import orjson
from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from omega_project.lib import sealing
from omega_project.lib.api import parsing
from omega_project.lib.api.errors import ApiError, Fault, ParameterError
from onboarding.models import Onboarding
from onboarding.services.requests import Onboard
from onboarding.services.starting import start_onboarding

_KINDS = [("local", _("Local")), ("toll_free", _("Toll-free")), ("mobile", _("Mobile"))]
_ACCOUNTS = [
    ("subaccount", _("A new subaccount of the platform's")),
    ("platform", _("The platform's own")),
    ("own", _("One of the business's own, given below")),
]
_PLACE_COLUMNS = ("external_id", "name", "phone", "timezone", "address")
_STAFF_COLUMNS = ("external_id", "name", "email", "role", "phone")


def _text(label: Any, help_text: Any = "", *, required: bool = False, initial: str = "") -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, required=required, initial=initial, widget=UnfoldAdminTextInputWidget
    )


def _lines(label: Any, columns: Iterable[str]) -> forms.CharField:
    sentence = _("One a line: {columns}. What comes after the name may be left out.")
    help_text = format_lazy(sentence, columns=" | ".join(columns))
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 4})
    return forms.CharField(label=label, help_text=help_text, required=False, widget=widget)


class OnboardingForm(forms.ModelForm):
    """Fields of a request, or the request itself as JSON."""

    external_id = _text(_("External id"), _("The host platform's own id of the business."))
    name = _text(_("Name"))
    timezone = _text(_("Time zone"), _("Such as America/New_York."), initial="America/New_York")
    country = _text(
        _("Country"), _("Its two letters: how national numbers are read. It cannot be changed."), initial="US"
    )
    owner_name = _text(_("Owner"))
    owner_email = _text(_("Owner's e-mail"))
    owner_phone = _text(_("Owner's phone"), _("The test message goes there."))
    sms_address = _text(_("Number for texts and calls"), _("As +14155550123. Or buy one."))
    buys = forms.BooleanField(label=_("Buy a number"), required=False, widget=UnfoldBooleanSwitchWidget)
    area_code = _text(_("Its area code"))
    kind = forms.ChoiceField(label=_("Its kind"), choices=_KINDS, required=False, widget=UnfoldAdminSelectWidget)
    email_address = _text(_("E-mail address"), _("The records to publish are shown once SendGrid has named them."))
    places = _lines(_("Locations"), _PLACE_COLUMNS)
    people = _lines(_("Staff"), _STAFF_COLUMNS)
    twilio = forms.ChoiceField(
        label=_("Twilio account"), choices=_ACCOUNTS, required=False, widget=UnfoldAdminSelectWidget
    )
    account_sid = _text(_("Account SID"))
    auth_token = forms.CharField(label=_("Auth token"), required=False, widget=UnfoldAdminPasswordWidget)
    whole = forms.CharField(
        label=_("The request as JSON"),
        required=False,
        help_text=_("As POST /business/onboard takes it; the fields above then count for nothing."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8, "spellcheck": "false"}),
    )

    layout = (
        (_("Business"), {"fields": (("name", "external_id"), ("timezone", "country"))}),
        (_("Owner"), {"fields": (("owner_name", "owner_email"), "owner_phone")}),
        (_("Senders"), {"fields": (("sms_address", "email_address"), "buys", ("area_code", "kind"))}),
        (_("Places and people"), {"fields": ("places", "people")}),
        (_("Twilio"), {"classes": ("collapse",), "fields": ("twilio", ("account_sid", "auth_token"))}),
        (_("Or all of it as JSON"), {"classes": ("collapse",), "fields": ("whole",)}),
    )

    class Meta:
        model = Onboarding
        fields: tuple[str, ...] = ()

    onboarding: Onboarding

    def clean(self) -> dict[str, Any]:
        """Checked and begun by the service: what it refuses, a conflict with another business too, is a sentence."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        is_json = bool(cleaned.get("whole"))
        try:
            whole = parsing.json_object(cleaned["whole"].encode()) if is_json else written(cleaned)
            started = start_onboarding(parsing.validated(Onboard, whole), source="admin")
        except ParameterError as error:
            for fault in error.faults:
                self._show(fault, is_json=is_json)
        except ApiError as error:
            self.add_error(None, error.detail)
        else:
            self.onboarding = Onboarding.objects.get(pk=started.onboarding_id)
        return cleaned

    def _show(self, fault: Fault, *, is_json: bool) -> None:
        place = [str(part) for part in fault["loc"][1:]]
        if is_json:
            self.add_error("whole", f"{'.'.join(place) or _('The request')} {fault['msg']}.")
            return
        field, prefix = _field_of(place)
        self.add_error(field, f"{prefix} {fault['msg']}.")

    def _post_clean(self) -> None:
        """The row is the service's to write."""

    def save(self, commit: bool = True) -> Onboarding:
        return self.onboarding

    def save_m2m(self) -> None:
        """Nothing hangs on the form."""


def written(cleaned: dict[str, Any]) -> dict[str, Any]:
    """The request that the fields stand for; what was left empty is not in it."""
    whole = {name: cleaned.get(name, "").strip() for name in ("external_id", "name", "timezone", "country")}
    request: dict[str, Any] = {name: value for name, value in whole.items() if value}
    owner = _filled({name: cleaned.get(f"owner_{name}", "") for name in ("name", "email", "phone")})
    request |= {"owner": owner} if owner else {}
    request["locations"] = _rows(cleaned.get("places", ""), _PLACE_COLUMNS)
    request["staff"] = _rows(cleaned.get("people", ""), _STAFF_COLUMNS)
    request["senders"] = _senders(cleaned)
    account = {"account": cleaned.get("twilio") or "subaccount"}
    credentials = _filled({name: cleaned.get(name, "") for name in ("account_sid", "auth_token")})
    request["settings"] = {"twilio": account | credentials}
    return request


def _filled(values: dict[str, str]) -> dict[str, str]:
    return {name: value.strip() for name, value in values.items() if value.strip()}


def _rows(text: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    lines = [line.split("|") for line in text.splitlines() if line.strip()]
    return [_filled(dict(zip(columns, parts, strict=False))) for parts in lines]


def _senders(cleaned: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if cleaned.get("sms_address", "").strip():
        found.append({"channel": "sms", "address": cleaned["sms_address"]})
    if cleaned.get("buys"):
        wish = _filled({"area_code": cleaned.get("area_code", ""), "kind": cleaned.get("kind", "")})
        found.append({"channel": "sms", "buy": wish})
    if cleaned.get("email_address", "").strip():
        found.append({"channel": "email", "address": cleaned["email_address"]})
    return found


_FIELDS = {
    ("locations",): "places", ("staff",): "people", ("owner", "name"): "owner_name", ("owner", "email"): "owner_email",
    ("owner", "phone"): "owner_phone", ("settings", "twilio", "account_sid"): "account_sid",
    ("settings", "twilio", "auth_token"): "auth_token", ("settings", "twilio"): "twilio",
}  # fmt: skip
_OWN = {"external_id", "name", "timezone", "country"}
_SENDER_FIELDS = {"buy": "area_code", "area_code": "area_code", "kind": "kind"}


def _field_of(place: list[str]) -> tuple[str | None, str]:
    """The form's field that a fault belongs to, and the words that say where in it."""
    if place and place[0] in _OWN:
        return place[0], "This"
    if place[:1] == ["senders"]:
        return _SENDER_FIELDS.get(place[-1], "sms_address"), "This"
    for names, field in _FIELDS.items():
        if tuple(place[: len(names)]) == names:
            line = f"Line {int(place[1]) + 1}: {place[-1]}" if len(place) > 2 and place[1].isdigit() else "This"
            return field, line
    return None, " ".join(place)


# What is never shown again; whoever changes such a request gives it anew.
_SECRET = {"auth_token", "api_key_secret", "api_key"}


def asked_for(onboarding: Onboarding) -> dict[str, str]:
    """The form's first values for a request that is to be changed: all of it as JSON, without its secrets."""
    try:
        wanted = _shown(sealing.unseal(onboarding.request))
    except sealing.CannotOpen:
        return {"external_id": onboarding.external_id}
    own = {name: str(wanted[name]) for name in ("external_id", "name", "timezone", "country")}
    return own | {"whole": orjson.dumps(wanted, option=orjson.OPT_INDENT_2).decode()}


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return [_shown(one) for one in value]
    if not isinstance(value, dict):
        return value
    said = {name: _shown(part) for name, part in value.items() if name not in _SECRET}
    return {name: part for name, part in said.items() if part not in (None, "")}
