"""Calls while the database is away: the caller hears a sentence, and nothing that was told is lost."""

import pytest
from django.db import OperationalError

from messaging.services import spool, spooling
from tests.contract.world import a_client, a_staff_member, a_studio, phone, sid
from tests.support.spools import own_spool
from tests.voice.world import STATUS, call_in, call_out, heard, leg_form, only_message, report

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _folder(settings, tmp_path):
    own_spool(settings, tmp_path)


@pytest.fixture
def away(monkeypatch):
    """Lets the database be away for one kind of hook; gives what brings it back."""

    def fails(hook):
        raise OperationalError("the connection is closed")

    def leave(kind):
        real = spooling._TAKERS[kind]
        monkeypatch.setitem(spooling._TAKERS, kind, fails)
        return lambda: monkeypatch.setitem(spooling._TAKERS, kind, real)

    return leave


def test_a_call_hears_a_sentence_and_stands_in_the_conversation_later(away):
    studio, caller = a_studio(), phone()
    a_staff_member(studio)
    back = away("voice.twiml")
    document = heard(call_in(studio, caller))
    assert document.names == ["Say", "Hangup"]
    assert "call again" in document.said
    back()
    assert (spool.waiting(), spooling.drain(), spool.waiting()) == (1, 1, 0)
    assert only_message(studio)["from"] == caller


def test_a_report_is_applied_later(away):
    studio = a_studio()
    staff, client, parent = a_staff_member(studio), a_client(studio), sid("CA")
    heard(call_out(studio, staff, To=client.phone, CallSid=parent))
    back = away("voice.status")
    report(STATUS, leg_form(parent, sid("CA"), "busy", 2, client.phone))
    back()
    assert spooling.drain() == 1
    assert only_message(studio)["call"]["status"] == "busy"
