"""IRC: the rooms of one network, read over one connection.

The server sends a message only once, so the source keeps delivered messages and returns them again
until a cursor confirms that they are stored. Messages posted while there was no connection are
requested where the server keeps a history (``chathistory``); otherwise an event of type
``gap`` marks the time without connection.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

import msgspec

from rtanalytics.event import Event, Ingest
from rtanalytics.sources.base import (
    Batch,
    CursorInvalid,
    Meta,
    Reject,
    SourceError,
    SourceSpec,
    Transient,
    printable,
)
from rtanalytics.sources.secrets import check_secret, secret
from rtanalytics.sources.streamed import PollWindow, StreamedSource, StreamTimings

if TYPE_CHECKING:
    from rtanalytics.sources.irc.connection import Connection

__all__ = ["IrcSource", "IrcSpec", "IrcTimings", "Spec", "open_source"]

ACCESS = "open"
ABOUT = """\
Reads and sends IRC: one connection joins the rooms of one network, reads their messages, joins and parts,
and sends what users write in a `ChatView`. It needs a nick; some networks require an account (`sasl_user`)
for connections from data centres. Ask before you log a room: many networks require its consent. Messages
arrive immediately. If the server sends no message ids (`msgid`), ids are derived from author, time and text.
Messages missed while disconnected are requested from servers with a history (`chathistory`); otherwise an
event of type `gap` marks the time. Private messages are shown only in a `ChatView` of the stream, where
they stay for a week: they are not recorded, not counted and not shown on the wall."""
EXAMPLE = """\
[[source]]
type = "irc"
name = "libera"
host = "irc.libera.chat"
nick = "junipercat"
channels = ["#juniperconf"]
sasl_user = "junipercat"         # optional
password = "env:LIBERA_PASSWORD"
"""

MAX_LINES = 1_000
"""Largest number of lines in a batch."""

REMEMBERED = 5_000
"""Events kept to return them again: the stream may lose its newest events, and IRC sends each only once."""

OVERLAP, KNOWN = timedelta(seconds=5), 200
"""How far before the last known line to request history, and number of events recognised as known."""

_MESSAGE_TYPES = {"message", "action", "notice"}
_NICK = re.compile(r"[A-Za-z\[\]\\`_^{|}][\w\[\]\\`^{|}-]{0,29}", re.ASCII)
_ROOM = re.compile(r"[#&+!][^\s,\x00-\x1f:]{1,63}")


class IrcSpec(SourceSpec, frozen=True, kw_only=True, tag_field="type", tag="irc"):
    """A ``[[source]]`` table with ``type = "irc"``.

    Parameters
    ----------
    name : str
        Name of the source.
    host : str
        Host name of the server.
    port : int, optional
        Port of the server; by default 6697, or 6667 without TLS.
    tls : bool
        False for an unencrypted connection.
    nick : str
        Nick to use; if it is taken, a ``_`` is appended.
    channels : list of str
        Rooms to join, such as ``"#pycon"``.
    network : str, optional
        Name of the network in the event ids; by default the name of the source.
    realname : str
        Real name, which other users can look up (``WHOIS``).
    sasl_user : str, optional
        Account to log in with.
    password : str, optional
        Password of that account, as ``"env:NAME"``.
    allow_private : bool
        True if the host may have a private or loopback address.
    timeout : timedelta
        Time limit for connecting, including the login.

    Raises
    ------
    ValueError
        If a value is invalid; the message names it and what to write instead.
    """

    connector: ClassVar[str] = "irc@1"
    parser: ClassVar[str] = "rtanalytics.sources.irc.parse:parse"
    host: str
    nick: str
    channels: list[str]
    port: int | None = None
    tls: bool = True
    network: str | None = None
    realname: str = "rtanalytics (conference reader)"
    sasl_user: str | None = None
    password: str | None = None
    allow_private: bool = False
    timeout: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_secret(self.password, "password")
        if not re.fullmatch(r"[\w.:-]{1,253}", self.host):
            raise ValueError(
                f"host {printable(self.host)!r} is not a host name; write irc.example.org, without irc://"
            )
        if not _NICK.fullmatch(self.nick):
            raise ValueError(f"nick {printable(self.nick)!r} may have 30 letters, digits and []\\`_^{{|}}-")
        for room in self.channels:
            if not _ROOM.fullmatch(room):
                raise ValueError(f"channels: {printable(room)!r} is not a room; write one as '#pycon'")
        if (self.sasl_user is None) != (self.password is None):
            raise ValueError("sasl_user and password belong together; write both or neither")
        if self.network is not None and not re.fullmatch(r"[\w.-]{1,64}", self.network):
            raise ValueError(
                f"network {printable(self.network)!r} may have letters, digits, '.', '_' and '-'"
            )

    @property
    def scope(self) -> str:
        """Name of the network."""
        return self.network or self.name

    def meta(self, received_at: datetime) -> Meta:
        return msgspec.structs.replace(
            super().meta(received_at), source=f"irc:{self.scope}", options={"nick": self.nick}
        )


class _Cursor(msgspec.Struct, omit_defaults=True):
    v: int = 1
    seq: int = 0
    heard: str = ""  # time of the last delivered line
    back: dict[str, str] = {}  # start of the missing history per room
    known: list[str] = msgspec.field(name="told", default_factory=list)  # digests of the last KNOWN ids


@dataclass(frozen=True, slots=True, kw_only=True)
class IrcTimings(StreamTimings):
    """How long a poll waits for a message, and how fast lines are sent.

    Parameters
    ----------
    send_every : timedelta
        Time between two lines, once the first five are sent.
    """

    first: timedelta = timedelta(seconds=5)
    send_every: timedelta = timedelta(seconds=2)


class IrcSource(StreamedSource):
    """Source for the rooms of one IRC network.

    Parameters
    ----------
    spec : IrcSpec
        Options of the source.
    counts : Counter
        ``lines``, ``bytes``, ``connected``, ``overlong``, ``sent``, ``known``, ``gaps``.
    """

    bucket = "irc"
    timings: IrcTimings
    kept_events = REMEMBERED

    def __init__(self, spec: IrcSpec, counts: Counter[str], timings: IrcTimings | None = None) -> None:
        from rtanalytics.sources.irc.history import History
        from rtanalytics.sources.irc.parse import Reader

        super().__init__(timings or IrcTimings())
        self.scope = spec.scope
        self._spec, self._counts = spec, counts
        self._reader = Reader(spec.meta(datetime.now(UTC)))
        self._link: Connection | None = None
        self._waiting: list[Event] = []
        self._rejects: list[Reject] = []
        self._last = 0.0  # ``Connection.heard`` at the last poll
        self._history = History()

    @property
    def sending(self) -> bool:
        """True if messages can be sent."""
        return self._link is not None and self._link.up

    async def receive(self, cursor: bytes | None) -> Batch:
        """Return the messages received since the last poll."""
        state = self._state(cursor)
        if self._link is None:
            await self._connect(state)
        await self._listen()
        now = datetime.now(UTC)
        events, rejects = self._unknown(state), self._rejects
        self._waiting, self._rejects = [], []
        for event in events:
            state.seq += 1
            # if the server's clock is ahead, history is still requested from the right time
            state.heard = max(state.heard, min(event.created_at, now).isoformat())
        state.back = {room: since.isoformat() for room, since in self._history.since.items()}
        first = state.seq - len(events) + 1
        numbered = [
            msgspec.structs.replace(event, producer=f"irc:{self.scope}", seq=first + i)
            for i, event in enumerate(events)
        ]
        after = msgspec.json.encode(state) if numbered else None
        last, self._last = self._last, self._link.heard if self._link is not None else self._last
        heard = bool(numbered or rejects) or self._last != last
        return Batch(numbered, after, rejects, notes={"nick": self._reader.nick}, heard=heard)

    async def send(self, packet: dict[str, str], key: str) -> None:
        """Send a message of a user; see :class:`rtanalytics.ingest.outbox_worker.Sends`."""
        link = self._link
        if link is None or not link.up:
            raise Transient("there is no connection to IRC")
        kind, to, body = packet.get("type", ""), packet.get("to", ""), packet.get("body", "")
        if kind != "nick" and not (_ROOM.fullmatch(to) or (_NICK.fullmatch(to) and kind in _MESSAGE_TYPES)):
            raise SourceError(f"{printable(to)!r} is neither a room nor a nick")
        if kind in _MESSAGE_TYPES:
            await self._send_text(link, kind, to, body)
        elif kind == "join":
            await link.send("JOIN", to)
        elif kind == "part":
            await link.send("PART", to, *([body] if body else []))
        elif kind == "topic":
            await link.send("TOPIC", to, body)
        elif kind == "nick" and _NICK.fullmatch(body):
            await link.send("NICK", body)
        else:
            raise SourceError(f"a packet of type {printable(kind)!r} cannot be sent to IRC")
        self._counts["sent"] += 1

    async def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close("gone")

    async def rewind(self) -> None:
        """Disconnect and drop undelivered events; only a server with a history can send them again."""
        await self.close()
        self._waiting, self._rejects = [], []

    # -- reading -------------------------------------------------------------------------------

    async def _connect(self, state: _Cursor) -> None:
        import ssl

        from rtanalytics.sources.irc.connection import Connection

        spec = self._spec
        password = "" if spec.password is None else secret(spec.password, "password")
        link = Connection(
            spec.nick, spec.sasl_user or "", password, spec.realname, self._counts, self.timings.send_every
        )
        try:
            await link.open(
                spec.host,
                spec.port or (6697 if spec.tls else 6667),
                tls=ssl.create_default_context() if spec.tls else None,
                private=spec.allow_private,
                within=spec.timeout,
            )
        except BaseException:
            await link.close()
            raise
        self._link = link
        self._counts["connected"] += 1
        self._reader.nick = link.nick
        for room in spec.channels:
            await link.send("JOIN", room)
        self._refill(link, state)

    def _refill(self, link: Connection, state: _Cursor) -> None:
        """Request the messages missed while disconnected, or add a gap event if there is no history."""
        self._history.reset()
        if not state.heard:
            return
        heard = datetime.fromisoformat(state.heard)
        if "batch" in link.caps and link.caps & {"chathistory", "draft/chathistory"}:
            for room in self._spec.channels:
                since = state.back.get(room)
                self._history.since[room] = datetime.fromisoformat(since) if since else heard - OVERLAP
        else:
            self._waiting.append(self._gap(heard))

    def _gap(self, since: datetime, room: str = "") -> Event:
        self._counts["gaps"] += 1
        now, where = datetime.now(UTC), f"{room}: " if room else ""
        return Event(
            id=f"irc:{self.scope}/{room}:gap/{since.isoformat()}",
            source=f"irc:{room or self.scope}",
            type="gap",
            channel=room or None,
            created_at=now,
            text=f"{where}no connection from {since:%Y-%m-%d %H:%M:%S} to {now:%Y-%m-%d %H:%M:%S} UTC",
            ingest=Ingest(
                via="stream", connector=self._spec.connector, id_kind="derived", time_kind="observed"
            ),
        )

    async def _listen(self) -> None:
        """Read the lines that arrived, or wait for one; nothing is lost if this is cancelled."""
        link, reader, history = self._link, self._reader, self._history
        if link is None:
            raise Transient("there is no connection to IRC")
        while history.wanted and link.up:
            room, since = history.wanted[0]
            stamp = f"timestamp={since:%Y-%m-%dT%H:%M:%S}.{since.microsecond // 1000:03d}Z"
            limit = link.features.get("CHATHISTORY", "")
            await link.send("CHATHISTORY", "AFTER", room, stamp, limit if limit.strip("0") else "100")
            history.wanted.popleft()
        lines: list[bytes | None] = []
        if not self._waiting and not link.over:
            try:
                lines.append(await PollWindow(self.timings).wait_for(link.lines.get))
            except TimeoutError:
                return
        while len(lines) < MAX_LINES and not link.lines.empty():
            lines.append(link.lines.get_nowait())
        reader.meta = msgspec.structs.replace(reader.meta, received_at=datetime.now(UTC))
        for raw in lines:
            if raw is not None and (line := reader.take(raw)) is not None:
                history.see(line)
        parsed = reader.parsed()
        self._counts.update(parsed.counts)
        self._waiting += [*parsed.events, *(self._gap(since, room) for room, since in history.refused)]
        self._rejects += parsed.rejects
        history.refused.clear()
        if link.over:
            self._link = None
            await link.close()
            if not self._waiting and not self._rejects:
                raise Transient(link.why)

    def _unknown(self, state: _Cursor) -> list[Event]:
        """Return the waiting events that the history has not repeated."""
        known, events = dict.fromkeys(state.known), list[Event]()
        for event in self._waiting:
            digest = sha256(event.id.encode()).hexdigest()[:12]
            if digest in known:
                self._counts["known"] += 1
                continue
            known[digest] = None
            events.append(event)
        state.known = list(known)[-KNOWN:]
        return events

    async def _send_text(self, link: Connection, kind: str, to: str, body: str) -> None:
        from rtanalytics.sources.irc.connection import split_text
        from rtanalytics.sources.irc.parse import stamped

        mask = link.mask or f"{link.nick}!{'u' * 10}@{'h' * 63}"
        wrap = len("\x01ACTION \x01") if kind == "action" else 0
        command = "NOTICE" if kind == "notice" else "PRIVMSG"
        size = 510 - wrap - len(f":{mask} {command} {to} :".encode())
        for part in split_text(body, size):
            text = f"\x01ACTION {part}\x01" if kind == "action" else part
            await link.send(command, to, text)
            if "echo-message" not in link.caps:
                line = f":{mask} {command} {to} :{text}".encode()
                await link.lines.put(stamped(line, datetime.now(UTC)))

    def _state(self, cursor: bytes | None) -> _Cursor:
        if cursor is None:
            return _Cursor(seq=int(datetime.now(UTC).timestamp()) * 1000)
        try:
            state = msgspec.json.decode(cursor, type=_Cursor)
            for at in [state.heard, *state.back.values()]:
                if at:
                    datetime.fromisoformat(at)
        except (msgspec.DecodeError, ValueError) as error:
            raise CursorInvalid(f"the cursor of {self.scope} cannot be read: {printable(error)}") from None
        if state.v != 1:
            raise CursorInvalid(f"the cursor of {self.scope} is of version {state.v}; this is 1")
        return state


Spec, open_source = IrcSpec, IrcSource
