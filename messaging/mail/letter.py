"""A mail read to its end: who wrote it, what they wrote, what they quote, and which files are with it."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import IO

from messaging.mail import automatic, html, quoting
from messaging.mail.charsets import decoded, lines_of, one_line
from messaging.mail.decoding import first_bytes
from messaging.mail.headers import Headers
from messaging.mail.names import safe_name, safe_type
from messaging.mail.structure import Mail, Part, read_structure

MOST_TEXT = 512 * 1024
MOST_FILES = 100
_MOST_TEXTS = 20
_TEXT, _HTML = "text/plain", "text/html"
_OTHER_WORDS = {"text/x-amp-html", "text/watch-html", "text/enriched", "text/richtext"}
_ID = re.compile(r"\A\s*<?([^<>\s]{1,255})>?")


@dataclass(frozen=True, slots=True)
class File:
    """One attachment: `part` is where it stands. `content_id` without its brackets, in lower case."""

    part: Part
    name: str
    content_type: str
    content_id: str


@dataclass(slots=True)
class Letter:
    """What a mail says. Addresses are as they were written, in lower case; Message-IDs without angle brackets."""

    headers: Headers
    message_id: str = ""
    in_reply_to: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    from_name: str = ""
    from_address: str = ""
    to: list[str] = field(default_factory=list)
    cc: list[str] = field(default_factory=list)
    reply_to: str = ""
    subject: str = ""
    date: datetime | None = None
    text: str = ""
    reply: str = ""
    html: str = ""
    files: list[File] = field(default_factory=list)
    quoted_ids: list[str] = field(default_factory=list)
    is_whole: bool = True

    def why_automatic(self, envelope_from: str | None) -> str:
        """See `automatic.reason_of`."""
        return automatic.reason_of(self.headers, self.from_address, envelope_from)


def read_letter(file: IO[bytes]) -> Letter:
    """The mail in `file`. Raises nothing for what is in it: broken mail is read as far as it can be."""
    mail = read_structure(file)
    letter = read_envelope(mail.headers)
    bodies, rest = _sorted_parts(mail)
    letter.is_whole = mail.is_whole and len(rest) <= MOST_FILES
    _read_bodies(letter, file, bodies)
    letter.files = [_file(part, number) for number, part in enumerate(rest[:MOST_FILES], 1)]
    letter.quoted_ids = _reported_ids(file, mail)
    return letter


def read_envelope(headers: Headers) -> Letter:
    """What a mail's headers say."""
    authors = headers.addresses("from") or headers.addresses("sender") or headers.addresses("reply-to")
    name, address = authors[0] if authors else ("", "")
    replies = headers.addresses("reply-to", 1)
    return Letter(
        headers=headers,
        message_id=_id_of(headers),
        in_reply_to=headers.ids("in-reply-to", 5),
        references=headers.ids("references", 50),
        from_name=name,
        from_address=_address(address),
        to=[_address(one) for _, one in headers.addresses("to")],
        cc=[_address(one) for _, one in headers.addresses("cc")],
        reply_to=_address(replies[0][1]) if replies else "",
        subject=headers.text("subject"),
        date=_date(headers.raw("date")),
    )


def _id_of(headers: Headers) -> str:
    found = _ID.match(headers.raw("message-id"))
    return one_line(found[1], 255) if found else ""


def _address(text: str) -> str:
    return one_line(text, 320).lower()


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text[:100])
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _sorted_parts(mail: Mail) -> tuple[list[Part], list[Part]]:
    """The parts that are read as the mail's words, and those that are its files."""
    bodies, files = list[Part](), list[Part]()
    for part in mail.parts:
        (bodies if len(bodies) < _MOST_TEXTS and _is_body(part, bodies) else files).append(part)
    return bodies, [part for part in files if _is_file(part)]


def _is_file(part: Part) -> bool:
    """Not an empty part, and not the same words once more for a watch or as a page that runs (AMP)."""
    if part.headers.content_type in _OTHER_WORDS and part.inside:
        return part.inside[-1].headers.content_type != "multipart/alternative"
    return part.end > part.start or bool(part.headers.filename)


