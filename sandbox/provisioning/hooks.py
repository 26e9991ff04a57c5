"""Where a text or a call to a number is told: the URLs set on the number or its application, else the default."""

from dataclasses import dataclass, replace

from sandbox.carrier import Carrier
from sandbox.provisioning.register import APPLICATION, Thing

SMS_PATH, VOICE_PATH, STATUS_PATH = "twilio/sms/reply", "voice-calls/twiml", "twilio/voice/status"


@dataclass(frozen=True, slots=True)
class Hook:
    """One number's webhook, and the account whose number it is."""

    url: str
    method: str
    account: str
    application: str | None = None
    fallback_url: str = ""
    fallback_method: str = "POST"
    status_callback: str = ""
    status_method: str = "POST"


def sms_hook(carrier: Carrier, number: str) -> Hook:
    """What hears of a text to this number."""
    return _hook(carrier, carrier.register.number(number), "sms", SMS_PATH)


def voice_hook(carrier: Carrier, number: str) -> Hook:
    """What hears of a call to this number."""
    return _hook(carrier, carrier.register.number(number), "voice", VOICE_PATH)


def application_hook(carrier: Carrier, sid: str, account: str) -> Hook:
    """What hears of a call by an access token's application; the default where that is unknown or has no URL."""
    thing = carrier.register.find(APPLICATION, sid)
    hook = _pointed(carrier, thing, "voice", VOICE_PATH) if thing else None
    return hook or replace(_default(carrier, VOICE_PATH), account=account, application=sid)


def _hook(carrier: Carrier, thing: Thing | None, kind: str, default: str) -> Hook:
    if thing is None:
        return _default(carrier, default)
    application = carrier.register.find(APPLICATION, thing.values[f"{kind}_application_sid"])
    return _pointed(carrier, application or thing, kind, default)


def _default(carrier: Carrier, path: str) -> Hook:
    """As somebody would have set it by hand: omega's own paths."""
    settings = carrier.settings
    status = settings.omega_url(STATUS_PATH) if path == VOICE_PATH else ""
    return Hook(settings.omega_url(path), "POST", carrier.accounts.main_sid, status_callback=status)


def _pointed(carrier: Carrier, thing: Thing, kind: str, default: str) -> Hook:
    values = thing.values
    return Hook(
        values[f"{kind}_url"] or carrier.settings.omega_url(default),
        values[f"{kind}_method"],
        thing.account,
        thing.sid if thing.kind == APPLICATION else None,
        values[f"{kind}_fallback_url"],
        values[f"{kind}_fallback_method"],
        values["status_callback"],
        values["status_callback_method"],
    )
