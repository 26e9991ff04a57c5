"""The verb <Record>, and what becomes of a recording: ready a moment later, then its callback."""

import asyncio
import time
from typing import Any

from sandbox.voice.exchange import Exchange
from sandbox.voice.player import Ended, Next, Player
from sandbox.voice.recordings import READY_SECONDS, Recording
from sandbox.voice.twiml import Verb

LONGEST_SECONDS = 3600
TRANSCRIPT = "Hello, please call me back when you can. Thank you."


async def record(player: Player, verb: Verb) -> Next | None:
    """Record the caller until it hangs up, presses a key, or the time is over; then go on with the action.

    Nothing recorded: the document goes on, as at Twilio. A hang-up is told to the action (Digits=hangup) and ends
    the call whatever the action answers. Without an action the same document is asked again.
    """
    seconds, ending = await _listen(player, verb)
    if seconds <= 0:
        player.raise_if_over()
        return None
    recording = keep(player.exchange, Recording(player.call, seconds, "RecordVerb"), player, verb)
    more = {
        "RecordingUrl": player.exchange.recordings.url_of(recording),
        "RecordingSid": recording.sid,
        "RecordingDuration": str(seconds),
        "Digits": ending,
    }
    following = player.action(verb, more) or Next(player.base, verb.get("method", "POST"), more)
    if ending != "hangup":
        return following
    player.exchange.reach(player.call, "completed")
    await player.request(following.url, following.method, following.more)
    raise Ended


async def _listen(player: Player, verb: Verb) -> tuple[int, str]:
    """How many seconds were recorded, and what ended it."""
    most = min(verb.whole("maxLength", LONGEST_SECONDS), LONGEST_SECONDS)
    player.exchange.tell(player.call, "records")
    phone, began = player.call.phone, time.monotonic()
    if not phone.live:
        seconds = min(phone.script.voicemail_seconds, most)
        player.call.tell(seconds)
        full = phone.script.voicemail_seconds > most
        return seconds, "" if full else "hangup" if phone.script.voicemail_ends == "hangup" else "#"
    ending = await _until_it_ends(player, verb, most)
    return min(round(time.monotonic() - began), most), ending


async def _until_it_ends(player: Player, verb: Verb, most: int) -> str:
    phone, ends = player.call.phone, time.monotonic() + most
    while (left := ends - time.monotonic()) > 0:
        try:
            await player.wait(left)
        except Ended:
            return "hangup"
        keys = [key for key in phone.keys if key in verb.get("finishOnKey", "1234567890*#")]
        phone.keys.clear()
        if keys:
            return keys[0]
    return ""


def keep(exchange: Exchange, recording: Recording, player: Player, verb: Verb) -> Recording:
    """Keep a recording; its file is ready a moment later, and then it is told."""
    exchange.recordings.add(recording)
    exchange.spawn(_tell(exchange, recording, player, verb))
    return recording


async def _tell(exchange: Exchange, recording: Recording, player: Player, verb: Verb) -> None:
    url, wanted = player.url(verb, "recordingStatusCallback"), verb.get("recordingStatusCallbackEvent", "completed")
    await asyncio.sleep(READY_SECONDS)
    recording.status = "completed"
    if url and "completed" in wanted.split():
        method = verb.get("recordingStatusCallbackMethod", "POST")
        await _post(exchange, recording, url, exchange.recordings.params(recording), method)
    transcript = player.url(verb, "transcribeCallback")
    if transcript and recording.source == "RecordVerb":
        await _post(exchange, recording, transcript, _transcribed(exchange, recording), "POST")


def _transcribed(exchange: Exchange, recording: Recording) -> list[tuple[str, str]]:
    return [
        ("AccountSid", recording.call.account),
        ("CallSid", recording.call.sid),
        ("RecordingSid", recording.sid),
        ("RecordingUrl", exchange.recordings.url_of(recording)),
        ("TranscriptionSid", "TR" + recording.sid[2:]),
        ("TranscriptionStatus", "completed"),
        ("TranscriptionText", TRANSCRIPT),
    ]


async def _post(exchange: Exchange, recording: Recording, url: str, params: Any, method: str) -> None:
    ways, carrier = exchange.carrier.faults.callbacks, exchange.carrier
    await asyncio.sleep(ways.delay_ms / 1000)
    if ways.drops():
        return
    for _copy in range(ways.copies()):
        answer = await carrier.caller.call(url, params, carrier.accounts.signer(recording.call.account), method)
        recording.call.callbacks.append(
            {
                "event": "recording",
                "status": recording.status,
                "http_status": answer.status,
                "attempts": answer.attempts,
            }
        )
