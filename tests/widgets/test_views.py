"""The widgets on the kernel's side: what they send, what they read, and when they stop."""

import gc
import json
import logging
import re
import sys
import threading
import time
import traceback
import weakref
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from rtanalytics.archive import Recording
from rtanalytics.clock import PacedClock
from rtanalytics.event import Author
from rtanalytics.feed import FOREVER, AsyncFromSync, Delivery, Reset, Snapshot, Status, Watermark
from rtanalytics.replay import replay
from rtanalytics.resources import recordings_folder
from rtanalytics.schedule import Schedule, Talk
from rtanalytics.streams.memory import MemoryStream
from rtanalytics.topics import Trend, TrendBin, trends
from rtanalytics.widgets import Dashboard, FeedView, ReplayControls, TalksView, TrendingView, base, open_views
from rtanalytics.widgets.reader import TICK
from tests.build import BASE, event
from tests.test_live import Screen

MINUTE = timedelta(minutes=1)
NASTY = '<img src=x onerror="alert(1)">'


class Heard:
    """A view whose messages are kept, as JSON has them."""

    def send(self, content, buffers=None):
        """What would go to the browser."""
        self.__dict__.setdefault("sent", []).append(json.loads(json.dumps(content, allow_nan=False)))

    def part(self, name):
        """The patches of one part, in order."""
        return [m[name] for m in list(self.__dict__.get("sent", [])) if name in m]

    def last(self, name):
        """The newest patch of a part, or an empty one."""
        return next(iter(self.part(name)[::-1]), {})

    def say(self, **content):
        """What the front end would send."""
        self._handle_custom_msg(content, [])


class HeardFeed(Heard, FeedView):
    """A feed view that is heard."""


class HeardTrends(Heard, TrendingView):
    """A trending view that is heard."""


class HeardTalks(Heard, TalksView):
    """A talks view that is heard."""


class HeardWall(Heard, Dashboard):
    """A dashboard that is heard."""


class HeardControls(Heard, ReplayControls):
    """Controls that are heard."""


def until(condition, seconds=20):
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"it did not come to that; meanwhile\n{stacks()}"
        time.sleep(0.01)
    return found


def stacks():
    """Where every thread is, to read in a log what one waits for."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(
        f"{names.get(number, number)}:\n{''.join(traceback.format_stack(frame))}"
        for number, frame in sys._current_frames().items()
    )


def readers():
    """The threads that read feeds for views."""
    return [t for t in threading.enumerate() if t.name.startswith("rtanalytics-view")]


def shown(view):
    """What a screen that has all of the view's patches shows."""
    screen = Screen()
    for patch in view.part("feed"):
        screen.apply(patch)
    return screen


def total(view):
    """The counter, as the front end has it."""
    return view.last("feed").get("counters", {"total": 0})["total"]


@pytest.fixture(autouse=True)
def _close_all():
    """No view outlives its test, nor does a thread."""
    yield
    for view in open_views():
        view.close()
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("rtanalytics-")])


# -- what it shows ----------------------------------------------------------------------------


def test_ten_thousand_events_are_counted_exactly(prefix):
    """The counter and each source's are exact, and few messages were needed to say so."""
    stream = MemoryStream(prefix)
    started = time.monotonic()
    view = HeardFeed(stream.follow())
    for n in range(0, 10_000, 250):
        stream.append([event(i, source=f"s{i % 3}") for i in range(n, n + 250)])
    until(lambda: total(view) == 10_000)
    assert view.last("feed").get("counters")["sources"] == {"s0": 3334, "s1": 3333, "s2": 3333}
    assert len(view.sent) <= (time.monotonic() - started) / TICK + 2
    assert shown(view).texts[:3] == ["event 9999", "event 9998", "event 9997"]


def test_a_view_begins_with_what_was_said_before(prefix):
    """What the stream has is shown, then what follows, each once."""
    stream = MemoryStream(prefix)
    stream.append([event(n) for n in range(5)])
    view = HeardFeed(stream.follow(), cap=3)
    until(lambda: total(view) == 3)
    stream.append([event(5)])
    until(lambda: total(view) == 4)
    assert shown(view).texts == ["event 5", "event 4", "event 3"]


