"""Voicemail and recordings: fetched into our own media, kept as long as the business keeps them."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.utils import timezone

from conversations.models import Attachment
from messaging.models import WebhookEvent
from messaging.services import media
from omega_project.lib import http
from tests.contract.world import a_staff_member, a_studio, get, phone, sid, twilio
from tests.voice.world import call_form, call_in, dialled, heard, only_call, only_message, path_of, prefer
from voice.models import Recording
from voice.services import recordings

pytestmark = pytest.mark.django_db
VOICEMAIL, RECORDING = "/twilio/voice/voicemail", "/twilio/voice/recording"


def left(studio, caller=None):
    """A voicemail begins: the call's sid and the addresses of its Record."""
    parent = sid("CA")
    record = heard(call_in(studio, caller or phone(), CallSid=parent)).root.find("Record")
    return parent, path_of(record.get("action")), path_of(record.get("recordingStatusCallback"))


def recorded(path, parent, **fields):
    known = {
        "AccountSid": settings.TWILIO_ACCOUNT_SID, "CallSid": parent, "RecordingSid": "RE" + "1" * 32,
        "RecordingStatus": "completed", "RecordingDuration": "32", "RecordingUrl": "http://169.254.169.254/secret",
    }  # fmt: skip
    got = twilio(path, known | fields)
    assert got.status == 204, got.raw


def test_a_voicemail_is_told_and_waits_to_be_fetched():
    studio = a_studio()
    parent, action, callback = left(studio)
    assert heard(twilio(action, call_form(parent, RecordingSid="RE1", RecordingDuration="32"))).names[-1] == "Hangup"
    recorded(callback, parent)
    message = only_message(studio)
    assert message["body"] == "Missed call, voicemail of 32 s"
    assert (message["call"]["voicemail"], message["call"]["status"]) == (True, "no-answer")
    assert message["call"]["recording_url"] == message["media"][0]["url"]
    assert (message["media"][0]["content_type"], message["media"][0]["name"]) == ("audio/mpeg", "Voicemail.mp3")


def test_its_address_is_made_of_its_sid_and_never_taken_from_the_report():
    studio = a_studio()
    parent, _, callback = left(studio)
    recorded(callback, parent)
    wanted = f"/2010-04-01/Accounts/{settings.TWILIO_ACCOUNT_SID}/Recordings/RE{'1' * 32}.mp3"
    assert Attachment.objects.get().source_url == settings.TWILIO_API_BASE_URL + wanted


def test_a_voicemail_in_which_nothing_was_said_is_a_missed_call():
    studio = a_studio()
    parent, _, callback = left(studio)
    recorded(callback, parent, RecordingStatus="absent", RecordingDuration="0")
    assert (only_message(studio)["body"], only_message(studio)["media"]) == ("Missed call", [])


def test_a_report_again_is_one_recording():
    studio = a_studio()
    parent, _, callback = left(studio)
    for extra in ({}, {"RecordingDuration": "32", "More": "1"}, {"RecordingStatus": "completed"}):
        recorded(callback, parent, **extra)
    assert (Attachment.objects.count(), Recording.objects.count()) == (1, 1)


def test_a_recorded_talk_is_played_from_the_message():
    studio, caller, parent = a_studio(), phone(), sid("CA")
    a_staff_member(studio)
    prefer(studio, records_calls=True)
    document = heard(call_in(studio, caller, CallSid=parent))
    recorded(path_of(document.dial.get("recordingStatusCallback")), parent, RecordingDuration="100")
    dialled(document, parent, "completed", caller=caller, to=studio.sender, DialCallDuration="100")
    message = only_message(studio)
    assert (message["body"], message["call"]["voicemail"]) == ("Call answered, 1 min 40 s", False)
    assert message["call"]["recording_url"] == message["media"][0]["url"]


@pytest.mark.parametrize("change", [{"RecordingSid": ""}, {"RecordingSid": "../../x"}, {"RecordingSid": "RE\x00"},
                                    {"RecordingDuration": "x"}, {"RecordingStatus": "in-progress"}])  # fmt: skip
def test_a_report_that_names_no_recording_fetches_nothing(change):
    studio = a_studio()
    parent, _, callback = left(studio)
    recorded(callback, parent, **change)
    assert not Attachment.objects.exists()


def test_a_recording_of_a_call_that_nobody_knows_is_kept_as_a_failed_event():
    recorded(RECORDING, "CAnobody")
    assert WebhookEvent.objects.get().status == "failed"


def stored(studio):
    parent, _, callback = left(studio)
    recorded(callback, parent, RecordingSid=sid("RE"))
    attachment = Attachment.objects.get(message=only_call(studio).message)
    attachment.file.save(f"{attachment.pk}.mp3", ContentFile(b"sound"), save=False)
    attachment.status, attachment.size = "stored", 5
    attachment.save()
    return attachment


def test_what_is_older_than_the_business_keeps_it_is_removed():
    studio, other = a_studio(), a_studio()
    attachment, kept = stored(studio), stored(other)
    prefer(studio, retention_days=30)
    assert recordings.remove_old() == 0
    Recording.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert recordings.remove_old() == 1
    assert not attachment.file.storage.exists(attachment.file.name)
    assert kept.file.storage.exists(kept.file.name)
    message = only_message(studio)
    assert (message["media"], message["call"]["recording_url"]) == ([], None)
    assert message["body"] == "Missed call, voicemail of 32 s"
    assert recordings.remove_old() == 0
    again = Recording.objects.get(call__business_id=studio.id).sid
    recorded(RECORDING, only_call(studio).sid, RecordingSid=again, RecordingStatus="completed ")
    recorded(RECORDING, only_call(studio).sid, RecordingSid=again, AccountSid="")
    assert only_message(studio)["media"] == []


def test_a_removal_that_was_cut_off_goes_on():
    studio = a_studio()
    attachment = stored(studio)
    prefer(studio, retention_days=1)
    Recording.objects.update(created_at=timezone.now() - timedelta(days=2))
    attachment.file.storage.delete(attachment.file.name)
    assert recordings.remove_old() == 1
    assert only_message(studio)["media"] == []


def test_what_is_to_go_at_the_provider_is_tried_again_where_that_cannot_be_reached():
    studio = a_studio()
    stored(studio)
    assert recordings.erase_due() == 0
    prefer(studio, erases_at_provider=True)
    assert recordings.erase_due() == 1
    assert recordings.erase_due() == 0
    row = Recording.objects.get()
    assert (row.erased_at, row.erase_attempts, row.erase_at > timezone.now()) == (None, 1, True)


def test_a_recording_that_is_not_ready_yet_is_tried_again(monkeypatch):
    studio = a_studio()
    parent, _, callback = left(studio)
    recorded(callback, parent)
    attachment = Attachment.objects.get()

    def not_ready(*args, **kwargs):
        raise http.FetchError("The address answered with status 404.", permanent=True, status=404)

    monkeypatch.setattr("messaging.services.media.http.fetch", not_ready)
    media.fetch_attachment(attachment_id=attachment.pk)
    attachment.refresh_from_db()
    assert (attachment.status, attachment.attempts) == ("pending", 1)
    assert get("/media/1-x").status == 404
