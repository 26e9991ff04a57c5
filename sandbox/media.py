"""Pictures and other files: a handset's are kept here, an app's stay where its URL says."""

import base64
import binascii
import mimetypes
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sandbox.faults import ControlError

MOST_BYTES = 5 * 1024 * 1024  # Twilio's limit for one message's media
MOST_KEPT = 200
MOST_FILES = 10


@dataclass(frozen=True, slots=True)
class Media:
    """One file of one message: its bytes, or the address where they are."""

    sid: str
    content_type: str
    data: bytes = b""
    url: str = ""


class MediaStore:
    """Files by their ME sid; the oldest bytes go when more than MOST_KEPT are held."""

    def __init__(self) -> None:
        self._files: dict[str, Media] = {}

    def add(self, content_type: str, *, data: bytes = b"", url: str = "") -> Media:
        """Keep one file."""
        media = Media("ME" + uuid4().hex, content_type, data, url)
        self._files[media.sid] = media
        while len(self._files) > MOST_KEPT:
            del self._files[next(iter(self._files))]
        return media

    def get(self, sid: str) -> Media | None:
        """The file of that sid, while it is kept."""
        return self._files.get(sid)

    def read(self, given: Any) -> list[Media]:
        """Take what a handset attached: http(s) or data: URLs, or objects (`url`/`data`, `content_type`)."""
        if not isinstance(given, list) or len(given) > MOST_FILES:
            raise ControlError(f"media must be a list of at most {MOST_FILES} URLs.")
        return [self._read_one(item) for item in given]

    def _read_one(self, item: Any) -> Media:
        content_type = item.get("content_type", "") if isinstance(item, dict) else ""
        text = (item.get("url") or item.get("data")) if isinstance(item, dict) else item
        if not isinstance(text, str) or not isinstance(content_type, str):
            raise ControlError("Each of media must be a URL (http, https or data) or an object with url or data.")
        if text.startswith(("http://", "https://")):
            guess = mimetypes.guess_type(text.partition("?")[0])[0]
            return self.add(content_type or guess or "application/octet-stream", url=text)
        return self._decode(text, content_type)

    def _decode(self, text: str, content_type: str) -> Media:
        if text.startswith("data:"):
            head, _, text = text[5:].partition(",")
            content_type = content_type or head.split(";")[0]
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as fault:
            raise ControlError("Media that is not a URL must be base64.") from fault
        if len(data) > MOST_BYTES:
            raise ControlError(f"One of media is larger than {MOST_BYTES} bytes.")
        return self.add(content_type or "application/octet-stream", data=data)
