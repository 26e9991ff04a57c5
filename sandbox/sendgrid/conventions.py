"""How the common mail programs answer: where they put the quote, what they say above it, which headers they add."""

import html
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from textwrap import fill
from uuid import uuid4

from sandbox.sendgrid.mail import Copy

BODY = re.compile(r"<body[^>]*>(.*?)</body\s*>|<body[^>]*>(.*)\Z", re.IGNORECASE | re.DOTALL)
GMAIL_QUOTE = "margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex"


@dataclass(frozen=True, slots=True)
class Original:
    """The mail that is answered, as its recipient's program shows it."""

    sender: str
    address: str
    to: str
    subject: str
    text: str
    html: str
    at: datetime

    @classmethod
    def of(cls, copy: Copy) -> "Original":
        """One recipient's copy; a text is made of a mail that has HTML only."""
        mail = copy.mail
        at = datetime.fromtimestamp(mail.at, UTC)
        reply_to = next(iter(mail.reply_to), mail.from_)
        text = copy.text or html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"(?i)<br[^>]*>|</p>", "\n", copy.html)))
        return cls(mail.from_name or reply_to, reply_to, copy.person.email, copy.subject, text, copy.html, at)

    @property
    def markup(self) -> str:
        """What stands inside its body, or its text as markup."""
        found = BODY.search(self.html)
        return (found.group(1) or found.group(2) or "") if found else self.html or as_markup(self.text)


@dataclass(frozen=True, slots=True)
class Convention:
    """One program: how it writes an answer as text and as HTML, its Message-IDs, and its own headers."""

    name: str
    title: str
    text: Callable[[str, Original | None], str]
    html: Callable[[str, Original | None], str]
    message_id: Callable[[str], str]
    headers: tuple[tuple[str, str], ...] = ()


def as_markup(words: str) -> str:
    """Text as markup, line by line."""
    return html.escape(words, quote=False).replace("\r\n", "\n").replace("\n", "<br>\n")


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" if line else ">" for line in text.replace("\r\n", "\n").rstrip("\n").split("\n"))


def _clock(at: datetime) -> str:
    return f"{at:%I:%M}".lstrip("0") + f"{at:\u202f%p}"


def _gmail_line(original: Original) -> str:
    when = f"{original.at:%a, %b} {original.at.day}, {original.at:%Y} at {_clock(original.at)}"
    return f"On {when} {original.sender} <{original.address}> wrote:"


def _gmail_text(words: str, original: Original | None) -> str:
    if original is None:
        return f"{words}\n"
    return f"{words}\n\n{fill(_gmail_line(original), 76, break_long_words=False)}\n\n{_quoted(original.text)}\n"


def _gmail_html(words: str, original: Original | None) -> str:
    own = f'<div dir="ltr">{as_markup(words)}</div>'
    if original is None:
        return own
    line = html.escape(_gmail_line(original), quote=False)
    return (
        f'{own}<br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">{line}<br></div>'
        f'<blockquote class="gmail_quote" style="{GMAIL_QUOTE}">{original.markup}</blockquote></div>\n'
    )


def _outlook_lines(original: Original) -> list[tuple[str, str]]:
    sent = f"{original.at:%A, %B} {original.at.day}, {original.at:%Y} {_clock(original.at)}".replace("\u202f", " ")
    return [
        ("From:", f"{original.sender} <{original.address}>"),
        ("Sent:", sent),
        ("To:", original.to),
        ("Subject:", original.subject),
    ]


def _outlook_text(words: str, original: Original | None) -> str:
    if original is None:
        return f"{words}\r\n"
    head = "\r\n".join(f"{name} {value}" for name, value in _outlook_lines(original))
    return f"{words}\r\n\r\n{'_' * 32}\r\n{head}\r\n\r\n{original.text}\r\n"


def _outlook_html(words: str, original: Original | None) -> str:
    font = "font-family: Aptos, Calibri, Helvetica, sans-serif; font-size: 12pt; color: rgb(0, 0, 0);"
    head = '<html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8"></head><body dir="ltr">'
    own = f'{head}<div class="elementToProof" style="{font}">{as_markup(words)}</div>'
    if original is None:
        return f"{own}</body></html>"
    lines = "<br>".join(f"<b>{name}</b> {html.escape(value, quote=False)}" for name, value in _outlook_lines(original))
    return (
        f'{own}<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
        f'<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif" style="font-size:11pt" color="#000000">'
        f"{lines}</font><div>&nbsp;</div></div>{original.markup}</body></html>"
    )


def _apple_line(original: Original) -> str:
    when = f"{original.at:%b} {original.at.day}, {original.at:%Y}, at {_clock(original.at)}"
    return f"On {when}, {original.sender} <{original.address}> wrote:"


def _apple_text(words: str, original: Original | None) -> str:
    if original is None:
        return f"{words}\n"
    return f"{words}\n\n> {_apple_line(original)}\n> \n{_quoted(original.text)}\n"


def _apple_html(words: str, original: Original | None) -> str:
    head = '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head>'
    own = f'{head}<body style="overflow-wrap: break-word; -webkit-nbsp-mode: space;">{as_markup(words)}'
    if original is None:
        return f"{own}</body></html>"
    line = html.escape(_apple_line(original), quote=False)
    return (
        f'{own}<br id="lineBreakAtBeginningOfMessage"><div><br><blockquote type="cite"><div>{line}</div>'
        f'<br class="Apple-interchange-newline"><div>{original.markup}</div></blockquote></div><br></body></html>'
    )


def _plain_html(_words: str, _original: Original | None) -> str:
    return ""


CONVENTIONS = {
    one.name: one
    for one in (
        Convention(
            "gmail",
            "Gmail",
            _gmail_text,
            _gmail_html,
            lambda _domain: f"<CA+{secrets.token_urlsafe(36)}@mail.gmail.com>",
        ),
        Convention(
            "outlook",
            "Outlook",
            _outlook_text,
            _outlook_html,
            lambda _domain: f"<{secrets.token_hex(16).upper()}@DB9PR04MB8412.eurprd04.prod.outlook.com>",
            (("X-MS-Has-Attach", ""), ("Accept-Language", "en-US"), ("Content-Language", "en-US")),
        ),
        Convention(
            "apple",
            "Apple Mail",
            _apple_text,
            _apple_html,
            lambda domain: f"<{str(uuid4()).upper()}@{domain}>",
            (("X-Mailer", "Apple Mail (2.3826.400.131.1.6)"),),
        ),
        Convention(
            "plain",
            "Plain text",
            _gmail_text,
            _plain_html,
            lambda domain: f"<{uuid4()}@{domain}>",
        ),
    )
}
