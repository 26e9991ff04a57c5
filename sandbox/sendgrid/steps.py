"""What may become of a mail, as data: each event's own keys, and the magic addresses that choose among them."""

from dataclasses import dataclass, field
from typing import Any

BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15"
PROXY = "Mozilla/5.0 (via ggpht.com GoogleImageProxy)"
CLIENT_IP, PREFETCH_IP, OUR_IP = "203.0.113.9", "17.58.1.1", "149.72.1.1"
GROUP = 10  # the unsubscribe group of a mail that names none


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a mail and what it says besides the usual; a key whose value is None is left out."""

    event: str
    extra: dict[str, Any] = field(default_factory=dict)


PROCESSED = Step("processed", {"send_at": 0})
DELIVERED = Step("delivered", {"response": "250 2.0.0 OK", "ip": OUR_IP, "tls": 1})
DEFERRED = Step(
    "deferred",
    {"response": "451 4.7.1 Greylisted, try again later", "attempt": "1", "ip": OUR_IP, "tls": 1},
)
BOUNCE = Step(
    "bounce",
    {
        "type": "bounce",
        "status": "5.1.1",
        "reason": "550 5.1.1 The email account that you tried to reach does not exist",
        "bounce_classification": "Invalid Address",
        "ip": OUR_IP,
        "tls": 1,
    },
)
BLOCKED = Step(
    "bounce",
    {
        "type": "blocked",
        "status": "5.7.1",
        "reason": "554 5.7.1 Blocked by policy",
        "bounce_classification": "Reputation",
    },
)
# A mailbox that took the mail and gave it back later: the real one then knows no sg_message_id any more.
LATE_BOUNCE = Step(
    "bounce",
    {"type": "bounce", "status": "5.2.1", "reason": "550 5.2.1 mailbox disabled", "sg_message_id": None},
)
EXPIRED = Step(
    "bounce",
    {
        "type": "blocked",
        "status": "4.2.2",
        "reason": "452 4.2.2 The mailbox is full; unable to get mail delivered in 72 hours",
        "bounce_classification": "Mailbox Unavailable",
    },
)
DROPPED = Step("dropped", {"reason": "Bounced Address", "status": "5.0.0"})
INVALID = Step("dropped", {"reason": "Invalid", "status": "5.0.0"})
OPEN = Step("open", {"useragent": PROXY, "ip": CLIENT_IP, "sg_machine_open": False, "sg_content_type": "html"})
MACHINE_OPEN = Step(
    "open",
    {"useragent": "Mozilla/5.0", "ip": PREFETCH_IP, "sg_machine_open": True, "sg_content_type": "html"},
)
CLICK = Step("click", {"useragent": BROWSER, "ip": CLIENT_IP, "url": "", "url_offset": {"index": 0, "type": "html"}})
SPAM = Step("spamreport")
UNSUBSCRIBE = Step("unsubscribe")
GROUP_UNSUBSCRIBE = Step(
    "group_unsubscribe",
    {"asm_group_id": GROUP, "useragent": BROWSER, "ip": CLIENT_IP, "url": "https://u1.ct.sendgrid.net/asm/"},
)
GROUP_RESUBSCRIBE = Step("group_resubscribe", {"asm_group_id": GROUP, "useragent": BROWSER, "ip": CLIENT_IP})

# The names by which a person or a test asks for one event (control/mailbox.py).
ASKED: dict[str, Step] = {
    "processed": PROCESSED,
    "delivered": DELIVERED,
    "deferred": DEFERRED,
    "bounce": BOUNCE,
    "blocked": BLOCKED,
    "late_bounce": LATE_BOUNCE,
    "dropped": DROPPED,
    "open": OPEN,
    "machine_open": MACHINE_OPEN,
    "click": CLICK,
    "spamreport": SPAM,
    "unsubscribe": UNSUBSCRIBE,
    "group_unsubscribe": GROUP_UNSUBSCRIBE,
    "group_resubscribe": GROUP_RESUBSCRIBE,
}

USUAL = (PROCESSED, DELIVERED)
DOMAIN = "sandbox.test"  # where the lists show the magic addresses; the name before the @ is what counts


@dataclass(frozen=True, slots=True)
class MagicAddress:
    """What a recipient's name does: to the request (`mode`, `times`, `slow_ms`) or to the mail (`steps`)."""

    name: str
    title: str
    says: str
    steps: tuple[Step, ...] = USUAL
    mode: str = "none"
    times: int = 0  # 0: always
    slow_ms: int = 0
    also: tuple[str, ...] = ()  # other names for the same

    @property
    def address(self) -> str:
        """As a list shows it."""
        return f"{self.name}@{DOMAIN}"


MAGIC = (
    MagicAddress("bounce", "Bounces", "No such mailbox: bounce of type bounce, 5.1.1.", (PROCESSED, BOUNCE)),
    MagicAddress("blocked", "Blocked", "Refused for now: bounce of type blocked.", (PROCESSED, BLOCKED)),
    MagicAddress(
        "drop", "Dropped", "SendGrid drops it: Bounced Address. Never processed.", (DROPPED,), also=("dropped",)
    ),
    MagicAddress("invalid", "Invalid", "SendGrid drops it: Invalid.", (INVALID,)),
    MagicAddress(
        "defer", "Deferred", "Deferred once, then delivered.", (PROCESSED, DEFERRED, DELIVERED), also=("deferred",)
    ),
    MagicAddress("full", "Mailbox full", "Deferred twice, then given up.", (PROCESSED, DEFERRED, DEFERRED, EXPIRED)),
    MagicAddress(
        "latebounce",
        "Late bounce",
        "Delivered, then a bounce without sg_message_id.",
        (PROCESSED, DELIVERED, LATE_BOUNCE),
    ),
    MagicAddress("spam", "Complains", "Delivered, then reported as spam.", (PROCESSED, DELIVERED, SPAM)),
    MagicAddress(
        "unsubscribe", "Unsubscribes", "Delivered, then unsubscribed at SendGrid.", (PROCESSED, DELIVERED, UNSUBSCRIBE)
    ),
    MagicAddress(
        "group", "Leaves the group", "Delivered, then group_unsubscribe.", (PROCESSED, DELIVERED, GROUP_UNSUBSCRIBE)
    ),
    MagicAddress("opens", "Opens", "Delivered, then opened by a person.", (PROCESSED, DELIVERED, OPEN), also=("open",)),
    MagicAddress(
        "machine", "Machine opens", "Opened by a machine before delivery.", (PROCESSED, MACHINE_OPEN, DELIVERED)
    ),
    MagicAddress("silent", "Silent", "Accepted; no event is ever posted.", ()),
    MagicAddress("slow", "Slow", "Accepted; the answer takes five seconds.", mode="slow", slow_ms=5000),
    MagicAddress("busy", "Too many requests", "429 twice, then accepted.", mode="429", times=2),
    MagicAddress("error", "Server error", "500 once, then accepted.", mode="500", times=1),
    MagicAddress("cut", "Cut line", "Accepted, then the connection is cut.", mode="accept_then_cut"),
)
BY_NAME = {name: magic for magic in MAGIC for name in (magic.name, *magic.also)}
UNVERIFIED = "unverified"  # a sender of this name is no verified Sender Identity: 403


def magic_of(address: str) -> MagicAddress | None:
    """The magic of a recipient: its name before the @, up to a +, in any case, at any domain."""
    return BY_NAME.get(name_of(address))


def name_of(address: str) -> str:
    """The part of an address that magic looks at."""
    return address.partition("@")[0].partition("+")[0].lower()
