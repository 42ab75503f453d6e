"""The views in a real browser on a real JupyterLab: what people see, and what cannot happen to them."""

import json
import os
import signal
import time

import nbformat
import pytest
import redis
from nbconvert import HTMLExporter

from rtanalytics.streams.redis import RedisStream
from rtanalytics.streams.server import EmbeddedServer, ensure_server
from tests.browser.lab import Notebook
from tests.build import event

pytestmark = pytest.mark.browser

SETUP = """
from datetime import UTC, datetime, timedelta
from rtanalytics.event import Author, Event
from rtanalytics.replay import replay
from rtanalytics.schedule import Schedule, Talk
from rtanalytics.streams.memory import MemoryStream
from rtanalytics.streams.redis import RedisStream
from rtanalytics.widgets import Dashboard, FeedView, ReplayControls, TalksView, TrendingView

BASE = datetime(2026, 5, 15, 9, tzinfo=UTC)

def event(n, **fields):
    known = dict(id=f"test::{n}", source="test", text=f"event {n}", author=Author(handle="ada"))
    return Event(**{**known, "created_at": BASE + timedelta(seconds=n), **fields})

stream = MemoryStream("lab")
"""

TOTAL = "document.querySelector('.rta-total')?.textContent === it"
FIRST = "document.querySelector('.rta-row .rta-text')?.textContent === it"
WORD = "document.querySelector('.rta-word')?.textContent === it"
ROWS = "document.querySelectorAll('.rta-row').length === it"
THREADS = """
import threading
print(sum(t.name.startswith("rtanalytics-view") for t in threading.enumerate()))
"""


def rows(notebook):
    """Id and text of what the page shows, in the page's order."""
    return notebook.page.evaluate(
        "() => [...document.querySelectorAll('.rta-row')].map((n) => [n.rtaId, n.querySelector('.rta-text').textContent])"
    )


def events_of(n, first=0):
    """Code for n events."""
    return f"[event(i) for i in range({first}, {first + n})]"


# -- exactly what there is --------------------------------------------------------------------


def test_counters_are_exact_after_ten_thousand_replayed_events(open_notebook):
    """At full speed the page counts all of them, by source too, and draws no more than its cap."""
    code = "FeedView(replay([event(n, source=['mastodon', 'irc:#a'][n % 4 == 0]) for n in range(10_000)], 'max'))"
    notebook = open_notebook([SETUP, code])
    notebook.until(TOTAL, "10,000", 60)
    notebook.until(FIRST, "event 9999")
    assert sorted(notebook.texts(".rta-chip b")) == ["2,500", "7,500"]
    shown = rows(notebook)
    assert [row[0] for row in shown] == [f"test::{n}" for n in range(9999, 9799, -1)]
    assert notebook.page.locator(".rta-sampled").is_visible()
    notebook.until(WORD, "ended")


def test_the_same_cell_with_a_replay_shows_the_same(open_notebook):
    """follow() and replay() in the same cell end with the same rows and counters on the page."""
    notebook = open_notebook(
        [
            SETUP,
            f"events = {events_of(150)}\nlive = MemoryStream('same')\nFeedView(live.follow())",
            "_ = live.append(events)",
            "FeedView(replay(events, 'max'))",
        ]
    )
    notebook.until(
        "[...document.querySelectorAll('.rta-total')].map((n) => n.textContent).join() === '150,150'"
    )
    shown = rows(notebook)
    assert len(shown) == 300
    assert shown[:150] == shown[150:]


def test_a_view_goes_on_while_a_cell_runs(open_notebook):
    """A cell that keeps the kernel busy does not freeze the view; what is pressed meanwhile is heard after."""
    notebook = open_notebook([SETUP, "FeedView(stream.follow())"])
    notebook.until(WORD, "live")
    busy = """
import threading, time
go = threading.Event()
def feed():
    for n in range(30):
        stream.append([event(n)])
        go.wait(0.02)
threading.Thread(target=feed).start()
while len(stream.snapshot(99).deliveries) < 31:
    time.sleep(0.05)
"""
    kernel = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
    notebook.page.evaluate(f"(code) => {{ {kernel}.requestExecute({{ code }}) }}", busy)
    notebook.until(TOTAL, "30")
    assert notebook.page.evaluate(f"() => {kernel}.status") == "busy"
    notebook.page.locator(".rta-pause").click()
    notebook.command("notebook:interrupt-kernel")
    notebook.until("document.querySelector('.rta-pause').getAttribute('aria-pressed') === 'true'")


# -- hostile text -----------------------------------------------------------------------------

