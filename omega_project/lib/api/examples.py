"""The examples of the OpenAPI document: one vocabulary for all, so that a new endpoint has examples from its first day.

An endpoint whose body needs a choice (a client's id or an address) writes its own with `asked`.
"""

from typing import Any

from drf_spectacular.utils import OpenApiExample

Json = dict[str, Any]
FORM = "application/x-www-form-urlencoded"
_NOTHING = object()
_DEEPEST = 12
_TIME = "2026-03-01T09:30:00Z"

# A field's example, by `Component.field` or by the field alone. A value that does not fit the field's type is left.
VOCABULARY: Json = {
    "Alive.status": "ok",
    "Assigned.message": "Client successfully assigned to staff member",
    "Assignee.id": 17,
    "Assignee.name": "Mo Reyes",
    "ChannelConsent.source": "keyword",
    "ChangeObject.type": "message.updated",
    "Choice.label": "Open",
    "Choice.value": "open",
    "Client.id": 1204,
    "ClientProfile.id": 1204,
    "ConsentChangeObject.evidence": {"message_id": 901177, "text": "START"},
    "ConsentChangeObject.id": 4410,
    "ConsentChangeObject.source": "keyword",
    "ConsentChangeObject.staff_id": None,
    "ConsentRecord.at": None,
    "Conversation.id": 54321,
    "ConversationClient.id": 1204,
    "Location.id": 3,
    "Location.name": "Main Street",
    "LocationRow.name": "Main Street",
    "MediaObject.id": 88,
    "MediaObject.name": "before.jpg",
    "OnboardingStarted.status": "in_progress",
    "OnboardingState.status": "completed",
    "OnboardingStepState.detail": "+12125550160 is used.",
    "OnboardingStepState.name": "senders",
    "OnboardingStepState.status": "done",
    "Part.status": "ok",
    "ReportFailure.meaning": "The phone is unknown or switched off for good.",
    "ReportFailure.status": "undelivered",
    "ReportOfDay.day": "2026-03-01",
    "ReportShare.id": 17,
    "ReportSummary.from": "2026-03-01",
    "ReportSummary.to": "2026-03-30",
    "Staff.id": 17,
    "Staff.name": "Mo Reyes",
    "StaffProfile.id": 17,
    "StaffProfile.name": "Mo Reyes",
    "StaffRow.name": "Mo Reyes",
    "SyncedRow.errors": [],
    "access_token": "omega_tok_Q2x5c2Vz",
    "api_key": "omega_biz_Q2x5c2Vz",
    "applied": True,
    "assigned_to": 17,
    "attempts": 1,
    "availability": "available",
    "bcc": [],
    "body": "See you at 10 on Friday!",
    "business_id": 12,
    "call": None,
    "cc": [],
    "channel": "sms",
    "channels": ["sms"],
    "client_id": 1204,
    "closed_at": None,
    "code": "30006",
    "consent": "opted_in",
    "content_type": "image/jpeg",
    "conversation_id": 54321,
    "count": 4,
    "created_at": _TIME,
    "delivered_at": "2026-03-01T09:30:04Z",
    "detail": None,
    "direction": "outbound",
    "email": "ana@example.com",
    "encoding": "gsm7",
    "error": None,
    "errors": [],
    "expired": 1,
    "expires_at": "2026-03-01T10:30:00Z",
    "expires_in": 3600,
    "external_id": "client-1042",
    "failed": 0,
    "first_name": "Ana",
    "from": "+12125550100",
    "home_location_id": 3,
    "html": None,
    "id": 901177,
    "is_active": True,
    "is_read": True,
    "labels": ["vip"],
    "last_name": "Silva",
    "locale": "en-US",
    "location_id": 3,
    "location_ids": [3],
    "media": [],
    "media_urls": [],
    "message_id": 901177,
    "message_ids": [901177],
    "metadata": {"appointment": "A-77"},
    "name": "Ana Silva",
    "next": "https://omega.example.com/omega/businesses/12/conversations?cursor=b3BhcXVl",
    "onboarding_id": 7,
    "outcome": "updated",
    "phone": "+12125550142",
    "preview": "See you at 10 on Friday!",
    "previous": None,
    "provider": "twilio",
    "provider_message_id": "SM0123456789abcdef0123456789abcdef",
    "read_at": None,
    "reason": None,
    "release_at": None,
    "request_id": "visit-77-reminder",
    "result": "opted_in",
    "scheduled_at": None,
    "sent_at": "2026-03-01T09:30:01Z",
    "snippet": "See you at 10 on <mark>Friday</mark>!",
    "snoozed_until": None,
    "source": "twilio",
    "staff_id": 17,
    "status": "delivered",
    "step": "consent",
    "subject": None,
    "tags": ["vip"],
    "timezone": "America/New_York",
    "to": "+12125550142",
    "token_type": "Bearer",
    "total": 137,
    "ucs2_characters": [],
    "updated_at": _TIME,
    "url": "https://omega.example.com/omega/media/c2lnbmVk",
    "version": "0.1.0",
    "would": "send",
}
_BY_TYPE: Json = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "null": None, "object": {}}
_PYTHON: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "null": (type(None),),
    "object": (dict,), "array": (list,),
}  # fmt: skip


