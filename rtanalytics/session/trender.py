"""The trender: one process per conference that publishes trends, so that all views show the same.

It reads the archive in the order in which messages were received, and then goes on in the stream
where the archive ends. A published bin is final: a second one of the same time is refused.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rtanalytics.feed import FOREVER, Item, Reset, Watermark
from rtanalytics.ingest.workers import REPORT_EVERY
from rtanalytics.live.published import CHANNEL
from rtanalytics.settings import Settings
from rtanalytics.streams import EventStream, StreamPosition, StreamUnavailable, open_stream
from rtanalytics.trend import TrendBin, decode_bin

if TYPE_CHECKING:
    from rtanalytics.topics import Trender

__all__ = ["CHANNEL", "everything", "publish_trends", "trender_worker"]


def trender_worker(url: str, name: str, folder: Path, settings: Settings) -> None:
    """Publish trends until SIGTERM.

    It may be killed at any moment, also while numba compiles: a bin is published in one step, and
    everything else is computed again from the archive and the stream.
    """
    from rtanalytics.topics import Trender

    stream = open_stream(name, url)
    publish_trends(stream, everything(stream, folder), Trender(settings))


def publish_trends(stream: EventStream, batches: Iterable[list[Item]], trender: Trender) -> None:
    """Publish the trends of batches of items, and an empty bin when nobody posted in the newest one."""
    reported, bins = 0.0, 0
    newest = _newest_published(stream)
    for items in batches:
        if any(isinstance(item, Reset) for item in items):
            newest = None
        for bin in trender.push(items, empty=True):
            if not bin.messages and newest is not None and bin.start <= newest:
                continue  # an empty bin among those that an earlier run of the process published
            _publish(stream, bin)
            newest = bin.start if newest is None else max(newest, bin.start)
            bins += 1
        if time.monotonic() - reported >= REPORT_EVERY:
            reported = time.monotonic()
            _report_health(stream, bins)


def everything(stream: EventStream, folder: Path) -> Iterator[list[Item]]:
    """Yield the events of the archive in order of reception, then those that the stream has after them."""
    position: StreamPosition | str = "start"
    if folder.is_dir() and any(folder.glob("day=*")):
        from rtanalytics.archive import Recording
        from rtanalytics.replay import replay

        archive = Recording(folder)
        # the position before the events: what is committed in between is then read twice, which
        # a trender ignores, instead of never
        recorded = archive.positions.get(stream.key)
        position = StreamPosition.parse(recorded) if recorded else "start"
        for batch in replay(archive, "max").batches():
            yield [item for item in batch if not (isinstance(item, Watermark) and item.time == FOREVER)]
    yield from stream.follow(position).batches()


def _newest_published(stream: EventStream) -> datetime | None:
    """Return the start of the newest bin on the channel, or None."""
    newest, place = None, "0-0"
    while True:
        try:
            page = stream.channels.read(CHANNEL, place)
        except StreamUnavailable:
            time.sleep(0.2)
            continue
        if not page:
            return newest
        place = page[-1].id
        for entry in page:
            start = decode_bin(entry.payload).start
            newest = start if newest is None else max(newest, start)


def _publish(stream: EventStream, bin: TrendBin) -> None:
    """Publish a bin; retry until it succeeds, because the bin is stored nowhere else."""
    payload = msgspec.json.encode(bin)
    while True:
        try:
            stream.channels.publish(CHANNEL, f"{bin.start.isoformat()}/{bin.end.isoformat()}", payload)
            return
        except StreamUnavailable:
            time.sleep(0.2)


def _report_health(stream: EventStream, bins: int) -> None:
    fields: dict[str, object] = {"state": "ok", "bins": bins, "at": datetime.now(UTC).isoformat()}
    try:
        stream.health.report("trender", fields)
    except StreamUnavailable:
        return  # the next report follows in a few seconds
