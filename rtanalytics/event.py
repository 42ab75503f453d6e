"""The packet: one shape for everything a source can say.

LeafyChat, in 2010, sent one small JSON packet (``type``, ``from``, ``to``, ``body``) for
chat lines, joins and topics alike. An :class:`Event` is that packet grown up: it has a stable
identity, a revision, two times, and the places where it points to. :meth:`Event.packet` is
still the small one.

Two times are kept apart on purpose. ``created_at`` is when it was said, and places an event in
its bin; ``received_at`` is when we had it, and orders the log. Both are aware UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal

import msgspec
from msgspec.structs import force_setattr

__all__ = ["SCHEMA", "Author", "Event", "Ingest", "Media", "decode", "encode", "is_web_url"]

SCHEMA = 1
"""Version of the packet, written into every JSON packet and every archive file."""

FUTURE_TOLERANCE = timedelta(minutes=5)
"""How far ``created_at`` may lie ahead of ``received_at`` before we stop believing it."""

Op = Literal["create", "update", "delete"]

SAID = frozenset({"message", "action", "notice", "error"})
"""Types of what is said in a chat; a post or a reply that names somebody is addressed in public."""


class Author(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Who said it.

    Parameters
    ----------
    handle : str
        The name by which others address the person, without a leading ``@``.
    id : str, optional
        The platform's own immutable id, where it has one.
    name, url : str, optional
        Display name and profile page.
    bot : bool
        True if the platform marks the account as automated.
    """

    handle: str
    id: str | None = None
    name: str | None = None
    url: str | None = None
    bot: bool = False


