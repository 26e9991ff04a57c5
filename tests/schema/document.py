"""The OpenAPI document as the server gives it, made in-process once."""

import functools
from dataclasses import dataclass

import jsonschema
from drf_spectacular.generators import SchemaGenerator

# Called without a credential of ours: health by load balancers, the webhooks by providers that sign.
OPEN = {"health", "health_db", "health_ready", "twilio_sms_reply", "twilio_sms_status", "email_inbound"}
OPEN |= {"voice_calls_twiml"} | {
    f"twilio_voice_{name}" for name in ("status", "dial", "voicemail", "announcement", "recording")
}
OPEN |= {"email_webhook", "email_webhook_of_provider"}


@functools.cache
def document():
    return SchemaGenerator().get_schema(request=None, public=True)


@dataclass(frozen=True)
class Operation:
    """One row of the document."""

    method: str
    path: str
    told: dict

    @property
    def name(self):
        return self.told["operationId"]

    @property
    def is_open(self):
        return self.name in OPEN

    def parameters(self, where):
        return [one for one in self.told.get("parameters", []) if one["in"] == where]

    def names(self, where):
        return {one["name"] for one in self.parameters(where)}

    @property
    def json_body(self):
        return self.told.get("requestBody", {}).get("content", {}).get("application/json")

    def answers(self):
        """Status and JSON content of each answer that has some; errors as the components that they refer to."""
        for status, answer in self.told["responses"].items():
            content = resolved(answer).get("content", {}).get("application/json")
            if content:
                yield int(status), content


def operations():
    return [
        Operation(method.upper(), path, told)
        for path, methods in document()["paths"].items()
        for method, told in methods.items()
    ]


def resolved(thing):
    """What a `$ref` names; anything else as it is."""
    while "$ref" in thing:
        found = document()
        for part in thing["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        thing = found
    return thing


def misfits(value, schema, *, strict=False):
    """What is wrong with `value` by `schema`, in sentences; where `strict`, keys that nothing names are wrong too."""
    whole = {**schema, "components": {"schemas": _closed() if strict else document()["components"]["schemas"]}}
    checker = jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(value)]


@functools.cache
def _closed():
    """The schemas, those of objects without room for keys that they do not name."""
    schemas = document()["components"]["schemas"]
    return {
        name: ({"additionalProperties": False} if "properties" in one else {}) | one for name, one in schemas.items()
    }


def examples(content):
    """The values of the examples of a body or an answer."""
    given = [one["value"] for one in content.get("examples", {}).values()]
    return given + ([content["example"]] if "example" in content else [])
