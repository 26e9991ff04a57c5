"""Hostile input: whatever the bytes, the answer is the one that the contract names, and never a 500."""

import json
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversations.models import Message
from messaging.models import WebhookEvent
from tests.contract.shapes import assert_error, assert_faults
from tests.contract.world import (
    FORM,
    a_client,
    a_platform_key,
    a_studio,
    call,
    get,
    message,
    phone,
    post,
    queue,
    reply,
    text_form,
    twilio,
)

pytestmark = pytest.mark.django_db

WRITES = ["/sms/queue", "/sms/record", "/sms/status", "/messages/retry"]
BAD_JSON = [
    b"{", b"}", b"nope", b"{'a': 1}", b'{"a": }', b'{"a": 1,}', b"\xff\xfe", b"\x00", b'{"a": NaN}', b'{"a": Infinity}',
    b'{"a": -Infinity}', b'{"a": 1e999999}x', b'"\\ud800"', b'{"body": "\\ud800"}', b'{"body": "\xed\xa0\x80"}',
    b'{"body": "\xc3\x28"}', b"[" * 100000, b'{"a":' * 50000, b"[]", b'"text"', b"7", b"null", b"true", b"1 2",
    b"\xef\xbb\xbf{", b'{"a": 01}', b'{"a": "\n"}', b"PK\x03\x04", b"a=1&b=2",
]  # fmt: skip


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("raw", BAD_JSON, ids=range(len(BAD_JSON)))
def test_what_is_no_json_object_is_422(path, raw):
    got = call("POST", path, data=raw, key=a_platform_key())
    assert_faults(got)
    assert all(fault.startswith("body") for fault in got.faulty)


def test_nan_in_a_known_field_is_422():
    studio = a_studio()
    for value in ("NaN", "Infinity", "-Infinity", "1e999"):
        raw = f'{{"business_id": {studio.id}, "to": "{phone()}", "body": "x", "metadata": {{"n": {value}}}}}'
        got = call("POST", "/sms/queue", data=raw, key=studio.key)
        assert got.status == 422 or (value == "1e999" and got.status == 202), got.raw


@pytest.mark.parametrize("path", WRITES)
def test_ten_thousand_fields_are_422_and_a_short_answer(path):
    got = post(path, {f"field{n}": n for n in range(10_000)}, a_platform_key())
    assert_faults(got)
    assert len(got.raw) < 100_000


@pytest.mark.parametrize("path", [*WRITES, "/twilio/sms/reply", "/twilio/sms/status"])
def test_a_body_of_12_mb_is_413(path):
    raw = b'{"body": "' + b"x" * (12 * 1024 * 1024) + b'"}'
    kind = FORM if path.startswith("/twilio") else "application/json"
    got = call("POST", path, data=raw, key=a_platform_key(), content_type=kind, X_Twilio_Signature="x")
    assert_error(got, 413, "too_large")


def test_a_text_of_ten_megabytes_is_kept_and_answered_200():
    studio = a_studio()
    words = "x" * (10 * 1000 * 1000)
    assert reply(studio, phone(), words).status == 200
    stored = WebhookEvent.objects.get(kind="sms.reply")
    assert len(stored.payload) > len(words)
    assert (stored.status, Message.objects.get(business_id=studio.id).body) == ("processed", words)


def test_a_body_just_under_the_limit_is_read(settings):
    studio = a_studio()
    raw = json.dumps({"business_id": studio.id, "to": phone(), "body": "hi"})
    settings.OMEGA_MAX_BODY_BYTES = len(raw)
    assert call("POST", "/sms/queue", data=raw, key=studio.key).status == 202
    assert_error(call("POST", "/sms/queue", data=raw + " ", key=studio.key), 413, "too_large")


