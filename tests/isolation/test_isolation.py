"""Every operation of the document, called by everybody who must not: refused each time, and nothing changed."""

import json

import pytest
from django.test import override_settings

from tests.isolation.world import PLATFORM_ONLY, SECRET, a_world, calls, fingerprint
from tests.schema.document import operations

pytestmark = pytest.mark.django_db
CALLS = [call for call in calls(operations()) if not call.operation.is_open]
DEAD = [
    "none", "a wrong key", "a revoked key", "an expired key", "a revoked platform key", "a revoked token",
    "an expired token", "an expired cookie",
]  # fmt: skip
# Filters, not names: a foreign id among them matches nothing.
FILTERS = {("business_messages_retry", "message_ids"), ("messages_read_status", "message_ids")}


def name_of(call):
    return call.operation.name


every_call = pytest.mark.parametrize("call", CALLS, ids=name_of)


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """The two businesses, made once for the module: what a test does to them is rolled back at its end."""
    with override_settings(API_RATE_LIMIT=None):
        with django_db_blocker.unblock():
            made = a_world()
        yield made
        with django_db_blocker.unblock():
            made.erase()


def refusals(answer):
    """The status of an answer, or those of its rows where each has one."""
    if answer.status_code != 200:
        return {answer.status_code}
    rows = json.loads(answer.content).get("results", [])
    statuses = {row.get("status") for row in rows if isinstance(row, dict)}
    return statuses if statuses and all(isinstance(one, int) for one in statuses) else {200}


def faults(answer):
    """Where the faults of a 422 stand."""
    return [fault["loc"] for fault in json.loads(answer.content)["detail"]] if answer.status_code == 422 else []


def headers_of_owner(world, call, house):
    if call.operation.name in PLATFORM_ONLY:
        return {"X-API-KEY": world.platform_key}
    if "session" in call.operation.told["tags"]:
        return {"Authorization": f"Bearer {house.token}"}
    return {"X-API-KEY": house.key}


@every_call
def test_the_owner_may(call, world):
    """The control: the request itself is a good one, so that a refusal is for the caller."""
    answer = call.send(headers_of_owner(world, call, world.ours), world.ours)
    assert max(refusals(answer)) < 300, answer.content


@every_call
def test_a_dead_credential_opens_nothing(call, world):
    credentials = world.dead_credentials()
    assert list(credentials) == DEAD
    before = fingerprint()
    for name, headers in credentials.items():
        answer = call.send(headers, world.ours)
        assert answer.status_code == 401, (name, answer.content)
        assert SECRET.encode() not in answer.content
    assert fingerprint() == before


@every_call
@pytest.mark.parametrize("credential", ["key", "token"])
def test_another_business_is_refused(call, credential, world):
    theirs = world.theirs
    headers = {"X-API-KEY": theirs.key} if credential == "key" else {"Authorization": f"Bearer {theirs.token}"}
    if "session" in call.operation.told["tags"] and credential == "token":
        pytest.skip("ends the session that calls, and names no other")
    before = fingerprint()
    answer = call.send(headers, world.ours)
    assert refusals(answer) <= {403, 404}, answer.content
    assert SECRET.encode() not in answer.content
    assert fingerprint() == before


@every_call
def test_a_cookie_alone_changes_nothing(call, world):
    if call.operation.method == "GET":
        pytest.skip("reads")
    before = fingerprint()
    answer = call.send({"Cookie": f"omega_session={world.ours.token}"}, world.ours)
    assert answer.status_code == 403, answer.content
    assert fingerprint() == before


@pytest.mark.parametrize("call", [call for call in CALLS if call.operation.name in PLATFORM_ONLY], ids=name_of)
def test_a_platform_operation_refuses_a_business(call, world):
    before = fingerprint()
    assert call.send({"X-API-KEY": world.ours.key}, world.ours).status_code == 403
    assert fingerprint() == before


SWAPS = [(call, swapped) for call in CALLS for swapped in call.ids() if swapped[1] != "business_id"]


@pytest.mark.parametrize(
    ("call", "swapped"), SWAPS, ids=lambda one: "-".join(one) if type(one) is tuple else name_of(one)
)
def test_one_foreign_id_among_ones_own_opens_nothing(call, swapped, world):
    headers = headers_of_owner(world, call, world.theirs)
    if call.operation.name in PLATFORM_ONLY:
        headers = {"X-API-KEY": world.theirs.key}
    before = fingerprint()
    answer = call.send(headers, world.theirs, swapped, world.ours)
    is_filter = swapped[0] == "query" or (call.operation.name, swapped[1]) in FILTERS
    is_refused = refusals(answer) <= {403, 404} or faults(answer) == [list(swapped)]
    assert is_filter or is_refused, answer.content
    assert SECRET.encode() not in answer.content
    assert fingerprint() == before


def test_what_is_open_is_listed():
    open_ones = [one.name for one in operations() if one.is_open]
    assert all(not any(one.told.get("security", [])) for one in operations() if one.name in open_ones)
