"""The step `email_sender`: the records that a domain's owner must publish, and whether they are there.

It never holds the rest: whatever stands in its way is said, and looked at again, before and after the onboarding is
completed. Mail from an address goes out when its domain is authenticated.
"""

from onboarding.providers.base import MailDomain, NotNow, Refused
from onboarding.providers.sendgrid import SendGridSetup
from onboarding.services import numbers, plan, platform
from onboarding.services.plan import EMAIL, PlannedSender
from onboarding.services.steps import Done, Result, Run, Skipped, Waiting

# Ten minutes at first, each look a fifth later than the one before, six hours at the most.
_SOON, _SLOWER, _LATEST = 600.0, 1.2, 6 * 3600.0


def make_email_senders(run: Run) -> Result:
    """Authenticate the domain of each e-mail sender; Waiting with what to publish where it is not published yet."""
    planned = [one for one in plan.senders_of(run.wanted) if EMAIL in one.channels]
    if not planned:
        return Skipped("The request names no e-mail address.")
    done = [one for one in planned if one.provider != "sendgrid"]
    for one in done:
        numbers.activate(run.business_id, one, one.address)
    waits = _authenticate(run, [one for one in planned if one not in done])
    if waits:
        return Waiting(" ".join(waits), _wait(run.attempts))
    return Done(f"{', '.join(one.address for one in planned)}: ready to send.")


def _wait(attempts: int) -> float:
    return float(min(_LATEST, _SOON * _SLOWER ** min(attempts - 1, 50)))


def _authenticate(run: Run, planned: list[PlannedSender]) -> list[str]:
    """Each domain once; a sentence for each that is not authenticated."""
    account = platform.sendgrid_of(run.business_id) if planned else None
    if planned and account is None:
        return ["SENDGRID_API_KEY is not set: set it, or give the business a SendGrid key of its own."]
    waits = []
    for domain in dict.fromkeys(_domain(one) for one in planned):
        sentence = _sentence(run, account, domain) if account else ""
        if sentence:
            waits.append(sentence)
            continue
        for one in planned:
            if _domain(one) == domain:
                numbers.activate(run.business_id, one, one.address)
    return waits


def _domain(planned: PlannedSender) -> str:
    return planned.address.rpartition("@")[2]


def _sentence(run: Run, account: SendGridSetup, domain: str) -> str:
    """What holds the domain up; empty where nothing does."""
    try:
        found = account.find_domain(domain)
        if found is None:
            run.hold()
            found = account.make_domain(domain, f"em{run.onboarding_id}")
        if not found.is_valid:
            run.hold()
            found = account.look(found)
    except (Refused, NotNow) as error:
        return f"{domain}: {error}"
    return "" if found.is_valid else to_publish(found)


def to_publish(domain: MailDomain) -> str:
    """What the domain's owner has to do, record by record."""
    records = [f"{one.kind} {one.host} → {one.data}" for one in domain.records if not one.is_valid]
    return f"Publish in the DNS of {domain.domain}: {'; '.join(records)}. It is looked at again by itself."
