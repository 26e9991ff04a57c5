"""Every operation of the document, called by everybody who must not: refused each time, and nothing changed."""

import json

import pytest
from django.test import override_settings

from tests.isolation.world import PLATFORM_ONLY, SECRET, a_world, calls, fingerprint
from tests.schema.document import OPEN, misfits, operations

pytestmark = pytest.mark.django_db
CALLS = [call for call in calls(operations()) if not call.operation.is_open]
# Filters, not names: a foreign id among them matches nothing.
FILTERS = {("business_messages_retry", "message_ids"), ("messages_read_status", "message_ids")}


def name_of(call):
    return call.operation.name


def is_of_session(call):
    return "session" in call.operation.told["tags"]


every_call = pytest.mark.parametrize("call", CALLS, ids=name_of)


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """The two businesses, made once for the module: what a test does to them is rolled back at its end."""
    with override_settings(API_RATE_LIMIT=None):
        with django_db_blocker.unblock():
            made = a_world()
            made.state = fingerprint()
        yield made
        with django_db_blocker.unblock():
            made.erase()


def refusals(answer):
    """The status of an answer, or those of its rows where each has one."""
    if answer.status_code != 200:
        return {answer.status_code}
    if not answer.headers.get("Content-Type", "").startswith("application/json"):
        return {200}
    rows = json.loads(answer.content).get("results", [])
    statuses = {row.get("status") for row in rows if isinstance(row, dict)}
    return statuses if statuses and all(isinstance(one, int) for one in statuses) else {200}


def faults(answer):
    """Where the faults of a 422 stand."""
    return [fault["loc"] for fault in json.loads(answer.content)["detail"]] if answer.status_code == 422 else []


def headers_of_owner(world, call, house):
    if call.operation.name in PLATFORM_ONLY:
        return {"X-API-KEY": world.platform_key}
    if is_of_session(call):
        return {"Authorization": f"Bearer {house.token}"}
    return {"X-API-KEY": house.key}


@every_call
def test_the_owner_may(call, world):
    """The control: the request itself is a good one, so that a refusal is for the caller."""
    answer = call.send(headers_of_owner(world, call, world.ours), world.ours)
    assert max(refusals(answer)) < 300, answer.content
    told = dict(call.operation.answers()).get(answer.status_code)
    told = told if answer.headers.get("Content-Type", "").startswith("application/json") else None
    assert told is None or misfits(json.loads(answer.content), told["schema"], strict=True) == []


@every_call
def test_a_dead_credential_opens_nothing(call, world):
    for name, headers in world.dead_credentials.items():
        answer = call.send(headers, world.ours)
        assert answer.status_code == 401, (name, answer.content)
        assert SECRET.encode() not in answer.content
    assert fingerprint() == world.state


@every_call
def test_another_business_is_refused_by_its_key(call, world):
    refused(call.send({"X-API-KEY": world.theirs.key}, world.ours), world)


# A token may end its own session; it can name no other.
@pytest.mark.parametrize("call", [call for call in CALLS if not is_of_session(call)], ids=name_of)
def test_another_business_is_refused_by_its_token(call, world):
    refused(call.send({"Authorization": f"Bearer {world.theirs.token}"}, world.ours), world)


def refused(answer, world):
    assert refusals(answer) <= {403, 404}, answer.content
    assert SECRET.encode() not in answer.content
    assert fingerprint() == world.state


@pytest.mark.parametrize("call", [call for call in CALLS if call.operation.method != "GET"], ids=name_of)
def test_a_cookie_alone_changes_nothing(call, world):
    answer = call.send({"Cookie": f"omega_session={world.ours.token}"}, world.ours)
    assert answer.status_code == 403, answer.content
    assert fingerprint() == world.state


@pytest.mark.parametrize("call", [call for call in CALLS if call.operation.name in PLATFORM_ONLY], ids=name_of)
def test_a_platform_operation_refuses_a_business(call, world):
    assert call.send({"X-API-KEY": world.ours.key}, world.ours).status_code == 403
    assert fingerprint() == world.state


SWAPS = [(call, swapped) for call in CALLS for swapped in call.ids() if swapped[1] != "business_id"]


@pytest.mark.parametrize(
    ("call", "swapped"), SWAPS, ids=lambda one: "-".join(one) if type(one) is tuple else name_of(one)
)
def test_one_foreign_id_among_ones_own_opens_nothing(call, swapped, world):
    headers = headers_of_owner(world, call, world.theirs)
    if call.operation.name in PLATFORM_ONLY:
        headers = {"X-API-KEY": world.theirs.key}
    answer = call.send(headers, world.theirs, swapped, world.ours)
    is_filter = swapped[0] == "query" or (call.operation.name, swapped[1]) in FILTERS
    is_refused = refusals(answer) <= {403, 404} or faults(answer) == [list(swapped)]
    assert is_filter or is_refused, answer.content
    assert SECRET.encode() not in answer.content
    assert fingerprint() == world.state


def test_what_is_open_is_listed():
    assert {one.name for one in operations() if not any(one.told.get("security", []))} == OPEN
