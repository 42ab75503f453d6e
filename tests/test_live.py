"""What a view shows: the newest messages as they are now, exact counters, topics, talks, the time."""

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.event import Author
from rtanalytics.feed import FOREVER, Delivery, Reset, Status, Watermark
from rtanalytics.live import FeedState, TalkState, TrendState, appearance, status_line, view_time
from rtanalytics.live.feed_state import DRAWN
from rtanalytics.schedule import Schedule, Talk
from rtanalytics.topics import Trend, TrendBin
from tests.build import BASE, event

MINUTE = timedelta(minutes=1)


def said(*events):
    """The events as deliveries."""
    return [Delivery(n, e) for n, e in enumerate(events)]


class Screen:
    """A front end: it has nothing but the patches it is sent."""

    def __init__(self):
        self.rows = {}
        self.last = None

    def apply(self, patch):
        """Do what Patch says, on what would have crossed the wire."""
        patch = json.loads(json.dumps(patch, allow_nan=False))
        if patch["reset"]:
            self.rows.clear()
        for row_id in patch["removed"]:
            del self.rows[row_id]
        for row in patch["changed"]:
            assert row["id"] in self.rows
            self.rows[row["id"]] = row
        assert len(patch["added"]) <= DRAWN or patch["reset"]
        for row in patch["added"]:
            assert row["id"] not in self.rows
            self.rows[row["id"]] = row
        newest = sorted(self.rows.values(), key=lambda row: -row["n"])[: patch["cap"]]
        self.rows = {row["id"]: row for row in newest}
        self.last = patch
        return self

    @property
    def texts(self):
        """The texts, newest first."""
        return [row["text"] for row in sorted(self.rows.values(), key=lambda row: -row["n"])]


# -- messages ---------------------------------------------------------------------------------


def test_the_newest_messages_are_shown_newest_first():
    """Of five messages and room for three, the last three, the last one on top."""
    state = FeedState(cap=3)
    screen = Screen().apply(state.apply(said(*(event(n) for n in range(5)))))
    assert screen.texts == ["event 4", "event 3", "event 2"]


def test_an_edit_replaces_a_message_where_it_stands():
    """The edited text appears in the old place, marked, and counts as an edit."""
    state, screen = FeedState(), Screen()
    screen.apply(state.apply(said(event(0), event(1))))
    patch = state.apply(said(event(0, text="corrected", op="update")))
    assert (patch["added"], [row["text"] for row in patch["changed"]]) == ([], ["corrected"])
    screen.apply(patch)
    assert screen.texts == ["event 1", "corrected"]
    assert screen.rows["test::0"]["edited"]
    assert patch["counters"]["edits"] == 1


def test_a_create_of_a_known_id_is_an_edit():
    """Streams deliver a later revision with op create too: it is no second message."""
    state = FeedState()
    patch = state.apply(said(event(0), event(0, text="again")))
    assert [row["text"] for row in patch["added"]] == ["again"]
    assert (patch["counters"]["total"], patch["counters"]["edits"]) == (2, 1)


def test_a_delete_takes_a_message_out_and_an_older_one_takes_its_place():
    """The one that had to make room is shown again, below the others."""
    state, screen = FeedState(cap=2), Screen()
    screen.apply(state.apply(said(*(event(n) for n in range(3)))))
    screen.apply(state.apply(said(event(2, op="delete", text=None))))
    assert screen.texts == ["event 1", "event 0"]
    assert screen.last["counters"]["deletes"] == 1


def test_what_was_deleted_does_not_return_by_an_edit():
    """An edit of a message that is gone, or too old to be held, brings nothing back."""
    state, screen = FeedState(), Screen()
    screen.apply(state.apply(said(event(0), event(0, op="delete", text=None))))
    screen.apply(state.apply(said(event(0, text="late edit", op="update"))))
    assert screen.texts == []


def test_a_muted_author_is_not_shown_but_counted():
    """Muting hides at once what is shown, whatever the case; unmuting brings it back."""
    state, screen = FeedState(mute=["@Spam"]), Screen()
    screen.apply(state.apply(said(event(0, author="spam"), event(1, author="ada"), event(2, author="bob"))))
    assert screen.texts == ["event 2", "event 1"]
    assert (screen.last["counters"]["total"], screen.last["counters"]["muted"]) == (3, 1)
    state.mute("BOB")
    assert screen.apply(state.patch()).texts == ["event 1"]
    state.unmute("bob")
    assert screen.apply(state.patch()).texts == ["event 2", "event 1"]


