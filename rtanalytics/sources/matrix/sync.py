"""Source that syncs the rooms of an account and reads back messages that a sync left out."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import msgspec

from rtanalytics.event import Event, Ingest
from rtanalytics.sources.base import Batch, Parsed, RateLimited, SourceError, printable
from rtanalytics.sources.headers import MAX_WAIT
from rtanalytics.sources.matrix.parse import Position
from rtanalytics.sources.matrix.spec import MatrixSpec
from rtanalytics.sources.polled import REMEMBERED, PolledSource, SeenCursor, short

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer, Validators

__all__ = ["MatrixCursor", "MatrixSource"]

HOLD = timedelta(seconds=15)
"""Maximum time that a homeserver is asked to hold a request."""

QUIET = timedelta(seconds=1)
"""Time between two requests to a homeserver that does not hold requests."""

UNREADABLE = timedelta(seconds=30)
"""Time until the next request after a response that could not be read, or after a gap."""

_UNAVAILABLE = {400, 403, 404}
"""Statuses of a homeserver that does not know a token, or does not let the account read a room."""


class Hole(msgspec.Struct, omit_defaults=True):
    """A part of a room's timeline that still has to be read, backwards."""

    room: str
    start: str
    until: str
    since: int = 0  # time of the newest event delivered before the hole (ms)
    page: int = 0


class MatrixCursor(SeenCursor, omit_defaults=True):
    """Position of the sync, and the holes that still have to be read."""

    terms: str = ""
    batch: str = ""
    holes: list[Hole] = []  # noqa: RUF012  # msgspec copies it
    writers: dict[str, str] = {}  # noqa: RUF012  # message → its sender, the only one who may edit it


