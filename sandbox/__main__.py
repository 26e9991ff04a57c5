"""The entry point: `python -m sandbox` serves the carrier until it gets SIGTERM or SIGINT."""

import asyncio
import contextlib
import os
import signal
import sys

import uvloop
from aiohttp import web

from sandbox.app import make_app
from sandbox.settings import Settings

SHUTDOWN_SECONDS = 0.5
IDLE_CONNECTION_SECONDS = 75


async def serve(settings: Settings) -> None:
    """Listen until a signal asks to stop; answers in progress get half a second."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(
        make_app(settings),
        access_log=None,
        shutdown_timeout=SHUTDOWN_SECONDS,
        keepalive_timeout=IDLE_CONNECTION_SECONDS,
    )
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port, backlog=2048).start()
    sys.stdout.write(f"sandbox carrier: {settings.base_url}\n")
    sys.stdout.flush()
    await stop.wait()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(runner.cleanup(), SHUTDOWN_SECONDS * 3)


def main() -> None:
    """Run the carrier with the settings that the environment gives."""
    try:
        settings = Settings.from_environ(os.environ)
    except ValueError as fault:
        sys.exit(f"sandbox: {fault}")
    uvloop.run(serve(settings))


if __name__ == "__main__":
    main()
