"""Bluesky: the matching posts among all posts of a Jetstream.

A Jetstream sends each post of the network once per connection, beginning at a requested time. So when the
source is polled with an unexpected cursor, because a batch was not stored, it connects again from that
cursor. The cursor holds the time of the last *post* received, matching or not: a server that no longer
receives posts may still send other messages.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, ClassVar

import msgspec

from rtanalytics.event import Event, Ingest
from rtanalytics.sources.base import (
    Batch,
    Blocked,
    CursorInvalid,
    Malformed,
    Meta,
    Parsed,
    Reject,
    SourceError,
    SourceSpec,
    Transient,
    printable,
    redact,
)
from rtanalytics.sources.streamed import Disconnected, PollWindow, StreamTimings, WebSocketSource

__all__ = ["BlueskySource", "BlueskySpec", "BlueskyTimings", "Spec", "open_source"]

ACCESS = "open"
ABOUT = """\
Reads a Jetstream, which sends every post of Bluesky (about 50 per second, 60 kB/s), and keeps the posts with
one of the tags or words, or by one of the authors. It needs no account. Both versions of the protocol work;
an address with `subscribeEvents` in it uses version 2. Posts arrive within seconds. After an interruption
the source continues from there, up to 36 hours back; a `gap` event marks anything older. Edits and deletions
of the last 2,000 stored posts are followed, also when an account is closed. Authors are identified by their
`did`, because a Jetstream has no handles. The time of a post is the one given by the poster's client."""
EXAMPLE = """\
[[source]]
type = "bluesky"
name = "bluesky"
tags = ["juniperconf"]
words = ["Juniper Conference"]   # as well, or instead
"""

HOSTS = ["wss://jetstream1.us-east.bsky.network/subscribe", "wss://jetstream2.us-west.bsky.network/subscribe"]

MAX_MATCHING, MAX_FRAMES = 1_000, 20_000
"""Largest numbers of matching frames and of all frames per poll."""

KNOWN = 2_000
"""Number of posts whose edits and deletions are recognised."""

BACK, ELSEWHERE = timedelta(seconds=10), timedelta(seconds=60)
"""How far before the cursor to start after an interruption, on the same server and on another."""

GAP = timedelta(minutes=5)
"""If a stream begins so much later than requested, the server no longer has the posts before."""

_POST = "app.bsky.feed.post"