def test_a_replay_shows_the_same_as_the_stream(prefix):
    """The test of the design: the same view, another feed, the same messages and counters."""
    stream, events = MemoryStream(prefix), [event(n) for n in range(300)]
    live, played = HeardFeed(stream.follow()), HeardFeed(replay(events, "max"))
    stream.append(events)
    until(lambda: total(live) == total(played) == 300)
    assert shown(live).texts == shown(played).texts
    until(lambda: played.status["state"] == "ended")


def test_plain_events_are_shown_too():
    """Any iterable of events is a feed."""
    view = HeardFeed(event(n) for n in range(3))
    until(lambda: shown(view).texts == ["event 2", "event 1", "event 0"])
    until(lambda: view.status["label"] == "ended")


def test_messages_are_numbered_without_a_gap(prefix):
    """The front end can tell whether it missed one."""
    stream = MemoryStream(prefix)
    view = HeardFeed(stream.follow())
    for n in range(5):
        stream.append([event(n)])
        until(lambda n=n: total(view) == n + 1)
    patches = [m["v"] for m in view.sent if m["kind"] == "patch"]
    assert patches == list(range(1, len(patches) + 1))


def test_a_view_with_nothing_to_say_says_that_it_lives(prefix, monkeypatch):
    """So that the front end can tell a quiet feed from a kernel that is gone, and a lost message."""
    monkeypatch.setattr(base, "_ALIVE", 0.1)
    view = HeardFeed(MemoryStream(prefix).follow())
    beats = until(lambda: [m for m in view.__dict__.get("sent", []) if m["kind"] == "beat"])
    assert beats[0] == {"kind": "beat", "v": view.sent[0]["v"]}


def test_a_hello_is_answered_with_everything(prefix):
    """A reloaded page has the rows, the status and the counters of the others, under their number."""
    stream = MemoryStream(prefix)
    view = HeardFeed(stream.follow(), title="Wall")
    stream.append([event(n) for n in range(3)])
    until(lambda: total(view) == 3)
    view.say(kind="hello")
    state = until(lambda: next((m for m in view.sent if m["kind"] == "state"), None))
    assert state["v"] == view.sent[-2]["v"]
    assert state["status"]["label"] == "live"
    assert Screen().apply(state["feed"]).rows == shown(view).rows


def test_a_reset_of_the_stream_clears_the_view(prefix):
    """What was told no longer holds: rows and counters begin anew."""
    stream = MemoryStream(prefix)
    view = HeardFeed(stream.follow())
    stream.append([event(0), event(1)])
    until(lambda: total(view) == 2)
    stream.reset("another run")
    stream.append([event(7)])
    until(lambda: shown(view).texts == ["event 7"])
    assert total(view) == 1


def test_hostile_text_reaches_the_front_end_as_data(prefix):
    """Nothing on the way escapes or strips it: it arrives as text, and is drawn as text."""
    stream = MemoryStream(prefix)
    view = HeardFeed(stream.follow())
    stream.append([event(0, text=NASTY, title=NASTY, url="javascript:alert(1)", author=Author(handle=NASTY))])
    row = until(lambda: next(iter(shown(view).rows.values()), None))
    assert (row["text"], row["title"], row["author"], row["url"]) == (NASTY, NASTY, NASTY, None)


