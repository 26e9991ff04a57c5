"""Access tokens: what lets a staff member's browser or phone place and take calls (providers.md, 5)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant

from accounts.models import Staff
from messaging.services import carriers
from omega_project.lib import sealing
from omega_project.lib.api.errors import Conflict, NotFound, Unavailable
from voice.services.identities import identity_of

# Twilio takes a token of at most a day (20157), and none can be revoked by itself: an hour is enough to renew it.
TTL = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Token:
    token: str
    identity: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Credentials:
    account_sid: str
    key_sid: str
    key_secret: str
    app_sid: str


def make_token(*, business_id: int, staff_id: int) -> Token:
    """A token for a staff member of a business.

    404 where there is none such, 409 `staff_unavailable` where inactive, 409 `voice_not_set_up` or 503 where the
    account has no API key or TwiML application.
    """
    staff = Staff.objects.in_business(business_id).filter(pk=staff_id).only("name", "is_active").first()
    if staff is None:
        raise NotFound("There is no such staff member in this business.")
    if not staff.is_active:
        raise Conflict(f"{staff.name} is not active.", "staff_unavailable")
    credentials = _credentials_of(business_id)
    identity = identity_of(business_id=business_id, staff_id=staff_id)
    expires_at = datetime.now(UTC).replace(microsecond=0) + TTL
    token = AccessToken(
        credentials.account_sid, credentials.key_sid, credentials.key_secret, identity=identity,
        ttl=int(TTL.total_seconds()),
    )  # fmt: skip
    token.add_grant(VoiceGrant(outgoing_application_sid=credentials.app_sid, incoming_allow=True))
    return Token(token.to_jwt(), identity, expires_at)


def _credentials_of(business_id: int) -> _Credentials:
    try:
        own = carriers.account_of(business_id, "twilio")
    except sealing.CannotOpen as error:
        raise Unavailable(f"The business's Twilio account cannot be used: {error}") from error
    if own is None:
        return _platforms()
    names = ("api_key_sid", "api_key_secret", "twiml_app_sid")
    missing = [name for name in names if not own.secrets.get(name)]
    if missing:
        raise Conflict(
            f"The business's Twilio account lacks {', '.join(missing)}: calls cannot be placed by it.",
            "voice_not_set_up",
        )
    return _Credentials(own.account_id, *(own.secrets[name] for name in names))


def _platforms() -> _Credentials:
    names = ("TWILIO_API_KEY_SID", "TWILIO_API_KEY_SECRET", "TWILIO_TWIML_APP_SID")
    missing = [name for name in names if not getattr(settings, name)]
    if missing:
        raise Unavailable(f"Calls are not set up: {', '.join(missing)} is not set.")
    return _Credentials(settings.TWILIO_ACCOUNT_SID, *(getattr(settings, name) for name in names))
