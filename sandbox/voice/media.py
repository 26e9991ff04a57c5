"""The Recordings resource: the list, a row, its audio (.wav, .mp3, or no ending), and DELETE."""

from aiohttp import web

from sandbox.twilio.door import Asked, as_json
from sandbox.twilio.errors import TwilioError
from sandbox.twilio.paging import envelope
from sandbox.voice import audio
from sandbox.voice.exchange import EXCHANGE
from sandbox.voice.recordings import Recording


def _find(asked: Asked) -> tuple[Recording, str]:
    sid, _, form = asked.name("sid").partition(".")
    found = asked.request.app[EXCHANGE].recordings.find(sid, asked.account)
    if found is None or form not in {"", "wav", "mp3", "json"}:
        raise TwilioError(20404)
    return found, form


def listing(asked: Asked) -> web.Response:
    """The account's recordings or one call's, newest first; CallSid narrows."""
    call = asked.request.match_info.get("call") or asked.query.get("CallSid")
    rows = asked.request.app[EXCHANGE].recordings.of(asked.account, call)
    return as_json(envelope(asked.request.path, asked.query, "recordings", rows, Recording.as_resource))


def fetch(asked: Asked) -> web.Response:
    """One recording: its resource, or its audio, which is 404 until it is ready."""
    recording, form = _find(asked)
    if form == "json":
        return as_json(recording.as_resource())
    if recording.status != "completed":
        raise TwilioError(20404)
    if form == "mp3":
        return web.Response(body=audio.mp3(recording.seconds), content_type="audio/mpeg")
    return web.Response(body=audio.wav(recording.seconds, recording.hertz), content_type="audio/x-wav")


def delete(asked: Asked) -> web.Response:
    """DELETE one, its audio too."""
    recording, _ = _find(asked)
    asked.request.app[EXCHANGE].recordings.remove(recording)
    return web.Response(status=204)
