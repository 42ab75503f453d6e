"""Output on the terminal: lines of a feed, a dry run, and trends that are still to come."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from rtanalytics.cli.terminal import RecentEvents, event_line
from rtanalytics.erasure import DELETION
from rtanalytics.sources import spec_from_table
from rtanalytics.sources.twitter import XSpec
from rtanalytics.streams.redis import RedisStream
from rtanalytics.streams.server import Server
from tests.build import BASE, event

Run = subprocess.CompletedProcess[str]
CLOSED = "redis://127.0.0.1:1/0"


def rta(*args: object, **env: str) -> Run:
    """Run a command and wait for it."""
    return subprocess.run(
        [sys.executable, "-m", "rtanalytics", *map(str, args)],
        capture_output=True, text=True, timeout=120, check=False, env={**ENV, **env},
    )  # fmt: skip


ENV = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PYTHONIOENCODING": "utf-8"}


class Quiet(SimpleHTTPRequestHandler):
    """A server without a log."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of ``tmp_path/www``."""
    (tmp_path / "www").mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "www")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def conference(tmp_path: Path, *sources: str, stream: str = "") -> Path:
    """A conference.toml with feeds at some addresses."""
    path = tmp_path / "conference.toml"
    lines = ['name = "x"', f'stream = "{stream}"' if stream else "", "[trending]", 'bin = "10min"']
    for n, url in enumerate(sources):
        lines += ["[[source]]", 'type = "feed"', f'name = "s{n}"', f'url = "{url}"', "allow_private = true"]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_line_of_a_feed_has_title_and_text() -> None:
    """Both if both exist; a title that the text begins with is not repeated."""
    assert "Ducks – They swim." in event_line(event(1, title="Ducks", text="They swim.")).plain
    assert event_line(event(1, title="Ducks", text=None)).plain.endswith("  Ducks")
    assert event_line(event(1, title="Ducks", text="Ducks swim.")).plain.count("Ducks") == 1


def test_a_line_of_a_feed_has_the_date_unless_it_is_todays() -> None:
    """And always or never, if that is asked for."""
    old = event(1, text="hello")
    assert event_line(old).plain.startswith(f"{BASE:%Y-%m-%d} ")
    assert re.match(r"\d\d:\d\d:\d\d ", event_line(old, dated=False).plain)
    now = event((datetime.now(UTC) - BASE).total_seconds(), text="hello")
    assert re.match(r"\d\d:\d\d:\d\d ", event_line(now).plain)
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", event_line(now, dated=True).plain)


def test_a_dry_run_shows_the_newest_events_and_counts_the_others(site: str, tmp_path: Path) -> None:
    """Whatever the feed's order; the oldest are counted."""
    items = "".join(
        f"<item><guid>{n}</guid><title>Post {n:02}</title>"
        f"<pubDate>{format_datetime(BASE + timedelta(hours=n))}</pubDate></item>"
        for n in range(25)
    )
    (tmp_path / "www" / "feed.xml").write_text(f"<rss version='2.0'><channel>{items}</channel></rss>")
    run = rta("collect", conference(tmp_path, f"{site}/feed.xml"), "--dry-run")
    assert run.returncode == 0, run.stderr
    assert "s0: 25 events, 0 unreadable" in run.stdout
    assert re.findall(r"Post \d+", run.stdout) == [f"Post {n}" for n in range(20, 25)]
    assert "… and 20 more" in run.stdout
    assert f"{BASE + timedelta(hours=24):%Y-%m-%d %H:%M:%S}" in run.stdout
    assert "times are in UTC" in run.stderr


def test_a_dry_run_fails_if_a_source_cannot_be_read(site: str, tmp_path: Path) -> None:
    """A page that is no feed; an address with nothing; a closed port: no internal words."""
    (tmp_path / "www" / "page.html").write_text("<html><body>Welcome</body></html>")
    path = conference(tmp_path, f"{site}/page.html", f"{site}/none", "http://127.0.0.1:1/feed")
    run = rta("collect", path, "--dry-run")
    assert run.returncode == 1
    assert "3 of 3 sources could not be read" in run.stderr
    assert "status 404: not found; check the address" in run.stdout
    assert "no connection to 127.0.0.1, port 1: connection refused" in run.stdout
    for word in ("Transient", "ssl:", "Connect call"):
        assert word not in run.stdout


