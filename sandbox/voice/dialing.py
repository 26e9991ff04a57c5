"""The verb <Dial>: rings its nouns together, bridges the first to answer, and tells its action how it went."""

import asyncio
import time
from dataclasses import dataclass, field

from sandbox.provisioning.hooks import Hook
from sandbox.provisioning.register import NUMBER
from sandbox.voice.call import BY_DIAL, Call
from sandbox.voice.exchange import Exchange, Progress
from sandbox.voice.player import Ended, Next, Player
from sandbox.voice.recording import keep
from sandbox.voice.recordings import Recording
from sandbox.voice.twiml import TwimlError, Verb, identity_of, parameters_of
from sandbox.voice.vocabulary import CALLER_ID

TIMEOUT_SECONDS, LIMIT_SECONDS = 30, 14_400
ENDS = {"busy": "busy", "no-answer": "no-answer", "failed": "failed", "reject": "busy"}
WORST_FIRST = ("no-answer", "busy", "failed", "canceled")


@dataclass(slots=True)
class Result:
    """How a Dial went."""

    status: str = "no-answer"
    leg: Call | None = None
    recording: Recording | None = None
    legs: list[Call] = field(default_factory=list)

    def as_params(self, player: Player) -> dict[str, str]:
        """What the action is told."""
        leg = self.leg or (self.legs[-1] if self.legs else None)
        params = {"DialCallStatus": self.status, "DialBridged": "true" if self.leg else "false"}
        if leg is not None:
            params |= {"DialCallSid": leg.sid}
        if self.leg is not None:
            params |= {"DialCallDuration": str(self.leg.seconds)}
        if self.recording is not None:
            params |= {"RecordingUrl": player.exchange.recordings.url_of(self.recording)}
        return params


async def dial(player: Player, verb: Verb) -> Next | None:
    """Ring, bridge, and go on with the action; where the caller hangs up, the action is told and ends nothing."""
    result, gone = Result(), False
    try:
        await _dialed(player, verb, result)
    except Ended:
        gone = True
        result.status = result.status if result.leg else "canceled"
    except TwimlError as fault:
        player.blame(fault, player.base)
        result.status = "failed"
    if gone and player.call.answered_at is not None:
        player.exchange.reach(player.call, "completed")
    elif gone:
        player.exchange.reach(player.call, "no-answer")
    following = player.action(verb, result.as_params(player))
    if not gone:
        return following
    if following is not None:
        await player.request(following.url, following.method, following.more)
    raise Ended


async def _dialed(player: Player, verb: Verb, result: Result) -> None:
    caller = _caller_id(player, verb)
    nouns = verb.children or (Verb("Number", {}, verb.words),)
    groups = [(noun,) for noun in nouns] if verb.flag("sequential") else [nouns]
    for group in groups:
        legs = [_leg(player, noun, caller) for noun in group]
        result.legs += legs
        result.leg = await _ring(player, verb, dict(zip(legs, group, strict=True)))
        if result.leg is not None:
            await _bridge(player, verb, result)
            return
    endings = {leg.status for leg in result.legs}
    result.status = next((status for status in WORST_FIRST if status in endings), "no-answer")


def _caller_id(player: Player, verb: Verb) -> str:
    """Whom the callee sees; raises TwimlError where Twilio would not show it."""
    call, given = player.call, verb.get("callerId")
    numbers = any(noun.name == "Number" for noun in verb.children) or bool(verb.words)
    caller = given or call.from_
    if numbers and caller.startswith("client:"):
        raise TwimlError(CALLER_ID, "A number is called from a client: callerId must be a number of the account.")
    free = set() if call.from_.startswith("client:") else {call.from_, call.to}
    if given and given not in free and not given.startswith("client:"):
        owned = player.exchange.carrier.register.number(given)
        own = list(player.exchange.carrier.register.of(NUMBER, call.account))
        if (owned is not None and owned.account != call.account) or (owned is None and own):
            raise TwimlError(CALLER_ID, f"callerId {given} is no number of the account {call.account}.")
    return caller


