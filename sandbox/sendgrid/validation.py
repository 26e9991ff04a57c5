"""What SendGrid checks before it takes a mail (docs: mail/send errors; sendgrid-oai)."""

import base64
import binascii
import re
from typing import Any

from sandbox.sendgrid.errors import MailError
from sandbox.sendgrid.mail import recipients_of
from sandbox.sendgrid.sentences import SENTENCES

ADDRESS = re.compile(r"[^@\s<>\"(),:;\[\]]+@[^@\s<>\"(),:;\[\]]+\.[^@\s<>\"(),:;\[\]]+", re.ASCII)
MOST_RECIPIENTS, MOST_CATEGORIES, MOST_CUSTOM_BYTES = 1000, 10, 10_000
RESERVED = {
    *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"),
    *("to", "from", "subject", "reply-to", "cc", "bcc"),
}
ORDER = ("text/plain", "text/html")


def refuse(what: str, field: str, **words: str) -> MailError:
    """The error for one of SendGrid's sentences."""
    sentence, anchor = SENTENCES[what]
    return MailError(sentence.format(**words), field, anchor)


def check(given: Any) -> dict[str, Any]:
    """Check a whole request; raises MailError with the first fault, a nameless one for what has no shape."""
    if not isinstance(given, dict):
        raise MailError("Bad Request", None)
    try:
        _check_people(given)
        _check_sender(given)
        _check_words(given)
        _check_headers(given)
        _check_custom_args(given)
        _check_attachments(given)
    except (TypeError, AttributeError, KeyError) as fault:
        raise MailError("Bad Request", None) from fault
    return given


def _check_people(given: dict[str, Any]) -> None:
    people = given.get("personalizations")
    if not isinstance(people, list) or not people:
        raise refuse("personalizations", "personalizations")
    for at, personalization in enumerate(people):
        _check_personalization(f"personalizations.{at}", personalization)
    if len(recipients_of(given)) > MOST_RECIPIENTS:
        raise refuse("recipients", "personalizations")


def _check_personalization(where: str, personalization: dict[str, Any]) -> None:
    if not personalization.get("to"):
        raise refuse("to", f"{where}.to")
    seen: set[str] = set()
    for kind in ("to", "cc", "bcc"):
        for at, person in enumerate(personalization.get(kind, ())):
            _check_address(person.get("email"), f"{where}.{kind}.{at}.email")
            if person["email"].lower() in seen:
                raise refuse("unique", where, address=person["email"], where=f"{where}.{kind}")
            seen.add(person["email"].lower())


def _check_address(address: object, field: str) -> None:
    if not isinstance(address, str) or not ADDRESS.fullmatch(address):
        raise refuse("address", field)


def _check_sender(given: dict[str, Any]) -> None:
    if not (given.get("from") or {}).get("email"):
        raise refuse("from", "from.email")
    if not ADDRESS.fullmatch(given["from"]["email"]):
        raise refuse("from address", "from.email")
    if given.get("reply_to") and given.get("reply_to_list"):
        raise refuse("reply_to", "reply_to")
    if given.get("reply_to"):
        _check_address(given["reply_to"].get("email"), "reply_to.email")


def _check_words(given: dict[str, Any]) -> None:
    if given.get("template_id"):
        return
    if not given.get("subject") and not all(each.get("subject") for each in given["personalizations"]):
        raise refuse("subject", "subject")
    if not given.get("content"):
        raise refuse("content", "content")
    for at, block in enumerate(given["content"]):
        if not isinstance(block.get("value"), str) or not block["value"]:
            raise refuse("content value", f"content.{at}.value")
    order = [ORDER.index(block["type"]) for block in given["content"] if block["type"] in ORDER]
    if order != sorted(set(order)):
        raise refuse("content order", "content")


def _check_headers(given: dict[str, Any]) -> None:
    for part in (given, *given["personalizations"]):
        for name in part.get("headers", {}):
            if name.lower() in RESERVED:
                raise refuse("header", "headers", name=name)
    categories = given.get("categories", [])
    if len(categories) > MOST_CATEGORIES or len(categories) != len(set(categories)):
        raise refuse("categories", "categories")


def _check_custom_args(given: dict[str, Any]) -> None:
    """Values that are no strings get an answer that says nothing; it is the real one."""
    found = [part.get("custom_args", {}) for part in (given, *given["personalizations"])]
    if any(not isinstance(value, str) for args in found for value in args.values()):
        raise MailError("Bad Request", None)
    if sum(len(f"{name}{value}".encode()) for args in found for name, value in args.items()) > MOST_CUSTOM_BYTES:
        raise refuse("custom_args", "custom_args")


def _check_attachments(given: dict[str, Any]) -> None:
    for at, item in enumerate(given.get("attachments", ())):
        if not item.get("filename"):
            raise refuse("filename", f"attachments.{at}.filename")
        try:
            base64.b64decode(item["content"], validate=True)
        except (binascii.Error, ValueError) as fault:
            raise refuse("attachment", f"attachments.{at}.content") from fault
