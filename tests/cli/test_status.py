"""Output of ``status`` for what the processes report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rtanalytics.cli import status
from rtanalytics.ingest.health import WORDS
from tests.cli.test_recordings import rta

NOW = datetime(2026, 5, 15, 19, 30, tzinfo=UTC)


def shown(capsys: Any, **health: dict[str, Any]) -> dict[str, str]:
    """The lines, by what they begin with; the conference is in Berlin."""
    health = {name: {"at": NOW.isoformat(), **fields} for name, fields in health.items()}
    archive = {"folder": "archive", "events": 1}
    found = {
        "conference": "c",
        "stream": "s",
        "health": health,
        "buckets": {},
        "server": None,
        "archive": archive,
    }
    status._print(found, NOW, ZoneInfo("Europe/Berlin"))
    return {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}


@pytest.mark.parametrize("state", ["auth", "blocked", "rate_limited", "gone", "degraded"])
def test_a_long_wait_is_shown_with_the_time_of_the_next_request(capsys, state):
    """By the conference's clock, with the date if that is another; no such word for a short wait."""
    for wait, text in ((15, "asks again at 21:45"), (600, "asks again at 2026-05-16 07:30"), (0.5, "")):
        following = (NOW + timedelta(minutes=wait)).isoformat()
        line = shown(capsys, a={"kind": "feed", "state": state, "next_poll": following})["a"]
        assert text in line
        assert ("asks again" in line) == bool(text)


def test_a_healthy_source_has_no_time_of_the_next_request(capsys):
    """An hour between two readings is nothing to worry about."""
    following = (NOW + timedelta(hours=1)).isoformat()
    assert "asks again" not in shown(capsys, a={"kind": "feed", "state": "ok", "next_poll": following})["a"]


def test_a_silent_source_is_shown_with_since_when(capsys):
    """By the conference's clock."""
    since = (NOW - timedelta(minutes=20)).isoformat()
    line = shown(capsys, a={"kind": "bluesky", "state": "ok", "silent_since": since})["a"]
    assert "silent since 21:10" in line


def test_states_and_facts_stand_in_columns(capsys):
    """Whatever the state is called, and however long the longest name is."""
    counts = {"counts": {"new": 36}, "kind": "feed"}
    long = "source:" + "x" * 40
    health = {f"s{n}": {"state": state, **counts} for n, state in enumerate(["ok", *WORDS])}
    lines = shown(capsys, **health, **{long: {"state": "full", **counts}})
    facts = {line.index("36 new") for name, line in lines.items() if name in {*health, long}}
    assert len(facts) == 1
    assert all(line[facts.copy().pop() - 2 :].startswith("  ") for n, line in lines.items() if n in health)


def test_singular_and_plural(capsys):
    """Of a bin, and the archive is no archive's archive."""
    lines = shown(capsys, trender={"state": "ok", "bins": 1})
    assert "1 bin published" in lines["trender"]
    assert lines["recorded"].strip() == "recorded in archive: 1 event"


def test_status_starts_no_server(tmp_path, monkeypatch):
    """On a machine where nothing was collected yet, and says so."""
    monkeypatch.setenv("RTANALYTICS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("REDIS_URL", raising=False)
    file = tmp_path / "conference.toml"
    file.write_text('name = "x"\narchive = "archive"\n')
    run = rta("status", file)
    assert run.returncode == 0, run.stderr
    assert "not collected yet" in run.stdout
    assert not (tmp_path / "home").exists()
