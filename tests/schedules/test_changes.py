"""A schedule that is read again tells what was added, moved, cancelled and retitled, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.schedule import Talk
from rtanalytics.schedules import Change, changes, keep_ids, parse_schedule

NINE = datetime(2026, 5, 15, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def talk(id: str = "1", title: str = "Talk", hour: int = 0, **fields) -> Talk:
    return Talk(id=id, title=title, start=NINE + hour * HOUR, end=NINE + (hour + 1) * HOUR, **fields)


def kinds(old, new) -> list[tuple[str, str]]:
    return [(c.kind, c.talk.id) for c in changes(old, new)]


def test_each_kind_of_change_has_the_talk_before_and_after():
    """One of each, in order of time; what is as it was is not told."""
    old = [talk("a", "A"), talk("b", hour=1), talk("c", "Old", 2), talk("d", hour=3), talk("same", hour=4)]
    new = [talk("b", hour=5), talk("c", "New", 2), talk("d", hour=3, room="2"), talk("e", "E", 6), old[4]]
    assert changes(old, new) == [
        Change(kind="cancelled", talk=old[0], before=old[0]),
        Change(kind="retitled", talk=new[1], before=old[2]),
        Change(kind="moved", talk=new[2], before=old[3]),
        Change(kind="moved", talk=new[0], before=old[1]),
        Change(kind="added", talk=new[3]),
    ]


def test_an_end_or_a_room_alone_is_a_move():
    """And a new abstract is none."""
    was = talk(room="1")
    longer = msgspec.structs.replace(was, end=was.end + HOUR)
    assert kinds([was], [longer]) == kinds([was], [talk(room="2")]) == [("moved", "1")]
    assert kinds([was], [talk(room="1", abstract="new", speakers=["Ada"])]) == []


def test_a_talk_keeps_its_id_when_its_tool_does_not():
    """Renamed in its place, by the same people, or moved under the same title."""
    was = [
        talk("1", "An old title", speakers=["Ada"]),
        talk("2", "Moved", hour=1),
        talk("3", "Teh typo", hour=2),
    ]
    now = [
        talk("x", "Other words", speakers=["Ada"]),
        talk("y", "Moved", hour=5),
        talk("z", "The typo", hour=2),
    ]
    assert [t.id for t in keep_ids(was, now)] == ["1", "3", "2"]
    assert kinds(was, now) == [("retitled", "1"), ("retitled", "3"), ("moved", "2")]


def test_a_talk_without_an_id_stays_itself_over_a_new_title():
    """As tables have them, whose talks are known by their titles."""
    table = "title,start,speakers,room\n{},2026-05-15T09:00Z,Ada,1\nOther,2026-05-15T10:00Z,Bob,1\n"
    old, new = (parse_schedule(table.format(t).encode(), "x") for t in ("Draft", "The real thing"))
    [change] = changes(old, new)
    assert (change.kind, change.before.title, change.talk.title) == ("retitled", "Draft", "The real thing")
    assert changes(keep_ids(old, new), keep_ids(keep_ids(old, new), new)) == []


def test_another_talk_in_the_same_place_is_another():
    """Other people with another title: one is cancelled, one added."""
    was, now = [talk("1", "Tests", speakers=["Ada"])], [talk("2", "Kubernetes", speakers=["Bob"])]
    assert kinds(was, now) == [("cancelled", "1"), ("added", "2")]


def test_what_could_be_either_is_neither():
    """Two talks of one title are not guessed at."""
    was = [talk("1", "Sprint"), talk("2", "Sprint")]
    now = [talk("3", "Sprint", hour=5), talk("4", "Sprint", hour=6)]
    assert sorted(kinds(was, now)) == [("added", "3"), ("added", "4"), ("cancelled", "1"), ("cancelled", "2")]


def test_a_change_is_data():
    """It goes through JSON as it is."""
    [change] = changes([talk()], [talk(hour=1)])
    assert msgspec.json.decode(msgspec.json.encode(change), type=Change) == change


TALKS = st.lists(
    st.builds(
        talk,
        id=st.sampled_from("abcdef"),
        title=st.sampled_from(["One", "Two", "Tow", "Three"]),
        hour=st.integers(0, 3),
        room=st.sampled_from([None, "1"]),
        speakers=st.lists(st.sampled_from(["Ada", "Bob"]), max_size=1),
    ),
    max_size=6,
    unique_by=lambda t: t.id,
)


@settings(max_examples=400, deadline=None)
@given(TALKS, TALKS)
def test_changes_make_the_new_of_the_old(old, new):
    """Applied to the old talks they give time, room and title of the new ones; ids stay unique."""
    known = {t.id: t for t in old}
    for change in changes(old, new):
        if change.kind == "cancelled":
            del known[change.talk.id]
        else:
            assert (change.before is None) == (change.kind == "added")
            assert change.before == {t.id: t for t in old}.get(change.talk.id)
            known[change.talk.id] = change.talk
    seen = keep_ids(old, new)
    assert {t.id: (t.start, t.end, t.room, t.title) for t in seen} == {
        i: (t.start, t.end, t.room, t.title) for i, t in known.items()
    }
    assert len({t.id for t in seen}) == len(seen) == len(new)
    assert changes(seen, seen) == changes(seen, keep_ids(seen, new)) == []
