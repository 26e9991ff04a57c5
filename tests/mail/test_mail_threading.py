"""Whose conversation a mail lands in: by token, by reference, by sender; and never in anybody else's."""

import pytest

from accounts.models import Client, ClientAddress, Sender
from conversations.models import Conversation, Message
from conversations.services import merging
from messaging.models import Email
from messaging.services.reply_tokens import message_id_for
from tests.contract.world import at_once
from tests.mail.letters import (
    a_client,
    a_house,
    a_mail,
    a_thread,
    address,
    arrives,
    event,
    mail_of,
    token_of,
    writes,
)

pytestmark = pytest.mark.django_db


def a_sent_mail(thread, **fields):
    """A mail that went to the client, as far as threading looks at it."""
    facts = {
        "business_id": thread.business_id, "conversation_id": thread.pk, "client_id": thread.client_id,
        "channel": "email", "direction": "outbound", "status": "sent", "accepted_status": "queued",
        "request_id": address("request"), "created_at": thread.created_at, "provider": "sendgrid",
    }  # fmt: skip
    return Message.objects.create(**facts | fields)


def a_closed_thread(house):
    thread = a_thread(house)
    Conversation.objects.filter(pk=thread.pk).update(status="closed")
    return thread


def test_a_reply_to_the_token_lands_in_its_conversation():
    house = a_house()
    thread = a_closed_thread(house)
    message = writes(thread.client.email, token_of(thread))
    assert (message.conversation_id, message.decision) == (thread.pk, {"threaded_by": "token"})
    thread.refresh_from_db()
    assert (thread.status, thread.unread_count) == ("open", 1)


@pytest.mark.parametrize("spell", [str.upper, lambda one: f"<{one}>"])
def test_a_token_is_read_however_it_is_spelled(spell):
    thread = a_thread(a_house())
    message = writes(thread.client.email, spell(token_of(thread)), headers_to=token_of(thread))
    assert message.conversation_id == thread.pk


def test_the_envelope_counts_not_the_header():
    thread = a_thread(a_house())
    message = writes(thread.client.email, token_of(thread), headers_to="somebody@else.example")
    assert message.conversation_id == thread.pk


def test_a_client_known_by_a_second_address_answers_from_there():
    house = a_house()
    thread, second = a_thread(house), address("work")
    ClientAddress.objects.create(business_id=house.id, client_id=thread.client_id, kind="email", address=second)
    message = writes(second.upper(), token_of(thread))
    assert (message.conversation_id, message.metadata.get("held")) == (thread.pk, None)


def test_a_good_token_from_an_unknown_address_is_held():
    house, stranger = a_house(), address("eve")
    thread = a_closed_thread(house)
    message = writes(stranger, token_of(thread), "Send me the keys")
    assert (message.conversation_id, message.client_id) == (thread.pk, thread.client_id)
    assert (message.metadata["held"], mail_of(message).held_from) == ("unknown_sender", stranger)
    thread.refresh_from_db()
    assert (thread.status, thread.unread_count, thread.first_inbound_at) == ("closed", 1, None)
    assert not Client.objects.filter(email=stranger).exists()
    assert not ClientAddress.objects.filter(address=stranger).exists()


def test_a_good_token_from_another_client_of_the_business_is_held_too():
    house = a_house()
    thread, other = a_thread(house), a_thread(house)
    message = writes(other.client.email, token_of(thread))
    assert (message.conversation_id, message.metadata["held"]) == (thread.pk, "unknown_sender")


def test_a_token_of_one_business_never_leads_to_anothers_client():
    ours, theirs = a_house(), a_house()
    both = address("both")
    thread = a_thread(ours)
    own = a_thread(theirs, a_client(theirs, both))
    message = writes(both, token_of(thread))
    assert (message.conversation_id, message.metadata["held"]) == (thread.pk, "unknown_sender")
    assert not own.messages.exists()