HOSTILE = """
IMG = '<img src=x onerror="window.pwned = 1">'
BAD = IMG + '</div></td><script>window.pwned = 1</script><svg onload="window.pwned = 1"></svg>'
hostile = [
    event(0, text=BAD, title='Title ' + BAD, tags=[BAD], source=BAD + ":y", author=Author(handle=BAD, name=BAD)),
    event(1, title="click me", text="a javascript: link", url="javascript:window.pwned=1"),
    event(2, title="quoted", text="an address", url='https://e.invalid/"onmouseover="window.pwned=1'),
    event(3, text="see https://e.invalid/<img/src=x/onerror=window.pwned=1> and javascript:window.pwned=1"),
]
said = [event(100 + n, text=f"{IMG} keynote", author=Author(handle=f"{IMG}{n}")) for n in range(40)]
quiet = [event(-9000 + 60 * n, text="hello", author=Author(handle=f"a{n}")) for n in range(140)]
talk = Talk(id="t", title=BAD, room=BAD, speakers=[BAD], start=BASE, end=BASE + timedelta(hours=9))
wall = Dashboard(replay(quiet + hostile + said, "max"), Schedule([talk]), title=BAD, cap=500)
wall
"""


def harmless(page):
    """Nothing ran, nothing became an element or an address that could run."""
    assert page.evaluate("() => window.pwned") is None
    assert (
        page.locator(".rta img, .rta script, .rta [onerror], .rta [onload], .rta [onmouseover]").count() == 0
    )
    links = page.evaluate("() => [...document.querySelectorAll('.rta a, #fallback a')].map((a) => a.href)")
    assert all(link.startswith(("http://", "https://")) for link in links), links
    return links


def test_a_hostile_title_executes_nothing_in_the_views(open_notebook):
    """Markup in every field that a source can fill is shown as the text that it is."""
    notebook = open_notebook([SETUP, HOSTILE])
    notebook.until(WORD, "ended")
    notebook.until(TOTAL, "184")
    notebook.until("document.querySelectorAll('.rta-talk').length === 1")
    links = harmless(notebook.page)
    assert len(links) == 2
    assert all('"' not in link for link in links)
    assert notebook.page.evaluate(
        "() => [...document.querySelectorAll('.rta a')].every((a) => a.rel.includes('noopener'))"
    )
    for selector in (
        ".rta-title",
        ".rta-headline",
        ".rta-author",
        ".rta-talk-title",
        ".rta-room",
        ".rta-speakers",
    ):
        assert any('<img src=x onerror="window.pwned = 1">' in text for text in notebook.texts(selector)), (
            selector
        )
    for place in (".rta-headline", ".rta-author", ".rta-chip", ".rta-talk-title"):
        notebook.page.locator(place).first.hover()
    notebook.page.locator("span.rta-headline", has_text="click me").click()
    harmless(notebook.page)


def test_a_hostile_title_executes_nothing_in_the_static_fallback(open_notebook, context):
    """The saved notebook, shown without a kernel and without widgets, has the text and runs nothing."""
    notebook = open_notebook([SETUP, HOSTILE.replace("\nwall\n", "\n"), "wall"])
    notebook.until(TOTAL, "184")
    notebook.run_cell(2)
    notebook.command("docmanager:save")
    saved = nbformat.read(notebook.lab.root / notebook.name, as_version=4)
    bundle = saved.cells[2].outputs[0]["data"]
    assert "keynote" in bundle["text/html"]
    page = context.new_page()
    page.route("**/*", lambda route: route.abort())
    page.set_content(f"<div id=fallback>{bundle['text/html']}</div>")
    assert page.locator("#fallback img, #fallback script, #fallback svg").count() == 0
    assert '<img src=x onerror="window.pwned = 1">' in page.locator("#fallback").inner_text()
    harmless(page)
    # and as another program renders the file: without the widget's own type, which it cannot draw
    del bundle["application/vnd.jupyter.widget-view+json"]
    saved.metadata.pop("widgets", None)
    page.set_content(HTMLExporter().from_notebook_node(saved)[0])
    assert page.evaluate("() => window.pwned") is None
    assert page.locator(".jp-OutputArea-output img, .jp-OutputArea-output svg").count() == 0
    page.close()


# -- one of each ------------------------------------------------------------------------------


def test_a_cell_that_runs_again_leaves_one_subscription_and_one_thread(open_notebook, redis_url, prefix):
    """Five runs of a cell: one thread in the kernel, one blocked reader at the server, one view that counts."""
    notebook = open_notebook([SETUP, f"FeedView(RedisStream({redis_url!r}, {prefix!r}).follow())"])
    notebook.until(WORD, "live")
    for _ in range(5):
        notebook.run_cell(1)
    notebook.until(WORD, "live")
    assert notebook.ask(THREADS) == "1"
    stream = RedisStream(redis_url, prefix)
    stream.append([event(n) for n in range(3)])
    notebook.until(TOTAL, "3")
    client = redis.Redis.from_url(redis_url)
    blocked = [c for c in client.client_list() if "b" in c["flags"]]
    deadline = time.monotonic() + 10
    while len(blocked) != 1 and time.monotonic() < deadline:
        blocked = [c for c in client.client_list() if "b" in c["flags"]]
    assert len(blocked) == 1
    assert notebook.page.locator(".rta").count() == 1
    client.close()
    stream.close()


