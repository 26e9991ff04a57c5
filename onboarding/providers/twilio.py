"""Setting up at Twilio: subaccounts, numbers, the TwiML application, API keys (checked against twilio 9.13).

None of these calls has an idempotency key: each thing is made under a FriendlyName of ours, by which it is found.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from messaging.providers.twilio import LeanHttpClient
from messaging.providers.wire import CutOff, NeverLeft
from onboarding.providers.base import Hooks, NotNow, OwnedNumber, Refused, SubAccount, Taken, Wish

T = TypeVar("T")
# Twilio's words to a sentence that says what a person must do (twilio.com/docs/api/errors); a code that is not here
# is shown as Twilio worded it.
SENTENCES = {
    20003: "Twilio refuses the account's SID or auth token: give the right ones, then retry.",
    20005: "The Twilio account is not active: reactivate it in Twilio's console, then retry.",
    20404: "Twilio knows no such account, number or country: check what was asked for, then retry.",
    20008: "These are Twilio's test credentials: give the live ones, then retry.",
    21404: "A trial account may own one number only: upgrade the Twilio account, then retry.",
    21421: "Twilio takes this for no phone number: correct it, then retry.",
    21422: "The number is not to be had from Twilio: port it to Twilio, or ask for another, then retry.",
    21451: "Twilio knows no such area code: ask for another, then retry.",
    21452: "Twilio has no number left in this area code: ask for another, then retry.",
    21615: "Numbers of this country need an address: add one in Twilio's console, then retry.",
    21631: "Numbers of this country need an address: add one in Twilio's console, then retry.",
    21649: "Numbers of this country need a regulatory bundle: add one in Twilio's console, then retry.",
}
_TAKEN = {21422, 21421}
_KINDS = {"local": "local", "toll_free": "toll_free", "mobile": "mobile"}
_POOL = 8
# More than this many things under one name there cannot be.
_PAGE = 20


class TwilioSetup:
    """One account's resources, by its auth token: an API key may not manage accounts and keys."""

    def __init__(self, account_id: str, auth_token: str, base_url: str = "") -> None:
        self.account_id = account_id
        self._client = Client(account_id, auth_token, account_id, http_client=LeanHttpClient(base_url, _POOL))
        self._api = self._client.api.v2010
        self._own = self._api.accounts(account_id)

    def find_subaccount(self, name: str) -> SubAccount | None:
        """The account made under this name; the oldest, were there several."""
        found = _asked(lambda: self._api.accounts.list(friendly_name=name, limit=_PAGE))
        living = [one for one in found if one.status != "closed"]
        return _subaccount(living[-1]) if living else None

    def make_subaccount(self, name: str) -> SubAccount:
        """A new account under this one."""
        return _asked(lambda: _subaccount(self._api.accounts.create(friendly_name=name)))

    def check(self) -> SubAccount:
        """The account itself; Refused where its credentials are wrong."""
        return _asked(lambda: _subaccount(self._own.fetch()))

    def find_application(self, name: str) -> str | None:
        """The TwiML application's sid under this name."""
        found = _asked(lambda: self._own.applications.list(friendly_name=name, limit=_PAGE))
        return str(found[-1].sid) if found else None

    def make_application(self, name: str, hooks: Hooks) -> str:
        """A TwiML application for calls that a browser or phone app places; its sid."""
        made = _asked(
            lambda: self._own.applications.create(
                friendly_name=name,
                voice_url=hooks.voice_url,
                voice_method="POST",
                status_callback=hooks.voice_status_url,
                status_callback_method="POST",
            )
        )
        return str(made.sid)

    def drop_keys(self, name: str) -> int:
        """Remove the API keys under this name: their secret was shown once, to somebody who is gone; how many."""
        found = [one for one in _asked(lambda: self._own.keys.list(limit=1000)) if one.friendly_name == name]
        for one in found:
            _asked(lambda sid=one.sid: self._own.keys(sid).delete())  # type: ignore[misc]
        return len(found)

    def make_key(self, name: str) -> tuple[str, str]:
        """An API key's sid and secret."""
        made = _asked(lambda: self._own.new_keys.create(friendly_name=name))
        return str(made.sid), str(made.secret)

    def find_number(self, number: str) -> OwnedNumber | None:
        """The account's number that is exactly this one."""
        found = _asked(lambda: self._own.incoming_phone_numbers.list(phone_number=number, limit=_PAGE))
        return next((_number(one) for one in found if one.phone_number == number), None)

    def find_named(self, name: str) -> OwnedNumber | None:
        """The number that was bought under this name."""
        found = _asked(lambda: self._own.incoming_phone_numbers.list(friendly_name=name, limit=_PAGE))
        return _number(found[-1]) if found else None

    def buyable(self, wish: Wish, *, most: int) -> list[str]:
        """Numbers that may be bought, at most so many."""
        rows = getattr(self._own.available_phone_numbers(wish.country), _KINDS[wish.kind])
        wanted: dict[str, Any] = {"sms_enabled": True, "limit": most, "page_size": most}
        if wish.area_code:
            wanted["area_code"] = wish.area_code
        if wish.contains:
            wanted["contains"] = wish.contains
        return [str(one.phone_number) for one in _asked(lambda: rows.list(**wanted))]

    def buy(self, number: str, name: str, hooks: Hooks) -> OwnedNumber:
        """Buy a number, named and pointed at omega at once. Taken where somebody else has it."""
        return _asked(
            lambda: _number(
                self._own.incoming_phone_numbers.create(phone_number=number, friendly_name=name, **_urls(hooks))
            )
        )

    def point(self, number: OwnedNumber, hooks: Hooks) -> None:
        """Have a number's texts and calls told to omega."""
        _asked(lambda: self._own.incoming_phone_numbers(number.number_id).update(**_urls(hooks)))

    def give(self, number: OwnedNumber, account_id: str) -> None:
        """Move a number of this account to another one under it."""
        _asked(lambda: self._own.incoming_phone_numbers(number.number_id).update(account_sid=account_id))


