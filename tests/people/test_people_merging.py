"""Two clients made one, and two again."""

import pytest
from django.forms.models import model_to_dict

from accounts.models import Client, ClientAddress
from conversations.models import Attachment, ClientMerge, Conversation, Message
from conversations.services import merging, threads
from messaging.services import claiming
from messaging.services.consent import change_consent
from tests.people.conftest import say, thread_of

ONE, TWO = "+14155550123", "+14155550124"
COUNTED = (
    "status", "unread_count", "message_count", "channels", "labels", "last_message_id", "last_message_at",
    "assigned_to_id", "location_id", "first_inbound_at", "first_response_at", "last_sender_id", "merged_into_id",
    "snoozed_until", "closed_at",
)  # fmt: skip


@pytest.fixture
def kept(client_of):
    return client_of(first_name="Ana", phone=ONE, tags=["a"], external_id="e1")


@pytest.fixture
def merged(client_of):
    return client_of(first_name="Annie", phone=TWO, email="ana@example.com", tags=["b", "a"], external_id="e2")


def merge(api, kept, merged):
    return api.post(f"/clients/{kept.pk}/merge", {"client_id": merged.pk})


def undo(api, kept, merge_id):
    return api.post(f"/clients/{kept.pk}/merges/{merge_id}/undo", {})


def state():
    """All that a merge may touch."""
    clients = {c.pk: {**model_to_dict(c), "updated_at": None} for c in Client.objects.all()}
    found = {v.pk: {name: getattr(v, name) for name in COUNTED} for v in Conversation.objects.all()}
    owners = list(
        Message.objects.exclude(channel="activity").order_by("pk").values_list("pk", "conversation_id", "client_id")
    )
    addresses = list(ClientAddress.objects.order_by("pk").values_list("client_id", "kind", "address"))
    return {"clients": clients, "threads": found, "messages": owners, "addresses": addresses}


def without_counts(found):
    """Activities tell of the merge and of its end: they stay, and only they count."""
    for thread in found["threads"].values():
        thread.pop("message_count")
    return found


def test_the_timeline_becomes_one(api, kept, merged, staff):
    own, other = thread_of(kept, status="closed"), thread_of(merged, labels=["x"], assigned_to=staff)
    said = [
        say(own, "1", is_read=True),
        say(other, "2", media_count=1),
        say(own, "3", is_read=True),
        say(other, "4", channel="email"),
    ]
    Conversation.objects.filter(pk=own.pk).update(status="closed")
    Attachment.objects.create(message_id=said[1], status="linked", source_url="https://example.com/a.png")
    answer = merge(api, kept, merged)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["merge_id"] == ClientMerge.objects.get().pk
    assert (body["id"], body["tags"], body["phone"], body["email"]) == (kept.pk, ["a", "b"], ONE, "ana@example.com")
    thread = body["conversation"]
    assert (thread["unread_count"], thread["channels"], thread["status"]) == (2, ["email", "sms"], "open")
    assert (thread["last_message"]["id"], thread["labels"], thread["assigned_to"]["id"]) == (said[3], ["x"], staff.pk)
    assert body["stats"]["messages_in"] == 4
    timeline = api.results(f"/clients/{kept.pk}/conversations/{own.pk}/messages", order="asc")
    assert [row["id"] for row in timeline if row["channel"] != "activity"] == said
    assert {row["client_id"] for row in timeline} == {kept.pk}
    assert timeline[1]["media"][0]["url"] == "https://example.com/a.png"


def test_the_merged_client_is_out_of_the_way(api, kept, merged):
    merge_id = merge(api, kept, merged).json()["merge_id"]
    assert [row["id"] for row in api.results("/clients")] == [kept.pk]
    assert [row["id"] for row in api.results("/clients", q="annie")] == []
    answer = api.get(f"/clients/{merged.pk}")
    assert answer.status_code == 404
    assert (answer.json()["merged_into"], answer.json()["merge_id"]) == (kept.pk, merge_id)
    merged.refresh_from_db()
    assert (merged.phone, merged.email, merged.merged_into_id) == ("", "", kept.pk)
    assert list(kept.other_addresses.values_list("kind", "address")) == [("phone", TWO)]


