"""Conversion of stored responses with the parser of a live source.

So a post from a file has the same id, text, tags and references as from the live stream.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from rtanalytics.event import Event, Ingest
from rtanalytics.extras import extra
from rtanalytics.importers.base import Options, Rejected, Skipped
from rtanalytics.importers.common import BAD_ROW, EARLIEST, LATEST, reason_of
from rtanalytics.importers.json_stream import Value, sample, values
from rtanalytics.importers.reading import open_bytes
from rtanalytics.sources.base import Malformed, Meta, Parsed

__all__ = ["Conversion", "StoredResponses", "event_of_file"]

_UNKNOWN_TIME = datetime(2100, 1, 1, tzinfo=UTC)
"""Time of receipt that the parsers get. If it is the time of an event, the event had no time."""

_LEFT_OUT = {
    "absent": "items that do not exist",
    "deletes_of_unknown": "deletions of statuses that are not in the file",
    "frames_account": "notices about accounts",
    "frames_error": "errors of the stream",
    "frames_identity": "notices about names of accounts",
    "frames_info": "notices of the stream",
    "frames_other": "other frames of the stream",
    "frames_sync": "notices to synchronize",
    "not_public": "posts that are not public",
    "other_records": "records that are not posts (likes, follows and the like)",
    "unavailable": "placeholders of posts that were deleted or are hidden",
}
"""Description of the rows that a parser left out, by the name of its counter."""


class Conversion:
    """Converter that applies the parser of a live source to the values of a file.

    Parameters
    ----------
    home : str
        Where the parser is defined, as ``module:function``.
    source : str
        ``Event.source`` of the events, and the first part of their ids.
    connector : str
        Name and version of the importer.

    Attributes
    ----------
    skipped : Counter
        Numbers of rows that were left out on purpose, by their description.
    """

    def __init__(self, home: str, source: str, connector: str) -> None:
        module, _, name = home.partition(":")
        with extra("sources"):
            self._parse: Callable[[bytes, Meta], Parsed] = getattr(import_module(module), name)
        self._meta = Meta(
            source=source, scope="", connector=connector, received_at=_UNKNOWN_TIME, options={"via": "file"}
        )
        self.skipped: Counter[str] = Counter()

    def events(
        self,
        value: Any,
        *,
        file: str | Path,
        where: str,
        raw: str = "",
        url: str = "",
        options: Mapping[str, str] | None = None,
        left_out: str | None = None,
    ) -> Iterator[Event | Rejected]:
        """Yield the events of a value, and a :class:`Rejected` for each bad part of the value.

        Parameters
        ----------
        value : object
            Decoded JSON.
        file, where
            Name of the file, and place in it, for messages.
        raw : str
            The JSON text of ``value``, if known.
        url, options
            URL and options that the parser gets.
        left_out : str, optional
            Id of an event that is not yielded.
        """
        raw = raw or json.dumps(value)
        meta = msgspec.structs.replace(self._meta, url=url, options={"via": "file", **(options or {})})
        try:
            parsed = self._parse(raw.encode("utf-8", "surrogatepass"), meta)
        except Malformed as error:
            yield Rejected(file, where, str(error), raw)
            return
        for name, count in parsed.counts.items():
            if what := _LEFT_OUT.get(name):
                self.skipped[what] += count
            elif name.startswith("unknown_"):
                self.skipped[f"rows of an unknown kind ({name.removeprefix('unknown_')})"] += count
        for reject in parsed.rejects:
            yield Rejected(
                file, f"{where}, {reject.where}" if reject.where else where, reject.reason, reject.raw
            )
        for event in parsed.events:
            if event.id != left_out:
                yield event_of_file(event, file, where, raw)

    def report(self) -> Iterator[Skipped]:
        """Yield a :class:`Skipped` for each kind of rows that were left out."""
        for what, count in sorted(self.skipped.items()):
            yield Skipped(what, count)


def event_of_file(event: Event, file: str | Path, where: str, raw: str) -> Event | Rejected:
    """Return a parser's event as an event from a file, which has no time of receipt.

    If the event has no valid time, return a :class:`Rejected`.
    """
    if not EARLIEST <= event.created_at < LATEST:
        claimed = event.ingest.claimed_at if event.ingest else None
        reason = f"invalid time {claimed.isoformat()}" if claimed else "the item has no time"
        return Rejected(file, where, reason, raw)
    edited = event.edited_at
    connector = event.ingest.connector if event.ingest else None
    return msgspec.structs.replace(
        event,
        received_at=event.created_at,
        edited_at=edited if edited is not None and edited < LATEST else None,
        ingest=Ingest(via="file", connector=connector),
        raw=None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResponses:
    """Importer for stored responses of one service, as JSON lines, lists or pages.

    Parameters
    ----------
    home, source, connector : str
        Parameters of :class:`Conversion`.
    fits : callable
        Function that returns True if a value is from such a file.
    lists : tuple of str
        Names of the members of a page that contain its items.
    prepare : callable, optional
        Function that converts a value to one or more values that the parser can read.
    """

    home: str
    source: str
    connector: str
    fits: Callable[[Any], bool]
    lists: tuple[str, ...] = ()
    prepare: Callable[[Any], Iterable[Any]] | None = None
    edits: bool = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if one of the first values has author, time and text as the service writes them."""
        return any(map(self.fits, sample(head)))

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file."""
        conversion = Conversion(self.home, self.source, self.connector)
        with open_bytes(path) as file:
            for item in values(path, file.read1, self.lists):
                if isinstance(item, Rejected):
                    yield item
                else:
                    yield from self._converted(item, conversion, path)
        yield from conversion.report()

    def _converted(self, item: Value, conversion: Conversion, path: Path) -> Iterator[Event | Rejected]:
        if self.prepare is None:
            yield from conversion.events(item.value, file=path, where=item.where, raw=item.raw)
            return
        try:
            prepared = list(self.prepare(item.value))
        except BAD_ROW as error:
            yield Rejected(path, item.where, reason_of(error), item.raw or repr(item.value))
            return
        for value in prepared:
            raw = item.raw if value is item.value else ""
            yield from conversion.events(value, file=path, where=item.where, raw=raw)
