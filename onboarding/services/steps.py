"""The steps by name, and what one of them is given and gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# The order in which they go.
NAMES = (
    "validate", "create_business", "locations", "staff", "provider_account", "senders", "email_sender", "defaults",
    "test_message", "api_key",
)  # fmt: skip
# Those that are done in the transaction of the request itself, with their detail.
AT_THE_DOOR = {
    "validate": "The request holds together.",
    "create_business": "The business is made, and its addresses are kept for it.",
}


@dataclass(frozen=True, slots=True)
class Done:
    """It is done; `detail` says what was."""

    detail: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """There was nothing to do, and why."""

    detail: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """It waits for something outside and the rest goes on; looked at again after `seconds`."""

    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class NotYet:
    """What it has begun goes on elsewhere; looked at again after `seconds`."""

    detail: str
    seconds: float


Result = Done | Skipped | Waiting | NotYet


class Stuck(Exception):
    """Only a person can help: the sentence says how."""


class Overtaken(Exception):
    """The lease ran out and somebody else has the step: nothing more may be done."""


@dataclass(slots=True)
class Run:
    """One taking of a step.

    `hold()` renews the lease and raises Overtaken where it is lost: to be called right before each call of a provider,
    so that no two workers ever make a thing at once. `keep()` writes `facts` down.
    """

    onboarding_id: int
    business_id: int
    reference: str
    wanted: dict[str, Any]
    hold: Callable[[], None]
    keep: Callable[[dict[str, Any]], None]
    facts: dict[str, Any] = field(default_factory=dict)
    attempts: int = 1

    def remember(self, **facts: Any) -> None:
        """Keep these facts for the next taking, from now on."""
        self.facts |= facts
        self.keep(self.facts)


Step = Callable[[Run], Result]


def counted(count: int, one: str, many: str | None = None) -> str:
    """`3 locations`, `1 location`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
