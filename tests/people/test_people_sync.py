"""Syncs of clients, staff and locations: row by row, whatever the rows hold."""

import pytest

from accounts.models import Client, Location, Staff
from tests.people.conftest import statements


def outcomes(answer):
    return [row["outcome"] for row in answer["results"]]


def faults(answer, place=0):
    return [(tuple(fault["loc"]), fault["msg"]) for fault in answer["results"][place]["errors"]]


FULL = {
    "external_id": "c1", "first_name": "Ana", "last_name": "García", "phone": "(415) 555-0123",
    "email": " Ana@Example.COM ", "timezone": "Europe/Madrid", "locale": "es-ES", "tags": ["vip", "new", "vip"],
    "home_location_external_id": "L1",
}  # fmt: skip


def test_a_client_is_created_then_unchanged_then_updated(api, location):
    first = api.sync("clients", FULL)
    assert {k: first[k] for k in first if k != "results"} == {"created": 1, "updated": 0, "unchanged": 0, "failed": 0}
    client = Client.objects.get(external_id="c1")
    assert first["results"] == [{"external_id": "c1", "id": client.pk, "outcome": "created", "errors": []}]
    assert (client.phone, client.email, client.tags) == ("+14155550123", "ana@example.com", ["vip", "new"])
    assert (client.timezone, client.locale, client.home_location_id) == ("Europe/Madrid", "es-ES", location.pk)
    assert outcomes(api.sync("clients", FULL)) == ["unchanged"]
    assert Client.objects.get(external_id="c1").updated_at == client.updated_at
    assert outcomes(api.sync("clients", FULL | {"last_name": "Gómez"})) == ["updated"]
    renamed = Client.objects.get(external_id="c1")
    assert renamed.last_name == "Gómez"
    assert renamed.updated_at > client.updated_at


def test_an_absent_field_stays_and_null_empties(api, location):
    api.sync("clients", FULL)
    assert outcomes(api.sync("clients", {"external_id": "c1"})) == ["unchanged"]
    nothing = dict.fromkeys(("first_name", "phone", "email", "timezone", "locale", "tags", "home_location_id"))
    assert outcomes(api.sync("clients", {"external_id": "c1", **nothing})) == ["updated"]
    client = Client.objects.get(external_id="c1")
    assert (client.first_name, client.last_name, client.phone, client.tags) == ("", "García", "", [])
    assert client.home_location_id is None
    assert outcomes(api.sync("clients", {"external_id": "c1", **nothing})) == ["unchanged"]


