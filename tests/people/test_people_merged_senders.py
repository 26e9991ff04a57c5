"""After a merge, what comes in from either number is the kept client's, and the inbox shows one thread."""

import pytest

from conversations.services import merging
from messaging.providers.base import IncomingText
from messaging.services import parties, receiving
from tests.people.conftest import say, thread_of

ONE, TWO = "+14155550123", "+14155550124"


@pytest.fixture
def pair(client_of):
    kept, merged = client_of(first_name="Ana", phone=ONE), client_of(first_name="Annie", phone=TWO)
    say(thread_of(kept)), say(thread_of(merged))
    return kept, merged


def facts(business, **wanted):
    return parties.facts_for([parties.Ends(business.pk, **wanted)])[0]


def place(sender, phone):
    text = IncomingText(
        provider_message_id="SM1", from_address=phone, to_address=sender.address, body="hi", segments=1, media=(),
        keyword="",
    )  # fmt: skip
    return receiving.place(text).row["client_id"]


def test_either_number_is_the_kept_client_s(business, sender, pair):
    kept, merged = pair
    merge = merging.merge_clients(kept=kept, merged=merged)
    for phone in (ONE, TWO):
        assert place(sender, phone) == kept.pk
        assert parties.client_by_phone(business_id=business.pk, phone=phone) == kept.pk
        found = facts(business, to=phone)
        assert (found.client_id, found.client_address) == (kept.pk, phone)
        assert facts(business, client=kept.pk, to=phone).client_address == phone
    assert facts(business, client=kept.pk).client_address == ONE
    merging.undo_merge(merge)
    assert (place(sender, ONE), place(sender, TWO)) == (kept.pk, merged.pk)


def test_who_has_the_number_as_their_own_comes_first(business, sender, pair, client_of):
    kept, merged = pair
    merging.merge_clients(kept=kept, merged=merged)
    new = client_of(phone=TWO)
    assert place(sender, TWO) == new.pk
    assert facts(business, to=TWO).client_id == new.pk


def test_the_inbox_shows_one_thread(api, pair):
    merging.merge_clients(kept=pair[0], merged=pair[1])
    assert [row["client"]["id"] for row in api.results("/conversations")] == [pair[0].pk]
    counts = api.get("/conversations/filters").json()["statuses"]
    assert sum(row["count"] for row in counts) == 1
