"""The AvailablePhoneNumbers resource: what may be bought. The stock has no end, and the same question gets the
same numbers until one of them is taken.
"""

import re
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any

from aiohttp import web

from sandbox.numbers import BY_ENDING
from sandbox.provisioning.register import Register
from sandbox.twilio.door import Asked, as_json
from sandbox.twilio.errors import TwilioError
from sandbox.twilio.paging import number_of

LOCAL, TOLL_FREE, MOBILE = "Local", "TollFree", "Mobile"
TOLL_FREE_CODES = ("800", "888", "877", "866", "855", "844", "833")
SOLD_OUT = {"533"}  # Twilio's own magic area code without numbers (docs: iam/test-credentials)
AREA_CODE = re.compile(r"[2-9]\d\d")
HOME_CODES = {"US": ("415", "212", "312", "628", "737"), "CA": ("416", "604", "514")}
ABROAD = {"GB": ("+4420", "+447"), "DE": ("+4930", "+4915"), "FR": ("+331", "+336"), "AU": ("+612", "+614")}
SHOWN, MOST = 30, 1000
MOST_TRIES = 20_000


def area_codes(country: str, kind: str, given: str | None) -> tuple[str, ...]:
    """The area codes to look in; raises TwilioError where there is none."""
    if given is None:
        return TOLL_FREE_CODES if kind == TOLL_FREE else HOME_CODES[country]
    if not AREA_CODE.fullmatch(given) or (kind == TOLL_FREE and given not in TOLL_FREE_CODES):
        raise TwilioError(21451, value=given)
    return () if given in SOLD_OUT else (given,)


def free_numbers(register: Register, country: str, kind: str, area_code: str | None) -> Iterator[str]:
    """Numbers that nobody owns and that behave well, without end."""
    draw = Random(f"{country} {kind} {area_code}")  # noqa: S311 - a shop window, not a secret
    codes = area_codes(country, kind, area_code) if country in HOME_CODES else ()
    for _ in range(MOST_TRIES if codes or country in ABROAD else 0):
        if codes:
            number = f"+1{draw.choice(codes)}{draw.randint(200, 999)}{draw.randint(0, 9999):04d}"
        else:
            number = f"{ABROAD[country][kind == MOBILE]}{draw.randint(10_000_000, 99_999_999)}"
        if register.number(number) is None and number[-4:] not in BY_ENDING and number[5:8] != "555":
            yield number


def pretty(number: str) -> str:
    """+15017122661 as (501) 712-2661, as the real list shows it."""
    american = re.fullmatch(r"\+1(\d{3})(\d{3})(\d{4})", number)
    return "({}) {}-{}".format(*american.groups()) if american else number


def as_resource(number: str, country: str) -> dict[str, Any]:
    """One number that may be bought."""
    return {
        "address_requirements": "none",
        "beta": False,
        "capabilities": {"voice": True, "SMS": True, "MMS": country in HOME_CODES, "fax": False},
        "friendly_name": pretty(number),
        "iso_country": country,
        "lata": "722" if country == "US" else None,
        "latitude": "37.780000" if country == "US" else None,
        "locality": "San Francisco" if country == "US" else None,
        "longitude": "-122.420000" if country == "US" else None,
        "phone_number": number,
        "postal_code": "94103" if country == "US" else None,
        "rate_center": "SNFC CNTRL" if country == "US" else None,
        "region": "CA" if country == "US" else None,
    }


def listing(asked: Asked) -> web.Response:
    """What may be bought in a country; AreaCode and Contains narrow it. A country that nobody serves is 404."""
    country, kind = asked.name("country"), asked.name("kind")
    if (country not in HOME_CODES and country not in ABROAD) or (kind == TOLL_FREE and country in ABROAD):
        raise TwilioError(20404)
    wanted = _pattern(asked.query.get("Contains", ""))
    found = free_numbers(asked.carrier.register, country, kind, asked.query.get("AreaCode"))
    shown = islice(
        (one for one in found if wanted.search(one)), min(number_of(asked.query.get("PageSize"), SHOWN), MOST)
    )
    rows = [as_resource(number, country) for number in dict.fromkeys(shown)]
    return as_json({"available_phone_numbers": rows, "uri": asked.request.path_qs})


def _pattern(contains: str) -> re.Pattern[str]:
    """`*` stands for any digit; letters are those of a telephone's keys."""
    digits = contains.upper().translate(str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999"))
    return re.compile(re.escape(digits).replace(r"\*", r"\d"))
