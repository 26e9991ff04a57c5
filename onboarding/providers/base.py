"""What setting up at a provider can come to, in our words."""

from collections.abc import Sequence
from dataclasses import dataclass


class Refused(Exception):
    """The provider said no, and will again until a person changes something: the sentence says what.

    `code` is the provider's own, or its HTTP status.
    """

    def __init__(self, sentence: str, code: str = "") -> None:
        super().__init__(sentence)
        self.code = code


class Taken(Refused):
    """The number that was to be bought is somebody else's by now."""


class NotNow(Exception):
    """Overloaded, unreachable or silent: it may pass by itself.

    Nobody knows whether a request that was cut was carried out: who tries again looks first.
    """


@dataclass(frozen=True, slots=True)
class Hooks:
    """The URLs at which omega hears of texts to a number, calls to it, and their course."""

    sms_url: str
    voice_url: str
    voice_status_url: str


@dataclass(frozen=True, slots=True)
class SubAccount:
    """An account under the platform's own. `status` is the provider's word: active, suspended or closed."""

    account_id: str
    auth_token: str
    status: str


@dataclass(frozen=True, slots=True)
class OwnedNumber:
    """A number that an account has."""

    number_id: str
    number: str


@dataclass(frozen=True, slots=True)
class Wish:
    """A number to buy: `kind` is local, toll_free or mobile; `country` ISO 3166."""

    country: str
    kind: str = "local"
    area_code: str = ""
    contains: str = ""


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """A record to publish; `reason` says what was found instead, where somebody looked."""

    kind: str
    host: str
    data: str
    is_valid: bool = False


@dataclass(frozen=True, slots=True)
class MailDomain:
    """A domain whose mail the provider signs, once its records are published."""

    domain_id: int
    domain: str
    is_valid: bool
    records: Sequence[DnsRecord]
