"""Pictures and files with a text: given in the conversation's box, kept here, fetched here by the carrier."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from conversations.media_links import link_for, path_for
from conversations.models import Attachment
from messaging.admin.composer import composer_for
from messaging.services import claiming, text_handover
from messaging.services.text_files import why_none
from tests.admin.test_admin_conversation import page_of, shown, texts
from tests.admin.world import a_thread, fails, says

pytestmark = pytest.mark.django_db
PICTURE = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


def a_picture(name="knee.png"):
    return SimpleUploadedFile(name, PICTURE, "image/png")


def reply(browser, thread, *files, body="See here", **fields):
    form = {"channel": "sms", "body": body, "request_id": "form1", "files": list(files)} | fields
    return browser.post(page_of(thread, "reply"), form, headers={"Accept": "application/json"})


def handed_over():
    """The texts that are due, as the provider gets them."""
    claims = claiming.claim_due(room=10, in_flight={}, most=10, worker="test").claims
    return [one.make() for one in text_handover.prepare(claims)]


def test_a_text_goes_with_its_pictures(browser, client):
    thread = a_thread()
    assert reply(browser, thread, a_picture(), a_picture("b.png")).status_code == 200
    (text,) = texts(thread)
    kept = list(Attachment.objects.filter(message=text))
    assert (text.status, text.body, text.media_count) == ("queued", "See here", 2)
    assert [(one.name, one.content_type, one.status) for one in kept] == [
        ("knee.png", "image/png", "stored"), ("b.png", "image/png", "stored"),
    ]  # fmt: skip
    (sent,) = handed_over()
    assert sent.media_urls == tuple(link_for(one.pk) for one in kept)
    fetched = client.get(sent.media_urls[0].removeprefix("http://testserver"))
    assert (b"".join(fetched), fetched.headers["Content-Type"]) == (PICTURE, "image/png")
    assert f'src="{path_for(kept[0].pk)}"' in shown(browser, thread)


def test_a_picture_goes_without_a_word(browser):
    thread = a_thread()
    assert reply(browser, thread, a_picture(), body="").status_code == 200
    assert handed_over()[0].body == ""


def test_a_double_click_is_one_text_and_another_picture_is_another_text(browser):
    thread = a_thread()
    assert [reply(browser, thread, a_picture()).status_code for _ in range(2)] == [200, 200]
    assert (len(texts(thread)), Attachment.objects.count()) == (1, 1)
    assert reply(browser, thread, a_picture("other.png")).status_code == 409


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([a_picture(f"{n}.png") for n in range(11)], "at most 10"),
        ([SimpleUploadedFile("film.mp4", b"x" * 5_000_001, "video/mp4")], "5 MB together"),
        ([SimpleUploadedFile("empty.png", b"", "image/png")], "is empty"),
    ],
    ids=["eleven", "too large", "empty"],
)
def test_what_no_carrier_takes_is_refused_with_a_sentence(browser, files, sentence):
    thread = a_thread()
    answer = reply(browser, thread, *files)
    assert (answer.status_code, texts(thread)) == (422, [])
    assert sentence in answer.json()["errors"][0]


def test_the_box_takes_files(browser):
    html = shown(browser, a_thread())
    box = html[html.index('id="reply"') : html.index('id="mail"')]
    assert 'name="files"' in box
    assert 'enctype="multipart/form-data"' in box


@pytest.mark.parametrize(
    ("sender", "name", "sentence"),
    [
        ("+442071838750", "knee.png", "takes no files: only numbers of the US"),
        ("Studio", "knee.png", "is a name, not a number"),
        ("", "tools.zip", "of a kind that carriers refuse"),
    ],
)
def test_a_file_that_no_carrier_takes_from_here_says_why(browser, sender, name, sentence):
    thread = a_thread()
    if sender:
        thread.business.senders.update(address=sender)
    answer = reply(browser, thread, SimpleUploadedFile(name, PICTURE, ""))
    assert (answer.status_code, texts(thread)) == (422, [])
    assert sentence in answer.json()["errors"][0]
    if sender:
        assert sentence in composer_for(thread).sms.files["closed"]


def test_a_number_that_the_carrier_called_a_landline_takes_no_files(browser):
    thread = a_thread()
    assert composer_for(thread).sms.files["closed"] == ""
    fails(says(thread), retryable=False, code="30006")
    assert "landline" in composer_for(thread).sms.files["closed"]
    assert composer_for(thread).email.files["closed"] == ""
    assert why_none("+12125550100", "+442071838750") == "This number is a landline: it takes no files."
    assert why_none("22345", "+14155550123") == ""
