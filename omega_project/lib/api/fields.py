"""The field types of request bodies and queries: what a caller may say, and the sentence where it may not.

pydantic gathers every fault of a body; its own wording is turned into ours in `parsing`.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from omega_project.lib.addresses import normalise_email, normalise_phone
from omega_project.lib.clean import is_storable

BIGINT_MAX = 2**63 - 1
METADATA_BYTES = 16 * 1024
REQUEST_ID = re.compile(r"^[A-Za-z0-9._:-]{1,128}\Z")
# A NUL as JSON writes it; a backslash that is itself escaped before `u0000` is mere text.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_NATIONAL = re.compile(r"^(?:[ ().\-/]*\d){4,15}[ ().\-/]*\Z", re.ASCII)
_TIME = re.compile(r"^\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?)?\Z", re.ASCII)


class Body(BaseModel):
    """A request's body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)

    @classmethod
    def missing(cls, given: dict[str, Any]) -> Sequence[tuple[str | tuple[str | int, ...], str]]:
        """Fields that are wanted because of the others: each with a sentence, found whatever else is wrong.

        A field is named by its name, or by its path where it stands deeper.
        """
        del given
        return []


class Query(BaseModel):
    """A request's query string: parameters that nobody reads are left alone."""

    model_config = ConfigDict(extra="ignore")


def _storable(value: str) -> str:
    if not is_storable(value):
        raise ValueError("must not contain NUL or lone surrogate characters")
    return value


def _request_id(value: str) -> str:
    if not REQUEST_ID.match(value):
        raise ValueError("must be 1 to 128 characters of A-Z a-z 0-9 . _ : -")
    return value


def _time_text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _TIME.match(value):
        raise ValueError("must be an RFC 3339 time, such as 2026-03-01T09:30:00Z")
    return value.replace(" ", "T")


def as_utc(value: datetime) -> datetime:
    """A time without a zone is taken as UTC."""
    try:
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value).astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the calendar") from None


def _phone_or_national(value: str) -> str:
    """A number with its country is checked here, with the rest of the body; a national one needs its business."""
    text = value.strip()
    if text.startswith("+"):
        return normalise_phone(text)
    if not _NATIONAL.match(text):
        raise ValueError("cannot be a phone number")
    return text


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    try:
        encoded = orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError):
        raise ValueError("must be a JSON object") from None
    if len(encoded) > METADATA_BYTES:
        raise ValueError("must be at most 16 KiB as JSON")
    if _NUL.search(encoded):
        raise ValueError("must not contain NUL characters")
    return value


def _url(value: str) -> str:
    if not re.match(r"^https?://[^\s/?#@]+([/?#]\S*)?\Z", value, re.IGNORECASE):
        raise ValueError("must be an http or https URL without a user name in it")
    return value


def _number(value: Any) -> Any:
    """A query's number: its digits only, so that `1.0`, ` 1` and digits of other scripts are no ids."""
    if isinstance(value, str) and not re.match(r"^-?\d{1,30}\Z", value, re.ASCII):
        raise ValueError("must be a whole number")
    return value


Id = Annotated[int, Field(strict=True, ge=1, le=BIGINT_MAX)]
QueryId = Annotated[int, BeforeValidator(_number), Field(ge=1, le=BIGINT_MAX)]
QueryInt = Annotated[int, BeforeValidator(_number)]
Text = Annotated[str, AfterValidator(_storable)]
ShortText = Annotated[str, AfterValidator(_storable), Field(max_length=255)]
RequestId = Annotated[str, AfterValidator(_request_id)]
Time = Annotated[datetime, BeforeValidator(_time_text), AfterValidator(as_utc)]
Metadata = Annotated[dict[str, Any], AfterValidator(_metadata)]
Url = Annotated[str, AfterValidator(_storable), AfterValidator(_url), Field(min_length=1, max_length=2048)]
Email = Annotated[str, AfterValidator(_storable), AfterValidator(normalise_email)]
Phone = Annotated[
    str, AfterValidator(_storable), Field(min_length=1, max_length=64), AfterValidator(_phone_or_national)
]
Flag = Annotated[bool, Field(strict=True)]
