"""``collect`` as people run it: real processes, a real server, a feed over HTTP, and kill -9 for each."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from rtanalytics.archive import Recording
from rtanalytics.feed import Delivery
from rtanalytics.ingest.recorder import record
from rtanalytics.streams.redis import RedisStream
from rtanalytics.streams.server import EmbeddedServer, Server, ensure_server, stop_server
from tests.processes import lives

RTA = [sys.executable, "-m", "rtanalytics"]


class FeedServer:
    """An RSS feed whose items a test adds."""

    def __init__(self) -> None:
        self.items: list[tuple[str, str, datetime]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the name is the library's
                body = outer.rss()
                tag = f'"{len(outer.items)}"'
                if self.headers.get("If-None-Match") == tag:
                    self.send_response(304)
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/rss+xml")
                self.send_header("ETag", tag)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing: the tests' output is theirs."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/feed.xml"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, n: int, title: str = "", ago: timedelta = timedelta(0)) -> None:
        """One more item."""
        self.items.append((f"item-{n}", title or f"Post number {n}", datetime.now(UTC) - ago))

    def rss(self) -> bytes:
        """The newest six hundred."""
        rows = "".join(
            f"<item><guid isPermaLink='false'>{g}</guid><title>{escape(t)}</title>"
            f"<author>p{i % 7}@x.example (Person {i % 7})</author>"
            f"<pubDate>{format_datetime(at)}</pubDate></item>"
            for i, (g, t, at) in enumerate(self.items[-600:])
        )
        return f"<rss version='2.0'><channel><title>Planet</title>{rows}</channel></rss>".encode()


@pytest.fixture
def feed() -> Iterator[FeedServer]:
    """One on a free port."""
    server = FeedServer()
    yield server
    server.server.shutdown()


def write_toml(folder: Path, feed: FeedServer, url: str | None, more: str = "") -> None:
    """A conference that reads the feed each second."""
    (folder / "conference.toml").write_text(
        f'name = "live"\narchive = "archive"\n{more}'
        + (f'stream = "{url}"\n' if url else "")
        + '[trending]\nbin = "1min"\ngrace = "1s"\n'
        f'[[source]]\ntype = "feed"\nname = "planet"\nurl = "{feed.url}"\n'
        'every = "1s"\nallow_private = true\n',
        encoding="utf-8",
    )


class Collect:
    """A running ``rtanalytics collect``."""

    def __init__(
        self, folder: Path, feed: FeedServer, url: str | None, home: Path | None = None, more: str = ""
    ) -> None:
        self.folder = folder
        write_toml(folder, feed, url, more)
        self.env = {k: v for k, v in os.environ.items() if k != "REDIS_URL"}
        if home is not None:
            self.env["RTANALYTICS_HOME"] = str(home)
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            [*RTA, "collect", folder / "conference.toml", "--backoff-cap", "1"],
            env=self.env, stderr=self.log, stdout=self.log,
        )  # fmt: skip

    def status(self) -> dict[str, Any]:
        """What ``status --json`` says."""
        run = subprocess.run(
            [sys.executable, "-m", "rtanalytics", "status", self.folder / "conference.toml", "--json"],
            env=self.env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(run.stdout)
        return found

    def end(self) -> None:
        """Ctrl-C, and everything has ended."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(30) == 0
        self.log.seek(0)
        assert "Traceback" not in self.log.read()


