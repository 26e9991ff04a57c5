"""The step `provider_account`: a Twilio subaccount, or credentials that are there already; sealed as they come.

Whatever is made is looked for first, by the onboarding's reference: a worker that died between the provider's yes and
our commit has left it there.
"""

from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import ProviderAccount
from omega_project.lib import sealing
from onboarding.providers.base import Refused, SubAccount
from onboarding.providers.twilio import TwilioSetup
from onboarding.services import plan, platform
from onboarding.services.steps import Done, Result, Run, Skipped, Stuck


def make_account(run: Run) -> Result:
    """The accounts that the business sends by, written down as soon as they are known."""
    _keep_sendgrid(run)
    kind = plan.account_kind(run.wanted)
    if not any(one.needs_twilio for one in plan.senders_of(run.wanted)) and kind == "subaccount":
        return Skipped("No sender of the request needs a Twilio account.")
    if kind == "platform":
        return Done("The platform's own Twilio account is used.")
    sid = _own(run) if kind == "own" else _subaccount(run)
    _equip(run, sid)
    words = "The Twilio account {} is used." if kind == "own" else "The Twilio subaccount {} is made."
    return Done(words.format(sid))


def _subaccount(run: Run) -> str:
    known = _kept(run.business_id)
    if known is not None:
        return known.account_id
    main = platform.own_twilio()
    found = _found_or_made(run, main)
    if found.status != "active":
        raise Stuck(f"The subaccount {found.account_id} is {found.status} at Twilio: reactivate it, then retry.")
    _keep(run.business_id, "twilio", found.account_id, {"auth_token": found.auth_token})
    return found.account_id


def _found_or_made(run: Run, main: TwilioSetup) -> SubAccount:
    found = main.find_subaccount(run.reference)
    if found is not None:
        return found
    run.hold()
    return main.make_subaccount(run.reference)


def _own(run: Run) -> str:
    """The business's own credentials, tried once before they are kept."""
    given = {name: value for name, value in run.wanted["settings"]["twilio"].items() if value and name != "account"}
    sid = str(given.pop("account_sid"))
    found = platform.twilio(sid, given["auth_token"]).check()
    if found.status != "active":
        raise Refused(f"The Twilio account {sid} is {found.status}: reactivate it in Twilio's console, then retry.")
    known = _kept(run.business_id)
    before = sealing.unseal(known.secrets) if known and known.account_id == sid else {}
    _keep(run.business_id, "twilio", sid, before | given)
    return sid


def _equip(run: Run, sid: str) -> None:
    """What browser and phone apps need for calls: a TwiML application, and a key that signs their tokens."""
    row = ProviderAccount.objects.get(business_id=run.business_id, provider="twilio")
    secrets = sealing.unseal(row.secrets)
    account = platform.twilio(sid, secrets["auth_token"])
    if not secrets.get("twiml_app_sid"):
        found = account.find_application(run.reference)
        if found is None:
            run.hold()
            found = account.make_application(run.reference, platform.hooks())
        secrets["twiml_app_sid"] = found
        _keep(run.business_id, "twilio", sid, secrets)
    if not secrets.get("api_key_sid"):
        run.hold()
        account.drop_keys(run.reference)  # its secret was shown once, to a worker that is gone
        run.hold()
        secrets["api_key_sid"], secrets["api_key_secret"] = account.make_key(run.reference)
        _keep(run.business_id, "twilio", sid, secrets)


def _keep_sendgrid(run: Run) -> None:
    given = run.wanted["settings"]["sendgrid"]
    if given:
        _keep(run.business_id, "sendgrid", "", {name: value for name, value in given.items() if value})


def _kept(business_id: int) -> ProviderAccount | None:
    return ProviderAccount.objects.filter(business_id=business_id, provider="twilio").first()


def _keep(business_id: int, provider: str, account_id: str, secrets: dict[str, Any]) -> None:
    values = {"account_id": account_id, "secrets": sealing.seal(secrets), "is_active": True}
    try:
        with transaction.atomic():
            ProviderAccount.objects.update_or_create(business_id=business_id, provider=provider, defaults=values)
    except IntegrityError:
        raise Stuck(f"The account {account_id} is another business's: give this one its own, then retry.") from None
