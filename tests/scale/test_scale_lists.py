"""The other lists at a million messages, and what every list costs for one row and for a hundred."""

import itertools

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.scale.plans import assert_walks
from tests.scale.town import GIANT, LONG, PLAIN
from tests.schema.document import operations

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(300)]
CLIENTS = "/businesses/1/clients"
OF_CLIENTS = [
    *(("tag", one) for one in ("member", "founder", "nix")),
    *(("location_id", one) for one in ("1", "5", "77")),
    *(("has_conversation", one) for one in ("true", "false")),
    *(("consent", f"sms:{one}") for one in ("opted_out", "unknown", "opted_in")),
    *(("consent", f"email:{one}") for one in ("opted_out", "unknown")),  # everybody's is unknown
]
OF_MESSAGES = [
    *(("channel", one) for one in ("sms", "email", "voice", "note", "activity")),
    *(("direction", one) for one in ("inbound", "internal")),
    *(("status", [one]) for one in ("delivered", "failed", "scheduled")),
    ("status", ["failed", "undelivered"]),
    *(("unread", one) for one in ("true", "false")),
    *(("has_media", one) for one in ("true", "false")),
    *(("created_after", f"{day}T00:00:00Z") for day in ("2024-06-01", "2025-12-30")),
    *(("created_before", f"{day}T00:00:00Z") for day in ("2024-01-02", "2025-06-01")),
]
LISTS = [one for one in operations() if any(given["name"] == "page_size" for given in one.told.get("parameters", ()))]


@pytest.mark.parametrize("query", [None, *OF_CLIENTS], ids=str)
def test_a_filter_of_clients_walks_an_index(town, query):
    assert_walks(town.readings(CLIENTS, [query] if query else []), rows=1_000, pages=1_000)


@pytest.mark.parametrize("pair", itertools.combinations(OF_CLIENTS[::2], 2), ids=str)
def test_two_filters_of_clients_read_little_together(town, pair):
    if pair[0][0] != pair[1][0]:
        assert_walks(town.readings(CLIENTS, pair), rows=25_000, pages=1_500)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("thread", [GIANT, LONG, PLAIN])
@pytest.mark.parametrize("query", [None, *OF_MESSAGES], ids=str)
def test_a_filter_of_messages_fetches_no_message_that_it_leaves_out(town, thread, query, order):
    path = f"/businesses/1/clients/{thread}/conversations/{thread}/messages"
    readings = town.readings(path, [*([query] if query else []), ("order", order)])
    assert_walks(readings, rows=60_000, pages=1_500 if query else 300)


def test_members_of_staff_and_profiles_are_read_by_indexes(town):
    for path in ("/businesses/1/staffs", "/businesses/1/staffs/3", f"{CLIENTS}/{PLAIN}"):
        assert_walks(town.readings(path), rows=20_000, pages=6_000)


@pytest.mark.parametrize("told", LISTS, ids=lambda one: one.name)
def test_a_list_asks_as_much_for_one_row_as_for_a_hundred(town, told):
    ids = {"business_id": 1, "client_id": LONG, "conversation_id": LONG}
    query = {"q": "massage"} if told.name.startswith("messages_search") else {}

    def cost(size):
        town.get(path, query | {"page_size": size})
        with CaptureQueriesContext(connection) as seen:
            page = town.get(path, query | {"page_size": size})
        return len(page["results"]), len(seen)

    path = told.path.format(**ids).removeprefix("/omega")
    (one, of_one), (most, of_most) = cost(1), cost(100)
    if most < 100:
        pytest.skip("the town has no hundred of these: see town.py")
    assert one == 1
    assert of_one == of_most <= 4