def until(condition: Callable[[], Any], what: str, seconds: float = 30) -> float:
    """Seconds until something is so."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"{what}: not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - started


def takes_interrupts(pid: int) -> bool:
    """True once a process has a handler for SIGINT, where the system tells."""
    if not sys.platform.startswith("linux"):
        return True
    caught = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGINT - 1) & 1)


def ids(stream: RedisStream) -> list[str]:
    """What a reader from the beginning is shown up to now."""
    feed = stream.follow("start")
    got: list[str] = []
    for batch in feed.batches():
        got += [i.event.text or i.event.title or "" for i in batch if isinstance(i, Delivery)]
        if not batch:
            break
    return got


def test_every_process_can_be_killed_and_nothing_is_lost_or_doubled(
    feed: FeedServer, redis_server: Server, prefix: str, tmp_path: Path
) -> None:
    """Source, recorder and trender, kill -9 each: back within two seconds, the others undisturbed."""
    collect = Collect(tmp_path, feed, f"{redis_server.url}/{prefix}")
    stream = RedisStream(redis_server.url, prefix)
    try:
        feed.add(0)
        until(lambda: len(stream.snapshot(10).deliveries) == 1, "the first item")
        added = 1
        for name in ("source:planet", "recorder", "trender"):
            before = {n: h for n, h in stream.health.read().items() if n.startswith("process:")}
            pid = before[f"process:{name}"]["pid"]
            assert isinstance(pid, int)
            os.kill(pid, signal.SIGKILL)
            back = until(
                lambda n=name, p=pid: stream.health.read()[f"process:{n}"]["pid"] not in (None, p),
                f"{name} is back",
                5,
            )
            assert back < 2.0
            for other, was in before.items():
                if other != f"process:{name}":
                    assert stream.health.read()[other]["pid"] == was["pid"]
            for _ in range(3):
                feed.add(added)
                added += 1
            until(
                lambda n=added: len(stream.snapshot(100).deliveries) == n, f"items after the death of {name}"
            )
        until(lambda: (collect.status()["archive"]["events"] or 0) == added, "everything is recorded")
        found = collect.status()
        assert found["health"]["source:planet"]["state"] == "ok"
        assert found["health"]["process:recorder"]["restarts"] == 1
    finally:
        collect.end()
    assert sorted(ids(stream)) == sorted(f"Post number {n}" for n in range(added))
    kept = [e.title for e in Recording(tmp_path / "archive").log()]
    assert sorted(kept) == sorted(f"Post number {n}" for n in range(added))
    stream.delete()


def test_a_recorder_that_hangs_stops_the_reading_before_the_stream_is_too_large(
    feed: FeedServer, redis_server: Server, prefix: str, tmp_path: Path
) -> None:
    """The source waits and says so; when the recorder goes on, so does it, and all is recorded once."""
    collect = Collect(tmp_path, feed, f"{redis_server.url}/{prefix}", more="most_entries = 1_000\n")
    stream = RedisStream(redis_server.url, prefix)
    added = 0

    def more(n: int) -> None:
        nonlocal added
        for _ in range(n):
            feed.add(added)
            added += 1

    def known() -> int:
        return stream.buckets()["feeds"]["ids"]

    def state() -> object:
        return stream.health.read().get("source:planet", {}).get("state")

    try:
        more(1)
        until(lambda: (collect.status()["archive"]["events"] or 0) == 1, "the first item is recorded")
        recorder = stream.health.read()["process:recorder"]["pid"]
        assert isinstance(recorder, int)
        os.kill(recorder, signal.SIGSTOP)
        try:
            for _ in range(2):
                more(500)
                until(lambda: known() == added, "they are in the stream")
            until(lambda: state() == "full", "the source waits")
            before = stream.buckets()["feeds"]["entries"]
            more(300)
            time.sleep(3)  # three more readings, if it read
            assert known() == added - 300
            assert stream.buckets()["feeds"]["entries"] - before <= 5  # marks
        finally:
            os.kill(recorder, signal.SIGCONT)
        until(lambda: known() == added and state() == "ok", "it reads on")
        until(lambda: (collect.status()["archive"]["events"] or 0) == added, "everything is recorded")
        until(lambda: stream.buckets()["feeds"]["entries"] < 1_000, "what is too much has left the stream")
    finally:
        collect.end()
    kept = [e.title for e in Recording(tmp_path / "archive").log()]
    assert sorted(kept) == sorted(f"Post number {n}" for n in range(added))
    stream.delete()


def test_a_killed_server_is_brought_back_and_collecting_goes_on(feed: FeedServer, tmp_path: Path) -> None:
    """The embedded server dies: the supervisor starts it again, with its port, and nothing is missing."""
    home = tmp_path / "home"
    folder = tmp_path / "conf"
    folder.mkdir()
    collect = Collect(folder, feed, None, home)
    try:
        feed.add(0)
        until(lambda: any(home.glob("**/server.json")), "the server")
        state = next(home.glob("**/server.json"))
        server = ensure_server(state.parent)
        stream = RedisStream(server.url, "live")
        until(lambda: len(stream.snapshot(10).deliveries) == 1, "the first item")
        os.kill(server.pid, signal.SIGKILL)
        feed.add(1)
        until(lambda: collect.process.poll() is None and _items(server.url) == 2, "the second item")
        until(lambda: (collect.status()["archive"]["events"] or 0) == 2, "everything is recorded")
    finally:
        collect.end()
        for found in home.glob("**/server.json"):
            stop_server(found.parent)


def _items(url: str) -> int:
    from rtanalytics.streams import StreamUnavailable

    try:
        return len(RedisStream(url, "live").snapshot(10).deliveries)
    except StreamUnavailable:
        return -1


@pytest.mark.slow
def test_a_hot_topic_is_told_in_the_next_bin(
    feed: FeedServer, redis_server: Server, prefix: str, tmp_path: Path
) -> None:
    """The trender publishes bins as their time comes, and tail --trends shows them."""
    collect = Collect(tmp_path, feed, f"{redis_server.url}/{prefix}")
    stream = RedisStream(redis_server.url, prefix)
    try:
        for n in range(12):
            feed.add(n, f"walrus keynote remark {n}")
        until(lambda: stream.channels.read("trends"), "a bin is told", 90)
        told = [json.loads(note.payload) for note in stream.channels.read("trends")]
        assert len({(b["start"], b["end"]) for b in told}) == len(told)
        assert told[0]["messages"] > 0
    finally:
        collect.end()
    stream.delete()


def test_a_killed_supervisor_leaves_no_orphans(feed: FeedServer, tmp_path: Path) -> None:
    """Its workers notice and end; the next collect goes on."""
    with EmbeddedServer(tmp_path / "server") as server:
        stream = RedisStream(server.url, "live")
        collect = Collect(tmp_path, feed, f"{server.url}/live")
        feed.add(0)
        until(lambda: len(stream.snapshot(10).deliveries) == 1, "the first item")
        pids = [h["pid"] for n, h in stream.health.read().items() if n.startswith("process:")]
        collect.process.kill()
        collect.process.wait()
        until(lambda: not any(lives(pid) for pid in pids), "the workers end", 20)
        again = Collect(tmp_path, feed, f"{server.url}/live")
        feed.add(1)
        until(lambda: len(stream.snapshot(10).deliveries) == 2, "the second item")
        again.end()


def test_a_second_collect_is_refused_before_it_takes_anything_over(feed: FeedServer, tmp_path: Path) -> None:
    """One line names the process that collects already; that one goes on undisturbed."""
    with EmbeddedServer(tmp_path / "server") as server:
        stream = RedisStream(server.url, "live")
        first = Collect(tmp_path, feed, f"{server.url}/live")
        feed.add(0)
        until(lambda: len(stream.snapshot(10).deliveries) == 1, "the first item")
        second = subprocess.run(
            [*RTA, "collect", tmp_path / "conference.toml"],
            env=first.env, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert second.returncode == 1
        assert second.stderr.count("\n") == 1, second.stderr
        assert f"is being collected by process {first.process.pid} already" in second.stderr
        feed.add(1)
        until(lambda: len(stream.snapshot(10).deliveries) == 2, "the second item")
        assert {h.get("restarts", 0) for h in stream.health.read().values()} == {0}
        first.end()


def test_status_says_in_plain_words_how_each_process_fares(feed: FeedServer, tmp_path: Path) -> None:
    """Counts and the last reading of a source, what is recorded, process ids; one is not many."""
    with EmbeddedServer(tmp_path / "server") as server:
        stream = RedisStream(server.url, "live")
        collect = Collect(tmp_path, feed, f"{server.url}/live")
        feed.add(0)
        feed.add(1)
        until(
            lambda: stream.health.read().get("source:planet", {}).get("counts", {}).get("new") == 2,
            "two items",
        )
        until(lambda: "recorder" in stream.health.read(), "the recorder has told")
        pid = stream.health.read()["process:trender"]["pid"]
        os.kill(pid, signal.SIGKILL)
        until(
            lambda: stream.health.read()["process:trender"]["pid"] not in (None, pid), "the trender is back"
        )
        until(lambda: (collect.status()["archive"]["events"] or 0) == 2, "everything is recorded")
        run = subprocess.run(
            [*RTA, "status", tmp_path / "conference.toml"],
            env=collect.env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        health = stream.health.read()
        collect.end()
    lines = {line.split()[0]: line for line in run.stdout.splitlines()}
    assert re.search(r"ok +2 new, .*last read \d+ seconds? ago, process \d+", lines["source:planet"])
    assert f"process {health['process:source:planet']['pid']}" in lines["source:planet"]
    assert f"process {health['process:recorder']['pid']}" in lines["recorder"]
    assert "started again 1 time (last end: signal 9)" in lines["trender"]
    assert lines["recorded"].endswith(": 2 events")


def test_a_recorder_that_has_nothing_to_do_is_not_silent(
    redis_server: Server, prefix: str, tmp_path: Path
) -> None:
    """It tells its progress while nothing comes, so its health does not grow old."""
    stop, told = threading.Event(), []

    def tell(events: int) -> None:
        told.append(events)
        if len(told) == 3:
            stop.set()

    stream = RedisStream(redis_server.url, prefix)
    record(stream, tmp_path / "archive", stop=stop, progress=tell)
    assert told[:3] == [0, 0, 0]


@pytest.mark.parametrize("after", [0.2, 0.4, 0.7, 1.0, 1.5, 2.5, 5.0])
def test_ctrl_c_in_a_terminal_ends_it_in_silence(
    feed: FeedServer, redis_server: Server, prefix: str, tmp_path: Path, after: float
) -> None:
    """All processes of the terminal get the signal, whatever they are just importing; none complains."""
    for n in range(69):
        feed.add(n)
    write_toml(tmp_path, feed, f"{redis_server.url}/{prefix}")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*RTA, "collect", str(tmp_path / "conference.toml")])
    until(lambda: takes_interrupts(pid), "Python is up")
    time.sleep(after)  # the moment is what is tested
    os.write(terminal, b"\x03")
    shown = b""
    try:
        while chunk := os.read(terminal, 65536):
            shown += chunk
    except OSError:  # how Linux says that nobody has the terminal open any more
        os.close(terminal)
    _, status = os.waitpid(pid, 0)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("^C", "").split("\r\n")
    said = [line for line in lines if line]
    assert all(
        re.match(r"collecting |recording into |bins of 1min hold|status: |stopped; |\d\d:\d\d:\d\d  ", line)
        for line in said
    ), lines
    if said:
        assert said[-1].startswith("stopped; ")
    # a shell reports 130 for a process that the signal itself has ended, too
    assert os.waitstatus_to_exitcode(status) in ((0,) if said else (130, -signal.SIGINT))
    RedisStream(redis_server.url, prefix).delete()


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('name = "x"\n[[source]]\ntype = "feeed"\n', ["conference.toml:3", "feeed"]),
        ('name = "x"\n\n[[source]]\ntype = "feed"\nname = "a"\nurl = "https://a.example"\nevry = "1s"\n',
         ["conference.toml:7", "evry", "every"]),
        ('name = "x"\n[trending]\nbin = "soon"\n', ["bin", "soon"]),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_one_line_with_its_number(
    tmp_path: Path, toml: str, words: list[str]
) -> None:
    """Before anything is started."""
    path = tmp_path / "conference.toml"
    path.write_text(toml, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "rtanalytics", "collect", path], capture_output=True, text=True, check=False,
        env={**os.environ, "REDIS_URL": "redis://127.0.0.1:1/0"},
    )  # fmt: skip
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    for word in words:
        assert word in run.stderr
