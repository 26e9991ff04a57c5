"""A mail's own pieces for the page: its HTML in a cage, its attachments, its source."""

import re
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import quote

from aiohttp import web

from sandbox.carrier import CARRIER
from sandbox.control.mailbox import item_of
from sandbox.page.pictures import ALONE, SHOWN
from sandbox.sendgrid.letter import POLICY, Sent
from sandbox.sendgrid.mail import Attachment, Copy
from sandbox.sendgrid.mailbox import Item
from sandbox.sendgrid.view import headers_of

# No script runs, no form is sent, and nothing is fetched from elsewhere; links open in a tab of their own.
CAGE = (
    "default-src 'none'; style-src 'unsafe-inline'; {images}; font-src data:; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
)
OWN_IMAGES, ALL_IMAGES = "img-src 'self' data:", "img-src 'self' data: http: https:"
CONTENT_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")
CID = re.compile(r"cid:([^\"'\s)>]+)", re.IGNORECASE)
HEAD = (
    '<!doctype html><meta charset="utf-8"><base target="_blank"><meta name="referrer" content="no-referrer">'
    "<style>html{background:#fff;color:#1d2021;font:15px/1.5 -apple-system,'Segoe UI',Roboto,Arial,sans-serif}"
    "body{margin:16px;overflow-wrap:anywhere}img{max-width:100%}</style>"
)


async def page(request: web.Request) -> web.Response:
    """The HTML part as a client sees it; remote images only with `?images=1`."""
    item = item_of(request)
    markup = item.letter.html if isinstance(item, Sent) else item.html
    own = {file.content_id: f"/mails/{item.sid}/attachments/{at}" for at, file in enumerate(_files(item))}
    body = CID.sub(lambda match: own.get(match[1], match[0]), markup)
    images = ALL_IMAGES if request.query.get("images") == "1" else OWN_IMAGES
    headers = {
        "Content-Security-Policy": CAGE.format(images=images),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return web.Response(text=HEAD + body, content_type="text/html", headers=headers)


def _files(item: Item) -> tuple[Attachment, ...]:
    return item.files if isinstance(item, Sent) else item.mail.attachments


async def attachment(request: web.Request) -> web.Response:
    """An attachment's bytes: a picture is shown, all else is a download."""
    files = request.app[CARRIER].mailboxes.attachments(request.match_info["sid"])
    at = int(request.match_info["at"])
    if at >= len(files):
        raise web.HTTPNotFound
    file = files[at]
    if file.data is None:
        raise web.HTTPGone(text="The oldest attachments are let go when too much is held.")
    shown = file.content_type in SHOWN and request.query.get("save") is None
    kind = "inline" if shown else "attachment"
    disposition = f"{kind}; filename*=utf-8''{quote(file.name, safe='')}"
    content_type = file.content_type if CONTENT_TYPE.fullmatch(file.content_type) else "application/octet-stream"
    return web.Response(body=file.data, content_type=content_type, headers=ALONE | {"Content-Disposition": disposition})


async def source(request: web.Request) -> web.Response:
    """The whole mail as it lies on the wire: the client's own as it was sent, omega's as SendGrid writes it."""
    item = item_of(request)
    raw = item.mime if isinstance(item, Sent) else _mime(item)
    return web.Response(body=raw, content_type="text/plain", charset="utf-8", headers=ALONE)


def _mime(copy: Copy) -> bytes:
    mime = EmailMessage(policy=POLICY)
    for name, value in headers_of(copy):
        at = datetime.fromtimestamp(copy.mail.at, UTC)
        try:
            mime[name] = format_datetime(at) if name == "Date" else value
        except ValueError:
            mime["X-Sandbox-Refused"] = f"{name} makes no header."
    if copy.text or not copy.html:
        mime.set_content(copy.text)
    if copy.html and copy.text:
        mime.add_alternative(copy.html, subtype="html")
    elif copy.html:
        mime.set_content(copy.html, subtype="html")
    for file in copy.mail.attachments:
        kind, _, subkind = file.content_type.partition("/")
        mime.add_attachment(file.data or b"", maintype=kind, subtype=subkind or "octet-stream", filename=file.name)
    return mime.as_bytes()
