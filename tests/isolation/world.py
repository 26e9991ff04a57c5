"""Two businesses with everything in them, the credentials that must not work, and requests made from the document."""

import datetime
from dataclasses import dataclass, field

from django.apps import apps
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import AccessToken, ApiKey, AuditEntry, Business
from accounts.services.credentials import create_api_key, create_token
from conversations.services import merging
from messaging.models import Template, WebhookDelivery
from messaging.services import webhook_endpoints
from omega_project.lib.api.examples import example_of
from onboarding.models import Onboarding, OnboardingStep
from tests.contract import world as made
from tests.schema.document import examples, resolved

SECRET = "Xanadu"
PLATFORM_ONLY = {"messages_retry", "metrics", "business_onboard"}
# Which model an id names, where its name does not tell.
_SAME_AS = {"assigned_to": "staff_id", "mentions": "staff_id", "message_ids": "message_id"}
_SAME_AS |= {"in_reply_to": "mail_id"}
# What an id means where the request is about a mail.
_OF_MAILS = {"message_id": "mail_id", "template_id": "mail_template_id"}
# Not names of rows: a caller's own words, and what is compared but never looked up.
_NO_NAMES = {"request_id", "provider_message_id", "external_id", "expected_last_message_id"}


@dataclass
class House:
    """A business and the ids of what is in it, by the names that the document gives them."""

    ids: dict
    key: str
    token: str

    def id_of(self, name):
        name = _SAME_AS.get(name, name)
        if name not in self.ids:
            self.ids[name] = self._newest(name)
        return self.ids[name]

    def _newest(self, name):
        """The id of the newest row of the model that `name` names: a new endpoint's parameter finds its own."""
        models = {model.__name__.lower(): model for model in apps.get_models()}
        model = models.get(name.removesuffix("_id").replace("_", ""))
        row = model and model.objects.filter(business_id=self.ids["business_id"]).order_by("-pk").first()
        assert row, f"tests/isolation/world.py makes no row that {name} could name: please add one to a_house()"
        return row.pk


def a_house(word):
    """A business with a client, staff, places, a template and a conversation with messages, all of them with `word`."""
    studio = made.a_studio(name=f"{word} Spa")
    place = made.a_location(studio, name=f"{word} Street")
    staff = made.a_staff_member(studio, name=f"Mo {word}")
    client = made.a_client(studio, first_name=word, email=f"ana@{word.lower()}.example")
    made.a_mail_sender(studio)
    Template.objects.create(business_id=studio.id, name=word, channel="sms", body=f"Hello from {word}")
    text = {"client_id": client.pk, "body": f"Private: {word}"}
    soon = (timezone.now() + datetime.timedelta(days=1)).isoformat()
    queued = made.queue(studio, request_id=f"{word}.1", scheduled_at=soon, **text)
    assert queued.status == 202, queued.raw
    made.record(studio, direction="inbound", client_id=client.pk, body=f"Do not tell: {word}")
    signed_up = Onboarding.objects.create(external_id=word, business_id=studio.id, reference=word, request=b"")
    OnboardingStep.objects.create(onboarding=signed_up, place=0, name="senders", detail=f"Private: {word}")
    other, twin = (made.a_client(studio, first_name=f"{word} {number}") for number in (2, 3))
    mail = made.mail(studio, client_id=client.pk, subject=word, scheduled_at=soon)
    letter = Template.objects.create(
        business_id=studio.id, name=f"{word} mail", channel="email", subject=word, body=f"Hello from {word}"
    )
    merge = merging.merge_clients(kept=client, merged=twin)
    url = f"https://platform.example.com/{word}"
    hook, _ = webhook_endpoints.add_endpoint(business_id=studio.id, url=url, events=[], description=word)
    delivery = WebhookDelivery.objects.create(
        business_id=studio.id, endpoint=hook, position=1, webhook_id=word, type="message.created", status="delivered",
        payload=made.json.dumps({"data": word}), created_at=timezone.now(),
    )  # fmt: skip
    ids = {
        "mail_id": mail["message_id"], "mail_template_id": letter.pk,
        "other_client_id": other.pk, "merge_id": merge.pk, "endpoint_id": hook.pk, "delivery_id": delivery.pk,
        "business_id": studio.id, "client_id": client.pk, "staff_id": staff.pk, "location_id": place.pk,
        "conversation_id": queued["conversation_id"], "message_id": queued["message_id"], "request_id": f"{word}.1",
    }  # fmt: skip
    key_id = ApiKey.objects.get(business_id=studio.id).pk
    token, _ = create_token(business_id=studio.id, staff_id=staff.pk, key_id=key_id, expires_in=3600)
    return House(ids, studio.key, token)


