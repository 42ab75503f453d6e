"""Base of all sources that are polled over HTTP.

Each kind of source defines addresses and a parser. This package does the rest: conditional requests,
pages, polling intervals, rate limits, dead letters, sequence numbers without gaps, and a cursor with all
of this state. One poll reads one page. If there are more, the cursor contains the address of the next
page and the batch has no wait. So each page is stored before the next one is requested, and if a page
fails, the earlier ones are not read again.

Examples
--------
A kind consists of a spec, a pure function ``parse``, and a source:

>>> from collections import Counter
>>> from datetime import timedelta
>>> from typing import ClassVar
>>> class NotesSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="notes"):
...     connector: ClassVar[str] = "notes@1"
...     parser: ClassVar[str] = "mypackage.notes.parse:parse"
...     url: str
...     token: str | None = None  # "env:NAME"; sent as a bearer token, removed from everything that is read
>>> class NotesSource(PolledSource[NotesSpec, SeenCursor]):
...     bucket = "notes"
...     cursor = SeenCursor
...     every = timedelta(minutes=1)
...     pages = 5  # per poll at most; if there are more new items, a gap event is added
...
...     def first(self, state):
...         return f"{self.spec.url}/notes?per_page=100"
>>> spec = NotesSpec(name="notes", url="https://notes.example")
>>> source = NotesSource(spec, Counter())

``parse`` may return the address of the next page in ``Parsed.next`` (not needed if there is a ``Link``
header), and in ``Parsed.wait`` the wait that the document demands. If that is not enough, a kind
overrides ``following``, ``wait`` or ``take``.
"""

from __future__ import annotations

from rtanalytics.sources.polled.memory import REMEMBERED, Cursor, SeenCursor
from rtanalytics.sources.polled.source import LINGER, LONGEST_HINT, PolledSource
from rtanalytics.sources.polled.specs import (
    AddressSpec,
    PolledSpec,
    host_of,
    scope_of,
    short,
)

__all__ = [
    "LINGER",
    "LONGEST_HINT",
    "REMEMBERED",
    "AddressSpec",
    "Cursor",
    "PolledSource",
    "PolledSpec",
    "SeenCursor",
    "host_of",
    "scope_of",
    "short",
]
