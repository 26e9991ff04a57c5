"""What lists and profiles of clients, staff and locations answer."""

import pytest
from django.utils import timezone

from accounts.models import Client, Location, Staff
from conversations.models import Assignment
from tests.people.conftest import say, statements, thread_of

CLIENT_KEYS = {
    "id", "external_id", "first_name", "last_name", "name", "phone", "email", "timezone", "locale",
    "home_location_id", "tags", "consent", "created_at", "updated_at",
}  # fmt: skip
STAFF_KEYS = {
    "id", "external_id", "name", "email", "phone", "role", "availability", "location_ids", "is_active",
    "open_conversations",
}  # fmt: skip


def ids(rows):
    return [row["id"] for row in rows]


def test_clients_have_the_fields_of_the_contract(api, client_of):
    client_of(first_name="Ana", phone="+14155550123")
    row = api.results("/clients")[0]
    assert set(row) == CLIENT_KEYS
    assert row["consent"] == {"sms": "unknown", "email": "unknown", "voice": "unknown"}
    assert (row["name"], row["email"], row["timezone"]) == ("Ana", None, None)


def test_clients_are_filtered(api, client_of, location):
    plain = client_of(first_name="Ana")
    tagged = client_of(first_name="Bo", tags=["vip", "new"], consent_sms="opted_out")
    home = client_of(first_name="Cy", home_location=location, consent_email="opted_in")
    thread_of(tagged)
    assert ids(api.results("/clients")) == [home.pk, tagged.pk, plain.pk]
    assert ids(api.results("/clients", tag="vip")) == [tagged.pk]
    assert ids(api.results("/clients", tag="vi")) == []
    assert ids(api.results("/clients", location_id=location.pk)) == [home.pk]
    assert ids(api.results("/clients", has_conversation="true")) == [tagged.pk]
    assert ids(api.results("/clients", has_conversation="false")) == [home.pk, plain.pk]
    assert ids(api.results("/clients", consent="sms:opted_out")) == [tagged.pk]
    assert ids(api.results("/clients", consent="email:opted_in")) == [home.pk]
    assert ids(api.results("/clients", consent="voice:unknown", tag="new")) == [tagged.pk]


def test_clients_are_found_by_any_part_of_a_name_phone_or_email(api, client_of):
    ana = client_of(first_name="Ana María", last_name="García", phone="+14155550123", email="ana@example.com")
    client_of(first_name="Bo", last_name="100%", email="bo_x@example.com")
    for text in ("garc", "ana gar", "555012", "ANA@", "María", "an", "ma"):
        assert ids(api.results("/clients", q=text)) == [ana.pk], text
    assert api.results("/clients", q="arc%") == []
    assert len(api.results("/clients", q="100%")) == 1
    assert api.results("/clients", q="box") == []
    assert len(api.results("/clients", q="o_x")) == 1
    assert len(api.results("/clients", q="  ")) == 2


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/clients", "consent", "sms"),
        ("/clients", "consent", "sms:maybe"),
        ("/clients", "consent", "fax:opted_in"),
        ("/clients", "consent", "sms:opted_in:x"),
        ("/clients", "location_id", "x"),
        ("/clients", "location_id", "0"),
        ("/clients", "location_id", "99999999999999999999"),
        ("/clients", "has_conversation", "perhaps"),
        ("/clients", "tag", ""),
        ("/clients", "tag", "a\0b"),
        ("/clients", "q", "a\0b"),
        ("/clients", "q", "x" * 201),
        ("/clients", "page_size", "0"),
        ("/clients", "page_size", "101"),
        ("/clients", "cursor", "rubbish"),
        ("/staffs", "role", "king"),
        ("/staffs", "availability", "asleep"),
        ("/staffs", "location_id", "-1"),
        ("/staffs", "q", "\0"),
        ("/locations", "cursor", "é"),
        ("/locations", "include_total", "2"),
    ],
)
def test_a_malformed_filter_is_a_parameter_error(api, path, name, value):
    answer = api.get(path, **{name: value})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", name]


def test_a_filter_of_another_business_matches_nothing(api, client_of, staff, foreign_location):
    client_of(first_name="Ana")
    assert api.results("/clients", location_id=foreign_location.pk) == []
    assert api.results("/staffs", location_id=foreign_location.pk) == []


def test_other_businesses_stay_closed(api, other_business):
    for path in ("/clients", "/staffs", "/locations", "/clients/1", "/staffs/1"):
        answer = api.browser.get(f"/omega/businesses/{other_business.pk}{path}", HTTP_X_API_KEY=api.key)
        assert answer.status_code == 403, path


