"""The exchange: every call, the devices and phones that it knows, and the events that it reports."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from aiohttp import web

from sandbox.carrier import Carrier
from sandbox.ledger import iso
from sandbox.numbers import SILENT
from sandbox.voice.call import Call, Phone
from sandbox.voice.devices import Devices
from sandbox.voice.recordings import Recordings
from sandbox.voice.script import Script
from sandbox.voice.wire import status_params

EVENTS = {"initiated": "initiated", "ringing": "ringing", "in-progress": "answered"}  # every other status: completed
LONGEST_CHAIN_SECONDS = 60
MOST_KEPT = 5000

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Progress:
    """Where a leg's events are told, which of them, and how many were."""

    url: str
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})
    told: int = 0


class Exchange:
    """All of voice's state; lost at the end, and with DELETE /ledger."""

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier
        self.devices = Devices(carrier.accounts)
        self.recordings = Recordings(carrier.settings.base_url)
        self.calls: dict[str, Call] = {}  # oldest first, legs too
        self.standing: dict[str, Script] = {}  # phone, or "*": how it behaves in every call
        self._progress: dict[str, Progress] = {}
        self._held: dict[str, list[partial[Coroutine[Any, Any, None]]]] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        carrier.ledger.forgetting.append(self.forget)

    def forget(self) -> None:
        """End what runs without a word, and forget every call and recording."""
        for task in list(self._tasks):
            task.cancel()
        self.calls.clear()
        self.recordings.clear()
        for kept in (self._progress, self._held, self._turns):
            kept.clear()

    async def close(self) -> None:
        """Stop everything at the end of the program."""
        self.forget()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something on its own; a fault in it is logged and hurts nothing else."""
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _guarded(work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            logger.exception("A call's work failed; the others go on.")

    # ---- calls

    def open(self, call: Call, progress: Progress | None = None) -> Call:
        """Take a new leg in; a top-level one becomes evidence."""
        self.calls[call.sid] = call
        while len(self.calls) > MOST_KEPT:
            del self.calls[next(iter(self.calls))]
        if call.parent is None:
            self.carrier.ledger.accept(call)
        if progress is not None and progress.url:
            self._progress[call.sid] = progress
        self.tell(call)
        return call

    def reach(self, call: Call, status: str) -> None:
        """A leg comes to a status, and its event is told to whom asked for it; an ended leg stays as it is."""
        if call.ended:
            return
        call.status = call.phase = status
        call.updated_at = time.time()
        if status == "in-progress":
            call.answered_at = call.updated_at
        if call.ended:
            call.ended_at = call.updated_at
            call.over.set()
        self._report(call, EVENTS.get(status, "completed"))
        self.tell(call)

    def tell(self, call: Call, phase: str = "") -> None:
        """Let the page and the devices see a call as it is now."""
        call.phase = phase or call.phase
        top = call.parent or call
        self.carrier.hub.tell(lambda: {"type": "call", "call": top.as_shown()})
        self.devices.tell(call)

    # ---- phones

    def phone_of(self, name: str, script: Script, account: str) -> Phone:
        """The phone of a number or a `client:`: by the call's script, its own, a person, or as phones mostly do."""
        own = script.phones.get(name) or (script if script.answer else None)
        own = own or self.standing.get(name) or self.standing.get("*")
        if own is not None:
            return Phone(own, said=script)
        if self.is_watched(name, account):
            return Phone(Script(), live=True, said=script)
        return Phone(replace(script, answer=self._usual(name), phones={}), said=script)

    def is_watched(self, name: str, account: str) -> bool:
        """Whether a person may answer: at the page, or at a device that listens."""
        return bool(self.carrier.hub.listeners) or self.devices.listens(name, account)

    def _usual(self, name: str) -> str:
        magic = self.carrier.magic(name)
        if magic is None:
            return "yes"
        return "failed" if magic.mode == "reject" else "no-answer" if magic.outcome == SILENT else "yes"

    # ---- events

    def _report(self, call: Call, event: str) -> None:
        progress = self._progress.get(call.sid)
        if progress is None or event not in progress.events:
            return
        sequence, progress.told = progress.told, progress.told + 1
        ways = self.carrier.faults.callbacks
        job = partial(self._post, call, event, progress, sequence, status_params(call, sequence))
        jobs = [] if ways.drops() else [job] * ways.copies()
        if ways.shuffle:
            jobs = self._held.setdefault(call.sid, []) + jobs
            self._held[call.sid] = jobs
            if not call.ended:
                return
            jobs = self._held.pop(call.sid)[::-1]
        for one in jobs:
            self.spawn(one())

    async def _post(self, call: Call, event: str, progress: Progress, sequence: int, params: Any) -> None:
        """Send one event, in its turn: where all is well, a leg's events arrive as they happened."""
        await asyncio.sleep(self.carrier.faults.callbacks.delay_ms / 1000)
        async with self._turns.setdefault(call.sid, asyncio.Lock()):
            at = time.time()
            signer = self.carrier.accounts.signer(call.account)
            answer = await self.carrier.caller.call(progress.url, params, signer, progress.method)
        call.callbacks.append(
            {
                "event": event,
                "status": dict(params)["CallStatus"],
                "sequence": sequence,
                "at": iso(at),
                "attempts": answer.attempts,
                "http_status": answer.status,
            }
        )


EXCHANGE: web.AppKey[Exchange] = web.AppKey("exchange", Exchange)
