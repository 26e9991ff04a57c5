"""How a business wants its calls handled, with omega's own sentences where it says nothing."""

from dataclasses import dataclass
from typing import Any

import phonenumbers

from messaging.models import Template
from voice.models import VoiceSettings

_GREETING = (
    "Thank you for calling {business}. Nobody can take your call right now. Please leave a message after the tone."
)
_GREETING_ALONE = "Thank you for calling {business}. Nobody can take your call right now. Please try again later."
_CLOSED = "Thank you for calling {business}. We are closed right now. Please leave a message after the tone."
_CLOSED_ALONE = "Thank you for calling {business}. We are closed right now. Please call again during our hours."
_ANNOUNCEMENT = "This call is recorded."

# The columns that a call asks for, in the row's own names; NULL in all of them where a business has no row.
COLUMNS = (
    "language", "greeting", "closed_greeting", "ring_seconds", "takes_voicemail", "voicemail_seconds",
    "records_calls", "announcement", "retention_days", "erases_at_provider", "texts_back", "text_back_template_id",
    "text_back_body", "allowed_countries",
)  # fmt: skip
SELECTED = ", ".join(f"p.{name} AS voice_{name}" for name in COLUMNS)


@dataclass(frozen=True, slots=True)
class Preferences:
    """A business's settings for calls, with the defaults filled in."""

    language: str = "en-US"
    greeting: str = ""
    closed_greeting: str = ""
    ring_seconds: int = 25
    takes_voicemail: bool = True
    voicemail_seconds: int = 120
    records_calls: bool = False
    announcement: str = ""
    retention_days: int | None = None
    erases_at_provider: bool = False
    texts_back: bool = False
    text_back_template_id: int | None = None
    text_back_body: str = ""
    allowed_countries: tuple[str, ...] = ()

    def words_for(self, business: str, *, is_open: bool) -> str:
        """What a caller hears whom nobody answers."""
        own = self.greeting if is_open else self.closed_greeting
        if own.strip():
            return own
        with_tone, alone = (_GREETING, _GREETING_ALONE) if is_open else (_CLOSED, _CLOSED_ALONE)
        return (with_tone if self.takes_voicemail else alone).format(business=business)

    @property
    def announced(self) -> str:
        """What is spoken before a recorded call."""
        return self.announcement.strip() or _ANNOUNCEMENT


def preferences_in(row: dict[str, Any]) -> Preferences:
    """The settings out of a row that SELECTED is part of."""
    given = {name: row[f"voice_{name}"] for name in COLUMNS if row[f"voice_{name}"] is not None}
    if "allowed_countries" in given:
        given["allowed_countries"] = tuple(given["allowed_countries"])
    return Preferences(**given)


def preferences_of(business_id: int) -> Preferences:
    """A business's settings."""
    row = VoiceSettings.objects.filter(pk=business_id).values(*COLUMNS).first()
    return preferences_in({f"voice_{name}": (row or {}).get(name) for name in COLUMNS})


def save_preferences(*, business_id: int, **changes: Any) -> None:
    """Change some of a business's settings, made where it has none. ValueError with a sentence where one makes no
    sense; a template must be the business's own, for texts.
    """
    unknown = sorted(changes.keys() - set(COLUMNS))
    if unknown:
        raise ValueError(f"has no setting {unknown[0]!r}")
    if "allowed_countries" in changes:
        changes["allowed_countries"] = checked_countries(changes["allowed_countries"])
    if changes.get("text_back_template_id") is not None:
        require_own_template(business_id, changes["text_back_template_id"])
    for name, (low, high) in _BOUNDS.items():
        if changes.get(name) is not None and not low <= changes[name] <= high:
            raise ValueError(f"has {name} outside {low} to {high}")
    VoiceSettings.objects.update_or_create(business_id=business_id, defaults=changes)


_BOUNDS = {"ring_seconds": (5, 120), "voicemail_seconds": (5, 600), "retention_days": (1, 32767)}


def checked_countries(values: list[str]) -> list[str]:
    """Countries as ISO 3166 codes in capitals, each once; ValueError with a sentence for one that is none."""
    found = list(dict.fromkeys(value.strip().upper() for value in values if value.strip()))
    wrong = [value for value in found if value not in phonenumbers.SUPPORTED_REGIONS]
    if wrong:
        raise ValueError(f"has no country {wrong[0][:10]!r}: write two letters each, such as CA, MX")
    return found


def require_own_template(business_id: int, template_id: int) -> None:
    """ValueError where the template is not the business's own, or not for texts."""
    if not Template.objects.in_business(business_id).filter(pk=template_id, channel="sms").exists():
        raise ValueError("has a template that is not this business's own for texts")
