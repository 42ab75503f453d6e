"""Reader for iCalendar files (RFC 5545): entries, time zones, recurrences and cancellations.

The ``TZID`` of a time is an IANA name, a Windows name, or the name of a VTIMEZONE in the same calendar.
A time without ``TZID`` is in the zone of the calendar (``X-WR-TIMEZONE``), or else of the conference.
VTIMEZONEs are not shared between calendars, because two calendars can define different zones "Local".
Exceptions of a series (``RECURRENCE-ID``, ``EXDATE``, ``RDATE``) are compared with its occurrences in
UTC. An exception without a zone has the zone of the series' ``DTSTART``, and an exception that is a
date applies to all occurrences of that day.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import Any

from rtanalytics.schedules.common import (
    ADVICE_ZONE,
    MAX_TALKS,
    Found,
    ScheduleError,
    ScheduleNote,
    Slot,
    named_zone,
    placed,
    prose,
    unique,
    word,
)
from rtanalytics.schedules.icaltext import repaired, zone_by_description

__all__ = ["read_ical"]

_HORIZON = timedelta(days=366)
"""Time after the start of a series in which occurrences are generated, because some have no end."""


def read_ical(text: str, where: str, zone: tzinfo | None) -> list[Found]:
    """Return the slots of all calendars in the text, or an error with the UID of each bad entry.

    Raises
    ------
    ScheduleError
        If the calendar is broken, no entry has a title, or it has components but no entries (VEVENT).
    """
    from icalendar import Calendar
    from icalendar.error import BrokenCalendarProperty

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about time zones that the library guesses; they are not used
            calendars = Calendar.from_ical(repaired(text), multiple=True)
    except Exception as error:  # noqa: BLE001  # the library does not document its exceptions
        raise ScheduleError(f"{where}: broken iCalendar: {type(error).__name__}: {error}") from None
    if not calendars:
        raise ScheduleError(f"{where}: iCalendar without an end; the file is cut off")
    if alone := [part for part in calendars if part.name == "VEVENT"]:  # some tools save no VCALENDAR
        calendars = [part for part in calendars if part.name != "VEVENT"]
        calendars.append(Calendar())
        calendars[-1].subcomponents += alone
    found: list[Found] = []
    for calendar in calendars:
        if calendar.name != "VCALENDAR":
            raise ScheduleError(f"{where}: iCalendar, but {calendar.name} instead of VCALENDAR")
        try:
            found += _Calendar(calendar, where, zone).found()
        except BrokenCalendarProperty as error:
            raise _unreadable(where, error) from None
    return found


@dataclass(frozen=True, slots=True)
class _Moment:
    """A time in a calendar.

    ``clock`` is the local time in ``zone``; ``day`` is True for a date without a time of day; ``length`` is
    the duration if the value is a period.
    """

    clock: datetime
    zone: tzinfo
    day: bool = False
    length: timedelta | None = None

    @property
    def utc(self) -> datetime:
        """Time in UTC."""
        return self.clock.replace(tzinfo=self.zone).astimezone(UTC)

    def on_day(self, zone: tzinfo) -> date:
        """Return the date in a series of whole days, for which some tools write midnight in UTC."""
        local = self.utc.astimezone(zone)
        if self.day or (local.time() != time() and self.clock.time() in {time(), time(23, 59, 59)}):
            return self.clock.date()
        return local.date()


def _unreadable(place: str, error: Exception) -> ScheduleError:
    return ScheduleError(f"{place}: a property cannot be read: {str(error.__cause__ or error)[:100]}")


class _Calendar:
    def __init__(self, calendar: Any, where: str, zone: tzinfo | None) -> None:
        self._where = where
        # entries without a title are no talks; calendars use them to mark time as busy
        entries = [part for part in calendar.subcomponents if part.name == "VEVENT"]
        self._events = [e for e in entries if _text(e, "SUMMARY").strip() or "RECURRENCE-ID" in e]
        others = sorted(
            {str(part.name) for part in calendar.subcomponents} - {"VEVENT", "VTIMEZONE", "VALARM"}
        )
        if others and not entries:
            raise ScheduleError(f"{where}: no entries of a schedule (VEVENT), only {', '.join(others)[:60]}")
        if entries and not self._events:
            raise ScheduleError(f"{where}: {len(entries):,} entries, and none of them has a title (SUMMARY)")
        self._is_cancelled = _text(calendar, "METHOD").upper() == "CANCEL"
        self._described = {_text(p, "TZID"): p for p in calendar.subcomponents if p.name == "VTIMEZONE"}
        self._zones: dict[str, tzinfo] = {}
        named = _text(calendar, "X-WR-TIMEZONE")
        self._own = (self._zone(named, where) if named else None) or zone

    def found(self) -> list[Found]:
        if self._is_cancelled:
            return []
        series, exceptions = self._grouped()
        found: list[Found] = []
        for uid, versions in series.items():
            newest = max(_sequence(event) for event in versions)
            masters = [event for event in versions if _sequence(event) == newest]
            found += self._found(self._series, masters, exceptions.pop(uid, []))
            if len(found) > MAX_TALKS:
                raise ScheduleError(f"{self._where}: more than {MAX_TALKS:,} entries")
        for alone in exceptions.values():
            found += self._found(self._kept, alone, "its series is not in this file")
        return found

    @staticmethod
    def _found(read: Callable[..., Iterator[Found]], *args: Any) -> list[Found]:
        """Return the results of ``read``, or only its error, so that no series is read in part."""
        try:
            return list(read(*args))
        except ScheduleError as error:
            return [error]

    def _grouped(self) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
        """Return the entries, and the changed occurrences of series, both as lists by UID."""
        series: dict[str, list[Any]] = {}
        exceptions: dict[str, list[Any]] = {}
        for number, event in enumerate(self._events, start=1):
            uid = _text(event, "UID") or f"\0{number}"
            (exceptions if "RECURRENCE-ID" in event else series).setdefault(uid, []).append(event)
        return series, exceptions

    def _series(self, masters: list[Any], exceptions: list[Any]) -> Iterator[Found]:
        """Yield the slots of all entries with one UID, and warnings about exceptions without occurrence."""
        unmatched = exceptions
        for event in masters:
            with self._reading(event):
                start = self._start(event, self._place(event))
            changed: dict[datetime | date, Any] = {}
            for other in exceptions:
                with self._reading(other):
                    key = _key(self._original(other, start.zone), start)
                if key not in changed or _sequence(other) >= _sequence(changed[key]):
                    changed[key] = other
            with self._reading(event):
                yield from self._occurring(event, start, changed)
            unmatched = [e for e in unmatched if any(e is left for left in changed.values())]
        yield from self._kept(unmatched, "no date of its series matches it")

    @contextmanager
    def _reading(self, event: Any) -> Iterator[None]:
        """Add the name of the entry to errors about its properties."""
        from icalendar.error import BrokenCalendarProperty

        try:
            yield
        except BrokenCalendarProperty as error:
            raise _unreadable(self._place(event), error) from None

    def _original(self, event: Any, clock: tzinfo | None) -> _Moment:
        """Return the time of the occurrence that an exception (``RECURRENCE-ID``) replaces."""
        place, recurrence_id = self._place(event), event["RECURRENCE-ID"]
        at = self._moment(recurrence_id, place, clock=clock)
        if str(recurrence_id.params.get("RANGE", "")):
            raise ScheduleError(f"{place}: RECURRENCE-ID with RANGE is not supported; export it without")
        return at

    def _kept(self, events: list[Any], reason: str) -> Iterator[Found]:
        """Yield exceptions whose occurrence does not exist as separate talks, each with a warning."""
        newest: dict[datetime, tuple[_Moment, Any]] = {}
        for event in events:
            with self._reading(event):
                at = self._original(event, self._start(event, self._place(event)).zone)
            if at.utc not in newest or _sequence(event) >= _sequence(newest[at.utc][1]):
                newest[at.utc] = at, event
        for at, event in newest.values():
            place = self._place(event)
            yield ScheduleNote(
                f"{place} replaces the occurrence of {at.clock:%Y-%m-%d %H:%M}, but {reason}; "
                "it is kept as a talk of its own"
            )
            with self._reading(event):
                yield self._slot(event, place, self._start(event, place), _occurrence_id(event, at))

    def _occurring(self, event: Any, start: _Moment, changed: dict[datetime | date, Any]) -> Iterator[Found]:
        """Yield the slots of an entry's occurrences.

        Exceptions in ``changed`` that replace an occurrence are removed from ``changed``.
        """
        place, uid = self._place(event), _text(event, "UID")
        recurs = bool({"RRULE", "RDATE"} & set(event))
        without = {_key(m, start): m for m in self._listed(event, "EXDATE", place, start)}
        unused = {key: m for key, m in without.items() if abs(m.utc - start.utc) <= _HORIZON}
        for occurrence in self._occurrences(event, start, place):
            name = _occurrence_id(event, occurrence) if recurs else uid
            day = occurrence.clock.date() if start.day else occurrence.utc.astimezone(start.zone).date()
            keys = (occurrence.utc, day)
            for key in keys:
                unused.pop(key, None)
            other = next((changed.pop(key) for key in keys if key in changed), None)
            if other is None:
                if without.keys().isdisjoint(keys):
                    yield self._slot(event, place, occurrence, name)
                continue
            first = occurrence
            if "DTSTART" in other:
                first = self._start(other, place, start.zone)
            slot = self._slot(other, place, first, name)
            slot.title = slot.title if _text(other, "SUMMARY") else word(_text(event, "SUMMARY"))
            yield slot
        if unused:
            first = min(unused.values(), key=lambda m: m.utc)
            more = f" and {len(unused) - 1:,} more" if len(unused) > 1 else ""
            yield ScheduleNote(
                f"{place}: EXDATE {first.clock:%Y-%m-%d %H:%M}{more} matches no date of the series, so it "
                "removes none"
            )

    def _slot(self, event: Any, place: str, start: _Moment, uid: str) -> Slot:
        title = word(_text(event, "SUMMARY")) or "untitled"
        return Slot(
            where=place,
            id=uid,
            title=title,
            start=start.utc,
            end=self._end(event, start, place),
            speakers=_people(event),
            room=word(_text(event, "LOCATION")) or None,
            track=_track(event),
            kind="all-day" if start.day else "talk",
            url=_text(event, "URL").strip() or None,
            abstract=prose(_text(event, "DESCRIPTION")) or None,
            cancelled=_text(event, "STATUS").upper() == "CANCELLED",
        )

    def _start(self, event: Any, place: str, clock: tzinfo | None = None) -> _Moment:
        if "DTSTART" not in event:
            raise ScheduleError(f"{place} has no DTSTART")
        return self._moment(event["DTSTART"], place, clock=clock)

    def _end(self, event: Any, start: _Moment, place: str) -> datetime | None:
        """Return the end of an occurrence, which lasts as long as the first one."""
        if start.length is not None:
            return start.utc + start.length
        first = self._start(event, place, start.zone) if "DTSTART" in event else start
        if "DTEND" in event:
            end = self._moment(event["DTEND"], place, clock=first.zone)
            if start.day and end.clock <= first.clock:
                # DTEND should be the day after the last one, but some tools write the last day
                return _Moment(start.clock + timedelta(days=1), start.zone).utc
            if end.zone is first.zone:  # in local time, so that a change to summer time does not move the end
                return _Moment(start.clock + (end.clock - first.clock), start.zone).utc
            return start.utc + (end.utc - first.utc)
        length = getattr(event.get("DURATION"), "dt", None)
        if isinstance(length, timedelta):
            return start.utc + _talk_length(length, place)
        return _Moment(start.clock + timedelta(days=1), start.zone).utc if start.day else None

    def _occurrences(self, event: Any, start: _Moment, place: str) -> list[_Moment]:
        from dateutil.rrule import rrulestr

        clocks = {start.clock}
        for rule in _list(event.get("RRULE")):
            parts = dict(part.partition("=")[::2] for part in rule.to_ical().decode().split(";"))
            # expanding rules with several times per day can take minutes, and talks do not need them
            several = any("," in parts.get(name, "") for name in ("BYHOUR", "BYMINUTE", "BYSECOND"))
            if parts.get("FREQ") not in {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"} or several:
                raise ScheduleError(
                    f"{place}: RRULE {';'.join(parts.values())[:40]!r} is not supported for talks; it must "
                    "recur DAILY, WEEKLY, MONTHLY or YEARLY, at one time of day"
                )
            for name, most in (("COUNT", 999_999_999), ("INTERVAL", 9_999)):
                number = parts.get(name, "1")
                if not (re.fullmatch(r"\d{1,9}", number, re.ASCII) and 1 <= int(number) <= most):
                    raise ScheduleError(
                        f"{place}: {name} of its RRULE is {number[:20]}, but must be 1 or more"
                        + (f", and at most {most:,}" if number.isdecimal() else "")
                    )
            until = start.clock + _HORIZON
            parts.pop("UNTIL", None)
            count = parts.pop("COUNT", "")
            for last in _list(rule.get("UNTIL")):
                until = min(until, self._until(last, start))
            if until < start.clock:
                raise ScheduleError(
                    f"{place}: its RRULE ends (UNTIL {until:%Y-%m-%d %H:%M}) before its first date "
                    f"({start.clock:%Y-%m-%d %H:%M})"
                )
            text = ";".join(f"{name}={value}" for name, value in parts.items())
            try:
                # dateutil expands the rule in local time; _Moment adds the zone
                times = rrulestr(f"{text};UNTIL={until:%Y%m%dT%H%M%S}", dtstart=start.clock)
                clocks.update(islice(times, int(count) if count else None))
            except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
                raise ScheduleError(f"{place}: RRULE {text[:60]!r} cannot be read: {error}") from None
        more = [_on_clock(m, start) for m in self._listed(event, "RDATE", place, start)]
        more = [m for m in more if abs(m.utc - start.utc) <= _HORIZON]
        found = {m.utc: m for m in [*(_Moment(c, start.zone, start.day) for c in clocks), *more]}
        return [found[utc] for utc in sorted(found)]

    @staticmethod
    def _until(last: Any, start: _Moment) -> datetime:
        """Return the end of a recurrence (``UNTIL``) as local time in the zone of the series."""
        last = getattr(last, "dt", last)
        if not isinstance(last, datetime):
            return datetime.combine(last, time.max)
        end = _Moment(last.replace(tzinfo=None), last.tzinfo or start.zone)
        if start.day:
            return datetime.combine(end.on_day(start.zone), time.max)
        return end.utc.astimezone(start.zone).replace(tzinfo=None)

    def _listed(self, event: Any, name: str, place: str, start: _Moment) -> Iterator[_Moment]:
        for several in _list(event.get(name)):
            if not hasattr(several, "dts"):
                raise ScheduleError(f"{place}: {name} cannot be read")
            for member in several.dts:
                yield self._moment(member, place, str(several.params.get("TZID", "")), start.zone)

    def _moment(self, prop: Any, place: str, named: str = "", clock: tzinfo | None = None) -> _Moment:
        """Return the time of a property; if it names no zone, it is in ``clock`` or the calendar's zone."""
        if isinstance(prop, list):
            raise ScheduleError(f"{place} has more than one time; exactly one is allowed")
        value, length = getattr(prop, "dt", None), None
        if isinstance(value, tuple):
            value, end = value
            length = _talk_length(end - value if isinstance(end, datetime) else end, place)
        if not isinstance(value, date):
            raise ScheduleError(f"{place}: {str(prop)[:60]!r} is not a time such as 20260515T093000Z")
        named = named or str(prop.params.get("TZID", ""))
        day = not isinstance(value, datetime)
        local = datetime.combine(value, time()) if not isinstance(value, datetime) else value
        zone = self._zone(named, place) if named else UTC if local.tzinfo else clock or self._own
        local = local.replace(tzinfo=None)
        if zone is None:
            raise ScheduleError(f"{place}: {local.isoformat()} has no time zone{ADVICE_ZONE}")
        placed(local, zone, place)  # raises an error if the year is out of range
        return _Moment(local, zone, day, length)

    def _zone(self, name: str, place: str) -> tzinfo:
        if name not in self._zones:
            self._zones[name] = _known(name) or self._as_described(name, place)
        return self._zones[name]

    def _as_described(self, name: str, place: str) -> tzinfo:
        described = self._described.get(name)
        if described is None and (zone := zone_by_description(name)):
            return zone
        if described is None:
            raise ScheduleError(
                f"{place}: time zone {name[:60]!r} is neither known nor described in the file"
            )
        if zone := _known(_text(described, "X-LIC-LOCATION")):
            return zone
        for part in described.subcomponents:
            if any(rule.get("FREQ") != ["YEARLY"] for rule in _list(part.get("RRULE"))):
                raise ScheduleError(f"{place}: time zone {name[:60]!r} has rules that are not yearly")
        try:
            custom: tzinfo = described.to_tz(lookup_tzid=False)
        except Exception as error:  # noqa: BLE001  # the libraries do not document their exceptions
            raise ScheduleError(f"{place}: time zone {name[:60]!r} cannot be read: {error}") from None
        return custom

    def _place(self, event: Any) -> str:
        named = _text(event, "UID") or _text(event, "SUMMARY") or "without UID"
        return f"{self._where}: VEVENT {named[:80]}"


