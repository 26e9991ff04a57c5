"""The carrier's whole state in one place, handed to every request handler."""

from aiohttp import web

from sandbox.accounts import Accounts
from sandbox.callbacks import Caller
from sandbox.events import Hub
from sandbox.faults import CarrierFault, Faults
from sandbox.ledger import Ledger
from sandbox.media import MediaStore
from sandbox.numbers import Magic, magic_of
from sandbox.provisioning.register import Register
from sandbox.sendgrid.mailbox import Mailboxes
from sandbox.sendgrid.suppressions import Suppressions
from sandbox.settings import Settings

DEFAULT_SERVICE_NUMBER = "+15005550006"


class Carrier:
    """State in memory, lost at the end, and the client that calls omega."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.register = Register(settings.home)
        self.accounts = Accounts(settings, self.register)
        self.ledger = Ledger()
        self.faults = Faults()
        self.caller = Caller()
        self.hub = Hub()
        self.media = MediaStore()
        self.mailboxes = Mailboxes()
        self.suppressions = Suppressions()
        self.opted_out: set[tuple[str, str]] = set()  # (sender: number or messaging service, recipient)
        self.services: dict[str, tuple[str, ...]] = {}  # messaging service -> its numbers
        self.service_of: dict[str, str] = {}  # number -> messaging service
        self.tries: dict[str, int] = {}  # recipient -> mishaps so far, for magic that passes

    def magic(self, to: str) -> Magic | None:
        """The magic in force for a recipient."""
        return magic_of(to) if self.faults.magic else None

    def mishap(self, fault: CarrierFault, to: str | None) -> tuple[str, int | None, int]:
        """What befalls one request: mode, error code, and milliseconds for the slow ones."""
        mode = fault.draw(to)
        if mode != "none" or to is None:
            return mode, fault.code, fault.slow_ms
        magic = self.magic(to)
        if magic is None or (magic.times and not self.still_failing(to, magic.times)):
            return "none", None, 0
        return magic.mode, magic.code, magic.slow_ms

    def still_failing(self, to: str, times: int) -> bool:
        """Whether magic that passes after so many times has not passed yet; counts this one."""
        done = self.tries.get(to, 0)
        if done >= times:
            del self.tries[to]
            return False
        self.tries[to] = done + 1
        return True

    def set_service(self, sid: str, numbers: tuple[str, ...]) -> None:
        """Say which numbers a messaging service sends from."""
        self.services[sid] = numbers
        self.service_of = {number: service for service, owned in self.services.items() for number in owned}

    def service_number(self, sid: str) -> str:
        """The number that a messaging service sends from."""
        owned = self.services.get(sid)
        return owned[0] if owned else DEFAULT_SERVICE_NUMBER


CARRIER: web.AppKey[Carrier] = web.AppKey("carrier", Carrier)
