"""The small verbs: Say, Play, Pause, Gather, Redirect, Reject and Hangup."""

from urllib.parse import urljoin

import aiohttp

from sandbox.voice.player import Ended, Next, Player
from sandbox.voice.twiml import RETRIEVAL, TwimlError, Verb

AUDIO_SECONDS = 10
AUDIO = ("audio/", "application/octet-stream")
PLAY_SECONDS = 2.0
GATHER_SECONDS = 5


async def say(player: Player, verb: Verb) -> Next | None:
    """Speak; a loop of 0 is without end, and ten times here."""
    for _ in range(min(verb.whole("loop", 1) or 10, 10)):
        await player.speak(verb.words)
    return None


async def play(player: Player, verb: Verb) -> Next | None:
    """Fetch a sound, as Twilio does, and play it; one that is none is an error, and the call goes on."""
    if verb.words:
        url = urljoin(player.base, verb.words)
        try:
            await _fetch(player, url)
        except TwimlError as fault:
            player.blame(fault, url)
    player.exchange.tell(player.call, "hears")
    await player.wait(PLAY_SECONDS)
    return None


async def _fetch(player: Player, url: str) -> None:
    carrier = player.exchange.carrier
    headers = {"X-Twilio-Signature": carrier.accounts.signer(player.call.account).sign(url)}
    timeout = aiohttp.ClientTimeout(total=AUDIO_SECONDS)
    try:
        async with carrier.caller.session.get(url, headers=headers, timeout=timeout) as answer:
            await answer.content.read(1)
            status, kind = answer.status, answer.content_type
    except (aiohttp.ClientError, TimeoutError, ValueError):
        raise TwimlError(RETRIEVAL, "The sound's address does not answer.") from None
    if status >= 300:
        raise TwimlError(RETRIEVAL, f"Got HTTP {status} instead of a sound.")
    if not kind.startswith(AUDIO):
        raise TwimlError(12300, f"The content type is {kind!r}, which is no sound.")


async def pause(player: Player, verb: Verb) -> Next | None:
    """Let time pass."""
    await player.wait(verb.whole("length", 1))
    return None


async def gather(player: Player, verb: Verb) -> Next | None:
    """Speak what is in it, and listen for keys; none: the document goes on."""
    phone = player.call.phone
    if not (phone.live and phone.keys):
        await player.play(verb.children)
    player.exchange.tell(player.call, "listens")
    while not _is_complete(player, verb):
        before = len(phone.keys)
        await player.wait(verb.whole("timeout", GATHER_SECONDS))
        if len(phone.keys) == before:
            break
    digits = _taken(player, verb)
    if digits or verb.flag("actionOnEmptyResult"):
        return player.action(verb, {"Digits": digits}) or Next(player.base, "POST", {"Digits": digits})
    return None


def _is_complete(player: Player, verb: Verb) -> bool:
    keys = player.call.phone.keys
    return len(keys) >= verb.whole("numDigits", 1000) or verb.get("finishOnKey", "#") in keys


def _taken(player: Player, verb: Verb) -> str:
    """The keys up to the number asked for, or to the key that ends them."""
    phone, taken = player.call.phone, ""
    ending, most = verb.get("finishOnKey", "#"), verb.whole("numDigits", 1000)
    while phone.keys and len(taken) < most:
        key = phone.keys.pop(0)
        if key == ending:
            break
        taken += key
    return taken


async def redirect(player: Player, verb: Verb) -> Next | None:
    """Go on with another document."""
    return Next(verb.words, verb.get("method", "POST"), {})


async def hangup(_player: Player, _verb: Verb) -> Next | None:
    """End the leg."""
    raise Ended


async def reject(player: Player, verb: Verb) -> Next | None:
    """Do not answer at all."""
    if player.call.answered_at is None:
        player.exchange.reach(player.call, "busy" if verb.get("reason") == "busy" else "failed")
    raise Ended