def test_a_bad_row_spoils_no_other(api):
    rows = [
        {"external_id": "a", "first_name": "A"}, {"external_id": "b", "phone": "12", "colour": 1},
        "nonsense", {"first_name": "no id"}, {"external_id": "c", "first_name": "C"},
    ]  # fmt: skip
    answer = api.sync("clients", *rows)
    assert outcomes(answer) == ["created", "failed", "failed", "failed", "created"]
    assert (answer["created"], answer["failed"]) == (2, 3)
    assert [row["external_id"] for row in answer["results"]] == ["a", "b", None, None, "c"]
    assert [fault[0][3] for fault in faults(answer, 1)] == ["phone", "colour"]
    assert faults(answer, 2) == [(("body", "rows", 2), "must be an object")]
    assert faults(answer, 3) == [(("body", "rows", 3, "external_id"), "is required")]
    assert set(Client.objects.values_list("external_id", flat=True)) == {"a", "c"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("external_id", ""), ("external_id", "  "), ("external_id", 5), ("external_id", None), ("external_id", "x\0"),
        ("external_id", "x" * 256), ("first_name", 5), ("first_name", "x" * 256), ("first_name", "a\0b"),
        ("phone", "12"), ("phone", "x"), ("phone", "+1415555012345678"), ("phone", ""), ("phone", ["+14155550123"]),
        ("phone", "9" * 100000), ("email", "nobody"), ("email", "a@b"), ("email", "x" * 300 + "@example.com"),
        ("timezone", "Mars/Base"), ("timezone", "../etc/passwd"), ("timezone", ""), ("timezone", "europe/madrid"),
        ("locale", "not a locale"), ("locale", "x" * 40), ("tags", "vip"), ("tags", [""]), ("tags", ["x" * 65]),
        ("tags", [str(n) for n in range(51)]), ("tags", [None]), ("tags", ["a\0"]), ("home_location_id", "1"),
        ("home_location_id", 0), ("home_location_id", 2**63), ("home_location_id", True), ("home_location_id", 1.5),
        ("home_location_external_id", ""), ("home_location_external_id", "none such"), ("home_location_id", 2**62),
        ("consent", {"sms": "opted_in"}), ("id", 5), ("is_blocked", True), ("business_id", 1), ("name", "Ana"),
    ],
)  # fmt: skip
def test_a_bad_value_is_its_rows_fault(api, field, value):
    answer = api.sync("clients", {"external_id": "bad", field: value}, {"external_id": "good"})
    assert outcomes(answer) == ["failed", "created"]
    assert faults(answer)[0][0][:4] == ("body", "rows", 0, field)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("staffs", "name", ""), ("staffs", "name", None), ("staffs", "role", "king"), ("staffs", "role", None),
        ("staffs", "availability", "asleep"), ("staffs", "is_active", "yes"), ("staffs", "is_active", None),
        ("staffs", "location_ids", 5), ("staffs", "location_ids", [2**62]), ("staffs", "email", "x"),
        ("staffs", "location_ids", list(range(1, 600))), ("staffs", "location_external_ids", ["none such"]),
        ("staffs", "open_conversations", 1),
        ("locations", "name", " "), ("locations", "address", "x" * 513), ("locations", "timezone", "x"),
        ("locations", "phone", "0"), ("locations", "is_active", 1),
    ],
)  # fmt: skip
def test_a_bad_value_of_staff_or_location_is_its_rows_fault(api, kind, field, value):
    answer = api.sync(kind, {"external_id": "bad", "name": "x", field: value}, {"external_id": "good", "name": "Good"})
    assert outcomes(answer) == ["failed", "created"]
    assert faults(answer)[0][0][:4] == ("body", "rows", 0, field)


@pytest.mark.parametrize(
    "body",
    [
        {"rows": []}, {"rows": [{"external_id": "x"}] * 1001}, {"rows": [{"external_id": "x"}] * 10000}, {},
        {"rows": None}, {"rows": "x"}, {"rows": {"external_id": "x"}}, {"rows": [{}], "more": 1}, [], b"\xff", b"{",
        b'{"rows": [{"external_id": "\\ud800"}]}', b'{"rows": [NaN]}',
    ],
    ids=range(13),
)  # fmt: skip
def test_a_bad_body_is_a_parameter_error(api, body):
    for kind in ("clients", "staffs", "locations"):
        answer = api.post(f"/{kind}/sync", body)
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"][0] == "body"
    assert not Client.objects.exists()


def test_a_body_that_is_too_large_is_refused(api, settings):
    settings.OMEGA_MAX_BODY_BYTES = 1000
    assert api.post("/clients/sync", {"rows": [{"external_id": "x" * 1000}]}).status_code == 413


def test_the_later_of_two_rows_counts(api):
    rows = [{"external_id": "a", "first_name": name} for name in ("one", "two", "three")]
    bad = {"external_id": "a", "phone": "x"}
    answer = api.sync("clients", *rows, bad)
    assert outcomes(answer) == ["failed", "failed", "created", "failed"]
    assert "later row" in faults(answer, 0)[0][1]
    assert Client.objects.get(external_id="a").first_name == "three"


def test_a_location_of_another_business_is_none(api, foreign_location):
    for given in ({"home_location_id": foreign_location.pk}, {"home_location_external_id": "X1"}):
        answer = api.sync("clients", {"external_id": "a", **given})
        assert (outcomes(answer), faults(answer)[0][1]) == (["failed"], "is not a location of this business")
    answer = api.sync("staffs", {"external_id": "a", "name": "A", "location_ids": [foreign_location.pk]})
    assert outcomes(answer) == ["failed"]


