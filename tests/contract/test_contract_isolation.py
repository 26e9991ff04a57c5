"""One business never sees another's: every path is walked with an outsider's key and with foreign ids."""

import re

import pytest
import yaml

from accounts.models import Client
from conversations.models import Conversation, Message
from tests.contract.shapes import assert_error
from tests.contract.world import (
    a_client,
    a_platform_key,
    a_studio,
    call,
    get,
    phone,
    post,
    queue,
    record,
    reply,
    sid,
)

pytestmark = pytest.mark.django_db

# What is open to all, or answers by a signature.
OPEN = {"/health", "/health/db", "/health/ready", "/schema", "/docs", "/redoc"}
SIGNED = re.compile(r"^/(twilio|email/(webhook|inbound)|voice-calls/twiml|media)")


# What some paths ask for; the others leave it alone.
QUERY = "?q=private&assigned_to=1&from=2026-01-01&to=2026-02-01"
VERBS = {"get", "post", "put", "patch", "delete"}


def operations():
    """Every operation that the schema knows: whatever is added later is walked too."""
    schema = yaml.safe_load(call("GET", "/schema").raw)
    found = []
    for path, methods in schema["paths"].items():
        short = path.removeprefix("/omega")
        if short not in OPEN and not SIGNED.match(short):
            found += [(method.upper(), short) for method in methods if method in VERBS]
    assert len(found) >= 14
    return found


def snapshot():
    return [list(model.objects.order_by("pk").values()) for model in (Client, Conversation, Message)]


def filled(path, studio, sent):
    ids = {"business_id": studio.id, "client_id": sent["client_id"], "conversation_id": sent["conversation_id"],
           "message_id": sent["message_id"], "request_id": sent["request_id"]}  # fmt: skip
    return re.sub(r"{(\w+)}", lambda found: str(ids.get(found[1], 1)), path)


def test_an_outsider_gets_403_on_every_path_of_another_business():
    owner, outsider = a_studio(), a_studio()
    sent = queue(owner, body="private words")
    before = snapshot()
    for method, path in operations():
        if "{business_id}" in path:
            body = b"" if method == "GET" else b"{}"
            got = call(method, filled(path, owner, sent) + QUERY, key=outsider.key, data=body)
            assert got.status in {403, 422}, (method, path, got.raw)
            assert got.status == 403 or method != "GET", (method, path, got.raw)
            assert b"private" not in got.raw
    assert snapshot() == before


def test_foreign_ids_under_ones_own_business_are_404():
    owner, outsider = a_studio(), a_studio()
    sent = queue(owner, body="private words")
    for method, path in operations():
        if "{business_id}" in path and re.search(r"{(client|conversation|message|staff)_id}", path) and method == "GET":
            mine = filled(path, owner, sent).replace(f"/businesses/{owner.id}", outsider.path)
            got = get(mine + QUERY, outsider.key)
            assert got.status == 404, (path, got.raw)
            assert b"private" not in got.raw


def test_paths_without_a_business_show_an_outsider_404():
    owner, outsider = a_studio(), a_studio()
    sent = queue(owner, body="private words", request_id="r-1")
    for path in (f"/messages/{sent['message_id']}", "/messages/requests/r-1"):
        assert_error(get(path, outsider.key), 404, "not_found")
    assert_error(post(f"/messages/{sent['message_id']}/cancel", {}, outsider.key), 404, "not_found")


def test_every_path_without_a_key_is_401():
    studio = a_studio()
    sent = queue(studio)
    for method, path in operations():
        got = call(method, filled(path, studio, sent), data=b"" if method == "GET" else b"{}")
        assert got.status == 401, (method, path, got.raw)
        assert got.headers["WWW-Authenticate"], path


def test_a_business_in_the_body_is_checked_as_one_in_the_path():
    owner, outsider = a_studio(), a_studio()
    client, number = a_client(owner), phone()
    before = snapshot()
    for body in ({"client_id": client.pk}, {"to": number}, {"to": client.phone, "dry_run": True}):
        assert_error(queue(owner, key=outsider.key, **body), 403, "permission_denied")
    got = post("/sms/record", {"business_id": owner.id, "to": number, "body": "x"}, outsider.key)
    assert_error(got, 403, "permission_denied")
    assert snapshot() == before


def test_a_foreign_thread_is_no_condition_of_ones_own_send():
    owner, outsider = a_studio(), a_studio()
    foreign = queue(owner, body="private words")
    got = queue(outsider, expected_last_message_id=foreign["message_id"])
    assert b"private" not in got.raw


def test_a_business_path_and_another_business_in_the_body_is_refused():
    one, other = a_studio(), a_studio()
    got = post(f"{one.path}/messages/retry", {"business_id": other.id}, one.key)
    assert got.status in {403, 422}
    assert post(f"{one.path}/messages/retry", {"business_id": other.id}, a_platform_key()).status == 422


def test_lists_hold_ones_own_rows_alone():
    one, other, number = a_studio(), a_studio(), phone()
    for studio in (one, other):
        queue(studio, to=number)
        reply(studio, number, "Hi")
    for studio in (one, other):
        for path in ("conversations", "clients"):
            page = get(f"{studio.path}/{path}", studio.key, {"include_total": "true"})
            assert page["total"] == len(page["results"]) == 1
    listed = get(f"{one.path}/conversations", one.key)["results"][0]
    assert listed["id"] == Conversation.objects.get(business_id=one.id).pk


def test_an_assignee_of_another_business_filters_to_nothing():
    one, other = a_studio(), a_studio()
    queue(one)
    from_there = get(f"{other.path}/conversations", other.key, {"assigned_to": "none"})
    assert from_there["results"] == []


def test_a_receipt_reaches_the_message_of_its_own_business_alone():
    one, other, same = a_studio(), a_studio(), sid()
    made = [record(s, status="sent", provider="twilio", provider_message_id=same)["message_id"] for s in (one, other)]
    got = post("/sms/status", {"provider_message_id": same, "status": "delivered"}, one.key)
    assert got["message_id"] == made[0]
    assert get(f"/messages/{made[1]}", other.key)["status"] == "sent"