def test_a_replay_cell_that_runs_again_leaves_one_thread(open_notebook):
    """Each run makes another replay, with a key of its own; the cell's former view ends all the same."""
    notebook = open_notebook(
        [SETUP, f"FeedView(replay({events_of(5000)}, speed=1))", "TrendingView(stream.follow())"]
    )
    notebook.until(WORD, "replay ×1")
    for _ in range(3):
        notebook.run_cell(1)
    assert notebook.ask(THREADS) == "2"
    assert notebook.page.locator(".rta-feed").count() == 1


def test_two_tabs_show_the_same(open_notebook, lab, context, tmp_path):
    """A second tab on the same kernel has what the first one has, and both follow."""
    notebook = open_notebook([SETUP, "FeedView(stream.follow())"])
    notebook.ask(f"_ = stream.append({events_of(30)})")
    notebook.until(TOTAL, "30")
    notebook.command("docmanager:save")
    other = Notebook.open(lab, context, notebook.name, workspace=f"{tmp_path.name}-second")
    other.until(TOTAL, "30")
    notebook.ask(f"_ = stream.append({events_of(12, 30)})")
    for tab in (notebook, other):
        tab.until(TOTAL, "42")
        tab.until(ROWS, 42)
    assert rows(other) == rows(notebook)
    other.page.locator(".rta-search input").fill("event 7")
    for tab in (notebook, other):
        tab.until(ROWS, 4)
    assert other.complaints == []


def test_a_reloaded_page_has_the_view_back(open_notebook):
    """After a reload rows, counters and status are there, and what comes next is too."""
    notebook = open_notebook([SETUP, "FeedView(stream.follow())"])
    notebook.ask(f"_ = stream.append({events_of(300)})")
    notebook.until(TOTAL, "300")
    notebook.until(FIRST, "event 299")
    before = rows(notebook)
    notebook.command("docmanager:save")
    notebook.page.reload()
    notebook.ready()
    notebook.until(TOTAL, "300")
    assert rows(notebook) == before
    assert notebook.text(".rta-word") == "live"
    notebook.ask(f"_ = stream.append({events_of(1, 300)})")
    notebook.until(FIRST, "event 300")
    assert notebook.ask(THREADS) == "1"


# -- a server that dies -----------------------------------------------------------------------


def test_a_killed_server_is_reconnected_with_nothing_missing_and_nothing_twice(
    open_notebook, tmp_path, prefix
):
    """kill -9: the view says reconnecting, then live; every event is on the page once, in order."""
    folder = tmp_path / "server"
    with EmbeddedServer(folder) as server:
        stream = RedisStream(server.url, prefix)
        notebook = open_notebook(
            [SETUP, f"FeedView(RedisStream({server.url!r}, {prefix!r}).follow(), cap=300)"]
        )
        notebook.until(WORD, "live")
        stream.append([event(n) for n in range(100)])
        notebook.until(TOTAL, "100")
        stream.connection.client.execute_command("WAITAOF", 1, 0, 5000)
        os.kill(server.pid, signal.SIGKILL)
        notebook.until(WORD, "reconnecting")
        again = ensure_server(folder)
        assert again.url == server.url
        # what a source does after a crash: it reads its tail again, and goes on
        stream.append([event(n) for n in range(90, 200)])
        notebook.until(WORD, "live")
        notebook.until(TOTAL, "200")
        notebook.until(ROWS, 200)
        assert [row[0] for row in rows(notebook)] == [f"test::{n}" for n in range(199, -1, -1)]
        assert notebook.ask(THREADS) == "1"
        stream.close()


def test_a_restarted_kernel_is_noticed(open_notebook):
    """Views of a kernel that is gone say so, instead of claiming to be live."""
    notebook = open_notebook([SETUP, f"_ = stream.append({events_of(3)})\nFeedView(stream.follow())"])
    notebook.until(WORD, "live")
    notebook.until(ROWS, 3)
    kernel = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
    notebook.page.evaluate(f"() => {kernel}.restart().then(() => null)")
    notebook.until(WORD, "no answer", 40)
    assert notebook.page.locator(".rta-row").count() == 3
    notebook.run_all()
    notebook.until(WORD, "live")


# -- the controls -----------------------------------------------------------------------------

