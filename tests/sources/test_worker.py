"""A document can kill the process that parses it, and nothing else."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import psutil
import pytest

from rtanalytics.sources.base import Malformed, Meta, TooLarge, Transient
from rtanalytics.sources.worker import ParseWorker
from tests.build import BASE
from tests.processes import kill, lives, until

META = Meta(source="feeds:blog", scope="blog.example", connector="test@1", received_at=BASE)
TARGET = "tests.sources.hostile:parse"


def worked(
    story: Callable[[ParseWorker], Awaitable[Any]], *, target: str = TARGET, budget: float = 20
) -> Any:
    async def run():
        worker = ParseWorker(target, timedelta(seconds=budget))
        try:
            return await story(worker)
        finally:
            await worker.close()

    return asyncio.run(run())


def test_documents_go_there_and_events_come_back():
    """Several, large and empty, by one child that is kept."""

    async def story(worker):
        titles, pids = [], set()
        for size in (0, 1, 3_000_000):
            titles.append((await worker.parse(b"x" * size, META)).title)
            pids.add(worker.pid)
        return titles, pids

    titles, pids = worked(story)
    assert titles == ["0 blog.example", "1 blog.example", "3000000 blog.example"]
    assert len(pids) == 1


def test_large_documents_restart_the_child():
    """The memory that a large document has left in the child is released."""

    async def story(worker):
        parsed = await worker.parse(b"x" * 5_000_000, META)
        return parsed.title, worker.pid

    assert worked(story) == ("5000000 blog.example", None)


@pytest.mark.parametrize("document", [b"eat", b"many", b"long", b"crash" + b" " * 5_000_000])
def test_too_large_documents_advise_another_address(document):
    """Too much memory, too many items or bytes, and a crash on a large document."""

    async def story(worker):
        with pytest.raises(TooLarge) as caught:
            await worker.parse(document, META)
        return str(caught.value), (await worker.parse(b"fine", META)).title

    message, after = worked(story)
    assert "an address that gives fewer items" in message
    assert after == "4 blog.example"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"crash", "process ended"),
        (b"eat", "memory"),
        (b"bug", "KeyError"),
        (b"malformed", "not a feed"),
    ],
)
def test_failed_documents_are_dead_letters_and_the_next_is_parsed(document, reason):
    """Crash, too much memory, a bug and Malformed: the dead letter has a one-line reason and the bytes."""

    async def story(worker):
        with pytest.raises(Malformed) as caught:
            await worker.parse(document + b" and more", META)
        return caught.value, await worker.parse(b"fine", META)

    error, after = worked(story)
    assert reason in str(error)
    assert str(error).isprintable()
    assert error.raw == document + b" and more"
    assert after.title == "4 blog.example"


def test_what_takes_too_long_is_killed_and_replaced():
    """Over its budget the child is dead, not left behind; the next document gets a new one."""

    async def story(worker):
        await worker.parse(b"warm", META)
        first = worker.pid
        with pytest.raises(Malformed, match="more than 0[.]5 s"):
            await worker.parse(b"loop", META)
        dead = not lives(first)
        await worker.parse(b"fine", META)
        return dead, first != worker.pid

    assert worked(story, budget=0.5) == (True, True)


def test_what_a_parser_prints_does_not_get_between(capfd):
    """Standard output is the way back; a chatty library is sent elsewhere."""

    async def story(worker):
        await worker.parse(b"print this", META)
        return (await worker.parse(b"fine", META)).title

    assert worked(story) == "4 blog.example"
    assert "in between" in capfd.readouterr().err


def test_a_child_that_was_killed_between_documents_is_replaced():
    """Nobody notices."""

    async def story(worker):
        await worker.parse(b"one", META)
        kill(worker.pid)
        await worker._child.wait()  # until the loop has heard of it
        return await worker.parse(b"two two", META)

    assert worked(story).title == "7 blog.example"


def test_a_cancelled_parse_leaves_no_process():
    """A source that is stopped in mid-parse takes its child along."""

    async def story(worker):
        task = asyncio.create_task(worker.parse(b"loop", META))
        while worker.pid is None:  # a process has no event
            await asyncio.sleep(0.01)
        pid = worker.pid
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return lives(pid)

    assert worked(story) is False


def test_a_parser_that_does_not_exist_is_said():
    """The child cannot start: a bad moment for the source, not a dead letter for the document."""

    async def story(worker):
        await worker.parse(b"x", META)

    with pytest.raises(Transient, match="did not start"):
        worked(story, target="rtanalytics.nothing:parse")


def test_the_child_ends_with_its_parent():
    """SIGKILL for the parent: the child finds its input closed and goes."""
    code = (
        "import asyncio, sys\n"
        "from rtanalytics.sources.worker import ParseWorker\n"
        "from tests.sources.test_worker import META, TARGET\n"
        "async def main():\n"
        "    worker = ParseWorker(TARGET)\n"
        "    await worker.parse(b'x', META)\n"
        "    print(worker.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        text=True,
    ) as parent:
        child = int(parent.stdout.readline())
        assert psutil.Process(child).ppid() == parent.pid
        kill(parent.pid)
        until(lambda: not lives(child), "the child is gone")
