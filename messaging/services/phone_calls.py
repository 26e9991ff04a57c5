"""Calls that a caller records: placed or taken elsewhere, told in the timeline as omega's own are (api.md, 7)."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from conversations.services import calls as words
from messaging.services.channels import VOICE, Channel
from messaging.services.recording import Record
from messaging.services.sending import Content
from messaging.services.texts import link


@dataclass(slots=True)
class CallToRecord(Record):
    """A call as its caller knows it; `call_status` in the provider's words, `duration` in seconds of talk."""

    channel: ClassVar[Channel] = VOICE

    line: str = ""
    call_status: str = "completed"
    duration: int | None = None
    started_at: datetime | None = None
    recording_url: str | None = None

    @property
    def is_news(self) -> bool:
        """A call from a client that nobody took."""
        return self.is_inbound and self.call_status in words.SENTENCES

    def compose(self, client_address: str) -> Content:
        """Its line, and the `call` of its message."""
        del client_address
        told = words.call_object(
            sid=self.provider_message_id, status=self.call_status, direction=self.direction, from_="", to="",
            staff_id=self.staff_id, duration=self.duration, started_at=self.started_at,
            recording_url=self.recording_url,
        )  # fmt: skip
        line = words.line_of(direction=self.direction, status=self.call_status, seconds=self.duration)
        return Content(body=self.line or line, media_count=1 if self.recording_url else 0, call=told)

    def hang(self, message_id: int, client_id: int, address: str) -> None:
        """Where its recording is."""
        del client_id, address
        link(message_id, [self.recording_url] if self.recording_url else [])
