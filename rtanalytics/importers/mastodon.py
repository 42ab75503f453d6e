"""Importer for responses of the API of Mastodon and compatible servers: timelines, threads and so on.

The id of a status is ``mastodon::`` and its ``uri``, as in the live source. Only public and unlisted
statuses are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rtanalytics.event import Event
from rtanalytics.importers.base import Options, Rejected
from rtanalytics.importers.json_stream import Value, parse, sample, values
from rtanalytics.importers.parsed import Conversion
from rtanalytics.importers.reading import open_bytes
from rtanalytics.normalize.text import word
from rtanalytics.normalize.values import InvalidValue, as_dict, as_list, as_text

__all__ = ["HOME", "MASTODON", "is_status"]

HOME = "rtanalytics.sources.mastodon.parse:parse"
_LISTS = ("statuses", "ancestors", "descendants")
_STATUS = ("uri", "content", "created_at")
_AHEAD = 400
"""Number of values read ahead: a reply has only the server's id of the status it answers, and the
status with that id may come later in the file."""

_REMEMBERED = 20_000


def is_status(value: Any) -> bool:
    """Return True for a status with author, time and text."""
    if not isinstance(value, dict) or not all(isinstance(value.get(n), str) for n in _STATUS):
        return False
    account = as_dict(value.get("account"))
    return isinstance(account.get("acct"), str) or isinstance(account.get("username"), str)


def _statuses(value: Any) -> list[dict[str, Any]]:
    """Return the statuses in a value, which is a status, a page of statuses or a notification."""
    if not isinstance(value, dict):
        return []
    if is_status(value):
        return [value]
    if isinstance(value.get("event"), str) and value["event"] in ("update", "status.update"):
        payload = value.get("payload")
        try:
            inner = parse(payload.encode("utf-8", "replace")) if isinstance(payload, str) else payload
        except InvalidValue:
            return []
        return _statuses(inner)
    inside = [value[name] for name in ("status", "last_status") if isinstance(value.get(name), dict)]
    listed = [status for name in _LISTS for status in as_list(value.get(name))]
    return [status for status in (*inside, *listed) if is_status(status)]


class _Statuses:
    """Importer for responses of Mastodon's API."""

    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if one of the first values is or contains a status."""
        return any(map(_statuses, sample(head)))

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file."""
        conversion = Conversion(HOME, "mastodon", "mastodon-file@1")
        known: dict[str, str] = {}
        created: dict[str, str] = {}
        with open_bytes(path) as file:
            items = values(path, file.read1, _LISTS)
            while chunk := list(islice(items, _AHEAD)):
                for item in chunk:
                    for status in _statuses(item.value) if isinstance(item, Value) else ():
                        known[f"local/{word(status.get('id'))}"] = word(status["uri"], 400)
                        created[word(status.get("id"))] = status["created_at"]
                for item in chunk:
                    if isinstance(item, Rejected):
                        yield item
                    else:
                        yield from _events(item, conversion, path, known, created)
                for ids in (known, created):
                    for name in list(ids)[:-_REMEMBERED]:
                        del ids[name]
        yield from conversion.report()


def _events(
    item: Value, conversion: Conversion, path: Path, known: dict[str, str], created: dict[str, str]
) -> Iterator[Event | Rejected]:
    value, raw = item.value, item.raw
    if isinstance(value, dict) and value.get("event") == "delete":
        # a deletion has only the server's id of the status; the status itself has the URI and the time
        native = word(value.get("payload"))
        if native not in created:
            conversion.skipped["deletions of statuses that are not in the file"] += 1
            return
        value = [{"uri": known[f"local/{native}"], "created_at": created[native], "text": ""}]
        raw = ""
    addresses = (as_text(status["uri"]) for status in _statuses(value))
    url = next((address for address in addresses if address.startswith("http")), "")
    yield from conversion.events(value, file=path, where=item.where, raw=raw, url=url, options=known)


MASTODON = _Statuses()