def _urls(hooks: Hooks) -> dict[str, Any]:
    return {
        "sms_url": hooks.sms_url,
        "sms_method": "POST",
        "voice_url": hooks.voice_url,
        "voice_method": "POST",
        "status_callback": hooks.voice_status_url,
        "status_callback_method": "POST",
    }


def _asked(question: Callable[[], T]) -> T:
    """The answer; Refused with a sentence, or NotNow."""
    try:
        return question()
    except TwilioRestException as error:
        raise _trouble(error) from error
    except NeverLeft as error:
        raise NotNow(f"Twilio cannot be reached ({error}).") from error
    except TwilioException as error:
        raise _trouble(_of_a_list(error)) from error
    except CutOff as error:
        raise NotNow(f"Twilio did not answer ({error}).") from error
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise NotNow("Twilio's answer could not be read.") from error


def _of_a_list(error: TwilioException) -> TwilioRestException:
    """What is behind "Unable to fetch page": the SDK's lists hide the code in the answer that they hand over."""
    answer: Any = error.args[1] if len(error.args) > 1 else None
    try:
        told = json.loads(answer.text)
        return TwilioRestException(int(answer.status_code), "", str(told.get("message", "")), int(told.get("code", 0)))
    except (AttributeError, TypeError, ValueError):
        return TwilioRestException(int(getattr(answer, "status_code", 503)), "", str(error)[:200])


def _trouble(error: TwilioRestException) -> Exception:
    code = error.code or error.status
    if error.status == 429 or error.status >= 500 or error.status < 400:
        return NotNow(f"Twilio answers {error.status} for now.")
    sentence = SENTENCES.get(code, f"Twilio refuses it ({code}): {str(error.msg)[:200]}")
    return (Taken if code in _TAKEN else Refused)(sentence, str(code))


def _subaccount(one: Any) -> SubAccount:
    if not isinstance(one.sid, str) or not one.sid:
        raise ValueError("the answer names no account")
    return SubAccount(one.sid, str(one.auth_token or ""), str(one.status))


def _number(one: Any) -> OwnedNumber:
    if not isinstance(one.sid, str) or not one.sid:
        raise ValueError("the answer names no number")
    return OwnedNumber(one.sid, str(one.phone_number))