@pytest.mark.parametrize(
    ("command", "stream", "env", "origin"),
    [
        (["status"], CLOSED, "", "stream = of"),
        (["tail"], CLOSED, "", "stream = of"),
        (["collect"], CLOSED, "", "stream = of"),
        (["status"], "", CLOSED, "REDIS_URL"),
        (["tail", "--trends"], "", CLOSED, "REDIS_URL"),
        (["collect"], "", CLOSED, "REDIS_URL"),
    ],
)
def test_a_server_that_does_not_answer_is_reported_with_the_origin_of_its_address(
    tmp_path: Path, command: list[str], stream: str, env: str, origin: str
) -> None:
    """One line that names what to change."""
    path = conference(tmp_path, "https://x.example/feed", stream=stream)
    run = rta(*command, path, **({"REDIS_URL": env} if env else {}))
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1, run.stderr
    assert "127.0.0.1:1" in run.stderr
    assert f"(this address is {origin}" in run.stderr


def test_tail_says_when_the_first_trends_are_due(redis_server: Server, prefix: str, tmp_path: Path) -> None:
    """At once: the end of the bin that is on, and its grace."""
    path = conference(tmp_path, "https://x.example/feed", stream=f"{redis_server.url}/{prefix}")
    began = datetime.now(UTC)
    with subprocess.Popen(
        [sys.executable, "-m", "rtanalytics", "tail", "--trends", path],
        stdout=subprocess.PIPE, text=True, env={**ENV, "PYTHONUNBUFFERED": "1"},
    ) as tail:  # fmt: skip
        assert tail.stdout is not None
        line = tail.stdout.readline()
        tail.terminate()
    found = re.search(r"first trends at (\d\d):(\d\d) UTC", line)
    assert found, line
    minute = int(found[1]) * 60 + int(found[2])
    assert minute % 10 == 1
    assert 0 <= (minute - began.hour * 60 - began.minute) % 1440 <= 11
    assert time.time() - began.timestamp() < 60


def test_an_edit_and_a_deletion_show_author_and_text() -> None:
    """From the earlier event, for any kind of source, with the time of the change."""
    recent, late = RecentEvents(), BASE + timedelta(hours=1)
    event_line(event(1, text="Ducks swim in ponds"), recent=recent)
    edit = event_line(event(1, text="Ducks dive", received_at=late), recent=recent).plain
    assert edit.endswith("10:00:00 test       ada  edited: Ducks dive")
    again = event_line(event(1, text="Ducks dive", received_at=late), recent=recent).plain
    assert "edited" not in again
    gone = event(1, op="delete", author=None, text=None, received_at=late + timedelta(minutes=1))
    assert event_line(gone, recent=recent).plain.endswith("10:01:00 test       ada  deleted: Ducks dive")
    unknown = event_line(gone).plain
    assert unknown.endswith("–  deleted: message posted at 2026-05-15 09:00:01 (test::1)")


def test_an_erased_event_shows_neither_name_nor_text() -> None:
    """After an erasure nothing of it is printed."""
    recent = RecentEvents()
    event_line(event(1, text="Ducks swim in ponds"), recent=recent)
    gone = event(1, op="delete", type=DELETION, author=None, text=None)
    for _ in range(2):
        line = event_line(gone, recent=recent).plain
        assert line.endswith("–  deleted: message posted at 2026-05-15 09:00:01 (test::1)")


def test_only_the_latest_events_are_remembered() -> None:
    """So memory stays bounded on an endless stream."""
    recent = RecentEvents(most=2)
    for n in range(3):
        recent.take(event(n))
    assert [recent.take(event(n, op="delete", text=None))[2] for n in (1, 2)] == ["event 1", "event 2"]
    assert recent.take(event(0, author=None, op="delete", text=None)) == ("deleted", "", "")


