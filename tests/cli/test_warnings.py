"""Warnings about tiny bins and about a server that keeps running."""

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


@pytest.mark.parametrize(("minutes", "begin"), [(1, "bins of 1min"), (0.5, "bins of 30s"), (5, ""), (15, "")])
def test_narrow_bins_have_a_warning(capsys: pytest.CaptureFixture[str], minutes: float, begin: str) -> None:
    """In one line on stderr, with what to write instead."""
    warn_of_narrow_bins(timedelta(minutes=minutes))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(begin)
    assert err.count("\n") == bool(begin)


def test_status_names_the_embedded_server_and_kill_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address has no password; other servers are not named."""
    monkeypatch.setenv("RTANALYTICS_HOME", str(tmp_path))
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert embedded_server(Conference(name="x", stream="redis://localhost:6379/0")) is None
    server = ensure_server()
    try:
        server_status = embedded_server(Conference(name="x"))
        assert server_status == {
            "address": server.url.rpartition("@")[2].partition("/")[0],
            "pid": server.pid,
        }
        os.kill(server_status["pid"], signal.SIGTERM)
        until(lambda: not birth(server.pid), "the server has ended")
    finally:
        stop_server()
