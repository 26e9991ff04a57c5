"""The providers that there are, filled by hand. Adding one: CONTRIBUTING.md."""

from collections.abc import Callable, Mapping

from messaging.providers.base import Provider

Make = Callable[[Mapping[str, str]], Provider]
_MOST = 1000


class Registry:
    """Providers by name and account, each made on first use in a process."""

    def __init__(self) -> None:
        self._makers: dict[str, Make] = {}
        self._made: dict[tuple[str, int | None, str], Provider] = {}

    def register(self, name: str, make: Make) -> None:
        """`make` gets an account's credentials; an empty mapping means the platform's own account."""
        self._makers[name] = make

    def knows(self, name: str) -> bool:
        """Whether there is a provider of this name."""
        return name in self._makers

    def get(
        self, name: str, account: int | None = None, version: str = "", credentials: Mapping[str, str] | None = None
    ) -> Provider | None:
        """The provider of this name for an account (None: the platform's own); None where there is no such provider.

        `version` changes with the account's credentials, so that old ones are not used on.
        """
        key = (name, account, version)
        if key not in self._made and name in self._makers:
            if len(self._made) >= _MOST:
                self._made.clear()
            self._made[key] = self._makers[name](credentials or {})
        return self._made.get(key)


registry = Registry()
