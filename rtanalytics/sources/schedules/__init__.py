"""Schedules over HTTP: what is added, moved, cancelled or retitled becomes an event.

A schedule is a state, not a stream. The first reading tells nothing: it is what the later ones are
compared with. The talks as last told are kept in the cursor, so that they are stored together with
the events that brought them there, and a poll that is repeated tells the same changes under the
same ids. A talk that is over and then no longer listed is not cancelled.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from rtanalytics.event import Event, Ingest, is_web_url
from rtanalytics.schedule import Talk
from rtanalytics.schedules import FORMATS, Change, carried, changes
from rtanalytics.schedules.parts import named_zone
from rtanalytics.sources.base import (
    Batch,
    CursorInvalid,
    Malformed,
    Meta,
    Parsed,
    Reject,
    Source,
    SourceSpec,
    printable,
    redact,
)
from rtanalytics.sources.schedules.parse import talk_id

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer

__all__ = ["ScheduleSource", "ScheduleSpec", "Spec", "open_source"]

CONNECTOR = "schedule@1"
ACCEPT = (
    "application/json, application/xml, text/xml, text/calendar;q=0.9, text/csv;q=0.8, "
    "application/yaml;q=0.8, */*;q=0.1"
)
EVERY = timedelta(minutes=10)
LONGEST_HINT = timedelta(hours=1)
"""The longest that a server's hint, or a schedule that cannot be read, puts a poll off."""

LINGER = timedelta(seconds=30)
"""A parser that is not needed for longer than this is not kept."""

REMEMBERED = 5_000
"""Talks of which the cursor knows what was told last: those that are gone may come back."""

_WORDS = {"added": "Added", "moved": "Moved", "cancelled": "Cancelled", "retitled": "Retitled"}


class ScheduleSpec(SourceSpec, frozen=True, kw_only=True, tag_field="type", tag="schedule"):
    """A ``[[source]]`` table with ``type = "schedule"``.

    Parameters
    ----------
    name : str
        Names the source.
    url : str
        Of the schedule, http or https. Part of the ids of its changes, but for ``http`` or
        ``https``, a password and secrets in its query.
    every : timedelta, optional
        How often to ask; 10 minutes. The server's ``Cache-Control`` counts, up to an hour.
    key : str, optional
        Takes the address's place in the ids: when a schedule has moved, its old address.
    format : str, optional
        A key of :data:`rtanalytics.schedules.FORMATS`, if what is in the file misleads.
    timezone : str, optional
        IANA name, for times without an offset in a file without a time zone; changes are told in
        it, or else in UTC.
    first_day : str, optional
        Date of the first day, for tables that name days of the week.
    length : timedelta
        Of talks whose end is not told.
    timeout, budget : timedelta
        For a whole request, and for parsing one document, on the clock.
    max_bytes : int
        Of a document, packed and unpacked.
    allow_private : bool
        True if the host in ``url`` is meant to have a private or loopback address.

    Raises
    ------
    ValueError
        If a value cannot be; the message names it and what to write instead.
    """

    url: str
    every: timedelta | None = None
    key: str | None = None
    format: str | None = None
    timezone: str | None = None
    first_day: str | None = None
    length: timedelta = timedelta(hours=1)
    timeout: timedelta = timedelta(seconds=30)
    budget: timedelta = timedelta(seconds=5)
    max_bytes: int = 10_000_000
    allow_private: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_web_url(self.url) or not _host(self.url):
            raise ValueError(f"url {redact(self.url)!r} is no web address; write https://host/path")
        if self.max_bytes < 1_000:
            raise ValueError(f"max_bytes {self.max_bytes} is less than any schedule has; write 10_000_000")
        if self.key is not None and (not self.key or printable(self.key, 200) != self.key or " " in self.key):
            raise ValueError(f"key {printable(self.key)!r} may have 200 characters, no white space")
        if self.format is not None and self.format not in FORMATS:
            raise ValueError(
                f"format {printable(self.format)!r} is not known; known are {', '.join(FORMATS)}"
            )
        if self.timezone is not None and named_zone(self.timezone) is None:
            raise ValueError(
                f"timezone {printable(self.timezone)!r} is unknown; write an IANA name such as Europe/Berlin"
            )
        if self.first_day is not None:
            try:
                date.fromisoformat(self.first_day)
            except ValueError:
                raise ValueError(
                    f"first_day {printable(self.first_day)!r} is no date; write '2026-05-15'"
                ) from None

    def __repr__(self) -> str:
        return f"ScheduleSpec(name={self.name!r}, url={redact(self.url)!r})"

    @property
    def scope(self) -> str:
        """Middle part of the ids: the address without scheme, default port and secrets, or ``key``."""
        if self.key is not None:
            return self.key
        scheme, _, rest = redact(self.url).partition("://")
        host, slash, path = rest.partition("/")
        host = host.lower().removesuffix(":443" if scheme.lower() == "https" else ":80")
        name = f"{host}{slash}{path}".rstrip("/")
        return name if len(name) <= 200 else f"{name[:180]}~{_short(name)}"


