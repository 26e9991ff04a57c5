"""SendGrid's suppression lists: who is not written to any more, why, and the API that shows and empties them.

Wire: GET and DELETE /v3/suppression/{bounces,blocks,spam_reports,unsubscribes,invalid_emails}[/{email}].
"""

import time
from typing import Any, NamedTuple

from sandbox.sendgrid.mail import Mail

BOUNCES, BLOCKS, SPAM, UNSUBSCRIBES, INVALID = "bounces", "blocks", "spam_reports", "unsubscribes", "invalid_emails"
# What a later mail is dropped for, in the order in which the real one looks; a block keeps nobody from trying again.
REASONS = {
    UNSUBSCRIBES: "Unsubscribed Address",
    BOUNCES: "Bounced Address",
    SPAM: "Spam Reporting Address",
    INVALID: "Invalid",
}
BYPASS = {
    BOUNCES: "bypass_bounce_management",
    SPAM: "bypass_spam_management",
    UNSUBSCRIBES: "bypass_unsubscribe_management",
}
BYPASS_ALL = "bypass_list_management"
LISTED = {"unsubscribe": UNSUBSCRIBES, "spamreport": SPAM}


class Entry(NamedTuple):
    """One address on a list."""

    created: int
    email: str
    reason: str
    status: str

    def as_dict(self) -> dict[str, Any]:
        """As the API shows it; keys without a value are left out."""
        return {name: value for name, value in self._asdict().items() if value}


class Suppressions:
    """The lists of one account, by address in lower case, and the members of its unsubscribe groups."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Let everybody be written to again."""
        self.lists: dict[str, dict[str, Entry]] = {name: {} for name in (*REASONS, BLOCKS)}
        self.groups: set[tuple[int, str]] = set()

    def forgive(self, address: str) -> None:
        """Take an address off every list."""
        for held in self.lists.values():
            held.pop(address, None)
        self.groups = {(group, email) for group, email in self.groups if email != address}

    def learn(self, event: dict[str, Any]) -> None:
        """Put an event's address on the list that it belongs on."""
        address = event["email"].lower()
        group = (int(event.get("asm_group_id", 0)), address)
        if event["event"] == "group_unsubscribe":
            self.groups.add(group)
        elif event["event"] == "group_resubscribe":
            self.groups.discard(group)
        name = LISTED.get(event["event"])
        if event["event"] == "bounce":
            name = BLOCKS if event.get("type") == "blocked" else BOUNCES
        if name:
            words = str(event.get("reason", "")), str(event.get("status", ""))
            self.lists[name][address] = Entry(int(time.time()), event["email"], *words)

    def reason(self, mail: Mail, address: str) -> str | None:
        """Why a mail to an address is dropped; None where it goes out."""
        if BYPASS_ALL in mail.bypass:
            return None
        for name, reason in REASONS.items():
            if address in self.lists[name] and BYPASS.get(name) not in mail.bypass:
                return reason
        return "Unsubscribed Address" if (mail.asm_group_id, address) in self.groups else None

    def as_dict(self) -> dict[str, Any]:
        """All lists, for the control call."""
        found: dict[str, Any] = {name: [one.as_dict() for one in held.values()] for name, held in self.lists.items()}
        found["groups"] = [{"asm_group_id": group, "email": email} for group, email in sorted(self.groups)]
        return found
