"""How a text is billed and cut: GSM-7 with its extension table, or UCS-2 (3GPP TS 23.038; providers.md, 7)."""

from collections.abc import Callable
from dataclasses import dataclass

_BASIC = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = set("^{}\\[]~|€\f")
_GSM_SINGLE, _GSM_PART = 160, 153
_UCS_SINGLE, _UCS_PART = 70, 67


@dataclass(frozen=True, slots=True)
class Segments:
    """`count` parts in `encoding` (gsm7 or ucs2); `forced_by`: the characters that force ucs2, in order, each once."""

    count: int
    encoding: str
    forced_by: list[str]


def count_segments(text: str) -> Segments:
    """The parts that `text` is sent in. An empty text (media alone) is one part."""
    if len(text) <= _GSM_SINGLE // 2 and text.isascii() and "`" not in text and text.isprintable():
        return Segments(1, "gsm7", [])  # the common case, at once: even all extension characters fit one part
    foreign = dict.fromkeys(char for char in text if char not in _BASIC and char not in _EXTENSION)
    if foreign:
        return Segments(_parts(text, _ucs_units, _UCS_SINGLE, _UCS_PART), "ucs2", list(foreign))
    return Segments(_parts(text, _gsm_units, _GSM_SINGLE, _GSM_PART), "gsm7", [])


def _gsm_units(char: str) -> int:
    return 2 if char in _EXTENSION else 1


def _ucs_units(char: str) -> int:
    return 2 if ord(char) > 0xFFFF else 1


def _parts(text: str, units: Callable[[str], int], single: int, part: int) -> int:
    """A character of two units never straddles two parts: what does not fit opens the next one."""
    sizes = [units(char) for char in text]
    if sum(sizes) <= single:
        return 1
    count, used = 1, 0
    for size in sizes:
        if used + size > part:
            count, used = count + 1, 0
        used += size
    return count
