"""The voice tests' world: a studio with a number, staff and places, and a carrier that signs what it says."""

from accounts.models import ProviderAccount, Sender
from messaging.services import carriers
from omega_project.lib import sealing
from tests.contract import world as made


def an_account(studio, **secrets):
    """An account of the studio's own at Twilio; its sid."""
    known = {
        "auth_token": "its own",
        "api_key_sid": "SK" + "b" * 32,
        "api_key_secret": "its secret, which is 32 bytes long",
        "twiml_app_sid": "AP" + "b" * 32,
    } | secrets
    carriers.forget()
    return ProviderAccount.objects.create(
        business_id=studio.id, provider="twilio", account_id=made.sid("AC"), secrets=sealing.seal(known)
    ).account_id


def a_voice_number(studio, **fields):
    """A number of the studio for calls alone."""
    address = fields.pop("address", None) or made.phone()
    Sender.objects.create(business_id=studio.id, channel="voice", address=address, provider="twilio", **fields)
    return address