def asked(value: Any, name: str = "Request", media_type: str | None = None) -> OpenApiExample:
    """An example of a request's body; JSON unless `media_type` says otherwise."""
    return OpenApiExample(name, value=value, request_only=True, media_type=media_type)


def answered(value: Any, status: int, name: str = "Answer") -> OpenApiExample:
    """An example of an answer's body."""
    return OpenApiExample(name, value=value, response_only=True, status_codes=[status])


def example_of(schema: Json, components: Json, *, of_request: bool = False) -> Any:
    """An example that fits `schema`; of a request, with the required fields alone where there are any."""
    return _Maker(components, of_request=of_request).make(schema, "", "", depth=0)


class _Maker:
    def __init__(self, components: Json, *, of_request: bool) -> None:
        self.components = components
        self.of_request = of_request

    def make(self, schema: Json, owner: str, field: str, depth: int) -> Any:
        while "$ref" in schema:
            owner = schema["$ref"].rsplit("/", 1)[1]
            schema = self.components[owner]
        for found in (_said(schema), self._known(schema, owner, field), _chosen(schema)):
            if found is not _NOTHING:
                return found
        if arms := schema.get("anyOf") or schema.get("oneOf"):
            return self.make(_preferred(arms), owner, field, depth)
        return self._by_type(schema, owner, field, depth)

    def _known(self, schema: Json, owner: str, field: str) -> Any:
        for name in (f"{owner}.{field}", field):
            value = VOCABULARY.get(name, _NOTHING)
            if value is not _NOTHING and self._fits(value, schema):
                return value
        return _NOTHING

    def _fits(self, value: Any, schema: Json) -> bool:
        if arms := schema.get("anyOf") or schema.get("oneOf"):
            return any(self._fits(value, arm) for arm in arms)
        if "$ref" in schema:
            return isinstance(value, str) and value in self.components[_name(schema)].get("enum", [])
        if "enum" in schema:
            return value in schema["enum"]
        kind = str(schema.get("type"))
        if isinstance(value, list):
            return kind == "array" and all(self._fits(item, schema.get("items", {})) for item in value)
        return isinstance(value, _PYTHON.get(kind, ())) and (kind == "boolean") == isinstance(value, bool)

    def _by_type(self, schema: Json, owner: str, field: str, depth: int) -> Any:
        kind = schema.get("type", "string")
        if depth > _DEEPEST:
            return None
        if kind == "array":
            return [self.make(schema.get("items", {}), owner, field, depth + 1)]
        if kind == "object" and "properties" in schema:
            return self._object(schema, owner, depth)
        if schema.get("format") == "date-time":
            return _TIME
        return max(schema.get("minimum", 1), 1) if kind == "integer" else _BY_TYPE[kind]

    def _object(self, schema: Json, owner: str, depth: int) -> Json:
        wanted = schema.get("required", []) if self.of_request and depth == 0 else []
        return {
            name: self.make(part, owner, name, depth + 1)
            for name, part in schema["properties"].items()
            if not wanted or name in wanted
        }


def _name(schema: Json) -> str:
    return str(schema["$ref"].rsplit("/", 1)[1])


def _said(schema: Json) -> Any:
    if schema.get("examples"):
        return schema["examples"][0]
    return schema.get("example", schema.get("const", _NOTHING))


def _chosen(schema: Json) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    return schema.get("default", _NOTHING)


def _preferred(arms: list[Json]) -> Json:
    return next((arm for arm in arms if arm.get("type") != "null"), arms[0])
