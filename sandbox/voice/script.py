"""How a phone behaves without a person: whether it answers, after how long, how long it talks."""

from dataclasses import dataclass, field
from typing import Any, Self

from sandbox.faults import ControlError, Section

ANSWERS = ("yes", "busy", "no-answer", "failed", "reject")
LONGEST_MS = 600_000
MOST_PHONES = 200


def _rule(check: Any, says: str) -> dict[str, Any]:
    return {"check": check, "says": says}


def _up_to(most: int) -> dict[str, Any]:
    return _rule(lambda value: type(value) is int and 0 <= value <= most, f"a whole number from 0 to {most}")


def _none_or_up_to(most: int) -> dict[str, Any]:
    fits = _up_to(most)
    return _rule(lambda value: value is None or fits["check"](value), f"null or {fits['says']}")


@dataclass
class Script(Section):
    """One phone. `*_ms` are waited for, `*_seconds` are only told: a talk of two minutes need not take them.

    `phones` says how single phones behave that the call rings: "client:user_42" or "+15558675310" to a script.
    """

    answer: str | None = field(  # None: not said, and then the phone's standing script or a person decides
        default=None, metadata=_rule(lambda value: value is None or value in ANSWERS, f"one of {', '.join(ANSWERS)}")
    )
    after_ms: int = field(default=30, metadata=_up_to(LONGEST_MS))
    talk_ms: int = field(default=50, metadata=_up_to(LONGEST_MS))
    talk_seconds: int | None = field(default=None, metadata=_none_or_up_to(14_400))
    voicemail_seconds: int = field(default=3, metadata=_up_to(3_600))
    voicemail_ends: str = field(
        default="hangup", metadata=_rule(lambda value: value in {"hangup", "#"}, 'one of "hangup", "#"')
    )
    hang_up_after_ms: int | None = field(default=None, metadata=_none_or_up_to(LONGEST_MS))
    digits: str = field(
        default="", metadata=_rule(lambda value: isinstance(value, str) and set(value) <= set("0123456789*#"), "keys")
    )
    phones: dict[str, Any] = field(
        default_factory=dict,
        metadata=_rule(lambda value: isinstance(value, dict) and len(value) <= MOST_PHONES, "an object of scripts"),
    )

    @classmethod
    def read(cls, name: str, given: Any) -> Self:
        """Make a script of what a control call gave; raises ControlError with a sentence."""
        script = super().read(name, given)
        script.phones = {phone: cls.read(f"{name}.phones[{phone}]", one) for phone, one in script.phones.items()}
        if any(one.phones for one in script.phones.values()):
            raise ControlError(f"{name}.phones may not have phones of their own.")
        return script
