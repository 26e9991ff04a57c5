"""Merges, undos and messages at the same time."""

import pytest

from accounts.models import Client
from conversations.models import ClientMerge, Conversation, Message
from conversations.services import merging
from omega_project.lib.api.errors import Conflict
from tests.people.conftest import say, thread_of
from tests.people.test_people_sync_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def tried(work):
    def run():
        try:
            return work()
        except Conflict as error:
            return error.code

    return run


def test_merging_both_ways_at_once_makes_one(business, client_of):
    a, b = client_of(phone="+14155550123"), client_of(phone="+14155550124")
    thread_of(a), thread_of(b)
    done = at_once(
        tried(lambda: merging.merge_clients(kept=a, merged=b)), tried(lambda: merging.merge_clients(kept=b, merged=a))
    )
    assert sorted(isinstance(one, ClientMerge) for one in done) == [False, True]
    assert "already_merged" in done
    assert Client.objects.filter(merged_into__isnull=True).count() == 1


def test_no_message_gets_lost_while_clients_are_merged_and_parted(business, client_of):
    a, b = client_of(phone="+14155550123"), client_of(phone="+14155550124")
    own, other = thread_of(a), thread_of(b)

    def writes(thread):
        return lambda: [say(thread, str(number)) for number in range(40)]

    def merges():
        for _ in range(5):
            merging.undo_merge(merging.merge_clients(kept=a, merged=b))

    at_once(writes(own), writes(other), merges)
    final = merging.merge_clients(kept=a, merged=b)
    merging.carry_stragglers()
    assert Message.objects.exclude(channel="activity").filter(conversation=own, client=a).count() == 80
    own.refresh_from_db()
    assert (own.unread_count, own.message_count) == (80, own.messages.count())
    assert Conversation.objects.get(pk=other.pk).message_count == 0
    assert final.undone_at is None


def test_an_undo_at_the_same_time_as_another_happens_once(business, client_of):
    a, b = client_of(phone="+14155550123"), client_of(phone="+14155550124")
    merge = merging.merge_clients(kept=a, merged=b)
    done = at_once(tried(lambda: merging.undo_merge(merge)), tried(lambda: merging.undo_merge(merge)))
    assert sorted(map(str, done)) == ["None", "already_undone"]
