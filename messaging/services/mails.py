"""Mails: what a caller wants sent or recorded as e-mail, and what is made of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from messaging.services import mail_files, mail_rules, parties, reply_tokens, templates, templating
from messaging.services.channels import EMAIL, Channel
from messaging.services.mail_files import GivenFile
from messaging.services.recording import Record
from messaging.services.sending import Content, Draft
from omega_project.lib import sql
from omega_project.lib.api.errors import NotFound, parameter_error
from omega_project.lib.html_text import text_of

# Of a thread's Message-IDs those that mail programs need: where it began, and the last ones.
_MOST_REFERENCES = 20

_ROW = """
INSERT INTO messaging_email (message_id, rfc_message_id, in_reply_to, "references", reply_to, headers, full_text,
    envelope_from, envelope_to, is_automatic, held_from, source)
SELECT i.new_id, '', i.beside ->> 'in_reply_to', ARRAY(SELECT jsonb_array_elements_text(i.beside -> 'references')),
    i.beside ->> 'reply_to', i.beside -> 'headers', '', '', '', false, '', ''
FROM ins JOIN input i ON i.new_id = ins.id WHERE i.beside IS NOT NULL
"""
_ANSWERED = """
SELECT m.channel, m.direction, m.client_id, m.conversation_id, m.subject, e.rfc_message_id, e."references"
FROM conversations_message m LEFT JOIN messaging_email e ON e.message_id = m.id
WHERE m.id = %(id)s::bigint AND m.business_id = %(business)s::bigint
"""
_LAST_SUBJECT = """
SELECT id, subject FROM conversations_message
WHERE conversation_id = %(conversation)s::bigint AND channel = 'email' AND subject <> '' ORDER BY id DESC LIMIT 1
"""
_OPTED_OUT = """
SELECT address FROM messaging_consent
WHERE business_id = %(business)s::bigint AND channel = 'email' AND address = ANY(%(addresses)s::text[])
  AND state = 'opted_out' LIMIT 1
"""


@dataclass(slots=True)
class MailToQueue(Draft):
    """A mail that a caller wants sent. `in_reply_to` is a message's id."""

    channel: ClassVar[Channel] = EMAIL

    subject: str | None = None
    text: str | None = None
    html: str = ""
    cc: list[str] = field(default_factory=list)
    bcc: list[str] = field(default_factory=list)
    reply_to: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    files: list[GivenFile] = field(default_factory=list)
    in_reply_to: int | None = None

    @property
    def has_files(self) -> bool:
        return bool(self.files)

    def compose(self, facts: parties.Facts, to: str) -> Content:
        """Subject and text filled in, the recipients each once; 422 for what no provider would take."""
        subject, text = self._words(facts)
        answered = self._answered(facts)
        subject = subject or _subject_after(answered)
        cc, bcc = _each_once(to, self.cc, self.bcc)
        size = mail_rules.travel_size((subject, text, self.html), (file.size for file in self.files))
        if size > mail_rules.MOST_BYTES:
            raise parameter_error("attachments", f"make a mail of {size} bytes; it may have {mail_rules.MOST_BYTES}")
        return Content(
            body=text,
            subject=subject,
            html=self.html,
            cc=cc,
            bcc=bcc,
            media_count=len(self.files),
            refusal="copy_opted_out" if _any_opted_out(self.business_id, [*cc, *bcc]) else "",
            facts={"recipients": 1 + len(cc) + len(bcc), "bytes": size, "in_reply_to": self.in_reply_to},
            shown={
                "segments": 0, "subject": subject, "body": text, "html": self.html or None, "cc": cc, "bcc": bcc,
                "bytes": size,
            },
            beside=self._beside(answered),
            beside_sql=_ROW,
        )  # fmt: skip

    def _words(self, facts: parties.Facts) -> tuple[str, str]:
        """Subject (empty where the mail that is answered gives it) and text."""
        if self.template_id is None:
            return self.subject or "", text_beside(self.text, self.html)
        found = templates.find(business_id=self.business_id, template_id=self.template_id, channel="email")
        words = (self.subject or found.subject, found.body)
        subject, text = templates.fill(templating.known_for(self, facts, *words) | self.variables, *words)
        if subject:
            try:
                mail_rules.one_line(subject)
            except ValueError as error:
                raise parameter_error("variables", f"make a subject that {error}") from None
        if len(subject) > mail_rules.MOST_SUBJECT or len(text) > mail_rules.MOST_TEXT:
            raise parameter_error("variables", "make the subject or the text too long")
        if not text.strip():
            raise parameter_error("template_id", "is a template without a text")
        return subject, text

    def _answered(self, facts: parties.Facts) -> dict[str, Any] | None:
        if self.in_reply_to is None:
            return None
        found = sql.row(_ANSWERED, {"id": self.in_reply_to, "business": self.business_id})
        if found is None:
            raise NotFound("There is no such message in this business.")
        if found["channel"] != "email":
            raise parameter_error("in_reply_to", "is not a mail")
        if found["client_id"] != facts.client_id:
            raise parameter_error("in_reply_to", "is a mail of another client")
        return found | {"id": self.in_reply_to}

    def _beside(self, answered: dict[str, Any] | None) -> dict[str, Any]:
        parent = _message_id_of(answered) if answered else ""
        thread = [*((answered or {}).get("references") or []), parent]
        references = [one for one in dict.fromkeys(thread) if one]
        kept = references[:1] + references[1:][-_MOST_REFERENCES:]
        return {"in_reply_to": parent, "references": kept, "reply_to": self.reply_to, "headers": self.headers}

    def hang(self, message_id: int) -> None:
        """Its files: kept where their content was given, fetched by a job where a URL was."""
        mail_files.keep(message_id, self.files)
        mail_files.fetch(message_id, self.files)


