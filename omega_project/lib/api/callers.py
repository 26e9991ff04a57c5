"""Who calls, as far as the lib needs to know it: the app `accounts` makes them."""

from typing import Any, Protocol, cast


class Caller(Protocol):
    """A good credential."""

    @property
    def key_id(self) -> int: ...
    @property
    def business_id(self) -> int | None: ...
    @property
    def staff_id(self) -> int | None: ...
    @property
    def token_id(self) -> int | None: ...
    def require_business(self, business_id: int) -> None: ...
    def require_platform(self) -> None: ...


def caller(request: Any) -> Caller:
    """The caller of a request that has passed authentication."""
    return cast(Caller, request.auth)
