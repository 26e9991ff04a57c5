"""Where providers call: verify, store, answer at once. No other service is waited for."""

from xml.sax.saxutils import escape

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from messaging.services import intake, spooling
from messaging.signatures import forgeries_counted, verified_form
from omega_project.lib.api.endpoints import SignedViewSet
from omega_project.lib.api.examples import FORM, asked
from omega_project.lib.api.parsing import read_body
from omega_project.lib.api.schema import ErrorBody
from omega_project.lib.forms import query_of
from omega_project.lib.network import kept_headers

_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response>{}</Response>'
_TEXT = {"MessageSid": "SM" + "0" * 32, "From": "+12125550142", "To": "+12125550100", "Body": "On my way"}
_REPORT = {"MessageSid": "SM" + "0" * 32, "MessageStatus": "delivered"}
HOOK_FORM = {FORM: {"type": "object", "additionalProperties": {"type": "string"}}}
HOOK_REFUSED = {
    403: OpenApiResponse(ErrorBody, description="The signature does not belong to this request."),
    413: OpenApiResponse(ErrorBody, description="The body is too large."),
    503: OpenApiResponse(ErrorBody, description="The database cannot be reached: Twilio calls again."),
}


class TwilioWebhooks(SignedViewSet):
    """Twilio's calls, authenticated by their signature alone."""

    @extend_schema(
        summary="Process incoming SMS replies via Twilio webhook",
        operation_id="twilio_sms_reply",
        description="Signed by Twilio. The same MessageSid again is answered and stored once.",
        examples=[asked(_TEXT, media_type=FORM)],
        tags=["twilio"],
        request=HOOK_FORM,
        responses={(200, "text/xml"): OpenApiResponse(str, description="TwiML, mostly empty."), **HOOK_REFUSED},
    )
    def reply(self, request: Request) -> HttpResponse:
        answer = spooling.taken(twilio_hook(request, "sms.reply"), "")
        inner = f"<Message>{escape(answer)}</Message>" if answer else ""
        return HttpResponse(_TWIML.format(inner), content_type="text/xml")

    @extend_schema(
        summary="Process SMS delivery status updates from Twilio",
        operation_id="twilio_sms_status",
        description="Signed by Twilio. Reports may come doubled, late and shuffled.",
        examples=[asked(_REPORT, media_type=FORM)],
        tags=["twilio"],
        request=HOOK_FORM,
        responses={204: OpenApiResponse(description="Stored."), **HOOK_REFUSED},
    )
    def status(self, request: Request) -> HttpResponse:
        spooling.taken(twilio_hook(request, "sms.status"), None)
        return HttpResponse(status=204)


def twilio_hook(request: Request, kind: str) -> intake.Hook:
    """A call that Twilio signed, its body read once; InvalidSignature otherwise."""
    http = request._request
    payload = read_body(http, settings.OMEGA_MAX_BODY_BYTES)
    with forgeries_counted("twilio", kind):
        found = verified_form(http, payload)
    url, content_type = http.get_full_path(), http.META.get("CONTENT_TYPE", "")
    return intake.Hook(
        "twilio", kind, found.form, payload, url, content_type, query_of(url), found.business_id,
        headers=kept_headers(http), verdict="business" if found.business_id else "platform",
    )  # fmt: skip
