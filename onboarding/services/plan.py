"""What a checked request comes to: plain data that is kept sealed, and read again by every step."""

from dataclasses import dataclass
from typing import Any

import phonenumbers

from onboarding.providers.base import Wish
from onboarding.services import checks
from onboarding.services.requests import Onboard

SMS, VOICE, EMAIL = "sms", "voice", "email"
# Messages a second, by the kind of number (delivery.md): carriers take no more from one.
LONG_CODE, TOLL_FREE, SHORT_CODE, ALPHANUMERIC = 1, 3, 100, 10


@dataclass(frozen=True, slots=True)
class PlannedSender:
    """A sender to set up: an address, or a wish for a number. `place` is its row in the request.

    A texting number takes calls too, unless the request has a sender for calls; so that it may serve two channels.
    """

    place: int
    channels: tuple[str, ...]
    address: str
    wish: Wish | None
    provider: str
    location: str
    is_default: bool

    @property
    def needs_twilio(self) -> bool:
        return self.provider == "twilio"

    @property
    def is_number(self) -> bool:
        """Whether it is a phone number that an account owns, or will."""
        return self.needs_twilio and EMAIL not in self.channels and not checks.is_bare(self.address)


def wanted_of(body: Onboard) -> dict[str, Any]:
    """The request as data, each sender's address in the database's form."""
    found: dict[str, Any] = body.model_dump(mode="json", by_alias=True, exclude={"request_id"})
    for row in found["senders"]:
        row["address"] = checks.address_of(row)
        row["provider"] = row["provider"] or checks.PROVIDERS[row["channel"]]
    return found


def senders_of(wanted: dict[str, Any]) -> list[PlannedSender]:
    """The senders of a request in its order."""
    rows = wanted["senders"]
    has_voice = any(row["channel"] == VOICE for row in rows)
    # The one that says so, else the first of its channel.
    default = {row["channel"]: place for place, row in reversed(list(enumerate(rows)))}
    default |= {row["channel"]: place for place, row in enumerate(rows) if row["is_default"]}
    return [
        _planned(place, row, wanted["country"], has_voice, default[row["channel"]]) for place, row in enumerate(rows)
    ]


def _planned(place: int, row: dict[str, Any], country: str, has_voice: bool, default: int) -> PlannedSender:
    channels: tuple[str, ...] = (row["channel"],)
    callable_ = row["channel"] == SMS and row["provider"] == "twilio" and not checks.is_bare(row["address"])
    if callable_ and not has_voice:
        channels = (SMS, VOICE)
    return PlannedSender(
        place=place,
        channels=channels,
        address=row["address"],
        wish=_wish(row["buy"], country) if row["buy"] is not None else None,
        provider=row["provider"],
        location=row["location"] or "",
        is_default=place == default,
    )


def _wish(buy: dict[str, Any], country: str) -> Wish:
    return Wish(buy["country"] or country, buy["kind"], buy["area_code"] or "", buy["contains"] or "")


def rate_of(address: str) -> int:
    """The messages a second that carriers take from a texting sender."""
    if checks.is_short_code(address):
        return SHORT_CODE
    if checks.is_bare(address):
        return ALPHANUMERIC
    kind = phonenumbers.number_type(phonenumbers.parse(address))
    return TOLL_FREE if kind == phonenumbers.PhoneNumberType.TOLL_FREE else LONG_CODE


def staff_rows(wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """The staff as rows of a sync, the owner among them."""
    owner = wanted["owner"]
    return [*wanted["staff"], *([owner | {"role": "owner"}] if owner else [])]


def account_kind(wanted: dict[str, Any]) -> str:
    """Which Twilio account: subaccount, platform or own."""
    given = wanted["settings"]["twilio"] or {}
    return str(given.get("account") or ("own" if given.get("account_sid") else "subaccount"))
