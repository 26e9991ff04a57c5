"""The OpenAPI 3.1 description: pydantic models as they stand, and the errors that every endpoint has."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from pydantic import BaseModel


class FaultItem(BaseModel):
    """One wrong value."""

    loc: list[str | int]
    msg: str
    type: str


class ParameterErrorBody(BaseModel):
    """422: every fault of the request."""

    detail: list[FaultItem]


class ErrorBody(BaseModel):
    """Any other error."""

    detail: str
    code: str


_SENTENCES = {
    401: "No credential, or a wrong, expired or revoked one.",
    403: "A good credential for another business.",
    404: "The thing is not in this business.",
    409: "The state forbids it, or a request_id was reused with another body.",
    413: "The body is too large.",
    422: "Parameter Error: every invalid value of the request.",
    429: "Over the key's rate; see Retry-After.",
    503: "The database cannot be reached; see Retry-After.",
}
EVERYWHERE = (401, 422, 429, 503)


def response_map(answers: dict[int, Any], errors: tuple[int, ...]) -> dict[int, Any]:
    """Answers and errors as drf-spectacular wants them. An answer is a model, or a sentence where it has no body."""
    found: dict[int, Any] = {}
    for status, answer in answers.items():
        found[status] = OpenApiResponse(description=answer) if isinstance(answer, str) else answer
    for status in sorted({*EVERYWHERE, *errors} - set(answers)):
        model = ParameterErrorBody if status == 422 else ErrorBody
        found[status] = OpenApiResponse(model, description=_SENTENCES.get(status, ""))
    return found


def query_parameters(model: type[BaseModel]) -> list[OpenApiParameter]:
    """Each field of a query model as a parameter with its own JSON schema."""
    schema = model.model_json_schema()
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
                description=field.get("description", ""),
                explode=True if many else None,
                style="form" if many else None,
            )
        )
    return found


def _inlined(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = field.get("$ref", "")
    return definitions[reference.rsplit("/", 1)[1]] if reference else field


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    arms = [arm for arm in field.get("anyOf", []) if arm.get("type") != "null"]
    shape = arms[0] if len(arms) == 1 else field
    return {key: value for key, value in shape.items() if key not in {"title", "default", "description"}}


class OmegaAutoSchema(AutoSchema):
    """Operations come fully described from `endpoint`."""

    def get_filter_backends(self) -> list[Any]:
        return []

    def is_excluded(self) -> bool:
        return False


def describe_errors(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Postprocessing: path ids are numbers, and components have no generated titles' noise."""
    del generator, request, public
    for path in result.get("paths", {}).values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                _describe_path_id(parameter)
    return result


def _describe_path_id(parameter: dict[str, Any]) -> None:
    if parameter["in"] == "path" and parameter["name"].endswith("_id") and parameter["name"] != "request_id":
        kind: Literal["integer"] = "integer"
        parameter["schema"] = {"type": kind, "format": "int64", "minimum": 1, "maximum": 2**63 - 1}
