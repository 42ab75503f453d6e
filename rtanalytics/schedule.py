"""Talks of a conference, and reference topics with which detected trends are compared.

An archive stores them in two files: ``_schedule.json``, a list of talks, and ``_truth.csv``, the
reference topics.
"""

from __future__ import annotations

import csv
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from rtanalytics.clock import parse_time
from rtanalytics.wording import counted

__all__ = ["ReferenceTopic", "Schedule", "Talk", "read_truth"]


class Talk(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A talk in the interval ``[start, end)``; times are aware UTC.

    Raises
    ------
    ValueError
        If a time is naive or the talk ends before it starts.
    """

    id: str
    title: str
    start: datetime
    end: datetime
    speakers: list[str] = []
    room: str | None = None
    track: str | None = None
    kind: str = "talk"
    url: str | None = None
    abstract: str | None = None

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            moment: datetime = getattr(self, name)
            if moment.tzinfo is None:
                raise ValueError(f"talk {self.id!r}: {name} {moment.isoformat()} has no time zone")
            if moment.tzinfo is not UTC:
                msgspec.structs.force_setattr(self, name, moment.astimezone(UTC))
        if self.end < self.start:
            raise ValueError(f"talk {self.id!r} ends ({self.end}) before it starts ({self.start})")


class Schedule:
    """Talks, sorted by start.

    Parameters
    ----------
    talks : iterable of Talk
        In any order.
    refused : iterable of str
        Entries of the file that could not be parsed: one line each, with the position and the reason.
    warnings : iterable of str
        Entries that were read but may be wrong, such as an exception to a series that matches none of
        its dates: one line each.

    Examples
    --------
    >>> nine, ten = datetime(2026, 5, 15, 9, tzinfo=UTC), datetime(2026, 5, 15, 10, tzinfo=UTC)
    >>> schedule = Schedule([Talk(id="1", title="Welcome", start=nine, end=ten)])
    >>> schedule.on(nine)[0].title, schedule.on(ten)
    ('Welcome', [])
    """

    def __init__(
        self, talks: Iterable[Talk] = (), refused: Iterable[str] = (), warnings: Iterable[str] = ()
    ) -> None:
        self.talks: list[Talk] = sorted(talks, key=lambda t: (t.start, t.end, t.id))
        self.refused: list[str] = list(refused)
        self.warnings: list[str] = list(warnings)
        self._starts = [t.start for t in self.talks]

    def __iter__(self) -> Iterator[Talk]:
        return iter(self.talks)

    def __len__(self) -> int:
        return len(self.talks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and self.talks == other.talks

    def __repr__(self) -> str:
        if not self.talks:
            return "Schedule(no talks)"
        first, last = self.talks[0].start, max(talk.end for talk in self.talks)
        period = f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
        return f"Schedule({counted(len(self.talks), 'talk')}, {period})"

    __hash__ = None  # type: ignore[assignment]  # a schedule can be read again and compared

    def on(self, moment: datetime) -> list[Talk]:
        """Return the talks that take place at ``moment``."""
        return [t for t in self.talks[: bisect_right(self._starts, moment)] if moment < t.end]

    def between(self, start: datetime, end: datetime) -> list[Talk]:
        """Return the talks that overlap ``[start, end)``."""
        return [t for t in self.talks[: bisect_left(self._starts, end)] if start < t.end]

    def next(self, moment: datetime, n: int = 5) -> list[Talk]:
        """Return the next ``n`` talks that start after ``moment``."""
        first = bisect_right(self._starts, moment)
        return self.talks[first : first + n]

    def to_json(self) -> bytes:
        """Return the talks as a JSON list, one indented object per talk."""
        return msgspec.json.format(msgspec.json.encode(self.talks), indent=1) + b"\n"

    @classmethod
    def from_json(cls, data: bytes | str) -> Schedule:
        """Parse the output of :meth:`to_json`.

        Raises
        ------
        ValueError
            If it is not such a list; the message names the field.
        """
        return cls(msgspec.json.decode(data, type=list[Talk]))


class ReferenceTopic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic that is known to have been discussed, with the keywords by which it is recognized."""

    start: datetime
    end: datetime
    keywords: tuple[str, ...]
    extra: dict[str, str] = {}

    @property
    def label(self) -> str:
        """Title or speaker if the file has them, otherwise the first keyword."""
        return self.extra.get("title") or self.extra.get("speaker") or self.keywords[0]


def read_truth(path: str | Path) -> list[ReferenceTopic]:
    """Read a ground-truth file: CSV with ``start_utc``, ``end_utc``, ``keywords`` (joined by ``|``).

    Raises
    ------
    ValueError
        If a column is missing or a time is invalid; the message names file and line.
    """
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = {"start_utc", "end_utc", "keywords"} - set(reader.fieldnames or ())
        if missing:
            raise ValueError(f"{path}: missing column {', '.join(sorted(missing))}")
        topics = []
        for row in reader:
            try:
                start, end = parse_time(row.pop("start_utc")), parse_time(row.pop("end_utc"))
            except ValueError as error:
                raise ValueError(f"{path}:{reader.line_num}: {error}") from None
            keywords = tuple(k.strip() for k in row.pop("keywords").split("|") if k.strip())
            if not keywords:
                raise ValueError(f"{path}:{reader.line_num}: no keywords; name at least one")
            topics.append(ReferenceTopic(start=start, end=end, keywords=keywords, extra=row))
    return topics


def write_truth(path: str | Path, topics: Sequence[ReferenceTopic]) -> None:
    """Write a ground-truth file in the format of :func:`read_truth`."""
    extra = list(dict.fromkeys(name for topic in topics for name in topic.extra))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["start_utc", "end_utc", "keywords", *extra])
        for t in topics:
            cells = [t.extra.get(name, "") for name in extra]
            writer.writerow([t.start.isoformat(), t.end.isoformat(), "|".join(t.keywords), *cells])
