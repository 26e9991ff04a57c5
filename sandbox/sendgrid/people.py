"""Whom a mail goes to and comes from, checked as SendGrid does."""

import re
from collections.abc import Iterator
from typing import Any

from sandbox.sendgrid.errors import Fault
from sandbox.sendgrid.refusal import refuse

ADDRESS = re.compile(r"(?=[!-~]+\Z)[^@\s<>\"(),:;\[\]]+@[^@\s<>\"(),:;\[\]]+\.[^@\s<>\"(),:;\[\]]+")  # ASCII only
MOST_RECIPIENTS, LONGEST_ADDRESS = 1000, 320
FIELDS = ("to", "cc", "bcc")


def people(given: dict[str, Any]) -> Iterator[Fault]:
    """Every personalization's recipients: there, well-formed, each once, a thousand at most."""
    count = 0
    for at, one in enumerate(given["personalizations"]):
        where = f"personalizations.{at}"
        if not one.get("to"):
            yield refuse("to", f"{where}.to")
        yield from _addresses(where, one)
        yield from _doubled(where, one)
        count += sum(len(one.get(field) or ()) for field in FIELDS)
    if count > MOST_RECIPIENTS:
        yield refuse("recipients", "personalizations")


def _addresses(where: str, one: dict[str, Any]) -> Iterator[Fault]:
    for field in FIELDS:
        for at, person in enumerate(one.get(field) or ()):
            yield from _address(person.get("email"), f"{where}.{field}.{at}.email", field.capitalize())


def _address(address: object, field: str, name: str) -> Iterator[Fault]:
    if not isinstance(address, str) or not ADDRESS.fullmatch(address):
        yield refuse("address", field)
    elif len(address) > LONGEST_ADDRESS:
        yield refuse("long address", field, name=name)


def _doubled(where: str, one: dict[str, Any]) -> Iterator[Fault]:
    seen: set[str] = set()
    for field in FIELDS:
        for person in one.get(field) or ():
            address = str(person.get("email")).lower()
            if address in seen:
                yield refuse("unique", where, address=address, where=f"{where}.{field}")
                return
            seen.add(address)


def senders(given: dict[str, Any]) -> Iterator[Fault]:
    """From whom, without a letter outside ASCII, and to whom an answer goes."""
    address = (given.get("from") or {}).get("email")
    if not address:
        yield refuse("from", "from.email")
    elif not ADDRESS.fullmatch(address):
        yield refuse("from address", "from.email")
    elif len(address) > LONGEST_ADDRESS:
        yield refuse("long address", "from.email", name="From")
    yield from _replies(given)


def _replies(given: dict[str, Any]) -> Iterator[Fault]:
    one, several = given.get("reply_to"), given.get("reply_to_list") or []
    if one and several:
        yield refuse("reply_to", "reply_to")
    if one:
        yield from _address(one.get("email"), "reply_to.email", "Reply-To")
    for at, person in enumerate(several):
        yield from _address(person.get("email"), f"reply_to_list.{at}.email", "Reply-To")
    found = [str(person.get("email")).lower() for person in several]
    if len(found) > MOST_RECIPIENTS or len(found) != len(set(found)):
        yield refuse("reply_to_list", "reply_to_list")
