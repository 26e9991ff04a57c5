"""Every setting of omega, read from the environment or .env; nonsense is refused at start-up in a sentence."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy

from messaging.providers import sendgrid_events
from omega_project import navigation
from omega_project.lib import embedded, logs, reporting, tracing
from omega_project.lib.api import throttling

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

env = environ.Env()
if (BASE_DIR / ".env").exists():
    env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=False)
OMEGA_HOME = Path(env.str("OMEGA_HOME", default=str(BASE_DIR / ".omega"))).resolve()


def required(name: str, demo: str) -> str:
    """A secret: from the environment; a demo value under DEBUG; else the start ends with a sentence naming it."""
    value = env.str(name, default="")
    if value:
        return value
    if DEBUG:
        return demo
    message = (
        f"{name} is not set. Set it in the environment or in .env (see .env.example), or set DEBUG=true for a demo."
    )
    raise ImproperlyConfigured(message)


# prometheus_client reads this when it is imported: what each process counts lies there, for one scrape of all.
METRICS_DIR = Path(os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(OMEGA_HOME / "metrics")))
METRICS_DIR.mkdir(parents=True, exist_ok=True)

SECRET_KEY = required("SECRET_KEY", "demo-only-not-a-secret-" + "0" * 40)
# What seals secrets at rest, newest first; without one a key made of SECRET_KEY.
ENCRYPTION_KEYS = env.list("ENCRYPTION_KEYS", default=[]) or [f"sealing:{SECRET_KEY}"]
PUBLIC_BASE_URL = (env.str("PUBLIC_BASE_URL", default="") or ("http://127.0.0.1:8000" if DEBUG else "")).rstrip("/")
if not urlsplit(PUBLIC_BASE_URL).netloc:
    raise ImproperlyConfigured(
        "PUBLIC_BASE_URL must be the scheme and host that providers call, such as https://omega.example.com."
    )
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"] if DEBUG else [urlsplit(PUBLIC_BASE_URL).hostname])
OMEGA_URL_PREFIX = env.str("OMEGA_URL_PREFIX", default="omega/").strip("/") + "/"
if OMEGA_URL_PREFIX == "/":
    OMEGA_URL_PREFIX = ""

TWILIO_ACCOUNT_SID = required("TWILIO_ACCOUNT_SID", "AC" + "0" * 32)
TWILIO_AUTH_TOKEN = required("TWILIO_AUTH_TOKEN", "0" * 32)
TWILIO_API_KEY_SID = env.str("TWILIO_API_KEY_SID", default="")
TWILIO_API_KEY_SECRET = env.str("TWILIO_API_KEY_SECRET", default="")
TWILIO_TWIML_APP_SID = env.str("TWILIO_TWIML_APP_SID", default="")
TWILIO_API_BASE_URL = env.str("TWILIO_API_BASE_URL", default="")
SENDGRID_API_KEY = env.str("SENDGRID_API_KEY", default="")
SENDGRID_API_BASE_URL = env.str("SENDGRID_API_BASE_URL", default="")
SENDGRID_WEBHOOK_PUBLIC_KEY = env.str("SENDGRID_WEBHOOK_PUBLIC_KEY", default="")
# The key of the inbound parse's own security policy, where that is signed by another one than the events.
SENDGRID_INBOUND_PUBLIC_KEY = env.str("SENDGRID_INBOUND_PUBLIC_KEY", default="") or SENDGRID_WEBHOOK_PUBLIC_KEY
if SENDGRID_WEBHOOK_PUBLIC_KEY:
    try:
        sendgrid_events.public_key(SENDGRID_WEBHOOK_PUBLIC_KEY)
    except ValueError as error:
        raise ImproperlyConfigured(f"SENDGRID_WEBHOOK_PUBLIC_KEY {error}.") from error
# The provider of mail where none is named; and the settings of those that django-anymail knows, by its own names.
EMAIL_PROVIDER = env.str("EMAIL_PROVIDER", default="sendgrid")
ANYMAIL = env.json("ANYMAIL", default={})
INBOUND_EMAIL_DOMAIN = env.str("INBOUND_EMAIL_DOMAIN", default="")
INBOUND_EMAIL_BASIC_AUTH = env.str("INBOUND_EMAIL_BASIC_AUTH", default="")
# Where webhooks are kept that cannot be stored, on a disk of this machine, and how many bytes of them.
SPOOL_DIR = Path(env.str("SPOOL_DIR", default=str(OMEGA_HOME / "spool"))).resolve()
SPOOL_MAX_BYTES = env.int("SPOOL_MAX_BYTES", default=1024**3)
# How often each sender's texts are compared with the provider's own record, in seconds.
RECONCILE_SECONDS = env.int("RECONCILE_SECONDS", default=120)
EMAIL_UNKNOWN_GRACE = env.int("EMAIL_UNKNOWN_GRACE", default=300)
API_RATE_LIMIT = throttling.parse_rate(env.str("API_RATE_LIMIT", default="1200/min"))
OMEGA_MAX_BODY_BYTES = env.int("OMEGA_MAX_BODY_BYTES", default=10 * 1024 * 1024)
# A mail with its files: providers take thirty megabytes.
INBOUND_EMAIL_MAX_BYTES = max(OMEGA_MAX_BODY_BYTES, 30 * 1024 * 1024)
# Whether webhooks to host platforms may go to addresses inside a private network, and without TLS.
WEBHOOKS_TO_PRIVATE_ADDRESSES = env.bool("WEBHOOKS_TO_PRIVATE_ADDRESSES", default=DEBUG)
SENTRY_DSN = env.str("SENTRY_DSN", default="")

# Sends in flight in one dispatcher; 64 keep 500 messages a second at 80 ms carrier latency, threads are cheap.
DISPATCH_CONCURRENCY = env.int("DISPATCH_CONCURRENCY", default=96)
# Where a test ends this very process (lib/failpoints.py); never heard where DEBUG is off.
FAILPOINTS = env.str("FAILPOINTS", default="") if DEBUG else ""


def server(name: str, embedded_url: Callable[[Path], str]) -> str:
    """A server's URL; under DEBUG our own embedded one where none is named."""
    value = env.str(name, default="")
    if not value and not DEBUG:
        raise ImproperlyConfigured(f"{name} is not set. Set it, or set DEBUG=true for a demo on embedded servers.")
    return value or embedded_url(OMEGA_HOME)


