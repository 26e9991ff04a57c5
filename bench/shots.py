"""Requests before they are fired: built once, kept as files, so that building them costs no measurement anything."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

# A statement with its parameters, as omega gave it to psycopg.
Statement = tuple[str, Any]


class Shot(NamedTuple):
    """One HTTP request."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def wire(self, host: str) -> bytes:
        """The request's bytes, for a connection that is kept open."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


def keep(path: Path, content: Sequence[Any]) -> None:
    """Write shots or statements to a file."""
    path.write_bytes(pickle.dumps(list(content), protocol=pickle.HIGHEST_PROTOCOL))


def kept(path: Path) -> list[Any]:
    """Read what `keep` wrote."""
    return pickle.loads(path.read_bytes())  # type: ignore[no-any-return]
