"""Twelve sources together, of which one after the other is treated badly: nothing is lost or doubled, and the
others do not notice. ``make faults`` prints what it measures.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from rtanalytics.archive import Recording
from rtanalytics.streams.server import Server
from tests.faults.world import PUSHED, World
from tests.processes import kill

pytestmark = pytest.mark.slow


@pytest.fixture
def calm(tmp_path: Path, redis_server: Server) -> Iterator[World]:
    """Every kind asks as often as it does by itself."""
    world = World(tmp_path, redis_server.url)
    yield world
    world.close()


@pytest.fixture
def world(tmp_path: Path, redis_server: Server) -> Iterator[World]:
    """Asked every second."""
    world = World(tmp_path, redis_server.url, every="1s")
    yield world
    world.close()


def quantiles(values: list[float]) -> str:
    if not values:
        return "none"
    return f"median {statistics.median(values):.2f} s, worst {values[-1]:.2f} s of {len(values)}"


def told(*said: object) -> None:
    print(*said, flush=True)  # what `make faults` is run for


@pytest.mark.timeout(400)
def test_what_twelve_sources_cost(calm: World) -> None:
    """A minute at 20 events a second: memory of each, and the processor's share of all together."""
    told(f"\nstart of {len(calm.names)} sources: {calm.start():.1f} s until all are well")
    time.sleep(40)  # parsers that are not needed are let go after 30 s
    found = calm.processes()
    before = {name: sum(sum(p.cpu_times()[:2]) for p in group) for name, group in found.items()}
    began = time.monotonic()
    calm.chatter(60, 20, list(PUSHED))
    passed = time.monotonic() - began
    shares = {}
    for name, group in found.items():
        shares[name] = (sum(sum(p.cpu_times()[:2]) for p in group if p.is_running()) - before[name]) / passed
        memory = [p.memory_info().rss / 2**20 for p in group if p.is_running()]
        told(f"{name:<20} {memory[0]:6.0f} MB {shares[name]:7.2%} of a core")
        if name.startswith("source:"):
            assert memory[0] <= 120, name
    sources = sum(share for name, share in shares.items() if name.startswith("source:"))
    told(f"sources together {sources:.1%}, everything {sum(shares.values()):.1%} of one core of two")
    calm.wait(lambda: not calm.missing(*PUSHED), "all has come")
    assert not calm.doubled()
    for name in PUSHED:
        told(f"{name:<20} {quantiles(calm.latencies(name, 0))}")


@pytest.mark.timeout(600)
def test_each_is_killed_starved_and_fed_garbage_and_those_that_push_are_flooded(world: World) -> None:
    """Nothing that was there is lost, nothing comes twice, and the others come as before."""
    world.start()
    for name in world.names:
        world.say(name, 3)
    world.wait(lambda: not world.missing(), "the first have come", 60)

    def others(fault: str, since: float, *hurt: str) -> None:
        world.wait(lambda: not world.missing(*(n for n in world.names if n not in hurt)), "of others", 20)
        late = [t for n in world.names if n not in hurt for t in world.latencies(n, since)]
        told(f"  others while {fault}: {quantiles(sorted(late))}")

    since = time.monotonic()
    world.chatter(15, 6, world.names, seed=2)
    others("nothing happens", since)

    told("kill -9:")
    since = time.monotonic()
    for name in world.names:
        began, killed = time.monotonic(), datetime.now(UTC)
        kill(world.pid(name))
        if name == "irc":  # what is said while nobody is there is a gap: this server keeps no history
            world.wait(lambda: world.well(name, killed), "irc is there again")  # noqa: B023
        world.say(name, 2)
        world.wait(lambda: not world.missing(name), f"{name} is back")  # noqa: B023
        told(f"  {name:<12} back after {time.monotonic() - began:.2f} s")
        world.chatter(0.5, 6, [n for n in world.names if n != name])
    others("each was killed in turn", since)

    for fault in ("silent", "garbage", "away"):
        told(f"{fault}:")
        since = time.monotonic()
        for number, (name, service) in enumerate(world.outside.items()):
            silent = asyncio.Event()

            async def hang(_: web.Request, silent: asyncio.Event = silent) -> web.Response:
                await silent.wait()
                return web.Response(status=503)

            if fault == "silent":
                service.fault = hang
            elif fault == "garbage":
                service.fail(200, b"\x00<html>[{", Content_Type="text/html")
            else:
                world.do(service.stop())
            began = time.monotonic()
            world.say(name, 2)
            world.chatter(2.5, 6, [n for n in world.names if n != name], seed=number)
            world.hurt(name, began - 1.1)  # what it was to be asked for next
            if fault == "away":
                world.do(service.start())
            service.fault = None
            world.loop.call_soon_threadsafe(silent.set)
            took = world.wait(lambda: not world.missing(name), f"{name} has recovered", 60)  # noqa: B023
            told(f"  {name:<12} recovered in {took:.2f} s, {world.state(name)}")
        others(f"each was {fault}", since)

    told("flood of 5,000 a second for 3 s:")
    for name in PUSHED:
        since = time.monotonic()
        for _ in range(30):
            started = time.monotonic()
            world.say(name, 500)
            world.say(world.names[int(started * 10) % 9])
            time.sleep(max(0.0, 0.1 - (time.monotonic() - started)))
        rate = 15_000 / (time.monotonic() - since)
        took = world.wait(lambda: not world.missing(name), f"all of {name}", 120)  # noqa: B023
        told(f"  {name}: said {rate:,.0f}/s, all there {took:.1f} s later")
        others(f"{name} was flooded", since, name)
    assert not world.missing()
    assert not world.doubled()
    assert world.process is not None
    world.process.terminate()
    world.process.wait(30)
    kept = [e.id for e in Recording(world.folder / "archive") if e.type != "gap"]
    expected = sum(len(numbers) for numbers in world.put.values())
    told(f"{expected:,} items said, {len(kept):,} events recorded")
    assert len(kept) == len(set(kept)) >= expected