class MatrixSource(PolledSource[MatrixSpec, MatrixCursor]):
    """The rooms of one account.

    Parameters
    ----------
    spec : MatrixSpec
        Configuration.
    counts : Counter
        ``encrypted``, ``state``, ``limited``, ``refilled``, ``edits_by_others``, and the counts of
        every polled source.
    """

    bucket = "matrix"
    cursor = MatrixCursor
    every = timedelta(0)

    def __init__(self, spec: MatrixSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts)
        self._began = datetime.now(UTC)
        rooms: dict[str, object] = {"rooms": sorted(spec.rooms.values()), "timeline": {"limit": 100}}
        nothing: dict[str, list[str]] = {"types": []}
        rooms |= {"state": nothing, "ephemeral": nothing, "account_data": nothing}
        self._filter = msgspec.json.encode(
            {"room": rooms, "presence": nothing, "account_data": nothing}
        ).decode()

    def first(self, state: MatrixCursor) -> str:
        base = f"{self.spec.homeserver.rstrip('/')}/_matrix/client/v3"
        if state.holes:
            hole = state.holes[0]
            fields = {"dir": "b", "from": hole.start, "to": hole.until, "limit": "100"}
            return f"{base}/rooms/{quote(hole.room, safe='')}/messages?{urlencode(fields)}"
        fields = {"filter": self._filter, "timeout": "0"}
        if state.batch:
            hold = min(HOLD, self.spec.timeout / 2)
            fields |= {"since": state.batch, "timeout": str(int(hold.total_seconds() * 1000))}
        return f"{base}/sync?{urlencode(fields)}"

    def query(self) -> str:
        return f"{self.spec.homeserver}\n{self._filter}"

    def following(self, answer: Answer, parsed: Parsed) -> str | None:
        return None

    def state(self, cursor: bytes | None) -> MatrixCursor:
        state = super().state(cursor)
        if state.terms != state.of:  # tokens are valid for one homeserver and one set of rooms
            state.terms, state.batch, state.holes = state.of, "", []
        return state

    async def poll(self, cursor: bytes | None) -> Batch:
        """Return the new events of the rooms, or a page of messages that a sync left out."""
        began = asyncio.get_running_loop().time()
        try:
            batch = await super().poll(cursor)
        except SourceError as error:
            state = self.state(cursor)
            if not (state.holes and error.status in _UNAVAILABLE) and not (
                state.batch and error.status == 400
            ):
                raise
            return self._lost(state, error)
        state = msgspec.json.decode(
            batch.cursor or msgspec.json.encode(self.state(cursor)), type=MatrixCursor
        )
        state.body, state.etag, state.modified = "", None, None
        batch = replace(batch, cursor=msgspec.json.encode(state))
        if batch.problem is not None:
            return replace(batch, wait=max(batch.wait, UNREADABLE))
        if not batch.events and not state.holes:
            elapsed = timedelta(seconds=asyncio.get_running_loop().time() - began)
            batch = replace(batch, wait=max(batch.wait, QUIET - elapsed), problem=self._silence(state))
        return batch

    async def ask(self, url: str, known: Validators | None = None) -> Answer:
        try:
            return await super().ask(url, known)
        except RateLimited as error:
            if error.wait is None:
                error.wait = _wait_from(error.body)
            raise

    def take(self, state: MatrixCursor, parsed: Parsed, answer: Answer, received: datetime) -> list[Event]:
        position = msgspec.json.decode(parsed.next, type=Position) if parsed.next else Position()
        if state.holes:
            self.counts["refilled"] += len(parsed.events)
            return [
                *self.fresh(state, self._without_edits_by_others(state, parsed.events)),
                *self._filled(state, parsed, position),
            ]
        if position.since is None:
            return []
        if state.batch:
            self.counts["limited"] += len(position.limited)
            state.holes = [
                Hole(room, start, state.batch, state.newest) for room, start in position.limited.items()
            ]
        events = self.fresh(state, self._without_edits_by_others(state, parsed.events))
        state.batch = position.since
        return events

    def _without_edits_by_others(self, state: MatrixCursor, events: list[Event]) -> list[Event]:
        """Return the events without edits by anyone but the sender, which homeservers pass on."""
        kept = []
        for event in events:
            item, sender = short(event.id), short(event.handle)[:8]
            if event.op == "update" and state.writers.get(item, sender) != sender:
                self.counts["edits_by_others"] += 1
                continue
            if (
                event.op == "create" and event.author is not None
            ):  # an edit does not prove who sent the message
                state.writers.setdefault(item, sender)
            kept.append(event)
        state.writers = dict(list(state.writers.items())[-REMEMBERED:])
        return kept

    # -- holes -------------------------------------------------------------------------------

    def _filled(self, state: MatrixCursor, parsed: Parsed, position: Position) -> list[Event]:
        hole = state.holes[0]
        hole.page += 1
        if (
            position.end is None
            or position.end in {hole.until, hole.start}
            or not (parsed.events or parsed.counts)
        ):
            state.holes.pop(0)
            return []
        if hole.page < self.spec.pages:
            hole.start = position.end
            return []
        state.holes.pop(0)
        oldest = min((e.created_at for e in parsed.events), default=None)
        return [self._gap(state, hole, oldest, "the gap is longer than the pages that are read back")]

    def _lost(self, state: MatrixCursor, error: SourceError) -> Batch:
        """Skip what the homeserver does not return, and report a gap."""
        if state.holes:
            hole, reason = state.holes.pop(0), f"the homeserver refused to return the messages: {error}"
        else:
            hole = Hole("", "", state.batch, state.newest)
            state.batch, reason = "", f"the homeserver no longer accepts the sync token: {error}"
        problem = f"messages are missing: {reason}"
        event = self._gap(state, hole, None, reason)
        return Batch([event], msgspec.json.encode(state), wait=UNREADABLE, problem=problem)

    def _gap(self, state: MatrixCursor, hole: Hole, until: datetime | None, reason: str) -> Event:  # type: ignore[override]
        self.counts["gaps"] += 1
        since = datetime.fromtimestamp(hole.since / 1000, UTC)
        until = max(until or datetime.now(UTC), since)
        names = {room: name for name, room in self.spec.rooms.items()}
        event = Event(
            id=f"matrix:{self.scope}:gap/{hole.room or 'all'}/{since.isoformat(timespec='milliseconds')}",
            source=self.spec.meta(until).source,
            type="gap",
            channel=names.get(hole.room, hole.room) or None,
            created_at=until,
            text=f"from {since:%Y-%m-%d %H:%M:%S} to {until:%Y-%m-%d %H:%M:%S} UTC: {printable(reason, 200)}",
            ingest=Ingest(connector=self.spec.connector, id_kind="derived", time_kind="observed"),
        )
        return self.numbered(state, event)

    def _silence(self, state: MatrixCursor) -> str | None:
        expected = self.spec.expected_every
        if expected is None:
            return None
        newest = datetime.fromtimestamp(state.newest / 1000, UTC)
        silence = datetime.now(UTC) - max(newest, self._began)
        if silence <= expected:
            return None
        return f"no messages for {silence.total_seconds():.0f} s: has the account joined the rooms?"


def _wait_from(body: bytes) -> timedelta | None:
    """Return ``retry_after_ms`` of a rate-limit error, at most :data:`MAX_WAIT`; None if invalid."""
    try:
        payload = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    wait = payload.get("retry_after_ms") if isinstance(payload, dict) else None
    if isinstance(wait, bool) or not isinstance(wait, int | float) or not 0 <= wait < 1e12:
        return None
    return min(timedelta(milliseconds=wait), MAX_WAIT)