def test_counters_are_exact_when_most_is_not_drawn():
    """10,000 events in one flush: 200 drawn, the rest counted and said to be sampled."""
    state, screen = FeedState(), Screen()
    events = [event(n, source="irc:#a" if n % 4 else "mastodon") for n in range(10_000)]
    patch = state.apply(said(*events))
    assert patch["counters"]["total"] == 10_000
    assert patch["counters"]["sources"] == {"mastodon": 2500, "irc:#a": 7500}
    assert len(patch["added"]) == 200
    assert (patch["sampled"], patch["skipped"]) == (True, 9800)
    screen.apply(patch)
    calm = state.apply(said(event(10_001)))
    assert (calm["sampled"], calm["skipped"]) == (False, 9800)


def test_one_patch_draws_the_newest_200_and_the_next_the_others():
    """With room for 500, a burst of 450 comes in three patches and nothing is skipped."""
    state, screen = FeedState(cap=500), Screen()
    first = state.apply(said(*(event(n) for n in range(450))))
    assert (len(first["added"]), first["added"][0]["text"], state.dirty) == (200, "event 449", True)
    screen.apply(first)
    while state.dirty:
        screen.apply(state.patch())
    assert len(screen.texts) == 450
    assert screen.last["skipped"] == 0


def test_pausing_loses_nothing():
    """While paused nothing new appears and what waits is counted; resuming shows it in order."""
    state, screen = FeedState(cap=3), Screen()
    screen.apply(state.apply(said(event(0), event(1))))
    state.pause()
    screen.apply(state.apply(said(event(2), event(3), event(1, text="corrected", op="update"))))
    assert screen.texts == ["corrected", "event 0"]
    assert (screen.last["paused"], screen.last["waiting"], screen.last["counters"]["total"]) == (True, 2, 5)
    screen.apply(state.apply(said(event(0, op="delete", text=None))))
    assert screen.texts == ["corrected"]
    state.resume()
    screen.apply(state.patch())
    assert screen.texts == ["event 3", "event 2", "corrected"]
    assert (screen.last["waiting"], screen.last["skipped"]) == (0, 0)


def test_a_flood_while_paused_leaves_what_is_shown_alone():
    """However much waits, the rows that are shown stay, and resuming shows the newest."""
    state, screen = FeedState(cap=5), Screen()
    screen.apply(state.apply(said(*(event(n) for n in range(5)))))
    state.pause()
    for n in range(5, 1000):
        screen.apply(state.apply(said(event(n))))
    assert screen.texts == [f"event {n}" for n in (4, 3, 2, 1, 0)]
    state.resume()
    screen.apply(state.patch())
    assert screen.texts == [f"event {n}" for n in (999, 998, 997, 996, 995)]
    assert screen.last["skipped"] == 990


def test_a_reset_forgets_everything():
    """After a reset nothing is shown and the counters begin anew."""
    state, screen = FeedState(), Screen()
    screen.apply(state.apply(said(event(0), event(1, op="delete", text=None))))
    screen.apply(state.apply([Reset("moved"), *said(event(0, text="anew"))]))
    assert screen.texts == ["anew"]
    assert screen.last["counters"] == {
        "total": 1,
        "sources": {"test": 1},
        "edits": 0,
        "deletes": 0,
        "muted": 0,
    }


def test_filters_choose_by_source_and_by_all_words():
    """A filter applies to what is held and to what comes; emptied, it shows everything again."""
    state, screen = FeedState(), Screen()
    screen.apply(
        state.apply(
            said(
                event(0, text="Straße closed", source="a"),
                event(1, text="keynote in the STRASSE hall", source="b"),
                event(2, text="lunch", author=Author(handle="x", name="Keynote Fan"), source="a"),
            )
        )
    )
    state.filter(text="keynote strasse")
    assert screen.apply(state.patch()).texts == ["keynote in the STRASSE hall"]
    state.filter(text="keynote")
    assert screen.apply(state.patch()).texts == ["lunch", "keynote in the STRASSE hall"]
    state.filter(sources=["a"])
    assert screen.apply(state.patch()).texts == ["lunch"]
    screen.apply(
        state.apply(said(event(3, text="Keynote!", source="b"), event(4, text="keynote?", source="a")))
    )
    assert screen.texts == ["keynote?", "lunch"]
    assert screen.last["counters"]["total"] == 5
    state.filter(sources=[], text="")
    assert len(screen.apply(state.patch()).texts) == 5


