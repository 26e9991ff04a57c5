"""The step `senders`: numbers are taken or bought, pointed at omega, and given the rate that carriers take.

A number that is named is used where the business's account has it, moved there where the platform's has it, and bought
where nobody has. One that is bought by area code carries the onboarding's reference, and is found by it.
"""

from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import Location, Sender
from onboarding.providers.base import OwnedNumber, Taken, Wish
from onboarding.providers.twilio import TwilioSetup
from onboarding.services import checks, plan, platform
from onboarding.services.plan import EMAIL, SMS, PlannedSender
from onboarding.services.steps import Done, Result, Run, Skipped, Stuck

_OFFERS = 10


def make_senders(run: Run) -> Result:
    """Set up every sender for texts and calls; those for e-mail are the next step's."""
    planned = [one for one in plan.senders_of(run.wanted) if EMAIL not in one.channels]
    if not planned:
        return Skipped("The request names no number.")
    account = platform.twilio_of(run.business_id) if any(one.is_number for one in planned) else None
    return Done(" ".join(_set_up(run, one, account) for one in planned))


def _set_up(run: Run, planned: PlannedSender, account: TwilioSetup | None) -> str:
    """One sender, to its end; the sentence that says what became of it."""
    address, words = planned.address, "is taken as it is."
    if planned.is_number and account is not None:
        number, words = _number(run, planned, account)
        run.hold()
        account.point(number, platform.hooks())
        address = number.number
    elif checks.is_short_code(address):
        words = f"is taken as it is: at Twilio, set its webhook to {platform.hooks().sms_url}."
    activate(run.business_id, planned, address)
    return f"{address} {words}"


def _number(run: Run, planned: PlannedSender, account: TwilioSetup) -> tuple[OwnedNumber, str]:
    if planned.wish is not None:
        return _wished(run, planned, planned.wish, account), "is bought."
    found = account.find_number(planned.address)
    if found is not None:
        return found, "is used."
    moved = _moved(run, planned.address, account)
    if moved is not None:
        return moved, "is moved to the business's account."
    run.hold()
    return account.buy(planned.address, _name(run, planned), platform.hooks()), "is bought."


def _moved(run: Run, number: str, account: TwilioSetup) -> OwnedNumber | None:
    """The platform's number, given to the subaccount; None where the platform has it not, or it is asked already."""
    if plan.account_kind(run.wanted) != "subaccount":
        return None
    main = platform.own_twilio()
    found = main.find_number(number)
    if found is None:
        return None
    run.hold()
    main.give(found, account.account_id)
    return found


def _name(run: Run, planned: PlannedSender) -> str:
    return f"{run.reference} #{planned.place + 1}"


def _wished(run: Run, planned: PlannedSender, wish: Wish, account: TwilioSetup) -> OwnedNumber:
    """The number bought for this row: the one that is there under its name, else the first that is to be had."""
    name = _name(run, planned)
    found = account.find_named(name)
    if found is not None:
        return found
    for offer in account.buyable(wish, most=_OFFERS):
        run.hold()
        try:
            return account.buy(offer, name, platform.hooks())
        except Taken:
            continue  # somebody was faster: the next one
    where = f"area code {wish.area_code}" if wish.area_code else wish.country
    raise Stuck(f"Twilio offers no such number ({wish.kind.replace('_', '-')}, {where}): ask for another, then retry.")


def activate(business_id: int, planned: PlannedSender, address: str) -> None:
    """The sender's rows, one a channel, ready to be used."""
    location = Location.objects.in_business(business_id).filter(external_id=planned.location).first()
    for channel in planned.channels:
        values: dict[str, Any] = {
            "provider": planned.provider,
            "location": location if planned.location else None,
            "is_active": True,
            "is_default": planned.is_default,
            "messages_per_second": plan.rate_of(address) if channel == SMS else None,
        }
        try:
            with transaction.atomic():
                _write(business_id, channel, address, values)
        except IntegrityError:
            raise Stuck(f"{address} is another business's sender by now: ask for another, then retry.") from None


def _write(business_id: int, channel: str, address: str, values: dict[str, Any]) -> None:
    senders = Sender.objects.in_business(business_id).filter(channel=channel)
    if values["is_default"]:
        senders.exclude(address=address).filter(is_default=True).update(is_default=False)
    Sender.objects.update_or_create(business_id=business_id, channel=channel, address=address, defaults=values)
