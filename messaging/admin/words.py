"""The trace of a message in sentences that a support person understands."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from omega_project.lib import wording

_SENDER = {
    "asked_for": "it was asked for",
    "location": "it is the location's number",
    "conversation": "it is the number that this client knows",
    "home_location": "it is the number of the client's home location",
    "default": "it is the default sender",
    "only": "it is the business's sender",
}
_CONSENT = {
    "opted_in": "The client opted in.",
    "opted_out": "The client opted out.",
    "unknown": "The client has neither opted in nor out.",
}
_TIMING = {
    "opted_out": "Blocked: the client has opted out.",
    "client_blocked": "Blocked: the client is blocked.",
    "business_suspended": "Blocked: the business is suspended.",
    "scheduled_at": "Held until the time that was asked for.",
    "quiet_hours": "Held until the client's quiet hours end.",
}
_OUTCOME = {
    "started": "was begun, and no answer is noted yet",
    "accepted": "was accepted by the provider",
    "retry": "failed in a way that may pass, so it was to be tried again",
    "failed": "failed for good",
    "unknown": "ended without an answer, so nobody knew whether it was taken",
    "released": "was given back before the provider was called",
}
_SKIPPED = {
    "blocked": "blocked: consent or policy forbids it, whoever asks",
    "recorded_only": "only recorded here: omega did not send it, so it cannot send it again",
    "outcome_unknown": "of unknown outcome: it may have gone already; only “even permanent faults” sends it again",
    "permanent": "failed for good: trying again cannot help unless its cause is mended",
    "already_retried": "queued again by somebody else at the same moment",
}


wording.say(*_SENDER.values(), *_CONSENT.values(), *_TIMING.values(), *_OUTCOME.values(), *_SKIPPED.values())


def _in(table: dict[str, str], word: str) -> str:
    """A word of a table in the language of the page; one that is in none as it is."""
    return _(table[word]) if word in table else word


def queued_again(count: int) -> str:
    """“1 message is queued again.”"""
    return ngettext("{count} message is queued again.", "{count} messages are queued again.", count).format(count=count)


def most_at_once(count: int) -> str:
    """That there may be more than were looked at."""
    return _("No more than {count} are looked at at once. Do it again for the rest.").format(count=f"{count:,}")


def not_failed(count: int) -> str:
    """How many there were that nothing is to be retried of."""
    said = ngettext(
        "{count} message has not failed, so there is nothing to retry.",
        "{count} messages have not failed, so there is nothing to retry.",
        count,
    )
    return said.format(count=count)


def why_not_retried(reason: str, count: int) -> str:
    """Why messages were skipped, as one sentence."""
    said = ngettext("{count} message was skipped, {reason}.", "{count} messages were skipped, {reason}.", count)
    return said.format(count=count, reason=_in(_SKIPPED, reason))


def _consent(step: dict[str, Any]) -> str:
    state = step["detail"]["state"]
    return _in(_CONSENT, state) if state in _CONSENT else _("Consent: {state}.").format(state=state)


def _sender(step: dict[str, Any]) -> str:
    detail = step["detail"]
    return _("Sent from {address}, since {why}.").format(address=detail["address"], why=_in(_SENDER, detail["why"]))


def _segments(step: dict[str, Any]) -> str:
    count, encoding = step["detail"]["segments"], step["detail"]["encoding"].upper()
    said = ngettext("{count} segment in {encoding}.", "{count} segments in {encoding}.", count)
    return said.format(count=count, encoding=encoding)


def _timing(step: dict[str, Any]) -> str:
    reason = step["detail"]["reason"]
    return _in(_TIMING, reason) if reason else _("Free to go at once.")


def _attempt(step: dict[str, Any]) -> str:
    detail = step["detail"]
    facts = [
        f"HTTP {detail['http_status']}" if detail["http_status"] else "",
        detail["code"] and _("code {code}").format(code=detail["code"]),
    ]
    known = ", ".join(fact for fact in facts if fact)
    sentence = _("Attempt {number}").format(number=detail["number"]) + " " + _in(_OUTCOME, step["result"])
    return sentence + (f" ({known})." if known else ".") + (f" {detail['answer']}" if detail["answer"] else "")


_THREAD = {
    "token": "the reply address that it was written to",
    "reference": "the mail that it answers",
    "sender": "the sender's address",
    "nobody": "nothing: it is the first from this address",
}


def _thread(step: dict[str, Any]) -> str:
    said = _("Written to {address}; its conversation was found by {found}.")
    return said.format(address=step["detail"]["address"], found=_in(_THREAD, step["result"]))


_HOLDS = {
    "business_suspended": "Waits: the business is suspended.",
    "provider_account_unavailable": "Waits: the account at the provider takes no messages at the moment.",
}


wording.say(*_THREAD.values(), *_HOLDS.values())


def _hold(step: dict[str, Any]) -> str:
    detail = step["detail"]
    sentence = _in(_HOLDS, detail["reason"])
    if not detail.get("code"):
        return sentence
    return f"{sentence} ({detail['provider']}, " + _("code {code}").format(code=detail["code"]) + ")"


_SAID: dict[str, Callable[[dict[str, Any]], str]] = {
    "consent": _consent,
    "sender": _sender,
    "segments": _segments,
    "timing": _timing,
    "attempt": _attempt,
    "thread": _thread,
    "hold": _hold,
}


def step_sentence(step: dict[str, Any]) -> str:
    """One step of a trace in words; a step that nobody wrote words for is named as it is."""
    say = _SAID.get(step["step"])
    return say(step) if say else f"{step['step']}: {step['result']}"