def test_somebody_who_comes_late_is_told_everything():
    """A second screen given everything() shows the same and then follows the same patches."""
    state, first = FeedState(cap=4), Screen()
    first.apply(state.apply(said(*(event(n) for n in range(6)))))
    second = Screen().apply(state.everything())
    assert second.rows == first.rows
    assert second.last["looks"].keys() == {"test"}
    patch = state.apply(said(event(6), event(5, op="delete", text=None)))
    assert (
        second.apply(patch).texts == first.apply(patch).texts == ["event 6", "event 4", "event 3", "event 2"]
    )


def test_hostile_text_goes_through_as_it_is():
    """Markup, control characters and other scripts are data: neither escaped nor cleaned."""
    nasty = '<img src=x onerror="alert(1)"></div><script>x</script>&amp;\u202e\x00 中文 👩‍👩‍👧'
    patch = FeedState().apply(said(event(0, text=nasty, title=nasty, author=Author(handle=nasty))))
    row = json.loads(json.dumps(patch, allow_nan=False))["added"][0]
    assert (row["text"], row["title"], row["handle"]) == (nasty, nasty, nasty)


def test_only_web_addresses_leave():
    """An address that would run code does not even reach the front end."""
    urls = ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "//host", "https://ok.example/"]
    patch = FeedState().apply(said(*(event(n, url=url) for n, url in enumerate(urls))))
    assert [row["url"] for row in patch["added"]] == ["https://ok.example/", None, None, None, None]


def test_invalid_unicode_and_huge_texts_can_be_sent():
    """Lone surrogates in any field are replaced, and a megabyte of text is cut."""
    patch = FeedState().apply(
        said(event(0, author=Author(handle="\ud800x"), tags=["\udfff"], type="\ud800", text="a" * 1_000_000))
    )
    row = patch["added"][0]
    json.dumps(patch, ensure_ascii=False).encode()
    assert row["handle"] == "\ufffdx"
    assert len(row["text"]) == 2000
    assert row["text"].endswith("…")


def test_a_patch_can_carry_the_status():
    """apply() with a status brings the status line along."""
    patch = FeedState().apply([], Status("replay", "×60"))
    assert patch["status"]["label"] == "replay ×60"


def test_a_watermark_changes_nothing():
    """Time passing is no message."""
    state = FeedState()
    assert state.apply([Watermark(BASE)])["counters"]["total"] == 0


def test_a_view_needs_room():
    """A cap below 1 is refused."""
    with pytest.raises(ValueError, match="invalid cap 0"):
        FeedState(cap=0)


class Obvious:
    """What should be shown, worked out from the whole history every time."""

    def __init__(self, cap):
        self.cap = cap
        self.rows = []
        self.counts = [0, 0, 0]
        self.ids = set()

    def take(self, e):
        """The reference implementation of FeedState.take."""
        self.counts[0] += 1
        if e.op == "delete":
            self.counts[2] += 1
            self.rows = [r for r in self.rows if r.id != e.id]
        elif e.id in self.ids or e.op == "update":
            self.counts[1] += 1
            if e.id in self.ids:
                self.rows = [e if r.id == e.id else r for r in self.rows]
            else:
                self.rows.append(e)
        else:
            self.rows.append(e)
        self.ids.add(e.id)

    def texts(self, words, source):
        """Newest first."""
        good = [r for r in self.rows if all(w in r.text for w in words) and source in {"", r.source}]
        return [r.text for r in good[::-1][: self.cap]]


_steps = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["create", "create", "create", "update", "delete"]),
            st.integers(0, 12),
            st.sampled_from(["lunch", "keynote", "lunch keynote"]),
        ),
        st.tuples(
            st.just("filter"), st.sampled_from(["", "lunch", "keynote"]), st.sampled_from(["", "s0", "s1"])
        ),
        st.tuples(st.sampled_from(["pause", "resume", "flush", "reset"]), st.just(0), st.just("")),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(_steps, st.integers(1, 6))
