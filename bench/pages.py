"""Every list, filter and search as a caller asks for it: pages of 25, and the same questions at every size."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from bench.shots import Shot
from bench.volleys import Armoury, Person

# What is asked of a word, in milliseconds: of the words of all conversations, and of everything else.
WORDS_P99, PAGE_P99 = 150.0, 50.0
# Longer ones than a page, so that each filter has something to leave out.
_LONG = 26
_THREADS = 40

_FACTS = """
SELECT (SELECT min(id) FROM accounts_staff WHERE business_id = %(business)s) AS staff,
    (SELECT min(id) FROM accounts_location WHERE business_id = %(business)s) AS location,
    max(last_message_at) AS newest, min(last_message_at) AS oldest,
    (SELECT phone FROM accounts_client WHERE business_id = %(business)s ORDER BY id OFFSET 700 LIMIT 1) AS phone
FROM conversations_conversation WHERE business_id = %(business)s
"""


def questions(armoury: Armoury) -> Iterator[tuple[str, list[Shot], float]]:
    """Name, shots and wanted p99 in milliseconds of each."""
    business = f"/omega/businesses/{armoury.business_id}"
    facts = armoury.system.rows(_FACTS, {"business": armoury.business_id})[0]
    for name, query in _of_inbox(facts):
        shots = [armoury.get(f"{business}/conversations?{urlencode(one, doseq=True)}") for one in query]
        yield f"conversations {name}", shots, WORDS_P99 if name.startswith("q=") else PAGE_P99
    yield "conversations/filters", [armoury.get(f"{business}/conversations/filters")], PAGE_P99
    for name, query in _of_clients(facts):
        yield f"clients {name}", [armoury.get(f"{business}/clients?{urlencode(one)}") for one in query], PAGE_P99
    for name in ("staffs", "locations"):
        yield name, [armoury.get(f"{business}/{name}")], PAGE_P99
    threads = _threads(armoury)
    for name, path, query in _of_threads(facts):
        shots = [armoury.get(f"{_path(business, path, one)}?{urlencode(query)}") for one in threads]
        yield f"{path} {name}", shots, PAGE_P99


def _of_inbox(facts: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    recent, old = facts["newest"] - timedelta(hours=2), facts["oldest"] + timedelta(days=200)
    alone: dict[str, dict[str, Any]] = {
        "": {}, "status=open": {"status": "open"}, "status=open&status=pending": {"status": ["open", "pending"]},
        "assigned_to=…": {"assigned_to": facts["staff"]}, "assigned_to=none": {"assigned_to": "none"},
        "channel=email": {"channel": "email"}, "channel=voice": {"channel": "voice"}, "unread=true": {"unread": "true"},
        "unread=false": {"unread": "false"}, "location_id=…": {"location_id": facts["location"]},
        "label=vip": {"label": "vip"}, "label=complaint": {"label": "complaint"}, "label=nobody's": {"label": "none"},
        "updated_after=…": {"updated_after": recent.isoformat()},
        "updated_before=…": {"updated_before": old.isoformat()},
        "sort=last_message_at": {"sort": "last_message_at"}, "sort=-created_at": {"sort": "-created_at"},
        "sort=unread_first": {"sort": "unread_first"},
        "status=open&unread=true": {"status": "open", "unread": "true"},
        "assigned_to=…&status=closed": {"assigned_to": facts["staff"], "status": "closed"},
        "label=vip&location_id=…": {"label": "vip", "location_id": facts["location"]},
    }  # fmt: skip
    for name, query in alone.items():
        yield name, [query]
    yield "q=a name", [{"q": name} for name in ("Priya", "okafor", "Leila Tanaka", "mat")]
    yield "q=a phone", [{"q": facts["phone"][-7:]}]
    yield "q=a common word", [{"q": word} for word in ("massage", "tuesday", "thank you", "book")]
    yield "q=a rare word", [{"q": word} for word in ("insurance", "scarf", '"gift card"', "almond oil")]
    yield "q=no word of theirs", [{"q": word} for word in ("dragonfruit", "zebra crossing", "qqq")]


def _of_clients(facts: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    yield "", [{}]
    yield "q=…", [{"q": one} for one in ("Priya", "okafor", "Leila Tanaka", facts["phone"][-7:], "client77", "qqq")]
    yield "tag=member", [{"tag": "member"}]
    yield "tag=founder", [{"tag": "founder"}]
    yield "location_id=…", [{"location_id": facts["location"]}]
    yield "has_conversation=false", [{"has_conversation": "false"}]
    yield "consent=sms:opted_out", [{"consent": "sms:opted_out"}]


def _of_threads(facts: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    middle = (facts["oldest"] + (facts["newest"] - facts["oldest"]) / 2).isoformat()
    for name, query in {
        "": {}, "order=asc": {"order": "asc"}, "channel=email": {"channel": "email"}, "unread=true": {"unread": "true"},
        "direction=inbound": {"direction": "inbound"}, "status=failed": {"status": "failed"},
        "has_media=true": {"has_media": "true"}, "created_after=…": {"created_after": middle},
        "created_before=…": {"created_before": middle}, "q=…": {"q": "massage"},
    }.items():  # fmt: skip
        yield name, "messages", query
    for name, word in (("a common word", "thanks"), ("a rare word", "insurance"), ("no word", "dragonfruit")):
        yield f"q={name}", "search", {"q": word}


def _threads(armoury: Armoury) -> list[Person]:
    """Some that fill a page, and the longest of all."""
    full = sorted((one for one in armoury.people if one.messages >= _LONG), key=lambda one: one.messages)
    return [*armoury.rng.sample(full, min(_THREADS, len(full))), full[-1]]


def _path(business: str, what: str, one: Person) -> str:
    if what == "search":
        return f"/omega/conversations/{one.conversation_id}/messages/search"
    return f"{business}/clients/{one.client_id}/conversations/{one.conversation_id}/messages"
