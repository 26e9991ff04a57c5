"""Templates: made, changed, listed, previewed; a missing variable is named, never a hole in the text."""

import pytest

from messaging.models import Template
from tests.contract.shapes import assert_error
from tests.contract.world import a_client, a_staff_member, a_studio, call, get, message, post, queue

pytestmark = pytest.mark.django_db
SHAPE = {"id", "business_id", "name", "channel", "language", "subject", "body", "variables", "created_at", "updated_at"}


def make(studio, **fields):
    return post(f"{studio.path}/templates", {"name": "Reminder", "body": "See you {{ day }}!"} | fields, studio.key)


def preview(studio, made, **body):
    return post(f"{studio.path}/templates/{made['id']}/preview", body, studio.key)


def test_a_template_is_made_shown_changed_and_removed():
    studio = a_studio()
    made = make(studio, channel="email", subject="For {{ client.first_name }}", language="es")
    assert (made.status, set(made.body)) == (201, SHAPE)
    assert made["variables"] == ["client.first_name", "day"]
    path = f"{studio.path}/templates/{made['id']}"
    changed = call("PATCH", path, key=studio.key, data={"body": "Adios"})
    assert (changed.status, changed["body"], changed["subject"]) == (200, "Adios", "For {{ client.first_name }}")
    assert get(path, studio.key).body == changed.body
    assert call("DELETE", path, key=studio.key).status == 204
    assert_error(get(path, studio.key), 404, "not_found")


def test_a_name_is_its_own_in_the_business():
    studio, other = a_studio(), a_studio()
    first = make(studio)
    assert_error(make(studio), 409, "name_taken")
    assert make(other).status == 201
    second = make(studio, name="Other")
    path = f"{studio.path}/templates/{second['id']}"
    assert_error(call("PATCH", path, key=studio.key, data={"name": first["name"]}), 409, "name_taken")


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"name": ""}, "body.name"), ({"body": ""}, "body.body"), ({"channel": "fax"}, "body.channel"),
        ({"subject": "a\r\nBcc: x"}, "body.subject"), ({"language": "not a language"}, "body.language"),
        ({"body": "x" * 100_001}, "body.body"), ({"name": "nul \x00"}, "body.name"), ({"colour": "red"}, "body.colour"),
    ],
)  # fmt: skip
def test_bad_values_are_named(fields, where):
    assert make(a_studio(), **fields).faulty == {where}


def test_nothing_is_emptied_by_null():
    studio = a_studio()
    path = f"{studio.path}/templates/{make(studio)['id']}"
    assert call("PATCH", path, key=studio.key, data={"body": None}).faulty == {"body.body"}


def test_the_list_is_by_name_filtered_and_paged():
    studio = a_studio()
    for name, channel in (("Bravo", "sms"), ("Alpha", "email"), ("Charlie", "sms")):
        make(studio, name=name, channel=channel)
    path = f"{studio.path}/templates"
    first = get(path, studio.key, {"page_size": 2, "include_total": "true"})
    assert ([one["name"] for one in first["results"]], first["total"]) == (["Alpha", "Bravo"], 3)
    rest = get(first["next"].split("/omega", 1)[1], studio.key)
    assert [one["name"] for one in rest["results"]] == ["Charlie"]
    assert [one["name"] for one in get(path, studio.key, {"channel": "sms"})["results"]] == ["Bravo", "Charlie"]
    assert [one["name"] for one in get(path, studio.key, {"q": "brav"})["results"]] == ["Bravo"]


def test_a_preview_names_what_is_missing_and_fills_in_what_is_known():
    studio = a_studio()
    client, staff = a_client(studio, first_name="Ana <b>"), a_staff_member(studio, name="Mo Field")
    made = make(studio, body="Hi {{ client.first_name }}, {{staff.first_name}} sees you {{ day }} 😀")
    bare = preview(studio, made)
    assert bare["missing"] == ["client.first_name", "staff.first_name", "day"]
    assert "{{ day }}" in bare["body"]
    full = preview(studio, made, client_id=client.pk, staff_id=staff.pk, variables={"day": "Friday"})
    assert (full["body"], full["missing"]) == ("Hi Ana <b>, Mo sees you Friday 😀", [])
    assert (full["encoding"], full["segments"]) == ("ucs2", 1)


def test_a_preview_of_a_mail_counts_no_segments():
    studio = a_studio()
    shown = preview(studio, make(studio, channel="email", subject="{{ day }}"), variables={"day": "Monday"})
    assert (shown["subject"], shown["segments"], shown["encoding"]) == ("Monday", None, None)


def test_a_preview_knows_nobody_of_another_business():
    studio, other = a_studio(), a_studio()
    made = make(studio)
    assert_error(preview(studio, made, client_id=a_client(other).pk), 404, "not_found")
    assert_error(preview(studio, made, staff_id=a_staff_member(other).pk), 404, "not_found")


def test_a_token_previews_as_its_staff_member():
    studio = a_studio()
    staff = a_staff_member(studio, name="Mo Field")
    made = make(studio, body="{{ staff.name }}")
    token = post("/auth/token", {"business_id": studio.id, "staff_id": staff.pk}, studio.key)["access_token"]
    path = f"{studio.path}/templates/{made['id']}/preview"
    assert call("POST", path, data={}, Authorization=f"Bearer {token}")["body"] == "Mo Field"


def test_the_list_costs_the_same_for_one_and_for_many(django_assert_max_num_queries):
    studio = a_studio()
    Template.objects.bulk_create(Template(business_id=studio.id, name=f"T{n}", body="x") for n in range(60))
    with django_assert_max_num_queries(3):
        assert len(get(f"{studio.path}/templates", studio.key, {"page_size": 50})["results"]) == 50


def test_a_send_fills_in_what_is_known_of_the_client_and_refuses_what_is_not():
    studio = a_studio(name="Lotus")
    client = a_client(studio, first_name="Ana")
    made = make(studio, body="Hi {{ client.first_name }}, {{business.name}} sees you {{ day }}")
    fields = {"client_id": client.pk, "body": None, "template_id": made["id"]}
    sent = queue(studio, variables={"day": "Friday"}, **fields)
    assert message(studio, sent["message_id"])["body"] == "Hi Ana, Lotus sees you Friday"
    assert queue(studio, **fields).faulty == {"body.variables.day"}
    nobody = queue(studio, to="+12125559876", body=None, template_id=made["id"], variables={"day": "Friday"})
    assert nobody.faulty == {"body.variables.client.first_name"}
