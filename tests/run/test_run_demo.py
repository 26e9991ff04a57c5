"""What `make run` makes up for a demo gives way to what the environment says, and stays the same."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tools import demo


def test_secrets_are_made_once_and_kept_private(tmp_path: Path) -> None:
    first = demo.kept_secrets(tmp_path)
    assert demo.kept_secrets(tmp_path) == first
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert first["TWILIO_ACCOUNT_SID"].startswith("AC")
    assert len(first["TWILIO_ACCOUNT_SID"]) == 34


def test_the_two_halves_of_the_webhook_key_belong_together() -> None:
    pair = {name: base64.b64decode(value) for name, value in demo.new_key_pair().items()}
    private = serialization.load_der_private_key(pair["SENDGRID_WEBHOOK_PRIVATE_KEY"], None)
    public = serialization.load_der_public_key(pair["SENDGRID_WEBHOOK_PUBLIC_KEY"])
    algorithm = ec.ECDSA(hashes.SHA256())
    public.verify(private.sign(b"event", algorithm), b"event", algorithm)


def test_the_environment_wins(tmp_path: Path) -> None:
    given = {
        "PUBLIC_BASE_URL": "https://tunnel.example.com",
        "TWILIO_ACCOUNT_SID": "AC" + "7" * 32,
        "TWILIO_API_BASE_URL": "http://127.0.0.1:9999",
        "SECRET_KEY": "",
    }
    environment = dict(given)
    demo.complete(environment, tmp_path, 8000, 8001)
    assert {name: environment[name] for name in given if given[name]} == {n: v for n, v in given.items() if v}
    assert environment["SECRET_KEY"], "an empty secret is none"
    assert environment["SENDGRID_API_BASE_URL"] == "http://127.0.0.1:8001"


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, True),
        ({"TWILIO_API_BASE_URL": "http://carrier"}, True),
        ({"TWILIO_API_BASE_URL": "http://carrier", "SENDGRID_API_BASE_URL": ""}, False),
        ({"DEBUG": "false"}, False),
    ],
)
def test_the_sandbox_runs_in_a_demo_that_names_no_other_carrier(environment: dict[str, str], wanted: bool) -> None:
    assert demo.wants_sandbox(environment) is wanted


def test_a_proxy_of_the_machine_is_bypassed_on_the_loopback_interface() -> None:
    environment = {"NO_PROXY": "internal.example.com"}
    demo.bypass_proxies(environment)
    assert environment["NO_PROXY"] == "internal.example.com,127.0.0.1,localhost"
    assert environment["no_proxy"] == "127.0.0.1,localhost"
