"""The test that DjangoDose would have failed: viewers come and go, and the server dies once."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path

from rtanalytics.feed import Delivery
from rtanalytics.streams import StreamPosition, StreamUnavailable
from rtanalytics.streams.redis import RedisStream
from rtanalytics.streams.server import ensure_server, stop_server
from tests.contracts.stream import made

EVENTS, VIEWERS = 5_000, 20


class Viewer(threading.Thread):
    """Joins with a snapshot, drops at random and comes back with the position it wrote down."""

    def __init__(self, number: int, url: str, name: str) -> None:
        super().__init__(daemon=True)
        self.chance = random.Random(number)
        self.url, self.name_of_stream = url, name
        self.shown: list[int] = []
        self.drops = 0
        self.joined_at = self.chance.random() * 2.0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.watch()
        except BaseException as error:
            self.error = error
            raise

    def watch(self) -> None:
        time.sleep(self.joined_at)
        stream = RedisStream(self.url, self.name_of_stream)
        while True:
            try:
                feed = stream.follow()
                snapshot = feed.snapshot(50)
                break
            except StreamUnavailable:
                time.sleep(0.05)
        self.shown += [int(d.event.id[6:]) for d in snapshot.deliveries]
        position = snapshot.position
        while not (self.shown and self.shown[-1] == EVENTS - 1):
            stay = self.chance.randrange(50, 900)
            for item in feed:
                if isinstance(item, Delivery):
                    self.shown.append(int(item.event.id[6:]))
                    position = item.position
                    stay -= 1
                    if stay == 0 or self.shown[-1] == EVENTS - 1:
                        break
            feed.close()
            stored = str(position)
            self.drops += 1
            time.sleep(self.chance.random() * 0.2)
            while True:
                try:
                    feed = RedisStream(self.url, self.name_of_stream).follow(StreamPosition.parse(stored))
                    break
                except StreamUnavailable:
                    time.sleep(0.05)


def test_each_viewer_sees_its_snapshot_and_everything_after_it_once(tmp_path: Path) -> None:
    """20 viewers, 5,000 events, drops at random, one kill -9 of the server in the middle."""
    server = ensure_server(tmp_path / "server")
    try:
        viewers = [Viewer(n, server.url, "dose") for n in range(VIEWERS)]
        for viewer in viewers:
            viewer.start()
        writer = RedisStream(server.url, "dose")
        scope = writer.open_scope("test", "maker")
        killed, first = False, 0
        while first < EVENTS:
            if first >= EVENTS // 2 and not killed:
                killed = True
                os.kill(server.pid, signal.SIGKILL)
                again = ensure_server(tmp_path / "server")
                assert again.url == server.url
                assert again.pid != server.pid
            try:
                writer.append([made(n) for n in range(first, first + 20)], scope, str(first + 20).encode())
                first += 20
            except StreamUnavailable:
                # as a source does: what the server still knows of the cursor is where to go on
                time.sleep(0.02)
                scope = writer.open_scope("test", "maker")
                first = int(scope.cursor or 0)
            time.sleep(0.01)
        for viewer in viewers:
            viewer.join(60)
            assert not viewer.is_alive(), f"stopped at {viewer.shown[-1:]}"
            assert viewer.error is None
            assert viewer.shown == list(range(viewer.shown[0], EVENTS))
        assert killed
        assert sum(viewer.drops for viewer in viewers) > VIEWERS
        assert len({viewer.shown[0] for viewer in viewers}) > 5, "they joined at different times"
    finally:
        stop_server(tmp_path / "server")
