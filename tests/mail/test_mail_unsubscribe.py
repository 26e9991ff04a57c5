"""One click out of a list (RFC 8058): a POST does it, a GET only asks."""

import pytest

from messaging.models import ConsentChange, Email
from messaging.services import mail_handover, unsubscribing
from messaging.services.claiming import claim_due
from tests.contract import world
from tests.settings import ROOT

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def mail(studio):
    return world.mail(studio, to="ana@example.com", priority="bulk")


def path_of(message_id):
    return unsubscribing.link_for(message_id).split("/omega", 1)[1]


def click(path, data=b"List-Unsubscribe=One-Click", content_type=FORM):
    return world.call("POST", path, data=data, content_type=content_type)


def headers_of(studio):
    [claim] = claim_due(room=9, in_flight={}, most=9, worker="w").claims
    return mail_handover.prepare([claim])[0].make().mail.headers


def test_a_bulk_mail_offers_it_and_another_does_not(studio, mail):
    headers = headers_of(studio)
    assert headers["List-Unsubscribe"] == f"<{unsubscribing.link_for(mail['message_id'])}>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "ana" not in headers["List-Unsubscribe"]
    world.mail(studio, to="bo@example.com")
    assert "List-Unsubscribe" not in headers_of(studio)


def test_one_click_opts_out_at_once_and_once(studio, mail):
    fixture = (ROOT / "tests/fixtures/list_unsubscribe_one_click.form").read_bytes()
    path = path_of(mail["message_id"])
    for _ in range(3):
        got = click(path, fixture)
        assert (got.status, "Location" in got.headers) == (200, False)
    [change] = ConsentChange.objects.all()
    assert (change.channel, change.address, change.state) == ("email", "ana@example.com", "opted_out")
    assert (change.source, change.evidence) == ("unsubscribe", {"message_id": mail["message_id"]})
    assert Email.objects.get(message_id=mail["message_id"]).unsubscribed_at
    assert world.mail(studio, to="ana@example.com")["status"] == "blocked"


def test_looking_at_the_link_asks_and_changes_nothing(mail):
    for method in ("GET", "HEAD"):
        got = world.call(method, path_of(mail["message_id"]))
        assert got.status == 200
    assert b"<form" in world.get(path_of(mail["message_id"])).raw
    assert ConsentChange.objects.count() == 0
    click(path_of(mail["message_id"]))
    assert b"You are unsubscribed" in world.get(path_of(mail["message_id"])).raw


@pytest.mark.parametrize("token", ["x", "a" * 32, "%00", "é" * 32, "a" * 5000, "..%2f..%2f"])
def test_a_link_that_we_did_not_make_opts_nobody_out(mail, token):
    assert click(f"/email/unsubscribe/{token}").status == 404
    assert world.get(f"/email/unsubscribe/{token}").status == 404
    assert ConsentChange.objects.count() == 0


def test_the_link_of_a_text_or_of_nothing_opts_nobody_out(studio):
    text = world.queue(studio)
    assert click(path_of(text["message_id"])).status == 404
    assert click(path_of(10**12)).status == 404


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"List-Unsubscribe=Two-Click", b'{"a": 1}', b"x" * 100_000])
def test_whatever_the_body_holds_the_click_counts(mail, data):
    assert click(path_of(mail["message_id"]), data).status == 200
    assert ConsentChange.objects.count() == 1


def test_nothing_else_is_answered(mail):
    for method in ("PUT", "DELETE", "PATCH"):
        assert world.call(method, path_of(mail["message_id"])).status == 405
