"""Measures how many sends a running sandbox takes: `python -m tests.sandbox.measure_rate PORT [SENDS] [CONNECTIONS]`.

It speaks bare HTTP over kept connections, so that the sandbox and not the client is what is measured.
"""

import asyncio
import os
import sys
import time
from base64 import b64encode
from collections.abc import Iterable

import uvloop

ACCOUNT = os.environ.get("TWILIO_ACCOUNT_SID") or "AC00000000000000000000000000000001"
TOKEN = os.environ.get("TWILIO_AUTH_TOKEN") or "0" * 32
MOST_SENDS = 200_000


def request(number: int) -> bytes:
    """One send with a body and a recipient of its own."""
    body = f"To=%2B1555{2_000_000 + number}&From=%2B15017122661&Body=Hello+number+{number}".encode()
    head = (
        f"POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Basic {b64encode(f'{ACCOUNT}:{TOKEN}'.encode()).decode()}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nUser-Agent: measure\r\nAccept: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def connection(port: int, numbers: Iterable[int]) -> int:
    """Send over one connection; returns how many were accepted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    accepted = 0
    for number in numbers:
        writer.write(request(number))
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        accepted += head.startswith(b"HTTP/1.1 201")
    writer.close()
    return accepted


async def measure(port: int, sends: int, connections: int) -> None:
    """Print the rate."""
    began = time.perf_counter()
    work = (connection(port, range(first, sends, connections)) for first in range(connections))
    accepted = sum(await asyncio.gather(*work))
    seconds = time.perf_counter() - began
    print(f"{accepted} of {sends} accepted, {connections} connections: {sends / seconds:.0f}/s")  # noqa: T201


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]] + [20_000, 32][len(sys.argv) - 2 :]
    uvloop.run(measure(given[0], min(given[1], MOST_SENDS), given[2]))