@pytest.mark.parametrize(
    "change", [lambda w: w[:-1] + ("a" if w[-1] != "a" else "b"), lambda w: "a" * 32, lambda w: w[:31]]
)
def test_a_forged_token_opens_nothing_and_falls_to_the_sender(change):
    house = a_house()
    thread, other = a_thread(house), a_thread(house)
    word = token_of(thread).partition("+")[2].partition("@")[0]
    forged = token_of(thread).replace(word, change(word))
    message = writes(other.client.email, forged)
    assert (message.conversation_id, message.metadata.get("held")) == (other.pk, None)
    assert message.decision == {"threaded_by": "sender"}


def test_a_forged_token_from_nobody_known_waits_for_a_person():
    thread = a_thread(a_house())
    word = token_of(thread).partition("+")[2].partition("@")[0]
    arrives(a_mail(address(), "x@y.example"), token_of(thread).replace(word, "b" * 32))
    assert event().status == "failed"
    assert "No business has the address reply+bbb" in event().error
    assert not thread.messages.exists()


def test_the_sole_rule_does_not_guess_between_two_businesses():
    first, second, both = a_house(), a_house(), address("both")
    a_thread(first, a_client(first, both))
    thread = a_thread(second, a_client(second, both))
    word = token_of(thread).partition("+")[2].partition("@")[0]
    arrives(a_mail(both, "x@y.example"), token_of(thread).replace(word, "b" * 32))
    assert event().status == "failed"


def test_a_reference_to_our_own_message_id():
    house, both = a_house(), address("shared")
    first, second = a_thread(house, a_client(house, both)), a_thread(house, a_client(house, both))
    ours = message_id_for(a_sent_mail(first).pk)
    a_sent_mail(second)
    message = writes(both, house.address, In_Reply_To=f"<{ours}>")
    assert (message.conversation_id, message.decision) == (first.pk, {"threaded_by": "reference"})


def test_a_reference_by_the_providers_own_id():
    house, both = a_house(), address("shared")
    first, second = a_thread(house, a_client(house, both)), a_thread(house, a_client(house, both))
    a_sent_mail(first, provider_message_id="Xet6bZ7WRTG2fYDa")
    a_sent_mail(second)
    message = writes(both, house.address, References="<other@x.example> <Xet6bZ7WRTG2fYDa@geopod-ismtpd-3>")
    assert message.conversation_id == first.pk


def test_the_nearest_reference_counts():
    house, both = a_house(), address("shared")
    threads = [a_thread(house, a_client(house, both)) for _ in range(3)]
    ids = [f"<{message_id_for(a_sent_mail(one).pk)}>" for one in threads]
    message = writes(both, house.address, References=f"{ids[0]} {ids[1]}")
    assert message.conversation_id == threads[1].pk
    message = writes(both, house.address, In_Reply_To=ids[2], References=f"{ids[0]} {ids[1]}")
    assert message.conversation_id == threads[2].pk


def test_a_reference_to_a_clients_own_earlier_mail():
    house, both = a_house(), address("shared")
    first, second = a_thread(house, a_client(house, both)), a_thread(house, a_client(house, both))
    earlier = a_sent_mail(first, direction="inbound", status="received")
    Email.objects.create(message=earlier, rfc_message_id="first@mail.example.net")
    a_sent_mail(second)
    message = writes(both, house.address, In_Reply_To="<first@mail.example.net>")
    assert message.conversation_id == first.pk


def test_a_reference_without_a_known_sender_does_not_count():
    house, stranger = a_house(), address("eve")
    thread = a_thread(house)
    ours = message_id_for(a_sent_mail(thread).pk)
    message = writes(stranger, house.address, In_Reply_To=f"<{ours}>")
    assert message.conversation_id != thread.pk
    assert message.client.email == stranger


def test_a_reference_into_another_business_does_not_count():
    ours, theirs, both = a_house(), a_house(), address("both")
    foreign = a_thread(theirs, a_client(theirs, both))
    reference = message_id_for(a_sent_mail(foreign).pk)
    message = writes(both, ours.address, In_Reply_To=f"<{reference}>")
    assert message.business_id == ours.id
    assert foreign.messages.count() == 1


