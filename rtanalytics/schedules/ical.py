"""iCalendar (RFC 5545): entries with their time zones, recurrences and cancellations.

A time with a ``TZID`` is on the clock of that zone: by its IANA name, or by the name that Windows
has for it, or else as the calendar's own VTIMEZONE describes it. A floating time is on the
calendar's clock (``X-WR-TIMEZONE``), or on that of the conference. Zones of one calendar never
serve another, although both may call theirs "Local".
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
    word,
)

__all__ = ["read_ical"]

T = TypeVar("T")

_HORIZON = timedelta(days=366)
"""How far a recurrence is followed from its first time; some have no end."""


def read_ical(text: str, where: str, zone: tzinfo | None) -> list[Found]:
    """The slots of all calendars in the text; entries that are cancelled are left out.

    An entry that cannot be placed in time is its error, which names its UID.

    Raises
    ------
    ScheduleError
        If it is broken, or has entries and none of them a title, or things of other kinds only.
    """
    from icalendar import Calendar
    from icalendar.error import BrokenCalendarProperty

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it guesses at zones; we look at them ourselves
            calendars = Calendar.from_ical(text, multiple=True)
    except Exception as error:  # noqa: BLE001  # the library does not say what it raises on broken text
        raise ScheduleError(f"{where}: broken iCalendar: {type(error).__name__}: {error}") from None
    if not calendars:
        raise ScheduleError(f"{where}: iCalendar without an end; the file was cut off")
    if alone := [part for part in calendars if part.name == "VEVENT"]:  # as some tools keep single entries
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
    """A time as it stands in a calendar: what the clock shows, and which clock it is."""

    clock: datetime
    zone: tzinfo
    day: bool = False

    @property
    def utc(self) -> datetime:
        return self.clock.replace(tzinfo=self.zone).astimezone(UTC)


def _unreadable(place: str, error: Exception) -> ScheduleError:
    return ScheduleError(f"{place}: a property cannot be read: {str(error.__cause__ or error)[:100]}")


class _Calendar:
    def __init__(self, calendar: Any, where: str, zone: tzinfo | None) -> None:
        self._where = where
        # an entry without a title blocks time and tells nothing
        entries = [part for part in calendar.subcomponents if part.name == "VEVENT"]
        self._events = [e for e in entries if _text(e, "SUMMARY").strip() or "RECURRENCE-ID" in e]
        others = sorted(
            {str(part.name) for part in calendar.subcomponents} - {"VEVENT", "VTIMEZONE", "VALARM"}
        )
        if others and not entries:
            raise ScheduleError(f"{where}: no entries of a schedule (VEVENT), only {', '.join(others)[:60]}")
        if entries and not self._events:
            raise ScheduleError(f"{where}: {len(entries):,} entries, and none of them has a title (SUMMARY)")
        self._void = _text(calendar, "METHOD").upper() == "CANCEL"
        self._described = {_text(p, "TZID"): p for p in calendar.subcomponents if p.name == "VTIMEZONE"}
        self._zones: dict[str, tzinfo] = {}
        named = _text(calendar, "X-WR-TIMEZONE")
        self._own = (self._zone(named, where) if named else None) or zone

    def found(self) -> list[Found]:
        if self._void:
            return []
        found: list[Found] = []
        masters, changed, errors = self._sorted()
        for event in masters:
            if isinstance(made := self._tried(self._all_of, event, changed), ScheduleError):
                errors.append(made)
                continue
            found += made
            if len(found) > MAX_TALKS:
                raise ScheduleError(f"{self._where}: more than {MAX_TALKS:,} entries")
        return [*found, *errors]

    def _tried(self, made: Callable[..., T], event: Any, *told: Any) -> T | ScheduleError:
        """What ``made`` gives, or why an entry cannot be read."""
        from icalendar.error import BrokenCalendarProperty

        try:
            return made(event, *told)
        except ScheduleError as error:
            return error
        except BrokenCalendarProperty as error:
            return _unreadable(self._place(event), error)

    def _sorted(self) -> tuple[list[Any], dict[tuple[str, datetime], Any], list[ScheduleError]]:
        """The entries that count, the single occurrences that differ from their series, and errors."""
        series: dict[str, list[Any]] = {}
        changed: dict[tuple[str, datetime], Any] = {}
        errors: list[ScheduleError] = []
        unsure: set[str] = set()  # series of which it is not known when they are
        for number, event in enumerate(self._events, start=1):
            uid = _text(event, "UID") or f"\0{number}"
            if "RECURRENCE-ID" not in event:
                series.setdefault(uid, []).append(event)
                continue
            at = self._tried(self._replaced, event)
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
                masters.append(event)  # the series itself is not in this calendar
        return masters, changed, errors

    def _replaced(self, event: Any) -> datetime:
        """Which occurrence of its series the entry stands for."""
        place, told = self._place(event), event["RECURRENCE-ID"]
        at = self._moment(told, place).utc
        if str(told.params.get("RANGE", "")):
            raise ScheduleError(f"{place}: RECURRENCE-ID with RANGE is not read; export it without")
        return at

    def _all_of(self, event: Any, changed: dict[tuple[str, datetime], Any]) -> list[Slot]:
        return list(self._of(event, changed))

    def _of(self, event: Any, changed: dict[tuple[str, datetime], Any]) -> Iterator[Slot]:
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
        """As long after ``start`` as the entry's own end is after its own start."""
        first = self._start(event, place)
        if "DTEND" in event:
            end = self._moment(event["DTEND"], place)
            if start.day and end.clock <= first.clock:
                return _Moment(
                    start.clock + timedelta(days=1), start.zone
                ).utc  # some tell the last day, not the next
            if end.zone is first.zone:  # on the clock, so that an evening stays one when clocks change
                return _Moment(start.clock + (end.clock - first.clock), start.zone).utc
            return start.utc + (end.utc - first.utc)
        length = getattr(event.get("DURATION"), "dt", None)
        if isinstance(length, timedelta):
            if abs(length) > _HORIZON:
                raise ScheduleError(f"{place}: a DURATION of {length.days:,} days is none of a talk")
            return start.utc + length
        return _Moment(start.clock + timedelta(days=1), start.zone).utc if start.day else None

    def _occurrences(self, event: Any, start: _Moment, place: str) -> list[_Moment]:
        from dateutil.rrule import rrulestr

        clocks = {start.clock}
        for rule in _list(event.get("RRULE")):
            parts = dict(part.partition("=")[::2] for part in rule.to_ical().decode().split(";"))
            # several times a day they do not, and a rule that says so can be made to last for minutes
            endless = {"BYHOUR", "BYMINUTE", "BYSECOND"} & set(parts) or not re.fullmatch(
                r"[1-9]\d{0,3}", parts.get("INTERVAL", "1")
            )
            if parts.get("FREQ") not in {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"} or endless:
                raise ScheduleError(
                    f"{place}: RRULE {';'.join(parts.values())[:40]!r} is not how talks recur"
                )
            until = start.clock + _HORIZON
            parts.pop("UNTIL", None)
            count = parts.pop("COUNT", "")
            for last in _list(rule.get("UNTIL")):
                until = min(until, self._until(last, start.zone))
            text = ";".join(f"{name}={value}" for name, value in parts.items())
            try:
                # zones are ours: dateutil counts on the clock that hangs on the wall
                times = rrulestr(f"{text};UNTIL={until:%Y%m%dT%H%M%S}", dtstart=start.clock)
                clocks.update(islice(times, int(count) if count else None))
            except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
                raise ScheduleError(f"{place}: RRULE {text[:60]!r} cannot be read: {error}") from None
        more = [m for m in self._listed(event, "RDATE", place) if abs(m.utc - start.utc) <= _HORIZON]
        found = {m.utc: m for m in [*(_Moment(c, start.zone, start.day) for c in clocks), *more]}
        return [found[utc] for utc in sorted(found)]

    @staticmethod
    def _until(last: Any, zone: tzinfo) -> datetime:
        """The end of a recurrence, on the clock of ``zone``."""
        last = getattr(last, "dt", last)
        if not isinstance(last, datetime):
            return datetime.combine(last, time.max)
        return last if last.tzinfo is None else last.astimezone(zone).replace(tzinfo=None)

    def _listed(self, event: Any, name: str, place: str) -> Iterator[_Moment]:
        for several in _list(event.get(name)):
            if not hasattr(several, "dts"):
                raise ScheduleError(f"{place}: {name} cannot be read")
            for told in several.dts:
                yield self._moment(told, place, str(several.params.get("TZID", "")))

    def _moment(self, told: Any, place: str, named: str = "") -> _Moment:
        if isinstance(told, list):
            raise ScheduleError(f"{place} has several times where one belongs")
        value = getattr(told, "dt", None)
        if isinstance(value, tuple):  # a period: only where it begins
            value = value[0]
        if not isinstance(value, date):
            raise ScheduleError(f"{place}: {str(told)[:60]!r} is no time such as 20260515T093000Z")
        named = named or str(told.params.get("TZID", ""))
        day = not isinstance(value, datetime)
        clock = datetime.combine(value, time()) if not isinstance(value, datetime) else value
        zone = self._zone(named, place) if named else UTC if clock.tzinfo else self._own
        clock = clock.replace(tzinfo=None)
        if zone is None:
            raise ScheduleError(f"{place}: {clock.isoformat()} has no time zone; give one")
        placed(clock, zone, place)  # in a year that there is
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
                raise ScheduleError(f"{place}: time zone {name[:60]!r} changes in another way than yearly")
        try:
            made: tzinfo = described.to_tz(lookup_tzid=False)
        except Exception as error:  # noqa: BLE001  # of two libraries that do not say what they raise
            raise ScheduleError(f"{place}: time zone {name[:60]!r} cannot be read: {error}") from None
        return made

    def _place(self, event: Any) -> str:
        named = _text(event, "UID") or _text(event, "SUMMARY") or "without UID"
        return f"{self._where}: VEVENT {named[:80]}"


def _known(name: str) -> tzinfo | None:
    """A zone by its name in IANA's list, perhaps with a path before it, or in that of Windows."""
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    if not name:
        return None
    parts = name.strip().split("/")
    tails = ["/".join(parts[-n:]) for n in (2, 3) if len(parts) > n]
    known = [name.strip(), WINDOWS_TO_OLSON.get(name, ""), *tails]
    return next((zone for n in known if n and (zone := named_zone(n))), None)


def _people(event: Any) -> list[str]:
    """Who takes part, by name; addresses are not kept."""
    names = []
    for attendee in _list(event.get("ATTENDEE")):
        parameters = getattr(attendee, "params", {})
        name = word(str(parameters.get("CN", "")))
        if name and "@" not in name and str(parameters.get("CUTYPE", "")).upper() not in {"ROOM", "RESOURCE"}:
            names.append(name)
    return list(dict.fromkeys(names))


def _track(event: Any) -> str | None:
    for several in _list(event.get("CATEGORIES")):
        for category in getattr(several, "cats", [several]):
            if name := word(str(category)):
                return name
    return None


def _sequence(event: Any) -> int:
    told = event.get("SEQUENCE", 0)
    return told if isinstance(told, int) else 0


def _text(component: Any, name: str) -> str:
    value = component.get(name)
    if isinstance(value, list):
        value = value[0]
    return "" if value is None else str(value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
