"""What a request to onboard may say: its shape, field by field. What its parts say of each other is in `checks`."""

import re
from typing import Annotated, Any, Literal

import phonenumbers
from pydantic import AfterValidator, Field

from accounts.services import hours
from accounts.services.rows import MOST_LOCATIONS, ExternalId, FilledName, LocationRow, Zone
from accounts.services.sync import MOST_ROWS
from omega_project.lib.api.fields import Body, Email, Flag, Phone, RequestId, ShortText, Text
from onboarding.services import checks

MOST_SENDERS = 100
MOST_TEMPLATES = 100
_ACCOUNT = re.compile(r"^AC[0-9a-fA-F]{32}\Z")
_CLOCK = re.compile(r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")


def _country(value: str) -> str:
    if value.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("must be a country's two letters, such as US")
    return value.upper()


def _account_sid(value: str) -> str:
    if not _ACCOUNT.match(value):
        raise ValueError("must be a Twilio account's SID: AC and 32 hexadecimal digits")
    return value


def _clock(value: str) -> str:
    if not _CLOCK.match(value):
        raise ValueError("must be a time of day, such as 21:00")
    return value


def _secret(value: str) -> str:
    if not value.isascii() or not value.isprintable() or not value.strip():
        raise ValueError("must be of printable ASCII characters")
    return value


def _hours(value: dict[str, Any]) -> dict[str, Any]:
    return hours.checked(value)


Hours = Annotated[dict[str, Any], AfterValidator(_hours)]
Country = Annotated[str, Field(min_length=2, max_length=2), AfterValidator(_country)]
Clock = Annotated[str, AfterValidator(_clock)]
Secret = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_secret)]
AreaCode = Annotated[str, Field(pattern=r"^[0-9]{2,5}$")]


class OnboardLocation(LocationRow):
    """A location, as in a sync; its name is required, and it may have its opening hours."""

    name: FilledName
    hours: Hours | None = None


class OnboardStaff(Body):
    """A staff member, as in a sync; the locations are named by the `external_id`s of this request."""

    external_id: ExternalId
    name: FilledName
    email: Email | None = None
    phone: Phone | None = None
    role: Literal["owner", "manager", "agent"] = "agent"
    availability: Literal["available", "away", "offline"] = "available"
    is_active: Flag = True
    location_external_ids: Annotated[list[ExternalId], Field(max_length=MOST_LOCATIONS)] | None = None


class OnboardOwner(Body):
    """Who owns the business: a staff member with the role `owner`."""

    external_id: ExternalId = "owner"
    name: FilledName
    email: Email | None = None
    phone: Phone | None = None


class NumberToBuy(Body):
    """What number to buy, where none is named."""

    area_code: AreaCode | None = None
    country: Country | None = Field(default=None, description="Default: the business's.")
    kind: Literal["local", "toll_free", "mobile"] = "local"
    contains: Annotated[str, Field(pattern=r"^[0-9A-Za-z*]{2,15}$")] | None = None


class OnboardSender(Body):
    """An address to send from: `address`, or for texts and calls `buy`."""

    channel: Literal["sms", "voice", "email"]
    address: Annotated[Text, Field(min_length=1, max_length=254)] | None = Field(
        default=None,
        description="E.164, a short code (5 or 6 digits), an alphanumeric id of up to 11, or an e-mail address.",
    )
    buy: NumberToBuy | None = None
    provider: Annotated[ShortText, Field(max_length=32)] | None = Field(
        default=None, description="Default: twilio for texts and calls, sendgrid for e-mail."
    )
    location: ExternalId | None = Field(default=None, description="The `external_id` of a location of this request.")
    is_default: Flag = False


class TwilioToUse(Body):
    """Which Twilio account: a subaccount that is made (the default), the platform's, or one of the business's own."""

    account: Literal["subaccount", "platform", "own"] | None = None
    account_sid: Annotated[str, AfterValidator(_account_sid)] | None = None
    auth_token: Secret | None = None
    api_key_sid: Secret | None = None
    api_key_secret: Secret | None = None
    twiml_app_sid: Secret | None = None


class SendGridToUse(Body):
    """A SendGrid account of the business's own; without it the platform's is used."""

    api_key: Secret
    webhook_public_key: Secret | None = None


class QuietHours(Body):
    """Bulk messages wait between these local times of the client. The same time twice: no quiet hours."""

    start: Annotated[Clock, Field(alias="from")]
    until: Clock


class VoiceToUse(Body):
    """How calls are taken; what is left out goes by omega's defaults."""

    language: Annotated[Text, Field(min_length=2, max_length=16)] | None = None
    greeting: Annotated[Text, Field(max_length=1000)] | None = None
    closed_greeting: Annotated[Text, Field(max_length=1000)] | None = None
    ring_seconds: Annotated[int, Field(strict=True, ge=5, le=120)] | None = None
    takes_voicemail: Flag | None = None
    texts_back: Flag | None = Field(default=None, description="A missed call is answered by a text, once.")
    text_back_body: Annotated[Text, Field(max_length=480)] | None = None
    allowed_countries: Annotated[list[Country], Field(max_length=250)] | None = None


class OnboardTemplate(Body):
    """A template of the business from its first day."""

    name: FilledName
    channel: Literal["sms", "email"] = "sms"
    subject: Annotated[Text, Field(max_length=998)] = ""
    body: Annotated[Text, Field(min_length=1, max_length=10_000)]
    language: Annotated[Text, Field(max_length=16)] = ""


class OnboardSettings(Body):
    """How the business is set up; all of it optional."""

    twilio: TwilioToUse | None = None
    sendgrid: SendGridToUse | None = None
    quiet_hours: QuietHours | None = None
    hours: Hours | None = Field(default=None, description="Opening hours of the locations that have none of their own.")
    voice: VoiceToUse | None = None
    templates: Annotated[list[OnboardTemplate], Field(max_length=MOST_TEMPLATES)] | None = Field(
        default=None, description="Instead of omega's own."
    )
    invitations: Flag = Field(default=True, description="Whether staff with an e-mail address are told by mail.")
    test_message: Flag = Field(default=True, description="Whether a text proves that texts go out.")


class Onboard(Body):
    """A business to sign up. `external_id` is the platform's name for it, and the same again the same onboarding."""

    external_id: ExternalId
    name: FilledName
    timezone: Zone
    country: Country = "US"
    locations: Annotated[list[OnboardLocation], Field(max_length=MOST_ROWS)] = []
    staff: Annotated[list[OnboardStaff], Field(max_length=MOST_ROWS)] = []
    senders: Annotated[list[OnboardSender], Field(max_length=MOST_SENDERS)] = []
    owner: OnboardOwner | None = None
    settings: OnboardSettings = OnboardSettings()
    request_id: RequestId | None = None

    @classmethod
    def missing(cls, given: dict[str, Any]) -> list[tuple[checks.Place, str]]:
        """What is wrong between the fields, found whatever else is wrong."""
        return list(checks.faults(given))
