"""Source of the changes of a schedule: talks that are added, moved, cancelled or retitled.

The first poll returns no events; each later one returns the differences from the poll before it. The
cursor contains the talks, so they are stored together with the events of their changes, and a repeated
poll returns the same changes with the same ids. A past talk that is no longer listed is not cancelled.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

import msgspec

from rtanalytics.event import Event, Ingest
from rtanalytics.schedule import Talk
from rtanalytics.schedules import FORMATS, Change, changes, keep_ids
from rtanalytics.schedules.common import named_zone
from rtanalytics.sources.base import Malformed, Meta, Parsed, printable, redact
from rtanalytics.sources.polled import AddressSpec, Cursor, PolledSource, short
from rtanalytics.sources.schedules.parse import talk_id

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer

__all__ = ["ScheduleSource", "ScheduleSpec", "Spec", "open_source"]

ACCEPT = (
    "application/json, application/xml, text/xml, text/calendar;q=0.9, text/csv;q=0.8, "
    "application/yaml;q=0.8, */*;q=0.1"
)
EVERY = timedelta(minutes=10)
ACCESS = "open"
ABOUT = """\
Polls the schedule of a conference and stores an event for each talk that is added, moved, cancelled or \
retitled; the first poll stores none. Reads the JSON and XML of pretalx and frab, pretalx's API, pentabarf, \
iCalendar and xCal, the exports of Sessionize, Sched, Guidebook, Whova, ConfTool, Indico and EMF Camp, the \
files of EuroPython and PyCon US, CSV and YAML. A talk that cannot be read is a dead letter. No talk is \
cancelled while there are such talks, or if the whole schedule is unreadable or empty. A past talk that is \
no longer listed is not cancelled."""
EXAMPLE = """\
[[source]]
type = "schedule"
name = "talks"
url = "https://pretalx.com/democon/schedule/export/schedule.json"
timezone = "Europe/Berlin"
"""

REMEMBERED = 5_000
"""Maximum number of removed talks whose last change is stored, because they may be listed again."""

_WORDS = {"added": "Added", "moved": "Moved", "cancelled": "Cancelled", "retitled": "Retitled"}


class ScheduleSpec(AddressSpec, frozen=True, kw_only=True, tag_field="type", tag="schedule"):
    """A ``[[source]]`` table with ``type = "schedule"``.

    Parameters
    ----------
    name : str
        Name of the source.
    url : str
        URL of the schedule. The ids of its changes contain it, without scheme, password and secrets.
    every : timedelta, optional
        Polling interval; 10 minutes. The server's ``Cache-Control`` can extend it to up to an hour.
    key : str, optional
        Replaces the URL in the ids. If a schedule has moved, use its old URL without scheme.
    format : str, optional
        A key of :data:`rtanalytics.schedules.FORMATS`, if the format is not recognized.
    timezone : str, optional
        IANA time zone for times without an offset in a file without a time zone, and for the texts
        of the events; by default the time zone of the conference.
    first_day : str, optional
        Date of the first day, for tables with days of the week instead of dates.
    length : timedelta
        Length of talks without an end.

    Raises
    ------
    ValueError
        If a value is invalid; the message names it and what to write instead.
    """

    connector: ClassVar[str] = "schedule@1"
    parser: ClassVar[str] = "rtanalytics.sources.schedules.parse:parse"
    format: str | None = None
    timezone: str | None = None
    first_day: str | None = None
    length: timedelta = timedelta(hours=1)
    budget: timedelta = timedelta(seconds=5)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.format is not None and self.format not in FORMATS:
            raise ValueError(f"format {printable(self.format)!r} is unknown; use one of {', '.join(FORMATS)}")
        if self.timezone is not None and named_zone(self.timezone) is None:
            raise ValueError(f"timezone {printable(self.timezone)!r} is unknown (example: Europe/Berlin)")
        if self.first_day is not None:
            try:
                date.fromisoformat(self.first_day)
            except ValueError:
                raise ValueError(
                    f"first_day {printable(self.first_day)!r} is invalid (example: '2026-05-15')"
                ) from None

    @property
    def options(self) -> dict[str, str]:
        """Options of the parser, for :attr:`Meta.options`."""
        options = {"format": self.format, "timezone": self.timezone, "first_day": self.first_day}
        length = {"length": str(self.length.total_seconds())}
        return {name: value for name, value in options.items() if value is not None} | length

    def meta(self, received_at: datetime) -> Meta:
        return msgspec.structs.replace(
            super().meta(received_at), source=f"schedules:{self.name}", options=self.options
        )


