"""What a source's process takes, at rest and under feeds that are meant to harm it."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import sys
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from tests.sources.server import FeedServer, endless, item, rss

# The process as it runs: one source, one stream, nothing of the tests in it.
CHILD = """
import asyncio, json, sys
import psutil
from rtanalytics.retry import RetryPolicy
from rtanalytics.ingest.runner import run_source
from rtanalytics.sources import spec_from_table
import rtanalytics.streams.redis  # as it is with a server
from rtanalytics.streams.memory import MemoryStream

def most(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            return next((int(line.split()[1]) / 1000 for line in file if line.startswith("VmHWM")), 0.0)
    except OSError:  # a parser that has ended meanwhile
        return 0.0

def family():
    me = psutil.Process()
    return [me, *me.children(recursive=True)]

async def main():
    stream, stop, most_mb = MemoryStream("limits"), asyncio.Event(), 0.0
    spec = spec_from_table(json.loads(sys.argv[1]))
    task = asyncio.ensure_future(run_source(spec, stream, stop=stop))
    while "last_success" not in stream.health.read().get("source:" + spec.name, {}):
        most_mb = max(most_mb, sum(most(p.pid) for p in family()))
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    print(json.dumps({
        "most_mb": most_mb,
        "now_mb": sum(p.memory_info().rss for p in family()) / 1e6,
        "processes": len(family()),
        "heavy": sorted({"pandas", "pyarrow", "numpy", "scipy", "matplotlib", "numba"} & set(sys.modules)),
        "events": len(stream.snapshot(100_000).deliveries),
        "dead": [letter.reason for letter in stream.dead_letters.read("feeds")],
        "raw": [len(letter.raw) for letter in stream.dead_letters.read("feeds")],
        "state": stream.health.read()["source:" + spec.name]["state"],
    }))
    stop.set()
    await task

asyncio.run(main())
"""


def measured(prepare: Callable[[FeedServer], Any], **table: Any) -> dict[str, Any]:
    """One poll of a source in a process of its own, and what that took."""

    async def run():
        async with FeedServer() as server:
            prepare(server)
            table_ = {"type": "feed", "name": "big", "url": server.url(), "allow_private": True, **table}
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                CHILD,
                json.dumps(table_),
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            )
            out, _ = await asyncio.wait_for(process.communicate(), 120)
            assert process.returncode == 0
            return json.loads(out)

    return asyncio.run(run())


@pytest.mark.parametrize(("every", "processes"), [("5min", 1), ("5s", 2)])
def test_at_rest_a_source_is_small(every, processes):
    """Under 120 MB after a poll, a parser that is soon needed again included; no table library in it."""
    feed = rss(*(item(str(n)) for n in range(50)))
    told = measured(lambda server: server.serve("/feed", feed), every=every)
    assert (told["events"], told["dead"], told["state"]) == (50, [], "ok")
    assert told["heavy"] == []
    assert told["processes"] == processes
    assert told["now_mb"] < 120


@pytest.mark.parametrize("announced", [True, False])
def test_a_feed_of_a_gigabyte_is_a_dead_letter(announced):
    """Announced or endless: its beginning is kept, the process stays under 300 MB."""
    chunk = b"<item><title>" + b"x" * 1_000_000 + b"</title></item>"

    async def huge(request: web.Request) -> web.StreamResponse:
        if not announced:
            return await endless(request, chunk, 1_000_000_000)
        response = web.StreamResponse(headers={"Content-Length": "1000000000"})
        await response.prepare(request)
        try:
            for _ in range(1_000):
                await response.write(chunk[:1_000_000])
        except ConnectionError:
            return response
        return response

    told = measured(lambda server: server.handle("/feed", huge))
    assert len(told["dead"]) == 1
    assert "10,000,000" in told["dead"][0]
    assert told["raw"] == [64_000]
    assert (told["events"], told["state"]) == (0, "degraded")
    assert told["most_mb"] < 300


def test_a_gzip_bomb_is_a_dead_letter():
    """300 MB in 300 kB: unpacked to the limit and no further."""
    maker = zlib.compressobj(9, wbits=31)
    bomb = b"".join(maker.compress(bytes(10_000_000)) for _ in range(30)) + maker.flush()
    told = measured(lambda server: server.serve("/feed", bomb, Content_Encoding="gzip"))
    assert "decompresses to more than the limit" in told["dead"][0]
    assert told["state"] == "degraded"
    assert told["most_mb"] < 300


def test_the_largest_feed_that_is_taken_stays_within_bounds():
    """Just under 10 MB, packed: its items arrive, and the two processes stay under 300 MB."""
    body = rss(*(item(str(n), more=f"<description>{'word ' * 2_000}</description>") for n in range(900)))
    assert 9_000_000 < len(body) < 10_000_000
    told = measured(
        lambda server: server.serve("/feed", gzip.compress(body), Content_Encoding="gzip"), budget="60s"
    )
    assert (told["events"], told["dead"]) == (900, [])
    assert told["most_mb"] < 300
