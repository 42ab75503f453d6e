"""WhatsApp's export: dates in the order of the phone, notices, files, and lines of one message."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rtanalytics.event import Event
from rtanalytics.importers import ImporterError, Options, Rejected, detect, open_events
from tests.importers.samples import lines_of, write_zip


def events(path: Path, **options: Any) -> list[Event]:
    read = list(open_events(path, None, Options(**{"zone": "UTC", **options})))
    assert [str(item) for item in read if not isinstance(item, Event)] == []
    return [item for item in read if isinstance(item, Event)]


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


LAYOUTS = {
    "iPhone, Germany": ["\u200e[14.05.26, 15:04:05] PyCon: \u200eNachrichten sind verschlüsselt.",
                        "[14.05.26, 15:04:05] Ann: hi", "[15.05.26, 00:10:00] ~\u202fBob: yes"],
    "Android, Great Britain": ['14/05/2026, 15:04 - Ann created group "PyCon"', "14/05/2026, 15:04 - Ann: hi",
                               "15/05/2026, 00:10 - Bob: yes"],
    "Android, United States": ["5/14/26, 3:04\u202fPM - Ann: hi", "5/15/26, 12:10\u202fAM - Bob: yes"],
    "iPhone, United States": ["[5/14/26, 3:04:05\u202fPM] Ann: hi", "[5/15/26, 12:10:00\u202fAM] Bob: yes"],
    "Android, India": ["14/05/26, 3:04 pm - Ann: hi", "15/05/26, 12:10 am - Bob: yes"],
    "Android, Spain": ["14/5/26, 3:04\u202fp.\u00a0m. - Ann: hi", "15/5/26, 12:10\u202fa.\u00a0m. - Bob: yes"],
    "iPhone, Finland": ["[14.5.2026 klo 15.04.05] Ann: hi", "[15.5.2026 klo 0.10.00] Bob: yes"],
    "Android, Sweden": ["2026-05-14 15:04 - Ann: hi", "2026-05-15 00:10 - Bob: yes"],
    "iPhone, Netherlands": ["[14-05-2026, 15:04:05] Ann: hi", "[15-05-2026, 00:10:00] Bob: yes"],
    "Android, China": ["2026/5/14 下午3:04 - Ann: hi", "2026/5/15 上午12:10 - Bob: yes"],
    "Android, Egypt": ["١٤\u200f/٥\u200f/٢٠٢٦، ٣:٠٤ م - Ann: hi", "١٥\u200f/٥\u200f/٢٠٢٦، ١٢:١٠ ص - Bob: yes"],
}  # fmt: skip


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_every_phone_gives_the_same_messages(tmp_path: Path, name: str) -> None:
    """Whatever its language and system: authors, texts, and times to the minute."""
    path = lines_of(tmp_path / "download", LAYOUTS[name])
    assert detect(path) == "whatsapp"
    assert [(e.created_at.replace(second=0), e.handle, e.text) for e in events(path)] == [
        (at(2026, 5, 14, 15, 4), "Ann", "hi"),
        (at(2026, 5, 15, 0, 10), "Bob", "yes"),
    ]


@pytest.mark.parametrize(
    ("dates", "second"),
    [
        (["01/02/26", "13/02/26"], at(2026, 2, 13, 9)),  # a day above 12
        (["01/02/26", "02/13/26"], at(2026, 2, 13, 9)),
        (["11/05/26", "02/06/26"], at(2026, 6, 2, 9)),  # the other order would go back
        (["05/11/26", "06/02/26"], at(2026, 6, 2, 9)),
        (["01.02.26", "02.02.26"], at(2026, 2, 2, 9)),  # with dots, the day is always first
    ],
)
def test_the_order_of_dates_is_found_from_the_whole_file(
    tmp_path: Path, dates: list[str], second: datetime
) -> None:
    """If anything in it decides."""
    path = lines_of(tmp_path / "a.txt", [f"{day}, 09:00 - Ann: {day}" for day in dates])
    assert events(path)[1].created_at == second


def test_an_order_that_is_not_clear_is_asked_for_with_the_zone(tmp_path: Path) -> None:
    """Everything that is missing at once, as options that work."""
    path = lines_of(tmp_path / "a.txt", ["01/02/26, 09:00 - Ann: hi", "01/02/26, 09:01 - Ann: ho"])
    with pytest.raises(
        ImporterError, match=r"times without a zone; .*01/02/26 may begin with the day"
    ) as raised:
        list(open_events(path))
    assert raised.value.add == ("--zone", "Europe/Berlin", "--dates", "day-first")
    assert events(path, time_format="%d/%m/%y")[0].created_at == at(2026, 2, 1, 9)
    assert events(path, time_format="%m/%d/%Y")[0].created_at == at(2026, 1, 2, 9)
    assert events(path, day_first=False)[0].created_at == at(2026, 1, 2, 9)
    with pytest.raises(ImporterError, match="needs day, month and year"):
        events(path, time_format="%H:%M")


def test_lines_of_one_message_stay_together(tmp_path: Path) -> None:
    """Blank lines in it too; a colon in a later line is no author."""
    rows = ["14/05/2026, 15:04 - Ann: two", "", "lines: really", "14/05/2026, 15:05 - Bob: x"]
    assert [e.text for e in events(lines_of(tmp_path / "a.txt", rows))] == ["two\n\nlines: really", "x"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("<Media omitted>", ""),
        ("<Medien ausgeschlossen>", ""),
        ("\u200eimage omitted", ""),
        ("\u200e<attached: 00000012-PHOTO-2026-05-14-15-04-05.jpg>", ""),
        ("IMG-20260514-WA0001.jpg (file attached)\nlook #here", "look #here"),
        ("better \u200e<This message was edited>", "better"),
        ("hi @\u2068Bob\u2069", "hi @Bob"),
        ("the slide was omitted", "the slide was omitted"),
        ("a <b> c", "a <b> c"),
        ("see: https://x.example/", "see: https://x.example/"),
    ],
)
def test_what_whatsapp_adds_to_a_text_is_left_out(tmp_path: Path, text: str, kept: str) -> None:
    """Names of files, remarks and marks, but nothing that people wrote."""
    (event, _) = events(
        lines_of(tmp_path / "a.txt", [f"14.05.2026, 15:04 - Ann: {text}", "14.05.2026, 15:05 - B: x"])
    )
    assert event.text == kept


@pytest.mark.parametrize(
    "notice",
    [
        "14.05.2026, 15:04 - Messages and calls are end-to-end encrypted.",
        "14.05.2026, 15:04 - Bob joined using this group's invite link",
        '14.05.2026, 15:04 - Ann changed the subject from "A: b" to "C: d"',
        "14.05.2026, 15:04 - Bob: This message was deleted",
        "\u200e[14.05.2026, 15:04:00] Bob: \u200eBob left",
        "[14.05.2026, 15:04:00] PyCon: \u200eAnn added Bob",
    ],
)
def test_notices_are_no_messages(tmp_path: Path, notice: str) -> None:
    """Nobody wrote them."""
    path = lines_of(tmp_path / "a.txt", [notice, "14.05.2026, 15:05 - Ann: hi"])
    assert [(e.handle, e.text) for e in events(path) if e.text] == [("Ann", "hi")]


def test_joins_and_parts_are_imported_on_demand(tmp_path: Path) -> None:
    """With the person who came or went."""
    rows = [
        "14.05.2026, 15:04 - Bob joined using this link",
        "14.05.2026, 15:05 - Ann: hi",
        "14.05.2026, 15:06 - Bob left",
    ]
    imported = events(lines_of(tmp_path / "a.txt", rows), presence=True)
    assert [(e.type, e.handle) for e in imported] == [("join", "Bob"), ("message", "Ann"), ("part", "Bob")]


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        ("WhatsApp Chat with PyCon 2026.txt", "PyCon 2026"), ("WhatsApp_Chat_with_PyCon.txt", "PyCon"),
        ("WhatsApp-Chat mit PyCon.txt", "PyCon"), ("Chat de WhatsApp con PyCon.txt", "PyCon"), ("x.txt", "WhatsApp"),
    ],
)  # fmt: skip
def test_the_chat_has_the_name_of_its_file(tmp_path: Path, name: str, channel: str) -> None:
    """Unless a name is given."""
    path = lines_of(tmp_path / name, ["14.05.2026, 15:04 - Ann: hi"])
    assert [e.channel for e in events(path)] == [channel]
    assert [e.channel for e in events(path, channel="other")] == ["other"]


def test_a_zip_with_pictures_is_read(tmp_path: Path) -> None:
    """As an iPhone shares it."""
    text = "[14.05.26, 15:04:05] Ann: hi\n"
    path = write_zip(tmp_path / "WhatsApp Chat - PyCon.zip", {"_chat.txt": text, "00000012-PHOTO.jpg": "x"})
    assert detect(path) == "whatsapp"
    assert [(e.channel, e.text) for e in events(path)] == [("PyCon", "hi")]


def test_text_before_the_first_message_and_impossible_times_are_rejected(tmp_path: Path) -> None:
    """With the line."""
    rows = ["what is this", "14.05.2026, 25:04 - Ann: hi", "14.05.2026, 15:04 - Ann: ho"]
    read = list(open_events(lines_of(tmp_path / "a.txt", rows), "whatsapp", Options(zone="UTC")))
    assert [item.where for item in read if isinstance(item, Rejected)] == ["line 1", "line 2"]
    assert [item.text for item in read if isinstance(item, Event)] == ["ho"]