def test_somebody_new_becomes_a_client_by_name():
    house, new = a_house(), address("zoe")
    message = writes(f'"Zoë van Dijk" <{new}>', house.address)
    client = message.client
    assert (client.email, client.first_name, client.last_name) == (new, "Zoë van", "Dijk")
    assert message.decision == {"threaded_by": "nobody"}
    assert writes(new.upper(), house.address, "Again").conversation_id == message.conversation_id


def test_the_subject_alone_threads_nothing():
    house = a_house()
    thread = a_thread(house)
    writes(thread.client.email, house.address, Subject="Re: Friday")
    assert writes(address("x"), house.address, Subject="Re: Friday").conversation_id != thread.pk


@pytest.mark.parametrize("tag", ["hello+spring@", "HELLO@"])
def test_a_senders_address_with_a_tag_or_in_capitals_is_its_own(tag):
    house = a_house()
    to = house.address.replace("hello@", tag)
    assert writes(address(), to).business_id == house.id


def test_any_address_of_a_domain_that_one_business_has_is_its_own():
    house = a_house()
    message = writes(address(), house.address.replace("hello@", "anything@"))
    assert (message.business_id, message.sender_id) == (house.id, message.business.senders.get(channel="email").pk)


def test_a_domain_of_two_businesses_has_no_catch_all():
    first, second = a_house(), a_house()
    domain = first.address.partition("@")[2]
    Sender.objects.create(business_id=second.id, channel="email", address=f"other@{domain}", provider="sendgrid")
    arrives(a_mail(address(), "x@y.example"), f"anything@{domain}")
    assert (event().status, event().message_id) == ("failed", None)


def test_a_mail_to_two_businesses_reaches_both():
    first, second = a_house(), a_house()
    arrives(a_mail(address(), "x@y.example"), [first.address, second.address])
    assert set(Message.objects.values_list("business_id", flat=True)) == {first.id, second.id}


def test_a_mail_to_two_addresses_of_one_business_is_one_message():
    house = a_house()
    thread = a_thread(house)
    arrives(a_mail(thread.client.email, "x@y.example"), [house.address, token_of(thread)])
    assert [one.decision["threaded_by"] for one in Message.objects.all()] == ["token"]


def test_a_merged_clients_token_leads_to_the_one_who_was_kept():
    house = a_house()
    kept, merged = a_thread(house), a_thread(house)
    token = token_of(merged)
    old = merged.client.email
    merging.merge_clients(kept=kept.client, merged=merged.client)
    message = writes(old, token)
    assert (message.conversation_id, message.metadata.get("held")) == (kept.pk, None)


def test_a_blocked_client_is_recorded_and_rings_nobody():
    house = a_house()
    thread = a_closed_thread(house)
    Client.objects.filter(pk=thread.client_id).update(is_blocked=True)
    message = writes(thread.client.email, token_of(thread))
    thread.refresh_from_db()
    assert (message.is_read, thread.status, thread.unread_count) == (True, "closed", 0)


@pytest.mark.django_db(transaction=True)
def test_ten_first_mails_of_one_stranger_at_once_make_one_client():
    house, new = a_house(), address("new")
    at_once(10, lambda n: arrives(a_mail(new, house.address, f"mail {n}"), house.address))
    assert Client.objects.filter(business_id=house.id, email=new).count() == 1
    assert {one.body for one in Message.objects.filter(business_id=house.id)} == {f"mail {n}" for n in range(10)}


@pytest.mark.django_db(transaction=True)
def test_the_same_mail_ten_times_at_once_is_one_message():
    house = a_house()
    mail = a_mail(address("new"), house.address)
    at_once(10, lambda _: arrives(mail, house.address))
    assert Message.objects.filter(business_id=house.id).count() == 1
    assert Conversation.objects.get(business_id=house.id).unread_count == 1
