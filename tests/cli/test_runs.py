"""Processes that work for a command: what they send arrives in order, also after the end."""

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


def counts(send: Callable[[Any], None], top: int) -> int:
    """Send the numbers below ``top``."""
    for n in range(top):
        send(n)
    return top


def fails(send: Callable[[Any], None]) -> None:
    """Send one thing and fail in a way that is foreseen."""
    send("before")
    raise SessionError("no more of it")


def vanishes(_tell: Callable[[Any], None]) -> None:
    """End as a killed process does."""
    os._exit(9)


def test_messages_during_the_wait_for_the_result_are_kept_in_order() -> None:
    """More than a pipe holds is sent before anybody asks; all of it is there after the result."""
    worker = Worker(counts, 20_000)
    worker.start()
    assert worker.result() == 20_000
    assert worker.poll() == list(range(20_000))
    assert worker.poll() == []


@pytest.mark.parametrize(("work", "why"), [(fails, "no more of it"), (vanishes, "status 9")])
def test_polling_a_failed_process_raises(work: Callable[..., Any], why: str) -> None:
    """So a loop that polls ends; the result raises the same error."""
    worker = Worker(work)
    worker.start()
    with pytest.raises(SessionError, match=why):
        for _ in iter(worker.poll, "never"):
            pass
    with pytest.raises(SessionError, match=why):
        worker.result()


@pytest.mark.slow
def test_the_counts_of_the_demo_agree_when_counting_is_compiled_first(tmp_path: Path) -> None:
    """Counting then ends long after the replay; no bin is lost, and each step is printed."""
    run = subprocess.run(
        [sys.executable, "-m", "rtanalytics", "demo", "--seconds", "1", "--out", tmp_path / "out"],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "numba")},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "equal to one batch over the archive: yes" in run.stdout
    for step in ("waiting for the last of them", "checking: the trends", "writing the report"):
        assert step in run.stdout


def test_an_early_interrupt_ends_without_a_traceback() -> None:
    """Also in the moment between our signal handler and that of the command line."""
    program = """
import signal
from rtanalytics.cli import commands, main
commands.app = lambda: signal.raise_signal(signal.SIGINT)
main()
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "")
