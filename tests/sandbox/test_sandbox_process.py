"""The program itself: it stops within two seconds whatever hangs on it, and refuses senseless settings."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from tests.sandbox.process import ACCOUNT, TOKEN, Sandbox, free_port, wait_until_up

ROOT = Path(__file__).parents[2]


def launch(**environ: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox"], env=os.environ | environ, cwd=ROOT, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_it_stops_though_streams_and_held_requests_are_open() -> None:
    port = free_port()
    process = launch(SANDBOX_PORT=str(port), TWILIO_ACCOUNT_SID=ACCOUNT, TWILIO_AUTH_TOKEN=TOKEN)
    try:
        sandbox = Sandbox(f"http://127.0.0.1:{port}", process.pid)
        wait_until_up(f"{sandbox.base_url}/faults", process)
        stream = requests.get(f"{sandbox.base_url}/events", stream=True, timeout=5)
        sandbox.faults(twilio={"mode": "timeout"})
        held = threading.Thread(target=_hold, args=(sandbox,))
        held.start()
        time.sleep(0.2)
        process.terminate()
        assert process.wait(timeout=2) == 0
        held.join(2)
        stream.close()
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()


def _hold(sandbox: Sandbox) -> None:
    with pytest.raises(requests.RequestException):
        sandbox.post(To="+15558675310", From="+15017122661", Body="x")


@pytest.mark.parametrize(
    ("name", "value"),
    [("SANDBOX_PORT", "eighty"), ("PUBLIC_BASE_URL", "omega"), ("SENDGRID_WEBHOOK_PRIVATE_KEY", "?")],
)
def test_settings_without_sense_stop_the_start_with_a_sentence(name: str, value: str) -> None:
    process = launch(**{name: value})
    assert process.wait(timeout=10) == 1
    words = process.stderr.read()
    assert words.startswith(f"sandbox: {name} must ")
    assert "Traceback" not in words
