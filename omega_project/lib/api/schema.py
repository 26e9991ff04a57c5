"""The OpenAPI 3.1 description: pydantic models as they stand, and what every endpoint has without saying so."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from drf_spectacular.contrib.pydantic import PydanticExtension
from drf_spectacular.drainage import warn
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from omega_project.lib.api.examples import example_of
from omega_project.lib.api.fields import BIGINT_MAX

Json = dict[str, Any]


class FaultItem(BaseModel):
    """One wrong value."""

    loc: list[str | int] = Field(description="Where it stands: path, query, header or body, then the field.")
    msg: str
    type: str


class ParameterErrorBody(BaseModel):
    """422: every fault of the request."""

    detail: list[FaultItem]


class ErrorBody(BaseModel):
    """Any other error; a code may bring keys of its own."""

    model_config = ConfigDict(extra="allow")
    detail: str = Field(description="A sentence for people.")
    code: str = Field(description="A word for programs.")


# The errors of api.md, 2: status to the component's name, the code of its example and the sentence.
ERRORS: dict[int, tuple[str, str, str]] = {
    401: ("NotAuthenticated", "not_authenticated", "No credential, or a wrong, expired or revoked one."),
    403: ("Forbidden", "permission_denied", "A good credential for another business."),
    404: ("NotFound", "not_found", "The thing is not in this business."),
    409: ("Conflict", "conflict", "The state forbids it, or a request_id was reused with another body."),
    410: ("Gone", "gone", "It is not kept any more."),
    413: ("TooLarge", "too_large", "The body is too large."),
    422: ("ParameterError", "", "Parameter Error: every invalid value of the request."),
    429: ("Throttled", "throttled", "Over the key's rate; see Retry-After."),
    503: ("Unavailable", "unavailable", "The database cannot be reached; see Retry-After."),
}
EVERYWHERE = (401, 422, 429, 503)
_ANSWERED = {201: "Made.", 202: "Taken in; it is on disk.", 204: "Done; no body."}

# The published tags, in the order of the docs.
TAGS = {
    "health": "Is it alive, and can it work: for load balancers and operators.",
    "sms": "Texts: sent, recorded, reported on.",
    "email": "E-mail: sent, recorded, reported on.",
    "businesses": "A business's conversations, their timelines, notes, assignment and status; its locations.",
    "business-clients": "The people whom a business serves.",
    "business-staffs": "The people who answer.",
    "voice-calls": "Calls by browser and phone.",
    "webhooks": "What changes, pushed to the host platform: endpoints, and the deliveries to them.",
    "templates": "Canned replies and message templates of a business, with variables.",
    "messages": "Messages of any channel: taken in, found, explained, retried, canceled.",
    "changes": "What happens in a business, as a feed to go on from and as server-sent events.",
    "reports": "Figures of a business: volumes, delivery, times of response and resolution.",
    "twilio": "Where Twilio calls; authenticated by its signature.",
    "authentication": "Tokens for staff apps, made with an API key.",
    "session": "The end of a token.",
    "business onboarding": "Signing a business up.",
}

# Response headers: a description, and a schema.
HEADERS: dict[str, tuple[str, Json]] = {
    "X-Request-ID": ("The request's id, in every log line of it; the caller's own where it sent one.", {}),
    "WWW-Authenticate": ("How to authenticate.", {}),
    "Retry-After": ("Seconds to wait before the next try.", {"pattern": "^[0-9]+$"}),
    "RateLimit-Policy": ("The key's rate: q requests in w seconds. Absent where no rate is set.", {}),
    "RateLimit": ("What is left of it: r requests for the next t seconds.", {}),
    "Idempotent-Replayed": ("`true` where this is the first answer to the same request_id again.", {"enum": ["true"]}),
}
_ALWAYS_SENT = {"X-Request-ID", "WWW-Authenticate", "Retry-After"}
_RATE = ("RateLimit-Policy", "RateLimit")
_ERROR_HEADERS = {401: ("WWW-Authenticate",), 429: ("Retry-After", *_RATE), 503: ("Retry-After",)}

_REQUEST_ID = {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"}
_ID = {"type": "integer", "format": "int64", "minimum": 1, "maximum": BIGINT_MAX}
# Path and header parameters by name; every other path parameter that ends in _id is a number.
_TEXT_PARAMETERS = {"request_id": _REQUEST_ID, "Idempotency-Key": _REQUEST_ID}
_PARAMETER_SENTENCES = {
    "cursor": "Where the page starts: taken from `next` or `previous` of another page of the same list.",
    "page_size": "Rows in a page.",
    "include_total": "Count all rows of the list, as `total`.",
    "q": "Words to look for.",
    "request_id": "The caller's id of a write, as given to it or returned by it.",
    "assigned_to": "A staff member's id, `me` (a token's own staff member) or `none`.",
    "business_id": "The business.",
    "client_id": "The client.",
    "conversation_id": "The conversation.",
    "message_id": "The message.",
    "staff_id": "The staff member.",
    "location_id": "The location.",
}

# What our validators know and pydantic cannot tell, by the function's name.
_VALIDATORS: dict[str, Json] = {
    "_request_id": {"pattern": _REQUEST_ID["pattern"]},
    "_url": {"format": "uri"},
    "_assignee": {"pattern": "^(me|none|[0-9]{1,18})$"},
    "normalise_email": {"format": "email"},
}
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


class Shapes(GenerateJsonSchema):
    """pydantic's generator, told of our validators and silent about titles."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> Json:
        return self._told(super().function_before_schema(schema), schema)

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> Json:
        return self._told(super().function_after_schema(schema), schema)

    def _told(self, found: Json, schema: Any) -> Json:
        name = getattr(schema["function"]["function"], "__name__", "")
        return found | _VALIDATORS.get(name, {})