class _Cursor(Cursor, omit_defaults=True):
    """The schedule at the last poll; stored together with the events of its changes."""

    talks: list[Talk] | None = None  # None before the first poll; without abstracts
    # talk → digest of its last change
    reported: dict[str, str] = msgspec.field(name="told", default_factory=dict)


class ScheduleSource(PolledSource[ScheduleSpec, _Cursor]):
    """Source of the changes of a schedule.

    Parameters
    ----------
    spec : ScheduleSpec
        The ``[[source]]`` table.
    counts : Counter
        ``talks``, one count per kind of change, and what every polled source counts.
    """

    bucket = "schedules"
    cursor = _Cursor
    every = EVERY
    accept = ACCEPT

    def query(self) -> str:
        return "\n".join([self.spec.url, *(f"{k}={v}" for k, v in self.spec.options.items())])

    def notes(
        self, answer: Answer, parsed: Parsed | None = None, state: _Cursor | None = None
    ) -> dict[str, str]:
        notes = super().notes(answer)
        return notes if state is None else {**notes, "talks": str(len(state.talks or ()))}

    def take(self, state: _Cursor, parsed: Parsed, answer: Answer, received: datetime) -> list[Event]:
        """Return the changes as events, and update ``state``."""
        talks = [_slim(msgspec.json.decode(event.raw or b"", type=Talk)) for event in parsed.events]
        if state.talks is None:
            state.talks = talks
            return []
        if state.talks and not talks:
            raise Malformed(
                f"{redact(self.spec.url)}: no talks, but {len(state.talks)} at the last poll; "
                "the schedule is ignored",
                answer.body,
            )
        talks = list(keep_ids(state.talks, talks))
        if parsed.rejects:
            # a missing talk may be one that could not be read, so no talk is cancelled
            listed = {talk.id for talk in talks}
            talks += [talk for talk in state.talks if talk.id not in listed]
        events = []
        for change in changes(state.talks, talks):
            if change.kind == "cancelled" and change.talk.end <= received:
                continue
            self.counts[change.kind] += 1
            events.append(self.numbered(state, self._event(change, state, received)))
        known = {talk.id for talk in talks}
        removed = [name for name in state.reported if name not in known]
        for name in removed[: max(0, len(removed) - REMEMBERED)]:
            del state.reported[name]
        state.talks = talks
        return events

    def _event(self, change: Change, state: _Cursor, received: datetime) -> Event:
        talk = change.talk
        # with the previous change in the id, moving a talk back and forth gives different ids
        content = msgspec.json.encode([state.reported.pop(talk.id, ""), change])
        digest = state.reported[talk.id] = short(content)
        thread = talk_id(self.scope, talk)
        return Event(
            id=f"{thread}/{digest}",
            source=f"schedules:{self.spec.name}",
            type=f"talk.{change.kind}",
            created_at=received,
            received_at=received,
            title=talk.title,
            text=self._text(change),
            url=talk.url,
            thread=thread,
            ingest=Ingest(connector=self.spec.connector, id_kind="derived", time_kind="observed"),
            raw=msgspec.json.encode(change),
        )

    def _text(self, change: Change) -> str:
        talk, before = change.talk, change.before or change.talk
        title = f"{_WORDS[change.kind]}: {before.title}"
        if change.kind == "moved":
            return f"{_WORDS['moved']}: {talk.title}, from {self._place(before)}, to {self._place(talk)}"
        if change.kind == "retitled":
            title = f"{title} → {talk.title}"
        people = f" ({', '.join(talk.speakers)})" if talk.speakers and change.kind == "added" else ""
        return f"{title}{people}, {self._place(talk)}"

    def _place(self, talk: Talk) -> str:
        zone = (named_zone(self.spec.timezone) if self.spec.timezone else None) or UTC
        start, end = talk.start.astimezone(zone), talk.end.astimezone(zone)
        until = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M}"
        return f"{start:%Y-%m-%d %H:%M}–{until} {start:%Z}" + (f", {talk.room}" if talk.room else "")


def _slim(talk: Talk) -> Talk:
    """Remove the fields of a talk that are not compared, to keep the cursor small."""
    return msgspec.structs.replace(talk, abstract=None, track=None)


Spec, open_source = ScheduleSpec, ScheduleSource
