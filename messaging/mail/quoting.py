"""The words that somebody wrote, apart from what they quote and sign with. The whole text is always kept beside them.

mail-parser-reply knows how mail programs announce a quote in a dozen languages; around it stand rules of our own for
what it misses (Russian, Arabic, Portuguese, attributions over several lines) and for what it would take from a client:
an answer between the quoted lines or under them, a forwarded mail, a line of theirs that begins with "To:".
"""

import re
from dataclasses import dataclass

from mailparser_reply import EmailReplyParser

from messaging.mail import wording

# Quotes begin early; the library's expressions are not made for long texts.
_MOST_PARSED = 12_000
_MOST_PARSED_LINE = 500
_MOST_LINES = 5_000
_MOST_ATTRIBUTION = 4
# Not Polish: it takes a single line that begins with "do:" for a header.
_LANGUAGES = ["en", "de", "fr", "es", "it", "nl", "sv", "da", "cs", "ja", "ko", "zh"]


@dataclass(frozen=True, slots=True)
class _Lines:
    """A text in lines; `forward` is where a forwarded mail begins, which nobody quotes."""

    lines: list[str]
    forward: int

    @property
    def own(self) -> list[str]:
        return self.lines[: self.forward]


def reply_of(text: str, subject: str = "") -> str:
    """What the sender wrote; the whole of it where nothing is quoted, or where an answer stands among the quotes."""
    lines = text.split("\n")
    found = _Lines(lines, _forwarded_at(lines[:_MOST_LINES], subject))
    for rule in (_by_marker, _by_quote_signs, _by_separator, _by_headers, _by_attribution, _by_library):
        kept = rule(found)
        if kept is found.lines:  # an answer stands among the quotes
            break
        if kept is not None and "".join(kept).strip():
            found = _Lines(kept, min(found.forward, len(kept)))
    return _unsigned(found.lines)


def _forwarded_at(lines: list[str], subject: str) -> int:
    if wording.FORWARD_SUBJECT.match(subject):
        return 0
    return next((at for at, line in enumerate(lines) if wording.FORWARD_LINE.match(line[:200].strip())), len(lines))


def _by_marker(found: _Lines) -> list[str] | None:
    """Above a line that asks to be written above."""
    at = next((at for at, line in enumerate(found.own) if wording.MARKER.search(line[:200])), None)
    return None if at is None else _before_attribution(found.lines, at)


def _by_quote_signs(found: _Lines) -> list[str] | None:
    """Around lines that begin with `>`. Where the answers stand between them, everything is the reply."""
    quoted = [at for at, line in enumerate(found.own[:_MOST_LINES]) if line.lstrip().startswith(">")]
    if not quoted:
        return None
    first, last = quoted[0], quoted[-1]
    above = _before_attribution(found.lines, first)
    below = _above_delimiter(found.lines[last + 1 :])
    if any(line.strip() and not line.lstrip().startswith(">") for line in found.lines[first:last]):
        return found.lines
    has_above, has_below = bool("".join(above).strip()), bool("".join(below).strip())
    if has_above and has_below:
        return found.lines if not _is_footer(below) else above
    return above if has_above else below if has_below else None


def _is_footer(lines: list[str]) -> bool:
    """What stands under a quote is a mail program's or a list's line, no answer."""
    text = [line.strip() for line in lines if line.strip()]
    return bool(wording.LIST_FOOTER.match(text[0]) or all(wording.SENT_FROM.match(line[:200]) for line in text))


def _before_attribution(lines: list[str], at: int) -> list[str]:
    """The lines before `at`, without the one to four that say who is quoted there."""
    end = at
    while end and not lines[end - 1].strip():
        end -= 1
    taken = 0
    for count in range(1, min(_MOST_ATTRIBUTION, end) + 1):
        text = " ".join(line.strip() for line in lines[end - count : end])
        if not text.endswith((":", "：")) or len(text) > 400 or not lines[end - count].strip():
            break
        if wording.is_attribution(text):
            taken = taken or count
            if wording.TIME.search(text):  # without a time there is more of it in the line before
                taken = count
                break
    return lines[: end - taken]


def _by_separator(found: _Lines) -> list[str] | None:
    """Above `----- Original message -----`."""
    for at, line in enumerate(found.own[:_MOST_LINES]):
        if wording.ORIGINAL_LINE.match(line[:200].strip()):
            return found.lines[:at]
    return None


def _by_headers(found: _Lines) -> list[str] | None:
    """Above Outlook's block: from, sent, to, subject, in a dozen languages."""
    own = found.own[:_MOST_LINES]
    for at, line in enumerate(own):
        if not wording.FROM_LABEL.match(line[:300]):
            continue
        block = [one for one in own[at : at + 9] if one.strip()][:6]
        labels = sum(bool(wording.OTHER_LABEL.match(one[:300])) for one in block[1:])
        ruled = any(wording.RULE.match(one.strip()[:200]) for one in own[max(0, at - 3) : at])
        if labels >= 2 and (ruled or any("@" in one for one in block)):
            return _without_rule(found.lines[:at])
    return None


def _without_rule(lines: list[str]) -> list[str]:
    end = len(lines)
    while end and (not lines[end - 1].strip() or wording.RULE.match(lines[end - 1].strip()[:200])):
        end -= 1
    return lines[:end]


def _by_attribution(found: _Lines) -> list[str] | None:
    """Above "On … somebody <…> wrote:" where what follows has no signs of a quote (Yahoo, some phones)."""
    own = found.own[:_MOST_LINES]
    for at, line in enumerate(own):
        if line.rstrip().endswith((":", "：")):
            above = _before_attribution(own, at + 1)
            if len(above) <= at and wording.WROTE.search(" ".join(own[len(above) : at + 1])):
                return found.lines[: len(above)]
    return None


def _by_library(found: _Lines) -> list[str] | None:
    """Above the first announcement of a quote that the library finds and that can be one."""
    own, size = list[str](), 0
    for line in found.own:
        size += len(line)
        if size > _MOST_PARSED or len(line) > _MOST_PARSED_LINE:
            break
        own.append(re.sub(r"[> ]{40,}", " ", line))
    replies = EmailReplyParser(languages=list(_LANGUAGES)).read("\n".join(own)).replies
    for reply in replies[1:]:
        header = reply.headers or ""
        if "@" not in header and not wording.WROTE.search(header):
            continue
        first = next((line.strip() for line in header.split("\n") if line.strip()), "")
        at = next((at for at, line in enumerate(own) if line.strip() == first), 0)
        return _without_rule(found.lines[:at]) if at else None
    return None


def _above_delimiter(lines: list[str]) -> list[str]:
    """Without what stands under RFC 3676's `-- `, of which transport often takes the space."""
    for at, line in enumerate(lines):
        if line.rstrip() == "--":
            return lines[:at]
    return lines


def _unsigned(lines: list[str]) -> str:
    """Without a signature by its delimiter, and without the line that a phone adds."""
    kept = _above_delimiter(lines)
    kept = kept if "".join(kept).strip() else lines
    end = len(kept)
    while end and (not kept[end - 1].strip() or wording.SENT_FROM.match(kept[end - 1].strip()[:200])):
        end -= 1
    text = "\n".join(line.rstrip() for line in (kept[:end] if end else kept))
    return re.sub(r"\n{3,}", "\n\n", text).strip()