DATABASE_URL = server("DATABASE_URL", embedded.database_url)
REDIS_URL = server("REDIS_URL", embedded.redis_url)

DATABASES = {"default": environ.Env.db_url_config(DATABASE_URL)}
# Whose rows a query of the ORM sees is PostgreSQL's to say (decision 19): by a role that holds no table itself.
DATABASE_WALL_ROLE = env.str("DATABASE_WALL_ROLE", default="pg_database_owner")
if DATABASE_WALL_ROLE and not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", DATABASE_WALL_ROLE):
    raise ImproperlyConfigured("DATABASE_WALL_ROLE must be the name of a role: small letters, digits and underscores.")
DATABASES["default"].update(
    ENGINE="omega_project.lib.postgresql",
    CONN_MAX_AGE=None,  # one connection a thread for life: three to six times the rate of one a request
    # The request's middleware sees a dead connection by its socket; a health check would cost a round trip each.
    CONN_HEALTH_CHECKS=False,
    ATOMIC_REQUESTS=False,
    DISABLE_SERVER_SIDE_CURSORS=False,
)
DATABASES["default"].setdefault("OPTIONS", {}).update(
    connect_timeout=5,
    prepare_threshold=5,  # None, Django's default, prepares nothing, whatever lib.sql asks for
    options="-c statement_timeout=15s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s -c timezone=UTC",
)

# Tables of ours that are no business's, and why; each other one leads to a business, or the checks refuse it.
SHARED_TABLES = {
    "accounts.logintries": "tries to log in, before anybody knows who it is",
    "accounts.authenticator": "a login's, who may be support",
    "accounts.recoverycode": "a login's, who may be support",
    "accounts.preference": "how a login wants to read the admin",
    "messaging.consentkeyword": "what clients' words mean",
    "messaging.carriercode": "what carriers' codes mean",
    "messaging.retryrule": "how often and when a message is tried again",
    "messaging.circuit": "how an account at a provider does, the platform's too",
    "messaging.reportwatermark": "how far all messages were looked through",
    "messaging.listeningmark": "how far all callbacks were counted",
}
OUR_APPS = ["omega_project.lib", "accounts", "conversations", "messaging", "voice", "onboarding"]
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_rq",
    "django_otp",
    "import_export",
    *OUR_APPS,
]

