"""Twelve services on loopback, whose items a test puts there, and ``collect`` reading them all."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from aiohttp import web

from rtanalytics.event import Event
from rtanalytics.feed import Delivery
from rtanalytics.sources import spec_from_table
from rtanalytics.streams.redis import RedisStream
from tests.contracts.source import SECRET, Harness, Outside
from tests.sources.irc_servers import IrcServer
from tests.sources.server import item, rss
from tests.sources.test_bluesky import Jetstream, post
from tests.sources.test_contract import FeedHarness, GitHubHarness
from tests.sources.test_discourse import Forum
from tests.sources.test_flickr import Flickr
from tests.sources.test_hackernews import HackerNews
from tests.sources.test_mastodon import Streaming, status
from tests.sources.test_reddit import RedditHarness
from tests.sources.test_stackexchange import StackExchange

__all__ = ["PUSHED", "World"]

PUSHED = ("mastodon", "bluesky", "irc")
"""Those that say at once what is new."""


class Blog(FeedHarness):
    """One of several feeds, with the hundred newest items."""

    def __init__(self, name: str) -> None:
        self.name = name

    def table(self, url: str) -> dict[str, Any]:
        return {"url": f"{url}/{self.name}", "key": f"{self.name}.example", "allow_private": True}

    async def answer(self, request: web.Request, items: list[int]) -> web.StreamResponse:
        tag = f'"{len(items)}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        newest = items[:-101:-1]
        body = rss(*(item(f"n{n}", f"Item {n}", day=1 + n % 28) for n in newest))
        return web.Response(body=body, headers={"ETag": tag}, content_type="application/rss+xml")


class World:
    """The services, a conference that reads them, and what has come of each item.

    Parameters
    ----------
    folder : Path
        For the conference.
    url : str
        The Redis server.
    every : str, optional
        How often to ask; else as often as each kind does by itself.
    """

    def __init__(self, folder: Path, url: str, every: str | None = None) -> None:
        self.folder, self.url = folder, url
        self.put: dict[str, dict[int, float]] = defaultdict(dict)
        self.came: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.spared: dict[str, set[int]] = defaultdict(set)
        self.harnesses: dict[str, Harness] = {
            "planet": Blog("planet"), "news": Blog("news"), "club": Blog("club"), "github": GitHubHarness(),
            "hackernews": HackerNews(), "forum": Forum(), "reddit": RedditHarness(), "stack": StackExchange(),
            "flickr": Flickr(),
        }  # fmt: skip
        self.outside: dict[str, Outside] = {}
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.mastodon, self.jetstream = Streaming(), Jetstream()
        (folder / "irc").mkdir(parents=True)
        self.irc = IrcServer("inspircd", folder / "irc")
        self.do(self._start())
        self.stream = RedisStream(url, "world")
        self.stream.delete()
        self._write(every, *self.names)
        self._every = every
        self._feed = self.stream.follow()
        threading.Thread(target=self._listen, daemon=True).start()
        self._socket = socket.create_connection(("127.0.0.1", self.irc.port))
        self._say("NICK speaker", "USER s 0 * s")
        self.process: subprocess.Popen[bytes] | None = None

    # -- the services ----------------------------------------------------------------------

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something in the services' loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    async def _start(self) -> None:
        for name, harness in self.harnesses.items():
            self.outside[name] = await Outside(harness).__aenter__()
        await self.mastodon.start()
        await self.jetstream.__aenter__()

    @property
    def names(self) -> list[str]:
        """All sources."""
        return [*self.harnesses, *PUSHED]

    def say(self, name: str, count: int = 1) -> None:
        """Put the next items of a source there."""
        numbers = range(len(self.put[name]) + 1, len(self.put[name]) + 1 + count)
        self.put[name].update(dict.fromkeys(numbers, time.monotonic()))
        if name == "irc":
            self._say(*(f"PRIVMSG #pycon :line {n}" for n in numbers))
        else:
            self.loop.call_soon_threadsafe(self._add, name, numbers)

    def _add(self, name: str, numbers: range) -> None:
        if name == "mastodon":
            for n in numbers:
                self.mastodon.post(status(n, f"<p>toot {n}</p>"))
        elif name == "bluesky":
            now = time.time_ns() // 1000
            self.jetstream.log += [
                {**post(n, f"skeet {n} #pycon"), "time_us": now + n - numbers[0]} for n in numbers
            ]
        else:
            self.outside[name].items += numbers

    def _say(self, *lines: str) -> None:
        self._socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    # -- the conference --------------------------------------------------------------------

    def _write(self, every: str | None, *names: str) -> None:
        tables: dict[str, dict[str, Any]] = {}
        for name, harness in self.harnesses.items():
            tables[name] = {"type": harness.kind, **harness.table(self.outside[name].url(""))}
            tables[name] |= {"timeout": "2s"} if every is None else {"every": every, "timeout": "2s"}
        tables["mastodon"] = {
            "type": "mastodon", "url": self.mastodon.url(""), "tag": "pycon", "key": "m.example/tags/pycon",
            "token": "env:MASTODON_TOKEN", "stream": True, "allow_private": True,
        }  # fmt: skip
        tables["bluesky"] = {
            "type": "bluesky", "tags": ["PyCon"], "hosts": [self.jetstream.url()], "allow_private": True
        }  # fmt: skip
        tables["irc"] = {
            "type": "irc", "host": "127.0.0.1", "port": self.irc.port, "tls": False, "nick": "reader",
            "channels": ["#pycon"], "allow_private": True, "network": "net",
        }  # fmt: skip
        lines = ['name = "world"', f'stream = "{self.url}"', 'archive = "archive"']
        self.producers = {}
        for name in names:
            table = tables[name] | {"name": name}
            lines += ["[[source]]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
            self.producers[spec_from_table(table).producer] = name
        (self.folder / "conference.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def start(self, *names: str) -> float:
        """Start ``collect`` with some sources, or all; the seconds until each has been heard of."""
        began = time.monotonic()
        if names:
            self._write(self._every, *names)
        env = {
            **os.environ,
            "CONTRACT_SECRET": SECRET,
            "MASTODON_TOKEN": SECRET,
            "RTANALYTICS_HOME": str(self.folder),
        }
        log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rtanalytics", "collect", self.folder / "conference.toml", "--backoff-cap", "1"],
            stdout=log, stderr=log, env=env,
        )  # fmt: skip
        self.wait(lambda: all(self.state(name) == "ok" for name in names or self.names), "all are well", 90)
        self._say("JOIN #pycon")
        time.sleep(0.5)
        return time.monotonic() - began

    def stop(self) -> None:
        """End ``collect`` in good order."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def state(self, name: str) -> str:
        """What a source says of itself."""
        return str(self.stream.health.read().get(f"source:{name}", {}).get("state"))

    def well(self, name: str, since: datetime) -> bool:
        """True if a source has said after a moment that it is well."""
        fields = self.stream.health.read().get(f"source:{name}", {})
        return fields.get("state") == "ok" and datetime.fromisoformat(str(fields["at"])) > since

    def pid(self, name: str) -> int:
        """Of a source's process."""
        return int(str(self.stream.health.read()[f"process:source:{name}"]["pid"]))

    def processes(self) -> dict[str, list[psutil.Process]]:
        """The processes of each source, its parser's included, and of the rest of ``collect``."""
        assert self.process is not None
        found = {"collect": [psutil.Process(self.process.pid)]}
        for name, fields in self.stream.health.read().items():
            if name.startswith("process:") and fields.get("pid"):
                process = psutil.Process(int(str(fields["pid"])))
                found[name.removeprefix("process:")] = [process, *process.children(recursive=True)]
        return found

    def _listen(self) -> None:
        for told in self._feed:
            if isinstance(told, Delivery):
                event = told.event
                name = self.producers.get(event.producer, "?")
                if (number := self._number(name, event)) is not None:
                    self.came[name][number].append(time.monotonic())

    def _number(self, name: str, event: Event) -> int | None:
        if name in self.harnesses:
            return self.harnesses[name].number(event)
        word, _, number = (event.text or "").partition(" ")
        number = number.partition(" ")[0]
        return int(number) if word in {"toot", "skeet", "line"} and number.isdigit() else None

    # -- what came -------------------------------------------------------------------------

    def missing(self, *names: str) -> dict[str, int]:
        """How many items of each source have not come."""
        left = {name: len(self.put[name].keys() - self.came[name].keys()) for name in names or self.names}
        return {name: n for name, n in left.items() if n}

    def doubled(self) -> dict[str, int]:
        """How many items came more than once."""
        found = {name: sum(len(times) > 1 for times in self.came[name].values()) for name in self.names}
        return {name: n for name, n in found.items() if n}

    def hurt(self, name: str, since: float) -> None:
        """Leave a source's items since a moment out of the latencies: it was treated badly."""
        self.spared[name] |= {n for n, at in self.put[name].items() if at >= since}

    def latencies(self, name: str, since: float) -> list[float]:
        """Seconds from being there to having come, of items put there after a moment."""
        return sorted(
            self.came[name][n][0] - at
            for n, at in self.put[name].items()
            if at >= since and self.came[name][n] and n not in self.spared[name]
        )

    def wait(self, done: Callable[[], object], what: str, seconds: float = 30) -> float:
        """Wait for it; how long that took."""
        began = time.monotonic()
        while not done():
            assert time.monotonic() - began < seconds, f"{what}: not within {seconds} s; {self.missing()}"
            time.sleep(0.02)
        return time.monotonic() - began

    def chatter(self, seconds: float, rate: float, names: list[str], seed: int = 1) -> None:
        """Items of random sources, so many a second, for a while."""
        chance, until = random.Random(seed), time.monotonic() + seconds
        while time.monotonic() < until:
            self.say(chance.choice(names))
            time.sleep(chance.expovariate(rate))

    def close(self) -> None:
        """End everything."""
        self.stop()
        self._feed.close()
        self._socket.close()
        self.irc.kill()

        async def end() -> None:
            for service in self.outside.values():
                await service.stop()
            self.mastodon.end()
            await self.mastodon.stop()
            await self.jetstream.__aexit__()

        self.do(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.stream.delete()


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return str(value) if isinstance(value, int | float) else f'"{value}"'
