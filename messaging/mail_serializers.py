"""What callers send and read around e-mail."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from messaging.serializers import EXPECTED, Queue, Receipt, Record
from messaging.services import mail_rules
from omega_project.lib.api.fields import Body, Email, Id, Text, Url

Subject = Annotated[Text, Field(min_length=1, max_length=mail_rules.MOST_SUBJECT), AfterValidator(mail_rules.one_line)]
Address = Annotated[Email, BeforeValidator(mail_rules.no_line_end)]
MailText = Annotated[Text, Field(max_length=mail_rules.MOST_TEXT)]
Addresses = Annotated[list[Address], Field(max_length=mail_rules.MOST_RECIPIENTS)]
Headers = Annotated[
    dict[
        Annotated[str, AfterValidator(mail_rules.header_name)], Annotated[str, AfterValidator(mail_rules.header_value)]
    ],
    Field(max_length=mail_rules.MOST_HEADERS),
    AfterValidator(mail_rules.headers),
]


class Attachment(Body):
    """A file: its content in base64 with its name, or the URL where it lies."""

    name: Annotated[Text, AfterValidator(mail_rules.file_name)] | None = None
    content_type: Annotated[Text, AfterValidator(mail_rules.content_type)] | None = None
    content_base64: Annotated[str, AfterValidator(mail_rules.base64_text)] | None = None
    url: Url | None = None

    @model_validator(mode="after")
    def _one_of(self) -> "Attachment":
        if (self.content_base64 is None) == (self.url is None):
            raise ValueError("must have either content_base64 or url")
        if self.content_base64 is not None and self.name is None:
            raise ValueError("must have a name where it has content_base64")
        return self


Attachments = Annotated[list[Attachment], Field(max_length=mail_rules.MOST_FILES)]


def _too_many(given: dict[str, Any]) -> list[tuple[str, str]]:
    copies = sum(len(some) for name in ("cc", "bcc") if isinstance(some := given.get(name), list))
    if copies < mail_rules.MOST_RECIPIENTS:
        return []
    return [("cc", f"and bcc with to may be {mail_rules.MOST_RECIPIENTS} recipients together")]


def _is_empty(given: dict[str, Any]) -> bool:
    return not any(isinstance(said := given.get(name), str) and said.strip() for name in ("text", "html"))


class QueueEmail(Queue):
    """A mail to send."""

    to: Address | None = None
    from_: Address | None = Field(None, alias="from")
    subject: Subject | None = None
    text: MailText | None = None
    html: MailText | None = None
    cc: Addresses = []
    bcc: Addresses = []
    reply_to: Address | None = None
    headers: Headers = {}
    attachments: Attachments = []
    in_reply_to: Id | None = None

    @classmethod
    def missing(cls, given: dict[str, Any]) -> list[tuple[str, str]]:
        lacking = _too_many(given)
        if given.get("client_id") is None and given.get("to") is None:
            lacking.append(("to", "is required where there is no client_id"))
        if given.get("template_id") is None:
            if given.get("subject") is None and given.get("in_reply_to") is None:
                lacking.append(("subject", "is required where there is no template_id and no in_reply_to"))
            if _is_empty(given):
                lacking.append(("text", "is required where there is no html and no template_id"))
        elif not _is_empty(given):
            lacking.append(("template_id", "goes without a text or html: the template gives it"))
        return lacking


class RecordEmail(Record):
    """A mail that went or came by another way, recorded without sending."""

    to: Address | None = None
    from_: Address | None = Field(None, alias="from")
    subject: Subject | None = None
    text: MailText | None = None
    html: MailText | None = None
    cc: Addresses = []
    bcc: Addresses = []
    attachments: Attachments = []

    @classmethod
    def missing(cls, given: dict[str, Any]) -> list[tuple[str, str]]:
        lacking = super().missing(given) + _too_many(given)
        if _is_empty(given) and given.get("subject") is None and not given.get("attachments"):
            lacking.append(("text", "is required where there is no html, no subject and no attachment"))
        return lacking


class EmailStatusUpdate(Receipt):
    """What became of a mail, from a caller: a status, or an event of a mail."""

    status: Literal[
        "queued", "sending", "sent", "delivered", "read", "failed", "undelivered", "canceled",
        "deferred", "bounced", "dropped", "opened", "clicked", "complained", "unsubscribed",
    ]  # fmt: skip


class EmailDryRun(BaseModel):
    """The decision that a real send would meet now. `bytes`: the mail on its way, files in base64 included."""

    dry_run: bool
    would: Literal["send", "schedule", "block"]
    reason: str | None
    from_: str = Field(alias="from")
    to: str
    cc: list[str]
    bcc: list[str]
    segments: int
    consent: Literal["opted_in", "opted_out", "unknown"]
    release_at: datetime | None
    expected_at: datetime | None = Field(default=None, description=EXPECTED)
    subject: str
    body: str
    html: str | None
    bytes: int
