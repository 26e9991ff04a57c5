"""Mails as real programs write them: each with the conversation, the reply, the files and the marks that are expected.

A mail is `corpus/NN-name.eml`, what is expected `corpus/NN-name.json`. TOKEN and OURS stand in a mail for the token of
the client's conversation and the Message-ID of what was sent to her.
"""

import json
from pathlib import Path

import pytest

from accounts.models import Sender
from conversations.models import Attachment, Message
from messaging.services.reply_tokens import message_id_for, reply_address
from tests.mail.letters import a_client, a_house, a_thread, event, form, mail_of, post

pytestmark = pytest.mark.django_db
CORPUS = Path(__file__).with_name("corpus")
NAMES = sorted(file.stem for file in CORPUS.glob("*.eml"))


@pytest.fixture
def thread():
    """The conversation of Ana, to whom Lotus has written."""
    house = a_house(name="Lotus Day Spa")
    Sender.objects.filter(address=house.address).update(address="hello@lotus.example")
    return a_thread(house, a_client(house, "ana.silva@example.net", last_name="Silva"))


def sent_to(thread):
    return Message.objects.create(
        business_id=thread.business_id, conversation=thread, client_id=thread.client_id, channel="email",
        direction="outbound", status="sent", accepted_status="queued", request_id="sent", created_at=thread.created_at,
    )  # fmt: skip


def hand_over(name, thread):
    """Post a mail of the corpus as SendGrid would; what is expected of it."""
    told = json.loads((CORPUS / f"{name}.json").read_text())
    token = reply_address(thread.pk)
    mail = (CORPUS / f"{name}.eml").read_bytes().replace(b"reply+TOKEN@inbound.omega.test", token.encode())
    mail = mail.replace(b"OURS@inbound.omega.test", message_id_for(sent_to(thread).pk).encode())
    envelope = json.dumps(told["envelope"]).replace("reply+TOKEN@inbound.omega.test", token)
    answer = post(form([("email", mail), ("envelope", envelope), ("SPF", told["SPF"]), ("dkim", "{}")]))
    assert answer.status == 200, answer.raw
    assert event().status == told["event"], event().error
    return told


@pytest.mark.parametrize("name", NAMES)
def test_a_mail_of_the_corpus(name, thread):
    told = hand_over(name, thread)
    found = Message.objects.filter(direction="inbound").first()
    if told["becomes"] == "nothing":
        assert found is None
        return
    assert (found.body, found.subject) == (told["reply"], told["subject"])
    assert (found.decision["threaded_by"], found.conversation_id == thread.pk) == (
        told["thread"],
        told["thread"] != "nobody",
    )
    assert (found.metadata.get("held", ""), found.metadata.get("automatic", "")) == (told["held"], told["automatic"])
    assert_files(found, told["files"])
    assert told.get("full_text_has", "") in mail_of(found).full_text
    assert [one for one in told.get("html_has", []) if one not in found.html] == []
    assert [one for one in told.get("html_lacks", []) if one in found.html] == []


def assert_files(message, expected):
    files = list(Attachment.objects.filter(message=message).order_by("pk"))
    assert [(file.name, file.content_type) for file in files] == [(name, kind) for name, kind, _ in expected]
    assert [file.size for file, (_, _, size) in zip(files, expected, strict=True) if size is not None] == [
        size for _, _, size in expected if size is not None
    ]
    assert {file.file.size == file.size for file in files} <= {True}


def test_there_are_enough_of_them():
    assert len(NAMES) >= 40
