"""pretalx's API and its widget: pages and single submissions, old ones and new, are the talks they tell of."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from rtanalytics.schedule import Schedule, Talk
from rtanalytics.schedules import ScheduleError, parse_schedule

START, END = "2026-05-15T09:30:00+02:00", "2026-05-15T10:15:00+02:00"
OLD = {
    "code": "ABCDEF", "title": "Ours & Yours", "submission_type": {"en": "Talk", "de": "Vortrag"}, "state": "confirmed",
    "track": {"de": "Haupt", "en": "Main"}, "abstract": "**Bold** words", "description": None, "duration": 45,
    "speakers": [{"code": "A", "name": "Ada", "email": "ada@x.example"}], "slot": {"room": {"en": "Hall"}, "room_id": 1, "start": START, "end": END},
}  # fmt: skip
NEW = {
    **OLD, "submission_type": {"id": 1, "name": {"en": "Talk"}}, "track": {"id": 2, "name": {"en": "Main"}},
    "slots": [{"id": 5, "start": START, "end": END, "room": {"id": 1, "name": {"en": "Hall"}}}],
}  # fmt: skip
del NEW["slot"]
EXPECTED = Talk(
    id="ABCDEF",
    title="Ours & Yours",
    start=datetime(2026, 5, 15, 7, 30, tzinfo=UTC),
    end=datetime(2026, 5, 15, 8, 15, tzinfo=UTC),
    speakers=["Ada"],
    room="Hall",
    track="Main",
    abstract="Bold words",
)


def read(told: object, **options) -> Schedule:
    return parse_schedule(json.dumps(told).encode(), "plan", **options)


@pytest.mark.parametrize(
    "told",
    [
        OLD,
        [OLD],
        {"count": 1, "next": None, "previous": None, "results": [OLD]},
        NEW,
        {"count": 1, "results": [NEW]},
        {"count": 1, "results": [{**NEW["slots"][0], "submission": OLD}]},
        {
            "talks": [{"code": "ABCDEF", "title": {"en": "Ours & Yours"}, "abstract": "Bold words", "speakers": ["A"],
                       "track": 2, "start": START, "end": END, "room": 1, "duration": 45}],
            "timezone": "Europe/Berlin", "rooms": [{"id": 1, "name": {"en": "Hall"}}],
            "tracks": [{"id": 2, "name": {"en": "Main"}}], "speakers": [{"code": "A", "name": "Ada"}],
        },
    ],
)  # fmt: skip
def test_a_talk_is_the_same_in_every_form(told):
    """A submission alone, lists and pages, slots with their submission, the widget with its numbers."""
    assert list(read(told)) == [EXPECTED]


def test_an_example_may_have_a_comment_before_it():
    """As documentation has them."""
    assert list(parse_schedule(b"/* from the\n docs */\n" + json.dumps(OLD).encode(), "plan")) == [EXPECTED]


def test_what_does_not_take_place_or_has_no_time_yet_is_left_out():
    """By its state, and without a slot; several slots are a talk each."""
    later = {"start": "2026-05-16T09:30:00Z", "duration": 30, "room": 7}
    found = read(
        [
            {**OLD, "state": "withdrawn"},
            {**OLD, "code": "GHIJKL", "slot": None},
            {**NEW, "slots": [*NEW["slots"], later]},
        ]
    )
    assert [(t.id, t.room) for t in found] == [("ABCDEF", "Hall"), ("ABCDEF#2", None)]
    with pytest.raises(ScheduleError, match="1 talks, but none has a time yet"):
        read({"results": [{**OLD, "slot": None}]})


def test_a_zone_that_nobody_knows_costs_only_times_without_an_offset():
    """As in pretalx's other files; none is placed by the clock of another zone."""
    here = {**OLD, "code": "GHIJKL", "slot": {"start": "2026-05-15T09:30:00"}}
    found = parse_schedule(
        json.dumps({"talks": [OLD, here], "timezone": "Europe/Berlim"}).encode(), "plan", UTC
    )
    assert [t.id for t in found] == ["ABCDEF"]
    assert "entry 2 (time zone 'Europe/Berlim' is unknown)" in found.refused[0]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({**OLD, "title": ""}, "entry 2 has no title"),
        ({**OLD, "slot": {"start": "soon"}}, "'soon' is not a time"),
        (
            {"code": "X", "title": "T", "slots": [7, 8]},
            "its slots are only numbers; request ?expand=slots,slots.room",
        ),
        (
            {"submission": "ABCDEF", "start": START},
            "only the code ABCDEF of its talk; request ?expand=submission",
        ),
        (7, "entry 2 is not an object"),
    ],
)
def test_entries_that_cannot_be_read_are_reported(entry, said):
    """With what to ask for instead, and without costing another talk."""
    found = read([OLD, entry])
    assert list(found) == [EXPECTED]
    assert said in found.refused[0]
