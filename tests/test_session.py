"""Operations of the application."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest

from rtanalytics.session import open_conference, read_talks, recording_settings
from rtanalytics.session.opening import MAX_WARNINGS


def test_a_talk_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    """A few warnings, and one with the number of the rest; the other talks are read."""
    file = tmp_path / "plan.csv"
    file.write_text("title,start\nA,2026-05-15T09:30Z\nB,soon\n", encoding="utf-8")
    with pytest.warns(UserWarning, match="a talk is left out") as warned:
        assert [talk.title for talk in read_talks(file, UTC)] == ["A"]
    assert [str(one.message) for one in warned] == [
        f"a talk is left out: {file}:3: 'soon' is not a time such as 2026-05-15T09:30:00+02:00"
    ]
    file.write_text("title,start\nA,2026-05-15T09:30Z\n" + "B,soon\n" * (MAX_WARNINGS + 2), encoding="utf-8")
    with pytest.warns(UserWarning, match="2 more talks are left out"):
        read_talks(file, UTC)


def test_a_recording_brings_the_same_settings_everywhere() -> None:
    """The command line takes the settings that a notebook gets."""
    from rtanalytics.cli.recordings import trend_settings

    conference = open_conference()
    assert conference.settings == recording_settings(conference.recording)
    assert conference.settings == trend_settings(conference, None, None, None)
