"""What the parts of a request to onboard say of each other: read from the raw body, so that every fault is in one 422.

Nothing here trusts a type: what is no object or no text is left to the shape's own check.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import phonenumbers

from messaging.providers.registry import registry
from omega_project.lib.addresses import ALPHANUMERIC, normalise_email, normalise_phone

Place = tuple[str | int, ...]
Found = Iterator[tuple[Place, str]]
# Whom onboarding can set up; of other providers a sender is taken as it is, where messaging knows them.
PROVIDERS = {"sms": "twilio", "voice": "twilio", "email": "sendgrid"}
_MOST = 1000


def faults(given: dict[str, Any]) -> Found:
    """Each fault between the fields: its place in the body and a sentence."""
    locations, staff, senders = (_rows(given.get(name)) for name in ("locations", "staff", "senders"))
    places = {_text(row.get("external_id")) for _, row in locations}
    yield from _twice("locations", locations)
    yield from _twice("staff", staff)
    yield from _of_staff(staff, places)
    yield from _of_owner(given.get("owner"), staff)
    yield from _phones(given, locations, staff)
    yield from _of_senders(senders, places)
    yield from _of_settings(given.get("settings"))


def _rows(value: Any) -> list[tuple[int, dict[str, Any]]]:
    found = value if isinstance(value, list) else []
    return [(place, row) for place, row in enumerate(found[:_MOST]) if isinstance(row, dict)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _twice(part: str, rows: Iterable[tuple[int, dict[str, Any]]]) -> Found:
    seen: set[str] = set()
    for place, row in rows:
        name = _text(row.get("external_id"))
        if name and name in seen:
            yield (part, place, "external_id"), "stands in an earlier row too"
        seen.add(name)


def _of_staff(staff: list[tuple[int, dict[str, Any]]], places: set[str]) -> Found:
    for place, row in staff:
        named = row.get("location_external_ids")
        strange = [one for one in named if _text(one) and one not in places] if isinstance(named, list) else []
        if strange:
            sentence = f"names {strange[0][:80]!r}, which is no location of this request"
            yield ("staff", place, "location_external_ids"), sentence


def _of_owner(owner: Any, staff: list[tuple[int, dict[str, Any]]]) -> Found:
    if isinstance(owner, dict):
        name = _text(owner.get("external_id", "owner"))
        if name and any(row.get("external_id") == name for _, row in staff):
            yield ("owner", "external_id"), "stands in staff too: name the owner once"


def _phones(
    given: dict[str, Any], locations: list[tuple[int, dict[str, Any]]], staff: list[tuple[int, dict[str, Any]]]
) -> Found:
    """National numbers, which need the business's country; the others are the shape's own to check."""
    country = _text(given.get("country", "US")).upper()
    if country not in phonenumbers.SUPPORTED_REGIONS:
        return
    owner = given.get("owner")
    people = [(("owner",), owner)] if isinstance(owner, dict) else []
    rows: list[tuple[Place, dict[str, Any]]] = [(("locations", place), row) for place, row in locations]
    rows += [(("staff", place), row) for place, row in staff]
    for place, row in [*rows, *people]:
        phone = _text(row.get("phone")).strip()
        if phone and not phone.startswith("+") and any(sign.isdigit() for sign in phone):
            sentence = _fault_of(phone, country)
            if sentence:
                yield (*place, "phone"), sentence


def _fault_of(phone: str, country: str) -> str:
    try:
        normalise_phone(phone, country)
    except ValueError as error:
        return str(error)
    return ""


def _of_senders(senders: list[tuple[int, dict[str, Any]]], places: set[str]) -> Found:
    seen: set[tuple[str, str]] = set()
    for place, row in senders:
        yield from (((("senders", place, name), sentence)) for name, sentence in _of_sender(row, places))
        key = (_text(row.get("channel")), address_of(row))
        if key[1] and key in seen:
            yield ("senders", place, "address"), f"{key[1]} stands in an earlier row too"
        seen.add(key)
    defaults = Counter(_text(row.get("channel")) for _, row in senders if row.get("is_default") is True)
    for channel, count in defaults.items():
        if channel in PROVIDERS and count > 1:
            yield ("senders",), f"names {count} defaults for {channel}: there can be one"


def _of_sender(row: dict[str, Any], places: set[str]) -> Iterator[tuple[str, str]]:
    channel, address, wish = _text(row.get("channel")), row.get("address"), row.get("buy")
    if address is None and wish is None:
        yield "address", "is required where nothing is to be bought"
    if address is not None and wish is not None:
        yield "buy", "goes without an address: name the number, or what to buy"
    if wish is not None and channel == "email":
        yield "buy", "is for texts and calls"
    if isinstance(address, str) and channel in PROVIDERS and not address_of(row):
        yield "address", _ADDRESS_SENTENCES[channel]
    location = _text(row.get("location"))
    if location and location not in places:
        yield "location", "is no location of this request"
    provider = row.get("provider")
    if isinstance(provider, str) and not _is_known(channel, provider):
        yield "provider", "is no provider that omega knows"


_ADDRESS_SENTENCES = {
    "sms": "must be a number in E.164 form, a short code of 5 or 6 digits, or an alphanumeric id of up to 11",
    "voice": "must be a phone number in E.164 form, such as +14155550123",
    "email": "must be an e-mail address, such as ana@example.com",
}


def _is_known(channel: str, provider: str) -> bool:
    return provider in PROVIDERS.values() if channel not in PROVIDERS else _serves(channel, provider)


def _serves(channel: str, provider: str) -> bool:
    if provider in PROVIDERS.values():
        return PROVIDERS[channel] == provider
    return registry.knows(provider)


def address_of(row: dict[str, Any]) -> str:
    """A sender's address as the database has it; empty where it is none for its channel."""
    address, channel = _text(row.get("address")).strip(), row.get("channel")
    if not address or len(address) > 254 or not address.isprintable():
        return ""
    try:
        if channel == "email":
            return normalise_email(address)
        if channel == "sms" and is_bare(address):
            return address
        return normalise_phone(address)
    except ValueError:
        return ""


def is_short_code(address: str) -> bool:
    """5 or 6 digits."""
    return address.isascii() and address.isdigit() and 5 <= len(address) <= 6


def is_bare(address: str) -> bool:
    """A short code or an alphanumeric id: no number that could be called."""
    return is_short_code(address) or bool(ALPHANUMERIC.match(address))


def _of_settings(settings: Any) -> Found:
    twilio = settings.get("twilio") if isinstance(settings, dict) else None
    if not isinstance(twilio, dict):
        return
    is_own = twilio.get("account") == "own" or (twilio.get("account") is None and twilio.get("account_sid") is not None)
    if is_own:
        for name in ("account_sid", "auth_token"):
            if twilio.get(name) is None:
                yield ("settings", "twilio", name), "is required for an account of the business's own"
    elif any(twilio.get(name) is not None for name in _CREDENTIALS):
        yield ("settings", "twilio", "account"), "must be own where credentials are given"
    if (twilio.get("api_key_sid") is None) != (twilio.get("api_key_secret") is None):
        yield ("settings", "twilio", "api_key_secret"), "goes together with api_key_sid"


_CREDENTIALS = ("account_sid", "auth_token", "api_key_sid", "api_key_secret", "twiml_app_sid")