class Elements(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes = set(), []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Note an element."""
        self.tags.add(tag)
        self.attributes += attrs


def test_the_static_fallback_is_escaped():
    """In a saved notebook hostile text makes no element, no attribute and no link."""
    hostile = [
        event(0, text=NASTY, title=f"</td>{NASTY}", source=f"{NASTY}:x", author=Author(handle=NASTY)),
        event(1, title="link", url='https://e.example/"onmouseover="alert(1)'),
        event(2, text="<script>alert(1)</script>", url="javascript:alert(1)"),
    ]
    talk = Talk(id="t", title=NASTY, start=BASE, end=BASE + 60 * MINUTE, room=NASTY, speakers=[NASTY])
    view = HeardWall(replay(hostile, "max"), Schedule([talk]), title=NASTY)
    until(lambda: total(view) == 3)
    found = Elements(view.to_html())
    allowed = {
        "div",
        "p",
        "strong",
        "em",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "a",
        "br",
        "ul",
        "ol",
        "li",
    }
    assert found.tags <= allowed
    assert {name for name, _ in found.attributes} <= {"href", "rel", "target"}
    assert all(v.startswith("https://") for k, v in found.attributes if k == "href")
    assert "alert(1)" in view.to_html()


def test_the_chat_styles_nothing_of_the_other_views():
    """Both style sheets are always loaded: each selector of the chat's names a class of its own."""
    view, chat = (re.sub(r"/\*.*?\*/", "", (base._STATIC / name).read_text(encoding="utf-8"), flags=re.DOTALL)
                  for name in ("view.css", "chat.css"))  # fmt: skip
    shared = set(re.findall(r"\.(rta[\w-]*)", view))
    selectors = [one for rule in re.findall(r"([^{}]+)\{", chat) for one in re.split(r",(?![^(]*\))", rule)]
    assert len(selectors) > 40
    assert [
        one.strip()
        for one in selectors
        if not one.strip().startswith("@") and not set(re.findall(r"\.(rta[\w-]*)", one)) - shared
    ] == []


def test_viewers_without_widgets_get_html(prefix):
    """The output of a cell has a widget, and static HTML with what the stream already held."""
    stream = MemoryStream(prefix)
    stream.append([event(0, text="said before")])
    data, _ = FeedView(stream.follow())._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "said before" in data["text/html"]


# -- what it reads ----------------------------------------------------------------------------


def test_a_cell_that_runs_again_leaves_one_thread(prefix):
    """However often a view of a feed is made, one thread reads, and the former say so."""
    stream = MemoryStream(prefix)
    views = [HeardFeed(stream.follow()) for _ in range(4)]
    until(lambda: len(readers()) == 1)
    assert open_views() == views[-1:]
    assert [view.status["state"] for view in views] == ["stopped"] * 3 + ["live"]
    stream.append([event(0)])
    until(lambda: total(views[-1]) == 1)
    assert [total(view) for view in views] == [0, 0, 0, 1]


def test_the_same_feed_shown_again_goes_on():
    """Given the same feed object, the new view has all that was shown and counted, and one thread."""
    feed = replay([event(n) for n in range(500)], "max")
    first = HeardFeed(feed)
    until(lambda: total(first) == 500)
    second = HeardFeed(feed)
    until(lambda: total(second) == 500)
    assert shown(second).texts == shown(first).texts
    assert first.status["state"] == "stopped"


def test_a_view_is_collected_by_any_thread_while_another_is_made(prefix):
    """The collector may run in a thread that the making of a view waits for: it takes no lock there."""
    view = HeardFeed(MemoryStream(prefix).follow())
    view.close()
    view.itself, gone = view, weakref.ref(view)
    del view
    collector = threading.Thread(target=gc.collect)
    with base.View._gate:
        collector.start()
        collector.join(10)
        assert not collector.is_alive()
    assert gone() is None


def test_two_views_of_one_feed_share_one_reader(prefix):
    """A feed belongs to one reader; every view has every event."""
    stream = MemoryStream(prefix)
    feed = stream.follow()
    messages, wall = HeardFeed(feed), HeardWall(feed)
    stream.append([event(n) for n in range(50)])
    until(lambda: total(messages) == total(wall) == 50)
    assert len(readers()) == 1
    messages.close()
    stream.append([event(50)])
    until(lambda: total(wall) == 51)


def test_a_view_that_joins_a_feed_later_has_what_came_before():
    """The reader remembers for those who come after."""
    feed = replay([event(n) for n in range(20)], 1e-6)
    feed.step(5)
    first = HeardFeed(feed)
    until(lambda: total(first) == 5)
    second = HeardTrends(feed)
    third = HeardWall(feed)
    until(lambda: total(third) == 5)
    assert len(readers()) == 1
    assert second in open_views()


class Watched(AsyncFromSync):
    """A feed that counts how often it is read, and then tells what it is told to."""

    def __init__(self, items, key="watched"):
        self.key, self.items = key, items
        self.snapshots = self.iterations = self.closed = 0
        self.status = Status("live")
        self.over = threading.Event()

    def snapshot(self, n=100):
        """Nothing before."""
        self.snapshots += 1
        return Snapshot([])

    def __iter__(self):
        self.iterations += 1
        for item in self.items:
            if isinstance(item, Exception):
                raise item
            yield item
        self.over.wait(20)

    def close(self):
        """End the iteration."""
        self.closed += 1
        self.over.set()


def test_a_dashboard_reads_its_feed_once():
    """Messages, trends and talks come of one iteration, in one thread; closing ends it at once."""
    feed = Watched([Delivery(n, event(n)) for n in range(10)])
    talk = Talk(id="t", title="now", start=BASE, end=BASE + 60 * MINUTE)
    view = HeardWall(feed, Schedule([talk]))
    until(lambda: total(view) == 10)
    assert (feed.snapshots, feed.iterations, len(readers())) == (1, 1, 1)
    view.close()
    assert (feed.closed, readers()) == (1, [])


def test_a_failure_of_the_feed_is_reported(caplog):
    """An error in the feed is in the status line and, whole, in the log; what was shown stays."""
    with caplog.at_level(logging.ERROR, "rtanalytics.widgets"):
        view = HeardFeed(Watched([Delivery(0, event(0)), ValueError("bucket 'irc' is trimmed")]))
        until(lambda: view.status["state"] == "failed")
        told = until(lambda: [s for s in view.part("status") if s["state"] == "failed"])
    assert told[-1]["detail"] == "bucket 'irc' is trimmed"
    assert shown(view).texts == ["event 0"]
    assert "reading watched failed" in caplog.text


def test_a_change_of_status_is_sent_without_events():
    """A feed that waits for its server says nothing, and yet the view says reconnecting."""
    feed = Watched([])
    view = HeardFeed(feed)
    until(lambda: [s["state"] for s in view.part("status")] == ["live"])
    feed.status = Status("reconnecting", "no server")
    until(lambda: view.last("status").get("label") == "reconnecting")
    feed.status = Status("live")
    until(lambda: view.last("status").get("label") == "live")


def test_one_broken_view_does_not_silence_the_others(prefix, caplog):
    """A view that cannot send is given up, and said to be; the next one goes on."""

    class Broken(FeedView):
        def send(self, content, buffers=None):
            raise OSError("no such comm")

    stream = MemoryStream(prefix)
    broken, sound = Broken(stream.follow()), HeardFeed(stream.follow())
    try:
        stream.append([event(0)])
        until(lambda: total(sound) == 1)
        until(lambda: "no longer updated" in caplog.text)
    finally:
        Broken.send = Heard.send
        broken.close()


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda s: FeedView(s), TypeError, "pass stream.follow"),
        (lambda s: FeedView(s.follow(), cap=0), ValueError, "invalid cap 0"),
        (lambda s: FeedView(s.follow(), timezone="Mars"), ValueError, "IANA"),
        (lambda s: FeedView(s.follow(), mute="ada"), TypeError, "list of handles"),
        (lambda s: TrendingView(s.follow(), algorithn="x"), ValueError, "algorithn"),
        (lambda s: Dashboard(s.follow(), titel="x"), TypeError, "did you mean 'title'"),
        (lambda s: Dashboard(s.follow(), top=0), ValueError, "top must be a whole number"),
        (lambda s: ReplayControls(s.follow()), TypeError, "is not a replay"),
        (lambda s: TalksView(Schedule(), s.follow(), clock=PacedClock(BASE)), ValueError, "not both"),
    ],
)
def test_a_mistake_is_reported_in_the_cell(prefix, make, error, says):
    """A wrong argument raises where it was made, and starts nothing."""
    with pytest.raises(error, match=says):
        make(MemoryStream(prefix))
    assert readers() == []


