"""How the page's handset sees a text: what is in a bubble, and nothing of the account's."""

from typing import Any

from sandbox.ledger import Report, Text, as_callback, callbacks_of, iso


def bubble(text: Text) -> dict[str, Any]:
    """One text in a handset's thread; pictures are served by the carrier itself, whatever their origin."""
    return {
        "id": text.sid,
        "handset": text.handset,
        "other": (text.to if text.inbound else text.from_) or text.service,
        "inbound": text.inbound,
        "body": text.body,
        "media": [f"/media/{text.sid}/{at}" for at in range(len(text.media))],
        "at": iso(text.at),
        "status": text.status,
        "error_code": text.error_code,
        "segments": text.segments,
        "callbacks": callbacks_of(text.reports),
    }


def appeared(text: Text) -> dict[str, Any]:
    """A new text, as the page hears of it."""
    return {"type": "text", "text": bubble(text)}


def status_change(text: Text) -> dict[str, Any]:
    """A status as the page hears of it."""
    return {
        "type": "status",
        "id": text.sid,
        "handset": text.handset,
        "status": text.status,
        "error_code": text.error_code,
    }


def reported(text: Text, result: Report) -> dict[str, Any]:
    """What came of a callback, as the page hears of it."""
    return {"type": "callback", "id": text.sid, "handset": text.handset, **as_callback(result)}
