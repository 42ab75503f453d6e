"""The append step beside a plain redis-py pipeline of 1,000 XADDs that removes no duplicates.

Both write the same packets to the same server with the same fsync setting, in turns, so that
what else the machine does hits both. Prints events per second of each round and the ratio of
the medians.

    python benchmarks/append.py [--events 50000] [--rounds 7]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import redis

from rtanalytics.event import Author, Event, encode
from rtanalytics.streams.redis import RedisStream
from rtanalytics.streams.server import EmbeddedServer


def packets(n: int) -> list[Event]:
    """Events of the size of a post: about 330 bytes as packets."""
    start = datetime(2026, 5, 15, 9, tzinfo=UTC)
    words = "the speaker says that the new parser is twice as fast on real projects, see the slides"
    return [
        Event(
            id=f"twitter::{10**18 + i}", source="twitter", author=Author(handle=f"user{i % 997}"),
            text=f"{words} {i}", created_at=start + timedelta(seconds=i / 10), producer="bench", seq=i + 1,
        )
        for i in range(n)
    ]  # fmt: skip


def ours(url: str, events: list[Event], name: str) -> float:
    """Seconds for batches of 1,000 through the append script."""
    stream = RedisStream(url, name)
    started = time.perf_counter()
    for first in range(0, len(events), 1000):
        stream.append(events[first : first + 1000])
    seconds = time.perf_counter() - started
    stream.delete()
    return seconds


def plain(url: str, events: list[Event], name: str) -> float:
    """Seconds for the same packets through pipelines of 1,000 XADDs."""
    client = redis.Redis.from_url(url)
    started = time.perf_counter()
    for first in range(0, len(events), 1000):
        pipe = client.pipeline(transaction=False)
        for event in events[first : first + 1000]:
            pipe.xadd(name, {"e": encode(event)})
        pipe.execute()
    seconds = time.perf_counter() - started
    client.unlink(name)
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    events = packets(args.events)
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder) / "server") as server:
        rates: dict[str, list[float]] = {"ours": [], "plain": []}
        for number in range(args.rounds):
            for work in (ours, plain) if number % 2 else (plain, ours):
                seconds = work(server.url, events, f"bench{number}")
                rates[work.__name__].append(len(events) / seconds)
    for name, found in rates.items():
        rounds = ", ".join(f"{rate:,.0f}" for rate in found)
        print(f"{name:<6} {statistics.median(found):>9,.0f} events/s   rounds: {rounds}")
    ratio = statistics.median(rates["ours"]) / statistics.median(rates["plain"])
    print(f"ratio of the append script to a plain pipeline: {ratio:.2f}")


if __name__ == "__main__":
    main()
