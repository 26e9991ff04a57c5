"""Addresses as the database knows them: E.164 phone numbers, lower-case e-mail."""

import functools
import re

import phonenumbers

# Short codes are 3 to 8 digits in the field; an alphanumeric sender id has up to 11 characters and a letter.
SHORT_CODE = re.compile(r"^\d{3,8}\Z")
ALPHANUMERIC = re.compile(r"^(?=.*[A-Za-z])[A-Za-z0-9 &+_-]{1,11}\Z")
_E164 = re.compile(r"^\+[1-9]\d{7,14}\Z", re.ASCII)
_EMAIL = re.compile(
    r"^[^\s@<>()\[\],;:\\\"\x00-\x1f]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}\Z"
)


@functools.lru_cache(maxsize=20_000)
def normalise_phone(value: str, region: str | None = None) -> str:
    """`value` in E.164.

    `region` (ISO 3166 alpha-2) reads a national number. ValueError with a sentence where it cannot be a number.
    """
    text = value.strip()
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise ValueError("must be a phone number in E.164 form, such as +14155550123") from None
    if not phonenumbers.is_possible_number(number) or number.extension:
        raise ValueError("cannot be a phone number: its length does not fit its country")
    formatted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not _E164.match(formatted):
        raise ValueError("must be a phone number in E.164 form, such as +14155550123")
    return formatted


def normalise_email(value: str) -> str:
    """`value` trimmed and in lower case. ValueError with a sentence where it is no e-mail address."""
    text = value.strip().lower()
    if len(text) > 254 or not _EMAIL.match(text):
        raise ValueError("must be an e-mail address, such as ana@example.com")
    return text


def normalise_party(value: str) -> str:
    """The far end of a text that came in: E.164, or as the carrier gave it where it is none (a short code, a name)."""
    try:
        return normalise_phone(value)
    except ValueError:
        return value.strip()[:40]


def normalise_sender(value: str, region: str | None = None) -> str:
    """A texting sender: E.164, a short code, or an alphanumeric id. ValueError with a sentence otherwise."""
    text = value.strip()
    if SHORT_CODE.match(text) or ALPHANUMERIC.match(text):
        return text
    return normalise_phone(text, region)
