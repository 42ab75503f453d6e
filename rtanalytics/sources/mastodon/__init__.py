"""Mastodon: the public timeline of a hashtag, as one server knows it.

The timeline is read forwards (``min_id``), so that a pause leaves no hole. A few statuses that are
known are read again each time: that is how edits are seen, and statuses that reach the server late
and are sorted in between older ones.

With ``stream = true`` the server's streaming API says at once what the timeline would say later, and
what is deleted. A stream has no memory: after every interruption, and every five minutes, the timeline
is read from where *it* was, so what a stream leaves out comes all the same.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlencode

import msgspec

from rtanalytics.event import Event
from rtanalytics.sources.base import Batch, Meta, Parsed, Reject, Source, SourceError, Transient, printable
from rtanalytics.sources.polled import AddressSpec, PolledSource, SeenCursor, scope_of, short
from rtanalytics.sources.secrets import check_secret

if TYPE_CHECKING:
    import aiohttp

    from rtanalytics.sources.http import Answer

__all__ = [
    "ABOUT",
    "ACCESS",
    "EXAMPLE",
    "PARSE",
    "MastodonSource",
    "MastodonSpec",
    "Spec",
    "meta",
    "open_source",
]

CONNECTOR = "mastodon@1"
PARSE = "rtanalytics.sources.mastodon.parse:parse"
ACCESS = "open"
ABOUT = """\
The public statuses with a hashtag, as one Mastodon server knows them; most servers need no account, \
some want a `token`, and some have switched hashtag timelines off, which the health then says. Each \
server knows only what has reached it: read a large one, or several. A status has its federated `uri` as \
its id, so that it is the same event whichever server it was read from. It is asked every 30 seconds \
(servers allow 300 requests in 5 minutes) and reads forwards from where it was. Edits reach us while a \
status is among the latest 20; deletions are not told by timelines. With a `token` and `stream = true` \
statuses, edits and deletions come at once. The content warning is the title."""
EXAMPLE = """\
[[source]]
type = "mastodon"
name = "fosstodon-pycon"
url = "https://fosstodon.org"
tag = "pycon"
any = ["pyconus", "pyconus2026"]
"""

PAGE = 40
"""Statuses that a server gives at once at most."""

OVERLAP = 20
"""Statuses that are read again each time."""

PATIENCE, LINGER, MOST = 2.0, 0.1, 500
"""Seconds that a poll waits for a stream's first message, for more once there is one; messages of a poll."""

AGAIN, RETRY = 300.0, 30.0
"""Seconds until the timeline is read although a stream is there, and until a stream is tried again."""

KNOWN = 1_000
"""Statuses of which a stream's deletions are recognised: it names them by the server's own ids."""

_TAG = re.compile(r"\w{1,100}")


class MastodonSpec(AddressSpec, frozen=True, kw_only=True, tag_field="type", tag="mastodon"):
    """A ``[[source]]`` table with ``type = "mastodon"``.

    Parameters
    ----------
    name : str
        Names the source.
    url : str
        Of the server, such as ``https://fosstodon.org``.
    tag : str
        Hashtag, without ``#``.
    any : tuple of str, optional
        Further hashtags: statuses with one of them come as well.
    all : tuple of str, optional
        Hashtags of which a status must have all.
    none : tuple of str, optional
        Hashtags of which a status must have none.
    local : bool
        True for statuses of people of that server only.
    token : str, optional
        ``"env:NAME"``: an access token of the server, where it wants one.
    stream : bool
        True to be told at once, by the server's streaming API; needs a ``token``.
    every : timedelta, optional
        How often to ask; 30 seconds.
    key : str, optional
        Takes the address's place in the cursor's name.
    timeout : timedelta
        For a whole request, the last byte included.
    budget : timedelta
        For parsing one page, on the clock.
    max_bytes : int
        Of a page, packed and unpacked.
    allow_private : bool
        True if the host in ``url`` is meant to have a private or loopback address.
    hints : bool
        False to ask every ``every``, whatever the other side would like.

    Raises
    ------
    ValueError
        If a value cannot be; the message names it and what to write instead.
    """

    tag: str
    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    local: bool = False
    token: str | None = None
    stream: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_secret(self.token, "token")
        if self.stream and self.token is None:
            raise ValueError('stream needs a token; write token = "env:MASTODON_TOKEN"')
        if "?" in self.url or "#" in self.url or "/tags/" in self.url:
            raise ValueError('url is the server\'s own address; write url = "https://server.example"')
        for key, names in (("tag", (self.tag,)), ("any", self.any), ("all", self.all), ("none", self.none)):
            for name in names:
                if not _TAG.fullmatch(name):
                    raise ValueError(f"{key} {printable(name, 60)!r} is no hashtag; write it without '#'")

    @property
    def scope(self) -> str:
        """The server and the hashtags."""
        if self.key is not None:
            return self.key
        more = [*_more(self), ("local", "true")] if self.local else _more(self)
        return f"{scope_of(self.url)}/tags/{self.tag}" + (f"~{short(urlencode(more))}" if more else "")


