"""What a mail may hold: lines without line ends, headers that do no harm, files with names, a size that travels.

Each check gives the value as it is stored, or raises ValueError with a sentence.
"""

import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any

# As sent, files in base64 included (providers.md, 8).
MOST_BYTES = 30_000_000
MOST_RECIPIENTS = 50
MOST_FILES = 20
MOST_SUBJECT = 998
MOST_TEXT = 500_000
MOST_HEADERS = 20
# What holds more than this as a file is too large for any mail.
MOST_FILE_BYTES = MOST_BYTES * 3 // 4

# Whatever some program takes for the end of a line, and what no line holds.
_NO_LINE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_HEADER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,75}\Z", re.ASCII)
_HEADER_VALUE = re.compile(r"[ -~]{1,900}\Z", re.ASCII)
_FILE_NAME = re.compile("[^/\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]{1,200}\\Z")
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}\Z", re.ASCII)
# Headers besides X-… that change how a mail is shown or sorted, and not whom it goes to or who it is from.
_HARMLESS = {
    "auto-submitted", "comments", "content-language", "feedback-id", "importance", "keywords", "list-archive",
    "list-help", "list-id", "list-owner", "list-post", "list-subscribe", "organization", "precedence", "priority",
    "sensitivity",
}  # fmt: skip
# X-headers that steer a provider: its accounts, lists, tracking and recipients.
_STEERS = (
    "x-sg-", "x-smtpapi", "x-twilio-", "x-mailgun-", "x-pm-", "x-postmark-", "x-mj-", "x-mailjet-", "x-mc-",
    "x-mandrill-", "x-msys-", "x-sib-", "x-mailin-", "x-ses-", "x-amz-", "x-mailersend-", "x-resend-", "x-unisender-",
    "x-uni-", "x-postal-", "x-mt-", "x-mailtrap-", "x-original-", "x-envelope-", "x-forwarded-", "x-received",
    "x-rcpt-", "x-apparently-to", "x-sender", "x-return-path", "x-google-", "x-omega-",
)  # fmt: skip


def one_line(value: str) -> str:
    """A subject, a name: one line that is not blank."""
    if _NO_LINE.search(value):
        raise ValueError("must be one line, without line ends or control characters")
    if not value.strip():
        raise ValueError("must not be blank")
    return value


def no_line_end(value: Any) -> Any:
    """Of an address not even behind it, where it would be trimmed."""
    if isinstance(value, str) and _NO_LINE.search(value):
        raise ValueError("must be one line, without line ends or control characters")
    return value


def header_name(value: str) -> str:
    if not _HEADER_NAME.match(value):
        raise ValueError("must be a header's name: letters, digits and hyphens")
    name = value.lower()
    if name.startswith(_STEERS) or not (name in _HARMLESS or name.startswith("x-")):
        raise ValueError("is a header that a caller may not set")
    return value


def header_value(value: str) -> str:
    if not _HEADER_VALUE.match(value):
        raise ValueError("must be one line of 1 to 900 printable ASCII characters")
    return value


def headers(values: Mapping[str, str]) -> dict[str, str]:
    """Checked headers, each name once whatever its case."""
    if len({name.lower() for name in values}) != len(values):
        raise ValueError("must name each header once, whatever its case")
    return dict(values)


def file_name(value: str) -> str:
    if not _FILE_NAME.match(value) or not value.strip(" ."):
        raise ValueError("must be a file's name of at most 200 characters, without a path or control characters")
    return value


def content_type(value: str) -> str:
    text = value.strip().lower()
    if not _TYPE.match(text):
        raise ValueError("must be a media type, such as application/pdf")
    return text


def base64_text(value: str) -> str:
    if not content_of(value):
        raise ValueError("must not be empty")
    return value


def content_of(value: str) -> bytes:
    """The bytes that a base64 text stands for; line ends in it are as good as none."""
    try:
        return binascii.a2b_base64("".join(value.split()).encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("must be base64") from None


def travel_size(texts: Iterable[str], files: Iterable[int]) -> int:
    """The bytes of a mail on its way: its texts, and its files of so many bytes in base64."""
    return sum(len(text.encode()) for text in texts) + sum(-(-size // 3) * 4 for size in files)


def answer_subject(subject: str) -> str:
    """The subject of an answer to a mail with this subject; empty where it has none."""
    line = " ".join(_NO_LINE.sub(" ", subject).split())
    if not line:
        return ""
    return (line if line.lower().startswith("re:") else f"Re: {line}")[:MOST_SUBJECT]
