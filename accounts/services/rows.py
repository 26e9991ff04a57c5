"""What a row of a sync may say, checked field by field: the same for the API, the CSV import and onboarding."""

import functools
import re
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from omega_project.lib.addresses import normalise_phone
from omega_project.lib.api import parsing
from omega_project.lib.api.errors import Fault, capped
from omega_project.lib.api.fields import Body, Email, Flag, Id, Phone, ShortText, Text
from omega_project.lib.clean import storable

MOST_TAGS = 50
MOST_LOCATIONS = 500
_LOCALE = re.compile(r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,2}$", re.ASCII)


@functools.lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _zone(value: str) -> str:
    if value not in _zones():
        raise ValueError("must be a time zone's name, such as Europe/Berlin")
    return value


def _locale(value: str) -> str:
    if len(value) > 16 or not _LOCALE.match(value):
        raise ValueError("must be a locale, such as en-US")
    return value


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value


def _once(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


Name = Annotated[ShortText, AfterValidator(str.strip)]
FilledName = Annotated[Name, AfterValidator(_filled)]
ExternalId = Annotated[ShortText, AfterValidator(_filled)]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_zone)]
Locale = Annotated[str, AfterValidator(_locale)]
Tag = Annotated[Text, AfterValidator(str.strip), AfterValidator(_filled), Field(max_length=64)]
Tags = Annotated[list[Tag], Field(max_length=MOST_TAGS), AfterValidator(_once)]


class LocationRow(Body):
    """A location as the host platform knows it. `name` is wanted for a new one."""

    external_id: ExternalId
    name: FilledName = ""
    address: Annotated[Text, Field(max_length=512)] | None = None
    phone: Phone | None = None
    timezone: Zone | None = None
    is_active: Flag = True


class StaffRow(Body):
    """A staff member as the host platform knows them. `name` is wanted for a new one."""

    external_id: ExternalId
    name: FilledName = ""
    email: Email | None = None
    phone: Phone | None = None
    role: Literal["owner", "manager", "agent"] = "agent"
    availability: Literal["available", "away", "offline"] = "available"
    is_active: Flag = True
    location_ids: Annotated[list[Id], Field(max_length=MOST_LOCATIONS)] | None = None
    location_external_ids: Annotated[list[ExternalId], Field(max_length=MOST_LOCATIONS)] | None = None


class ClientRow(Body):
    """A client as the host platform knows them."""

    external_id: ExternalId
    first_name: Name | None = None
    last_name: Name | None = None
    phone: Phone | None = None
    email: Email | None = None
    timezone: Zone | None = None
    locale: Locale | None = None
    tags: Tags | None = None
    home_location_id: Id | None = None
    home_location_external_id: ExternalId | None = None


@dataclass(slots=True)
class Draft:
    """One row on its way into the database: what it says (absent is unsaid), and what is wrong with it."""

    index: int
    external_id: str | None
    said: dict[str, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    outcome: str = "failed"
    id: int | None = None

    def fault(self, name: str, sentence: str) -> None:
        """Note what is wrong with one field of the row."""
        self.faults.append(Fault(["body", "rows", self.index, name], sentence))

    def answer(self) -> dict[str, Any]:
        """The row's part of the answer (api.md, 7)."""
        errors = capped(self.faults)
        return {"external_id": self.external_id, "id": self.id, "outcome": self.outcome, "errors": errors}


def read_rows(model: type[Body], rows: Sequence[Any], country: str | None) -> list[Draft]:
    """Each row checked by `model`, whatever its bytes; national phone numbers are read as the country's."""
    return [_read(model, index, row, country) for index, row in enumerate(rows)]


def _read(model: type[Body], index: int, row: Any, country: str | None) -> Draft:
    given = row.get("external_id") if isinstance(row, dict) else None
    draft = Draft(index, storable(given)[:255] if isinstance(given, str) else None)
    faults: list[Fault] = []
    parsed = parsing.checked(model, row, "body", faults)
    for fault in faults:
        fault["loc"][1:1] = ["rows", index]
    draft.faults = faults
    if parsed is not None:
        draft.said = {name: getattr(parsed, name) for name in parsed.model_fields_set if name != "external_id"}
        _read_phone(draft, country)
    return draft


def _read_phone(draft: Draft, country: str | None) -> None:
    phone = draft.said.get("phone")
    if phone and not phone.startswith("+"):
        try:
            draft.said["phone"] = normalise_phone(phone, country)
        except ValueError as error:
            draft.fault("phone", str(error))