Spec = MastodonSpec


def open_source(spec: MastodonSpec, counts: Counter[str]) -> Source:
    """A hashtag's timeline; it connects when it is first polled."""
    return MastodonSource(spec, counts)


def meta(spec: MastodonSpec, received_at: datetime) -> Meta:
    """What the parser has to know of a timeline, live and when a dead letter is read again."""
    return Meta(
        source="mastodon",
        scope=spec.scope,
        connector=CONNECTOR,
        received_at=received_at,
        url=spec.url,
    )


class _Cursor(SeenCursor, omit_defaults=True):
    own: list[str] = msgspec.field(
        default_factory=list
    )  # the server's ids of the latest that were read, oldest first
    at: str = ""  # and the greatest of all, readable or not
    uris: dict[str, str] = msgspec.field(default_factory=dict)  # of the KNOWN latest, by the server's ids


class _Message(msgspec.Struct):
    event: str = ""
    payload: Any = None
    error: str = ""


class MastodonSource(PolledSource[MastodonSpec, _Cursor]):
    """One hashtag on one server.

    Parameters
    ----------
    spec : MastodonSpec
        Which.
    counts : Counter
        ``items``, ``not_public``, ``streams`` and ``messages`` of them, ``deletes_of_unknown``, and what
        every polled source counts.
    """

    bucket = "mastodon"
    target = PARSE
    cursor = _Cursor
    every = timedelta(seconds=30)
    pages = 1_000  # read forwards, so they end where the present is
    late: ClassVar[bool] = True  # the first of a page is known, and what is after it need not be

    def __init__(self, spec: MastodonSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts, spec.url)
        self._problem: str | None = None
        self._looked = False
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._waiting: deque[bytes] = deque()
        self._given: tuple[bytes | None, Batch] | None = None
        self._expected: bytes | None = None
        self._again = self._retry = 0.0
        self._mute: str | None = None

    @property
    def host(self) -> str | None:
        """None for a stream: listening takes nothing out of a budget."""
        return None if self.spec.stream else super().host

    async def poll(self, cursor: bytes | None) -> Batch:
        """One page of the timeline, or what a stream has said since the last time."""
        if not self.spec.stream:
            return await super().poll(cursor)
        if self._given is not None and self._given[0] == cursor:
            return self._given[1]  # it was not stored, as it seems
        if cursor != self._expected:
            await self._hang_up()
        if self._ws is None and monotonic() >= self._retry:
            await self._listen()
        if self._ws is None or monotonic() >= self._again:
            batch = await super().poll(cursor)
            if batch.wait:
                self._again = monotonic() + max(AGAIN, batch.wait.total_seconds())
            if self._ws is not None:
                batch = replace(batch, wait=timedelta(0))
            batch = replace(batch, problem=batch.problem or self._mute)
        else:
            batch = await self._heard(cursor)
        self._given = None if batch.cursor in {None, cursor} else (cursor, batch)
        self._expected = cursor if batch.cursor is None else batch.cursor
        return batch

    async def close(self) -> None:
        await self._hang_up()
        await super().close()

    def first(self, state: _Cursor) -> str:
        return self._page(state.own[0] if state.own else state.at)

    def headers(self) -> dict[str, str]:
        token = self.secret("token")
        return {"Authorization": f"Bearer {token}"} if token else {}

    def meta(self, received_at: datetime) -> Meta:
        return meta(self.spec, received_at)

    async def read(self, state: _Cursor) -> Batch:
        batch = await super().read(state)
        if not self._looked:
            # a server that has timelines switched off answers 200 with an empty list
            self._problem = await self._access()
            self._looked = True
        return replace(batch, problem=batch.problem or self._problem)

    def take(self, state: _Cursor, parsed: Parsed, answer: Answer, received: datetime) -> list[Event]:
        own = {*state.own, *filter(None, (_own(e) for e in parsed.events))}
        state.own = sorted(own, key=_order)[-OVERLAP:]
        state.at = max(state.at, parsed.next or "", key=_order)
        self._know(state, parsed.events)
        # all of the overlap may be gone from the server, and the rest unreadable
        if parsed.next and not parsed.events:
            state.own = []
        return self.fresh(state, parsed.events)

    def following(self, answer: Answer, parsed: Parsed) -> str | None:
        """What is newer, if this page was full."""
        if "min_id=" not in answer.url or parsed.counts.get("items", 0) < PAGE or parsed.next is None:
            return None
        return self._page(parsed.next)

    def _page(self, least: str) -> str:
        query = [("limit", str(PAGE)), *_more(self.spec)]
        if self.spec.local:
            query.append(("local", "true"))
        if least:
            query.append(("min_id", least))
        path = f"api/v1/timelines/tag/{quote(self.spec.tag, safe='')}"
        return f"{self.spec.url.rstrip('/')}/{path}?{urlencode(query)}"

    # -- its streams -----------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Connect; without a stream there is still the timeline."""
        spec, token = self.spec, self.secret("token")
        stream = "hashtag:local" if spec.local else "hashtag"
        query = urlencode({"stream": stream, "tag": spec.tag})
        try:
            base = await self._streaming()
            self._ws = await self.http.websocket(
                f"{base}/api/v1/streaming?{query}",
                spec.max_bytes,
                spec.timeout,
                private={"Authorization": f"Bearer {token}"},
            )
            for tag in spec.any:
                await self._ws.send_json({"type": "subscribe", "stream": stream, "tag": tag})
        except (SourceError, ConnectionError) as error:
            await self._hang_up()
            self._retry = monotonic() + RETRY
            self._mute = f"no stream, so its timeline is read every {self.every.seconds} s: {error}"
        else:
            self.counts["streams"] += 1
            self._again, self._mute = 0.0, None  # what was said meanwhile stands in the timeline

    async def _streaming(self) -> str:
        """Where the server's streams are: it may have another host for them."""
        own = self.spec.url.rstrip("/").replace("http", "ws", 1)
        try:
            answer = await self.ask(f"{self.spec.url.rstrip('/')}/api/v2/instance")
            told = msgspec.json.decode(answer.body)["configuration"]["urls"]["streaming"]
        except (SourceError, msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError):
            return own  # older servers, and other software, do not say
        return told.rstrip("/") if isinstance(told, str) and told.startswith("wss://") else own

    async def _hang_up(self) -> None:
        ws, self._ws = self._ws, None
        self._waiting.clear()
        if ws is not None:
            await ws.close()

    async def _heard(self, cursor: bytes | None) -> Batch:
        """What the stream has said: statuses, edits of them, and deletions of those that are known."""
        await self._receive()
        state, messages, rejects = self.state(cursor), list[bytes](), list[Reject]()
        options: dict[str, str] = {}
        while self._waiting:
            raw = self._waiting[0]
            try:
                message = msgspec.json.decode(raw, type=_Message)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                rejects.append(Reject(reason=printable(error), raw=raw, where="stream"))
                self._waiting.popleft()
                continue
            if message.error:
                await self._hang_up()
                self._retry = monotonic() + RETRY
                raise Transient(f"{self.scope}: the stream says {printable(message.error, 200)!r}")
            if message.event == "delete":
                own = str(message.payload)
                if own in state.uris:
                    options[f"local/{own}"] = state.uris[own]
                elif messages:
                    break  # it may be of one of these, which are known when they are told
            self._waiting.popleft()
            messages.append(raw)
        if not messages and not rejects:
            return Batch(heard=False)
        parsed = Parsed()
        if messages:
            about = msgspec.structs.replace(self.meta(datetime.now(UTC)), options=options)
            parsed = await self._parsed(b"[" + b",".join(messages) + b"]", about)
        self.counts.update(parsed.counts)
        events = [event for event in parsed.events if self._asked_for(event)]
        self._know(state, events)
        told = self.fresh(state, events[::-1])  # of one time, pages have the latest first
        return Batch(told, msgspec.json.encode(state), [*rejects, *parsed.rejects])

    async def _parsed(self, raw: bytes, about: Meta) -> Parsed:
        try:
            return await self._worker.parse(raw, about)
        except BaseException:
            await self._hang_up()  # what was taken from the stream comes with the timeline
            raise

    async def _receive(self) -> None:
        """Wait for messages; if the stream has ended, what it said before is still told."""
        import aiohttp

        ws, until = self._ws, monotonic() + (0.0 if self._waiting else PATIENCE)
        while ws is not None and len(self._waiting) < MOST:
            try:
                async with asyncio.timeout(max(0.0, until - monotonic())):
                    message = await ws.receive()
            except TimeoutError:
                return
            if message.type is aiohttp.WSMsgType.TEXT:
                if not self._waiting:
                    until = min(until, monotonic() + LINGER)
                self.counts["messages"] += 1
                self._waiting.append(self._scrubbed(message.data.encode("utf-8", "replace")))
            elif message.type is aiohttp.WSMsgType.BINARY:
                self.counts["binary"] += 1
            else:
                if self._waiting:
                    return  # the next poll finds the end again
                await self._hang_up()
                raise Transient(f"{self.scope}: the server ended the stream ({ws.close_code or 'cut'})")

    def _asked_for(self, event: Event) -> bool:
        tags = {tag.casefold() for tag in event.tags}
        wanted = tags.issuperset(name.casefold() for name in self.spec.all)
        return event.op == "delete" or (wanted and tags.isdisjoint(n.casefold() for n in self.spec.none))

    def _know(self, state: _Cursor, events: list[Event]) -> None:
        """Remember the server's own ids of what is told: a stream deletes by them."""
        if not self.spec.stream:
            return
        for event in events:
            if event.op != "delete" and (own := _own(event)):
                state.uris.pop(own, None)
                state.uris[own] = event.id.removeprefix("mastodon::")
        for own in list(state.uris)[: max(0, len(state.uris) - KNOWN)]:
            del state.uris[own]

    async def _access(self) -> str | None:
        """Why the server shows no timeline, if it says so."""
        try:
            answer = await self.ask(f"{self.spec.url.rstrip('/')}/api/v2/instance")
            told = msgspec.json.decode(answer.body)
            feeds = told["configuration"]["timelines_access"]["hashtag_feeds"]
        except (SourceError, msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError):
            self.counts["access_untold"] += 1  # older servers, and other software, do not say
            return None
        kinds = [feeds] if isinstance(feeds, str) else [*feeds.values()] if isinstance(feeds, dict) else []
        if "disabled" in kinds:
            which = "" if len(set(map(str, kinds))) == 1 else " for some statuses"
            return f"{self.scope}: the server has switched hashtag timelines off{which}; read another server"
        if "authenticated" in kinds and self.spec.token is None:
            return (
                f"{self.scope}: the server shows hashtag timelines to its users only; "
                'write token = "env:MASTODON_TOKEN"'
            )
        return None


def _more(spec: MastodonSpec) -> list[tuple[str, str]]:
    groups: Iterable[tuple[str, Iterable[str]]] = (("any", spec.any), ("all", spec.all), ("none", spec.none))
    return [(f"{key}[]", name) for key, names in groups for name in names]


def _own(event: Event) -> str:
    told: Any = msgspec.json.decode(event.raw) if event.raw is not None else {}
    return told["id"] if isinstance(told, dict) and isinstance(told.get("id"), str) else ""


def _order(own: str) -> tuple[int, str]:
    return len(own), own
