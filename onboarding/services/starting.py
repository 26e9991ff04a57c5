"""The door: a request becomes a business with its steps, once, whoever asks at the same instant.

The business and its senders' addresses are taken in the transaction of the request: its id is in the answer, and two
businesses that want one number meet here, not at the carrier.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import time
from typing import Any

import orjson
from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import Business, ProviderAccount, Sender
from conversations.models import Message
from omega_project.lib import sealing, sql
from omega_project.lib.api.errors import Conflict, Fault, ParameterError, parameter_error
from onboarding.models import Onboarding, OnboardingRequest, OnboardingStep
from onboarding.services import plan, retrying, wakeup
from onboarding.services.requests import Onboard
from onboarding.services.steps import AT_THE_DOOR, NAMES

_TRIES = 4
# A FriendlyName has up to 64 characters; a number's has its place behind the reference.
_LONGEST_REFERENCE = 56
# Two requests of one business come one after the other, so that the second finds what the first has made.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%(name)s::text, 0))"
_HOLDERS = """
SELECT DISTINCT s.address, b.id, b.name FROM accounts_sender s JOIN accounts_business b ON b.id = s.business_id
WHERE s.address = ANY(%(addresses)s::text[]) AND (%(business)s::bigint IS NULL OR b.id <> %(business)s::bigint)
ORDER BY s.address
"""


@dataclass(frozen=True, slots=True)
class Started:
    """The answer to a request. `replayed`: this request_id had been answered before, and this is its answer again."""

    onboarding_id: int
    business_id: int
    status: str
    replayed: bool = False


def start_onboarding(body: Onboard, *, request_id: str | None = None, source: str = "api") -> Started:
    """Sign a business up, or go on with one that is being: the same `external_id` is the same onboarding.

    One that waits for a person goes on, by this request where it differs. 409 `request_id_conflict`, `sender_taken`,
    `account_taken` or `business_exists`, each naming what stands in the way; 422 for what cannot be changed any more.
    """
    wanted = plan.wanted_of(body)
    fingerprint = hashlib.sha256(orjson.dumps(wanted, option=orjson.OPT_SORT_KEYS)).digest()
    for left in range(_TRIES - 1, -1, -1):
        try:
            return sql.in_transaction(lambda: _start(wanted, fingerprint, request_id, source))
        except IntegrityError:
            # Somebody else's row came first: it is there now, to be found or to be named.
            if not left:
                raise Conflict("The same was asked for at this instant: please try again.", "conflict") from None
    raise AssertionError("unreachable")


def _start(wanted: dict[str, Any], fingerprint: bytes, request_id: str | None, source: str) -> Started:
    sql.rows(_LOCK, {"name": f"onboard:{wanted['external_id']}"})
    is_replay = _is_known(request_id, fingerprint)
    found = Onboarding.objects.select_for_update().filter(external_id=wanted["external_id"]).first()
    if found is None:
        found = _begin(wanted, fingerprint, source)
    elif found.status == Onboarding.Status.FAILED:
        _go_on(found, wanted, fingerprint)
    if request_id and not is_replay:
        OnboardingRequest.objects.create(onboarding=found, request_id=request_id, fingerprint=fingerprint)
    status = Onboarding.Status.IN_PROGRESS if is_replay else found.status
    return Started(found.pk, found.business_id, str(status), is_replay)


def _is_known(request_id: str | None, fingerprint: bytes) -> bool:
    known = OnboardingRequest.objects.filter(request_id=request_id).first() if request_id else None
    if known is not None and bytes(known.fingerprint) != fingerprint:
        raise Conflict(f"The request_id {request_id} was used before, with another body.", "request_id_conflict")
    return known is not None


def _begin(wanted: dict[str, Any], fingerprint: bytes, source: str) -> Onboarding:
    _require_free(wanted, None)
    known = Business.objects.filter(external_id=wanted["external_id"]).first()
    if known is not None:
        sentence = f"Business {known.pk} ({known.name}) has this external_id, and was not onboarded but made otherwise."
        raise Conflict(sentence, "business_exists")
    business = Business.objects.create(external_id=wanted["external_id"], country=wanted["country"], **_columns(wanted))
    onboarding = Onboarding.objects.create(
        external_id=wanted["external_id"],
        business=business,
        reference=reference_of(business),
        request=sealing.seal(wanted),
        fingerprint=fingerprint,
        source=source,
    )
    now = timezone.now()
    OnboardingStep.objects.bulk_create(_steps(onboarding, now))
    _reserve(business.pk, wanted)
    wakeup.wake_advance()
    return onboarding


def reference_of(business: Business) -> str:
    """The name of whatever is made for it at a provider: read by people there, and unlike any other platform's."""
    name = " ".join(business.name.split())
    return f"omega {business.pk} {secrets.token_hex(6)} {name}"[:_LONGEST_REFERENCE].strip()


