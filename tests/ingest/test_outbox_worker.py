"""What people send goes out through their source, once, while it is being polled."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from rtanalytics.ingest import outbox_worker
from rtanalytics.ingest.runner import Outcome, run_source
from rtanalytics.sources import KINDS
from rtanalytics.streams.memory import MemoryStream
from rtanalytics.streams.redis import RedisStream
from tests.ingest.talking import OFFLINE, SAID, TIMES, TalkingSpec
from tests.processes import kill, until


@pytest.fixture(autouse=True)
def _talking(monkeypatch):
    monkeypatch.setitem(KINDS, "talking", "tests.ingest.talking")
    yield
    OFFLINE.clear()
    SAID.clear()
    TIMES.clear()


@contextlib.contextmanager
def running(stream, nick="ada", server="hub", name="room"):
    """A source that runs in a thread of its own; gives a function that stops it and says how it ended."""
    loop, ended = asyncio.new_event_loop(), []
    stop = asyncio.Event()
    spec = TalkingSpec(name=name, nick=nick, server=server)

    def live():
        ended.append(loop.run_until_complete(run_source(spec, stream, stop=stop)))
        loop.run_until_complete(loop.shutdown_default_executor())

    thread = threading.Thread(target=live)
    thread.start()

    def end():
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        return ended

    try:
        yield end
    finally:
        if thread.is_alive():
            end()
        loop.close()


@pytest.fixture(params=["memory", "redis"])
def stream(request, prefix):
    """The same on both transports."""
    if request.param == "memory":
        yield MemoryStream(prefix)
        return
    made = RedisStream(request.getfixturevalue("redis_url"), prefix)
    yield made
    made.delete()
    made.close()


def said(body, kind="message", to="#room"):
    return {"type": kind, "to": to, "body": body}


def seen(stream, kind="message"):
    return [d.event.text for d in stream.snapshot(1000).deliveries if d.event.type == kind]


def test_what_is_sent_goes_out_while_a_poll_waits(stream):
    """In order, although the poll waits for ten seconds, and it comes back as an event."""
    with running(stream) as end:
        until(lambda: stream.health.read().get("source:room"), "the source runs")
        for n in range(5):
            stream.outbox.send("irc", "room", said(f"hello {n}"), f"k{n}")
            until(lambda n=n: f"k{n}" in TIMES, "it is sent")
        until(lambda: len(seen(stream)) == 5, "it comes back")
        assert end() == [Outcome.STOPPED]
    assert seen(stream) == [f"hello {n}" for n in range(5)]
    assert stream.health.read()["source:room"]["counts"]["sent"] == 5


@pytest.mark.parametrize(("body", "reason"), [("fail", "the line is cut"), ("odd", "RuntimeError: a bug")])
def test_what_fails_is_told_and_not_tried_again(stream, body, reason):
    """A dead letter with the reason and an error event with the key; what comes after it is sent."""
    with running(stream):
        stream.outbox.send("irc", "room", said(body), "k1")
        stream.outbox.send("irc", "room", said("fine"), "k2")
        until(lambda: seen(stream) == ["fine"] and seen(stream, "error"), "both are told")
    assert [p["body"] for _, p in SAID["hub"]] == ["fine"]
    [letter] = stream.dead_letters.read("irc")
    assert (letter.source, letter.scope, letter.reason) == ("outbox", "room", reason)
    [error] = [d.event for d in stream.snapshot(9).deliveries if d.event.type == "error"]
    assert (error.id, error.channel, error.text) == ("irc:room:unsent/k1", "#room", f"not sent: {reason}")


def test_what_a_person_was_not_sent_is_told_in_private(stream):
    """Neither whom it was for nor that it failed is anybody else's business."""
    with running(stream):
        stream.outbox.send("irc", "room", said("fail", to="bob"), "k1")
        stream.outbox.send("irc", "room", said("fine"), "k2")
        until(lambda: seen(stream) == ["fine"] and stream.dead_letters.read("irc"), "the next one is sent")
    assert seen(stream, "error") == []
    [error] = [d.event for d in stream.snapshot(9, private=True).deliveries if d.event.type == "error"]
    assert (error.id, error.source, error.channel, error.to) == ("irc:room:unsent/k1", "irc", None, "bob")


def test_what_hangs_is_given_up(stream, monkeypatch):
    """After its time it counts as unknown, and the next one goes out."""
    monkeypatch.setattr(outbox_worker, "_SEND_TIMEOUT", 0.05)
    with running(stream):
        stream.outbox.send("irc", "room", said("hang"), "k1")
        stream.outbox.send("irc", "room", said("fine"), "k2")
        until(lambda: seen(stream) == ["fine"] and seen(stream, "error"), "both are told")
    assert "unknown whether" in seen(stream, "error")[0]