def test_times_are_in_the_conferences_zone() -> None:
    """Day and time."""
    late = event(0, created_at=datetime(2026, 5, 15, 22, 30, tzinfo=UTC))
    assert event_line(late, zone=ZoneInfo("Europe/Berlin")).plain.startswith("2026-05-16 00:30:00 ")


@pytest.mark.parametrize(
    ("type", "author", "text", "line"),
    [
        ("join", "rta", None, "rta  joined"),
        ("quit", "rta", "bye", "rta  left the network bye"),
        ("users", None, "@rta ada", "in the room: @rta ada"),
        ("message", "rta", "joined", "rta  joined"),
    ],
)
def test_irc_events_without_a_message_are_described(
    type: str, author: str | None, text: str | None, line: str
) -> None:
    """Joins, departures and the list of users."""
    chat = event(1, id="irc:x/#r:1", source="irc:#r", type=type, author=author, text=text)
    assert event_line(chat).plain.partition("irc:#r")[2].strip() == line


def test_a_dry_run_of_a_schedule_says_how_many_talks_it_read(site: str, tmp_path: Path) -> None:
    """Its first reading is no news; times without a zone are the conference's."""
    (tmp_path / "www" / "talks.csv").write_text(
        "title,start\nDucks,2026-05-15T09:00\nGeese,2026-05-15T10:00\n"
    )
    path = tmp_path / "conference.toml"
    path.write_text(
        'name = "x"\ntimezone = "Europe/Berlin"\n[[source]]\ntype = "schedule"\nname = "talks"\n'
        f'url = "{site}/talks.csv"\nallow_private = true\n'
    )
    run = rta("collect", path, "--dry-run")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "talks: 2 talks read; 0 events" in run.stdout


def test_a_dry_run_reads_paid_sources_only_with_yes(tmp_path: Path) -> None:
    """A line gives the maximum cost; with --yes the API is asked."""
    path = tmp_path / "conference.toml"
    path.write_text(
        'name = "x"\n[[source]]\ntype = "x"\nname = "x-ducks"\nquery = "#ducks"\ntoken = "env:T"\n'
        'budget_usd_per_day = 3.0\napi = "http://127.0.0.1:1"\nallow_private = true\n'
    )
    run = rta("collect", path, "--dry-run", T="t")
    assert run.returncode == 0, run.stderr
    assert run.stdout == "x-ducks: not read because it costs up to $3.00; read it with --yes\n"
    run = rta("collect", path, "--dry-run", "--yes", T="t")
    assert run.returncode == 1
    assert "no connection to 127.0.0.1, port 1" in run.stdout


def test_what_an_x_source_may_cost_once_is_a_page_or_the_budget() -> None:
    """A hundred posts with all that comes along; a stream may spend the day's budget."""
    table = {"type": "x", "name": "x", "query": "#ducks", "token": "env:T", "budget_usd_per_day": 9.0}
    given = [{}, {"expand": False}, {"stream": True}, {"budget_usd_per_day": 2.0}]
    specs = [spec_from_table({**table, **more}) for more in given]
    assert [spec.once_usd for spec in specs if isinstance(spec, XSpec)] == [4.5, 0.5, 9.0, 2.0]


def test_tail_knows_the_events_before_it_started(redis_server: Server, prefix: str, tmp_path: Path) -> None:
    """A deletion names it; without a conference.toml times are in UTC, and one line states it."""
    stream = RedisStream(redis_server.url, prefix)
    stream.append([event(n) for n in range(3)])
    with subprocess.Popen(
        [sys.executable, "-m", "rtanalytics", "tail", "-n", "1", f"{redis_server.url}/{prefix}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**ENV, "PYTHONUNBUFFERED": "1"},
    ) as tail:  # fmt: skip
        assert tail.stdout is not None
        assert tail.stderr is not None
        first = tail.stdout.readline()
        stream.append([event(0, op="delete", author=None, text=None, received_at=BASE + timedelta(hours=1))])
        second = tail.stdout.readline()
        tail.terminate()
        assert tail.stderr.read() == "times are in UTC\n"
    assert first.endswith("ada  event 2\n")
    assert second.endswith("10:00:00 test       ada  deleted: event 0\n")