def test_a_screen_that_applies_the_patches_shows_what_it_should(steps, cap):
    """Whatever comes and is chosen, and wherever the flushes fall: patches add up to the truth."""
    state, screen, truth = FeedState(cap), Screen(), Obvious(cap)
    words, source, serial = [], "", 0
    for kind, a, b in steps:
        if kind == "filter":
            words, source = a.split(), b
            state.filter([b] if b else [], a)
        elif kind in {"pause", "resume"}:
            getattr(state, kind)()
        elif kind == "flush":
            screen.apply(state.patch())
        elif kind == "reset":
            state.take([Reset("")])
            truth = Obvious(cap)
        else:
            serial += 1
            made = event(a, op=kind, text=None if kind == "delete" else f"{b} {serial}", source=f"s{a % 2}")
            state.take(said(made))
            truth.take(made)
    state.resume()
    screen.apply(state.patch())
    assert screen.texts == truth.texts(words, source)
    counters = screen.last["counters"]
    assert [counters["total"], counters["edits"], counters["deletes"]] == truth.counts
    assert Screen().apply(state.everything()).rows == screen.rows
    assert [row["text"] for row in state.newest()] == screen.texts


# -- topics -----------------------------------------------------------------------------------


def told(n, *topics, ids=()):
    """Bin number ``n`` with these topics: (label, terms, messages), and their ids, if any."""
    start, end = BASE + 15 * n * MINUTE, BASE + 15 * (n + 1) * MINUTE
    trends = [
        Trend(
            bin_start=start,
            bin_end=end,
            rank=rank,
            terms=[label, *terms],
            label=label,
            score=float("inf"),
            expected=1.5,
            messages=messages,
            authors=messages,
            examples=["test::0"],
            id=ids[rank - 1] if ids else "",
        )
        for rank, (label, terms, messages) in enumerate(topics, 1)
    ]
    return TrendBin(start=start, end=end, trends=trends, messages=100, authors=50)


def test_topics_say_where_they_come_from():
    """New, up, down and same are against the bin before, by the id of the topic and not its label."""
    state = TrendState()
    first = state.apply([told(0, ("lunch", [], 5), ("keynote", ["venv"], 4), ids="ab")])
    assert [t["change"] for t in first["topics"]] == ["new", "new"]
    second = state.apply(
        [told(1, ("venv", ["keynote"], 9), ("lunch", [], 5), ("keynote", ["rain"], 3), ids="bac")]
    )
    assert [(t["id"], t["label"], t["change"], t["moved"]) for t in second["topics"]] == [
        ("b", "venv", "up", 1),
        ("a", "lunch", "down", -1),
        ("c", "keynote", "new", 0),
    ]
    assert second["topics"][0]["spark"] == [4, 9]


def test_topics_without_an_id_go_by_their_label():
    """However it is capitalized; common terms do not make two labels one topic."""
    state = TrendState()
    state.apply([told(0, ("Lunch", [], 5), ("keynote", ["venv"], 4))])
    shown = state.apply([told(1, ("venv", ["keynote"], 9), ("lunch", [], 5))])["topics"]
    assert [(t["label"], t["change"], t["spark"]) for t in shown] == [
        ("venv", "new", [0, 9]),
        ("lunch", "down", [5, 5]),
    ]


def test_a_topic_says_why_it_is_there():
    """In a few lines of plain text."""
    shown = TrendState().apply([told(0, ("lu\x1bnch", [], 5), ("rain", [], 4))])["topics"]
    assert "lu\ufffdnch" in shown[0]["why"]
    assert all(line.isprintable() for line in shown[0]["why"].splitlines())


def test_topics_that_are_over_are_remembered_for_a_while():
    """What trended before is listed as earlier until its last bin is out of sight."""
    state = TrendState(bins=3)
    state.apply([told(0, ("lunch", [], 5)), told(1, ("keynote", [], 5)), told(2)])
    assert [t["label"] for t in state.everything()["earlier"]] == ["keynote", "lunch"]
    state.apply([told(3)])
    assert [t["label"] for t in state.everything()["earlier"]] == ["keynote"]


def test_a_bin_that_is_told_again_replaces_itself():
    """A recount changes the bin's own list and nothing else; an older bin is passed over."""
    state = TrendState()
    state.apply([told(0, ("lunch", [], 5)), told(1, ("lunch", [], 5), ("spam", [], 4))])
    again = state.apply([told(1, ("lunch", [], 4)), told(0, ("old", [], 9))])
    assert [(t["label"], t["spark"], t["change"]) for t in again["topics"]] == [("lunch", [5, 4], "same")]
    assert again["earlier"] == []


