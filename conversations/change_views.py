"""What happens in a business, over HTTP: a feed that a reader goes on from."""

from typing import Annotated

from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.change_serializers import ChangeObject, change_object, cursor_of, scope_of
from conversations.services import changes
from omega_project.lib.api import pagination
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.errors import Fault, Gone, ParameterError
from omega_project.lib.api.fields import Query, QueryInt
from omega_project.lib.api.pagination import FeedCursorText


class ChangesAnswer(BaseModel):
    results: list[ChangeObject]
    next_cursor: str
    has_more: bool


class ChangesQuery(Query):
    """Without `after`, from the oldest kept."""

    after: Annotated[FeedCursorText, Field(description="A `cursor` or `next_cursor`.")] | None = None
    limit: Annotated[QueryInt, Field(ge=1, le=500, description="Changes in an answer.")] = 100


def position_of(business_id: int, text: str | None, where: tuple[str, str] = ("query", "after")) -> int | None:
    try:
        cursor = pagination.decode(text, scope_of(business_id))
    except ParameterError:
        raise ParameterError([Fault(where, "is not a cursor of this feed")]) from None
    return int(cursor.key[0]) if cursor else None


def read(business_id: int, after: int | None, limit: int) -> changes.Page:
    try:
        return changes.read(business_id=business_id, after=after, limit=limit)
    except changes.Forgotten:
        sentence = f"Changes after this cursor are not kept any more ({changes.KEPT_DAYS} days): please begin anew."
        raise Gone(sentence, "cursor_expired") from None


class Changes(OmegaViewSet):
    """`…/changes`."""

    @endpoint(
        summary="Get what changed in a business since a cursor",
        operation_id="changes_list",
        description=(
            "In order, and nothing is left out: store `next_cursor` with what you made of `results` and go on from "
            "it. Each change shows its thing as it is now, so that the same thing may show twice the same. Changes "
            "are kept for seven days; a cursor older than that is 410 `cursor_expired`."
        ),
        tags=["changes"],
        query=ChangesQuery,
        answers={200: ChangesAnswer},
        errors=(403, 404, 410),
    )
    def list(self, request: Request, given: Given, business_id: int) -> Response:
        page = read(business_id, position_of(business_id, given.query.after), given.query.limit)
        return Response({
            "results": [change_object(business_id, one) for one in page.changes],
            "next_cursor": cursor_of(business_id, page.position),
            "has_more": page.has_more,
        })  # fmt: skip
