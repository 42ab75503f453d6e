"""Base of all sources that are polled over HTTP.

Each kind of source defines addresses and a parser. This package does the rest: validators, pages,
polling intervals, rate limits, dead letters, sequence numbers without gaps, and a cursor with all of
this state. One poll reads one page. If there are more, the cursor has the next page and the batch
has no wait, so that each page is stored before the next is requested, and a failing page does not
cause earlier ones to be read twice.

Examples
--------
A kind is a spec, a pure ``parse``, and this much of a source:

>>> from collections import Counter
>>> from datetime import timedelta
>>> from typing import ClassVar
>>> class NotesSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="notes"):
...     url: str
...     connector: ClassVar[str] = "notes@1"
...     parser: ClassVar[str] = "mypackage.notes.parse:parse"
...     token: str | None = None  # "env:NAME"
>>> class NotesSource(PolledSource[NotesSpec, SeenCursor]):
...     bucket = "notes"
...     cursor = SeenCursor
...     every = timedelta(minutes=1)
...     pages = 5  # at most, when there is much that is new
...     gaps = True  # and if that was not enough, an event says so
...
...     def first(self, state):
...         return f"{self.spec.url}/notes?per_page=100"
...
...     def headers(self):
...         token = self.secret("token")  # from the environment; scrubbed from all that is read
...         return {"Authorization": f"Bearer {token}"} if token else {}
>>> spec = NotesSpec(name="notes", url="https://notes.example")
>>> source = NotesSource(spec, Counter(), spec.url)

``parse`` may put the address of the next page into ``Parsed.next`` (a ``Link`` header is seen
without it), and into ``Parsed.wait`` how long the document asks to be left alone. Where that is
not enough, override ``following``, ``asked``, ``take`` or ``done``.
"""

from __future__ import annotations

from rtanalytics.sources.polled.memory import REMEMBERED, Cursor, SeenCursor
from rtanalytics.sources.polled.source import LINGER, LONGEST_HINT, PolledSource
from rtanalytics.sources.polled.specs import (
    AddressSpec,
    PolledSpec,
    check_address,
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
    "check_address",
    "host_of",
    "scope_of",
    "short",
]
