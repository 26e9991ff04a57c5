"""Held mail: what an unknown or forged sender writes waits for staff, who accept it or move it away."""

import pytest

from accounts.models import Client, ClientAddress
from conversations.models import Conversation
from messaging.services.held_mail import accept_held_mail, move_held_mail
from omega_project.lib.api.errors import Conflict
from tests.mail.letters import a_client, a_house, a_thread, address, mail_of, token_of, writes

pytestmark = pytest.mark.django_db


def a_held_mail(house=None, sender=None, **words):
    """A closed conversation, and the mail that somebody unknown wrote into it."""
    thread = a_thread(house or a_house())
    Conversation.objects.filter(pk=thread.pk).update(status="closed")
    return thread, writes(sender or address("eve"), token_of(thread), "It is me, from work", **words)


def activities(thread):
    return [one.body for one in thread.messages.filter(channel="activity")]


def test_accepting_adds_the_address_and_opens_the_conversation():
    thread, held = a_held_mail()
    accept_held_mail(message_id=held.pk)
    held.refresh_from_db()
    thread.refresh_from_db()
    assert "held" not in held.metadata
    assert mail_of(held).held_from == ""
    assert ClientAddress.objects.get(client_id=thread.client_id, kind="email").address == held.from_address
    assert (thread.status, thread.unread_count, thread.first_inbound_at) == ("open", 1, held.created_at)
    assert f"Mail from {held.from_address} accepted" in activities(thread)


def test_after_accepting_the_address_is_known():
    thread, held = a_held_mail()
    accept_held_mail(message_id=held.pk)
    message = writes(held.from_address, token_of(thread), "And again")
    assert (message.conversation_id, message.metadata.get("held")) == (thread.pk, None)


def test_moving_makes_a_client_of_its_own_and_leaves_nothing_behind():
    thread, held = a_held_mail()
    conversation_id = move_held_mail(message_id=held.pk)
    held.refresh_from_db()
    thread.refresh_from_db()
    assert (held.conversation_id, held.client.email) == (conversation_id, held.from_address)
    assert (thread.unread_count, thread.status) == (0, "closed")
    assert Conversation.objects.get(pk=conversation_id).unread_count == 1
    assert not ClientAddress.objects.filter(client_id=thread.client_id).exists()
    assert mail_of(held).held_from == ""


def test_moving_finds_the_client_who_has_the_address():
    house = a_house()
    other = a_thread(house)
    _, held = a_held_mail(house, other.client.email)
    assert move_held_mail(message_id=held.pk) == other.pk
    other.refresh_from_db()
    assert (other.unread_count, other.last_message_id) == (1, held.pk)


@pytest.mark.parametrize("decide", [accept_held_mail, move_held_mail])
def test_a_second_decision_is_refused(decide):
    _, held = a_held_mail()
    accept_held_mail(message_id=held.pk)
    with pytest.raises(Conflict) as refused:
        decide(message_id=held.pk)
    assert refused.value.code == "not_held"


@pytest.mark.parametrize("decide", [accept_held_mail, move_held_mail])
def test_a_mail_that_is_not_held_cannot_be_decided_on(decide):
    house = a_house()
    message = writes(a_client(house).email, house.address)
    with pytest.raises(Conflict):
        decide(message_id=message.pk)


def test_a_held_mail_that_was_read_opens_nothing_when_it_is_accepted():
    thread, held = a_held_mail()
    type(held).objects.filter(pk=held.pk).update(is_read=True)
    Conversation.objects.filter(pk=thread.pk).update(unread_count=0)
    accept_held_mail(message_id=held.pk)
    thread.refresh_from_db()
    assert (thread.status, thread.unread_count) == ("closed", 0)


def test_a_bounce_is_accepted_without_its_address():
    thread, held = a_held_mail(sender="mailer-daemon@mx.example.net", Auto_Submitted="auto-replied")
    assert (held.metadata["held"], held.metadata["automatic"], held.is_read) == ("unknown_sender", "auto_reply", True)
    accept_held_mail(message_id=held.pk)
    assert not ClientAddress.objects.filter(client_id=thread.client_id).exists()


def forged(house, **words):
    """A mail that says to be from a client, and that SPF and DKIM say is not."""
    thread = a_thread(house)
    return thread, writes(thread.client.email, words.pop("to", house.address), spf="fail", dkim="", **words)


def test_a_sender_that_fails_spf_and_dkim_is_held():
    thread, message = forged(a_house())
    assert (message.conversation_id, message.metadata["held"]) == (thread.pk, "forged_sender")
    assert message.metadata["authentication"] == {"verdict": "fail", "spf": "fail", "dkim": {}}


PROOFS = [
    ("fail", "{@example.net : pass}", "pass"),
    ("fail", "{@mail.example.net : pass}", "pass"),
    ("fail", "{@evil.example : pass}", "fail"),
    ("softfail", "", "unknown"),
    ("none", "none", "unknown"),
    ("pass", "", "pass"),
    ("pass\x00", "\x00", "pass"),
    ("\ud7ff" * 50, "{@x\x00: pass}", "unknown"),
    ("neutral", "{@example.net : fail}", "unknown"),
    ("", "", "unknown"),
]


@pytest.mark.parametrize(("spf", "dkim", "verdict"), PROOFS)
def test_one_good_proof_is_enough_and_only_a_hard_failure_is_held(spf, dkim, verdict):
    house = a_house()
    thread = a_thread(house)
    message = writes(thread.client.email, house.address, spf=spf, dkim=dkim)
    assert message.metadata["authentication"]["verdict"] == verdict
    assert message.metadata.get("held") == ("forged_sender" if verdict == "fail" else None)


def test_accepting_a_forged_sender_changes_no_address():
    thread, message = forged(a_house())
    accept_held_mail(message_id=message.pk)
    assert not ClientAddress.objects.filter(client_id=thread.client_id).exists()


def test_moving_a_forged_sender_takes_no_address_along():
    house = a_house()
    thread, message = forged(house)
    moved = Conversation.objects.get(pk=move_held_mail(message_id=message.pk))
    assert moved.pk != thread.pk
    assert (moved.client.email, Client.objects.get(pk=thread.client_id).email) == ("", message.from_address)


def test_somebody_new_who_fails_is_no_ones_forgery():
    house = a_house()
    message = writes(address("new"), house.address, spf="fail")
    assert message.metadata.get("held") is None