@dataclass(slots=True)
class MailToRecord(Record):
    """A mail that went or came by another way."""

    channel: ClassVar[Channel] = EMAIL

    subject: str = ""
    text: str | None = None
    html: str = ""
    cc: list[str] = field(default_factory=list)
    bcc: list[str] = field(default_factory=list)
    files: list[GivenFile] = field(default_factory=list)

    def compose(self, client_address: str) -> Content:
        cc, bcc = _each_once(client_address, self.cc, self.bcc)
        return Content(
            body=text_beside(self.text, self.html), subject=self.subject, html=self.html, cc=cc, bcc=bcc,
            media_count=len(self.files),
            beside={"in_reply_to": "", "references": [], "reply_to": "", "headers": {}}, beside_sql=_ROW,
        )  # fmt: skip

    def hang(self, message_id: int, client_id: int, address: str) -> None:
        del client_id, address
        mail_files.keep(message_id, self.files)
        mail_files.link(message_id, self.files)


def text_beside(text: str | None, html: str) -> str:
    """The text part: as given, else made of the HTML."""
    return text if text and text.strip() else text_of(html)


def last_mail(conversation_id: int) -> tuple[int, str] | None:
    """The conversation's last mail with a subject: its id, and the subject of an answer to it."""
    found = sql.row(_LAST_SUBJECT, {"conversation": conversation_id})
    return (found["id"], mail_rules.answer_subject(found["subject"])) if found else None


def _subject_after(answered: dict[str, Any] | None) -> str:
    """`Re: …` of the mail that is answered, or of its conversation's last one that has a subject."""
    if answered is None:
        raise parameter_error("subject", "is required where there is no in_reply_to")
    last = last_mail(answered["conversation_id"])
    subject = mail_rules.answer_subject(answered["subject"]) or (last[1] if last else "")
    if not subject:
        raise parameter_error("subject", "is required: the mail that this answers has none")
    return subject


def _message_id_of(mail: dict[str, Any]) -> str:
    """The Message-ID of a mail in the timeline; ours are made from the message's id."""
    return str(mail["rfc_message_id"] or "") or (
        reply_tokens.message_id_for(mail["id"]) if mail["direction"] == "outbound" else ""
    )


def _each_once(to: str, cc: Iterable[str], bcc: Iterable[str]) -> tuple[list[str], list[str]]:
    """The copies without whom the mail reaches already: providers refuse an address that stands twice."""
    copies = [one for one in dict.fromkeys(cc) if one != to]
    return copies, [one for one in dict.fromkeys(bcc) if one != to and one not in copies]


def _any_opted_out(business_id: int, addresses: list[str]) -> bool:
    return bool(addresses) and bool(sql.rows(_OPTED_OUT, {"business": business_id, "addresses": addresses}))