def test_topics_can_be_sent_and_quote_their_messages():
    """No infinity on the wire; examples that are known are quoted, until they are retracted."""
    state = TrendState()
    nasty = event(0, text="<script>alert(1)</script>", url="javascript:alert(1)")
    patch = state.apply([told(0, ("lunch", [], 5))], {"test::0": nasty}.get)
    topic = json.loads(json.dumps(patch, allow_nan=False))["topics"][0]
    assert (topic["score"], topic["expected"]) == (None, 1.5)
    assert [(q["text"], q["url"]) for q in topic["quotes"]] == [(nasty.text, None)]
    assert state.retract("test::0")
    assert state.everything()["topics"][0]["quotes"] == []
    assert not state.retract("test::0")


# -- talks, time and status -------------------------------------------------------------------


def talk(n, minutes=30, **fields):
    """Talk number ``n``, an hour after the one before."""
    start = BASE + n * 60 * MINUTE
    return Talk(id=f"t{n}", title=f"talk {n}", start=start, end=start + minutes * MINUTE, **fields)


def test_talks_are_on_or_next():
    """Half-open: a talk is on from its start until just before its end."""
    state = TalkState(Schedule([talk(0), talk(1, url="javascript:x"), talk(2)]), next_talks=1)
    before, on, after = (state.at(BASE + m * MINUTE) for m in (-1, 15, 30))
    assert ([t["title"] for t in before["now"]], [t["title"] for t in before["next"]]) == ([], ["talk 0"])
    assert [(t["title"], t["progress"]) for t in on["now"]] == [("talk 0", 0.5)]
    assert ([t["title"] for t in after["now"]], [t["url"] for t in after["next"]]) == ([], [None])


def test_a_replay_tells_its_own_time():
    """A view of a replay shows when that was, not now."""
    now = BASE + timedelta(days=900)
    assert view_time(Status("replay", "×60", BASE), None, now) == (BASE, False)
    assert view_time(Status("ended"), BASE, now) == (BASE, False)


def test_a_running_stream_is_watched_at_the_walls_time_unless_the_conference_is_over():
    """Live means now; a stream that brings a recorded conference has that conference's time."""
    schedule, late = Schedule([talk(0), talk(1)]), BASE + timedelta(days=900)
    assert view_time(Status("live"), BASE, late) == (late, True)
    assert view_time(Status("live"), BASE, late, schedule) == (BASE, False)
    assert view_time(Status("live"), BASE, BASE + 7 * MINUTE, schedule) == (BASE + 7 * MINUTE, True)
    assert view_time(Status("live"), None, late, schedule) == (late, True)
    assert view_time(Status("ended"), FOREVER, late) == (late, True)


@pytest.mark.parametrize(
    ("status", "error", "label", "detail"),
    [
        (Status("live"), None, "live", ""),
        (Status("replay", "×60"), None, "replay ×60", ""),
        (Status("paused", "×60"), None, "paused ×60", ""),
        (Status("reconnecting", "no server at \ud800"), None, "reconnecting", "no server at \ufffd"),
        (Status("ended", "max"), None, "ended", "max"),
        (Status("live"), ValueError("bucket 'irc' is trimmed"), "failed", "bucket 'irc' is trimmed"),
        (Status("live"), KeyError(), "failed", "KeyError()"),
    ],
)
def test_the_status_line_says_what_the_feed_does(status, error, label, detail):
    """Every state has its word, and what ended the reading is told."""
    line = status_line(status, error)
    assert (line["label"], line["detail"]) == (label, detail)


def test_a_source_always_looks_the_same():
    """Hue and icon follow from the name alone; channels of one kind share them."""
    assert appearance("irc:#a")["hue"] == appearance("irc:#b")["hue"]
    assert appearance("something new") == appearance("something new")
    assert 0 <= appearance("something new")["hue"] < 360
    assert appearance("feeds:" + "x" * 90)["label"] == "x" * 27 + "…"
    assert appearance("")["label"] == "?"
    assert len({appearance(s)["hue"] for s in ("irc", "mastodon", "blogs", "github", "flickr")}) == 5
