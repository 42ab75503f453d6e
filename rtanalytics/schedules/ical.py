"""iCalendar (RFC 5545): entries with their time zones, recurrences and cancellations.

The zone of a time is found by its ``TZID``: an IANA name, a Windows name, or else the calendar's own
VTIMEZONE. A time without one is in the calendar's zone (``X-WR-TIMEZONE``), or in that of the
conference. Zones of one calendar are not used for another, because both may have a zone "Local".
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import Any, TypeVar

from rtanalytics.schedules.common import (
    MAX_TALKS,
    Found,
    ScheduleError,
    Slot,
    named_zone,
    placed,
    prose,
    unique,
    word,
)

__all__ = ["read_ical"]

T = TypeVar("T")

_HORIZON = timedelta(days=366)
"""How far a recurrence is followed from its start, because some have no end."""


def read_ical(text: str, where: str, zone: tzinfo | None) -> list[Found]:
    """Return the slots of all calendars in the text, or an error with the UID of each bad entry.

    Raises
    ------
    ScheduleError
        If it is broken, has no entry with a title, or only components of other kinds.
    """
    from icalendar import Calendar
    from icalendar.error import BrokenCalendarProperty

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library guesses zones; they are resolved here
            calendars = Calendar.from_ical(text, multiple=True)
    except Exception as error:  # noqa: BLE001  # the library does not document its exceptions
        raise ScheduleError(f"{where}: broken iCalendar: {type(error).__name__}: {error}") from None
    if not calendars:
        raise ScheduleError(f"{where}: iCalendar without an end; the file is cut off")
    if alone := [part for part in calendars if part.name == "VEVENT"]:  # some tools save single entries
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
    """A time in a calendar: local time, zone, and whether it is a whole day."""

    clock: datetime
    zone: tzinfo
    day: bool = False

    @property
    def utc(self) -> datetime:
        """Time in UTC."""
        return self.clock.replace(tzinfo=self.zone).astimezone(UTC)


def _unreadable(place: str, error: Exception) -> ScheduleError:
    return ScheduleError(f"{place}: a property cannot be read: {str(error.__cause__ or error)[:100]}")


class _Calendar:
    def __init__(self, calendar: Any, where: str, zone: tzinfo | None) -> None:
        self._where = where
        # entries without a title only block time
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
        found: list[Found] = []
        masters, changed, errors = self._sorted()
        for event in masters:
            slots = self._result_or_error(self._slots, event, changed)
            if isinstance(slots, ScheduleError):
                errors.append(slots)
                continue
            found += slots
            if len(found) > MAX_TALKS:
                raise ScheduleError(f"{self._where}: more than {MAX_TALKS:,} entries")
        return [*found, *errors]

    def _result_or_error(self, read: Callable[..., T], event: Any, *args: Any) -> T | ScheduleError:
        """Return what ``read`` returns for an entry, or the error."""
        from icalendar.error import BrokenCalendarProperty

        try:
            return read(event, *args)
        except ScheduleError as error:
            return error
        except BrokenCalendarProperty as error:
            return _unreadable(self._place(event), error)

    def _sorted(self) -> tuple[list[Any], dict[tuple[str, datetime], Any], list[ScheduleError]]:
        """Return the current entries, the changed occurrences of series, and errors."""
        series: dict[str, list[Any]] = {}
        changed: dict[tuple[str, datetime], Any] = {}
        errors: list[ScheduleError] = []
        unsure: set[str] = set()  # series with an occurrence that cannot be read
        for number, event in enumerate(self._events, start=1):
            uid = _text(event, "UID") or f"\0{number}"
            if "RECURRENCE-ID" not in event:
                series.setdefault(uid, []).append(event)
                continue
            at = self._result_or_error(self._replaced, event)
            if isinstance(at, ScheduleError):
                errors.append(at)
                unsure.add(uid)
            elif (uid, at) not in changed or _sequence(event) >= _sequence(changed[uid, at]):
                changed[uid, at] = event
        masters = []
        for uid, versions in series.items():
            newest = max(_sequence(event) for event in versions)
            if uid not in unsure:
                masters += [event for event in versions if _sequence(event) == newest]
        for (uid, _), event in changed.items():
            if uid not in series:
                masters.append(event)  # its series is not in this calendar
        return masters, changed, errors

    def _replaced(self, event: Any) -> datetime:
        """Return the time of the occurrence that the entry replaces."""
        place, recurrence_id = self._place(event), event["RECURRENCE-ID"]
        at = self._moment(recurrence_id, place).utc
        if str(recurrence_id.params.get("RANGE", "")):
            raise ScheduleError(f"{place}: RECURRENCE-ID with RANGE is not supported; export it without")
        return at

    def _slots(self, event: Any, changed: dict[tuple[str, datetime], Any]) -> list[Slot]:
        return list(self._each_slot(event, changed))

    def _each_slot(self, event: Any, changed: dict[tuple[str, datetime], Any]) -> Iterator[Slot]:
        place, uid = self._place(event), _text(event, "UID")
        if "RECURRENCE-ID" in event:
            original = self._moment(event["RECURRENCE-ID"], place).utc
            yield self._slot(event, place, self._start(event, place), f"{uid}#{original:%Y%m%dT%H%M%SZ}")
            return
        start = self._start(event, place)
        if not {"RRULE", "RDATE"} & set(event):
            yield self._slot(event, place, start, uid)
            return
        without = {m.utc for m in self._listed(event, "EXDATE", place)}
        for occurrence in self._occurrences(event, start, place):
            if occurrence.utc in without:
                continue
            name = f"{uid}#{occurrence.utc:%Y%m%dT%H%M%SZ}" if uid else ""
            other = changed.get((uid, occurrence.utc))
            if other is None:
                yield self._slot(event, place, occurrence, name)
            else:
                yield self._slot(other, place, self._start(other, place), name)

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

    def _start(self, event: Any, place: str) -> _Moment:
        if "DTSTART" not in event:
            raise ScheduleError(f"{place} has no DTSTART")
        return self._moment(event["DTSTART"], place)

    def _end(self, event: Any, start: _Moment, place: str) -> datetime | None:
        """Return the end of an occurrence: it is as long as the entry itself."""
        first = self._start(event, place)
        if "DTEND" in event:
            end = self._moment(event["DTEND"], place)
            if start.day and end.clock <= first.clock:
                # some give the last day instead of the day after it
                return _Moment(start.clock + timedelta(days=1), start.zone).utc
            if end.zone is first.zone:  # in local time, so that the end stays when the offset changes
                return _Moment(start.clock + (end.clock - first.clock), start.zone).utc
            return start.utc + (end.utc - first.utc)
        length = getattr(event.get("DURATION"), "dt", None)
        if isinstance(length, timedelta):
            if abs(length) > _HORIZON:
                raise ScheduleError(f"{place}: a DURATION of {length.days:,} days is too long for a talk")
            return start.utc + length
        return _Moment(start.clock + timedelta(days=1), start.zone).utc if start.day else None

    def _occurrences(self, event: Any, start: _Moment, place: str) -> list[_Moment]:
        from dateutil.rrule import rrulestr

        clocks = {start.clock}
        for rule in _list(event.get("RRULE")):
            parts = dict(part.partition("=")[::2] for part in rule.to_ical().decode().split(";"))
            # rules with several times per day can take minutes to expand, and talks do not need them
            endless = {"BYHOUR", "BYMINUTE", "BYSECOND"} & set(parts) or not re.fullmatch(
                r"[1-9]\d{0,3}", parts.get("INTERVAL", "1")
            )
            if parts.get("FREQ") not in {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"} or endless:
                raise ScheduleError(
                    f"{place}: RRULE {';'.join(parts.values())[:40]!r} is not supported for talks"
                )
            until = start.clock + _HORIZON
            parts.pop("UNTIL", None)
            count = parts.pop("COUNT", "")
            for last in _list(rule.get("UNTIL")):
                until = min(until, self._until(last, start.zone))
            text = ";".join(f"{name}={value}" for name, value in parts.items())
            try:
                # dateutil counts in local time; zones are resolved here
                times = rrulestr(f"{text};UNTIL={until:%Y%m%dT%H%M%S}", dtstart=start.clock)
                clocks.update(islice(times, int(count) if count else None))
            except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
                raise ScheduleError(f"{place}: RRULE {text[:60]!r} cannot be read: {error}") from None
        more = [m for m in self._listed(event, "RDATE", place) if abs(m.utc - start.utc) <= _HORIZON]
        found = {m.utc: m for m in [*(_Moment(c, start.zone, start.day) for c in clocks), *more]}
        return [found[utc] for utc in sorted(found)]

    @staticmethod
    def _until(last: Any, zone: tzinfo) -> datetime:
        """Return the end of a recurrence as local time in ``zone``."""
        last = getattr(last, "dt", last)
        if not isinstance(last, datetime):
            return datetime.combine(last, time.max)
        return last if last.tzinfo is None else last.astimezone(zone).replace(tzinfo=None)

    def _listed(self, event: Any, name: str, place: str) -> Iterator[_Moment]:
        for several in _list(event.get(name)):
            if not hasattr(several, "dts"):
                raise ScheduleError(f"{place}: {name} cannot be read")
            for member in several.dts:
                yield self._moment(member, place, str(several.params.get("TZID", "")))

    def _moment(self, prop: Any, place: str, named: str = "") -> _Moment:
        if isinstance(prop, list):
            raise ScheduleError(f"{place} has several times instead of one")
        value = getattr(prop, "dt", None)
        if isinstance(value, tuple):  # of a period only the start
            value = value[0]
        if not isinstance(value, date):
            raise ScheduleError(f"{place}: {str(prop)[:60]!r} is not a time such as 20260515T093000Z")
        named = named or str(prop.params.get("TZID", ""))
        day = not isinstance(value, datetime)
        clock = datetime.combine(value, time()) if not isinstance(value, datetime) else value
        zone = self._zone(named, place) if named else UTC if clock.tzinfo else self._own
        clock = clock.replace(tzinfo=None)
        if zone is None:
            raise ScheduleError(f"{place}: {clock.isoformat()} has no time zone; give one")
        placed(clock, zone, place)  # checks the year
        return _Moment(clock, zone, day)

    def _zone(self, name: str, place: str) -> tzinfo:
        if name not in self._zones:
            self._zones[name] = _known(name) or self._as_described(name, place)
        return self._zones[name]

    def _as_described(self, name: str, place: str) -> tzinfo:
        described = self._described.get(name)
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
        except Exception as error:  # noqa: BLE001  # two libraries do not document their exceptions
            raise ScheduleError(f"{place}: time zone {name[:60]!r} cannot be read: {error}") from None
        return custom

    def _place(self, event: Any) -> str:
        named = _text(event, "UID") or _text(event, "SUMMARY") or "without UID"
        return f"{self._where}: VEVENT {named[:80]}"


def _known(name: str) -> tzinfo | None:
    """Return a zone by its IANA name, also after a path, or by its Windows name; None if unknown."""
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
