"""Templates over HTTP: canned replies and message templates of a business, and what one would say."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from conversations import serializers as shapes
from conversations.services.reading import count_rows
from messaging.models import Template
from messaging.services import templates, templating
from omega_project.lib.api import pagination
from omega_project.lib.api.callers import caller
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.errors import NotFound, parameter_error
from omega_project.lib.api.examples import asked
from omega_project.lib.api.fields import Body, Id, ShortText, Text

Channel = Literal["sms", "email", "voice"]
Name = Annotated[Text, Field(min_length=1, max_length=255)]
Language = Annotated[Text, Field(max_length=16, pattern=r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$")]
Subject = Annotated[Text, Field(max_length=998, pattern=r"^[^\r\n]*$")]
Words = Annotated[Text, Field(min_length=1, max_length=100_000)]


class NewTemplate(Body):
    """Variables stand as `{{ name }}`; `client.first_name` and the like are filled in where the client is known."""

    name: Name
    channel: Channel = "sms"
    language: Language = ""
    subject: Subject = ""
    body: Words


class TemplateChange(Body):
    """What is left out stays as it is."""

    name: Name | None = None
    channel: Channel | None = None
    language: Language | None = None
    subject: Subject | None = None
    body: Words | None = None


class TemplateShown(BaseModel):
    """A template, and the variables that it wants."""

    id: int
    business_id: int
    name: str
    channel: Channel
    language: str
    subject: str
    body: str
    variables: list[str]
    created_at: datetime
    updated_at: datetime


class TemplatePage(shapes.Page):
    results: list[TemplateShown]


class TemplatesQuery(pagination.PageQuery):
    q: Annotated[Text, Field(max_length=200, description="A part of the name or of the text.")] | None = None
    channel: Channel | None = None
    language: Annotated[Text, Field(max_length=16)] | None = None


class PreviewWanted(Body):
    """With `client_id` (and `staff_id`) what is known of them is filled in; `variables` win over it."""

    variables: dict[ShortText, Text] = {}
    client_id: Id | None = None
    staff_id: Id | None = None


class Preview(BaseModel):
    """What would go. `missing` names the variables that nobody gave: a send without them is refused."""

    subject: str
    body: str
    missing: list[str]
    characters: int
    segments: int | None
    encoding: Literal["gsm7", "ucs2"] | None


def template_object(row: Template) -> dict[str, Any]:
    return {
        "id": row.pk,
        "business_id": row.business_id,
        "name": row.name,
        "channel": row.channel,
        "language": row.language,
        "subject": row.subject,
        "body": row.body,
        "variables": templates.variables_of(f"{row.subject} {row.body}"),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def _template(business_id: int, template_id: int) -> Template:
    found = Template.objects.in_business(business_id).filter(pk=template_id).first()
    if found is None:
        raise NotFound("There is no such template in this business.")
    return found


class Templates(OmegaViewSet):
    """`/businesses/{business_id}/templates`."""

    @endpoint(
        summary="Get paginated list of templates",
        operation_id="templates_list",
        description="By name; all filters together.",
        tags=["templates"],
        query=TemplatesQuery,
        answers={200: TemplatePage},
        errors=(403, 404),
    )
    def list(self, request: Request, given: Given, business_id: int) -> Response:
        query: TemplatesQuery = given.query
        scope = f"templates:{business_id}"
        cursor = pagination.decode(query.cursor, scope)
        narrowing = templating.narrowed(business_id, query.q, query.channel, query.language)
        total = count_rows(templating.TEMPLATES, narrowing) if query.include_total else None
        rows = templating.template_rows(narrowing, limit=query.page_size + 1, cursor=cursor)
        rows, links = pagination.page(
            request, rows, size=query.page_size, cursor=cursor, scope=scope, keys=("name", "id"), total=total
        )
        shown = [row | {"variables": templates.variables_of(f"{row['subject']} {row['body']}")} for row in rows]
        return Response({**links, "results": shown})

    @endpoint(
        summary="Make a template",
        operation_id="templates_create",
        description="Its name is its own in the business: 409 `name_taken` otherwise.",
        examples=[
            asked({"name": "Reminder", "channel": "sms", "body": "Hi {{ client.first_name }}, see you {{ day }}!"})
        ],
        tags=["templates"],
        body=NewTemplate,
        answers={201: TemplateShown},
        errors=(403, 404, 409, 413),
    )
    def create(self, request: Request, given: Given, business_id: int) -> Response:
        made = templating.create_template(business_id=business_id, **given.body.model_dump())
        return Response(template_object(made), status=201)

    @endpoint(
        summary="Get a template",
        operation_id="templates_get",
        description="The template with the variables that it wants.",
        tags=["templates"],
        answers={200: TemplateShown},
        errors=(403, 404),
    )
    def retrieve(self, request: Request, given: Given, business_id: int, template_id: int) -> Response:
        return Response(template_object(_template(business_id, template_id)))

    @endpoint(
        summary="Change a template",
        operation_id="templates_change",
        description="What is left out stays as it is. Messages that were accepted before keep their words.",
        examples=[asked({"body": "Hi {{ client.first_name }}, see you on {{ day }}!"})],
        tags=["templates"],
        body=TemplateChange,
        answers={200: TemplateShown},
        errors=(403, 404, 409, 413),
    )
    def change(self, request: Request, given: Given, business_id: int, template_id: int) -> Response:
        body: TemplateChange = given.body
        changes = body.model_dump(exclude_unset=True)
        for name, value in changes.items():
            if value is None:
                raise parameter_error(name, "must not be null: leave it out to keep it")
        changed = templating.change_template(_template(business_id, template_id), **changes)
        return Response(template_object(changed))

    @endpoint(
        summary="Remove a template",
        operation_id="templates_remove",
        description="Messages that were made of it stay as they are.",
        tags=["templates"],
        answers={204: "Removed."},
        errors=(403, 404),
    )
    def remove(self, request: Request, given: Given, business_id: int, template_id: int) -> Response:
        _template(business_id, template_id).delete()
        return Response(status=204)

    @endpoint(
        summary="Preview a template",
        operation_id="templates_preview",
        audited=False,
        description="What a send would say. A variable that is missing stands as it is, and is named.",
        examples=[asked({"variables": {"day": "Friday"}})],
        tags=["templates"],
        body=PreviewWanted,
        answers={200: Preview},
        errors=(403, 404, 413),
    )
    def preview(self, request: Request, given: Given, business_id: int, template_id: int) -> Response:
        body: PreviewWanted = given.body
        known = templating.known_variables(
            business_id=business_id, client_id=body.client_id, staff_id=body.staff_id or caller(request).staff_id
        )
        return Response(templating.preview(_template(business_id, template_id), known | body.variables))
