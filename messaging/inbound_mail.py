"""Where mail providers hand over what clients write: checked, kept, answered at once."""

from typing import IO, Any, Literal

import structlog
from django.conf import settings
from django.http import HttpRequest
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from messaging.inbound_signatures import SendGridSignature, require_basic_auth, require_signature
from messaging.providers.arrived_mail import NotAMail, Unreadable
from messaging.services import mail_arrival, spooling
from messaging.services.provider_posts import PROVIDERS, SENDGRID, read_mails
from messaging.services.stored_mail import KIND
from messaging.signatures import forgeries_counted
from omega_project.lib.api.endpoints import SignedViewSet
from omega_project.lib.api.errors import Fault, NotFound, ParameterError, as_api_error
from omega_project.lib.api.examples import asked
from omega_project.lib.api.parsing import spool_body
from omega_project.lib.api.schema import ErrorBody, ParameterErrorBody
from omega_project.lib.network import kept_headers

log = structlog.get_logger(__name__)
_MULTIPART = "multipart/form-data"
_POST = {
    _MULTIPART: {"type": "object", "additionalProperties": {"type": "string"}},
    "application/json": {"type": "object", "additionalProperties": True},
}
_MAIL = {
    "email": "From: Ana <ana@example.com>\r\nTo: hello@studio.example\r\nSubject: Friday\r\n\r\nSee you at ten!\r\n",
    "envelope": '{"to": ["hello@studio.example"], "from": "ana@example.com"}',
    "SPF": "pass",
}


class MailTaken(BaseModel):
    """What became of a post."""

    status: Literal["stored", "known"]


class InboundMail(SignedViewSet):
    """`/email/inbound/…`, authenticated by the user and password in the hook's URL."""

    @extend_schema(
        summary="Take in a client's e-mail from a provider",
        operation_id="email_inbound",
        description=(
            "SendGrid's inbound parse (raw or parsed), or another provider's post. HTTP basic auth; a signature is "
            "checked besides where there is one. A mail that belongs nowhere, or cannot be read, is kept and is a 200."
        ),
        examples=[asked(_MAIL, media_type=_MULTIPART)],
        tags=["email"],
        parameters=[OpenApiParameter("provider", str, OpenApiParameter.PATH, enum=sorted(PROVIDERS))],
        request=_POST,
        responses={
            200: MailTaken,
            401: OpenApiResponse(ErrorBody, description="No user and password, or wrong ones."),
            403: OpenApiResponse(ErrorBody, description="The signature does not belong to this request."),
            404: OpenApiResponse(ErrorBody, description="No such provider."),
            413: OpenApiResponse(ErrorBody, description="More than 30 MiB."),
            422: OpenApiResponse(ParameterErrorBody, description="The body is no mail in any form."),
            503: OpenApiResponse(ErrorBody, description="The database cannot be reached: the provider calls again."),
        },
    )
    def take(self, request: Request, provider: str) -> Response:
        http = request._request
        require_basic_auth(http)
        if provider not in PROVIDERS:
            raise NotFound("There is no such provider, or none that hands over mail.")
        signature = SendGridSignature(http)
        body = spool_body(http, settings.INBOUND_EMAIL_MAX_BYTES, signature.see)
        with forgeries_counted(provider, KIND), body as file:
            if provider == SENDGRID:
                signature.require()
            is_new = _taken(http, file, provider)
        return Response({"status": "stored" if is_new else "known"})


def _taken(http: HttpRequest, file: IO[bytes], provider: str) -> bool:
    """Whether any of it was new. 422 for what is no mail in any form; whatever may be one is kept."""
    content_type = http.META.get("CONTENT_TYPE", "")
    post = mail_arrival.Post(provider, http.get_full_path(), kept_headers(http))
    call: dict[str, Any] = {"post": post, "instead": spooling.keep_mail}
    try:
        if provider != SENDGRID:
            require_signature(http, file, provider)
            if file.seek(0, 2) > mail_arrival.MOST_AT_ONCE:  # a job reads it: it may be many times its size in memory
                return mail_arrival.take_request(file=file, content_type=content_type, **call)
        mails = read_mails(file, content_type, provider)
    except NotAMail as error:
        raise ParameterError([Fault(["body"], str(error))]) from error
    except Exception as error:
        if not isinstance(error, Unreadable):
            if as_api_error(error) is not None:
                raise
            log.exception("mail.unreadable", provider=provider)  # a fault of ours: once it is mended, a replay reads it
        return mail_arrival.take_request(file=file, content_type=content_type, **call)
    taken = [mail_arrival.take_mail(mail=mail, **call) for mail in mails]
    return any(taken)