# -- what it hears ----------------------------------------------------------------------------


def test_people_pause_and_filter(prefix):
    """The front end's choices reach the state, and come back to all front ends."""
    stream = MemoryStream(prefix)
    view = HeardFeed(stream.follow())
    stream.append([event(0, source="a", text="lunch"), event(1, source="b", text="keynote")])
    until(lambda: total(view) == 2)
    view.say(kind="filter", sources=["b"])
    until(lambda: shown(view).texts == ["keynote"])
    view.say(kind="filter", sources=[], text="lunch")
    until(lambda: shown(view).texts == ["lunch"])
    view.say(kind="pause")
    until(lambda: view.last("feed").get("paused"))
    stream.append([event(2, text="lunch too")])
    until(lambda: view.last("feed").get("waiting") == 1)
    assert shown(view).texts == ["lunch"]
    view.say(kind="resume")
    until(lambda: shown(view).texts == ["lunch too", "lunch"])


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"kind": "filter", "sources": [1, None], "text": {"x": 1}},
        {"kind": "filter", "sources": "b"},
        {"kind": "replay", "action": ["pause"], "value": []},
        {"kind": "replay", "action": "speed", "value": -1},
        {"kind": "replay", "action": "speed", "value": "fast"},
        {"kind": "replay", "action": "jump", "value": float("inf")},
        {"kind": ["hello"]},
    ],
)
def test_nonsense_from_the_front_end_changes_nothing(content):
    """What is unknown or of the wrong type is passed over."""
    view = HeardFeed(replay([event(0)], "max"))
    until(lambda: total(view) == 1)
    view._handle_custom_msg(content, [])
    view._handle_custom_msg("text", [])
    assert shown(view).texts == ["event 0"]
    assert view.last("feed").get("filter") == {"sources": [], "text": ""}