def _columns(wanted: dict[str, Any]) -> dict[str, Any]:
    """The business's own columns that a request sets."""
    found: dict[str, Any] = {"name": wanted["name"], "timezone": wanted["timezone"]}
    quiet = wanted["settings"]["quiet_hours"]
    if quiet:
        found |= {"quiet_from": time.fromisoformat(quiet["from"]), "quiet_until": time.fromisoformat(quiet["until"])}
    return found


def _steps(onboarding: Onboarding, now: Any) -> list[OnboardingStep]:
    """The steps in their order: what the door itself does is done, the first of the others is due."""
    found = [OnboardingStep(onboarding=onboarding, place=place, name=name) for place, name in enumerate(NAMES)]
    for step in found:
        if step.name in AT_THE_DOOR:
            step.status, step.at, step.detail = OnboardingStep.Status.DONE, now, AT_THE_DOOR[step.name]
    next(step for step in found if step.name not in AT_THE_DOOR).due_at = now
    return found


def _go_on(onboarding: Onboarding, wanted: dict[str, Any], fingerprint: bytes) -> None:
    """Try a failed one again; where the request is another one now, from the first step, since all are repeatable."""
    if bytes(onboarding.fingerprint) == fingerprint:
        retrying.go_on(onboarding)
        return
    business = Business.objects.select_for_update().get(pk=onboarding.business_id)
    if business.country != wanted["country"]:
        raise parameter_error("country", f"is {business.country} since the first request, and stays")
    _require_free(wanted, business.pk)
    columns = _columns(wanted)
    for name, value in columns.items():
        setattr(business, name, value)
    business.save(update_fields=[*columns, "updated_at"])
    _reserve(business.pk, wanted)
    onboarding.request, onboarding.fingerprint = sealing.seal(wanted), fingerprint
    onboarding.save(update_fields=["request", "fingerprint", "updated_at"])
    retrying.go_on(onboarding, from_the_start=True)


def _require_free(wanted: dict[str, Any], business_id: int | None) -> None:
    """409 where a number or an account is another business's, naming whose."""
    addresses = [one.address for one in plan.senders_of(wanted) if one.address[:1] == "+" or "@" in one.address]
    addresses += [one.address for one in plan.senders_of(wanted) if one.address.isdigit()]
    held = sql.rows(_HOLDERS, {"addresses": addresses, "business": business_id})
    if held:
        sentences = [f"{row['address']} belongs to business {row['id']} ({row['name']})." for row in held]
        raise Conflict(" ".join(sentences), "sender_taken")
    _require_free_account(wanted, business_id)


def _require_free_account(wanted: dict[str, Any], business_id: int | None) -> None:
    if plan.account_kind(wanted) != "own":
        return
    sid = wanted["settings"]["twilio"]["account_sid"]
    if sid == settings.TWILIO_ACCOUNT_SID:
        fault = Fault(["body", "settings", "twilio", "account_sid"], "is the platform's own: say account platform")
        raise ParameterError([fault])
    holder = ProviderAccount.objects.filter(provider="twilio", account_id=sid).exclude(business_id=business_id).first()
    if holder is not None:
        sentence = f"The Twilio account {sid} belongs to business {holder.business_id} ({holder.business.name})."
        raise Conflict(sentence, "account_taken")


def _reserve(business_id: int, wanted: dict[str, Any]) -> None:
    """The addresses as senders that are not active yet: the constraint keeps them for this business."""
    planned = [(one, channel) for one in plan.senders_of(wanted) for channel in one.channels if one.address]
    keys = {(channel, one.address) for one, channel in planned}
    for row in Sender.objects.in_business(business_id).filter(is_active=False):
        is_used = Message.objects.filter(sender=row).exists()
        if (row.channel, row.address) not in keys and not is_used:
            row.delete()  # asked for by an earlier request, and never set up
    have = set(Sender.objects.in_business(business_id).values_list("channel", "address"))
    Sender.objects.bulk_create(
        Sender(business_id=business_id, channel=channel, address=one.address, provider=one.provider, is_active=False)
        for one, channel in planned
        if (channel, one.address) not in have
    )
