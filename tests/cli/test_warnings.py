"""What is likely to disappoint is said before it does: tiny bins, and a server that stays."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from rtanalytics.cli.terminal import warn_of_narrow_bins
from rtanalytics.conference import Conference
from rtanalytics.session.status import embedded_server
from rtanalytics.streams.server import ensure_server, stop_server
from rtanalytics.streams.server.process import birth
from tests.processes import until


@pytest.mark.parametrize(("minutes", "said"), [(1, "bins of 1min"), (0.5, "bins of 30s"), (5, ""), (15, "")])
def test_bins_that_hold_next_to_nothing_are_told(
    capsys: pytest.CaptureFixture[str], minutes: float, said: str
) -> None:
    """In one line on stderr, with what to write instead."""
    warn_of_narrow_bins(timedelta(minutes=minutes))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(said)
    assert err.count("\n") == bool(said)


def test_status_names_the_server_that_stays_and_kill_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address without the password; one of somebody else's is not ours to end."""
    monkeypatch.setenv("RTANALYTICS_HOME", str(tmp_path))
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert embedded_server(Conference(name="x", stream="redis://localhost:6379/0")) is None
    server = ensure_server()
    try:
        told = embedded_server(Conference(name="x"))
        assert told == {"address": server.url.rpartition("@")[2].partition("/")[0], "pid": server.pid}
        os.kill(told["pid"], signal.SIGTERM)
        until(lambda: not birth(server.pid), "the server has ended")
    finally:
        stop_server()