PHONES = [
    "", " ", "x", "0", "+", "++1", "+1", "12", "+0", "+12", "+99999999999999999999", "+1212", "+1 212 555", "tel:x",
    "+1212555010O", "ana@example.com", "+12125550100x99", "\x00", "+1\x00", "' OR 1=1", "١٢", "-5",
    "+1212555010\n1" * 9,
    "9" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("number", PHONES, ids=range(len(PHONES)))
def test_a_number_that_cannot_be_one_is_422(number):
    studio = a_studio()
    assert_faults(queue(studio, to=number), "body.to")
    got = post("/sms/record", {"business_id": studio.id, "to": number, "body": "x"}, studio.key)
    assert_faults(got, "body.to")


@pytest.mark.parametrize("value", [12125550100, None, [], {}, True, 1.5, ["+12125550100"]])
@pytest.mark.parametrize("field", ["to", "body", "from", "request_id", "business_id"])
def test_a_value_of_another_kind_is_422(field, value):
    studio = a_studio()
    fields = {"business_id": studio.id, "to": phone(), "body": "x", field: value}
    if field == "business_id" and value == 12125550100:
        assert post("/sms/queue", fields, studio.key).status == 403
    elif value is None and field in {"from", "request_id"}:
        assert post("/sms/queue", fields, studio.key).status == 202
    else:
        assert_faults(post("/sms/queue", fields, studio.key), f"body.{field}")


@pytest.mark.parametrize("value", [2**63, 2**64, 2**200, -1, 0, -(2**63), "1", "٣", 1.0, 1e3, True])
@pytest.mark.parametrize("field", ["business_id", "client_id", "staff_id", "location_id", "template_id"])
def test_an_id_that_cannot_be_one_is_422(field, value):
    studio = a_studio()
    fields = {"business_id": studio.id, "to": phone(), "body": "x", field: value}
    if field == "template_id":
        del fields["body"]
    assert_faults(post("/sms/queue", fields, studio.key), f"body.{field}")


def test_the_largest_id_is_one_and_is_404():
    studio = a_studio()
    assert_error(queue(studio, client_id=2**63 - 1), 404, "not_found")
    assert_error(post("/sms/status", {"message_id": 2**63 - 1, "status": "sent"}, studio.key), 404, "not_found")


@pytest.mark.parametrize("field", ["body", "to", "from", "request_id"])
def test_a_nul_is_422(field):
    assert_faults(queue(a_studio(), **{field: "a\x00b"}), f"body.{field}")


@pytest.mark.parametrize("metadata", [{"a": "\x00"}, {"\x00": 1}, {"a": ["\x00"]}, {"a": {"b": "x\x00"}}])
def test_a_nul_in_metadata_is_422(metadata):
    assert_faults(queue(a_studio(), metadata=metadata), "body.metadata")


def test_metadata_that_only_looks_like_a_nul_is_kept():
    studio = a_studio()
    odd = {"path": "C:\\u0000", "a": "\\u0000"}
    got = queue(studio, metadata=odd)
    assert got.status == 202, got.raw
    assert message(studio, got["message_id"])["metadata"] == odd


@pytest.mark.parametrize("metadata", [{"a": 2**53}, {"a": -0.0}, {"": ""}, {"é": "👋"}, {"a": [[[[]]]]}])
def test_odd_but_good_metadata_comes_back_as_it_went(metadata):
    studio = a_studio()
    got = queue(studio, metadata=metadata)
    assert message(studio, got["message_id"])["metadata"] == metadata


def test_deep_or_large_metadata_is_taken_or_422():
    studio, deep = a_studio(), {}
    for _ in range(300):
        deep = {"a": deep}
    for metadata in (deep, {"a": "x" * 200_000}, {str(n): n for n in range(20_000)}, {"n": 10**400}):
        assert queue(studio, metadata=metadata).status in {202, 422}


def test_control_characters_and_direction_marks_are_words_too():
    studio = a_studio()
    body = "a\u202eb\u200b\ufeff\x07\x1b[31m\u2028" + "\U0010ffff"
    got = queue(studio, body=body)
    assert got.status == 202
    assert message(studio, got["message_id"])["body"] == body


@pytest.mark.parametrize("variables", [{"a": "\x00"}, {"a": 1}, {"a": None}, {"a" * 300: "x"}, [], "x"])
def test_variables_that_are_no_texts_are_422(variables):
    got = queue(a_studio(), body=None, template_id=1, variables=variables)
    assert got.status == 422
    assert any(fault.startswith("body.variables") for fault in got.faulty)


@pytest.mark.parametrize(
    "when",
    ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
     "10000-01-01T00:00:00Z", "2031-01-01T25:00:00Z", "2031-01-01T00:00:60Z", "2031-01-01T00:00:00+99:99",
     "-2031-01-01T00:00:00Z", "2031-01-01T00:00:00Z\x00", "1e10", "20310101T000000Z"],
)  # fmt: skip
def test_a_strange_time_is_never_a_500(when):
    studio = a_studio()
    assert queue(studio, scheduled_at=when).status in {202, 422}
    assert post("/messages/retry", {"failed_after": when}, a_platform_key()).status in {202, 422}
    one = queue(studio)["message_id"]
    told = {"message_id": one, "status": "delivered", "occurred_at": when}
    assert post("/sms/status", told, studio.key).status in {200, 422}
    assert get(f"/messages/{one}", studio.key).status == 200


