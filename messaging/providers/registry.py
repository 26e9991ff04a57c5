"""The providers that there are, filled by hand. Adding one: CONTRIBUTING.md."""

from collections.abc import Callable

from messaging.providers.base import Provider


class Registry:
    """Providers by name, each made on first use in a process."""

    def __init__(self) -> None:
        self._makers: dict[str, Callable[[], Provider]] = {}
        self._made: dict[str, Provider] = {}

    def register(self, name: str, make: Callable[[], Provider]) -> None:
        self._makers[name] = make

    def get(self, name: str) -> Provider | None:
        """The provider of this name; None where there is none."""
        if name not in self._made and name in self._makers:
            self._made[name] = self._makers[name]()
        return self._made.get(name)


registry = Registry()
