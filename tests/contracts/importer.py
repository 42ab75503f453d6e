"""What every importer must do; subclass :class:`ImporterContract` and give it a way to write a file.

A subclass writes the same short conversation in its format. Everything else follows from it: the file is
recognised by content, read twice alike, imported once, survives damage, and what is hostile in it stays text.
"""

from __future__ import annotations

import gzip
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from rtanalytics.archive import ImportReport, Recording, import_into
from rtanalytics.event import Event, decode, encode
from rtanalytics.importers import (
    FORMATS,
    ImporterError,
    Options,
    Rejected,
    Skipped,
    detect,
    importer,
    open_events,
)

T0 = datetime(2026, 5, 15, 9, 30, tzinfo=UTC)

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)> &lt;b&gt; &amp;amp;",
    "'; DROP TABLE said; --",
    "../../../etc/passwd",
    "{{7*7}} ${jndi:ldap://x.example/a} %s %n",
    "=cmd|' /C calc'!A0",
    "\u202eright to left\u202c",
    "e\u0301 \U0001f469\U0001f3fd\u200d\U0001f680 ａ",
    "javascript:alert(1)",
    'a "quoted", text; with \\ and | and \u2028',
]


@dataclass(frozen=True)
class Line:
    """Something that somebody said, ``n`` minutes after :data:`T0`."""

    n: int
    author: str
    text: str

    @property
    def at(self) -> datetime:
        """When."""
        return T0 + timedelta(minutes=self.n)


TALK = [
    Line(0, "ada", "the keynote starts"),
    Line(1, "bob", "see https://x.example/slides #pycon"),
    Line(2, "ada", "great questions"),
    Line(7, "eve", "lunch?"),
]


