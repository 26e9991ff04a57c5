"""The trace of a message in sentences that a support person understands."""

from collections.abc import Callable
from typing import Any

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


def told(count: int, one: str, many: str) -> str:
    """“1 message is”, “3 messages are”."""
    return f"{count} {one if count == 1 else many}"


def why_not_retried(reason: str, count: int) -> str:
    """Why messages were skipped, as one sentence."""
    return f"{told(count, 'message was', 'messages were')} skipped, {_SKIPPED.get(reason, reason)}."


def _consent(step: dict[str, Any]) -> str:
    return _CONSENT.get(step["detail"]["state"], f"Consent: {step['detail']['state']}.")


def _sender(step: dict[str, Any]) -> str:
    detail = step["detail"]
    return f"Sent from {detail['address']}, since {_SENDER.get(detail['why'], detail['why'])}."


def _segments(step: dict[str, Any]) -> str:
    detail = step["detail"]
    return f"{told(detail['segments'], 'segment', 'segments')} in {detail['encoding'].upper()}."


def _timing(step: dict[str, Any]) -> str:
    reason = step["detail"]["reason"]
    return _TIMING.get(reason, reason or "Free to go at once.") if reason else "Free to go at once."


def _attempt(step: dict[str, Any]) -> str:
    detail = step["detail"]
    facts = [
        f"HTTP {detail['http_status']}" if detail["http_status"] else "",
        detail["code"] and f"code {detail['code']}",
    ]
    known = ", ".join(fact for fact in facts if fact)
    sentence = f"Attempt {detail['number']} {_OUTCOME.get(step['result'], step['result'])}"
    return sentence + (f" ({known})." if known else ".") + (f" {detail['answer']}" if detail["answer"] else "")


_THREAD = {
    "token": "the reply address that it was written to",
    "reference": "the mail that it answers",
    "sender": "the sender's address",
    "nobody": "nothing: it is the first from this address",
}


def _thread(step: dict[str, Any]) -> str:
    found = _THREAD.get(step["result"], step["result"])
    return f"Written to {step['detail']['address']}; its conversation was found by {found}."


_HOLDS = {
    "business_suspended": "Waits: the business is suspended.",
    "provider_account_unavailable": "Waits: the account at the provider takes no messages at the moment.",
}


def _hold(step: dict[str, Any]) -> str:
    detail = step["detail"]
    sentence = _HOLDS.get(detail["reason"], detail["reason"])
    return f"{sentence} ({detail['provider']}, code {detail['code']})" if detail.get("code") else sentence


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
