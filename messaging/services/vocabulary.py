"""The carriers' words as data, read from the database and kept for a minute in each process."""

import time
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple

from messaging.models import CarrierCode, ConsentKeyword, RetryRule

_KEPT_SECONDS = 60.0
_cache: dict[str, tuple[float, Any]] = {}


class Meaning(NamedTuple):
    """What a provider's error code means to us and to a support person."""

    handling: str
    sentence: str
    is_account_wide: bool = False
    is_written_down: bool = True

    @property
    def is_worth_retrying(self) -> bool:
        return bool(rule_of(self.handling).waits)


class Rule(NamedTuple):
    """When a message is tried again after a fault of one class: seconds before each further try."""

    waits: tuple[int, ...] = ()
    alerts: bool = False


def _kept(name: str, load: Callable[[], Any]) -> Any:
    at, value = _cache.get(name, (0.0, None))
    if value is None or time.monotonic() - at > _KEPT_SECONDS:
        value = load()
        _cache[name] = (time.monotonic(), value)
    return value


def forget() -> None:
    """Read the vocabulary anew at the next question: after it was edited, and between tests."""
    _cache.clear()


def meaning_of(provider: str, code: str, detail: str = "") -> Meaning:
    """What the code means. One that nobody wrote down is never tried again by itself (providers.md, 1)."""
    codes = _kept(
        "codes",
        lambda: {
            (c.provider, c.code): Meaning(c.handling, c.meaning, c.is_account_wide) for c in CarrierCode.objects.all()
        },
    )
    found: Meaning | None = codes.get((provider, code))
    if found:
        return found
    sentence = f"The provider refused the message (code {code}){': ' + detail if detail else '.'}"
    return Meaning(CarrierCode.Handling.PERMANENT, sentence, is_written_down=False)


def rule_of(fault_class: str) -> Rule:
    """The rule of a class of faults; where nobody wrote one down, nothing is tried again."""
    rules = _kept("rules", lambda: {r.fault_class: Rule(tuple(r.waits), r.alerts) for r in RetryRule.objects.all()})
    found: Rule = rules.get(fault_class, Rule())
    return found


def keyword_in(body: str) -> str:
    """`stop`, `start` or `help` where the whole message is such a word, any case, punctuation aside; else empty.

    A stop with an emoji beside it is a stop; to start again takes the bare word.
    """
    if len(body) > 64:
        return ""
    words = _kept("keywords", lambda: dict(ConsentKeyword.objects.values_list("word", "kind")))
    kind = str(words.get(_bare(body, "PZC").upper(), ""))
    if kind:
        return kind
    return "stop" if words.get(_bare(body, "PZCSM").upper()) == ConsentKeyword.Kind.STOP else ""


def _bare(text: str, categories: str) -> str:
    """`text` without what stands around it of these Unicode categories (P punctuation, Z spaces, S symbols …)."""
    kept = [place for place, char in enumerate(text) if unicodedata.category(char)[0] not in categories]
    return text[kept[0] : kept[-1] + 1] if kept else ""