MIDDLEWARE = [
    "omega_project.lib.headers.SecurityHeaders",
    "omega_project.lib.api.middleware.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "omega_project.lib.static_files.Pages",
    "omega_project.lib.static_files.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.preferences.Preferences",
    "accounts.admin_door.AdminDoor",
    "accounts.veil.Veil",
    "accounts.audit_trail.AuditTrail",
    "accounts.broken.BrokenPages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
# An API path answers with and without its slash; a redirect would lose a provider's POST (providers.md, 12).
APPEND_SLASH = False

ROOT_URLCONF = "omega_project.urls"
WSGI_APPLICATION = "omega_project.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-us"
# Of the admin; the API speaks English.
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "accounts.roles.RoleBackend"]
_VALIDATORS = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": f"{_VALIDATORS}.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": f"{_VALIDATORS}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_VALIDATORS}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATORS}.NumericPasswordValidator"},
    {"NAME": "accounts.passwords.TellsOfChange"},
]
# How the admin is entered and left. Under DEBUG the demo's log-in is a password alone.
ADMIN_REQUIRE_TWO_FACTOR = env.bool("ADMIN_REQUIRE_TWO_FACTOR", default=not DEBUG)
ADMIN_IDLE_MINUTES = env.int("ADMIN_IDLE_MINUTES", default=30)
ADMIN_SESSION_HOURS = env.int("ADMIN_SESSION_HOURS", default=12)
# For how long a log-in, a code or a password counts as a proof, where keys, rights or an erasure are at stake.
ADMIN_PROOF_MINUTES = env.int("ADMIN_PROOF_MINUTES", default=15)
# For how long support sees what is personal of a client or a business, once a reason is given.
ADMIN_UNMASK_MINUTES = env.int("ADMIN_UNMASK_MINUTES", default=60)
# How many proxies of ours stand before us: the last so many names in X-Forwarded-For are theirs to say.
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0 if DEBUG else 1)
for _name in ("ADMIN_IDLE_MINUTES", "ADMIN_SESSION_HOURS", "ADMIN_PROOF_MINUTES", "ADMIN_UNMASK_MINUTES"):
    if vars()[_name] < 1:
        raise ImproperlyConfigured(f"{_name} must be 1 or more.")
if TRUSTED_PROXY_COUNT < 0:
    raise ImproperlyConfigured("TRUSTED_PROXY_COUNT must be 0 or more.")

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# Instead of the heaviest files of the theme and of the admin: found before theirs (tools/fonts.py).
STATICFILES_DIRS = [BASE_DIR / "omega_project" / "lib" / "theme"]
WHITENOISE_USE_FINDERS = True  # static files come straight from the packages: no collectstatic before a first run
WHITENOISE_AUTOREFRESH = False
MEDIA_STORAGE_URL = env.str("MEDIA_STORAGE_URL", default=f"file://{OMEGA_HOME / 'media'}")
if not MEDIA_STORAGE_URL.startswith("file:///"):
    raise ImproperlyConfigured("MEDIA_STORAGE_URL must be a file:///absolute/folder; other storages are not built in.")
MEDIA_ROOT = MEDIA_STORAGE_URL.removeprefix("file://")
MEDIA_URL = "/media-is-served-signed/"

