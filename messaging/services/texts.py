"""Texts: what a caller wants sent or recorded as SMS, and what is made of it."""

from dataclasses import dataclass, field
from typing import ClassVar

from conversations.models import Attachment
from messaging.segments import count_segments
from messaging.services import consent, parties, templates, templating, text_files, vocabulary
from messaging.services.channels import SMS, Channel
from messaging.services.mail_files import GivenFile, keep
from messaging.services.recording import Record
from messaging.services.sending import Content, Draft
from omega_project.lib.api.errors import parameter_error

MOST_CHARACTERS = 1600


@dataclass(slots=True)
class TextToQueue(Draft):
    """A text that a caller wants sent. `files` are kept here, and the carrier fetches them from us."""

    channel: ClassVar[Channel] = SMS

    body: str | None = None
    media_urls: list[str] = field(default_factory=list)
    files: list[GivenFile] = field(default_factory=list)

    @property
    def has_files(self) -> bool:
        return bool(self.media_urls or self.files)

    def compose(self, facts: parties.Facts, to: str) -> Content:
        """The text, rendered and counted."""
        body = self._rendered(facts)
        sender = facts.sender["address"] if facts.sender else ""
        text_files.require(self.files, self.media_urls, sender=sender, to=to)
        segments = count_segments(body)
        return Content(
            body=body,
            segments=segments.count,
            media_count=len(self.media_urls) + len(self.files),
            facts={"encoding": segments.encoding},
            shown={
                "segments": segments.count, "encoding": segments.encoding, "ucs2_characters": segments.forced_by,
                "body": body,
            },
        )  # fmt: skip

    def _rendered(self, facts: parties.Facts) -> str:
        body = self.body or ""
        if self.template_id is not None:
            found = templates.find(business_id=self.business_id, template_id=self.template_id, channel="sms")
            known = templating.known_for(self, facts, found.body)
            [body] = templates.fill(known | self.variables, found.body)
        if len(body) > MOST_CHARACTERS:
            raise parameter_error("body", f"must have at most {MOST_CHARACTERS} characters")
        if not body.strip() and not self.has_files:
            raise parameter_error("body", "is required where there are no media_urls and no template_id")
        return body

    def hang(self, message_id: int) -> None:
        """The carrier fetches the media itself: where they lie, or from us."""
        link(message_id, self.media_urls)
        keep(message_id, self.files)


@dataclass(slots=True)
class TextToRecord(Record):
    """A text that went or came by another way."""

    channel: ClassVar[Channel] = SMS

    body: str = ""
    media_urls: list[str] = field(default_factory=list)

    def compose(self, client_address: str) -> Content:
        del client_address
        return Content(body=self.body, segments=count_segments(self.body).count, media_count=len(self.media_urls))

    def hang(self, message_id: int, client_id: int, address: str) -> None:
        """Its media; an inbound STOP or START changes the consent, as it does by every door."""
        link(message_id, self.media_urls)
        if self.direction == "inbound" and (keyword := vocabulary.keyword_in(self.body)):
            consent.hears_keyword(
                keyword=keyword, business_id=self.business_id, client_id=client_id, address=address,
                evidence={"message_id": message_id, "keyword": self.body.strip()[:64]}, source="record",
            )  # fmt: skip


def link(message_id: int, urls: list[str]) -> None:
    """Note where a message's media are."""
    if urls:
        Attachment.objects.bulk_create(
            Attachment(message_id=message_id, status="linked", source_url=url, name=url.rsplit("/", 1)[-1][:255])
            for url in urls
        )
