"""A business with a key of its own, and the API as a caller sees it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import Business, Client, Location, Sender, Staff
from accounts.services.credentials import create_api_key
from conversations.models import Conversation
from conversations.services.timeline import NewMessage, append_messages, new_request_id


class Api:
    """One caller's view of one business."""

    def __init__(self, business: Business) -> None:
        self.business = business
        self.key = create_api_key(name="test", business_id=business.pk)
        self.browser = Browser(raise_request_exception=False)

    def url(self, path: str) -> str:
        return path if path.startswith("http") else f"/omega/businesses/{self.business.pk}{path}"

    def get(self, path: str, **query: Any) -> Any:
        return self.browser.get(self.url(path), query, HTTP_X_API_KEY=self.key)

    def post(self, path: str, body: Any) -> Any:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        return self.browser.post(self.url(path), raw, content_type="application/json", HTTP_X_API_KEY=self.key)

    def results(self, path: str, **query: Any) -> list[dict[str, Any]]:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.content
        return answer.json()["results"]

    def sync(self, kind: str, *rows: Any) -> dict[str, Any]:
        answer = self.post(f"/{kind}/sync", {"rows": list(rows)})
        assert answer.status_code == 200, answer.content
        return answer.json()


@pytest.fixture
def business(db: None) -> Business:
    return Business.objects.create(name="Studio", country="US")


@pytest.fixture
def other_business(db: None) -> Business:
    return Business.objects.create(name="Other")


@pytest.fixture
def api(business: Business) -> Api:
    return Api(business)


@pytest.fixture
def client_of(business: Business) -> Callable[..., Client]:
    return lambda **values: Client.objects.create(business=values.pop("business", business), **values)


@pytest.fixture
def location(business: Business) -> Location:
    return Location.objects.create(business=business, name="Main", external_id="L1")


@pytest.fixture
def foreign_location(other_business: Business) -> Location:
    return Location.objects.create(business=other_business, name="Theirs", external_id="X1")


@pytest.fixture
def staff(business: Business) -> Staff:
    return Staff.objects.create(business=business, name="Sam Smith", external_id="S1", email="sam@example.com")


@pytest.fixture
def sender(business: Business) -> Sender:
    return Sender.objects.create(business=business, channel="sms", address="+15550100001", provider="twilio")


def thread_of(client: Client, **values: Any) -> Conversation:
    """The client's conversation."""
    Client.objects.filter(pk=client.pk).update(has_conversation=True)
    return Conversation.objects.create(
        business_id=client.business_id, client=client, last_message_at=timezone.now(), **values
    )


def say(thread: Conversation, body: str = "hello", **values: Any) -> int:
    """Append a message, inbound where nothing else is said; its id."""
    values = {"channel": "sms", "direction": "inbound", "status": "received", "is_read": False} | values
    row = NewMessage(
        business_id=thread.business_id, conversation_id=thread.pk, client_id=thread.client_id,
        request_id=new_request_id(), body=body, **values,
    )  # fmt: skip
    return int(append_messages([row])[0]["id"])


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements that run meanwhile, those of omega_project.lib.sql too."""
    seen: list[str] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield seen
