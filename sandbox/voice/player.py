"""Plays TwiML on one leg: asks for documents, does what their verbs say, and notes what was heard."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import urljoin

from sandbox.callbacks import Answer
from sandbox.provisioning.hooks import Hook
from sandbox.voice.call import Call
from sandbox.voice.exchange import Exchange
from sandbox.voice.twiml import TwimlError, Verb, parse, verbs_in
from sandbox.voice.vocabulary import SCHEMA, WHISPERED
from sandbox.voice.wire import call_params

APOLOGY = "We are sorry, an application error has occurred. Goodbye."
MORE_INFO = "https://www.twilio.com/docs/api/errors/{}"
CHARACTERS_A_SECOND = 15
MOST_DOCUMENTS = 200
SIGNAL_POLL_SECONDS = 0.02


class Ended(Exception):
    """The leg is over: its party hung up, or the document says so."""


class Redirected(Exception):
    """A REST update gave the leg another document."""


class Next(NamedTuple):
    """The document to go on with; `more` is what its request says besides."""

    url: str
    method: str
    more: dict[str, str]


class Player:
    """One leg's player. `whisper` plays to a callee alone, before the bridge: fewer verbs, and no answering."""

    def __init__(self, exchange: Exchange, call: Call, hook: Hook, *, whisper: bool = False) -> None:
        self.exchange, self.call, self.hook, self.whisper = exchange, call, hook, whisper
        self.base = hook.url
        self._documents = 0

    async def run(self, first: Next | None) -> None:
        """Play from the first document (None: the hook's own) until there is no more, or the leg is over."""
        following: Next | None = first or Next(self.hook.url, self.hook.method, {})
        while following is not None:
            try:
                following = await self._play_one(following)
            except Redirected:
                following = self._redirection()

    async def _play_one(self, following: Next) -> Next | None:
        self.raise_if_over()
        verbs = await self._ask(following)
        self.raise_if_over()
        return await self.play(verbs)

    def _redirection(self) -> Next | None:
        url, method, document = self.call.redirect or ("", "", "")
        self.call.redirect = None
        return Next(url, method, {"": document}) if url or document else None

    # ---- documents

    async def _ask(self, following: Next) -> tuple[Verb, ...]:
        document = following.more.get("")
        self._documents += 1
        try:
            if self._documents > MOST_DOCUMENTS:
                raise TwimlError(SCHEMA, f"The call went through {MOST_DOCUMENTS} documents, and no end is in sight.")
            return parse(document) if document else await self._fetch(following)
        except TwimlError as fault:
            self.blame(fault, following.url)
            if not self.hook.fallback_url or following.url == self.hook.fallback_url:
                await self._apologise()
            why = {"ErrorCode": str(fault.code), "ErrorUrl": following.url}
            return await self._ask(Next(self.hook.fallback_url, self.hook.fallback_method, why))

    async def _fetch(self, following: Next) -> tuple[Verb, ...]:
        self.base = urljoin(self.base, following.url)
        more = following.more or (None if self._documents == 1 else {})
        answer = await self.request(self.base, following.method, more)
        return verbs_in(answer)

    async def request(self, url: str, method: str, more: dict[str, str] | None) -> Answer:
        """Ask one of the app's URLs about this leg, signed."""
        carrier = self.exchange.carrier
        params = call_params(self.call, more)
        answer = await carrier.caller.call(url, params, carrier.accounts.signer(self.call.account), method)
        self.call.requests.append(
            {"url": url, "http_status": answer.status, "attempts": answer.attempts, "twiml": answer.body[:4000]}
        )
        return answer

    def blame(self, fault: TwimlError, url: str) -> None:
        """Put an error where Twilio's debugger would show it."""
        more_info = MORE_INFO.format(fault.code)
        self.call.errors.append({"code": fault.code, "message": fault.message, "url": url, "more_info": more_info})

    async def _apologise(self) -> None:
        if self.call.phone.hung_up:
            raise Ended
        self.answer()
        await self.speak(APOLOGY)
        raise Ended

    # ---- verbs

    async def play(self, verbs: tuple[Verb, ...]) -> Next | None:
        """Do the verbs in order; the first that names another document ends this one."""
        for verb in verbs:
            self._check(verb)
            following = await PLAYS[verb.name](self, verb)
            if following is not None:
                return following
            self.raise_if_over()
        return None

    def _check(self, verb: Verb) -> None:
        if self.whisper and verb.name not in WHISPERED:
            self.blame(TwimlError(SCHEMA, f"<{verb.name}> may not be whispered to a callee."), self.base)
            raise Ended
        if verb.name != "Reject" and verb.name != "Pause" and not verb.flag("answerOnBridge"):
            self.answer()
        self.note(verb)

    def note(self, verb: Verb) -> None:
        """Keep what was played, for the ledger."""
        nouns = [_noted(noun) for noun in verb.children if verb.name == "Dial"]
        entry: dict[str, Any] = {"verb": verb.name, **verb.attributes}
        entry |= {"text": verb.words} if verb.words else {}
        self.call.played.append(entry | ({"nouns": nouns} if nouns else {}))

    def answer(self) -> None:
        """The leg is answered from now on, if it was not."""
        if not self.whisper and self.call.answered_at is None:
            self.exchange.reach(self.call, "in-progress")

    def url(self, verb: Verb, name: str) -> str:
        """An attribute that is a URL, made whole by the document's own; nothing where it is not there."""
        value = verb.get(name)
        return urljoin(self.base, value) if value else ""

    def action(self, verb: Verb, more: dict[str, str]) -> Next | None:
        """What a verb's `action` goes on with."""
        url = self.url(verb, "action")
        return Next(url, verb.get("method", "POST"), more) if url else None

    # ---- waiting

    def raise_if_over(self) -> None:
        """Raise Ended or Redirected where there is reason to."""
        phone = self.call.phone
        if phone.hung_up or self.call.ended:
            raise Ended
        if self.call.redirect is not None:
            raise Redirected
        phone.signal.clear()

    async def wait(self, seconds: float) -> bool:
        """Let time pass: a person's at its pace, a script's not at all. True where keys were pressed meanwhile."""
        if not self.call.phone.live:
            await asyncio.sleep(0)
            self.raise_if_over()
            return bool(self.call.phone.keys)
        try:
            await asyncio.wait_for(self.call.phone.signal.wait(), seconds)
        except TimeoutError:
            return False
        self.raise_if_over()
        return bool(self.call.phone.keys)

    async def speak(self, words: str) -> None:
        """Say something into the leg."""
        self.call.spoken.append(words)
        self.exchange.tell(self.call, "hears")
        await self.wait(0.6 + len(words) / CHARACTERS_A_SECOND)


def _noted(noun: Verb) -> dict[str, Any]:
    noted: dict[str, Any] = {"verb": noun.name, **noun.attributes, "to": noun.words}
    for child in noun.children:
        noted[child.name.lower()] = child.words or child.attributes
    return noted


Play = Callable[[Player, Verb], Awaitable[Next | None]]
PLAYS: dict[str, Play] = {}
