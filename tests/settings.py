"""The settings under which tests run: omega's own, with a home and services apart from the demo's.

They name every secret, so that no test depends on a .env or on what the shell happens to hold.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Each of xdist's workers has servers and a folder of its own, within the one of the process that started it.
HOME = Path(os.environ.get("OMEGA_HOME") or ROOT / ".omega").resolve() / os.environ.get("PYTEST_XDIST_WORKER", "test")

os.environ.update(
    OMEGA_HOME=str(HOME),
    PROMETHEUS_MULTIPROC_DIR=str(HOME / "metrics"),
    OMEGA_URL_PREFIX="omega/",
    DEBUG="true",
    SECRET_KEY="only-for-tests-" + "0123456789" * 5,
    ALLOWED_HOSTS="*",
    PUBLIC_BASE_URL="http://testserver",
    TWILIO_ACCOUNT_SID="AC" + "0" * 31 + "1",
    TWILIO_AUTH_TOKEN="only-for-tests-token",
    TWILIO_API_KEY_SID="SK" + "0" * 31 + "1",
    TWILIO_API_KEY_SECRET="only-for-tests-secret-0123456789",
    TWILIO_TWIML_APP_SID="AP" + "0" * 31 + "1",
    # Nothing listens there: a test that calls a provider without meaning to fails at once.
    TWILIO_API_BASE_URL="http://127.0.0.1:1",
    SENDGRID_API_KEY="SG.only-for-tests",
    SENDGRID_API_BASE_URL="http://127.0.0.1:1",
    SENDGRID_WEBHOOK_PUBLIC_KEY=(ROOT / "tests/fixtures/sendgrid_public_key.txt").read_text().strip(),
    INBOUND_EMAIL_DOMAIN="inbound.omega.test",
    INBOUND_EMAIL_BASIC_AUTH="sendgrid:only-for-tests",
    MEDIA_STORAGE_URL=f"file://{HOME / 'media'}",
    SENTRY_DSN="",
)
# Servers of one's own may be named in the shell, never in .env: that is where the demo's data may live.
for name in ("DATABASE_URL", "REDIS_URL"):
    os.environ.setdefault(name, "")

from omega_project.settings import *  # noqa: E402, F403 - the environment comes first

# Hashing slowly protects passwords, and no test has one worth it.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
