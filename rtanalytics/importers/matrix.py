"""Importer for rooms of Matrix: Element's export as JSON, or pages of a homeserver's API.

The id of a message is ``matrix::<event_id>``, as in the live source. Element can also export a room as
text or HTML, but only the JSON export has ids and times.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from rtanalytics.event import Event
from rtanalytics.importers.base import ImporterError, Options, Rejected, Skipped
from rtanalytics.importers.bundle import bundle
from rtanalytics.importers.common import LatestItems, word
from rtanalytics.importers.exports import files_of, first_member, opened
from rtanalytics.importers.json_places import values_at
from rtanalytics.importers.json_stream import sample
from rtanalytics.importers.parsed import Conversion
from rtanalytics.normalize.values import as_dict, as_list

__all__ = ["MATRIX"]

_LISTS = ("messages", "chunk", "events")
_INTO = {(name,) for name in _LISTS}
_FILE = r"\.json$"
_PRESENCE = frozenset({"join", "part"})


class _Matrix:
    """Importer for rooms of Matrix."""

    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if the file has events with sender, time and content, or the header of an export."""
        if path.is_dir() or head.startswith(b"PK\x03\x04"):
            head = first_member(path, _FILE)
        for value in sample(head)[:3]:
            lists = [as_list(value.get(name)) for name in _LISTS] if isinstance(value, dict) else []
            if any(_is_event(item) for items in (*lists, [value]) for item in items):
                return True
            if isinstance(value, dict) and {"room_name", "export_date", "messages"} <= value.keys():
                return True
        return False

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file, or of the exports in a folder or zip."""
        files = bundle(path)
        names = files_of(files, _FILE) if files is not None else [""]
        if not names:
            raise ImporterError(f"{path} has no JSON; export the room again with the format JSON")
        for name in names:
            with opened(path, files, name) as (label, file):
                room = _Room(label, options)
                for place, where, value in values_at(label, file.read, _INTO):
                    if isinstance(value, Rejected) or place[-1:] == ("*",):
                        yield from room.events(value, where)
                    elif len(place) == 1:
                        room.about[place[0]] = value
            yield from room.report()


MATRIX = _Matrix()


def _is_event(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("type"), str)
        and isinstance(value.get("sender"), str)
        and isinstance(value.get("origin_server_ts"), int | float)
        and isinstance(value.get("content"), dict)
    )


class _Room:
    """Converter from the events of a Matrix room to events of this package."""

    def __init__(self, path: str, options: Options) -> None:
        self._path, self._options = path, options
        self._conversion = Conversion("rtanalytics.sources.matrix.parse:parse", "matrix", "matrix-export@1")
        self._senders: LatestItems[str, object] = LatestItems()
        self._encrypted = 0
        self.about: dict[str, Any] = {}

    def events(self, value: Any, where: str) -> Iterator[Event | ValueError]:
        """Yield the events of a value; edits of another person's message are left out."""
        if isinstance(value, Rejected):
            yield value
            return
        if isinstance(value, dict):
            if value.get("type") == "m.room.encrypted":
                self._encrypted += 1
                return
            if self._is_foreign_edit(value):
                return
        room_id = word(as_dict(value).get("room_id"))
        names = {f"room {room_id}": self._options.channel or word(self.about.get("room_name")) or room_id}
        for item in self._conversion.events(value, file=self._path, where=where, options=names):
            if isinstance(item, Rejected):
                yield item
            else:
                if item.type in _PRESENCE and not self._options.presence:
                    continue
                channel = self._options.channel or item.channel or word(self.about.get("room_name")) or None
                yield msgspec.structs.replace(item, channel=channel, source=f"matrix:{channel or ''}")

    def report(self) -> Iterator[Skipped]:
        """Yield a :class:`Skipped` for each kind of messages that were left out."""
        yield from self._conversion.report()
        if self._encrypted:
            yield Skipped(
                "encrypted messages (export the room from a client that can read them)", self._encrypted
            )

    def _is_foreign_edit(self, value: dict[str, Any]) -> bool:
        id, sender = value.get("event_id"), value.get("sender")
        if isinstance(id, str):
            self._senders.add(id, sender)
        relation = as_dict(as_dict(value.get("content")).get("m.relates_to"))
        edited = relation.get("event_id") if relation.get("rel_type") == "m.replace" else None
        known = self._senders.get(edited) if isinstance(edited, str) else None
        return known is not None and known != sender
