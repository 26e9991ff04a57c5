"""The demo's environment: what neither the environment nor .env says, made once and kept in OMEGA_HOME."""

import base64
import os
import secrets
from collections.abc import MutableMapping
from pathlib import Path

import environ
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from . import files
from .programs import ROOT

LOOPBACK = "127.0.0.1,localhost"
CARRIER_URLS = ("TWILIO_API_BASE_URL", "SENDGRID_API_BASE_URL")


def load_dotenv(environment: MutableMapping[str, str]) -> None:
    """Take in what .env says and the environment does not."""
    path = ROOT / ".env"
    if path.exists() and environment is os.environ:
        environ.Env.read_env(path)


def is_debug(environment: MutableMapping[str, str]) -> bool:
    """Whether this is a demo; it is one unless somebody says otherwise."""
    return environment.get("DEBUG", "true").strip().lower() in environ.Env.BOOLEAN_TRUE_STRINGS


def wants_sandbox(environment: MutableMapping[str, str]) -> bool:
    """Whether the sandbox carrier is to run: in a demo, unless both providers are named by an address.

    An empty address counts: it names the real provider.
    """
    return is_debug(environment) and not all(name in environment for name in CARRIER_URLS)


def complete(environment: MutableMapping[str, str], home: Path, port: int, sandbox_port: int) -> None:
    """Fill in the demo's settings, where the environment has none of its own."""
    carrier = f"http://127.0.0.1:{sandbox_port}"
    for name in CARRIER_URLS:
        environment.setdefault(name, carrier)
    fixed = {
        "DEBUG": "true",
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "INBOUND_EMAIL_DOMAIN": "inbound.omega.test",
    }
    names_account = bool(environment.get("TWILIO_ACCOUNT_SID") or environment.get("TWILIO_AUTH_TOKEN"))
    for name, value in (fixed | kept_secrets(home)).items():
        # Whoever names an account of their own has it used with its own token, never with a made-up key.
        foreign_key = names_account and name.startswith("TWILIO_API_KEY")
        if not environment.get(name) and not foreign_key:
            environment[name] = value


def bypass_proxies(environment: MutableMapping[str, str]) -> None:
    """Keep a proxy of the machine out of what omega and the sandbox say to each other."""
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join(filter(None, (environment.get(name, ""), LOOPBACK)))


def kept_secrets(home: Path) -> dict[str, str]:
    """The demo's keys and passwords: those of the last start, and what was missing."""
    path = home / "secrets.json"
    kept = files.read_json(path)
    fresh = new_secrets()
    if not fresh.keys() <= kept.keys():
        kept = fresh | kept
        files.write_json(path, kept)
    return {name: str(value) for name, value in kept.items()}


def new_secrets() -> dict[str, str]:
    """Random credentials in the providers' own shapes."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(64),
        "TWILIO_ACCOUNT_SID": "AC" + secrets.token_hex(16),
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "TWILIO_API_KEY_SID": "SK" + secrets.token_hex(16),
        "TWILIO_API_KEY_SECRET": secrets.token_urlsafe(24),
        "TWILIO_TWIML_APP_SID": "AP" + secrets.token_hex(16),
        "SENDGRID_API_KEY": f"SG.{secrets.token_urlsafe(16)}.{secrets.token_urlsafe(32)}",
        "INBOUND_EMAIL_BASIC_AUTH": f"sendgrid:{secrets.token_urlsafe(24)}",
        **new_key_pair(),
    }


def new_key_pair() -> dict[str, str]:
    """A pair of keys for SendGrid's event webhook: the carrier signs with one, omega checks by the other."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {
        "SENDGRID_WEBHOOK_PRIVATE_KEY": base64.b64encode(private).decode(),
        "SENDGRID_WEBHOOK_PUBLIC_KEY": base64.b64encode(public).decode(),
    }
