"""The list of conversations at a million messages: every filter and sort, and every two filters together."""

import itertools

import pytest

from tests.scale.plans import assert_walks

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(300)]
LIST = "/businesses/1/conversations"
SORTS = ("-last_message_at", "last_message_at", "-created_at", "unread_first")
# A common value of each, a rare one, and one that nothing has.
FILTERS = [
    *(("status", [one]) for one in ("open", "closed", "pending", "snoozed")),
    *(("status", several) for several in (["open", "pending"], ["pending", "snoozed"])),
    *(("assigned_to", one) for one in ("none", "4", "999")),
    *(("channel", one) for one in ("sms", "email", "voice")),
    *(("unread", one) for one in ("true", "false")),
    *(("location_id", one) for one in ("1", "5", "77")),
    *(("label", one) for one in ("vip", "gift", "nix")),
    ("client_id", "70001"),
    *(("updated_after", f"{day}T00:00:00Z") for day in ("2025-12-30", "2026-01-01", "2026-06-01")),
    *(("updated_before", f"{day}T00:00:00Z") for day in ("2024-01-05", "2024-06-01", "2025-10-01")),
]
COMMON = [
    ("status", ["open"]), ("assigned_to", "4"), ("channel", "email"), ("unread", "true"), ("location_id", "1"),
    ("label", "vip"), ("updated_after", "2025-09-01T00:00:00Z"), ("updated_before", "2025-10-01T00:00:00Z"),
]  # fmt: skip
# A page of 25 with each row's client and last message is a hundred rows. A filter without an index in the order that
# is asked for looks at some more; a history has 104,000 conversations and a million messages.
IN_ORDER = {"rows": 3_000, "pages": 3_500}
IN_ANY_ORDER = {"rows": 25_000, "pages": 12_000}
# What changed last long ago stands at the end of each half of this order: the walk there is one of an index, and long.
TO_THE_END = {"rows": 105_000, "pages": 106_000}


def bound(query, sort):
    if query and query[0] == "updated_before" and sort == "unread_first":
        return TO_THE_END
    return IN_ORDER if "last_message_at" in sort or not query else IN_ANY_ORDER


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("query", [None, *FILTERS], ids=str)
def test_a_filter_reads_little_in_every_order(town, query, sort):
    readings = town.readings(LIST, [*([query] if query else []), ("sort", sort)])
    assert_walks(readings, **bound(query, sort))


@pytest.mark.parametrize("pair", itertools.combinations(COMMON, 2), ids=str)
def test_two_filters_read_little_together(town, pair):
    assert_walks(town.readings(LIST, pair), **IN_ANY_ORDER)


@pytest.mark.parametrize("sort", SORTS)
def test_a_later_page_reads_no_more_than_the_first(town, sort):
    first = town.get(LIST, {"sort": sort, "page_size": 100})
    for _ in range(20):
        path = first["next"].split("/omega", 1)[1]
        first = town.get(path)
    assert_walks(town.readings(path), rows=500, pages=1200)


def test_the_list_without_a_filter_has_one_plan_for_all_its_pages(town):
    readings = town.readings(LIST)
    assert {one.is_generic for one in readings} == {False, True}
    assert all("inbox" in one.indexes for one in readings)


def test_counts_look_at_the_newest_conversations_only(town):
    readings = town.readings(f"{LIST}/filters")
    assert_walks(readings, rows=10_000, pages=10_500)
    counted = town.get(f"{LIST}/filters")
    assert sum(one["count"] for one in counted["statuses"]) == 10_000
    assert sum(one["count"] for one in counted["assignees"]) == 10_000
