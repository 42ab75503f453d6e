"""Events: one data model for the messages of all sources.

LeafyChat, in 2010, sent one small JSON packet (``type``, ``from``, ``to``, ``body``) for chat lines,
joins and topics alike. An :class:`Event` extends that packet: it has a stable identity, a revision,
two times, and references to other events. As JSON it is called its packet.

The two times differ on purpose. ``created_at`` is when a message was posted, and assigns it to a
bin; ``received_at`` is when we received it, and orders the log. Both are aware UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal

import msgspec
from msgspec.structs import force_setattr

__all__ = ["SCHEMA", "Author", "Event", "Ingest", "Media", "decode", "encode", "is_web_url"]

SCHEMA = 1
"""Version of the data model, written to every JSON packet and every archive file."""

FUTURE_TOLERANCE = timedelta(minutes=5)
"""How far ``created_at`` may be ahead of ``received_at`` before it is considered wrong."""

Op = Literal["create", "update", "delete"]

CHAT_TYPES = frozenset({"message", "action", "notice", "error"})
"""Types of chat messages, which may be private; posts and replies that name somebody are public."""


class Author(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The author of an event.

    Parameters
    ----------
    handle : str
        The name by which others address the person, without a leading ``@``.
    id : str, optional
        The platform's immutable id, if it has one.
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
    """A picture, video or sound that an event refers to; it is never fetched."""

    url: str
    kind: str = "image"
    mime: str | None = None
    alt: str | None = None
    width: int | None = None
    height: int | None = None
    sensitive: bool = False


class Ingest(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Provenance of an event, and how far its id and time can be trusted.

    Parameters
    ----------
    via : {'poll', 'stream', 'backfill', 'file', 'replay', 'person'}
        How it was received.
    connector : str, optional
        Name and version of the code that read it.
    run : str, optional
        Id of the run of that code.
    id_kind : {'native', 'derived', 'synthetic'}
        ``synthetic`` ids are derived from arrival times and change after a reconnect.
    time_kind : {'source', 'claimed', 'observed', 'future'}
        Origin of ``created_at``. ``future``: the source gave a time more than five minutes after
        ``received_at``; ``received_at`` is used instead, and ``claimed_at`` has the original time.
    claimed_at : datetime, optional
        The time given by the source, if it was replaced.
    """

    via: str = "poll"
    connector: str | None = None
    run: str | None = None
    id_kind: str = "native"
    time_kind: str = "source"
    claimed_at: datetime | None = None


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """One message or action, from any source.

    Parameters
    ----------
    id : str
        ``namespace:scope:native_key``; permanent, and the same however the post was received.
        The namespace (up to the first colon) is the event's bucket.
    source : str
        Display name of the source: ``mastodon``, ``irc:#python``, ``twitter``.
    created_at, received_at : datetime
        When it was posted and when it was received. Any aware time is accepted and converted to
        UTC; ``received_at`` defaults to ``created_at``.
    rev : str
        Revision of the content; default a hash of it (BLAKE2b, 128 bits).
    op : {'create', 'update', 'delete'}
        A delete may have no text.
    edited_at : datetime, optional
        When this revision was made, if the source provides it.
    type : str
        ``post``, ``reply``, ``repost``, ``message``, ``commit``, ``photo``, ``talk`` … (open set).
    author : Author, optional
        Its author.
    to, channel : str, optional
        Addressee (a person or room); the hashtag, repository or feed in which it was found.
    title, text, html : str, optional
        ``text`` is plain and unchanged, except that invalid Unicode is replaced.
        ``html`` must be sanitized by the source.
    url : str, optional
        An http or https address; anything else becomes None.
    lang : str, optional
        BCP 47 code given by the source.
    tags, mentions, links : list of str
        Tags without ``#``, handles without ``@``, expanded addresses.
    media : list of Media
        Attachments.
    reply_to, repost_of, thread : str, optional
        Ids of other events.
    producer, seq : str, int
        The process that appended it, and its running number there, which keeps growing after a
        restart, so that gaps and repeats can be detected. ``seq`` 0 means unknown.
    ingest : Ingest, optional
        Provenance.
    raw : bytes, optional
        The original delivery without secrets; kept in the archive only, never in the stream.

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
    >>> event.bucket, event.handle
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
        """Namespace of the id: the bucket of the stream it belongs to."""
        return self.id[: self.id.index(":")]

    @property
    def posted_at(self) -> datetime:
        """``created_at``, or ``received_at`` if the former is over five minutes later."""
        if self.created_at - self.received_at > FUTURE_TOLERANCE:
            return self.received_at
        return self.created_at

    @property
    def handle(self) -> str:
        """The author's handle, or an empty string."""
        return self.author.handle if self.author else ""

    @property
    def body(self) -> str:
        """The text, or the title if there is no text."""
        return self.text or self.title or ""

    @property
    def private(self) -> bool:
        """True for a chat message to one person or to some members of a room, and for its delivery error."""
        if self.to is None or self.type not in CHAT_TYPES:
            return False
        # @#room: members with a rank there
        return self.channel is None or (self.to != self.channel and self.to.endswith(self.channel))

    def settled(self) -> Event:
        """Return the event with a time from the future replaced and marked.

        Returns
        -------
        Event
            The event itself if its time is credible.
        """
        if self.posted_at is self.created_at:
            return self
        ingest = msgspec.structs.replace(
            self.ingest or Ingest(), time_kind="future", claimed_at=self.created_at
        )
        return msgspec.structs.replace(self, created_at=self.received_at, ingest=ingest)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """Encode an event as a JSON packet (UTF-8), without ``raw``.

    Raises
    ------
    ValueError
        If a field other than the texts has invalid Unicode; the message names the event.
    """
    if event.raw is not None:
        event = msgspec.structs.replace(event, raw=None)
    try:
        return _encoder.encode(event)
    except UnicodeEncodeError:
        return _encoder.encode(msgspec.convert(_repaired(msgspec.to_builtins(event)), Event))


def decode(data: bytes | str) -> Event:
    """Decode a JSON packet.

    Raises
    ------
    ValueError
        If it is not JSON, lacks a field or has one of the wrong type
        (``msgspec.ValidationError`` is a ``ValueError``); the message names the field.
    """
    return _decoder.decode(data)


def content_rev(event: Event) -> str:
    """Return a 128-bit hash of the content that a reader sees."""
    parts = (event.op, event.title, event.text, event.url, event.html, *(m.url for m in event.media))
    joined = "\x00".join("" if p is None else p for p in parts)
    return blake2b(joined.encode("utf-8", "replace"), digest_size=16).hexdigest()


def repair(text: str) -> str:
    """Replace lone surrogates by U+FFFD and join paired ones; return valid text unchanged."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def is_web_url(url: str) -> bool:
    """Return True for an http or https URL without white space and control characters."""
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
