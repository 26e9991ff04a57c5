"""How many SMS segments a text takes: GSM-7 160/153 septets, UCS-2 70/67 units (twilio.com/docs/glossary)."""

import re
from collections.abc import Iterable

GSM_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = "\f^{}\\[~]|€"
OUTSIDE_GSM = re.compile(f"[^{re.escape(GSM_BASIC + GSM_EXTENDED)}]")
EXTENDED = frozenset(GSM_EXTENDED)


def segments_of(body: str) -> int:
    """The number of segments; an empty body (a picture alone) is one."""
    if OUTSIDE_GSM.search(body):
        return _parts((2 if character > "\uffff" else 1 for character in body), 70, 67)
    if len(body) <= 80:  # even all escaped it fits into one
        return 1
    return _parts((2 if character in EXTENDED else 1 for character in body), 160, 153)


def _parts(widths: Iterable[int], single: int, each: int) -> int:
    """Parts needed when a character of two units may not straddle two parts."""
    total, parts, filled = 0, 1, 0
    for width in widths:
        total += width
        if filled + width > each:
            parts, filled = parts + 1, 0
        filled += width
    return 1 if total <= single else parts
