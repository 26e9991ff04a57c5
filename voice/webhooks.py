"""Where Twilio asks what to do with a call, and tells what became of it: verify, store, answer at once."""

from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from messaging.services import spooling
from messaging.webhooks import HOOK_FORM, HOOK_REFUSED, twilio_hook
from omega_project.lib.api.endpoints import SignedViewSet
from omega_project.lib.api.examples import FORM, asked
from voice.services import dialing, opening
from voice.services.twiml import hang_up

_SID = "CA" + "0" * 32
_CALL = {"CallSid": _SID, "CallStatus": "ringing", "From": "client:b12_s17", "To": "+12125550142"}
_LEG = {"CallSid": "CA" + "1" * 32, "ParentCallSid": _SID, "CallStatus": "in-progress", "SequenceNumber": "2"}
_DIAL = {"CallSid": _SID, "DialCallStatus": "no-answer", "From": "+12125550142", "To": "+12125550100"}
_VOICEMAIL = {"CallSid": _SID, "RecordingSid": "RE" + "0" * 32, "RecordingDuration": "32"}
_RECORDING = {"CallSid": _SID, "RecordingSid": "RE" + "0" * 32, "RecordingStatus": "completed"}
_TWIML: dict[Any, OpenApiResponse] = {(200, "text/xml"): OpenApiResponse(str, description="TwiML."), **HOOK_REFUSED}
_STORED: dict[Any, OpenApiResponse] = {204: OpenApiResponse(description="Stored."), **HOOK_REFUSED}


def _twiml(document: str) -> HttpResponse:
    return HttpResponse(document, content_type="text/xml")


class VoiceWebhooks(SignedViewSet):
    """Twilio's requests about calls, authenticated by their signature alone."""

    @extend_schema(
        summary="Handle Twiml Call",
        operation_id="voice_calls_twiml",
        description=(
            "The VoiceUrl of the business's numbers and of its TwiML application. Out: dials a client for the staff "
            "member whose client asks. In: rings the assignee, the location's available staff, its phone, or takes "
            "voicemail. A call that is refused hears a sentence."
        ),
        examples=[asked(_CALL, media_type=FORM)],
        tags=["voice-calls"],
        request=HOOK_FORM,
        responses=_TWIML,
    )
    def twiml(self, request: Request) -> HttpResponse:
        return _twiml(spooling.taken(twilio_hook(request, "voice.twiml"), opening.sorry()))

    @extend_schema(
        summary="Go on after a Dial",
        operation_id="twilio_voice_dial",
        description="The `action` of the Dials that omega answers with.",
        examples=[asked(_DIAL, media_type=FORM)],
        tags=["twilio"],
        request=HOOK_FORM,
        responses=_TWIML,
    )
    def dial(self, request: Request) -> HttpResponse:
        return _twiml(spooling.taken(twilio_hook(request, "voice.dial"), opening.sorry()))

    @extend_schema(
        summary="Go on after a voicemail",
        operation_id="twilio_voice_voicemail",
        description="The `action` of the Record that omega answers with.",
        examples=[asked(_VOICEMAIL, media_type=FORM)],
        tags=["twilio"],
        request=HOOK_FORM,
        responses=_TWIML,
    )
    def voicemail(self, request: Request) -> HttpResponse:
        return _twiml(spooling.taken(twilio_hook(request, "voice.voicemail"), hang_up()))

    @extend_schema(
        summary="Announce to a client that the call is recorded",
        operation_id="twilio_voice_announcement",
        description="Played to the client before the bridge, where the business records its calls.",
        examples=[asked(_CALL, media_type=FORM)],
        tags=["twilio"],
        request=HOOK_FORM,
        responses=_TWIML,
    )
    def announcement(self, request: Request) -> HttpResponse:
        return _twiml(dialing.announce(twilio_hook(request, "voice.announcement")))

    @extend_schema(
        summary="Update voice call status in DB",
        operation_id="twilio_voice_status",
        description=(
            "Reports on a call and on each line that it rings; they may come doubled, late and shuffled. An address "
            "that is given for the end of a Dial, or for recordings, besides: the first is answered with TwiML."
        ),
        examples=[asked(_LEG, media_type=FORM)],
        tags=["twilio"],
        request=HOOK_FORM,
        responses={(200, "text/xml"): OpenApiResponse(str, description="TwiML, after a Dial."), **_STORED},
    )
    def status(self, request: Request) -> HttpResponse:
        hook = twilio_hook(request, "voice.status")
        if "DialCallStatus" in hook.form:
            return _twiml(spooling.taken(replace(hook, kind="voice.dial"), opening.sorry()))
        is_recording = {"RecordingSid", "RecordingStatus"} <= hook.form.keys()
        spooling.taken(replace(hook, kind="voice.recording") if is_recording else hook, None)
        return HttpResponse(status=204)

    @extend_schema(
        summary="Take in a recording or voicemail",
        operation_id="twilio_voice_recording",
        description="Its file is fetched by a job.",
        examples=[asked(_RECORDING, media_type=FORM)],
        tags=["twilio"],
        request=HOOK_FORM,
        responses=_STORED,
    )
    def recording(self, request: Request) -> HttpResponse:
        spooling.taken(twilio_hook(request, "voice.recording"), None)
        return HttpResponse(status=204)
