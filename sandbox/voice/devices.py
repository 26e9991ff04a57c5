"""Devices: browsers and phones of staff that registered with an access token, as many as there are identities."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.accounts import Accounts
from sandbox.ledger import iso
from sandbox.voice.tokens import Grant, read_token

if TYPE_CHECKING:
    from sandbox.voice.call import Call

MOST_WAITING = 64


@dataclass(slots=True)
class Device:
    """One identity of one account, while its token lives."""

    grant: Grant
    listeners: set[asyncio.Queue[bytes | None]] = field(default_factory=set)

    @property
    def name(self) -> str:
        """How a call names it."""
        return f"client:{self.grant.identity}"

    @property
    def alive(self) -> bool:
        """Whether its token still lives."""
        return self.grant.expires_at > time.time()

    def as_shown(self) -> dict[str, Any]:
        """What the control calls say of it."""
        return {
            "identity": self.grant.identity,
            "account_sid": self.grant.account,
            "application_sid": self.grant.application,
            "incoming_allow": self.grant.incoming,
            "params": self.grant.parameters,
            "expires_at": iso(self.grant.expires_at),
            "listening": bool(self.listeners),
        }


class Devices:
    """Devices by account and identity."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._devices: dict[tuple[str, str], Device] = {}

    def register(self, token: str) -> Device:
        """Take a device in by its token, or renew one; raises TokenError."""
        grant = read_token(token, self._accounts)
        device = self._devices.setdefault((grant.account, grant.identity), Device(grant))
        device.grant = grant
        return device

    def forget(self, identity: str | None = None) -> None:
        """Unregister one identity, or all."""
        for key in [key for key in self._devices if identity in {None, key[1]}]:
            device = self._devices.pop(key)
            for listener in list(device.listeners):
                device.listeners.discard(listener)
                if not listener.full():  # a full one ends by not being a listener any more
                    listener.put_nowait(None)

    def all(self) -> list[Device]:
        """Every device, in the order of registering."""
        return list(self._devices.values())

    def find(self, identity: str) -> Device | None:
        """The device that registered last under this identity, whatever its account."""
        found = [device for (_, name), device in self._devices.items() if name == identity and device.alive]
        return found[-1] if found else None

    def reachable(self, identity: str, account: str) -> Device | None:
        """The device that may be called: registered in this account, and its token allows calls in."""
        device = self._devices.get((account, identity))
        return device if device and device.alive and device.grant.incoming else None

    def listens(self, name: str, account: str) -> bool:
        """Whether a device has its stream of events open: then a person decides."""
        device = self._devices.get((account, name.removeprefix("client:")))
        return bool(name.startswith("client:") and device and device.listeners)

    def tell(self, call: "Call") -> None:
        """Tell a leg's device how the leg is."""
        for name in {call.from_, call.to}:
            device = self._devices.get((call.account, name.removeprefix("client:")))
            if device and name == device.name and device.listeners:
                change = orjson.dumps(call.as_shown() | {"parameters": call.parameters})
                for listener in list(device.listeners):
                    if listener.full():
                        device.listeners.discard(listener)
                    else:
                        listener.put_nowait(change)
