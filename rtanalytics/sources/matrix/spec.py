"""Options of a Matrix source, and the metadata for its parser."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import ClassVar

import msgspec

from rtanalytics.sources.base import Meta, printable
from rtanalytics.sources.polled import PolledSpec
from rtanalytics.sources.secrets import check_secret

__all__ = ["MatrixSpec"]

_ROOM = re.compile(r"![^\s/?#]{1,254}")


class MatrixSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="matrix"):
    """A ``[[source]]`` table with ``type = "matrix"``.

    Parameters
    ----------
    name : str
        Name of the source.
    homeserver : str
        URL of the account's homeserver, such as ``https://matrix.org``, or the one in its ``.well-known``.
    token : str
        Access token of the account, as ``"env:NAME"``.
    rooms : dict
        Names of rooms, of your choice, and their ids, which begin with ``!`` (in Element: the
        room's settings, Advanced).
    pages : int
        Maximum number of pages of 100 messages that are fetched per gap in a room.
    expected_every : timedelta, optional
        If no message arrives for longer than this, the source reports a problem.
    every : timedelta, optional
        Pause between two requests; by default none, because the homeserver holds requests.
    timeout : timedelta
        Time limit of a request, until its last byte. The homeserver is asked to hold requests for
        half of it, at most 15 seconds.
    hints : bool
        False to ignore caching headers.

    Raises
    ------
    ValueError
        If a value is invalid; the message names it and what to write instead.
    """

    connector: ClassVar[str] = "matrix@1"
    parser: ClassVar[str] = "rtanalytics.sources.matrix.parse:parse"
    homeserver: str
    token: str
    rooms: dict[str, str]
    pages: int = 20
    expected_every: timedelta | None = None
    sees_silence: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_secret(self.token, "token")
        super().__post_init__()
        if not self.rooms or len(self.rooms) > 200:
            raise ValueError('rooms has none or more than 200; write rooms = { "#pycon" = "!id:server" }')
        for name, room in self.rooms.items():
            if not name or printable(name, 100) != name:
                raise ValueError(f"rooms: {printable(name, 60)!r} is not a valid room name (example: #pycon)")
            if not _ROOM.fullmatch(room):
                raise ValueError(
                    f"rooms: {printable(room, 60)!r} is not a room id, which begins with '!'; "
                    "in Element it is in the room's settings under Advanced"
                )
        if not 1 <= self.pages <= 1_000:
            raise ValueError(f"pages {self.pages} is out of range; write 1 to 1000")

    def __repr__(self) -> str:
        return f"MatrixSpec(name={self.name!r}, homeserver={self.homeserver!r}, rooms={self.rooms!r})"

    def meta(self, received_at: datetime) -> Meta:
        return msgspec.structs.replace(
            super().meta(received_at),
            source=f"matrix:{self.name}",
            options={f"room {room}": name for name, room in self.rooms.items()},
        )
