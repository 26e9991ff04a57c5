"""The platform's own accounts and addresses, as onboarding uses them."""

from django.conf import settings

from accounts.models import ProviderAccount
from omega_project.lib import sealing
from onboarding.providers.base import Hooks
from onboarding.providers.sendgrid import SendGridSetup
from onboarding.providers.twilio import TwilioSetup
from onboarding.services.steps import Stuck

# Twilio calls again where it found nobody, a 5xx or no answer; by default only where it could not connect.
_AGAIN = "#rc=3&rp=5xx,ct,rt"


def hooks() -> Hooks:
    """Where Twilio tells omega of texts and calls."""
    base = f"{settings.PUBLIC_BASE_URL}/{settings.OMEGA_URL_PREFIX}"
    return Hooks(
        sms_url=f"{base}twilio/sms/reply{_AGAIN}",
        voice_url=f"{base}voice-calls/twiml{_AGAIN}",
        voice_status_url=f"{base}twilio/voice/status{_AGAIN}",
    )


def own_twilio() -> TwilioSetup:
    """The platform's account. Its auth token, since an API key may not make accounts."""
    return twilio(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN)


def twilio(account_id: str, auth_token: str) -> TwilioSetup:
    return TwilioSetup(account_id, auth_token, settings.TWILIO_API_BASE_URL)


def twilio_of(business_id: int) -> TwilioSetup:
    """The account that this business sends by: its own where it has one, else the platform's."""
    row = ProviderAccount.objects.filter(business_id=business_id, provider="twilio", is_active=True).first()
    if row is None:
        return own_twilio()
    try:
        secrets = sealing.unseal(row.secrets)
    except sealing.CannotOpen as error:
        raise Stuck(f"{error} Put the key back, then retry.") from error
    return twilio(row.account_id, secrets["auth_token"])


def sendgrid_of(business_id: int) -> SendGridSetup | None:
    """The SendGrid account of this business or of the platform; None where there is neither."""
    row = ProviderAccount.objects.filter(business_id=business_id, provider="sendgrid", is_active=True).first()
    try:
        key = sealing.unseal(row.secrets).get("api_key", "") if row else settings.SENDGRID_API_KEY
    except sealing.CannotOpen as error:
        raise Stuck(f"{error} Put the key back, then retry.") from error
    return SendGridSetup(key, settings.SENDGRID_API_BASE_URL) if key else None