PATHS = ["/businesses/{}/clients", "/businesses/{}/conversations", "/messages/{}", "/messages/requests/{}"]
PARTS = ["%00", "%ff", "..%2f..", "%2e%2e", "a/b", "%0a", "'", "%20", "*", "💥", "x" * 5000, "1%00", "1;2", "%"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("part", PARTS, ids=range(len(PARTS)))
def test_a_strange_path_is_404_or_422_in_json(path, part):
    got = get(path.format(part), a_platform_key())
    assert got.status in {404, 422}, got.raw
    assert "detail" in got.body


ODD_QUERIES = ["?%00=1", "?cursor=%ff", "?page_size=1&page_size=2", "?" + "a=1&" * 3000, "?=", "?&&", "?cursor=a%00"]


@pytest.mark.parametrize("query", ODD_QUERIES, ids=range(len(ODD_QUERIES)))
def test_a_strange_query_is_never_a_500(query):
    studio = a_studio()
    got = get(f"{studio.path}/conversations{query}", studio.key)
    assert got.status in {200, 422}, got.raw


@pytest.mark.parametrize("headers", [{"Accept": "text/html"}, {"Accept": "nonsense"}, {"Accept_Language": "\xff"},
                                     {"Content_Length": "x"}, {"Content_Length": "-1"}, {"Host": "a b"},
                                     {"Cookie": "omega_session=\x00"}, {"Content_Type": "\x00"},
                                     {"Authorization": "Bearer"}, {"Transfer_Encoding": "x"},
                                     {"X_HTTP_Method_Override": "DELETE"}])  # fmt: skip
def test_strange_headers_are_never_a_500(headers):
    studio = a_studio()
    got = get(f"{studio.path}/clients", studio.key, **headers)
    assert got.status < 500, got.raw
    assert got.headers["X-Request-ID"]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PATCH", "TRACE", "DELETE", "BREW"])
@pytest.mark.parametrize(
    "path", [*WRITES, "/messages/1", "/health", "/businesses/1/clients", "/twilio/sms/reply", "/docs"]
)
def test_a_strange_verb_is_never_a_500(method, path):
    got = call(method, path, key=a_platform_key())
    assert got.status < 500, (got.status, got.raw)


@pytest.mark.parametrize("token", ["x", "1", "1:x", "a.b.c", "%00", "..%2f..%2fetc%2fpasswd", "é", "x" * 3000])
def test_a_forged_link_to_media_is_404(token):
    assert_error(get(f"/media/{token}"), 404, "not_found")


def test_a_form_instead_of_json_is_422():
    got = call("POST", "/sms/queue", data=b"business_id=1", key=a_platform_key(), content_type=FORM)
    assert_faults(got)


def test_json_under_another_content_type_is_read_as_json_or_refused():
    studio = a_studio()
    raw = json.dumps({"business_id": studio.id, "client_id": a_client(studio).pk, "body": "x"})
    for kind in ("text/plain", "", "nonsense", "application/json; charset=latin-1", "multipart/form-data"):
        got = call("POST", "/sms/queue", data=raw, key=studio.key, content_type=kind)
        assert got.status in {202, 415, 422}, (kind, got.raw)


def test_the_same_field_twice_is_one_value_or_422():
    studio = a_studio()
    raw = f'{{"business_id": {studio.id}, "to": "{phone()}", "body": "x", "body": "y"}}'
    assert call("POST", "/sms/queue", data=raw, key=studio.key).status in {202, 422}


def test_markup_comes_back_as_text_in_json():
    studio = a_studio()
    got = queue(studio, body="<script>alert(1)</script>")
    answer = get(f"/messages/{got['message_id']}", studio.key)
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer["body"] == "<script>alert(1)</script>"


@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/event-stream", ""])
@pytest.mark.parametrize("debug", [True, False])
def test_a_host_that_cannot_be_one_is_422_in_json_also_where_django_would_debug(settings, debug, accept):
    settings.DEBUG = debug
    answer = call("GET", "/health", Host="a.example, b.example", Accept=accept)
    assert answer.faulty == {"path"}
    assert b"Traceback" not in answer.raw


def test_no_answer_shows_a_trace_or_a_statement():
    studio = a_studio()
    broken = post("/sms/queue", b"{", studio.key)
    answers = [queue(studio, to="x"), get("/nowhere"), get("/messages/x", studio.key), broken]
    for answer in answers:
        assert not any(word in answer.raw for word in (b"Traceback", b"SELECT", b"psycopg", b"django", b".py"))


words = st.text(max_size=40)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["business_id", "client_id", "to", "body", "media_urls", "from", "location_id", "staff_id", "scheduled_at",
          "template_id", "variables", "priority", "metadata", "request_id", "dry_run", "expected_last_message_id",
          "direction", "status", "provider", "provider_message_id", "error", "sent_at", "message_id"]  # fmt: skip
ANYTHING = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


@ANYTHING
@given(st.sampled_from(WRITES), st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=6))
def test_any_json_is_answered_and_never_a_500(path, extra):
    studio = a_studio()
    body = {"business_id": studio.id, "to": phone(), "body": "x"} if path.startswith("/sms/q") else {}
    raw = json.dumps(body | extra, ensure_ascii=True)
    assert call("POST", path, data=raw, key=studio.key).status < 500


FORM_FIELDS = st.sampled_from(["From", "To", "Body", "NumMedia", "MediaUrl0", "MessageSid", "OptOutType", "x"])


@ANYTHING
@given(st.dictionaries(FORM_FIELDS, st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=5))
def test_any_signed_form_is_answered_with_200(extra):
    studio = a_studio()
    got = twilio("/twilio/sms/reply", text_form(studio, phone(), "Hi") | extra)
    assert got.status == 200, got.raw


@ANYTHING
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=200))
def test_any_words_are_stored_as_they_are(body):
    studio = a_studio()
    got = queue(studio, body=body)
    if got.status == 422:
        assert not body.strip()
    else:
        assert Message.objects.get(pk=got["message_id"]).body == body


@ANYTHING
@given(st.text(string.printable, max_size=60))
def test_any_number_is_accepted_as_e_164_or_422(text):
    got = queue(a_studio(), to=text, dry_run=True)
    assert got.status in {200, 422}
    assert got.status == 422 or (got["to"].startswith("+") and got["to"][1:].isdigit())