Spec = ScheduleSpec


def open_source(spec: ScheduleSpec, counts: Counter[str]) -> Source:
    """A schedule; it connects when it is first polled."""
    return ScheduleSource(spec, counts)


class _Cursor(msgspec.Struct, omit_defaults=True):
    """The schedule as it was last told; stored with the events that made it so."""

    v: int = 1
    of: str = ""  # the address that the validators belong to, and how it is read
    etag: str | None = None
    modified: str | None = None
    body: str = ""  # of the document last read
    seq: int = 0
    talks: list[Talk] | None = None  # None before the first reading; without abstracts
    told: dict[str, str] = {}  # talk → the last change of it that was told
    bad: int = 0  # documents in a row that could not be read
    bad_since: int = 0


class ScheduleSource:
    """One schedule that is read again and again.

    Parameters
    ----------
    spec : ScheduleSpec
        Which.
    counts : Counter
        ``fetched``, ``not_modified``, ``same_body``, ``talks``, ``malformed``, one for each kind of
        change, and what the client counts.
    """

    bucket = "schedules"

    def __init__(self, spec: ScheduleSpec, counts: Counter[str]) -> None:
        from rtanalytics.sources.http import HttpClient
        from rtanalytics.sources.worker import ParseWorker

        self.scope = spec.scope
        self._spec = spec
        self._counts = counts
        trusted = [_host(spec.url)] if spec.allow_private else ()
        self._http = HttpClient(counts, trusted, source=spec.name)
        self._worker = ParseWorker("rtanalytics.sources.schedules.parse:parse", spec.budget)

    async def poll(self, cursor: bytes | None) -> Batch:
        batch = await self._read(self._state(cursor))
        if batch.wait > LINGER:
            await self._worker.close()
        return batch

    async def close(self) -> None:
        await self._worker.close()
        await self._http.close()

    async def _read(self, state: _Cursor) -> Batch:
        from rtanalytics.sources.http import Validators

        spec = self._spec
        try:
            answer = await self._http.get(
                spec.url, Validators(state.etag, state.modified), spec.max_bytes, spec.timeout, ACCEPT
            )
            received = datetime.now(UTC)
            self._counts["fetched"] += 1
            if answer.status == 304:
                self._counts["not_modified"] += 1
                return Batch(wait=self._wait(answer), notes=self._notes(answer))
            digest = _short(answer.body)
            events: list[Event] = []
            if digest == state.body:
                self._counts["same_body"] += 1
            else:
                parsed = await self._worker.parse(answer.body, self._meta(answer, received))
                events = self._told(state, parsed, received, answer.body)
        except Malformed as error:
            return self._unreadable(state, error)
        state.etag, state.modified = answer.validators.etag, answer.validators.modified
        state.body, state.bad = digest, 0
        return Batch(events, _encode(state), wait=self._wait(answer), notes=self._notes(answer, state))

    def _told(self, state: _Cursor, parsed: Parsed, received: datetime, body: bytes) -> list[Event]:
        """The changes as events; ``state`` is brought to what they make of it."""
        talks = [_slim(msgspec.json.decode(event.raw or b"", type=Talk)) for event in parsed.events]
        self._counts.update(parsed.counts)
        if state.talks is None:
            state.talks = talks
            return []
        if state.talks and not talks:
            raise Malformed(
                f"{redact(self._spec.url)}: no talk at all, where there were {len(state.talks)}; "
                "that all are cancelled is not believed",
                body,
            )
        talks = list(carried(state.talks, talks))
        events = []
        for change in changes(state.talks, talks):
            if change.kind == "cancelled" and change.talk.end <= received:
                continue
            self._counts[change.kind] += 1
            state.seq += 1
            events.append(self._event(change, state, received))
        known = {talk.id for talk in talks}
        gone = [name for name in state.told if name not in known]
        for name in gone[: max(0, len(gone) - REMEMBERED)]:
            del state.told[name]
        state.talks = talks
        return events

    def _event(self, change: Change, state: _Cursor, received: datetime) -> Event:
        talk = change.talk
        # each change is named by the one before it, so that a talk may move to and fro
        facts = msgspec.json.encode([state.told.pop(talk.id, ""), change])
        digest = state.told[talk.id] = _short(facts)
        thread = talk_id(self.scope, talk)
        return Event(
            id=f"{thread}/{digest}",
            source=f"schedules:{self._spec.name}",
            type=f"talk.{change.kind}",
            created_at=received,
            received_at=received,
            title=talk.title,
            text=self._text(change),
            url=talk.url,
            thread=thread,
            producer=f"schedule:{self.scope}",
            seq=state.seq,
            ingest=Ingest(connector=CONNECTOR, id_kind="derived", time_kind="observed"),
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
        zone = (named_zone(self._spec.timezone) if self._spec.timezone else None) or UTC
        start, end = talk.start.astimezone(zone), talk.end.astimezone(zone)
        until = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M}"
        return f"{start:%Y-%m-%d %H:%M}–{until} {start:%Z}" + (f", {talk.room}" if talk.room else "")

    def _state(self, cursor: bytes | None) -> _Cursor:
        spec = self._spec
        of = _short("\n".join([spec.url, *(f"{k}={v}" for k, v in self._options().items())]))
        if cursor is None:
            # A cursor that was lost must not begin its numbers again below those already told.
            return _Cursor(of=of, seq=int(datetime.now(UTC).timestamp()) * 1000)
        try:
            state = msgspec.json.decode(cursor, type=_Cursor)
        except (msgspec.DecodeError, ValueError) as error:
            raise CursorInvalid(f"the cursor of {self.scope} cannot be read: {printable(error)}") from None
        if state.v != 1:
            raise CursorInvalid(f"the cursor of {self.scope} is of version {state.v}; this is 1")
        if state.of != of:
            state.of, state.etag, state.modified, state.body = of, None, None, ""
        return state

    def _options(self) -> dict[str, str]:
        spec = self._spec
        told = {"format": spec.format, "timezone": spec.timezone, "first_day": spec.first_day}
        length = {"length": str(spec.length.total_seconds())}
        return {name: value for name, value in told.items() if value is not None} | length

    def _meta(self, answer: Answer, received: datetime) -> Meta:
        return Meta(
            source=f"schedules:{self._spec.name}",
            scope=self.scope,
            connector=CONNECTOR,
            received_at=received,
            url=answer.url,
            content_type=answer.content_type,
            language=answer.language,
            options=self._options(),
        )

    def _unreadable(self, state: _Cursor, error: Malformed) -> Batch:
        """A dead letter, unless one was written within the hour; and a slower pace. Nothing is cancelled."""
        self._counts["malformed"] += 1
        rejects = []
        now = int(datetime.now(UTC).timestamp())
        if not state.bad or now - state.bad_since >= 3600:
            rejects = [Reject(reason=str(error), raw=error.raw, where="document")]
            state.bad_since = now
        wait = self._every() * 2 ** min(state.bad, 6)
        state.bad += 1
        longest = max(self._every(), LONGEST_HINT)
        return Batch([], _encode(state), rejects, min(wait, longest), problem=str(error))

    def _every(self) -> timedelta:
        return self._spec.every or EVERY

    def _wait(self, answer: Answer) -> timedelta:
        return max(self._every(), min(answer.wait or timedelta(0), LONGEST_HINT))

    @staticmethod
    def _notes(answer: Answer, state: _Cursor | None = None) -> dict[str, str]:
        notes = {"moved_to": redact(answer.moved_to)} if answer.moved_to else {}
        if state is not None:
            notes["talks"] = str(len(state.talks or ()))
        return notes


def _slim(talk: Talk) -> Talk:
    """Without what no change is about; the cursor holds the whole schedule."""
    return msgspec.structs.replace(talk, abstract=None, track=None)


def _encode(state: _Cursor) -> bytes:
    return msgspec.json.encode(state)


def _short(value: str | bytes) -> str:
    data = value.encode("utf-8", "replace") if isinstance(value, str) else value
    return blake2b(data, digest_size=9).hexdigest()


def _host(url: str) -> str:
    """The host of an address, without user, password and port; empty if there is none."""
    from urllib.parse import urlsplit

    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
