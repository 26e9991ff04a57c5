"""STOP, START and HELP as Twilio handles them on long codes: it answers, blocks, and calls the hook."""

from sandbox.carrier import Carrier
from sandbox.ledger import Text

STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START = frozenset({"START", "YES", "UNSTOP"})
HELP = frozenset({"HELP", "INFO"})
REPLIES = {
    "STOP": "You have successfully been unsubscribed. "
    "You will not receive any more messages from this number. "
    "Reply START to resubscribe.",
    "START": "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
    "HELP": "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}


def keyword_of(body: str) -> str:
    """STOP, START, HELP or nothing: the whole message, in any case ("STOP PLEASE" is nothing)."""
    word = body.strip().upper()
    for kind, words in (("STOP", STOP), ("START", START), ("HELP", HELP)):
        if word in words:
            return kind
    return ""


def obey(carrier: Carrier, text: Text) -> str:
    """Block or unblock the pair for an inbound text; returns what Twilio itself answers, or nothing.

    A START changes and answers something only where the pair was blocked. A number in a messaging service is
    blocked for the whole service.
    """
    kind = keyword_of(text.body)
    if not kind:
        return ""
    recipient = text.from_ or ""
    pairs = {(sender, recipient) for sender in (text.to, text.service) if sender}
    if kind == "STOP":
        carrier.opted_out |= pairs
    elif kind == "START":
        if not pairs & carrier.opted_out:
            return ""
        carrier.opted_out -= pairs
    return REPLIES[kind]
