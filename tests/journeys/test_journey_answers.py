"""A client answers by mail, through the carrier: in both of its modes, with a file, and as somebody else."""

import base64

import pytest

from tests.journeys.scene import mailbox

FILE = base64.b64encode(b"%PDF-1.4 certificate").decode()


def in_the_mailbox(scene, address):
    """The id of the newest mail that the carrier has delivered there."""
    found = scene.until(lambda: scene.mails(address))
    assert found
    return found[-1]["id"] if "id" in found[-1] else found[-1]["sid"]


def answers(scene, mail_id, text, **fields):
    answer = scene.carrier("POST", "/handset/email", {"in_reply_to": mail_id, "text": text} | fields)
    assert answer["webhook"]["status"] == 200, answer


def heard(scene, sent, text):
    """The client's message of this text in the thread of what was sent."""
    return scene.until(lambda: [one for one in scene.timeline(sent) if one["body"] == text])


@pytest.mark.parametrize("mode", ["parsed", "raw"])
@pytest.mark.parametrize("convention", ["gmail", "outlook", "apple"])
def test_an_answer_with_its_quote_lands_in_the_thread_without_it(scene, mode, convention):
    client = mailbox()
    sent = scene.mail(client)
    answers(scene, in_the_mailbox(scene, client), "Yes, ten is fine.", mode=mode, convention=convention, quote=True)
    (message,) = heard(scene, sent, "Yes, ten is fine.")
    assert (message["direction"], message["channel"], message["is_read"]) == ("inbound", "email", False)
    assert message["subject"] == "Re: Your class"
    assert scene.conversation(sent)["unread_count"] == 1


def test_a_file_comes_along(scene):
    client = mailbox()
    sent = scene.mail(client)
    file = {"name": "certificate.pdf", "content_type": "application/pdf", "content_base64": FILE}
    answers(scene, in_the_mailbox(scene, client), "Here it is.", mode="raw", attachments=[file])
    (message,) = heard(scene, sent, "Here it is.")
    (kept,) = message["media"]
    assert (kept["name"], kept["content_type"], kept["size"]) == ("certificate.pdf", "application/pdf", 20)
    assert scene.line.get(kept["url"], timeout=20).content == b"%PDF-1.4 certificate"


def test_somebody_else_with_the_reply_address_is_held(scene):
    client = mailbox()
    sent = scene.mail(client)
    answers(scene, in_the_mailbox(scene, client), "It is me.", **{"from": "Eve <eve@elsewhere.example>"})
    (message,) = heard(scene, sent, "It is me.")
    assert message["metadata"]["held"] == "unknown_sender"
    assert scene.get(f"/businesses/{scene.business_id}/clients/{sent['client_id']}")["email"] == client
