"""Every recorded payload of others gives exactly the events that were checked by eye, or a dead letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.tables import FOLDERS, TABLES, folders, read, table

pytestmark = pytest.mark.data

EMPTY = {
    "icalendar__src__icalendar__tests__calendars__issue_1050_timezone_only_calendar.ics",  # a zone, no entries
}
"""Files that say that there is nothing: no event, and nothing to complain about."""


def test_every_folder_of_payloads_has_a_table(data_folder: Path) -> None:
    """None is forgotten, and there is none for what is not there."""
    names = {path.name for path in folders(data_folder / "payloads")}
    assert names == set(FOLDERS) == {path.stem for path in TABLES.glob("*.tsv")}


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_the_events_of_a_folder_are_those_of_its_table(data_folder: Path, name: str) -> None:
    """Ids, times, people, texts and links, row for row (``python -m tests.golden show`` gives them in full)."""
    told = table(data_folder / "payloads" / name)
    assert told.splitlines() == (TABLES / f"{name}.tsv").read_text(encoding="utf-8").splitlines()


def test_no_file_is_passed_over_in_silence(data_folder: Path) -> None:
    """Each gives events, or says why not."""
    silent = {
        path.name
        for folder in folders(data_folder / "payloads")
        for path in folder.iterdir()
        if not path.name.endswith(".license") and not any(read(path))
    }
    assert silent == EMPTY
