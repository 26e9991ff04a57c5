"""Serves the page's own files under a strict policy, and what the page has to know at its start."""

import json
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox.carrier import CARRIER
from sandbox.control.answers import as_json
from sandbox.settings import Settings

FOLDER = Path(__file__).parent / "static"
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
EXAMPLE_SENDER, EXAMPLE_CLIENT = "+15017122661", "+15558675310"
EXAMPLE_MAIL_SENDER, EXAMPLE_ADDRESS = "hello@inbound.omega.test", "bob@sandbox.test"


def _serve(path: Path) -> web.Response:
    return web.Response(body=path.read_bytes(), content_type=KINDS[path.suffix], charset="utf-8", headers=POLICY)


async def index(_request: web.Request) -> web.Response:
    """The page."""
    return _serve(FOLDER / "index.html")


async def static(request: web.Request) -> web.Response:
    """One of the page's files; only names that are in the folder."""
    known = {path.name: path for path in FOLDER.iterdir() if path.suffix in KINDS}
    path = known.get(request.match_info["name"])
    if path is None:
        raise web.HTTPNotFound
    return _serve(path)


async def config(request: web.Request) -> web.Response:
    """Where omega is, and the command that sends the first text."""
    settings = request.app[CARRIER].settings
    run = _run_json(settings)
    business = (run.get("businesses") or [{}])[0]
    base = run.get("base_url") or settings.omega_url("").rstrip("/")
    return as_json(
        {
            "admin_url": run.get("admin_url") or f"{settings.public_base_url}/admin/",
            "webhook": settings.omega_url("twilio/sms/reply"),
            "sender": business.get("sms_sender") or EXAMPLE_SENDER,
            "curl": _curl(f"{base}/sms/queue", business, EXAMPLE_CLIENT, ("body", "Hello from omega")),
            "email_sender": business.get("email_sender") or EXAMPLE_MAIL_SENDER,
            "mail_curl": _curl(
                f"{base}/email/queue", business, EXAMPLE_ADDRESS, ("subject", "Hello"), ("text", "Hello from omega")
            ),
            "ready": bool(business.get("api_key")),
        }
    )


def _run_json(settings: Settings) -> dict[str, Any]:
    """What `make run` wrote; it holds the demo's keys, so only a page on loopback may see it."""
    if settings.host not in LOOPBACK:
        return {}
    try:
        found = json.loads((settings.home / "run.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _curl(url: str, business: dict[str, Any], to: str, *more: tuple[str, str]) -> str:
    fields = [("business_id", business.get("id", 1)), ("to", to), *more]
    body = ",\n       ".join(f'"{name}": {json.dumps(value)}' for name, value in fields)
    return (
        "curl \\\n"
        f"  {url} \\\n"
        f"  -H 'X-API-KEY: {business.get('api_key', 'YOUR-KEY')}' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d '{{{body}}}'"
    )
