"""What the environment says: ports, credentials and where omega listens."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_ACCOUNT = "AC00000000000000000000000000000001"
DEFAULT_TOKEN = "0" * 32


@dataclass(frozen=True, slots=True)
class Settings:
    """The carrier's settings; each is named after its environment variable, in lower case."""

    host: str = "127.0.0.1"
    port: int = 8001
    account_sid: str = DEFAULT_ACCOUNT
    auth_token: str = DEFAULT_TOKEN
    api_key_sid: str = ""
    api_key_secret: str = ""
    twiml_app_sid: str = ""
    sendgrid_api_key: str = ""
    sendgrid_webhook_private_key: str = ""
    public_base_url: str = "http://127.0.0.1:8000"
    url_prefix: str = "omega/"
    inbound_email_basic_auth: str = ""
    home: Path = field(default=Path(".omega"))

    @property
    def base_url(self) -> str:
        """The address under which this carrier itself is reached, without a trailing slash."""
        host = "127.0.0.1" if self.host in {"", "0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://{host}:{self.port}"

    def omega_url(self, path: str) -> str:
        """The absolute URL of one of omega's endpoints, such as `twilio/sms/reply`."""
        return f"{self.public_base_url}/{self.url_prefix}{path}"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings; raises ValueError with a sentence where one makes no sense."""
        return cls(
            host=environ.get("SANDBOX_HOST") or "127.0.0.1",
            port=_port(environ.get("SANDBOX_PORT") or "8001"),
            account_sid=environ.get("TWILIO_ACCOUNT_SID") or DEFAULT_ACCOUNT,
            auth_token=environ.get("TWILIO_AUTH_TOKEN") or DEFAULT_TOKEN,
            api_key_sid=environ.get("TWILIO_API_KEY_SID", ""),
            api_key_secret=environ.get("TWILIO_API_KEY_SECRET", ""),
            twiml_app_sid=environ.get("TWILIO_TWIML_APP_SID", ""),
            sendgrid_api_key=environ.get("SENDGRID_API_KEY", ""),
            sendgrid_webhook_private_key=_private_key(environ.get("SENDGRID_WEBHOOK_PRIVATE_KEY", "")),
            public_base_url=_origin(environ.get("PUBLIC_BASE_URL") or "http://127.0.0.1:8000"),
            url_prefix=_prefix(environ.get("OMEGA_URL_PREFIX", "omega/")),
            inbound_email_basic_auth=environ.get("INBOUND_EMAIL_BASIC_AUTH", ""),
            home=Path(environ.get("OMEGA_HOME") or ".omega"),
        )


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError(f"SANDBOX_PORT must be a port from 1 to 65535, not {text!r}.")
    return int(text)


def _origin(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"PUBLIC_BASE_URL must start with http:// or https://, not {text!r}.")
    return text.rstrip("/")


def _prefix(text: str) -> str:
    bare = text.strip("/")
    return f"{bare}/" if bare else ""


def _private_key(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as fault:
        raise ValueError("SENDGRID_WEBHOOK_PRIVATE_KEY must be base64 (DER, PKCS8) or empty.") from fault
    return text
