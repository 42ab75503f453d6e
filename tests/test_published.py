"""Published trends reach every reader, once a bin."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import msgspec

from rtanalytics.event import Event
from rtanalytics.feed import Delivery, Item, Watermark
from rtanalytics.live import PublishedTrends
from rtanalytics.session.trender import publish_trends
from rtanalytics.streams.memory import MemoryStream
from rtanalytics.topics import Trender
from rtanalytics.trend import Trend, TrendBin, decode_bin
from tests.build import BASE


def told(n: int) -> tuple[str, bytes]:
    """Bin number n, as the trender publishes it."""
    start = BASE + n * timedelta(minutes=15)
    bin = TrendBin(start=start, end=start + timedelta(minutes=15), trends=[], messages=n, authors=n)
    return start.isoformat(), msgspec.json.encode(bin)


def test_a_bin_published_by_an_earlier_version_is_read() -> None:
    """The features of its trends and their contributions had other names."""
    trend = Trend(
        bin_start=BASE, bin_end=BASE, rank=1, terms=["x"], label="x", score=1.0, expected=1.0, messages=2,
        authors=2, examples=[], features={"people": 2.0}, contributions={"people": 0.5},
    )  # fmt: skip
    bin = TrendBin(start=BASE, end=BASE, trends=[trend], messages=2, authors=2)
    new = msgspec.json.encode(bin)
    old = new.replace(b'"features"', b'"seen"').replace(b'"contributions"', b'"because"')
    assert decode_bin(new) == decode_bin(old) == bin


def test_a_reader_begins_with_the_newest_bins_and_gets_each_that_follows() -> None:
    """Two readers of one stream are shown the same, and what is no bin stops neither."""
    stream = MemoryStream("published")
    for n in range(30):
        stream.channels.publish("trends", *told(n))
    stream.channels.publish("trends", "nonsense", b"{")
    got: dict[int, list[int]] = {0: [], 1: []}
    readers = [PublishedTrends(stream, last=5) for _ in got]
    come = threading.Barrier(3)

    def read(number: int) -> None:
        for bin in readers[number]:
            got[number].append(bin.messages)
            if bin.messages == 29:
                come.wait(10)
            if bin.messages == 31:
                readers[number].close()

    threads = [threading.Thread(target=read, args=(n,)) for n in got]
    for thread in threads:
        thread.start()
    come.wait(10)
    stream.channels.publish("trends", *told(30))
    stream.channels.publish("trends", *told(30))
    stream.channels.publish("trends", *told(31))
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert got[0] == got[1] == [26, 27, 28, 29, 30, 31]
    assert [r.unreadable for r in readers] == [1, 1]
    assert readers[0].key == readers[1].key == "memory://published#trends"
    assert readers[0].status.state == "ended"
    stream.delete()


def test_the_trender_publishes_an_empty_bin_during_silence_and_none_again_after_a_restart() -> None:
    """Whoever joins sees that nothing trends; a second run adds no bins between those of the first."""
    stream, width = MemoryStream("silence"), timedelta(minutes=15)
    batches: list[list[Item]] = [[
        *(Delivery(n, Event(id=f"x:y:{n}", source="x", text="venv keynote", created_at=BASE + n * timedelta(seconds=9)))
          for n in range(30)),
        Watermark(BASE + 2 * width),
    ], [Watermark(BASE + 3 * width)], [Watermark(BASE + 6 * width)]]  # fmt: skip

    def published() -> list[tuple[datetime, int]]:
        bins = [decode_bin(entry.payload) for entry in stream.channels.read("trends")]
        return [(bin.start, bin.messages) for bin in bins]

    publish_trends(stream, batches, Trender(bin=width, grace=timedelta(0)))
    first = published()
    assert first[0] == (BASE, 30)
    assert [messages for _, messages in first[1:]] == [0] * (len(first) - 1)
    assert first[-1][0] == BASE + 5 * width
    whole = [item for batch in batches for item in batch]
    finer: list[list[Item]] = [
        [item, Watermark(BASE + 4 * width)] if n == 31 else [item] for n, item in enumerate(whole)
    ]
    publish_trends(stream, finer, Trender(bin=width, grace=timedelta(0)))
    assert published() == first
    publish_trends(stream, [*batches, [Watermark(BASE + 7 * width)]], Trender(bin=width, grace=timedelta(0)))
    assert published() == [*first, (BASE + 6 * width, 0)]
    stream.delete()
