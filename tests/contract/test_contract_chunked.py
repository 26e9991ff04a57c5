"""Bodies that come in chunks, without a length, as the server hands them on."""

import io

import pytest
from django.test import RequestFactory

from omega_project.lib.api.errors import TooLarge
from omega_project.lib.api.parsing import read_body, spool_body
from omega_project.lib.wsgi import Handler

READERS = [read_body, lambda request, limit: spool_body(request, limit).read()]


def in_chunks(raw, **environ):
    """A request whose end the server marks; and what the server has of it."""
    given = RequestFactory().post("/omega/sms/queue", b"", content_type="application/json").environ
    given |= {"wsgi.input": io.BytesIO(raw), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    given.pop("CONTENT_LENGTH", None)
    return Handler.request_class(given | environ), given["wsgi.input"]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("raw", [b"", b'{"business_id": 1}', b"x" * 100_000])
def test_a_body_in_chunks_is_read_to_its_end(read, raw):
    assert read(in_chunks(raw)[0], 100_000) == raw


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("more", [1, 10_000_000])
def test_a_body_in_chunks_that_is_too_large_is_413_and_not_read_on(read, more):
    request, source = in_chunks(b"x" * (1000 + more))
    with pytest.raises(TooLarge):
        read(request, 1000)
    assert source.tell() <= 1_000_000


def test_no_path_has_more_of_it_in_memory_than_the_largest_body(settings):
    settings.INBOUND_EMAIL_MAX_BYTES = 1000
    assert len(in_chunks(b"x" * 5000)[0].body) == 1001


def test_where_the_server_marks_no_end_nothing_is_waited_for():
    request, source = in_chunks(b"x", **{"wsgi.input_terminated": False})
    assert request.read() == b""
    assert source.tell() == 0