class Media(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A picture, film or sound that an event refers to; it is never fetched."""

    url: str
    kind: str = "image"
    mime: str | None = None
    alt: str | None = None
    width: int | None = None
    height: int | None = None
    sensitive: bool = False


class Ingest(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where an event came from and how far its identity and time can be trusted.

    Parameters
    ----------
    via : {'poll', 'stream', 'backfill', 'file', 'replay', 'person'}
        The way it reached us.
    connector : str, optional
        Name and version of the code that read it.
    run : str, optional
        Which run of that code.
    id_kind : {'native', 'derived', 'synthetic'}
        ``synthetic`` ids are made of arrival times and are not stable over a reconnect.
    time_kind : {'source', 'claimed', 'observed', 'future'}
        ``future``: the source claimed a time more than five minutes ahead of ``received_at``;
        the event counts as said when it was received, and ``claimed_at`` keeps the claim.
    claimed_at : datetime, optional
        The time the source gave, if it was not believed.
    """

    via: str = "poll"
    connector: str | None = None
    run: str | None = None
    id_kind: str = "native"
    time_kind: str = "source"
    claimed_at: datetime | None = None


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """One thing that somebody said or did, in any source.

    Parameters
    ----------
    id : str
        ``namespace:scope:native_key``; stable for ever, the same however the post was reached.
        The namespace (up to the first colon) names the bucket that the event lives in.
    source : str
        What it came from, as people say it: ``mastodon``, ``irc:#python``, ``twitter``.
    created_at, received_at : datetime
        When it was said and when we had it. Any aware time is taken and kept as UTC;
        ``received_at`` is ``created_at`` unless given.
    rev : str
        Revision of the content; computed from it (BLAKE2b, 128 bits) unless given.
    op : {'create', 'update', 'delete'}
        A delete may carry no text.
    edited_at : datetime, optional
        When this revision was made, where the source says so.
    type : str
        ``post``, ``reply``, ``repost``, ``message``, ``commit``, ``photo``, ``talk`` … (open set).
    author : Author, optional
        Who said it.
    to, channel : str, optional
        Whom or which room it was said to; the hashtag, repository or feed it was found in.
    title, text, html : str, optional
        ``text`` is plain and as delivered, apart from invalid Unicode, which is replaced.
        ``html`` is cleaned before it gets here.
    url : str, optional
        An http or https address, or nothing.
    lang : str, optional
        BCP 47, as claimed by the source.
    tags, mentions, links : list of str
        Tags without ``#``, handles without ``@``, expanded addresses.
    media : list of Media
        What is attached.
    reply_to, repost_of, thread : str, optional
        Ids of other events.
    producer, seq : str, int
        Who appended it and the how-manieth it was, growing over that producer's restarts, so
        that gaps and repeats of any transport can be verified. ``seq`` 0 says nothing.
    ingest : Ingest, optional
        Provenance.
    raw : bytes, optional
        What was delivered, secrets removed; kept in the archive only, never in the stream.

    Raises
    ------
    ValueError
        If ``id`` has no namespace or a time is naive.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> event = Event(id="irc:libera/#pycon:1", source="irc:#pycon", type="message",
    ...               author=Author(handle="ada"), channel="#pycon", text="the keynote starts",
    ...               created_at=datetime(2026, 5, 15, 9, tzinfo=UTC))
    >>> event.bucket, event.packet()["from"]
    ('irc', 'ada')
    >>> decode(encode(event)) == event
    True
    """

    id: str
    source: str
    created_at: datetime
    received_at: datetime = None  # type: ignore[assignment]  # __post_init__ fills it in
    rev: str = ""
    op: Op = "create"
    edited_at: datetime | None = None
    type: str = "post"
    author: Author | None = None
    to: str | None = None
    channel: str | None = None
    title: str | None = None
    text: str | None = None
    html: str | None = None
    url: str | None = None
    lang: str | None = None
    tags: list[str] = []
    mentions: list[str] = []
    links: list[str] = []
    media: list[Media] = []
    reply_to: str | None = None
    repost_of: str | None = None
    thread: str | None = None
    producer: str = ""
    seq: int = 0
    ingest: Ingest | None = None
    raw: bytes | None = None

    def __post_init__(self) -> None:
        if self.id.find(":") < 1:
            raise ValueError(f"event id {self.id!r} has no namespace: write it as namespace:scope:native_key")
        if self.created_at.tzinfo is not UTC:
            force_setattr(self, "created_at", _utc(self.created_at, self.id))
        if self.received_at is None:
            force_setattr(self, "received_at", self.created_at)
        elif self.received_at.tzinfo is not UTC:
            force_setattr(self, "received_at", _utc(self.received_at, self.id))
        if self.edited_at is not None and self.edited_at.tzinfo is not UTC:
            force_setattr(self, "edited_at", _utc(self.edited_at, self.id))
        for name in ("id", "source", "text", "title", "html"):
            value = getattr(self, name)
            if value is not None and not value.isascii():
                whole = repair(value)
                if whole is not value:
                    force_setattr(self, name, whole)
        if self.url is not None and not is_web_url(self.url):
            force_setattr(self, "url", None)
        if not self.rev:
            force_setattr(self, "rev", content_rev(self))

    @property
    def bucket(self) -> str:
        """The id's namespace: which stream of the conference it belongs to."""
        return self.id[: self.id.index(":")]

    @property
    def said_at(self) -> datetime:
        """``created_at``, unless that lies over five minutes after ``received_at``."""
        if self.created_at - self.received_at > FUTURE_TOLERANCE:
            return self.received_at
        return self.created_at

    @property
    def handle(self) -> str:
        """The author's handle, or an empty string."""
        return self.author.handle if self.author else ""

    @property
    def body(self) -> str:
        """What a reader sees: the text, or the title where there is no text."""
        return self.text or self.title or ""

    @property
    def private(self) -> bool:
        """True for what was said in a chat to a person, or to some in a room, and for why it was not said."""
        if self.to is None or self.type not in SAID:
            return False
        # @#room: those with a rank there
        return self.channel is None or (self.to != self.channel and self.to.endswith(self.channel))

    def settled(self) -> Event:
        """The event with a claimed time from the future replaced and marked.

        Returns
        -------
        Event
            Itself if its time is credible.
        """
        if self.said_at is self.created_at:
            return self
        ingest = msgspec.structs.replace(
            self.ingest or Ingest(), time_kind="future", claimed_at=self.created_at
        )
        return msgspec.structs.replace(self, created_at=self.received_at, ingest=ingest)

    def packet(self) -> dict[str, Any]:
        """LeafyChat's view of it: ``type``, ``from``, ``to``, ``body``."""
        return {
            "type": self.type,
            "from": self.handle or None,
            "to": self.to or self.channel,
            "body": self.body,
        }


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """The packet as JSON (UTF-8), without ``raw``.

    Raises
    ------
    ValueError
        If a field other than the texts holds invalid Unicode; the message names the event.
    """
    if event.raw is not None:
        event = msgspec.structs.replace(event, raw=None)
    try:
        return _encoder.encode(event)
    except UnicodeEncodeError:
        return _encoder.encode(msgspec.convert(_repaired(msgspec.to_builtins(event)), Event))


def decode(data: bytes | str) -> Event:
    """Read a JSON packet.

    Raises
    ------
    ValueError
        If it is no JSON, misses a field or has one of the wrong type
        (``msgspec.ValidationError`` is a ``ValueError``); the message names the field.
    """
    return _decoder.decode(data)


def content_rev(event: Event) -> str:
    """128 bits that change when what a reader sees changes."""
    parts = (event.op, event.title, event.text, event.url, event.html, *(m.url for m in event.media))
    joined = "\x00".join("" if p is None else p for p in parts)
    return blake2b(joined.encode("utf-8", "replace"), digest_size=16).hexdigest()


def repair(text: str) -> str:
    """``text`` with lone surrogates replaced by U+FFFD and paired ones joined; itself if sound."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def is_web_url(url: str) -> bool:
    """True for an http or https address without white space or control characters in it."""
    return url[:8].lower().startswith(("http://", "https://")) and not any(c <= " " for c in url)


def _repaired(value: Any) -> Any:
    if isinstance(value, str):
        return repair(value)
    if isinstance(value, list):
        return [_repaired(v) for v in value]
    if isinstance(value, dict):
        return {k: _repaired(v) for k, v in value.items()}
    return value


def _utc(moment: datetime, event_id: str) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"event {event_id!r}: {moment.isoformat()} has no time zone; give an aware datetime")
    return moment.astimezone(UTC)
