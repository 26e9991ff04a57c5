"""Opening hours: by weekday, in the location's zone, over midnight and the change of clocks."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Business, Location
from accounts.services import hours

WEEK = {"mon": [["09:00", "12:30"], ["13:30", "18:00"]], "sat": [["22:00", "02:00"]], "closed_on": ["2026-03-09"]}
NEW_YORK = ("America/New_York",)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-02T13:59", False), ("2026-03-02T14:00", True),  # a Monday, 09:00 in New York
        ("2026-03-02T17:29", True), ("2026-03-02T17:30", False), ("2026-03-02T18:30", True),
        ("2026-03-02T22:59", True), ("2026-03-02T23:00", False),
        ("2026-03-03T15:00", False),  # a Tuesday: not named
        ("2026-03-16T13:00", True),  # after the change of clocks 09:00 comes an hour earlier
        ("2026-03-09T15:00", False),  # a Monday that is closed
        ("2026-03-08T03:30", True),  # Saturday, 22:30
        ("2026-03-08T06:59", True), ("2026-03-08T07:00", False),  # Sunday, 01:59 and 03:00
        ("2026-03-01T02:59", False),
    ],
)  # fmt: skip
def test_a_location_is_open_within_its_stretches(moment, is_open):
    assert hours.is_open_by(WEEK, NEW_YORK, at(moment)) is is_open


@pytest.mark.parametrize("nothing", [{}, None, {"mon": "x"}, {"mon": [["a", "b"]]}, [], "x", 3, {"mon": [[1, 2]]}])
def test_no_hours_and_nonsense_are_always_open(nothing):
    assert hours.is_open_by(nothing, NEW_YORK, at("2026-03-02T14:00"))


def test_closed_days_alone_close_those_days_only():
    only = {"closed_on": ["2026-12-25"]}
    assert not hours.is_open_by(only, NEW_YORK, at("2026-12-25T12:00"))
    assert hours.is_open_by(only, NEW_YORK, at("2026-12-25T04:59"))  # still the 24th there
    assert hours.is_open_by(only, NEW_YORK, at("2026-12-26T12:00"))


def test_a_weekday_without_stretches_is_closed():
    assert not hours.is_open_by({"mon": []}, NEW_YORK, at("2026-03-02T15:00"))


def test_midnight_is_the_end_of_the_day():
    assert hours.is_open_by({"mon": [["00:00", "24:00"]]}, ("UTC",), at("2026-03-02T23:59"))
    assert not hours.is_open_by({"mon": [["00:00", "24:00"]]}, ("UTC",), at("2026-03-03T00:00"))


def test_the_zone_is_the_locations_own_else_its_businesss():
    business = Business(name="Spa", timezone="Europe/Berlin")
    place = Location(business=business, hours={"mon": [["09:00", "10:00"]]})
    assert hours.is_open(place, at("2026-03-02T08:30"))
    place.timezone = "America/New_York"
    assert not hours.is_open(place, at("2026-03-02T08:30"))
    assert hours.is_open_by(place.hours, ("Nowhere/None", ""), at("2026-03-02T09:30"))


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ([], "object"), ({"funday": []}, "funday"), ({"mon": {}}, "mon"), ({"mon": [["9:00", "17:00"]]}, "mon"),
        ({"mon": [["09:00"]]}, "mon"), ({"tue": [["25:00", "26:00"]]}, "tue"), ({"wed": [[9, 17]]}, "wed"),
        ({"mon": [["09:00", "12:00"], ["11:00", "13:00"]]}, "overlap"), ({"closed_on": ["25.12."]}, "closed_on"),
        ({"sat": [["22:00", "02:00"], ["23:00", "23:30"]]}, "overlap"),
        ({"closed_on": [1]}, "closed_on"), ({"mon": [["09:00", "10:00"]] * 7}, "mon"), ({1: []}, "1"),
        ({"mon": [["२२:00", "23:00"]]}, "mon"),
    ],
)  # fmt: skip
def test_hours_that_make_no_sense_are_refused_in_a_sentence(wrong, word):
    with pytest.raises(ValueError, match=word):
        hours.checked(wrong)


def test_good_hours_are_kept_in_order():
    given_ = {"closed_on": ["2026-12-25", "2026-12-25"], "mon": [["13:30", "18:00"], ["09:00", "12:30"]], "tue": []}
    assert hours.checked(given_) == {
        "mon": [["09:00", "12:30"], ["13:30", "18:00"]], "tue": [], "closed_on": ["2026-12-25"],
    }  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["mon", "09:00", "24:00"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*hours.WEEKDAYS, "closed_on"]), inner),
    max_leaves=12,
)


@given(JSON)
def test_whatever_is_stored_the_question_has_an_answer(value):
    assert hours.is_open_by(value, NEW_YORK, at("2026-03-02T14:00")) in {True, False}
    try:
        kept = hours.checked(value)
    except ValueError:
        return
    assert hours.checked(kept) == kept
