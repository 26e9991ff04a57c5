"""A request's bytes, path and query into checked values: every fault of it in one 422."""

import re
from collections.abc import Callable
from tempfile import TemporaryFile
from typing import IO, Any, TypeVar

import orjson
from django.http import HttpRequest, QueryDict
from django.http.request import UnreadablePostError
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from omega_project.lib.api.errors import ApiError, Fault, ParameterError, TooLarge
from omega_project.lib.api.fields import BIGINT_MAX

M = TypeVar("M", bound=BaseModel)
_CHUNK = 256 * 1024
_DIGITS = re.compile(r"^\d{1,19}\Z", re.ASCII)
_ONE = re.compile(r"\b1 (character|item)s\b")

# pydantic's error type to our sentence; `{...}` are its context values.
_SENTENCES = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this request",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "too_long": "must have at most {max_length} items",
    "too_short": "must have at least {min_length} items",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
    "datetime_from_date_parsing": "must be an RFC 3339 time, such as 2026-03-01T09:30:00Z",
    "datetime_parsing": "must be an RFC 3339 time, such as 2026-03-01T09:30:00Z",
    "string_unicode": "must be valid Unicode text",
    "string_pattern_mismatch": "must match {pattern}",
}


class RawParser(BaseParser):
    """DRF's own parsing is not used: the body is read once, bounded, by `read_body`."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return {}


def _declared(request: HttpRequest, limit: int) -> int:
    """The length that the request claims; 413 where that is over `limit`."""
    try:
        declared = int(request.headers.get("content-length") or 0)
    except ValueError:
        declared = 0
    if declared > limit:
        raise TooLarge(f"The body has {declared} bytes; at most {limit} are taken.")
    return declared


def spool_body(request: HttpRequest, limit: int, see: Callable[[bytes], None] | None = None) -> IO[bytes]:
    """The body in a temporary file, read in chunks, each of which `see` is shown; 413 as `read_body`.

    422 where it ends before its Content-Length: half of it must not be taken for the whole.
    """
    declared, size, file = _declared(request, limit), 0, TemporaryFile()  # noqa: SIM115  the body that is given back
    try:
        while chunk := request.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise TooLarge(f"The body has more than {limit} bytes.")
            file.write(chunk)
            if see is not None:
                see(chunk)
    except (UnreadablePostError, OSError) as error:
        raise _unreadable() from error
    if size < declared:
        raise _unreadable()
    file.seek(0)
    return file


def read_body(request: HttpRequest, limit: int) -> bytes:
    """The raw bytes of the body; 413 over `limit` bytes, whatever Content-Length claims."""
    _declared(request, limit)
    try:
        body = request.read(limit + 1)
    except (UnreadablePostError, OSError) as error:
        raise _unreadable() from error
    if len(body) > limit:
        raise TooLarge(f"The body has more than {limit} bytes.")
    return body


def _unreadable() -> ApiError:
    return ParameterError([Fault(["body"], "could not be read to its end")])


def json_value(raw: bytes) -> Any:
    """The body as JSON; 422 where it is none (NaN, lone surrogates and broken UTF-8 are none)."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ParameterError([Fault(["body"], f"is not valid JSON: {error.msg}")]) from None


def json_object(raw: bytes) -> dict[str, Any]:
    """As `json_value`, and an object. An empty body is an empty object."""
    value = json_value(raw) if raw.strip() else {}
    if not isinstance(value, dict):
        raise ParameterError([Fault(["body"], "must be a JSON object")])
    return value


def checked(model: type[M], values: Any, where: str, faults: list[Fault]) -> M | None:
    """`values` as `model`; where it is wrong, each fault joins `faults` and the answer is None."""
    missing = getattr(model, "missing", None)
    lacking = missing(values) if missing and isinstance(values, dict) else []
    for name, sentence in lacking:
        faults.append(Fault([where, *name] if isinstance(name, tuple) else [where, name], sentence))
    try:
        result = model.model_validate(values)
        return None if lacking else result
    except ValidationError as error:
        faults.extend(_fault(item, where) for item in error.errors(include_url=False))
        return None


def validated(model: type[M], values: Any, where: str = "body") -> M:
    """`values` as `model`, or 422."""
    faults: list[Fault] = []
    result = checked(model, values, where, faults)
    if result is None:
        raise ParameterError(faults)
    return result


def _fault(item: ErrorDetails, where: str) -> Fault:
    loc = [where, *(part for part in item["loc"] if not _is_internal(part))]
    return Fault(loc, _sentence(item))


def _is_internal(part: int | str) -> bool:
    """pydantic names the arm of a union or a wrapping function in `loc`: no field of the caller's."""
    return isinstance(part, str) and (
        "[" in part or part in {"int", "str", "list", "constrained-str", "constrained-int"}
    )


def _sentence(item: ErrorDetails) -> str:
    context = item.get("ctx", {})
    if item["type"] == "value_error":
        return str(context.get("error", item["msg"]))
    kind = item["type"]
    if kind in {"too_long", "too_short"} and isinstance(item["input"], str):
        kind = f"string_{kind}"
    template = _SENTENCES.get(kind)
    return _ONE.sub(r"1 \1", template.format(**context)) if template else str(item["msg"])


def query_values(query: QueryDict, model: type[BaseModel], faults: list[Fault]) -> dict[str, Any]:
    """The query string for `model`: lists where the model wants lists, else the one value; a second is a fault."""
    values: dict[str, Any] = {}
    for own_name, field in model.model_fields.items():
        name = field.alias or own_name
        if name not in query:
            continue
        given = query.getlist(name)
        is_list = "list" in str(field.annotation)
        values[name] = given if is_list else given[0]
        if len(given) > 1 and not is_list:
            faults.append(Fault(["query", name], "is given more than once"))
    return values


def path_id(name: str, value: str, faults: list[Fault]) -> int:
    """A path's id as a number; 0 and a fault where it is none that can exist."""
    if _DIGITS.match(value) and 1 <= int(value) <= BIGINT_MAX:
        return int(value)
    faults.append(Fault(["path", name], "must be a whole number from 1 to 9223372036854775807"))
    return 0


def idempotency_key(request: Request, faults: list[Fault]) -> str | None:
    """The header `Idempotency-Key`, checked as a `request_id` is."""
    from_header: str | None = request.headers.get("idempotency-key")
    if from_header is None:
        return None
    if not re.match(r"^[A-Za-z0-9._:-]{1,128}\Z", from_header):
        faults.append(Fault(["header", "Idempotency-Key"], "must be 1 to 128 characters of A-Z a-z 0-9 . _ : -"))
    return from_header