def _is_body(part: Part, before: list[Part]) -> bool:
    headers = part.headers
    kind = headers.content_type
    if kind.startswith("multipart/"):  # one that has no parts
        return not headers.filename
    if kind not in {_TEXT, _HTML} or headers.disposition == "attachment":
        return False
    if headers.filename and part.inside:  # a text file that is shown in place is a file, but for a mail's first text
        return headers.disposition == "inline" and not before
    return True


def _read_bodies(letter: Letter, file: IO[bytes], bodies: list[Part]) -> None:
    """The text, part by part; HTML's words where no plain text says the same."""
    left, texts, sources, own = MOST_TEXT, list[str](), list[str](), list[str | None]()
    for part in bodies:
        raw, is_all = first_bytes(file, part, left)
        letter.is_whole, left = letter.is_whole and is_all, left - len(raw)
        if part.headers.content_type == _HTML:
            source = _decoded(raw, part.headers)
            sources.append(source)
            read = _words(source)
            own.append(read.own)
            if not _has_twin(part, bodies):
                texts.append(read.text)
        else:
            texts.append(_plain(raw, part.headers))
    letter.text = "\n\n".join(text for text in texts if text.strip()).strip("\n")
    letter.html = "".join(html.sanitised(source) for source in sources if html.is_bearable(source))
    if not letter.text.strip():  # the plain text beside the HTML is an empty one
        letter.text = "\n\n".join(_words(source).text for source in sources)
    letter.reply = quoting.reply_of(letter.text, letter.subject)
    if own and own[0] and letter.reply == letter.text.strip() and ">" not in letter.text:
        letter.reply = quoting.reply_of(own[0], letter.subject) or letter.reply


def _has_twin(part: Part, bodies: list[Part]) -> bool:
    """Whether a plain text stands for the same as this HTML: both are in one multipart/alternative."""
    choices = {one for one in part.inside if one.headers.content_type == "multipart/alternative"}
    return any(other.headers.content_type != _HTML and choices & set(other.inside) for other in bodies)


def _words(source: str) -> html.HtmlText:
    return html.as_text(source) if html.is_bearable(source) else html.HtmlText(_stripped(source), None)


def _decoded(raw: bytes, headers: Headers) -> str:
    return decoded(raw, headers.parameter("content-type", "charset"))


def _plain(raw: bytes, headers: Headers) -> str:
    text = lines_of(_decoded(raw, headers))
    if headers.parameter("content-type", "format").lower() == "flowed":
        text = _unflowed(text, takes_space=headers.parameter("content-type", "delsp").lower() == "yes")
    return text.rstrip()


def _unflowed(text: str, *, takes_space: bool) -> str:
    """RFC 3676: a line that ends with a space goes on in the next one."""
    out, is_open = list[str](), False
    for line in text.split("\n"):
        bare = line.removeprefix(" ")
        # Not RFC 3676's, but Outlook's: a rule with a space behind it.
        flows = bare.endswith(" ") and not bare.startswith((">", "--"))
        kept = bare[:-1] if flows and takes_space else bare
        if is_open and not bare.startswith(">") and bare != "-- ":
            out[-1] += kept
        else:
            out.append(kept)
        is_open = flows
    return "\n".join(line if line == "-- " else line.rstrip() for line in out)


def _stripped(source: str) -> str:
    """The words of HTML that is nested too deeply for a parser."""
    return " ".join(re.sub(r"<[^<>]{0,2000}>", " ", source).split())


def _file(part: Part, number: int) -> File:
    content_id = _ID.match(part.headers.raw("content-id"))
    kind = safe_type(part.headers.content_type)
    name = safe_name(part.headers.filename, kind, number)
    return File(part, name, kind, one_line(content_id[1], 255).lower() if content_id else "")


def _reported_ids(file: IO[bytes], mail: Mail) -> list[str]:
    """The Message-IDs of the mails that a report (a bounce) returns, in whole or by their headers."""
    if mail.headers.content_type != "multipart/report":
        return []
    found = list[str]()
    for part in mail.parts:
        if part.headers.content_type in {"message/rfc822", "text/rfc822-headers", "message/global"}:
            found += Headers(first_bytes(file, part, 64 * 1024)[0].replace(b"\r\n", b"\n").split(b"\n\n")[0]).ids(
                "message-id"
            )
    return found[:5]
