"""What a call came to, made of what is known of it: nothing here is stored, asked or sent.

The same facts give the same story in whatever order they were learned (delivery.md, Calls).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from conversations.services import calls as words
from voice.models import Call

# How far each of Twilio's words for a leg is (providers.md, 5). A word that is not here moves nothing.
RANKS = {
    "queued": 0, "initiated": 10, "ringing": 20, "in-progress": 30, "completed": 40, "busy": 40, "failed": 40,
    "no-answer": 40, "canceled": 40,
}  # fmt: skip
ANSWERED, ENDED = 30, 40
# How a Dial that nobody answered is told.
UNANSWERED = frozenset({"busy", "no-answer", "failed", "canceled"})
BRIDGED = frozenset({"completed", "answered"})


@dataclass(frozen=True, slots=True)
class LegFacts:
    """One line of the call. `who` is the name of the staff member or the number that it rang."""

    sid: str
    is_parent: bool = False
    status: str = ""
    rank: int = -1
    staff_id: int | None = None
    who: str = ""
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    seconds: int | None = None

    @property
    def was_answered(self) -> bool:
        return self.status in {"in-progress", "completed"} or self.answered_at is not None

    @property
    def has_ended(self) -> bool:
        return self.rank >= ENDED


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of a call. `is_final`: nothing more is to come, or was waited for long enough."""

    direction: str
    created_at: datetime
    legs: Sequence[LegFacts]
    is_ours: bool = True
    step: int = Call.Step.ASSIGNEE
    refusal: str = ""
    dial_status: str = ""
    dial_seconds: int | None = None
    voicemail_seconds: int | None = None
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """What is told of the call. `is_settled`: it has come to its end; `is_missed`: a client reached nobody."""

    status: str
    line: str
    answered_by: str = ""
    staff_id: int | None = None
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    duration: int | None = None
    is_settled: bool = False
    is_missed: bool = False
    has_voicemail: bool = False


def story_of(facts: Facts) -> Story:
    """What the facts come to."""
    answering = _answering(facts)
    status = _status(facts, answering)
    was_answered = status in {"in-progress", "completed"}
    duration = _duration(facts, answering) if was_answered else None
    is_inbound = facts.direction == "inbound"
    by = answering.who if answering and is_inbound else ""
    is_missed = is_inbound and status in UNANSWERED
    voicemail = facts.voicemail_seconds if is_missed else None
    return Story(
        status=status,
        line=words.line_of(
            direction=facts.direction, status=status, answered_by=by, seconds=duration, voicemail=voicemail
        ),
        answered_by=answering.who if answering else "",
        staff_id=answering.staff_id if answering and is_inbound else None,
        started_at=_started_at(facts),
        answered_at=answering.answered_at if answering else None,
        ended_at=_ended_at(facts, answering),
        duration=duration,
        is_settled=status not in {"ringing", "in-progress"},
        is_missed=is_missed,
        has_voicemail=voicemail is not None,
    )


def is_waiting(facts: Facts) -> bool:
    """Whether the call seems over, and only the news of how it went may still be on its way."""
    rung = [leg for leg in facts.legs if not leg.is_parent]
    return any(leg.has_ended for leg in _parents(facts)) or bool(rung and all(leg.has_ended for leg in rung))


def _parents(facts: Facts) -> list[LegFacts]:
    return [leg for leg in facts.legs if leg.is_parent]


def _answering(facts: Facts) -> LegFacts | None:
    """The leg that somebody answered: of a call of ours a phone that it rang, of another's the call itself."""
    answered = [leg for leg in facts.legs if leg.was_answered and not (facts.is_ours and leg.is_parent)]
    return min(answered, key=lambda leg: (leg.is_parent, leg.answered_at is None, leg.sid), default=None)


def _status(facts: Facts, answering: LegFacts | None) -> str:
    if facts.refusal:
        return words.REJECTED if facts.direction == "inbound" else words.BLOCKED
    if answering is not None or facts.dial_status in BRIDGED:
        return "completed" if _is_over(facts, answering) else "in-progress"
    end = _end_without_answer(facts)
    return end or "ringing"


def _is_over(facts: Facts, answering: LegFacts | None) -> bool:
    ended = [leg for leg in facts.legs if leg.is_parent or leg is answering]
    return facts.is_final or facts.dial_status in BRIDGED or any(leg.has_ended for leg in ended)


def _end_without_answer(facts: Facts) -> str:
    """How a call that nobody answered ended; empty where it still may be answered, or the news are still coming."""
    if not facts.is_ours:
        return next((leg.status for leg in facts.legs if leg.status in UNANSWERED), "")
    if facts.direction == "inbound":
        is_concluded = facts.step >= Call.Step.VOICEMAIL or facts.is_final
        return "no-answer" if is_concluded else ""
    if facts.dial_status in UNANSWERED:
        return facts.dial_status
    rung = sorted(leg.status for leg in facts.legs if not leg.is_parent and leg.status in UNANSWERED)
    if rung:
        return rung[0]
    return "canceled" if facts.is_final else ""


def _duration(facts: Facts, answering: LegFacts | None) -> int | None:
    told = [seconds for seconds in (facts.dial_seconds, answering.seconds if answering else None) if seconds]
    return max(told, default=None)


def _started_at(facts: Facts) -> datetime:
    """A call of ours began when we first heard of it; of another's its own reports tell."""
    told = [] if facts.is_ours else [leg.started_at for leg in facts.legs if leg.started_at]
    return min(told, default=facts.created_at)


def _ended_at(facts: Facts, answering: LegFacts | None) -> datetime | None:
    """When the call itself ended, else the leg that was answered, else the last that rang."""
    for legs in (_parents(facts), [answering] if answering else [], facts.legs):
        if found := [leg.ended_at for leg in legs if leg.ended_at]:
            return max(found)
    return None