def test_pages_go_on_and_back(api, client_of):
    made = [client_of(first_name=str(number)).pk for number in range(7)][::-1]
    first = api.get("/clients", page_size=3, include_total="true").json()
    assert (ids(first["results"]), first["total"], first["previous"]) == (made[:3], 7, None)
    second = api.get(first["next"]).json()
    assert ids(second["results"]) == made[3:6]
    assert ids(api.get(second["previous"]).json()["results"]) == made[:3]


def test_pages_of_staff_and_locations_go_on_and_back(api, business):
    staff = [Staff.objects.create(business=business, name=str(n)).pk for n in range(5)]
    places = [Location.objects.create(business=business, name=str(n)).pk for n in range(5)]
    for path, made in (("/staffs", staff), ("/locations", places)):
        first = api.get(path, page_size=2, include_total="true").json()
        assert (ids(first["results"]), first["total"]) == (made[:2], 5)
        second = api.get(first["next"]).json()
        assert ids(second["results"]) == made[2:4]
        assert ids(api.get(second["previous"]).json()["results"]) == made[:2]


def test_staff_have_the_fields_of_the_contract(api, staff, location, client_of):
    staff.locations.add(location)
    thread_of(client_of(), assigned_to=staff)
    thread_of(client_of(), assigned_to=staff, status="closed")
    row = api.results("/staffs")[0]
    assert set(row) == STAFF_KEYS
    assert (row["location_ids"], row["open_conversations"], row["phone"]) == ([location.pk], 1, None)


def test_staff_are_filtered(api, business, staff, location):
    boss = Staff.objects.create(business=business, name="Bea Boss", role="owner", availability="away")
    boss.locations.add(location)
    assert ids(api.results("/staffs")) == [staff.pk, boss.pk]
    assert ids(api.results("/staffs", role="owner")) == [boss.pk]
    assert ids(api.results("/staffs", availability="available")) == [staff.pk]
    assert ids(api.results("/staffs", location_id=location.pk)) == [boss.pk]
    assert ids(api.results("/staffs", q="smith sam@")) == [staff.pk]
    assert api.results("/staffs", q="smi%") == []


def test_a_staff_profile_has_its_workload(api, staff, client_of):
    waiting = thread_of(client_of(), assigned_to=staff)
    say(waiting)
    thread_of(client_of(), assigned_to=staff, status="pending")
    thread_of(client_of(), assigned_to=staff, status="snoozed", snoozed_until=timezone.now())
    thread_of(client_of(), assigned_to=staff, status="closed")
    Assignment.objects.create(conversation=waiting, staff=staff)
    profile = api.get(f"/staffs/{staff.pk}").json()
    workload = profile.pop("workload")
    assert set(profile) == STAFF_KEYS
    assert workload.pop("oldest_unread_at").endswith("Z")
    assert workload == {
        "open": 1, "pending": 1, "snoozed": 1, "unread": 1, "assigned_total": 4, "assigned_30d": 1,
    }  # fmt: skip


def test_profiles_of_nobody_are_not_found(api, other_business):
    strange = Staff.objects.create(business=other_business, name="Theirs")
    client = Client.objects.create(business=other_business)
    for path in (f"/staffs/{strange.pk}", "/staffs/9223372036854775807", f"/clients/{client.pk}"):
        assert api.get(path).status_code == 404, path
    assert api.get("/staffs/abc").json()["detail"][0]["loc"] == ["path", "staff_id"]


def test_locations_have_the_fields_of_the_contract(api, location):
    row = api.results("/locations")[0]
    assert row == {
        "id": location.pk, "external_id": "L1", "name": "Main", "address": None, "phone": None, "timezone": None,
        "is_active": True,
    }  # fmt: skip


def test_a_list_costs_the_same_for_one_row_and_a_hundred(api, business, client_of):
    paths = ("/clients", "/staffs", "/locations")

    def cost():
        counts = []
        for path in paths:
            with statements() as seen:
                api.results(path, page_size=100)
            counts.append(len(seen))
        return counts

    def add(number):
        place = Location.objects.create(business=business, name=f"L{number}")
        member = Staff.objects.create(business=business, name=f"S{number}")
        member.locations.add(place)
        thread_of(client_of(home_location=place), assigned_to=member)

    add(0)
    cost()
    one = cost()
    for number in range(1, 100):
        add(number)
    assert cost() == one
    assert max(one) <= 3
