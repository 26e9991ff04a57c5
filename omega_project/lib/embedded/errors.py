"""What goes wrong with an embedded service, in a sentence for whoever started it."""

from pathlib import Path


class EmbeddedServiceError(RuntimeError):
    """A service could not be started, found or stopped."""


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a server's log, for the message of an error."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