class ImporterContract:
    """The suite of a format.

    Attributes
    ----------
    format : str
        Its key in ``FORMATS``.
    bucket : str
        The namespace of its ids.
    options : Options
        What its files do not say about themselves.
    found : bool
        False if it cannot be found out and is only read when it is named.
    packs : bool
        True if it is a single file that may be packed.
    markup : bool
        True if the texts are HTML, which is kept in a safe form; all white space counts as equal in it.
    lenient : bool
        False if a bad row ends the import, as it does of tables that people make by hand.
    """

    format: str
    bucket: str
    options = Options()
    found = True
    packs = True
    markup = False
    lenient = True

    def write(self, folder: Path, talk: list[Line]) -> Path:
        """Write a talk as a file (or folder) of this format, and give its path."""
        raise AssertionError("a subclass writes")

    def spoil(self, path: Path) -> None:
        """Put something that is no row between the first and the second."""
        raise AssertionError("a subclass spoils")

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """The talk as a file."""
        return self.write(made(tmp_path / "in"), TALK)

    def read(self, path: Path) -> list[Event | ValueError]:
        """Everything that the importer yields."""
        return list(open_events(path, self.format, self.options))

    def events(self, path: Path) -> list[Event]:
        """The events of a sound file."""
        read = self.read(path)
        assert [str(item) for item in read if not isinstance(item, Event)] == []
        return [item for item in read if isinstance(item, Event)]

    def test_its_format_is_registered(self) -> None:
        """The registry has a description of the format."""
        assert FORMATS[self.format].what

    def test_messages_become_events(self, path: Path) -> None:
        """Every line, in the file's order, with its time, author, text and place of origin."""
        events = self.events(path)
        assert [(e.created_at.replace(microsecond=0), e.handle, e.text) for e in events] == [
            (s.at, s.author, s.text) for s in TALK
        ]
        assert {e.bucket for e in events} == {self.bucket}
        assert all(e.ingest is not None and e.ingest.via == "file" and e.ingest.connector for e in events)
        assert all(e.received_at == e.created_at for e in events)
        assert [decode(encode(e)) for e in events] == events

    def test_a_file_is_recognised_by_what_is_in_it(self, path: Path) -> None:
        """Also under a name that says nothing."""
        if self.found:
            nameless = path.rename(path.with_name("download"))
            assert detect(nameless) == self.format

    def test_ids_are_stable_and_of_one_event_each(self, path: Path, tmp_path: Path) -> None:
        """The same from another folder, and of a longer file."""
        ids = [e.id for e in self.events(path)]
        assert len(set(ids)) == len(TALK)
        longer = self.write(made(tmp_path / "longer"), [*TALK, Line(9, "bob", "back at two")])
        assert [e.id for e in self.events(longer)][: len(ids)] == ids

    def test_equal_lines_are_two_events(self, tmp_path: Path) -> None:
        """Who says the same twice has said it twice."""
        again = [*TALK, Line(8, "ada", "+1"), Line(9, "ada", "+1")]
        events = self.events(self.write(made(tmp_path / "again"), again))
        assert len({e.id for e in events}) == len(again)

    def test_importing_twice_adds_nothing(self, path: Path, tmp_path: Path) -> None:
        """The second time everything is known."""
        edits, n = importer(self.format).edits, len(TALK)
        for report in (ImportReport(read=n, new=n), ImportReport(read=n, duplicate=n)):
            assert import_into(tmp_path / "a", self.read(path), edits=edits) == report
        assert [e.text for e in Recording(tmp_path / "a")] == [s.text for s in TALK]

    def test_a_bad_row_is_reported_with_its_place_and_the_rest_is_read(self, path: Path) -> None:
        """File and place in one readable line; every other row becomes its event."""
        self.spoil(path)
        if not self.lenient:
            with pytest.raises(ImporterError, match=path.name):
                self.read(path)
            return
        read = self.read(path)
        bad = [item for item in read if isinstance(item, Rejected)]
        assert [e.text for e in read if isinstance(e, Event)] == [s.text for s in TALK]
        assert len(bad) == 1
        assert path.name in str(bad[0])
        assert any(c.isdigit() for c in bad[0].where)
        assert bad[0].reason
        assert bad[0].raw
        assert str(bad[0]).isprintable()

    def test_hostile_text_stays_text(self, tmp_path: Path) -> None:
        """Every character as it was, nothing run, no file written, no address but http."""
        folder = made(tmp_path / "hostile")
        path = self.write(folder, [Line(n, "ada", text) for n, text in enumerate(HOSTILE)])
        before = sorted(tmp_path.rglob("*"))
        events = self.events(path)
        assert [e.text for e in events] == [" ".join(t.split()) if self.markup else t for t in HOSTILE]
        assert all(link.startswith("http") for e in events for link in e.links)
        assert all(e.html is None or (self.markup and harmless(e.html)) for e in events)
        assert sorted(tmp_path.rglob("*")) == before

    def test_a_packed_file_reads_as_the_file(self, path: Path) -> None:
        """With gzip and with zstd, found by content under any name."""
        if not self.packs:
            return
        plain, data = self.events(path), path.read_bytes()
        for pack in (gzip.compress, zstd):
            path.write_bytes(pack(data))
            assert self.events(path) == plain
            assert not self.found or detect(path) == self.format

    def test_a_file_that_is_cut_off_gives_what_is_left(self, path: Path) -> None:
        """Plain or packed, wherever it was cut: rows, rejects, or one clear error."""
        if not self.packs:
            return
        data, texts = path.read_bytes(), {s.text for s in TALK}
        for whole in (data, gzip.compress(data)):
            for size in range(0, len(whole), max(1, len(whole) // 40)):
                path.write_bytes(whole[:size])
                read = self.survived(path)
                complete = [e for e in read if isinstance(e, Event) and e.text in texts]
                assert len({e.id for e in complete}) == len(complete)

    def test_damage_raises_nothing_but_the_declared_error(self, path: Path) -> None:
        """Bytes flipped, lost and put in anywhere, also below the checksum of what is packed."""
        dice = random.Random(7)
        files = [p for p in ([path] if path.is_file() else path.rglob("*")) if p.is_file()]
        for target in files:
            data = target.read_bytes()
            for _ in range(60):
                target.write_bytes(damaged(data, dice))
                self.survived(path)
            target.write_bytes(data)
        assert len(self.read(path)) == len(TALK)

    def survived(self, path: Path) -> list[Event | ValueError]:
        """What a damaged file gives; only ImporterError may end it, with a line that people can read."""
        read: list[Event | ValueError] = []
        try:
            for item in open_events(path, self.format, self.options):
                read.append(item)
                assert isinstance(item, Event | Rejected | Skipped)
                assert encode(item) if isinstance(item, Event) else str(item)
        except ImporterError as error:
            assert str(path) in str(error)
        return read


def damaged(data: bytes, dice: random.Random) -> bytes:
    """The data with a few bytes changed, cut or put in."""
    out = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(out) + 1)
        change: Callable[[], None] = dice.choice(
            [
                lambda at=at: out.__setitem__(slice(at, at + 1), bytes([dice.randrange(256)])),
                lambda at=at: out.__delitem__(slice(at, at + dice.randint(1, 30))),
                lambda at=at: out.__setitem__(
                    slice(at, at), dice.choice([b'"', b"[", b"}", b"null", b"-1", b"\xff\x00"])
                ),
                lambda at=at: out.__setitem__(slice(at, at), bytes(out[at : at + 40])),
            ]
        )
        change()
    return bytes(out)


def harmless(html: str) -> bool:
    """Whether HTML has no tags but those of texts."""
    return re.search(r"(?i)<(?!/?(?:p|br|a|b|i)\b)|<[^>]*\bon\w+=|href=.(?!http)", html) is None


def made(folder: Path) -> Path:
    """A new, empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def zstd(data: bytes) -> bytes:
    """Packed."""
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(data)
    return packed.getvalue().to_pybytes()
