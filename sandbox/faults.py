"""What goes wrong on demand: the state behind PUT /faults, its validation, and the draw for each request."""

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

MODES = {
    "none": "The carrier is well.",
    "429": "Too many requests: refused, never accepted.",
    "500": "Server error: not accepted.",
    "502": "A proxy's HTML page instead of JSON: not accepted.",
    "503": "Service unavailable: not accepted.",
    "401": "Authentication refused.",
    "404": "The resource is not there.",
    "garbage": "A good status with a body that is not JSON; accepted only with `accepted`.",
    "empty": "A good status with an empty body; accepted only with `accepted`.",
    "timeout": "Takes the request, never accepts it, never answers.",
    "slow": "Accepts at once, answers after `slow_ms`.",
    "drip": "Accepts, then answers one byte every `slow_ms` / 60.",
    "cut": "Cuts the connection without accepting.",
    "accept_then_cut": "Accepts, then cuts the connection without an answer.",
    "reject": "Refuses with `code` (a 30xxx code: accepted, then reported as failed).",
}


class ControlError(ValueError):
    """A control call that makes no sense; its text is the sentence for the caller."""


def _no_check(_value: Any) -> bool:
    return True


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _share(value: Any) -> bool:
    return type(value) in {int, float, bool} and 0 <= value <= 1


def _flag(value: Any) -> bool:
    return type(value) is bool


def _numbers(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(item, str) for item in value))


def _optional(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


def _rule(check: Callable[[Any], bool], says: str) -> dict[str, Any]:
    return {"check": check, "says": says}


@dataclass(slots=True)
class Section:
    """One part of the faults; a subclass's fields carry their own checks."""

    @classmethod
    def read(cls, name: str, given: Any) -> Self:
        """Make a section of what a PUT gave; raises ControlError with a sentence."""
        if not isinstance(given, dict):
            raise ControlError(f"{name} must be an object.")
        rules = {rule.name: rule.metadata for rule in fields(cls)}
        for key, value in given.items():
            if key not in rules:
                raise ControlError(f"{name} has no setting {key!r}; it knows {', '.join(sorted(rules))}.")
            if not rules[key].get("check", _no_check)(value):
                raise ControlError(f"{name}.{key} must be {rules[key]['says']}.")
        return cls(**given)


@dataclass(slots=True)
class CarrierFault(Section):
    """How one carrier misbehaves. Times in milliseconds, except `retry_after` (seconds)."""

    mode: str = field(default="none", metadata=_rule(lambda value: value in MODES, f"one of {', '.join(MODES)}"))
    rate: float = field(default=1.0, metadata=_rule(_share, "a share from 0 to 1"))
    code: int | None = field(default=None, metadata=_rule(_optional(_whole(400, 99999)), "a carrier's error code"))
    latency_ms: int = field(default=0, metadata=_rule(_whole(0, 60_000), "0 to 60000"))
    slow_ms: int = field(default=30_000, metadata=_rule(_whole(0, 60_000), "0 to 60000"))
    retry_after: int | None = field(default=None, metadata=_rule(_optional(_whole(0, 86_400)), "a number of seconds"))
    to: list[str] | None = field(default=None, metadata=_rule(_numbers, "a list of recipients"))
    count: int | None = field(
        default=None, metadata=_rule(_optional(_whole(0, 1_000_000)), "the most requests that it may hit")
    )
    accepted: bool = field(default=False, metadata=_rule(_flag, "true or false"))
    reads: bool = field(default=False, metadata=_rule(_flag, "true or false"))

    def draw(self, to: str | None) -> str:
        """The mode for one request (`to` is None for a read); "none" where it is spared."""
        if self.mode == "none" or (to is None and not self.reads) or not self._aims_at(to):
            return "none"
        if self.rate < 1 and random.random() >= self.rate:  # noqa: S311 - chance, not a secret
            return "none"
        if self.count is not None:
            if self.count <= 0:
                return "none"
            self.count -= 1
        return self.mode

    def draw_any(self, recipients: list[str]) -> str:
        """The mode for one request to several recipients: a fault that aims at one of them hits it."""
        aimed = [to for to in recipients if self._aims_at(to)]
        return self.draw(aimed[0] if aimed else recipients[0])

    def _aims_at(self, to: str | None) -> bool:
        return self.to is None or to is None or to in self.to


@dataclass(slots=True)
class CallbackFault(Section):
    """How status reports go astray. Shares from 0 to 1 (true is 1); delay in milliseconds."""

    duplicate: float = field(default=0, metadata=_rule(_share, "true, false or a share from 0 to 1"))
    shuffle: bool = field(default=False, metadata=_rule(_flag, "true or false"))
    delay_ms: int = field(default=0, metadata=_rule(_whole(0, 600_000), "0 to 600000"))
    before_response: bool = field(default=False, metadata=_rule(_flag, "true or false"))
    drop: float = field(default=0, metadata=_rule(_share, "true, false or a share from 0 to 1"))
    sent_ms: int = field(default=30, metadata=_rule(_whole(0, 600_000), "0 to 600000"))
    delivered_ms: int = field(default=300, metadata=_rule(_whole(0, 600_000), "0 to 600000"))

    def drops(self) -> bool:
        """Whether the next report is lost."""
        return self.drop > 0 and random.random() < self.drop  # noqa: S311 - chance, not a secret

    def copies(self) -> int:
        """How often the next report is sent."""
        return 2 if self.duplicate and random.random() < self.duplicate else 1  # noqa: S311


class Faults:
    """All faults in force. PUT replaces the sections that it names and leaves the others."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Make both carriers well again."""
        self.twilio, self.sendgrid, self.callbacks = CarrierFault(), CarrierFault(), CallbackFault()
        self.advanced_opt_out = False  # forward OptOutType as Advanced Opt-Out does
        self.magic = True  # magic numbers (sandbox.numbers) and addresses (sandbox.sendgrid.steps) misbehave
        self.own_message_id = False  # SendGrid writes a Message-ID of its own over the sender's

    def update(self, given: Any) -> None:
        """Take a PUT's body; raises ControlError, and then nothing has changed."""
        if not isinstance(given, dict):
            raise ControlError("The body must be a JSON object.")
        kinds: dict[str, type[Section]] = {
            "twilio": CarrierFault,
            "sendgrid": CarrierFault,
            "callbacks": CallbackFault,
        }
        made: dict[str, Any] = {}
        for name, value in given.items():
            if name in kinds:
                made[name] = kinds[name].read(name, value)
            elif name in {"advanced_opt_out", "magic", "own_message_id"} and _flag(value):
                made[name] = value
            else:
                raise ControlError(
                    f"There is no fault {name!r}, or not with this value; "
                    "known: twilio, sendgrid, callbacks; advanced_opt_out, magic, own_message_id (true or false)."
                )
        for name, value in made.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        """The faults in force, as GET /faults shows them."""
        return {
            "twilio": asdict(self.twilio),
            "sendgrid": asdict(self.sendgrid),
            "callbacks": asdict(self.callbacks),
            "advanced_opt_out": self.advanced_opt_out,
            "magic": self.magic,
            "own_message_id": self.own_message_id,
        }
