"""What SendGrid checks before it takes a mail (docs: mail/send errors; sendgrid-oai): every fault in one answer."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from sandbox.sendgrid.contents import attachments, contents, subjects
from sandbox.sendgrid.errors import CRYPTIC, Fault, MailError
from sandbox.sendgrid.extras import asm, categories, custom_args, headers, ids, send_ats, substitutions, switches
from sandbox.sendgrid.people import people, senders
from sandbox.sendgrid.refusal import refuse

MOST_PERSONALIZATIONS = 1000
CHECKS = (
    people,
    senders,
    subjects,
    contents,
    attachments,
    headers,
    categories,
    custom_args,
    substitutions,
    send_ats,
    asm,
    ids,
    switches,
)


def check(given: Any) -> dict[str, Any]:
    """Check a whole request; raises MailError with its faults, a nameless one for what has no shape."""
    if not isinstance(given, dict):
        raise MailError(CRYPTIC)
    faults = list(_shape(given))
    try:
        faults = faults or list(chain.from_iterable(look(given) for look in CHECKS))
    except (TypeError, AttributeError, KeyError) as fault:
        raise MailError(CRYPTIC) from fault
    if CRYPTIC in faults:
        raise MailError(CRYPTIC)
    if faults:
        raise MailError(*faults)
    return given


def _shape(given: dict[str, Any]) -> Iterator[Fault]:
    found = given.get("personalizations")
    if not isinstance(found, list) or not found:
        yield refuse("personalizations", "personalizations")
    elif len(found) > MOST_PERSONALIZATIONS:
        yield refuse("many personalizations", "personalizations", count=str(len(found)))