def test_a_merged_client_is_no_more_synced(api, kept, merged):
    merge(api, kept, merged)
    answer = api.sync("clients", {"external_id": "e2", "phone": "+14155550199"}, {"external_id": "e1"})
    assert [row["outcome"] for row in answer["results"]] == ["failed", "unchanged"]
    assert str(kept.pk) in answer["results"][0]["errors"][0]["msg"]


def test_what_the_kept_client_lacks_comes_along(api, client_of, merged):
    kept = client_of(consent_email="opted_in")
    Client.objects.filter(pk=merged.pk).update(consent_sms="opted_in", timezone="UTC", is_blocked=True)
    body = merge(api, kept, merged).json()
    assert (body["name"], body["phone"], body["external_id"]) == ("Annie", TWO, "e2")
    assert (body["timezone"], body["consent"]) == ("UTC", {"sms": "opted_in", "email": "unknown", "voice": "unknown"})
    assert not ClientAddress.objects.exists()
    assert api.sync("clients", {"external_id": "e2", "first_name": "Anna"})["results"][0]["id"] == kept.pk
    kept.refresh_from_db()
    assert kept.is_blocked


@pytest.mark.parametrize("with_threads", [(True, True), (True, False), (False, True), (False, False)])
def test_undoing_puts_all_back(api, kept, merged, staff, sender, with_threads):
    for client, wanted in zip((kept, merged), with_threads, strict=True):
        if wanted:
            thread = thread_of(client, labels=[client.first_name])
            say(thread, "in")
            say(thread, "out", direction="outbound", status="sent", is_read=True, sender_id=sender.pk)
            threads.assign_conversation(conversation=thread, staff_id=staff.pk, actor_id=None)
            threads.set_labels(conversation=thread, labels=[client.first_name, "both"])
    before = state()
    merge_id = merge(api, kept, merged).json()["merge_id"]
    assert state() != before
    assert undo(api, kept, merge_id).status_code == 200
    assert without_counts(state()) == without_counts(before)
    if with_threads[1]:
        theirs = Conversation.objects.get(client=merged)
        assert theirs.assignments.count() == 1
        assert theirs.message_count == theirs.messages.count() == 3
    mine = Conversation.objects.filter(client=kept).first()
    assert (mine is not None) == with_threads[0]
    assert mine is None or mine.message_count == mine.messages.count()


def test_what_came_since_stays_with_the_kept_client(api, kept, merged, sender):
    own, other = thread_of(kept), thread_of(merged)
    old = say(other, "before")
    merge_id = merge(api, kept, merged).json()["merge_id"]
    new = say(own, "after")
    threads.change_status(
        conversation=Conversation.objects.get(pk=own.pk), status="closed", snoozed_until=None, actor_id=None
    )
    api.sync("clients", {"external_id": "e1", "email": "new@example.com"})
    undo(api, kept, merge_id)
    assert Message.objects.get(pk=old).conversation_id == other.pk
    assert Message.objects.get(pk=new).conversation_id == own.pk
    own.refresh_from_db()
    kept.refresh_from_db()
    merged.refresh_from_db()
    assert (own.status, own.unread_count, own.last_message_id) == ("closed", 1, new)
    assert (kept.email, merged.email, merged.phone, merged.merged_into_id) == (
        "new@example.com", "ana@example.com", TWO, None,
    )  # fmt: skip


def test_a_merge_is_undone_once(api, kept, merged):
    merge_id = merge(api, kept, merged).json()["merge_id"]
    assert undo(api, kept, merge_id).status_code == 200
    assert undo(api, kept, merge_id).json()["code"] == "already_undone"
    assert merge(api, kept, merged).status_code == 200


def test_merges_in_a_chain_are_undone_from_the_end(api, kept, merged, client_of):
    third = client_of(first_name="Third", phone="+14155550125")
    thread_of(kept), thread_of(third)
    said = say(thread_of(merged))
    before = state()
    first = merge(api, kept, merged).json()["merge_id"]
    second = merge(api, third, kept).json()["merge_id"]
    assert Message.objects.get(pk=said).client_id == third.pk
    assert set(third.other_addresses.values_list("address", flat=True)) == {ONE, TWO}
    assert undo(api, kept, first).json()["code"] == "already_merged"
    assert merge(api, third, kept).json()["code"] == "already_merged"
    assert undo(api, third, second).status_code == 200
    assert undo(api, kept, first).status_code == 200
    assert without_counts(state()) == without_counts(before)


