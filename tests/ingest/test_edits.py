"""What is edited or deleted outside changes everywhere: in the stream, the archive, the counts and an open view."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from rtanalytics.archive import Recording
from rtanalytics.counts import TermCounts
from rtanalytics.feed import Delivery
from rtanalytics.ingest.recorder import record
from rtanalytics.ingest.runner import Outcome, run_source
from rtanalytics.live import FeedState
from rtanalytics.retry import RetryPolicy
from rtanalytics.sources.base import SourceSpec
from rtanalytics.streams.redis import RedisStream
from tests.processes import until
from tests.sources.server import FeedServer, item, rss
from tests.sources.test_bluesky import Jetstream, post
from tests.sources.test_bluesky import spec as sky
from tests.sources.test_mastodon import Streaming, status

SOON = RetryPolicy(first=timedelta(milliseconds=50), cap=timedelta(milliseconds=200))


class Blog:
    """A feed, whose items are edited; it cannot say that one is deleted."""

    deletes = False

    def __init__(self) -> None:
        self.server = FeedServer()

    def spec(self) -> SourceSpec:
        return self.server.spec(every=timedelta(milliseconds=50))

    def begin(self) -> None:
        self._serve("a walrus sings")

    def change(self) -> None:
        self._serve("a marmot sings")

    def _serve(self, first: str) -> None:
        body = rss(item("n1", first), item("n2", "a badger digs"), item("n3", "a heron waits"))
        self.server.serve("/feed", body)


class Toots:
    """Mastodon with its stream."""

    deletes = True

    def __init__(self) -> None:
        self.server = Streaming()

    def spec(self) -> SourceSpec:
        return self.server.spec()

    def begin(self) -> None:
        for n, text in enumerate(("a walrus sings", "a badger digs", "a heron waits"), start=1):
            self.server.post(status(n, f"<p>{text}</p>"))

    def change(self) -> None:
        edited = status(1, "<p>a marmot sings</p>", edited_at="2026-05-15T10:00:00Z")
        self.server.say("status.update", edited)
        self.server.say("delete", "1002")


class Skeets:
    """Bluesky."""

    deletes = True

    def __init__(self) -> None:
        self.server = Jetstream()

    def spec(self) -> SourceSpec:
        return sky(self.server)

    def begin(self) -> None:
        for n, text in enumerate(("a walrus sings", "a badger digs", "a heron waits"), start=1):
            self.server.log.append(post(n, f"{text} #pycon"))

    def change(self) -> None:
        edited = post(10, "a marmot sings #pycon", operation="update", rkey="r1")
        self.server.log += [edited, post(11, operation="delete", rkey="r2")]


class Onlookers:
    """Whoever looks on while it happens: a view, counts, and the recorder, each in a thread."""

    def __init__(self, stream: RedisStream, folder: Path) -> None:
        self.rows: dict[str, str] = {}
        self.recorded = 0
        self.counts = TermCounts(timedelta(minutes=15))
        self._view, self._stop, self._feed = FeedState(), threading.Event(), stream.follow("start")
        self._threads = [
            threading.Thread(target=self._look),
            threading.Thread(
                target=record,
                args=(stream, folder),
                kwargs={
                    "stop": self._stop,
                    "flush_every": timedelta(milliseconds=50),
                    "progress": self._note,
                },
            ),
        ]
        for thread in self._threads:
            thread.start()

    def _note(self, events: int) -> None:
        self.recorded = events

    def _look(self) -> None:
        for items in self._feed.batches():
            self.counts.add([told.event for told in items if isinstance(told, Delivery)])
            patch = self._view.apply(items)
            for gone in patch["removed"]:
                self.rows.pop(gone, None)
            self.rows.update(
                {row["id"]: row["text"] or row["title"] for row in patch["added"] + patch["changed"]}
            )

    @property
    def words(self) -> set[str]:
        """The terms that are counted."""
        keys, cells = self.counts.vocabulary.keys, self.counts.cells("messages")
        return {keys[term] for term in cells.terms.tolist()}

    def end(self) -> None:
        self._stop.set()
        self._feed.close()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()


@pytest.mark.parametrize("kind", [Blog, Toots, Skeets])
def test_an_edit_and_a_delete_reach_all_who_look_on(
    kind: type[Blog | Toots | Skeets],
    redis_url: str,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first of three is edited and the second deleted; nothing of what they were is left anywhere."""
    monkeypatch.setenv("MASTODON_TOKEN", "the-token-of-a-test")
    stream, folder = RedisStream(redis_url, prefix), tmp_path / "archive"
    onlookers = Onlookers(stream, folder)
    kept = ["heron", "marmot"] if kind.deletes else ["badger", "heron", "marmot"]
    former = {"walrus", "badger", "marmot", "heron"} - set(kept)

    def told(texts: object, words: list[str]) -> bool:
        return sorted(w for t in texts for w in ("walrus", "marmot", "badger", "heron") if w in t) == words

    def shown(words: list[str]) -> Callable[[], bool]:
        return lambda: told(onlookers.rows.values(), words)

    async def run() -> None:
        service, stop = kind(), asyncio.Event()
        async with service.server:
            source = asyncio.create_task(run_source(service.spec(), stream, stop=stop, retry_policy=SOON))
            try:
                if kind is Skeets:
                    while not service.server.asked:
                        await asyncio.sleep(0.01)
                service.begin()
                await asyncio.to_thread(
                    until, shown(["badger", "heron", "walrus"]), "all three are shown", 30
                )
                service.change()
                await asyncio.to_thread(until, shown(kept), "the changes are shown", 30)
                changes = 5 if kind.deletes else 4
                await asyncio.to_thread(until, lambda: onlookers.recorded == changes, "all is recorded", 30)
            finally:
                stop.set()
                assert await asyncio.wait_for(source, 20) is Outcome.STOPPED

    try:
        asyncio.run(asyncio.wait_for(run(), 120))
    finally:
        onlookers.end()
    texts = [event.body for event in Recording(folder)]
    assert told(texts, kept)
    frame = pd.read_parquet(folder)
    assert told([f"{text} {title}" for text, title in zip(frame["text"], frame["title"], strict=True)], kept)
    assert told((d.event.body for d in stream.snapshot(100).deliveries), kept)
    assert {"heron", "marmot"} <= onlookers.words
    assert not former & onlookers.words
    stream.delete()