WALL = """
names = ["ada", "bob", "cleo", "dan", "eve", "finn", "gus", "hal", "ida", "jo"]
quiet = [event(20 * n, text=f"hello {n % 9}", author=Author(handle=f"{names[n % 10]}{n}"), source="irc:#hall") for n in range(500)]
burst = [event(8200 + n, id=f"feeds::{n}", text="the venv keynote is on", source="feeds:blog",
         author=Author(handle=f"reader {n}")) for n in range(60)]
talks = Schedule([Talk(id=f"t{n}", title=f"talk {n}", room="Hall 1", speakers=["Ada L."],
                  start=BASE + timedelta(hours=n), end=BASE + timedelta(hours=n, minutes=50)) for n in range(6)])
feed = replay(sorted(quiet + burst, key=lambda e: e.received_at), "max", end=BASE + timedelta(seconds=8700))
Dashboard(feed, talks, title="The wall", timezone="UTC")
"""


def test_people_find_their_way_around_the_dashboard(open_notebook):
    """Sources, words, topics and the replay's bar do what they say; typing stays in the field."""
    notebook = open_notebook([SETUP, WALL])
    page = notebook.page
    notebook.until(WORD, "ended")
    notebook.until("document.querySelector('.rta-topic-label')?.textContent === it", "venv keynote")
    assert page.locator(".rta-quote").first.inner_text().startswith("the venv keynote is on")
    notebook.until("document.querySelector('.rta-on .rta-talk-title')?.textContent === it", "talk 2")
    notebook.until("document.querySelector('.rta-now').textContent === it", "Fri 15 May, 11:24")
    page.locator(".rta-chip", has_text="blog").click()
    notebook.until(ROWS, 60)
    page.locator(".rta-chip", has_text="blog").click()
    notebook.until(ROWS, 200)
    page.locator(".rta-topic-label").first.click()
    notebook.until(ROWS, 60)
    assert page.locator(".rta-search input").input_value() == "venv keynote"
    field = page.locator(".rta-search input")
    field.fill("")
    field.press_sequentially("dd00")
    notebook.until(
        "document.querySelector('.rta-empty p').textContent === it", "No message matches the filter."
    )
    assert page.locator(".jp-Notebook .jp-Cell").count() == 2
    field.fill("")
    notebook.until(ROWS, 200)
    page.locator(".rta-back").click()
    shown = min(200, sum(20 * n < 5080 for n in range(500)))  # from before that time
    notebook.until(TOTAL, f"{shown + sum(5080 <= 20 * n < 8700 for n in range(500)) + 60:,}")
    page.locator(".rta-speed").select_option("1")
    page.locator(".rta-back").click()
    notebook.until(WORD, "replay ×1")
    page.locator(".rta-play").click()
    notebook.until(WORD, "paused ×1")
    assert json.loads(notebook.ask("print(feed.clock.paused is True and 1)")) == 1


def test_chips_are_seen_in_whole_rows(open_notebook):
    """The third row of sources is not cut in half."""
    notebook = open_notebook([SETUP, WALL])
    notebook.until("document.querySelector('.rta-chip') !== null", None)
    chip, gap, most = notebook.page.evaluate(
        """() => [document.querySelector('.rta-chip').offsetHeight,
          ...['rowGap', 'maxHeight'].map((name) => parseFloat(getComputedStyle(document.querySelector('.rta-chips'))[name]))]"""
    )
    assert (most + gap) / (chip + gap) == 3


def test_a_view_follows_the_theme(open_notebook):
    """Dark theme, dark view: the colours are JupyterLab's own, without a reload."""
    notebook = open_notebook([SETUP, f"FeedView({events_of(3)})"])
    notebook.until(ROWS, 3)
    shade = "() => getComputedStyle(document.querySelector('.rta-inner')).backgroundColor"
    light = notebook.page.evaluate(shade)
    notebook.command("apputils:change-theme", theme="JupyterLab Dark")
    notebook.until("document.body.dataset.jpThemeLight === 'false'")
    notebook.until(f"({shade})() !== it", light)
    red, green, blue = (
        int(v) for v in notebook.page.evaluate(shade).removeprefix("rgb(").rstrip(")").split(",")
    )
    assert max(red, green, blue) < 60


def test_talks_and_controls_stand_alone(open_notebook):
    """TalksView follows a replay moved by ReplayControls, in cells of their own."""
    notebook = open_notebook(
        [
            SETUP,
            WALL.replace(
                'Dashboard(feed, talks, title="The wall", timezone="UTC")', "TalksView(talks, feed)"
            ),
            "ReplayControls(feed)",
        ]
    )
    notebook.until("document.querySelector('.rta-on .rta-talk-title')?.textContent === it", "talk 2")
    notebook.page.locator(".rta-bare .rta-speed").select_option("1")
    notebook.page.locator(".rta-bare .rta-back").click()
    notebook.until("document.querySelector('.rta-on .rta-talk-title')?.textContent === it", "talk 1")
