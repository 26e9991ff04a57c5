"""What else a mail/send may name, checked as SendGrid does: headers, categories, arguments, times, switches."""

import re
import time
from collections.abc import Iterator
from itertools import chain
from typing import Any

from sandbox.sendgrid.errors import CRYPTIC, Fault
from sandbox.sendgrid.refusal import refuse

RESERVED = {
    *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"),
    *("to", "from", "subject", "reply-to", "cc", "bcc"),
}
HEADER_NAME = re.compile(r"[!-9;-~]+")
MOST_CATEGORIES, LONGEST_CATEGORY = 10, 255
MOST_CUSTOM_BYTES, MOST_SUBSTITUTIONS, MOST_GROUPS = 10_000, 10_000, 25
FARTHEST_SECONDS = 72 * 3600


def parts(given: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The request and each of its personalizations, with the path that leads there."""
    yield "", given
    for at, one in enumerate(given["personalizations"]):
        yield f"personalizations.{at}.", one


def headers(given: dict[str, Any]) -> Iterator[Fault]:
    """Text by an ASCII name that is not SendGrid's own to set."""
    for where, one in parts(given):
        for name, value in (one.get("headers") or {}).items():
            if name.lower() in RESERVED:
                yield refuse("header", f"{where}headers", name=name)
            elif not HEADER_NAME.fullmatch(name):
                yield refuse("header name", f"{where}headers.{name}")
            if not isinstance(value, str):
                yield refuse("header value", f"{where}headers.{name}")


def categories(given: dict[str, Any]) -> Iterator[Fault]:
    """Ten at most, each once, in ASCII."""
    found = given.get("categories") or []
    found = [found] if isinstance(found, str) else found
    if len(found) > MOST_CATEGORIES:
        yield refuse("many categories", "categories", count=str(len(found)))
    for at, name in enumerate(found):
        where = f"categories.{at}"
        if not isinstance(name, str):
            yield refuse("category text", where)
        elif len(name) > LONGEST_CATEGORY:
            yield refuse("category length", where, name=name)
        elif not name.isascii():
            yield refuse("category ascii", where)
        elif name in found[:at]:
            yield refuse("category twice", where, name=name)


def custom_args(given: dict[str, Any]) -> Iterator[Fault]:
    """Values that are no strings get an answer that says nothing; it is the real one."""
    if any(not isinstance(value, str) for _, one in parts(given) for value in (one.get("custom_args") or {}).values()):
        yield CRYPTIC
        return
    common = given.get("custom_args") or {}
    if _bytes(common) > MOST_CUSTOM_BYTES:
        yield refuse("custom_args", "custom_args")
        return
    for at, one in enumerate(given["personalizations"]):
        if _bytes(common | (one.get("custom_args") or {})) > MOST_CUSTOM_BYTES:
            yield refuse("custom_args", f"personalizations.{at}.custom_args")


def _bytes(args: dict[str, str]) -> int:
    return sum(len(text.encode()) for text in chain.from_iterable(args.items()))


def substitutions(given: dict[str, Any]) -> Iterator[Fault]:
    """Text for text, ten thousand at most."""
    for where, one in parts(given):
        found = one.get("substitutions") or {}
        if any(not isinstance(value, str) for value in found.values()):
            yield refuse("substitutions", f"{where}substitutions")
        if len(found) > MOST_SUBSTITUTIONS:
            yield refuse("many substitutions", f"{where}substitutions")


def send_ats(given: dict[str, Any]) -> Iterator[Fault]:
    """An epoch time, three days ahead at most."""
    for where, one in parts(given):
        at = one.get("send_at")
        if at is not None and type(at) is not int:
            yield refuse("send_at", f"{where}send_at")
        elif at and at > time.time() + FARTHEST_SECONDS:
            yield refuse("send_at far", f"{where}send_at")


def asm(given: dict[str, Any]) -> Iterator[Fault]:
    """The unsubscribe group, and those that its page shows."""
    if not given.get("asm"):
        return
    if type(given["asm"].get("group_id")) is not int:
        yield refuse("group", "asm.group_id")
    shown = given["asm"].get("groups_to_display") or []
    if not isinstance(shown, list) or any(type(group) is not int for group in shown):
        yield refuse("groups", "asm.groups_to_display")
    elif len(shown) > MOST_GROUPS:
        yield refuse("many groups", "asm.groups_to_display")


def ids(given: dict[str, Any]) -> Iterator[Fault]:
    """The template's and the batch's."""
    if given.get("template_id") is not None and not isinstance(given["template_id"], str):
        yield refuse("template", "template_id", name=str(given["template_id"]))
    if given.get("batch_id") is not None and not isinstance(given["batch_id"], str):
        yield refuse("batch", "batch_id")


def switches(given: dict[str, Any]) -> Iterator[Fault]:
    """What can be turned on or off is true or false."""
    for kind in ("mail_settings", "tracking_settings"):
        for name, value in (given.get(kind) or {}).items():
            if type((value or {}).get("enable", False)) is not bool:
                where = f"{kind}.{name}.enable"
                yield refuse("switch", where, what=name.replace("_", " "), anchor=where)