def test_a_replay_is_paused_paced_and_moved():
    """The bar's buttons move the feed, and the view tells what came of it."""
    feed = replay([event(n * 60) for n in range(600)], 1)
    view, bar = HeardFeed(feed), HeardControls(feed)
    until(lambda: view.part("replay"))
    assert view.last("replay") == {"playing": True, "speed": 1.0}
    bar.say(kind="replay", action="pause")
    until(lambda: bar.last("replay").get("playing") is False)
    until(lambda: view.last("status").get("label") == "paused ×1")
    bar.say(kind="replay", action="jump", value=3600)
    until(lambda: feed.clock.now() >= BASE + 60 * MINUTE)
    bar.say(kind="replay", action="speed", value="max")
    bar.say(kind="replay", action="resume")
    until(lambda: view.status["state"] == "ended")
    until(lambda: total(view) == 600)  # 61 from before that time, and all after it
    assert view.last("replay").get("speed") == "max"


def test_a_replay_that_has_ended_can_be_moved_back():
    """The reader goes on when the feed does, and shows what follows from there."""
    feed = replay([event(n * 60) for n in range(100)], "max")
    view = HeardFeed(feed)
    until(lambda: view.status["state"] == "ended" and total(view) == 100)
    until(lambda: readers() == [])
    view.say(kind="replay", action="jump", value=-600)
    # what was posted before that time is shown again, and then the rest
    until(lambda: total(view) == 100 and view.status["state"] == "ended")
    assert shown(view).texts[0] == "event 5940"


def test_a_seek_of_a_paused_replay_shows_what_was_posted_before():
    """Without playing on; forward and back, and no message twice."""
    events = [event(n * 60, text=f"event {n}") for n in range(100)]
    feed = replay(events, 1)
    feed.pause()
    view = HeardFeed(feed)
    for minute in (30, 90, 10):
        feed.seek(BASE + minute * MINUTE)
        until(lambda minute=minute: total(view) == minute + 1)
        assert shown(view).texts == [f"event {n}" for n in range(minute + 1)][::-1]
        assert view.status["state"] == "paused"
    view.close()


# -- trends and talks -------------------------------------------------------------------------


def chatter():
    """Two and a half hours of greetings, and a keynote that many talk about in the last bin."""
    said = [event(n * 30, text=f"hello {n % 7}", author=f"a{n % 40}") for n in range(310)]
    said += [
        event(9000 + n, id=f"test::k{n}", text="the venv keynote is on", author=f"b{n}") for n in range(60)
    ]
    return sorted(said, key=lambda e: e.received_at)


def test_trends_are_worked_out_where_nobody_publishes_them():
    """A view of messages shows what the trender says of the same messages, with its messages quoted."""
    told = [b for b in trends(chatter()) if b.trends]
    view = HeardTrends(replay(chatter(), "max"))
    patch = until(lambda: next((p for p in view.part("trends") if p["topics"]), None))
    assert patch["topics"][0]["label"] == told[0].trends[0].label
    assert "venv keynote" in patch["topics"][0]["quotes"][0]["text"]


