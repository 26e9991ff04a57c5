"""A mail provider's post, read from the file that it was put into: its mails, whoever the provider is."""

from tempfile import TemporaryFile
from typing import IO, Any

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from messaging.providers import anymail_inbound, sendgrid_inbound
from messaging.providers.arrived_mail import ArrivedMail, NotAMail
from omega_project.lib import forms
from omega_project.lib.form_data import Form, FormPart, boundary_of, read_form

SENDGRID = "sendgrid"
PROVIDERS = {SENDGRID, *anymail_inbound.SOURCES}
_MOST_FIELD = 32 * 1024 * 1024


def read_mails(file: IO[bytes], content_type: str, provider: str) -> list[ArrivedMail]:
    """The mails in a post, one mostly.

    Raises NotAMail with a sentence about the body where it is none of any form, Unreadable where it is not the form
    that the provider sends.
    """
    if provider == SENDGRID:
        return [sendgrid_inbound.read_post(_form(file, content_type))]
    if boundary_of(content_type):
        form = _form(file, content_type)
        if (raw := _raw(form, provider)) is not None:
            return [raw]
        return anymail_inbound.read(provider, _post(form, content_type, {}))
    return anymail_inbound.read(provider, _post_of_bytes(file, content_type, {}))


def as_post(file: IO[bytes], content_type: str, meta: dict[str, str]) -> anymail_inbound.Post:
    """A post for its signature to be checked. Raises NotAMail for a form that is none."""
    if boundary_of(content_type):
        return _post(_form(file, content_type), content_type, meta)
    return _post_of_bytes(file, content_type, meta)


def _form(file: IO[bytes], content_type: str) -> Form:
    try:
        form = read_form(file, content_type)
    except ValueError as error:
        raise NotAMail(str(error)) from error
    if not form.parts:
        raise NotAMail("is no multipart form, or one without a field")
    return form


def _raw(form: Form, provider: str) -> ArrivedMail | None:
    field, sender, receiver = anymail_inbound.RAW.get(provider, ("", "", ""))
    part = form.get(field) if field else None
    if part is None:
        return None
    file = TemporaryFile()  # noqa: SIM115  the mail that is given back
    for chunk in part.chunks():
        file.write(chunk)
    receivers = [one.strip() for one in form.text(receiver).split(",") if one.strip()]
    return ArrivedMail(file, receivers, form.text(sender) if form.get(sender) else None, is_whole=form.is_whole)


def _post(form: Form, content_type: str, meta: dict[str, str]) -> anymail_inbound.Post:
    fields, files = QueryDict(mutable=True), MultiValueDict[str, Any]()
    for part in form.parts:
        if part.filename is None:
            fields.appendlist(part.name, part.text(_MOST_FIELD))
        else:
            files.appendlist(part.name, _uploaded(part))
    return anymail_inbound.Post(content_type.split(";", 1)[0].strip().lower(), b"", fields, files, meta)


def _uploaded(part: FormPart) -> "UploadedFile[bytes]":
    file = TemporaryFile()  # noqa: SIM115
    for chunk in part.chunks():
        file.write(chunk)
    file.seek(0)
    return UploadedFile(file, part.filename, part.content_type, part.size)


def _post_of_bytes(file: IO[bytes], content_type: str, meta: dict[str, str]) -> anymail_inbound.Post:
    file.seek(0)
    body = file.read()
    kind = content_type.split(";", 1)[0].strip().lower()
    if "json" in kind and body.lstrip()[:1] not in {b"{", b"["}:
        raise NotAMail("is not JSON")
    fields = QueryDict(mutable=True)
    if kind == "application/x-www-form-urlencoded":
        try:
            for name, value in forms.pairs(body, "utf-8"):
                fields.appendlist(name, value)
        except ValueError as error:
            raise NotAMail("is not a form in UTF-8") from error
    elif "json" not in kind:
        raise NotAMail("is neither JSON nor a form")
    return anymail_inbound.Post(kind, body, fields, MultiValueDict(), meta)
