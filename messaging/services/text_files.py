"""What files a text may take along, and why not: both ends' numbers, how many, how large, of what kind."""

import mimetypes
from collections.abc import Sequence

import phonenumbers
from django.utils.translation import gettext as _

from messaging.services.mail_files import GivenFile
from omega_project.lib import sql
from omega_project.lib.api.errors import parameter_error

MOST = 10
# What a message's files may have together at Twilio (docs: MMS, accepted media).
MOST_BYTES = 5_000_000
# The same page's kinds; a name that ends in a slash stands for all below it. Anything else is refused there (12300).
KINDS = (
    "image/jpeg", "image/png", "image/gif", "image/bmp", "image/tiff", "audio/", "video/", "text/vcard", "text/x-vcard",
    "text/csv", "text/rtf", "text/richtext", "text/calendar", "text/directory", "application/pdf", "application/vcard",
    "application/rtf", "application/vnd.apple.pkpass",
)  # fmt: skip
# Whose numbers Twilio lets send pictures: the United States, Canada and Australia; short codes do too.
_CARRYING = ("+1", "+61")
# The carrier's codes for "this is a landline" (providers.md, 1).
_LANDLINE_CODES = ["30006", "21614"]
_IS_LANDLINE = """
SELECT 1 AS one FROM (
    SELECT error_code, to_address FROM conversations_message
    WHERE conversation_id = %(conversation)s::bigint ORDER BY id DESC LIMIT 100
) m WHERE m.error_code = ANY(%(codes)s::text[]) AND m.to_address = %(to)s::text LIMIT 1
"""


def is_known_landline(conversation_id: int, number: str) -> bool:
    """Whether the carrier has said of one of the conversation's last texts that the number is a landline."""
    params = {"conversation": conversation_id, "codes": _LANDLINE_CODES, "to": number}
    return sql.row(_IS_LANDLINE, params) is not None


def why_none(sender: str, to: str) -> str:
    """Why no file can go from this sender to this number, as a sentence; empty where one can."""
    if not sender or sender.startswith("MG") or sender.isdigit():
        return _landline(to)
    if not sender.startswith("+"):
        return _("The sender %(sender)s is a name, not a number: it takes no files.") % {"sender": sender}
    if not sender.startswith(_CARRYING):
        told = _("The sender %(sender)s takes no files: only numbers of the US, Canada and Australia do.")
        return told % {"sender": sender}
    return _landline(to)


def _landline(to: str) -> str:
    return landline_told() if _is_fixed(to) else ""


def landline_told() -> str:
    return _("This number is a landline: it takes no files.")


def _is_fixed(number: str) -> bool:
    """Whether the number is a landline's by its country's plan. In North America no plan tells."""
    try:
        kind = phonenumbers.number_type(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False
    return bool(kind == phonenumbers.PhoneNumberType.FIXED_LINE)


def require(files: Sequence[GivenFile], urls: Sequence[str], *, sender: str, to: str) -> None:
    """422 where these cannot go with a text. Of what lies elsewhere nothing is known but how many there are."""
    if len(files) + len(urls) > MOST:
        raise parameter_error("files", f"must be at most {MOST}")
    if not files:
        return
    if why := why_none(sender, to):
        raise parameter_error("files", f"cannot go with this text. {why}")
    if sum(file.size for file in files) > MOST_BYTES:
        raise parameter_error("files", f"may have {MOST_BYTES // 1_000_000} MB together in a text")
    for file in files:
        if not file.size:
            raise parameter_error("files", "has a file that is empty")
        if not kind_of(file).startswith(KINDS):
            raise parameter_error("files", f"has “{file.name}”, of a kind that carriers refuse: send it by e-mail")


def kind_of(file: GivenFile) -> str:
    """What kind of file this is: as the browser says, else by its name."""
    return (file.content_type or mimetypes.guess_type(file.name)[0] or "").lower()
