"""A rate per key: a fixed window counted in Redis; when Redis is away, requests pass."""

import re
from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured

_SECONDS = {"s": 1, "min": 60, "h": 3600}


class Rate(NamedTuple):
    """`requests` in each window of `seconds`."""

    requests: int
    seconds: int


def parse_rate(text: str) -> Rate | None:
    """`1200/min` as a Rate, `off` as None; the start ends with a sentence where it is neither."""
    if text.strip().lower() == "off":
        return None
    match = re.match(r"^(\d+)/(s|min|h)\Z", text.strip())
    if not match or int(match[1]) < 1:
        raise ImproperlyConfigured(f"API_RATE_LIMIT must be N/s, N/min, N/h or off; it is {text!r}.")
    return Rate(int(match[1]), _SECONDS[match[2]])


class Window(NamedTuple):
    """What a key has left: `remaining` requests for the next `reset` seconds."""

    rate: Rate
    remaining: int
    reset: int