def test_two_names_of_a_home_location_must_be_one(api, location):
    other = Location.objects.create(business=api.business, name="Other", external_id="L2")
    row = {"external_id": "a", "home_location_id": other.pk, "home_location_external_id": "L1"}
    assert outcomes(api.sync("clients", row)) == ["failed"]
    assert outcomes(api.sync("clients", row | {"home_location_external_id": "L2"})) == ["created"]
    assert outcomes(api.sync("clients", {"external_id": "a", "home_location_external_id": "L1"})) == ["updated"]
    assert Client.objects.get().home_location_id == location.pk


def test_external_ids_belong_to_their_business(api, other_business):
    Client.objects.create(business=other_business, external_id="a", first_name="Theirs")
    assert outcomes(api.sync("clients", {"external_id": "a", "first_name": "Ours"})) == ["created"]
    assert Client.objects.get(business=other_business).first_name == "Theirs"


def test_staff_are_synced_with_their_locations(api, location):
    other = Location.objects.create(business=api.business, name="Other", external_id="L2")
    row = {
        "external_id": "s", "name": " Sam ", "email": "SAM@example.com", "phone": "+442079460000", "role": "manager",
        "location_ids": [other.pk], "location_external_ids": ["L1"],
    }  # fmt: skip
    assert outcomes(api.sync("staffs", row)) == ["created"]
    staff = Staff.objects.get(external_id="s")
    assert (staff.name, staff.email, staff.role, staff.availability) == (
        "Sam",
        "sam@example.com",
        "manager",
        "available",
    )
    assert set(staff.locations.all()) == {location, other}
    assert outcomes(api.sync("staffs", row)) == ["unchanged"]
    assert outcomes(api.sync("staffs", {"external_id": "s", "location_external_ids": ["L2"]})) == ["updated"]
    assert set(staff.locations.all()) == {other}
    left = {"external_id": "s", "location_ids": None, "is_active": False, "email": None}
    assert outcomes(api.sync("staffs", left)) == ["updated"]
    staff.refresh_from_db()
    assert (staff.is_active, staff.email, staff.locations.count()) == (False, "", 0)


def test_a_new_member_and_a_new_location_need_a_name(api, staff, location):
    for kind, known in (("staffs", "S1"), ("locations", "L1")):
        answer = api.sync(kind, {"external_id": "new"}, {"external_id": known, "phone": "415-555-0123"})
        assert outcomes(answer) == ["failed", "updated"]
        assert faults(answer)[0][0] == ("body", "rows", 0, "name")


def test_locations_are_synced(api):
    row = {"external_id": "l", "name": "Main", "address": "1 Road", "timezone": "UTC", "is_active": False}
    assert outcomes(api.sync("locations", row)) == ["created"]
    assert outcomes(api.sync("locations", row)) == ["unchanged"]
    assert outcomes(api.sync("locations", row | {"is_active": True})) == ["updated"]
    assert Location.objects.get().is_active


def test_another_business_cannot_be_synced(api, other_business):
    for kind in ("clients", "staffs", "locations"):
        path = f"/omega/businesses/{other_business.pk}/{kind}/sync"
        answer = api.browser.post(path, {"rows": []}, content_type="application/json", HTTP_X_API_KEY=api.key)
        assert answer.status_code in {403, 422}
    assert not Client.objects.exists()


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("clients", {"phone": "415-555-0123", "home_location_external_id": "L1", "tags": ["a"]}),
        ("staffs", {"name": "x", "location_external_ids": ["L1"]}),
        ("locations", {"name": "x"}),
    ],
)
def test_a_thousand_rows_cost_what_ten_cost(api, location, kind, row):
    def cost(count, **more):
        with statements() as seen:
            answer = api.sync(kind, *({"external_id": f"{n:04}", **row, **more} for n in range(count)))
        assert answer["failed"] == 0
        return len(seen)

    api.sync(kind, {"external_id": "warm", **row})
    ten = cost(10)
    assert cost(1000) <= ten + 3  # rows to insert and rows to leave alone; no more than that
    assert cost(1000, phone="415-555-0199") <= ten + 3
    assert ten <= 12
