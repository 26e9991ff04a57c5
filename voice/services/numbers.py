"""Which numbers may be dialled, which may be texted, and who hides theirs."""

import phonenumbers
from phonenumbers import PhoneNumberType as Kind

# Numbers whose call costs more than a call: never dialled, whatever the country.
_COSTLY = {Kind.PREMIUM_RATE, Kind.SHARED_COST, Kind.PERSONAL_NUMBER, Kind.PAGER}
# Where a text may arrive. In North America nobody can tell a mobile from a landline by its number.
_TEXTABLE = {Kind.MOBILE, Kind.FIXED_LINE_OR_MOBILE}
# What stands as `From` of a caller who withholds the number: a word, or the word typed on a keypad.
_WITHHELD = {
    "", "anonymous", "restricted", "unavailable", "unknown", "blocked", "private", "withheld",
    "+266696687", "+7378742833", "+7378742883", "+86282452253", "+8656696", "+2562533", "+7748283",
}  # fmt: skip
WITHHELD = "anonymous"


def is_withheld(caller: str) -> bool:
    """Whether a caller's number is none, but says that it is withheld."""
    return caller.strip().lower().removeprefix("client:").removeprefix("sip:").partition("@")[0] in _WITHHELD


def refusal_of(number: str, countries: frozenset[str]) -> str:
    """Why a number in E.164 may not be dialled, as a sentence to speak; empty where it may."""
    parsed = phonenumbers.parse(number)
    if phonenumbers.number_type(parsed) in _COSTLY:
        return "This number is charged at a premium, and is not called."
    region = phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(
        parsed.country_code or 0
    )
    if region not in countries:
        return "Numbers of this country are not called. The business's settings can allow it."
    return ""


def is_textable(number: str) -> bool:
    """Whether a text to this number may arrive: surely not at a landline, nor at a number that is none."""
    try:
        return phonenumbers.number_type(phonenumbers.parse(number)) in _TEXTABLE
    except phonenumbers.NumberParseException:
        return False
