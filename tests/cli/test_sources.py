"""``sources`` and ``dead``: what there is, what is configured, and what is read again after a mend."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rtanalytics.sources import KINDS, paid, spec_from_table
from rtanalytics.sources.kinds import document, kinds
from rtanalytics.streams import DeadLetter
from rtanalytics.streams.redis import RedisStream
from rtanalytics.streams.server import EmbeddedServer

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 5, 15, 9, tzinfo=UTC)
ITEM = b"<rss version='2.0'><channel><item><guid>1</guid><title>Now it is read</title></item></channel></rss>"


def rta(*args: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    return subprocess.run(
        [sys.executable, "-m", "rtanalytics", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "", "PYTHONPATH": str(ROOT), **environment},
    )


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[RedisStream]:
    """A stream of a conference whose file is ``c.toml`` beside it."""
    with EmbeddedServer(tmp_path / "redis") as server:
        toml = f"""\
            name = "juniper"
            timezone = "Europe/Berlin"
            stream = "{server.url}"
            [[source]]
            type = "feed"
            name = "planet"
            url = "https://planet.example/feed.xml"
            [[source]]
            type = "github"
            name = "cpython"
            repo = "python/cpython"
            token = "env:MY_TOKEN"
            """
        (tmp_path / "c.toml").write_text("\n".join(line.strip() for line in toml.splitlines()))
        yield RedisStream(server.url, "juniper")


def letter(source: str, raw: bytes, reason: str = "was not read") -> DeadLetter:
    return DeadLetter(source, "planet.example/feed.xml", reason, raw, AT)


def test_the_page_of_the_sources_is_up_to_date() -> None:
    """docs/sources.md is up to date."""
    written = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    assert written == document(), "run: python -m rtanalytics.sources.kinds > docs/sources.md"


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.name)
def test_the_example_of_each_kind_is_valid(kind: object) -> None:
    """Every kind says what it is, what it needs and what each key means; its example works."""
    import tomllib

    from rtanalytics.sources.kinds import Kind

    assert isinstance(kind, Kind)
    (table,) = tomllib.loads(kind.example)["source"]
    assert table["type"] == kind.name
    spec = spec_from_table(table)
    assert paid(spec) == hasattr(spec, "once_usd"), "a dry run says what it may cost"
    assert len(kind.about) > 100
    assert all(key.about and key.type for key in kind.keys)


def test_all_kinds_are_listed() -> None:
    """In words, and as JSON for scripts."""
    shown, listed = rta("sources"), rta("sources", "--json")
    assert shown.returncode == listed.returncode == 0, shown.stderr + listed.stderr
    assert [json.loads(line)["name"] for line in listed.stdout.splitlines()] == sorted(KINDS)
    assert all(name in shown.stdout for name in KINDS)


def test_configured_sources_are_listed_with_missing_variables(stream: RedisStream, tmp_path: Path) -> None:
    """Each table by name; a variable that is named is looked for, and never shown."""
    shown = rta("sources", tmp_path / "c.toml")
    assert shown.returncode == 0, shown.stderr
    assert "MY_TOKEN is not set" in shown.stdout
    assert "1 source cannot be read" in shown.stdout
    shown = rta("sources", tmp_path / "c.toml", "--json", MY_TOKEN="hush")
    assert [json.loads(line)["variables"] for line in shown.stdout.splitlines()] == [{}, {"MY_TOKEN": True}]
    assert "hush" not in shown.stdout


def test_dead_letters_are_listed_harmlessly(stream: RedisStream, tmp_path: Path) -> None:
    """What was delivered is shown on one line, without anything that a terminal would obey."""
    stream.dead_letters.add("feeds", letter("planet", b"\x1b[31mred\r\n\xff", "no \x1b XML"))
    shown = rta("dead", tmp_path / "c.toml", "list")
    assert shown.returncode == 0, shown.stderr
    assert "1 dead letter" in shown.stdout
    assert shown.stdout.startswith("2026-05-15 11:00:00 "), "the conference's zone"
    assert "\x1b" not in shown.stdout
    listed = rta("dead", tmp_path / "c.toml", "list", "--json", "--source", "other")
    assert listed.stdout == ""


def test_a_dead_letter_that_can_be_read_now_enters_the_stream_once(
    stream: RedisStream, tmp_path: Path
) -> None:
    """It leaves the dead letters and is an event; what still cannot be read stays, with its reason."""
    stream.dead_letters.add("feeds", letter("planet", ITEM))
    stream.dead_letters.add("feeds", letter("planet", b"<not a feed"))
    stream.dead_letters.add("feeds", letter("gone", ITEM))
    run = rta("dead", tmp_path / "c.toml", "replay")
    assert run.returncode == 0, run.stderr
    assert "1 dead letter read, 1 event; 2 left" in run.stdout
    assert "no source of this name" in run.stdout
    assert [d.event.title for d in stream.snapshot(9).deliveries] == ["Now it is read"]
    assert [d.raw for d in stream.dead_letters.read("feeds")] == [b"<not a feed", ITEM]
    stream.dead_letters.add("feeds", letter("planet", ITEM))
    assert rta("dead", tmp_path / "c.toml", "replay", "--source", "planet").returncode == 0
    assert len(stream.snapshot(9).deliveries) == 1
    again = rta("dead", tmp_path / "c.toml", "replay")
    assert again.returncode == 1
    assert "none of them can be read yet" in again.stderr


def test_replaying_does_not_take_the_scope_from_a_running_collect(
    stream: RedisStream, tmp_path: Path
) -> None:
    """The running collector keeps the scope and goes on writing."""
    scope = stream.open_scope("feeds", "planet.example/feed.xml")
    stream.dead_letters.add("feeds", letter("planet", ITEM))
    assert rta("dead", tmp_path / "c.toml", "replay").returncode == 0
    assert stream.append([], scope, b"next").verdicts == ""
