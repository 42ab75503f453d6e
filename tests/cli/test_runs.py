"""Processes that work for a command: what they send arrives, whoever waits and however late."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rtanalytics.session import SessionError
from rtanalytics.session.processes import Worker


def counts(tell: Callable[[Any], None], top: int) -> int:
    """Send the numbers below ``top``."""
    for n in range(top):
        tell(n)
    return top


def fails(tell: Callable[[Any], None]) -> None:
    """Send one thing and fail in a way that is foreseen."""
    tell("before")
    raise SessionError("no more of it")


def vanishes(_tell: Callable[[Any], None]) -> None:
    """End as a killed process does."""
    os._exit(9)


def test_what_comes_while_the_end_is_awaited_is_kept_in_order() -> None:
    """More than a pipe holds is sent before anybody asks; all of it is there after the result."""
    worker = Worker(counts, 20_000)
    worker.start()
    assert worker.result() == 20_000
    assert worker.poll() == list(range(20_000))
    assert worker.poll() == []


@pytest.mark.parametrize(("work", "why"), [(fails, "no more of it"), (vanishes, "status 9")])
def test_whoever_asks_for_news_of_a_failed_process_is_told(work: Callable[..., Any], why: str) -> None:
    """Asking for news raises once it has failed, so nobody asks for ever; the result says the same."""
    worker = Worker(work)
    worker.start()
    with pytest.raises(SessionError, match=why):
        for _ in iter(worker.poll, "never"):
            pass
    with pytest.raises(SessionError, match=why):
        worker.result()


@pytest.mark.slow
def test_the_demo_agrees_with_itself_when_counting_has_to_be_compiled_first(tmp_path: Path) -> None:
    """With nothing compiled the counter is still at work long after the replay's end; no bin is lost."""
    run = subprocess.run(
        [sys.executable, "-m", "rtanalytics", "demo", "--seconds", "1", "--out", tmp_path / "out"],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "numba")},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "equal to one batch over the archive: yes" in run.stdout


def test_an_interrupt_before_the_command_line_listens_ends_in_silence() -> None:
    """Between our handler and the library's own there is a moment; no traceback then, either."""
    program = """
import signal
from rtanalytics.cli import commands, main
commands.app = lambda: signal.raise_signal(signal.SIGINT)
main()
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "")
