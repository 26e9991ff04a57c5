"""Recordings: made by <Record> and <Dial record>, told by callback when they are ready, served under credentials."""

import time
from dataclasses import dataclass, field
from typing import Any

from sandbox.callbacks import Params
from sandbox.twilio.resource import new_sid, rfc2822
from sandbox.voice.call import Call

READY_SECONDS = 0.15  # a recording's file is there a moment after its call: its URL may be told before
MOST_KEPT = 1000


@dataclass(slots=True)
class Recording:
    """One recording; `seconds` is how long it is told to be and is."""

    call: Call
    seconds: int
    source: str  # RecordVerb or DialVerb
    channels: int = 1
    sid: str = field(default_factory=lambda: new_sid("RE"))
    at: float = field(default_factory=time.time)
    status: str = "processing"
    transcribed: bool = False

    @property
    def path(self) -> str:
        """Its resource's path without an ending."""
        return f"/2010-04-01/Accounts/{self.call.account}/Recordings/{self.sid}"

    @property
    def hertz(self) -> int:
        """Its pitch."""
        return 260 + int(self.sid[2:6], 16) % 400

    def as_resource(self) -> dict[str, Any]:
        """The Recording resource's JSON."""
        return {
            "account_sid": self.call.account,
            "api_version": "2010-04-01",
            "call_sid": self.call.sid,
            "channels": self.channels,
            "conference_sid": None,
            "date_created": rfc2822(int(self.at)),
            "date_updated": rfc2822(int(self.at)),
            "duration": str(self.seconds),
            "encryption_details": None,
            "error_code": None,
            "media_url": self.path,
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "source": self.source,
            "start_time": rfc2822(int(self.at)),
            "status": self.status,
            "subresource_uris": {"transcriptions": f"{self.path}/Transcriptions.json"},
            "track": "both",
            "uri": f"{self.path}.json",
        }


class Recordings:
    """Recordings by sid, the oldest forgotten first."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._kept: dict[str, Recording] = {}

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()

    def add(self, recording: Recording) -> Recording:
        """Keep one."""
        self._kept[recording.sid] = recording
        recording.call.recordings.append(self.url_of(recording))
        while len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return recording

    def remove(self, recording: Recording) -> None:
        """DELETE one."""
        self._kept.pop(recording.sid, None)

    def find(self, sid: str, account: str) -> Recording | None:
        """One of an account."""
        found = self._kept.get(sid)
        return found if found and found.call.account == account else None

    def of(self, account: str, call: str | None = None) -> list[Recording]:
        """Those of an account, newest first, of one call or of all."""
        kept = [one for one in self._kept.values() if one.call.account == account and call in {None, one.call.sid}]
        return kept[::-1]

    def url_of(self, recording: Recording) -> str:
        """Its RecordingUrl: without an ending, as Twilio tells it."""
        return self._base_url + recording.path

    def params(self, recording: Recording) -> Params:
        """The recordingStatusCallback's form."""
        return [
            ("AccountSid", recording.call.account),
            ("CallSid", recording.call.sid),
            ("RecordingSid", recording.sid),
            ("RecordingUrl", self.url_of(recording)),
            ("RecordingStatus", recording.status),
            ("RecordingDuration", str(recording.seconds)),
            ("RecordingChannels", str(recording.channels)),
            ("RecordingStartTime", rfc2822(int(recording.at))),
            ("RecordingSource", recording.source),
            ("RecordingTrack", "both"),
            ("ErrorCode", "0"),
        ]
