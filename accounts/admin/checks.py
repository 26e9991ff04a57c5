"""What staff type, checked and brought into the database's form; each fault is a sentence."""

import zoneinfo
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models import Business
from omega_project.lib.addresses import normalise_email, normalise_phone


def checked_phone(value: str, business: Business | None) -> str:
    """`value` in E.164, a national number read by the business's country; empty stays empty."""
    if not value.strip():
        return ""
    try:
        return normalise_phone(value, business.country if business else None)
    except ValueError as error:
        raise ValidationError(f"This {error}.") from None


def checked_email(value: str) -> str:
    """`value` trimmed and in lower case; empty stays empty."""
    if not value.strip():
        return ""
    try:
        return normalise_email(value)
    except ValueError as error:
        raise ValidationError(f"This {error}.") from None


def checked_zone(value: str) -> str:
    """`value` as a time zone that this machine knows; empty stays empty."""
    name = value.strip()
    if name and name not in zoneinfo.available_timezones():
        raise ValidationError(
            _("{name} is no time zone. Write one such as America/New_York or Europe/Berlin.").format(name=name)
        )
    return name


class AddressForm(forms.ModelForm):
    """The checks of every form with a phone, an e-mail address or a time zone."""

    def clean_timezone(self) -> str:
        return checked_zone(self.cleaned_data["timezone"])

    def clean_email(self) -> str:
        return checked_email(self.cleaned_data["email"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("phone"):
            try:
                cleaned["phone"] = checked_phone(cleaned["phone"], self.business())
            except ValidationError as error:
                self.add_error("phone", error)
        return cleaned

    def business(self) -> Business | None:
        """The business that the row belongs to, chosen now or kept."""
        if self.instance.business_id:
            return self.instance.business
        return self.cleaned_data.get("business")


def require_same_business(form: forms.ModelForm, field: str) -> None:
    """Add a fault where what `field` names belongs to another business than the row."""
    other = form.cleaned_data.get(field)
    business = form.instance.business if form.instance.business_id else form.cleaned_data.get("business")
    rows: list[Any] = [other] if hasattr(other, "business_id") else list(other or ())
    if business and any(row.business_id != business.pk for row in rows):
        form.add_error(field, _("This belongs to another business than {business}.").format(business=business))
