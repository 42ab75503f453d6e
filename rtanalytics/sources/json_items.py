"""Conversion of the items of a JSON service to events and dead letters.

Any member of an item may be missing, or have another type than the service documents. An item that
cannot be read becomes a dead letter with a reason, and the rest of the page is still read. Only a
document that is not JSON, or is not from this service, raises
:class:`~rtanalytics.sources.base.Malformed`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Any

import msgspec

from rtanalytics.event import FUTURE_TOLERANCE, Event, Ingest, Media, encode, is_web_url
from rtanalytics.normalize.text import html_text, word
from rtanalytics.normalize.values import EARLIEST, MAX_PACKET, InvalidValue, check_size, new_event
from rtanalytics.sources.base import MAX_RAW, Malformed, Meta, Parsed, Reject, printable
from rtanalytics.sources.clean import (
    clean_html,
    links,
)

__all__ = [
    "Reading",
    "build",
    "digest_of",
    "edit_time",
    "encode_item",
    "fit_event",
    "lines_of",
    "load",
    "read_html",
]

_MAX_ADDRESS = 4_000
_MAX_KINDS = 20
_BAD_ITEM = (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError)
# Bounded repetition, so that matching takes time proportional to the length of the text.
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")


class Reading:
    """Events, dead letters and counts of one page.

    Parameters
    ----------
    meta : Meta
        Facts about the page.
    unique : bool
        False if a page may contain several versions of an item: the one that was edited last is
        kept. True if it may not: of two items with the same id but different content, the first is
        kept and the second becomes a dead letter.
    """

    def __init__(self, meta: Meta, *, unique: bool = False) -> None:
        self.meta = meta
        self.counts: Counter[str] = Counter()
        self._unique = unique
        self._events: dict[str, Event] = {}
        self._rejects: list[Reject] = []

    def items(
        self, items: Iterable[Any], make: Callable[[Any], Iterable[Event]], label: str = "item"
    ) -> None:
        """Add the events of each item; ``label`` and its number are its position in dead letters."""
        for number, item in enumerate(items, start=1):
            self.item(item, f"{label} {number}", partial(make, item))

    def item(self, item: Any, where: str, make: Callable[[], Iterable[Event]], raw: Any = None) -> None:
        """Add the events of an item, or a dead letter if it cannot be read.

        Parameters
        ----------
        item : object
            Decoded JSON.
        where : str
            Position of the item in the page.
        make : callable
            Returns the events of the item; if it raises, the error is the reason of the dead letter.
        raw : object, optional
            The part of the page from which the item can be read again, if that is more than ``item``.
        """
        raw = item if raw is None else raw
        try:
            events = list(make())
        except _BAD_ITEM as error:
            is_reason = type(error) is ValueError or isinstance(error, InvalidValue)
            reason = str(error) if is_reason else f"{type(error).__name__}: {error}"
            self.reject(reason or "invalid item", where, raw)
            return
        for event in events:
            previous = self._events.get(event.id)
            if previous is None:
                self._events[event.id] = event
            elif self._unique and previous.rev != event.rev:
                self.reject("it has the id of an earlier item, but other content", where, raw)
            else:
                self.counts["repeated"] += 1
                if not self._unique:
                    del self._events[event.id]
                    self._events[event.id] = _latest(previous, event)

    def reject(self, reason: str, where: str, raw: Any) -> None:
        """Add a dead letter with a part of the page."""
        raw = raw if isinstance(raw, bytes) else encode_item(raw)
        self._rejects.append(Reject(reason=printable(reason), raw=raw[:MAX_RAW], where=where))

    def unknown(self, what: str, kind: object) -> None:
        """Count an item of an unknown kind under that kind, or without it if there are many kinds."""
        name = f"unknown_{what}_{re.sub(r'[^A-Za-z0-9_.]', '_', str(kind))[:40]}"
        many = sum(key.startswith("unknown_") for key in self.counts) >= _MAX_KINDS
        self.counts[f"unknown_{what}" if many and name not in self.counts else name] += 1

    def parsed(self, **more: Any) -> Parsed:
        """Return the result of the page; ``more`` are further fields of :class:`Parsed`."""
        return Parsed(
            events=list(self._events.values()), rejects=self._rejects, counts=dict(self.counts), **more
        )


def load(raw: bytes, what: str) -> Any:
    """Decode a JSON document.

    Raises
    ------
    Malformed
        If it is not JSON, or nested too deeply.
    """
    try:
        return msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass  # lone surrogates are common, and only json.loads accepts them
    except RecursionError:
        raise Malformed(f"invalid {what}: nested too deeply", raw) from None
    try:
        return json.loads(raw.decode("utf-8", "replace").removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise Malformed(f"invalid {what}: broken JSON: {printable(error, 100)}", raw) from None


def lines_of(raw: bytes) -> list[bytes]:
    r"""Return the lines of a document with one JSON object per line; an empty list for other documents.

    Examples
    --------
    >>> lines_of(b'{"a": 1}\n{"a": 2}'), lines_of(b'{"a":\n1}')
    ([b'{"a": 1}', b'{"a": 2}'], [])
    """
    first, _, rest = raw.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    if not rest.strip() or not first.startswith(b"{") or not first.rstrip().endswith(b"}"):
        return []
    return [line for line in (first, *rest.split(b"\n")) if line.strip()]


def encode_item(item: Any) -> bytes:
    """Encode an item as JSON without the email addresses in it."""
    try:
        return json.dumps(_scrubbed(item), ensure_ascii=True, separators=(",", ":"), default=str).encode()
    except (RecursionError, ValueError):
        return b'"nested too deeply"'


def build(
    meta: Meta,
    *,
    id: str,
    type: str = "post",
    op: str = "create",
    created_at: datetime | None,
    item: Any = None,
    text: str | None = None,
    title: str | None = None,
    tags: Iterable[str] = (),
    mentions: Iterable[str] = (),
    links: Iterable[str] = (),
    media: Iterable[Media] = (),
    edited_at: datetime | None = None,
    html: str | None = None,
    url: str | None = None,
    **fields: Any,
) -> Event:
    """Return an event within the limits of streams and archives.

    Control characters are removed from texts, and line breaks from names; lists lose duplicates and
    are cut at their limit. A time that is missing or before 1995 is replaced by the time of receipt.
    The event of a deletion (``op="delete"``) gets no contents.

    Raises
    ------
    InvalidValue
        If the event is too large, or its id is too long or not printable.
    """
    if op == "delete":
        text = title = html = None
        tags, mentions, links, media = (), (), (), ()
    credible = created_at is not None and created_at >= EARLIEST
    raw = None if item is None else encode_item(item)
    event = new_event(
        id=id,
        source=meta.source,
        type=word(type, 100),
        op=op,
        created_at=created_at if credible else meta.received_at,
        received_at=meta.received_at,
        edited_at=_not_in_future(edited_at, meta.received_at),
        text=text,
        title=title,
        html=html,
        url=url if url and is_web_url(url) else None,
        tags=tags,
        mentions=mentions,
        links=(link for link in links if len(link) < _MAX_ADDRESS),
        media=(one for one in media if len(one.url) < _MAX_ADDRESS),
        ingest=Ingest(
            via=meta.options.get("via", "poll"),
            connector=meta.connector,
            time_kind="source" if credible else "observed",
            claimed_at=None if credible else created_at,
        ),
        raw=raw if raw is not None and len(raw) <= MAX_RAW else None,
        **fields,
    )
    return fit_event(event.settled())


def edit_time(
    updated: datetime | None, created: datetime | None, delay: timedelta = timedelta(microseconds=1)
) -> datetime | None:
    """Return the time of an update if it is an edit: at least ``delay`` after the creation; else None."""
    is_edit = updated is not None and created is not None and updated - created >= delay
    return updated if is_edit else None


def digest_of(*parts: str | None) -> str:
    """Return a digest of the visible parts of an item, as the revision of an event."""
    joined = "\0".join(part or "" for part in parts)
    return blake2b(joined.encode("utf-8", "replace"), digest_size=16).hexdigest()


def read_html(markup: str, base: str) -> tuple[str, str | None, list[str]]:
    """Return the text of HTML, the HTML without unsafe parts (None if empty), and the links in it."""
    cleaned = clean_html(markup, base) if markup else ""
    return html_text(markup) if markup else "", cleaned or None, links(cleaned)


def fit_event(event: Event) -> Event:
    """Return the event; if it is too large for a stream, without its HTML and links.

    Raises
    ------
    InvalidValue
        If it is still too large.
    """
    if len(event.text or "") + len(event.html or "") < MAX_PACKET // 10 or len(encode(event)) <= MAX_PACKET:
        return event
    return check_size(msgspec.structs.replace(event, html=None, links=[]))


def _not_in_future(edited: datetime | None, received: datetime) -> datetime | None:
    return received if edited is not None and edited > received + FUTURE_TOLERANCE else edited


def _latest(one: Event, other: Event) -> Event:
    """Return the version that was edited last, with the earlier of both creation times."""
    event = one if (one.edited_at or EARLIEST) > (other.edited_at or EARLIEST) else other
    return msgspec.structs.replace(event, created_at=min(one.created_at, other.created_at))


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return _EMAIL.sub("***", value) if "@" in value else value
    if isinstance(value, list):
        return [_scrubbed(member) for member in value]
    if isinstance(value, dict):
        return {str(key): _scrubbed(member) for key, member in value.items()}
    return value
