"""A real sandbox process on a free port, and a stand-in for omega's webhooks."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page

from tests.sandbox.browser import browse
from tests.sandbox.keys import new_key
from tests.sandbox.listener import Listener
from tests.sandbox.process import ACCOUNT, APPLICATION, KEY, SENDGRID_KEY, TOKEN, Sandbox, free_port, wait_until_up

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def omega() -> Iterator[Listener]:
    """Listens where omega would."""
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture(scope="session")
def running(omega: Listener, event_key: tuple[str, str]) -> Iterator[Sandbox]:
    """One sandbox process for all tests."""
    port = free_port()
    environ = os.environ | {
        "SANDBOX_PORT": str(port), "SANDBOX_HOST": "127.0.0.1", "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_API_KEY_SID": KEY[0], "TWILIO_API_KEY_SECRET": KEY[1],
        "TWILIO_TWIML_APP_SID": APPLICATION,
        "SENDGRID_API_KEY": SENDGRID_KEY, "PUBLIC_BASE_URL": omega.url, "OMEGA_URL_PREFIX": "omega/",
        "SENDGRID_WEBHOOK_PRIVATE_KEY": event_key[0], "INBOUND_EMAIL_BASIC_AUTH": "mail:pass word",
        "OMEGA_HOME": "/nonexistent",
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "sandbox"], env=environ, stdout=subprocess.DEVNULL, cwd=ROOT)
    wait_until_up(f"http://127.0.0.1:{port}/faults", process)
    yield Sandbox(f"http://127.0.0.1:{port}", process.pid)
    process.terminate()
    assert process.wait(timeout=2) == 0


@pytest.fixture(scope="session")
def event_key() -> tuple[str, str]:
    """A throw-away P-256 key: private (DER PKCS8) and public (DER SPKI), both base64."""
    return new_key()


@pytest.fixture
def sandbox(running: Sandbox, omega: Listener) -> Sandbox:
    """The process, cleaned of what another test left."""
    for path in ("/faults", "/ledger", "/ledger/provisioning", "/optouts", "/suppressions"):
        requests.delete(running.base_url + path, timeout=5)
    omega.reset()
    return running


@pytest.fixture
def page(sandbox: Sandbox) -> Iterator[Page]:
    """The carrier's page in a real browser."""
    with browse(sandbox.base_url) as page:
        yield page
