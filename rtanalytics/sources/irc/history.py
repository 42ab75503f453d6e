"""Requests for missed messages (``chathistory``): room by room and page by page."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from irctokens.line import Line

from rtanalytics.normalize.dates import optional_time
from rtanalytics.sources.irc.parse import folded

__all__ = ["History"]

_STEP = timedelta(milliseconds=1)
"""Resolution of a server's times; several lines may have the same."""


@dataclass
class _Page:
    room: str
    last: datetime | None = None


class History:
    """Tracker of the history that is still missing, and of the next requests for it.

    History of a room is requested once the room is joined, and again from the end of the last page
    until a page has nothing newer. The size of a page means nothing, as servers choose it freely.

    Attributes
    ----------
    since : dict
        Start of the missing history of each room.
    wanted : deque
        Rooms, and start of their missing history, to request now.
    refused : list of (str, datetime)
        Rooms, and start of their missing history, that the server refuses.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Reset for a new connection, with nothing to request."""
        self.since: dict[str, datetime] = {}
        self.wanted: deque[tuple[str, datetime]] = deque()
        self.refused: list[tuple[str, datetime]] = []
        self._requested: set[str] = set()
        self._pages: dict[str, _Page] = {}
        self._inner: set[str] = set()

    def see(self, line: Line) -> None:
        """Update the state from a line of any command."""
        words, tags = line.params, line.tags or {}
        command = line.command.upper()
        page = self._pages.get(tags.get("batch") or "")
        if command == "BATCH" and words:
            self._bracket(words, page)
        elif command == "366" and len(words) > 1:
            self._joined(words[1])
        elif command == "FAIL" and words[:1] == ["CHATHISTORY"]:
            self._fail(words[2:-1])
        elif page is not None and (at := optional_time(tags.get("time"))) is not None:
            page.last = max(page.last or at, at)

    def _joined(self, name: str) -> None:
        for room, since in self.since.items():
            if folded(room) == folded(name) and room not in self._requested:
                self._requested.add(room)
                self.wanted.append((room, since))

    def _bracket(self, words: list[str], outer: _Page | None) -> None:
        """Handle the start or end of a BATCH; a batch within a page of history is part of that page."""
        sign, name = words[0][:1], words[0][1:]
        if sign == "+" and outer is not None:
            self._pages[name] = outer
            self._inner.add(name)
        elif sign == "+" and words[1:2] in (["chathistory"], ["draft/chathistory"]) and len(words) > 2:
            for room in self.since:
                if folded(room) == folded(words[2]):
                    self._pages[name] = _Page(room)
        elif sign == "-" and (page := self._pages.pop(name, None)) is not None:
            if name in self._inner:
                self._inner.discard(name)
            else:
                self._end(page)

    def _end(self, page: _Page) -> None:
        since = self.since.get(page.room)
        if since is None:
            return
        if page.last is None or page.last <= since:
            del self.since[page.room]
            return
        # more messages may have the time of the last one; start before it unless all have it
        after = page.last - _STEP if page.last - _STEP > since else page.last
        self.since[page.room] = after
        self.wanted.append((page.room, after))

    def _fail(self, named: Iterable[str]) -> None:
        """Handle a refusal for the rooms that it names, or for all requested rooms."""
        names = {folded(name) for name in named}
        rooms = [r for r in self.since if folded(r) in names] or [
            r for r in self.since if r in self._requested
        ]
        self.refused += [(room, self.since.pop(room)) for room in rooms]
