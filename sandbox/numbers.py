"""The magic numbers: recipients whose last four digits decide what the carrier does, as data."""

from dataclasses import dataclass

DELIVERED, SILENT, REVERSED = "delivered", "silent", "reversed"


@dataclass(frozen=True, slots=True)
class Magic:
    """What a recipient does: a mishap of the request (`mode`, `times`) or of its reports (`outcome`)."""

    ending: str
    title: str
    says: str
    mode: str = "none"
    code: int | None = None
    times: int = 0  # 0: always
    slow_ms: int = 0
    outcome: str = DELIVERED


TABLE = (
    Magic("0001", "Unreachable", "Accepted, then undelivered with 30003, always.", mode="reject", code=30003),
    Magic("0002", "Opted out", "Refused at once with 21610, as after a STOP.", mode="reject", code=21610),
    Magic("0003", "Slow", "Accepted; the answer takes five seconds.", mode="slow", slow_ms=5000),
    Magic("0004", "Too many requests", "429 twice, then accepted.", mode="429", times=2),
    Magic("0005", "Cut line", "Accepted, then the connection is cut without an answer.", mode="accept_then_cut"),
    Magic("0006", "Landline", "Refused with 21614: not a mobile number.", mode="reject", code=21614),
    Magic(
        "0007",
        "Filtered",
        "Accepted, then undelivered with 30007: carrier filter.",
        mode="reject",
        code=30007,
    ),
    Magic("0008", "Unknown error", "Accepted, then undelivered with 30008.", mode="reject", code=30008),
    Magic("0009", "Silent", "Accepted; no status is ever reported.", outcome=SILENT),
    Magic("0010", "Out of order", "Reports delivered before sent.", outcome=REVERSED),
    Magic("0011", "Server error", "500 once, then accepted.", mode="500", times=1),
)
BY_ENDING = {magic.ending: magic for magic in TABLE}

# Twilio's own magic recipients for test credentials (docs: iam/test-credentials), refused at once.
TWILIO_TO = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
# And its magic senders.
TWILIO_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
TWILIO_NUMBERS = {*TWILIO_TO, *TWILIO_FROM, "+15005550000", "+15005550006"}


def magic_of(to: str) -> Magic | None:
    """The magic of a recipient; Twilio's own test numbers have none of ours."""
    magic = BY_ENDING.get(to[-4:])
    return None if magic is None or to in TWILIO_NUMBERS else magic