def _occurrence_id(event: Any, original: _Moment) -> str:
    uid = _text(event, "UID")
    return f"{uid}#{original.utc:%Y%m%dT%H%M%SZ}" if uid else ""


def _key(moment: _Moment, start: _Moment) -> datetime | date:
    """Return the key of an occurrence in its series: a date for whole days, otherwise a time in UTC."""
    if start.day:
        return moment.on_day(start.zone)
    return moment.clock.date() if moment.day else moment.utc


def _on_clock(moment: _Moment, start: _Moment) -> _Moment:
    """Return an additional date (RDATE) of a series; without a time, it gets the series' time of day."""
    if start.day:
        return _Moment(datetime.combine(moment.on_day(start.zone), time()), start.zone, day=True)
    if moment.day:
        return _Moment(datetime.combine(moment.clock.date(), start.clock.time()), start.zone)
    return moment


def _talk_length(length: timedelta, place: str) -> timedelta:
    if abs(length) > _HORIZON:
        raise ScheduleError(f"{place}: a DURATION of {length.days:,} days is too long for a talk")
    return length


def _known(name: str) -> tzinfo | None:
    """Return the zone with an IANA or Windows name, or None; a path before an IANA name is ignored."""
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    if not name:
        return None
    parts = name.strip().split("/")
    tails = ["/".join(parts[-n:]) for n in (2, 3) if len(parts) > n]
    candidates = [name.strip(), WINDOWS_TO_OLSON.get(name, ""), *tails]
    return next((zone for n in candidates if n and (zone := named_zone(n))), None)


def _people(event: Any) -> list[str]:
    """Return the names of the attendees; e-mail addresses are not kept."""
    names = []
    for attendee in _list(event.get("ATTENDEE")):
        parameters = getattr(attendee, "params", {})
        name = word(str(parameters.get("CN", "")))
        if name and "@" not in name and str(parameters.get("CUTYPE", "")).upper() not in {"ROOM", "RESOURCE"}:
            names.append(name)
    return unique(names)


def _track(event: Any) -> str | None:
    for several in _list(event.get("CATEGORIES")):
        for category in getattr(several, "cats", [several]):
            if name := word(str(category)):
                return name
    return None


def _sequence(event: Any) -> int:
    sequence = event.get("SEQUENCE", 0)
    return sequence if isinstance(sequence, int) else 0


def _text(component: Any, name: str) -> str:
    value = component.get(name)
    if isinstance(value, list):
        value = value[0]
    return "" if value is None else str(value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