def json_schema(model: type[BaseModel], *, of_request: bool) -> Json:
    """A model as JSON schema by its wire names, with its parts under `$defs`."""
    schema = model.model_json_schema(
        ref_template="#/components/schemas/{model}",
        mode="validation" if of_request else "serialization",
        schema_generator=Shapes,
    )
    tidied: Json = _tidied(schema)
    return tidied


def _tidied(schema: Any) -> Any:
    """Without titles and nulls as default, and with bounds by their JSON schema names."""
    if isinstance(schema, list):
        return [_tidied(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found: Json = {
        _BOUNDS.get(str(key), str(key)): _tidied_value(key, part) for key, part in schema.items() if key != "title"
    }
    if found.get("default", 0) is None:
        del found["default"]
    return found | ({"format": "int64"} if found.get("maximum") == BIGINT_MAX else {})


def _tidied_value(key: str, value: Any) -> Any:
    if key in {"properties", "$defs"}:
        return {name: _tidied(part) for name, part in value.items()}
    return value if key in {"enum", "const", "default", "examples"} else _tidied(value)


class PydanticModels(PydanticExtension):
    """drf-spectacular's reading of pydantic models, with ours of a model's schema."""

    priority = 1

    def map_serializer(self, auto_schema: Any, direction: str) -> Json:
        schema = json_schema(self.target, of_request=direction == "request")
        for name, part in schema.pop("$defs", {}).items():
            self._register(auto_schema.registry, name, part)
        return schema

    def _register(self, registry: Any, name: str, schema: Json) -> None:
        part = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, object=name, schema=schema)
        if part in registry and registry[part].schema != schema:
            warn(f"two different models are called {name}: one of them needs another name")
        registry.register_on_missing(part)


def response_map(answers: dict[int, Any], errors: tuple[int, ...]) -> dict[int, Any]:
    """Answers and errors as drf-spectacular wants them. An answer is a model, or a sentence where it has no body."""
    found: dict[int, Any] = {}
    for status, answer in answers.items():
        found[status] = OpenApiResponse(description=answer) if isinstance(answer, str) else answer
    for status in sorted({*EVERYWHERE, *errors} - set(answers)):
        model = ParameterErrorBody if status == 422 else ErrorBody
        found[status] = OpenApiResponse(model, description=ERRORS[status][2] if status in ERRORS else "")
    return found


def query_parameters(model: type[BaseModel]) -> list[OpenApiParameter]:
    """Each field of a query model as a parameter with its own JSON schema."""
    schema = json_schema(model, of_request=True)
    definitions = schema.get("$defs", {})
    required = schema.get("required", [])
    found = []
    for name, field in schema.get("properties", {}).items():
        shape = _without_null(_inlined(field, definitions))
        many = shape.get("type") == "array"
        found.append(
            OpenApiParameter(
                name,
                shape,
                required=name in required,
                description=field.get("description") or shape.pop("description", ""),
                explode=True if many else None,
                style="form" if many else None,
            )
        )
    return found


def _inlined(field: Json, definitions: Json) -> Json:
    reference = field.get("$ref", "")
    return definitions[reference.rsplit("/", 1)[1]] if reference else field


def _without_null(field: Json) -> Json:
    """A parameter is there or not; it is never null."""
    arms = [arm for arm in field.get("anyOf", []) if arm.get("type") != "null"]
    rest = {key: value for key, value in field.items() if key not in {"anyOf", "description"}}
    if len(arms) == 1:
        return rest | dict(arms[0])
    return rest | ({"anyOf": arms} if arms else {})


class OmegaAutoSchema(AutoSchema):
    """Operations come fully described from `endpoint`."""

    def get_filter_backends(self) -> list[Any]:
        return []

    def is_excluded(self) -> bool:
        return False

    def get_description(self) -> str:  # type: ignore[override]
        """The action's own docstring; the viewset's speaks to readers of the code."""
        action = getattr(self.view, getattr(self.view, "action", None) or self.method.lower(), None)
        return (getattr(action, "__doc__", None) or "").strip()

    def map_parsers(self) -> list[str]:
        """Bodies are JSON whatever Content-Type says; callers should say so."""
        return ["application/json"]

    def _is_list_view(self, serializer: Any = None) -> bool:
        """A list is a page, and its model says so."""
        del serializer
        return False


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Every path, method and operation of a document."""
    for path, methods in document.get("paths", {}).items():
        for method, operation in methods.items():
            yield path, method, operation


def describe_errors(result: Json, generator: Any, request: Any, public: bool) -> Json:
    """Postprocessing: the errors, headers, examples and tags that no endpoint should have to remember."""
    del generator, request, public
    components = result.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for _, method, operation in operations(result):
        for parameter in operation.get("parameters", []):
            _describe_parameter(parameter)
        _describe_body(operation, schemas)
        _owe_errors(operation, method)
        operation["responses"] = {
            status: _response(operation, int(status), response, schemas)
            for status, response in sorted(operation["responses"].items())
        }
    components["responses"] = {ERRORS[status][0]: _error_component(status) for status in ERRORS}
    components["headers"] = {name: _header_component(name) for name in HEADERS}
    used = {tag for _, _, operation in operations(result) for tag in operation.get("tags", [])}
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items() if name in used]
    result["servers"] = [
        {"url": "/", "description": "Where this document was read."},
        {"url": settings.PUBLIC_BASE_URL, "description": "The public address."},
    ]
    return result


def _describe_parameter(parameter: Json) -> None:
    name, is_query = parameter["name"], parameter["in"] == "query"
    if name in _TEXT_PARAMETERS and not is_query:
        parameter["schema"] = dict(_TEXT_PARAMETERS[name])
    elif parameter["in"] == "path" and name.endswith("_id"):
        parameter["schema"] = dict(_ID)
    if not parameter.get("description") and name in _PARAMETER_SENTENCES:
        parameter["description"] = _PARAMETER_SENTENCES[name]


def _describe_body(operation: Json, schemas: Json) -> None:
    """An example, and `required` where an empty object would not do: an empty body counts as one."""
    body: Json = operation.get("requestBody", {})
    content: Json | None = body.get("content", {}).get("application/json")
    if content is None:
        return
    schema = _resolved(content["schema"], schemas)
    body["required"] = bool(schema.get("required")) or schema.get("type") != "object"
    if "examples" not in content:
        content.setdefault("example", example_of(content["schema"], schemas, of_request=True))


def _resolved(schema: Json, schemas: Json) -> Json:
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _owe_errors(operation: Json, method: str) -> None:
    """The errors that follow from what an operation takes, whether or not its author named them."""
    secured = any(operation.get("security", []))
    ids = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
    owed = {
        403: secured and (method != "get" or "business_id" in ids),  # the cookie's CSRF check; a foreign business
        404: secured and bool(ids),
        409: any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", [])),
        413: "requestBody" in operation,
    }
    for status, is_owed in owed.items():
        if is_owed:
            operation["responses"].setdefault(str(status), {"description": ERRORS[status][2]})


def _response(operation: Json, status: int, response: Json, schemas: Json) -> Json:
    if status in ERRORS and response.get("description") == ERRORS[status][2]:
        return {"$ref": f"#/components/responses/{ERRORS[status][0]}"}
    response["headers"] = _headers(operation, status) | response.get("headers", {})
    response["description"] = response.get("description") or _ANSWERED.get(status, "The answer.")
    content = response.get("content", {}).get("application/json")
    if content is not None and "examples" not in content:
        content.setdefault("example", example_of(content["schema"], schemas))
    return response


def _headers(operation: Json, status: int) -> Json:
    names = ["X-Request-ID", *_ERROR_HEADERS.get(status, ())]
    if status < 300 and any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", [])):
        names.append("Idempotent-Replayed")
    if any(operation.get("security", [])):
        names.extend(name for name in _RATE if name not in names)
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _header_component(name: str) -> Json:
    description, schema = HEADERS[name]
    found: Json = {"description": description, "schema": {"type": "string"} | schema}
    return found | ({"required": True} if name in _ALWAYS_SENT else {})


def _error_component(status: int) -> Json:
    _, code, sentence = ERRORS[status]
    model = "ParameterErrorBody" if status == 422 else "ErrorBody"
    fault = {"loc": ["body", "to"], "msg": "is required where there is no client_id", "type": "value_error"}
    example = {"detail": [fault]} if status == 422 else {"detail": sentence, "code": code}
    names = dict.fromkeys(["X-Request-ID", *_ERROR_HEADERS.get(status, ()), *(_RATE if status != 401 else ())])
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{model}"}, "example": example}}
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return {"description": sentence, "headers": headers, "content": content}
