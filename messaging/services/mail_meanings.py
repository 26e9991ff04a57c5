"""What each event of a mail means: for its status, its e-mail record and the recipient's consent (api.md, 7)."""

from typing import NamedTuple

from conversations.models import Message

Status = Message.Status


class Meaning(NamedTuple):
    """`status` that the message gets (empty: none); `marks` the column of Email that keeps the time.

    `consent` is `out`, `in` or empty. `stage` orders the events of one message, whatever order they came in.
    """

    status: str = ""
    marks: str = ""
    consent: str = ""
    stage: int = 0
    is_noted: bool = False


# Besides the events, the plain statuses that a caller may report.
MEANINGS = {
    "processed": Meaning(Status.SENT, marks="processed_at", stage=1),
    "sent": Meaning(Status.SENT, stage=1),
    "deferred": Meaning(Status.SENT, stage=2, is_noted=True),
    "delivered": Meaning(Status.DELIVERED, stage=3),
    "opened": Meaning(Status.READ, marks="opened_at", stage=4),
    "clicked": Meaning(Status.READ, marks="clicked_at", stage=4),
    "read": Meaning(Status.READ, stage=4),
    "bounced": Meaning(Status.UNDELIVERED, stage=5),
    "dropped": Meaning(Status.UNDELIVERED, stage=5),
    "undelivered": Meaning(Status.UNDELIVERED, stage=5),
    "failed": Meaning(Status.FAILED, stage=6),
    "complained": Meaning(marks="complained_at", consent="out", stage=7),
    "unsubscribed": Meaning(marks="unsubscribed_at", consent="out", stage=7),
    "group_unsubscribed": Meaning(marks="unsubscribed_at", consent="out", stage=7),
    "resubscribed": Meaning(consent="in", stage=7),
}
# A bounce after `delivered` is the one late change allowed; who read the mail had it delivered.
RANK: dict[str, int] = {
    Status.SCHEDULED: 0, Status.QUEUED: 0, Status.SENDING: 0, Status.UNKNOWN: 0,
    Status.SENT: 1, Status.DELIVERED: 2, Status.READ: 3, Status.UNDELIVERED: 4,
}  # fmt: skip
# Where these stand nothing moves any more.
ENDS: set[str] = {Status.FAILED, Status.BLOCKED, Status.CANCELED}
_SENTENCES = {
    "bounced": "The mailbox refused the mail",
    "dropped": "The provider did not send the mail",
    "undelivered": "The mail did not arrive",
    "failed": "The mail could not be sent",
}


def sentence(kind: str, reason: str, *, is_temporary: bool) -> str:
    """A failure as a support person understands it, with the provider's own words behind."""
    told = f"{_SENTENCES[kind]}{' for now' if is_temporary else ''}"
    return f"{told}: {reason}" if reason else f"{told}."