class BlueskySpec(SourceSpec, frozen=True, kw_only=True, tag_field="type", tag="bluesky"):
    """A ``[[source]]`` table with ``type = "bluesky"``.

    Parameters
    ----------
    name : str
        Name of the source and of its cursor.
    tags : list of str
        Hashtags, without ``#``.
    words : list of str
        Words or phrases in the text; case is ignored.
    dids : list of str
        Authors, as ``"did:plc:…"``; without tags and words, the server sends only their posts.
    hosts : list of str
        URLs of Jetstreams, tried in this order.
    expected_every : timedelta, optional
        Longest time without any post before another host is tried; 60 s by default, without limit if
        only ``dids`` are given.
    max_frame : int
        Largest post in bytes; larger ones are skipped.
    budget : timedelta
        Time limit for parsing the posts of a poll.
    allow_private : bool
        True if a host may have a private or loopback address.
    timeout : timedelta
        Time limit for connecting.

    Raises
    ------
    ValueError
        If a value is invalid; the message names it and what to write instead.
    """

    connector: ClassVar[str] = "bluesky@1"
    parser: ClassVar[str] = "rtanalytics.sources.bluesky.parse:parse"
    tags: list[str] = msgspec.field(default_factory=list)
    words: list[str] = msgspec.field(default_factory=list)
    dids: list[str] = msgspec.field(default_factory=list)
    hosts: list[str] = msgspec.field(default_factory=lambda: list(HOSTS))
    expected_every: timedelta | None = None
    sees_silence: ClassVar[bool] = True
    max_frame: int = 1_000_000
    budget: timedelta = timedelta(seconds=2)
    allow_private: bool = False
    timeout: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.tags or self.words or self.dids):
            raise ValueError('tags, words or dids are missing; write one of them, such as tags = ["pycon"]')
        for key, values in (("tags", self.tags), ("words", self.words)):
            for value in values:
                if not 1 < len(value.strip("# ")) <= 100:
                    raise ValueError(f"{key}: {printable(value)!r} must have 2 to 100 characters")
        for tag in self.tags:
            if len(tag.split()) > 1:
                raise ValueError(f"tags: {printable(tag)!r} has a space; write each tag separately")
        for did in self.dids:
            if not re.fullmatch(r"did:[a-z]+:[\w.:%-]{1,200}", did, re.ASCII):
                raise ValueError(f"dids: {printable(did)!r} is not a did; write it as 'did:plc:…'")
        if not self.hosts:
            raise ValueError("hosts is empty; remove it to use Bluesky's own hosts")
        for host in self.hosts:
            if not re.fullmatch(r"wss?://[^\s/?#@]+(/[^\s?#]*)?", host):
                raise ValueError(
                    f"hosts: {printable(redact(host))!r} is not an address such as 'wss://host/subscribe'"
                )
        if self.max_frame < 1_000:
            raise ValueError("max_frame must be 1000 or more")

    def meta(self, received_at: datetime) -> Meta:
        return msgspec.structs.replace(super().meta(received_at), options={"via": "stream"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueskyTimings(StreamTimings):
    """How long a poll reads a Jetstream, and how often the position is stored.

    Parameters
    ----------
    store_every : timedelta
        Time after which the position in the stream is stored even if no post matched.
    """

    store_every: timedelta = timedelta(seconds=10)


class _Account(msgspec.Struct):
    active: bool = True


class _Commit(msgspec.Struct):
    collection: str = ""
    operation: str = ""
    rkey: str = ""
    rev: str = ""


class _Payload(_Commit):
    type: str = msgspec.field(name="$type", default="")
    did: str = ""
    seq: int = 0
    time: datetime | None = None
    account: _Account | None = None


class _Head(msgspec.Struct):
    """The fields of a frame, of either version, that show whether it is wanted."""

    did: str = ""
    time_us: int = 0
    commit: _Commit | None = None
    account: _Account | None = None
    type: str = msgspec.field(name="$type", default="")
    payload: _Payload | None = None
    error: str = ""


class _Cursor(msgspec.Struct, omit_defaults=True):
    v: int = 1
    n: int = 0  # number of the last event
    at: int = 0  # µs: server time of the last post received
    host: str = ""
    seq: int = 0  # number of that post on this host (version 2 only)
    # "did/rkey" → rev, of the last KNOWN delivered posts
    known: dict[str, str] = msgspec.field(name="told", default_factory=dict)


class BlueskySource(WebSocketSource):
    """Source of matching posts: connects to one Jetstream, and to another if it fails.

    Parameters
    ----------
    spec : BlueskySpec
        Hosts to connect to, and which posts to keep.
    counts : Counter
        ``frames``, ``connected``, ``known``, ``unwanted``, ``deletes_of_unknown``, ``blind``, ``gaps``,
        and what the parser counts.
    timings : BlueskyTimings, optional
        How long to wait for posts, and how often to store the position in the stream.
    """

    bucket = "bluesky"
    timings: BlueskyTimings

    def __init__(
        self, spec: BlueskySpec, counts: Counter[str], timings: BlueskyTimings | None = None
    ) -> None:
        from yarl import URL

        from rtanalytics.sources.http import HttpClient
        from rtanalytics.sources.worker import ParseWorker

        super().__init__(counts, timings or BlueskyTimings())
        self.scope = spec.scope
        self._spec = spec
        trusted = [URL(host).host or "" for host in spec.hosts] if spec.allow_private else ()
        self._http = HttpClient(counts, trusted, source=spec.name)
        self._worker = ParseWorker(spec.parser, spec.budget)
        self._state: _Cursor | None = None
        self._host = 0
        self._asked = 0  # µs: requested start of the stream, until its first post arrives
        self._lost = self._seems_silent = self._heard = False
        self._last_post_at = self._stored = 0.0
        self._wanted = _Wanted(spec)

    async def receive(self, cursor: bytes | None) -> Batch:
        """Return the matching posts among those received."""
        if self._state is None:
            self._state = self._read(cursor)
        state, self._heard = self._state, False
        if self.ws is None:
            await self._connect(state)
        try:
            frames, gap = await self._frames(state)
        except asyncio.CancelledError:
            await self.rewind()
            raise
        parsed = Parsed()
        if frames:
            about = self._spec.meta(datetime.now(UTC))
            try:
                parsed = await self._worker.parse(b"\n".join(raw for raw, _ in frames), about)
            except Malformed as error:
                parsed = Parsed(rejects=[Reject(reason=str(error), raw=error.raw, where="frames")])
            except BaseException:
                await self.rewind()
                raise
        events = self._select(state, gap, parsed, dict(head for _, head in frames if head))
        rejects = parsed.rejects
        self.counts.update({k: n for k, n in parsed.counts.items() if not k.startswith("frames_")})
        store_every = self.timings.store_every.total_seconds()
        if not events and not rejects and (monotonic() - self._stored < store_every or not state.at):
            return Batch(heard=self._heard)
        self._stored = monotonic()
        after = msgspec.json.encode(state)
        if after == cursor:
            return Batch(rejects=rejects, heard=self._heard)
        return Batch(events, after, rejects, notes={"host": redact(state.host)}, heard=self._heard)

    async def close(self) -> None:
        """Close the connection and end the parser's process."""
        await self.disconnect()
        await self._worker.close()
        await self._http.close()

    async def rewind(self) -> None:
        """Disconnect and drop undelivered posts; the server will send them again from the cursor."""
        await super().rewind()
        self._state = None

    # -- the connection --------------------------------------------------------------------------

    async def _connect(self, state: _Cursor) -> None:
        hosts = self._spec.hosts
        if not state.host or self.failures:
            # retry the same host once, then use the next one
            self._host += self.failures > 1
            host = hosts[self._host % len(hosts)]
        else:
            host = state.host if state.host in hosts else hosts[0]
            self._host = hosts.index(host)
        try:
            await self._open(host, state)
        except SourceError as error:
            self.failures += 1
            if not isinstance(error, Blocked) or error.status != 400 or not state.at:
                raise
            # the cursor is too old: use its time instead of its number, then start from now
            if state.seq:
                state.seq = 0
            else:
                self._lost = True
            raise Transient(f"{redact(host)} rejects the cursor; retrying with a newer start") from None
        self.counts["connected"] += 1
        self._last_post_at = monotonic()
        self._heard = not self._seems_silent  # a silent host counts as working only after a post
        state.host = host

    async def _open(self, host: str, state: _Cursor) -> None:
        from yarl import URL

        spec, second = self._spec, "subscribeEvents" in host
        only = spec.dids if not (spec.tags or spec.words) else []
        query: list[tuple[str, str]] = [("maxMessageSizeBytes", str(spec.max_frame))]
        if second:
            query += [("collections", _POST), ("kinds", "commit"), ("kinds", "account")]
        else:
            query.append(("wantedCollections", _POST))
        query += [("dids" if second else "wantedDids", did) for did in only]
        self._asked = 0
        if state.at and not self._lost:
            same = host == state.host
            self._asked = state.at - round((BACK if same else ELSEWHERE) / timedelta(microseconds=1))
            query.append(("cursor", str(state.seq if second and same and state.seq else self._asked)))
        elif state.at:
            self._asked = state.at
        self.ws = await self._http.websocket(
            str(URL(host).with_query(query)),
            4 * spec.max_frame,
            spec.timeout,
            ("xrpc.v1.json",) if second else (),
        )

    # -- frames ----------------------------------------------------------------------------------

    async def _frames(
        self, state: _Cursor
    ) -> tuple[list[tuple[bytes, tuple[str, str] | None]], Event | None]:
        """Return the wanted frames, each with id and revision, and the gap event before them, if any."""
        frames: list[tuple[bytes, tuple[str, str] | None]] = []
        gap, window, looked = None, PollWindow(self.timings), 0
        while len(frames) < MAX_MATCHING and looked < MAX_FRAMES:
            try:
                raw = await self.next_frame(window)
            except TimeoutError:
                break
            except Disconnected as error:
                await self.disconnect()
                self.failures += 1
                if frames or gap:
                    break
                raise Transient(f"{redact(state.host)}: {error}") from None
            looked += 1
            self.counts["frames"] += 1
            found, post = self._look(state, raw)
            if post and self._asked:
                gap, self._asked = gap or self._gap(state, post), 0
            if post:
                self._seems_silent = self._seems_silent and post <= state.at  # repeated posts do not count
                state.at = max(state.at, post)
                self._last_post_at, self.failures, self._lost = monotonic(), 0, False
            self._heard = self._heard or not self._seems_silent
            if found and not frames:
                window.shorten()
            frames += found
        if self.ws is not None and not frames:
            await self._check_silence(state)
        return frames, gap

    async def _check_silence(self, state: _Cursor) -> None:
        """Disconnect from a host that has sent no post for too long."""
        spec = self._spec
        every = spec.expected_every
        if every is None and (spec.tags or spec.words):
            every = timedelta(seconds=60)
        if every is None or monotonic() - self._last_post_at < every.total_seconds():
            return
        await self.disconnect()
        self.counts["blind"] += 1
        self._seems_silent = True
        self.failures += 2
        raise Transient(
            f"{redact(state.host)} is silent: no post for {every.total_seconds():g} s; trying the next host"
        )

    def _look(self, state: _Cursor, raw: bytes) -> tuple[list[tuple[bytes, tuple[str, str] | None]], int]:
        """Return the frame if it is wanted (or deletions in its place), and its time if it is a post."""
        try:
            head = msgspec.json.decode(raw, type=_Head)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [(raw.replace(b"\n", b" "), None)], 0  # the parser will report the error
        commit, account, did, at = head.commit, head.account, head.did, head.time_us
        if (payload := head.payload) is not None:
            did, account = payload.did, payload.account
            commit = payload if payload.type.endswith("#commit") else None
            at = round(payload.time.timestamp() * 1e6) if payload.time else 0
            if payload.type.endswith("#info"):
                self.counts["cursor_clamped"] += 1
            if commit is not None and commit.collection == _POST:
                state.seq = max(state.seq, payload.seq)
        elif head.type == "error" or head.error:
            self.counts["error_frames"] += 1
            return [], 0
        elif not at:
            return [(raw.replace(b"\n", b" "), None)], 0
        if account is not None and not account.active:
            return [_deletion(key, at) for key in state.known if key.startswith(f"{did}/")], 0
        if commit is None or commit.collection != _POST or not 0 < at < 10**17:
            return [], 0
        return self._look_at_post(state, raw, did, commit), at

    def _look_at_post(
        self, state: _Cursor, raw: bytes, did: str, commit: _Commit
    ) -> list[tuple[bytes, tuple[str, str] | None]]:
        key = f"{did}/{commit.rkey}"
        if commit.operation == "delete":
            if key not in state.known:
                self.counts["deletes_of_unknown"] += 1
                return []
        elif commit.rev <= state.known.get(key, ""):
            self.counts["known"] += 1
            return []
        elif not self._wanted.may_match(raw, did) and key not in state.known:
            return []
        return [(raw.replace(b"\n", b" "), (f"bluesky::at://{did}/{_POST}/{commit.rkey}", commit.rev))]

    def _gap(self, state: _Cursor, first: int) -> Event | None:
        late = timedelta(microseconds=first - self._asked)
        only_dids = not (self._spec.tags or self._spec.words)
        if not self._lost and (late < GAP or only_dids):
            return None
        self.counts["gaps"] += 1
        since, until = (datetime.fromtimestamp(us / 1e6, UTC) for us in (state.at, max(first, state.at)))
        return Event(
            id=f"bluesky:{self.scope}:gap/{state.at}",
            source="bluesky",
            type="gap",
            created_at=until,
            text=f"from {since:%Y-%m-%d %H:%M:%S} to {until:%Y-%m-%d %H:%M:%S} UTC: the server keeps no more",
            ingest=Ingest(
                via="stream", connector=self._spec.connector, id_kind="derived", time_kind="observed"
            ),
        )

    def _select(self, state: _Cursor, gap: Event | None, parsed: Parsed, revs: dict[str, str]) -> list[Event]:
        """Return the wanted events with their numbers, and update the state."""
        events = [gap] if gap is not None else []
        for event in parsed.events:
            key = event.id.removeprefix("bluesky::at://").replace(f"/{_POST}/", "/")
            if event.op == "delete":
                state.known.pop(key, None)
            elif self._wanted.matches(event) or key in state.known:
                state.known.pop(key, None)
                state.known[key] = revs.get(event.id, "")
            else:
                self.counts["unwanted"] += 1
                continue
            events.append(event)
        for key in list(state.known)[: max(0, len(state.known) - KNOWN)]:
            del state.known[key]
        first, state.n = state.n + 1, state.n + len(events)
        producer = f"bluesky:{self.scope}"
        return [
            msgspec.structs.replace(event, producer=producer, seq=first + i) for i, event in enumerate(events)
        ]

    def _read(self, cursor: bytes | None) -> _Cursor:
        if cursor is None:
            return _Cursor(n=int(datetime.now(UTC).timestamp()) * 1000)
        try:
            state = msgspec.json.decode(cursor, type=_Cursor)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CursorInvalid(f"the cursor of {self.scope} cannot be read: {printable(error)}") from None
        if state.v != 1 or not 0 <= state.at < 10**17:
            raise CursorInvalid(f"the cursor of {self.scope} is of version {state.v}; this is 1")
        return state


def _deletion(key: str, at: int) -> tuple[bytes, None]:
    """Build the frame that a server would send if one post were deleted."""
    did, _, rkey = key.partition("/")
    commit = {"operation": "delete", "collection": _POST, "rkey": rkey}
    frame: dict[str, Any] = {"did": did, "time_us": max(at, 1), "kind": "commit", "commit": commit}
    return msgspec.json.encode(frame), None


class _Wanted:
    """Filter for posts: first a cheap check of the bytes, then an exact check of the event."""

    def __init__(self, spec: BlueskySpec) -> None:
        self._dids = frozenset(spec.dids)
        self._tags = frozenset(tag.strip("# ").casefold() for tag in spec.tags)
        words = [re.escape(" ".join(word.split()).casefold()) for word in spec.words]
        self._words = re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)") if words else None
        # white space in a phrase may differ, so search for its longest word
        parts = [max(word.casefold().split(), key=len) for word in spec.words]
        self._needles = [part.encode() for part in {*self._tags, *parts}]
        self._ascii = all(needle.isascii() for needle in self._needles)

    def may_match(self, raw: bytes, did: str) -> bool:
        """Return False if the frame certainly does not match."""
        if did in self._dids or b"\\u" in raw:
            return True
        low = raw.lower() if self._ascii else raw.decode("utf-8", "replace").casefold().encode()
        return any(needle in low for needle in self._needles)

    def matches(self, event: Event) -> bool:
        """Check whether the event matches."""
        if event.author is not None and event.author.id in self._dids:
            return True
        if any(tag.casefold() in self._tags for tag in event.tags):
            return True
        text = " ".join((event.text or "").split()).casefold()
        return self._words is not None and self._words.search(text) is not None


Spec, open_source = BlueskySpec, BlueskySource
