"""What a source's process takes while ``collect`` runs it: at rest, under feeds of a gigabyte, and to start.
``make faults`` prints what it measures.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web

from rtanalytics.sources.polled.specs import MOST_BYTES
from rtanalytics.streams.redis import RedisStream
from rtanalytics.streams.server import Server
from tests.faults.world import PUSHED, World
from tests.processes import kill
from tests.sources.server import FeedServer, endless, item, rss

pytestmark = pytest.mark.slow

WORDS = (
    "Words about the talk that somebody heard at the conference, with a &lt;b&gt;bold&lt;/b&gt; one in it."
)


class Big:
    """A conference with one feed, ``collect`` reading it, and the most memory that its source has had.

    Parameters
    ----------
    folder : Path
        For the conference.
    url : str
        The Redis server.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.stream = RedisStream(url, "big")
        self.stream.delete()
        self.server = FeedServer()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(self.server.start(), self.loop).result(10)
        self.process: subprocess.Popen[bytes] | None = None
        self.alone = self.parser = self.together = 0.0

    def start(self, **table: object) -> None:
        """Start ``collect``."""
        lines = ['name = "big"', f'stream = "{self.url}"', "[[source]]", 'type = "feed"', 'name = "big"']
        table = {"url": self.server.url(), "every": "1s", "allow_private": True, **table}
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
        (self.folder / "conference.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rtanalytics", "collect", self.folder / "conference.toml"],
            stderr=subprocess.DEVNULL,
            env={**os.environ, "RTANALYTICS_HOME": str(self.folder)},
        )

    @property
    def health(self) -> dict[str, Any]:
        """What the source says of itself."""
        return self.stream.health.read().get("source:big", {})

    @property
    def dead(self) -> list[str]:
        """Why something could not be read."""
        return [letter.reason for letter in self.stream.dead_letters.read("feeds")]

    def wait(self, done: Callable[[], object], what: str, seconds: float = 120) -> None:
        """Wait for it, and look meanwhile at what the source's process and its parser take."""
        until = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < until, f"{what}: not within {seconds} s; {self.health}; {self.dead}"
            self._look()
            time.sleep(0.01)

    def _look(self) -> None:
        pid = self.stream.health.read().get("process:source:big", {}).get("pid")
        if not pid:
            return
        try:
            source = psutil.Process(int(str(pid)))
            family = [source, *source.children(recursive=True)]
            self.alone = max(self.alone, most(source.pid))
            self.parser = max([self.parser, *(most(p.pid) for p in family[1:])])
            self.together = max(self.together, sum(p.memory_info().rss for p in family) / 1e6)
        except (psutil.NoSuchProcess, FileNotFoundError):
            return  # a parser that has ended meanwhile

    def told(self, what: str) -> None:
        """Print what was measured."""
        parts = (
            f"process {self.alone:.0f} MB, its parser {self.parser:.0f} MB, together {self.together:.0f} MB"
        )
        told(f"{what:<45} {parts}")

    def close(self) -> None:
        """End everything."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
        asyncio.run_coroutine_threadsafe(self.server.stop(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.stream.delete()


def told(*said: object) -> None:
    print(*said, flush=True)  # what `make faults` is run for


def most(pid: int) -> float:
    """The most memory that a process has ever had, in MB."""
    with Path(f"/proc/{pid}/status").open(encoding="ascii", errors="replace") as file:
        return next((int(line.split()[1]) * 1024 / 1e6 for line in file if line.startswith("VmHWM")), 0.0)


@pytest.fixture
def big(tmp_path: Path, redis_server: Server) -> Iterator[Big]:
    found = Big(tmp_path, redis_server.url)
    yield found
    found.close()


def entries(kind: str, size: int) -> bytes:
    """A feed of not quite so many bytes, whose entries are like those of a blog."""
    made = {"rss": _rss, "atom": _atom, "json": _json}[kind]
    each = len(made(range(50_000, 51_000))) // 1_000 + 1
    return made(range(size // each))


def _rss(numbers: range) -> bytes:
    return rss(*(
        item(f"https://blog.example/posts/{n}", f"Post {n} about talks", day=1 + n % 28,
             more=f"<link>https://blog.example/posts/{n}</link><description>{WORDS}</description>")
        for n in numbers
    ))  # fmt: skip


def _atom(numbers: range) -> bytes:
    body = "".join(
        f"<entry><id>tag:blog.example,2026:{n}</id><title>Post {n} about talks</title>"
        f"<link href='https://blog.example/posts/{n}'/><updated>2026-05-{1 + n % 28:02}T09:00:00Z</updated>"
        f"<content type='html'>{WORDS}</content></entry>"
        for n in numbers
    )
    return f"<feed xmlns='http://www.w3.org/2005/Atom'><title>Blog</title>{body}</feed>".encode()


def _json(numbers: range) -> bytes:
    items = [
        {
            "id": str(n), "title": f"Post {n} about talks", "url": f"https://blog.example/posts/{n}",
            "date_published": f"2026-05-{1 + n % 28:02}T09:00:00Z", "content_html": WORDS,
        }
        for n in numbers
    ]  # fmt: skip
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}).encode()


RAISED = {"max_bytes": MOST_BYTES, "budget": "2min"}
"""The most that a table may ask for."""


async def _gigabyte(request: web.Request) -> web.StreamResponse:
    chunk = b"<item><title>" + b"x" * 1_000_000 + b"</title></item>"
    return await endless(request, chunk, 1_000_000_000)


def _packed() -> bytes:
    maker = zlib.compressobj(9, wbits=31)
    return b"".join(maker.compress(bytes(10_000_000)) for _ in range(100)) + maker.flush()


def recovers(big: Big) -> None:
    """The same source reads the next feed, which is a good one."""
    big.server.serve("/feed", rss(item("after", "After it all")))
    big.wait(
        lambda: "After it all" in {d.event.title for d in big.stream.snapshot(9).deliveries}, "it goes on"
    )
    big.wait(lambda: big.health["state"] == "ok", "it says so", 20)


@pytest.mark.parametrize("table", [{}, RAISED], ids=["by itself", "raised"])
def test_a_gigabyte_is_a_dead_letter_and_the_source_goes_on(big: Big, table: dict[str, object]) -> None:
    """Plain and without an end, and packed into a megabyte: under 300 MB, with what to do about it."""
    big.server.handle("/feed", _gigabyte)
    big.start(**table)
    big.wait(lambda: big.dead, "the first is refused")
    big.told("1 GB, plain")
    big.server.serve("/feed", _packed(), Content_Encoding="gzip")
    big.wait(lambda: "decompresses" in str(big.health.get("error")), "the second is refused")
    big.told("and 1 GB, packed")
    # one letter an hour of a kind, which is kept although there are more like it
    [reason] = big.dead
    assert "write an address that gives fewer items" in reason
    assert ("raise max_bytes" in reason) == (not table)
    recovers(big)
    assert big.together <= 300


@pytest.mark.parametrize(
    ("kind", "size", "read"),
    [
        ("rss", 10_000_000, True), ("atom", 10_000_000, True), ("json", 10_000_000, True),
        ("rss", MOST_BYTES, False), ("atom", MOST_BYTES, False), ("json", MOST_BYTES, False),
    ],
)  # fmt: skip
def test_a_feed_of_real_entries_is_read_or_says_why_not(
    big: Big, kind: str, size: int, *, read: bool
) -> None:
    """Thirty thousand entries arrive, sixty thousand are a dead letter: under 300 MB, and the source goes on."""
    body = entries(kind, size)
    assert size * 0.97 < len(body) < size
    big.server.serve("/feed", gzip.compress(body), Content_Encoding="gzip")
    big.start(**RAISED)
    big.wait(lambda: big.health.get("last_success"), "it is read or refused")
    many = body.count(b"about talks")
    big.told(f"{len(body) / 1e6:.0f} MB {kind}, {many:,} entries, {'read' if read else 'refused'}")
    if read:
        assert len(big.stream.snapshot(200_000).deliveries) == many
        assert not big.dead
    else:
        [reason] = big.dead
        assert "an address that gives fewer items" in reason
    recovers(big)
    assert big.together <= 300


def test_each_kind_starts_quickly_and_takes_little_at_rest(tmp_path: Path, redis_server: Server) -> None:
    """From its process's beginning to its first poll 1.5 s at most, and 120 MB afterwards, kind by kind.

    On a slow machine five times as long as a process takes that only imports the libraries.
    """
    world, took = World(tmp_path, redis_server.url), {}
    try:
        for name in world.names:
            world.start(name)
            beside = started(world, name, 0)  # while the rest of `collect` starts too
            alone = []
            for _ in range(2):
                before = world.pid(name)
                kill(before)
                alone.append(started(world, name, before))
            memory = sum(p.memory_info().rss for p in world.processes()[f"source:{name}"]) / 1e6
            told(
                f"{name:<12} first poll after {min(alone):.2f} s, beside all of collect {beside:.2f} s; {memory:.0f} MB"
            )
            world.stop()
            took[name] = min(alone)  # what else the machine does is not the source's fault
            assert memory <= 120, name
    finally:
        world.close()
    limit = max(1.5, 5 * min(importing() for _ in range(3)))
    assert all(seconds <= limit for seconds in took.values()), (limit, took)


def importing() -> float:
    """Seconds of a process that imports the libraries that every source needs."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import aiohttp, msgspec, redis, regex"], check=True)
    return time.monotonic() - began


def started(world: World, name: str, before: int) -> float:
    """Seconds from the beginning of a source's process, which is not the one before, to its first success."""
    said = 0.0

    def well() -> bool:
        nonlocal said
        if name in PUSHED and time.monotonic() - said > 0.1:  # a silent stream is read to the end of a wait
            said = time.monotonic()
            world.say(name)
        fields = world.stream.health.read().get(f"source:{name}", {})
        return fields.get("pid") not in {None, before} and "last_success" in fields

    world.wait(well, f"{name} has polled")
    fields = world.stream.health.read()[f"source:{name}"]
    success = datetime.fromisoformat(str(fields["last_success"])).timestamp()
    return success - psutil.Process(int(str(fields["pid"]))).create_time()