@dataclass
class World:
    """Ours is the house that is attacked; theirs attacks."""

    ours: House
    theirs: House
    platform_key: str
    dead_credentials: dict = field(init=False)
    state: dict = field(init=False)

    def __post_init__(self):
        self.dead_credentials = self._dead_credentials()

    def erase(self):
        ApiKey.objects.filter(business=None).delete()
        Business.objects.filter(pk__in=[self.ours.ids["business_id"], self.theirs.ids["business_id"]]).delete()

    def _dead_credentials(self):
        """By name: the headers of credentials that were ours, or never anybody's."""
        past = timezone.now() - datetime.timedelta(seconds=1)
        business_id, key_id = (
            self.ours.ids["business_id"],
            ApiKey.objects.filter(business=self.ours.ids["business_id"]).first().pk,
        )
        return {
            "none": {},
            "a wrong key": {"X-API-KEY": "omega_plat_" + "x" * 32},
            "a revoked key": {"X-API-KEY": _dead_key(business_id, revoked_at=past)},
            "an expired key": {"X-API-KEY": _dead_key(business_id, expires_at=past)},
            "a revoked platform key": {"X-API-KEY": _dead_key(None, revoked_at=past)},
            "a revoked token": _bearer(_dead_token(business_id, key_id, revoked_at=past)),
            "an expired token": _bearer(_dead_token(business_id, key_id, expires_at=past)),
            "an expired cookie": {"Cookie": f"omega_session={_dead_token(business_id, key_id, expires_at=past)}"},
        }


def _bearer(token):
    return {"Authorization": f"Bearer {token}"}


def _dead_key(business_id, **fields):
    key = create_api_key(name="dead", business_id=business_id)
    ApiKey.objects.filter(pk=ApiKey.objects.latest("pk").pk).update(**fields)
    return key


def _dead_token(business_id, key_id, **fields):
    token, row = create_token(business_id=business_id, staff_id=None, key_id=key_id, expires_in=60)
    AccessToken.objects.filter(pk=row.pk).update(**fields)
    return token


def a_world():
    return World(a_house(SECRET), a_house("Kubla"), made.a_platform_key())


@dataclass
class Call:
    """One request of an operation, its ids still to be chosen."""

    operation: object
    example: object

    def ids(self):
        """Where each id of it stands: (path, query or body) and the name."""
        found = [("path", name) for name in self.operation.names("path")]
        found += [("query", name) for name in self.operation.names("query") if _names_a_row(name)]
        if isinstance(self.example, dict) and self.operation.json_body:
            found += [("body", name) for name in self._fields() if _names_a_row(name)]
        return sorted(found)

    @property
    def is_about_mail(self):
        channel = self.example.get("channel") if isinstance(self.example, dict) else None
        return channel == "email" or "email" in self.operation.told["tags"]

    def _fields(self):
        """The fields that go with the example: of the one shape that takes it, where there are several."""
        shape = resolved(self.operation.json_body["schema"])
        arms = [resolved(resolved(arm)) for arm in shape.get("anyOf", [])]
        while any("anyOf" in arm for arm in arms):
            arms = [resolved(one) for arm in arms for one in arm.get("anyOf", [arm])]
        return {name for one in arms or [shape] if self._is_of(one) for name in one["properties"]}

    def _is_of(self, shape):
        fields = shape.get("properties", {})
        return all(name in fields and fields[name].get("const", value) == value for name, value in self.example.items())

    def send(self, headers, house, swapped=None, foreign=None):
        """Ask with the ids of `house`; the one at `swapped` is that of the house `foreign`."""

        def choose(where, name):
            whose = foreign if (where, name) == swapped else house
            is_second = where == "body" and name in self.operation.names("path")
            name = _OF_MAILS.get(name, name) if self.is_about_mail else name
            return whose.id_of(f"other_{name}" if is_second and name != "business_id" else name)

        path = self.operation.path.format_map({name: choose("path", name) for name in self.operation.names("path")})
        query = {
            one["name"]: choose("query", one["name"]) if _names_a_row(one["name"]) else example_of(one["schema"], {})
            for one in self.operation.parameters("query")
            if one.get("required") or swapped == ("query", one["name"])
        }
        body = self._body(choose, swapped)
        return _send(self.operation.method, path, query, body, headers)

    def _body(self, choose, swapped):
        if isinstance(self.example, list):
            return [Call(self.operation, one)._body(choose, swapped) for one in self.example]
        if self.example is None:
            return None
        body = dict(self.example)
        if swapped and swapped[0] == "body":
            body[swapped[1]] = None
            for rival in {"client_id": ["to", "from"], "template_id": ["body", "text"]}.get(swapped[1], []):
                body.pop(rival, None)
        for name in body:
            if _names_a_row(name):
                value = choose("body", name)
                body[name] = [value] if name in {"mentions", "message_ids", "location_ids"} else value
        return body


def _names_a_row(name):
    return name in _SAME_AS or (name.endswith("_id") and name not in _NO_NAMES)


def _send(method, path, query, body, headers):
    browser = Browser(raise_request_exception=False, enforce_csrf_checks=True)
    if "Cookie" in headers:
        name, _, value = headers["Cookie"].partition("=")
        browser.cookies[name] = value
        headers = {}
    return browser.generic(
        method, path, b"" if body is None else made.json.dumps(body), "application/json", headers=headers,
        query_params=query,
    )  # fmt: skip


def calls(operations):
    """Every operation with each example of its body."""
    return [
        Call(operation, example)
        for operation in operations
        for example in (examples(operation.json_body) if operation.json_body else [None])
    ]


def fingerprint():
    """Every row of every table, counted and hashed; but the trail of who asked for what."""
    models = [one for one in apps.get_models(include_auto_created=True) if one._meta.managed and one is not AuditEntry]
    tables = sorted(model._meta.db_table for model in models)
    each = "SELECT '{0}', count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM \"{0}\" t"
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(each.format(table) for table in tables))
        return {name: (count, digest) for name, count, digest in cursor.fetchall()}