def test_nothing_is_taken_while_there_is_no_connection(stream):
    """It waits in the outbox, and goes out when the connection is back."""
    OFFLINE.add("ada")
    with running(stream):
        until(lambda: stream.health.read().get("source:room"), "the source runs")
        stream.outbox.send("irc", "room", said("hello"), "k")
        assert not TIMES
        OFFLINE.clear()
        until(lambda: seen(stream) == ["hello"], "it is sent")


def test_what_a_killed_process_had_taken_is_told_by_the_next(stream):
    """Taken and then gone: never sent again, and whoever wrote it hears of it."""
    scope = stream.open_scope("irc", "room")
    stream.outbox.send("irc", "room", said("perhaps"), "k")
    assert len(stream.outbox.take(scope)) == 1
    with running(stream):
        until(lambda: seen(stream, "error"), "it is told")
    assert SAID["hub"] == []
    assert len(stream.dead_letters.read("irc")) == 1


def test_who_is_fenced_off_sends_no_more(stream):
    """Two processes of one source: what is handed in goes out once, through the newer."""
    with running(stream, nick="old"):
        until(lambda: stream.health.read().get("source:room"), "the old one runs")
        with running(stream, nick="new", server="other"):
            until(lambda: stream.health.read()["source:room"]["pid"], "the new one runs")
            stream.outbox.send("irc", "room", said("first"))
            until(lambda: SAID["hub"] or SAID.get("other"), "it is sent")
            for n in range(20):
                stream.outbox.send("irc", "room", said(str(n)))
            until(lambda: len(SAID["hub"]) + len(SAID.get("other", [])) == 21, "all are sent")
    bodies = [p["body"] for said in SAID.values() for _, p in said]
    assert sorted(bodies) == sorted(["first", *map(str, range(20))])


def test_a_stop_lets_what_was_taken_out(stream):
    """What is handed in while the source stops is sent or still waits; nothing is left in between."""
    keys = [secrets.token_hex(4) for _ in range(50)]
    with running(stream) as end:
        until(lambda: stream.health.read().get("source:room"), "the source runs")
        for key in keys:
            stream.outbox.send("irc", "room", said(key), key)
        assert end() == [Outcome.STOPPED]
    sent = [p["body"] for _, p in SAID["hub"]]
    waiting = [
        o.key for o in stream.outbox.take(stream.open_scope("irc", "room"), begin=True, wait=timedelta(0))
    ]
    assert sent + waiting == keys
    assert stream.dead_letters.read("irc") == []


PROCESS = """
import sys
from rtanalytics.ingest.runner import serve_source
from rtanalytics.sources import KINDS
from rtanalytics.streams.redis import RedisStream
from tests.ingest.talking import TalkingSpec

KINDS["talking"] = "tests.ingest.talking"
url, name, file = sys.argv[1:]
serve_source(TalkingSpec(name="room", nick="ada", server=file), RedisStream(url, name))
"""


def test_a_process_that_is_killed_again_and_again_sends_nothing_twice(redis_url, prefix, tmp_path):
    """kill -9 in the middle of it, six times: each packet is sent at most once, and else a dead letter."""
    stream, file = RedisStream(redis_url, prefix), tmp_path / "sent"
    file.touch()
    command = [sys.executable, "-c", PROCESS, redis_url, prefix, str(file)]
    keys = [f"{n:04}" for n in range(700)]

    def sent():
        return file.read_text().split()

    process = None
    try:
        for life in range(7):
            process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
            before = len(sent())
            until(lambda: stream.health.read().get("source:room"), "the source runs")
            for key in keys[100 * life : 100 * life + 100]:
                stream.outbox.send("irc", "room", said(key), key)
            if life < 6:
                until(lambda before=before: len(sent()) >= before + 10, "it sends")
                kill(process.pid)
                process.wait()
        until(
            lambda: not stream.connection.client.xlen(stream.connection.key_of("irc", "outbox")),
            "nothing waits",
        )
        until(
            lambda: not stream.connection.client.hlen(stream.connection.key_of("irc", "taken")),
            "everything is settled",
        )
        process.terminate()
        assert process.wait(20) == 0
        told = [json.loads(letter.raw)["body"] for letter in stream.dead_letters.read("irc")]
        assert len(set(sent())) == len(sent())
        # what was sent and not yet settled is told as unknown: it may be in both
        assert len(told) <= 6
        assert sorted({*sent(), *told}) == keys
        assert sent() == sorted(sent())
        events = [d.event.id for d in stream.snapshot(2000).deliveries if d.event.type == "error"]
        assert sorted(events) == sorted(f"irc:room:unsent/{key}" for key in told)
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
        stream.delete()
        stream.close()
