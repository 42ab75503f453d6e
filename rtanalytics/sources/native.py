"""What a service's JSON has in it, taken with care: any member may be missing or of another kind.

Kinds that read JSON from a service share this: an item becomes an event within the bounds of a
stream, or a dead letter with a reason, and never stops the page that it was on.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from rtanalytics.event import FUTURE_TOLERANCE, Event, Ingest, Media, is_web_url
from rtanalytics.normalize.text import author_of, find_links, find_tags, language, plain_text, unlike, word
from rtanalytics.sources.base import MAX_RAW, Malformed, Meta, Parsed, Reject, printable
from rtanalytics.sources.jsonitems import EARLIEST, fitting

__all__ = [
    "EARLIEST",
    "Reading",
    "author_of",
    "build",
    "find_links",
    "find_tags",
    "language",
    "lines_of",
    "load",
    "moment",
    "packed",
    "plain_text",
    "word",
]

MAX_LINKS, MAX_MEDIA, MAX_ID, MAX_TITLE = 100, 20, 400, 1_000
_MAX_KINDS = 20
_ODD = (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError)
# Bounded, so that a long run of letters costs no more than its length.
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")


class Reading:
    """What is made of a page while it is read.

    Parameters
    ----------
    meta : Meta
        Of the page.
    """

    def __init__(self, meta: Meta) -> None:
        self.meta = meta
        self.counts: Counter[str] = Counter()
        self._events: dict[str, Event] = {}
        self._rejects: list[Reject] = []

    def item(self, item: Any, where: str, make: Callable[[], Iterable[Event]], raw: Any = None) -> None:
        """Take an item's events, or make it a dead letter.

        Parameters
        ----------
        item : object
            As delivered.
        where : str
            Which of the page's it is.
        make : function
            Gives its events; what it raises is the reason.
        raw : object, optional
            What to keep for reading it again, where that is more than ``item``.
        """
        try:
            made = list(make())
        except _ODD as error:
            said = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
            self.reject(
                f"{said or 'a part of it is not as it should be'}", where, item if raw is None else raw
            )
            return
        for event in made:
            if (known := self._events.pop(event.id, None)) is not None:
                self.counts["repeated"] += 1
                # pages may have the newest first: of two versions the later one is told
                first = min(known.created_at, event.created_at)
                if (known.edited_at or EARLIEST) > (event.edited_at or EARLIEST):
                    event = known  # noqa: PLW2901
                event = msgspec.structs.replace(event, created_at=first)  # noqa: PLW2901
            self._events[event.id] = event

    def reject(self, reason: str, where: str, raw: Any) -> None:
        """Make a dead letter of something that was delivered."""
        kept = raw if isinstance(raw, bytes) else packed(raw)
        self._rejects.append(Reject(reason=printable(reason), raw=kept[:MAX_RAW], where=where))

    def unknown(self, what: str, kind: object) -> None:
        """Count a shape that is not known, under few and printable names."""
        name = f"unknown_{what}_{re.sub(r'[^A-Za-z0-9_.]', '_', str(kind))[:40]}"
        many = sum(key.startswith("unknown_") for key in self.counts) >= _MAX_KINDS
        self.counts[f"unknown_{what}" if many and name not in self.counts else name] += 1

    def parsed(self, **more: Any) -> Parsed:
        """All of it."""
        return Parsed(
            events=list(self._events.values()), rejects=self._rejects, counts=dict(self.counts), **more
        )


def load(raw: bytes, what: str) -> Any:
    """The value of a JSON document.

    Raises
    ------
    Malformed
        If it is none, or nested too deeply.
    """
    try:
        return msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass  # halves of characters are common, and only the other reader takes them
    except RecursionError:
        raise Malformed(f"no {what}: nested too deeply", raw) from None
    try:
        return json.loads(raw.decode("utf-8", "replace").removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise Malformed(f"no {what}: no JSON: {printable(error, 100)}", raw) from None


def lines_of(raw: bytes) -> list[bytes]:
    r"""The lines of a document of which each is an object, as archives keep them; none if it is one document.

    Examples
    --------
    >>> lines_of(b'{"a": 1}\n{"a": 2}'), lines_of(b'{"a":\n1}')
    ([b'{"a": 1}', b'{"a": 2}'], [])
    """
    first, _, rest = raw.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    if not rest.strip() or not first.startswith(b"{") or not first.rstrip().endswith(b"}"):
        return []
    return [line for line in (first, *rest.split(b"\n")) if line.strip()]


def packed(item: Any) -> bytes:
    """An item as JSON again, without the mail addresses in it."""
    try:
        return json.dumps(_scrubbed(item), ensure_ascii=True, separators=(",", ":"), default=str).encode()
    except (RecursionError, ValueError):
        return b'"nested too deeply"'


def build(
    meta: Meta,
    *,
    id: str,
    type: str = "post",
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
    """An event within the bounds that a stream and an archive have.

    Names lose line breaks, texts control characters; lists lose repeats and what is too many. A time
    that is missing or before 1995 becomes the one at which it was received.

    Raises
    ------
    ValueError
        If it is too large, or its id cannot be one.
    """
    if len(id) > MAX_ID:
        raise ValueError(f"its id has {len(id):,} characters; one may have {MAX_ID}")
    if not id.isprintable():
        raise ValueError(f"its id {ascii(id)[:100]} has characters that do not show")
    credible = created_at is not None and created_at >= EARLIEST
    if edited_at is not None and edited_at > meta.received_at + FUTURE_TOLERANCE:
        edited_at = meta.received_at
    for name, value in fields.items():
        if isinstance(value, str) and name != "op":
            fields[name] = word(value, MAX_ID) or None
    raw = None if item is None else packed(item)
    return fitting(
        Event(
            id=id,
            source=meta.source,
            type=word(type, 100),
            created_at=created_at if credible and created_at is not None else meta.received_at,
            received_at=meta.received_at,
            edited_at=edited_at,
            text=None if text is None else plain_text(text),
            title=word(title, MAX_TITLE) or None,
            html=html,
            url=url if url and is_web_url(url) else None,
            tags=unlike(tag.lstrip("#") for tag in tags),
            mentions=unlike(name.lstrip("@") for name in mentions),
            links=list(dict.fromkeys(link for link in links if is_web_url(link) and len(link) < 4_000))[
                :MAX_LINKS
            ],
            media=list({m.url: m for m in media if is_web_url(m.url) and len(m.url) < 4_000}.values())[
                :MAX_MEDIA
            ],
            ingest=Ingest(
                via=meta.options.get("via", "poll"),
                connector=meta.connector,
                time_kind="source" if credible else "observed",
                claimed_at=None if credible else created_at,
            ),
            raw=raw if raw is not None and len(raw) <= MAX_RAW else None,
            **fields,
        ).settled()
    )


def moment(value: object) -> datetime:
    """A time as ISO 8601 with an offset, or in seconds since 1970, as aware UTC.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value)
        if isinstance(value, str):
            said = datetime.fromisoformat(value.strip())
            if said.tzinfo is not None:
                return said.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"its time {ascii(value)[:60]} is no time") from None
    raise ValueError(f"its time {ascii(value)[:60]} is no time")


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return _EMAIL.sub("***", value) if "@" in value else value
    if isinstance(value, list):
        return [_scrubbed(v) for v in value]
    if isinstance(value, dict):
        return {str(k): _scrubbed(v) for k, v in value.items()}
    return value
