"""A sandbox carrier for the tests that run in process."""

import os
import subprocess
import sys

import pytest
from django.conf import settings as omega
from django.test import override_settings

from messaging.providers.registry import registry
from messaging.services import carriers
from tests.onboarding.world import Carrier
from tests.support.processes import wait_for
from tools import probes, programs

_NAMES = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY_SID", "TWILIO_API_KEY_SECRET", "SENDGRID_API_KEY")


@pytest.fixture(scope="session")
def running_carrier():
    port = probes.free_port()
    environ = os.environ | {name: getattr(omega, name) for name in _NAMES}
    environ |= {"SANDBOX_PORT": str(port), "PUBLIC_BASE_URL": "http://127.0.0.1:1", "OMEGA_HOME": "/nonexistent"}
    process = subprocess.Popen([sys.executable, "-m", "sandbox"], env=environ, cwd=programs.ROOT)
    try:
        assert wait_for(lambda: probes.answers(port, "/ledger"), 20)
        yield Carrier(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(timeout=5)


@pytest.fixture
def carrier(running_carrier):
    """The carrier, well and with nothing made, at which omega's settings point."""
    for path in ("/faults", "/ledger", "/ledger/provisioning"):
        running_carrier.ask("DELETE", path)
    url = running_carrier.url
    with override_settings(TWILIO_API_BASE_URL=url, SENDGRID_API_BASE_URL=url):
        registry._made.clear()
        carriers.forget()
        yield running_carrier
    registry._made.clear()
    carriers.forget()
