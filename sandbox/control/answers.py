"""How the control calls read and answer: JSON, and 422 with a sentence for what makes no sense."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import orjson
from aiohttp import web

from sandbox.faults import ControlError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def as_json(body: Any, status: int = 200) -> web.Response:
    """A JSON answer that no browser keeps."""
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _nobody(_request: web.Request, _origin: str) -> bool:
    return False


def control(handler: Handler, is_friend: Callable[[web.Request, str], bool] = _nobody) -> Handler:
    """Answer 422 where the handler raises ControlError, 403 where another site's page calls that is no friend."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host and not is_friend(request, origin):
            return as_json({"detail": "Another site's page may not steer the carrier."}, 403)
        try:
            return await handler(request)
        except ControlError as refused:
            return as_json({"detail": str(refused)}, 422)

    return guarded


async def body_of(request: web.Request) -> dict[str, Any]:
    """The request's JSON object; raises ControlError."""
    try:
        given = orjson.loads(await request.read())
    except orjson.JSONDecodeError as fault:
        raise ControlError("The body must be JSON.") from fault
    if not isinstance(given, dict):
        raise ControlError("The body must be a JSON object.")
    return given


def known(given: dict[str, Any], names: set[str]) -> None:
    """Refuse keys that nobody reads."""
    for name in given:
        if name not in names:
            raise ControlError(f"There is no field {name!r}; known: {', '.join(sorted(names))}.")


def text_of(given: dict[str, Any], name: str, default: str | None = None) -> str:
    """A field that must be text."""
    value = given.get(name, default)
    if not isinstance(value, str):
        raise ControlError(f"{name} must be text.")
    return value


def flag_of(given: dict[str, Any], name: str, *, default: bool) -> bool:
    """A field that must be true or false."""
    value = given.get(name, default)
    if not isinstance(value, bool):
        raise ControlError(f"{name} must be true or false.")
    return value