@pytest.mark.parametrize(
    "body", [{}, {"client_id": "x"}, {"client_id": 0}, {"client_id": 1, "more": 1}, {"client_id": None}]
)
def test_a_bad_merge_is_a_parameter_error(api, kept, body):
    assert api.post(f"/clients/{kept.pk}/merge", body).status_code == 422


def test_a_merge_stays_in_its_business(api, kept, merged, client_of, other_business):
    foreign = client_of(business=other_business)
    assert merge(api, kept, kept).status_code == 422
    assert merge(api, kept, foreign).status_code == 404
    assert merge(api, foreign, kept).status_code == 404
    merge_id = merge(api, kept, merged).json()["merge_id"]
    assert undo(api, merged, merge_id).status_code == 404
    assert undo(api, kept, 2**62).status_code == 404
    path = f"/omega/businesses/{other_business.pk}/clients/{kept.pk}/merges/{merge_id}/undo"
    assert api.post("http://testserver" + path, {}).status_code == 403


def says(client, address, state):
    change_consent(
        business_id=client.business_id, channel="sms", address=address, state=state, source="keyword", evidence={}
    )


def test_consent_stays_with_its_address(api, kept, merged):
    says(merged, TWO, "opted_out")
    merge_id = merge(api, kept, merged).json()["merge_id"]
    kept.refresh_from_db()
    assert kept.consent_sms == "unknown"
    says(kept, ONE, "opted_in")
    undo(api, kept, merge_id)
    kept.refresh_from_db()
    merged.refresh_from_db()
    assert (kept.consent_sms, merged.consent_sms) == ("opted_in", "opted_out")


def test_an_opt_out_comes_along_with_its_address(api, client_of, merged):
    kept = client_of()
    says(merged, TWO, "opted_out")
    body = merge(api, kept, merged).json()
    assert body["consent"]["sms"] == "opted_out"
    says(kept, TWO, "opted_in")
    undo(api, kept, body["merge_id"])
    kept.refresh_from_db()
    merged.refresh_from_db()
    assert (kept.consent_sms, kept.phone, merged.consent_sms) == ("unknown", "", "opted_in")


def claim():
    """What a dispatcher takes now: the ids of the messages and where each goes."""
    sending = Message.objects.filter(status="sending").order_by("pk")
    before = list(sending.values_list("pk", flat=True))
    claiming.claim_due(room=10, in_flight={}, most=10, worker="test")
    return list(sending.exclude(pk__in=before).values_list("pk", "to_address"))


def outgoing(thread, sender, to):
    return say(
        thread, "out", direction="outbound", status="queued", is_read=True, sends=True, sender_id=sender.pk,
        provider="twilio", from_address=sender.address, to_address=to,
    )  # fmt: skip


def test_what_is_on_its_way_is_sent_once_to_its_own_address(api, kept, merged, sender):
    own, other = thread_of(kept), thread_of(merged)
    first, second = outgoing(own, sender, ONE), outgoing(other, sender, TWO)
    third = outgoing(other, sender, TWO)
    assert claim() == [(first, ONE), (second, TWO)]
    merge(api, kept, merged)
    assert claim() == []
    Message.objects.filter(pk__in=[first, second]).update(status="sent", lease_until=None)
    assert claim() == [(third, TWO)]
    assert claim() == []


def test_what_waits_for_an_opted_out_address_is_still_blocked(api, kept, merged, sender):
    thread_of(kept)
    waiting = outgoing(thread_of(merged), sender, TWO)
    says(merged, TWO, "opted_out")
    merge(api, kept, merged)
    assert claim() == []
    assert Message.objects.get(pk=waiting).status == "blocked"


def test_stragglers_are_carried_to_the_kept_client(api, kept, merged):
    own, other = thread_of(kept), thread_of(merged)
    merge_id = merge(api, kept, merged).json()["merge_id"]
    Conversation.objects.filter(pk=own.pk).update(status="closed")
    late = say(other, "late")
    assert merging.carry_stragglers() == 1
    assert merging.carry_stragglers() == 0
    message = Message.objects.get(pk=late)
    assert (message.conversation_id, message.client_id) == (own.pk, kept.pk)
    own.refresh_from_db()
    assert (own.unread_count, own.status, own.last_message_id) == (1, "open", late)
    undo(api, kept, merge_id)
    assert Message.objects.get(pk=late).conversation_id == own.pk