def test_published_trends_are_shown_as_they_are():
    """Anything that yields bins of trends can be shown: a list, or an object with key and status."""
    told = list(trends(chatter()))

    class Published:
        key, status = "trends of x", Status("live")

        def __iter__(self):
            return iter(told)

    for source in (told, Published()):
        view = HeardTrends(source)
        patch = until(lambda view=view: next((p for p in view.part("trends")[::-1] if p["start"]), None))
        assert [t["label"] for t in patch["topics"]] == [t.label for t in told[-1].trends]
        view.close()


def test_a_dashboard_takes_published_trends_beside_its_feed(prefix):
    """With a trender's feed given, the messages are not counted again; they are quoted all the same."""
    stream = MemoryStream(prefix)
    stream.append([event(0, text="said before")])
    ready = threading.Event()

    class Published:
        key, status = "trends of x", Status("live")

        def __iter__(self):
            ready.wait(20)
            fields = {"bin_start": BASE, "bin_end": BASE + 15 * MINUTE, "score": 9.0, "expected": 1.0}
            trend = Trend(
                rank=1, terms=["x"], label="x", messages=3, authors=2, examples=["test::0"], **fields
            )
            yield TrendBin(start=BASE, end=BASE + 15 * MINUTE, trends=[trend], messages=3, authors=2)

    view = HeardWall(stream.follow(), trends=Published())
    stream.append([event(1)])
    stream.mark(BASE + 500 * MINUTE)
    until(lambda: total(view) == 2)
    ready.set()
    until(lambda: view.last("trends").get("messages") == 3)
    assert [q["text"] for q in view.last("trends")["topics"][0]["quotes"]] == ["said before"]


def test_a_reset_and_a_delete_reach_the_trends():
    """A quoted message that is deleted is no longer quoted; a reset leaves no topic."""
    events = chatter()
    items = [Delivery(n, e) for n, e in enumerate(events)] + [Watermark(FOREVER)]
    feed = Watched(items)
    view = HeardTrends(feed)
    patch = until(lambda: next((p for p in view.part("trends") if p["topics"]), None))
    part = view._wires[0].parts[0]
    gone = patch["topics"][0]["quotes"][0]["id"]
    part.take(Delivery("", event(0, id=gone, op="delete", text=None)))
    last = part.patch(BASE)
    assert gone not in [q["id"] for q in last["topics"][0]["quotes"]]
    part.take(Reset("moved"))
    assert part.patch(BASE)["topics"] == []


def test_talks_follow_the_replays_time():
    """What is on is what was on then; without a feed the clock decides."""
    talks = Schedule(
        [
            Talk(
                id=f"t{n}", title=f"talk {n}", start=BASE + n * 60 * MINUTE, end=BASE + (n + 1) * 60 * MINUTE
            )
            for n in range(3)
        ]
    )
    seconds = 0.0
    clock = PacedClock(BASE + 30 * MINUTE, 60, lambda: seconds)
    alone = HeardTalks(talks, clock=clock)
    until(lambda: [t["title"] for t in alone.last("talks").get("now", [])] == ["talk 0"])
    seconds = 60.0
    until(lambda: [t["title"] for t in alone.last("talks").get("now", [])] == ["talk 1"])
    replayed = HeardTalks(talks, replay([event(n * 60) for n in range(150)], "max"))
    until(lambda: [t["title"] for t in replayed.last("talks").get("now", [])] == ["talk 2"])
    assert replayed.last("clock").get("wall") is False


def test_a_replay_brings_its_talks_zone_and_tags():
    """A dashboard of a replayed recording needs no further argument."""
    view = Dashboard(replay(Recording(recordings_folder() / "juniperconf-2026"), "max"))
    try:
        assert view.draws == ["feed", "trends", "talks"]
        assert view.timezone == "Europe/Lisbon"
    finally:
        view.close()


def test_the_representation_of_a_view_says_what_it_shows(prefix):
    """Class, feed, title, status and content, in one line."""
    feed = MemoryStream(prefix).follow()
    view = FeedView(feed, title="JuniperConf")
    try:
        assert repr(view) == f"<FeedView {feed.key}: JuniperConf, live, 0 events>"
    finally:
        view.close()
