"""Options of an import act on the files, or are refused."""

from __future__ import annotations

import contextlib
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rtanalytics.importers import FORMATS, Options, open_events, unread_options
from tests.cli.test_recordings import rta
from tests.contracts.importer import TALK
from tests.importers import samples

EVERYWHERE = {"zone", "keep"}
GIVEN: dict[str, Any] = {
    "zone": "UTC", "keep": ("*",), "day": date(2026, 5, 15), "network": "libera", "channel": "#x", "source": "slack:#x",
    "columns": {"created_at": "t", "text": "x"}, "time_format": "%H", "day_first": False, "private": True,
    "presence": True,
}  # fmt: skip


class Watched(Options):
    """Options that note which of them are read."""

    read: set[str]

    def __getattribute__(self, name: str) -> Any:
        Watched.read.add(name)
        return super().__getattribute__(name)


def sample(name: str, folder: Path) -> Path:
    """Return a file of a format."""
    if name == "slack":
        return samples.write_folder(folder / "slack", samples.slack_files(TALK))
    write = "tweets_js" if name == "twitter-archive" else name.replace("-", "_")
    path: Path = getattr(samples, f"write_{write}")(folder, TALK)
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_reads_no_other_options_than_it_lists(name: str, tmp_path: Path) -> None:
    """So an option that is accepted for a format acts on its files."""
    Watched.read = set()
    mapping = {"created_at": "When", "author": "Who", "text": "Said", "channel": "Where", "id": "Nr"}
    extra: dict[str, Any] = {"columns": mapping, "source": "slack"} if name == "columns" else {}
    options = Watched(zone="UTC", channel="#pycon", **extra)
    with contextlib.suppress(
        ValueError
    ):  # the sample may need further facts; what was read until then counts
        list(open_events(sample(name, tmp_path), name, options))
    declared = set(FORMATS[name].options.split())
    assert declared <= {field.name for field in fields(Options)}
    read = Watched.read & {field.name for field in fields(Options)}
    assert read - EVERYWHERE - declared <= {"columns"}
    assert declared - read <= {
        "day",
        "network",
        "presence",
        "private",
        "source",
        "time_format",
        "day_first",
        "channel",
    }


@pytest.mark.parametrize("option", GIVEN)
@pytest.mark.parametrize("name", FORMATS)
def test_an_option_that_no_file_uses_is_found(name: str, option: str) -> None:
    """With the formats that use it; one file that uses it is enough."""
    unread = unread_options(Options(**{option: GIVEN[option]}), [name])
    used = option in EVERYWHERE or option in FORMATS[name].options.split()
    assert (option in unread) is not used
    if not used:
        assert unread[option]
        assert unread_options(Options(**{option: GIVEN[option]}), [name, unread[option][0]]) == {}


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--network", "libera"], "--network"),
        (["--day", "2026-05-15"], "--day"),
        (["--private"], "--private"),
        (["--time-format", "%H:%M"], "--time-format"),
    ],
)
def test_an_option_without_effect_is_wrong_usage(tmp_path: Path, options: list[str], word: str) -> None:
    """The message names the option and who uses it, and nothing is imported."""
    run = rta("import", samples.write_csv(tmp_path, TALK), "--to", tmp_path / "a", *options)
    assert run.returncode == 2
    assert word in run.stderr
    assert "has no effect on these files" in run.stderr
    assert not (tmp_path / "a").exists()


def test_a_filter_that_matches_nothing_is_reported(tmp_path: Path) -> None:
    """The import succeeds, and a line says why it is empty."""
    run = rta("import", samples.write_csv(tmp_path, TALK), "--to", tmp_path / "a", "--keep", "nowhere*")
    assert run.returncode == 0
    assert "nothing in these files matches --keep nowhere*" in run.stderr


def test_a_switch_for_dry_runs_is_refused_without_one(tmp_path: Path) -> None:
    """``--yes`` would otherwise be ignored."""
    run = rta("collect", tmp_path / "c.toml", "--yes")
    assert run.returncode == 2
    assert "--dry-run only" in run.stderr


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.log", "[2026-05-15 09:00:00] <ada> hello\n[2026-05-15 09:01:00] <bob> hi\n"),
        ("b.log", "--- Log opened Fri May 15 09:00:00 2026\n09:00 < ada> hello\n09:01 < bob> hi\n"),
        ("c.log", "**** BEGIN LOGGING AT Fri May 15 09:00:00 2026\n\nMay 15 09:00:01 <ada>\thello\n"),
        ("d.log", "2026-05-15 09:00:00\tada\thello\n2026-05-15 09:01:00\tbob\thi\n"),
        (
            "e.html",
            '<title>IRC log of #x on 2026-05-15</title>\n<dt id="T09-00-00">09:00:00 [ada]</dt><dd>hi</dd>\n',
        ),
    ],
)
def test_a_day_for_a_log_with_dates_is_refused(name: str, content: str, tmp_path: Path) -> None:
    """Because it would have no effect; nothing is imported."""
    (tmp_path / name).write_text(content)
    run = rta(
        "import",
        tmp_path / name,
        "--to",
        tmp_path / "a",
        "--zone",
        "UTC",
        "--channel",
        "#x",
        "--day",
        "2025-01-01",
    )
    assert run.returncode == 1
    assert "no effect" in " ".join(run.stderr.replace("│", " ").split())
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "content",
    [
        "[09:00:00] <ada> hello\n[09:01:00] <bob> hi\n",
        "09:00 < ada> hello\n09:01 < bob> hi\n--- Day changed Sat May 16 2026\n09:00 < ada> again\n",
        "May 15 09:00:01 <ada>\thello\nMay 15 09:00:02 <bob>\thi\n",
    ],
)
def test_a_day_for_a_log_without_a_date_or_year_is_used(content: str, tmp_path: Path) -> None:
    """Also if the log has a date further down."""
    (tmp_path / "x.log").write_text(content)
    run = rta(
        "import",
        tmp_path / "x.log",
        "--to",
        tmp_path / "a",
        "--zone",
        "UTC",
        "--channel",
        "#x",
        "--day",
        "2025-05-15",
    )
    assert run.returncode == 0, run.stderr