REDIS = {"URL": REDIS_URL, "DEFAULT_TIMEOUT": 120}
RQ_QUEUES = dict.fromkeys(("high", "default", "bulk", "io"), REDIS)
RQ_SHOW_ADMIN_LINK = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiKeyAuthentication",
        "accounts.authentication.TokenAuthentication",
        "accounts.authentication.CookieAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.authentication.HasCredential"],
    "DEFAULT_RENDERER_CLASSES": ["omega_project.lib.api.rendering.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["omega_project.lib.api.parsing.RawParser"],
    "DEFAULT_THROTTLE_CLASSES": ["accounts.authentication.KeyThrottle"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "omega_project.lib.api.rendering.AlwaysJson",
    "EXCEPTION_HANDLER": "omega_project.lib.api.errors.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "omega_project.lib.api.schema.OmegaAutoSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "omega",
    "DESCRIPTION": "Messaging for studios, spas and clinics: every word of one client in one conversation.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["omega_project.lib.api.schema.describe_errors"],
}
UNFOLD = {
    "SITE_TITLE": "omega",
    "SITE_HEADER": "omega",
    "SITE_SUBHEADER": "Every word of one client in one conversation",
    "SITE_SYMBOL": "forum",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": navigation.SIDEBAR,
    "DASHBOARD_CALLBACK": "messaging.admin.dashboard.figures",
    "STYLES": [f"{STATIC_URL}omega_lib/admin.css"],
    "SCRIPTS": [f"{STATIC_URL}omega_lib/times.js", f"{STATIC_URL}omega_lib/named.js"],
    "LOGIN": {"form": "accounts.entrance.LoginForm"},
    "ACCOUNT": {
        "navigation": [
            {"title": gettext_lazy("Language and time zone"), "link": reverse_lazy("admin:preferences")},
            {"title": gettext_lazy("Two-factor log-in"), "link": reverse_lazy("admin:two_factor")},
            {"title": gettext_lazy("Where you are logged in"), "link": reverse_lazy("admin:log_ins")},
        ]
    },
    "COLORS": {
        "primary": {
            "50": "240 253 250",
            "100": "204 251 241",
            "200": "153 246 228",
            "300": "94 234 212",
            "400": "45 212 191",
            "500": "20 184 166",
            "600": "13 148 136",
            "700": "15 118 110",
            "800": "17 94 89",
            "900": "19 78 74",
            "950": "4 47 46",
        }
    },
}

# Where connections are held that hear what happens: empty where a proxy leads /admin/inbox/live/ and …/events there.
LIVE_BASE_URL = env.str("LIVE_BASE_URL", default="").rstrip("/")
if LIVE_BASE_URL and not urlsplit(LIVE_BASE_URL).netloc:
    raise ImproperlyConfigured("LIVE_BASE_URL must be a scheme and a host, such as https://live.example.com, or empty.")
EVENT_STREAMS_PER_KEY = env.int("EVENT_STREAMS_PER_KEY", default=500)
if EVENT_STREAMS_PER_KEY < 1:
    raise ImproperlyConfigured("EVENT_STREAMS_PER_KEY must be 1 or more.")

# Notifications to staff. Under DEBUG they are written to the worker's log unless EMAIL_URL names a server.
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://" if DEBUG else "smtp://localhost:25")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="omega <omega@localhost>")

SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = ADMIN_SESSION_HOURS * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
# __Host-: the browser takes it only over HTTPS, for this host alone and from nobody but it.
SESSION_COOKIE_NAME = "sessionid" if DEBUG else "__Host-sessionid"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if not DEBUG:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_HSTS_SECONDS = 31536000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    # The platform and the load balancer ask for health over plain HTTP inside the network.
    SECURE_REDIRECT_EXEMPT = [rf"^{OMEGA_URL_PREFIX}health", rf"^{OMEGA_URL_PREFIX}metrics"]
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]

LOG_FORMAT = env.str("LOG_FORMAT", default="console" if DEBUG else "json")
if LOG_FORMAT not in {"json", "console"}:
    raise ImproperlyConfigured("LOG_FORMAT must be json or console.")
LOGGING = logs.configuration(LOG_FORMAT, env.str("LOG_LEVEL", default="INFO"))
LOGGING_CONFIG = "omega_project.lib.logs.configure"

if SENTRY_DSN:
    reporting.start(SENTRY_DSN, VERSION)

# Traces go where OpenTelemetry's own variables say; without an endpoint nothing of it is imported.
for _name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
    if env.str(_name, default="") and urlsplit(env.str(_name)).scheme not in {"http", "https"}:
        raise ImproperlyConfigured(f"{_name} must be the http:// or https:// address of an OTLP receiver.")
tracing.configure(wanted=tracing.endpoint_named(os.environ), release=VERSION)