def _leg(player: Player, noun: Verb, caller: str) -> Call:
    """One noun's leg, and where its events go."""
    exchange, call = player.exchange, player.call
    to = f"client:{identity_of(noun)}" if noun.name == "Client" else noun.words
    phone = exchange.phone_of(to, call.phone.said, call.account)
    leg = Call(account=call.account, from_=caller, to=to, direction=BY_DIAL, phone=phone, parent=call)
    leg.status = leg.phase = "queued"
    leg.parameters = parameters_of(noun) if noun.name == "Client" else {}
    events = frozenset(noun.get("statusCallbackEvent", "completed").split())
    url = player.url(noun, "statusCallback")
    return exchange.open(leg, Progress(url, noun.get("statusCallbackMethod", "POST"), events))


async def _ring(player: Player, verb: Verb, legs: dict[Call, Verb]) -> Call | None:
    """Ring legs together until one answers; the others are canceled. Raises Ended where the caller gives up."""
    player.exchange.tell(player.call, "rings")
    timeout = verb.whole("timeout", TIMEOUT_SECONDS)
    ringing = {asyncio.ensure_future(decided(player.exchange, leg, timeout)): leg for leg in legs}
    signal = asyncio.ensure_future(player.call.phone.signal.wait())
    winner: Call | None = None
    try:
        while ringing and winner is None:
            done, _ = await asyncio.wait({*ringing, signal}, return_when=asyncio.FIRST_COMPLETED)
            if signal in done:
                player.raise_if_over()
                signal = asyncio.ensure_future(player.call.phone.signal.wait())
            for task in done & set(ringing):
                leg = ringing.pop(task)
                if task.result() and winner is None:
                    winner = leg if await _accepts(player, leg, legs[leg]) else None
    finally:
        for task in [signal, *ringing]:
            task.cancel()
        for leg in legs:
            if leg is not winner:
                player.exchange.reach(leg, "canceled")
    return winner


async def decided(exchange: Exchange, leg: Call, timeout: float) -> bool:
    """Whether one leg answers in `timeout` seconds; one that does not comes to its end here."""
    exchange.reach(leg, "initiated")
    if leg.to.startswith("client:") and exchange.devices.reachable(leg.to[7:], leg.account) is None:
        exchange.reach(leg, "no-answer")
        return False
    exchange.reach(leg, "ringing")
    leg.phone.ring()
    try:
        decision = await asyncio.wait_for(asyncio.shield(leg.phone.decision), timeout)
    except TimeoutError:
        decision = "no-answer"
    if decision != "yes":
        exchange.reach(leg, ENDS.get(decision, "canceled"))
    return decision == "yes"


async def _accepts(player: Player, leg: Call, noun: Verb) -> bool:
    """The leg is answered; what its noun's `url` whispers to the callee may still end it."""
    player.exchange.reach(leg, "in-progress")
    url = player.url(noun, "url")
    if not url:
        return True
    hook = Hook(url, noun.get("method", "POST"), leg.account)
    try:
        await Player(player.exchange, leg, hook, whisper=True).run(None)
    except Ended:
        player.exchange.reach(leg, "completed")
        return False
    return True


async def _bridge(player: Player, verb: Verb, result: Result) -> None:
    """Let the two talk until one hangs up, or the time limit; the recording is made at the end."""
    call, leg = player.call, result.leg
    if leg is None:
        return
    player.answer()
    player.exchange.tell(call, "talks")
    leg.phone.talk()
    result.status = "completed"
    began = time.time()
    try:
        await _until_over(player, leg, verb.whole("timeLimit", LIMIT_SECONDS))
    finally:
        told = None if leg.phone.live else leg.phone.script.talk_seconds
        if told is not None:
            leg.tell(told - (time.time() - (leg.answered_at or began)))
        player.exchange.reach(leg, "completed")
        if verb.get("record", "false") not in {"false", "do-not-record"}:
            channels = 2 if verb.get("record").endswith("dual") else 1
            recording = Recording(call, leg.seconds, "DialVerb", channels, at=began)
            result.recording = keep(player.exchange, recording, player, verb)


async def _until_over(player: Player, leg: Call, limit: int) -> None:
    ends = time.monotonic() + limit
    while not leg.phone.hung_up and not leg.ended and time.monotonic() < ends:
        waits = [asyncio.ensure_future(side.phone.signal.wait()) for side in (player.call, leg)]
        await asyncio.wait(waits, timeout=max(ends - time.monotonic(), 0), return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        player.raise_if_over()
        if not leg.phone.hung_up:
            leg.phone.signal.clear()
