"""JSON out: orjson, times in UTC with a Z."""

from typing import Any

import orjson
from django.http import HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS | orjson.OPT_NAIVE_UTC


def dumps(value: Any) -> bytes:
    """`value` as JSON. Raises orjson.JSONEncodeError for what JSON cannot say."""
    return orjson.dumps(value, option=OPTIONS)


class OrjsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        del accepted_media_type, renderer_context
        return b"" if data is None else dumps(data)


class AlwaysJson(BaseContentNegotiation):
    """The API speaks JSON whatever `Accept` says: a client with an odd header gets its answer all the same."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class JsonResponse(HttpResponse):
    """A finished JSON answer that needs no renderer: for plain Django views and hot paths."""

    def __init__(self, data: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(dumps(data), status=status, content_type="application/json", headers=headers)
