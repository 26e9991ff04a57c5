"""The bounds' views: nothing, nothing behind the REST framework, and omega's own statements behind that."""

import functools
import os
import pickle
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bench.shots import Statement
from omega_project.lib import sql


def empty(_request: HttpRequest) -> HttpResponse:
    """The least that Django can do."""
    return HttpResponse(b"{}", content_type="application/json")


class Bare(APIView):
    """The least that the REST framework can do."""

    authentication_classes: list[type] = []
    permission_classes: list[type] = []
    throttle_classes: list[type] = []


class Empty(Bare):
    def get(self, _request: Request) -> Response:
        return Response({})


class Replay(Bare):
    """The statements that omega ran for one request, and nothing else of omega."""

    def get(self, request: Request, kind: str, place: int) -> Response:
        request._request.read()
        answer = [len(sql.rows(statement, params)) for statement, params in recorded(kind)[place]]
        return Response({"rows": answer})

    post = get


@functools.cache
def recorded(kind: str) -> list[list[Statement]]:
    """The statements of each request of this kind."""
    return pickle.loads((Path(os.environ["BENCH_RECORDED"]) / f"{kind}.statements").read_bytes())  # type: ignore[no-any-return]


urlpatterns = [
    path("empty", empty),
    path("empty-drf", Empty.as_view()),
    path("replay/<str:kind>/<int:place>", Replay.as_view()),
]
