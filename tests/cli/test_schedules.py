"""What the commands say of a schedule file."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest

from rtanalytics.cli.schedules import SHOWN, read_talks


def test_a_talk_that_cannot_be_read_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line each on the error output, a few of them, and how many more; the others are taken."""
    file = tmp_path / "plan.csv"
    file.write_text("title,start\nA,2026-05-15T09:30Z\nB,soon\n", encoding="utf-8")
    assert [talk.title for talk in read_talks(file, UTC)] == ["A"]
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"rtanalytics: warning: a talk is left out: {file}:3: 'soon' is not a time such as 2026-05-15 09:30\n"
    )
    file.write_text("title,start\nA,2026-05-15T09:30Z\n" + "B,soon\n" * (SHOWN + 2), encoding="utf-8")
    read_talks(file, UTC)
    assert capsys.readouterr().err.endswith("rtanalytics: warning: 2 more talks are left out\n")
