"""An entry of any kind of feed, and the event that it becomes.

RSS, Atom, RDF and JSON Feed differ in how they are written; what an entry is called for ever,
when it was said and what of it may be shown is decided here, once for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b, sha1
from typing import Any
from urllib.parse import urljoin, urlsplit

from rtanalytics.event import FUTURE_TOLERANCE, Author, Event, Ingest, Media, is_web_url
from rtanalytics.normalize.text import find_links
from rtanalytics.normalize.values import EARLIEST
from rtanalytics.sources.base import Meta, Parsed, printable
from rtanalytics.sources.clean import MAX_LINKS, clean_html, links, plain
from rtanalytics.sources.feeds.flavours import FLAVOURS
from rtanalytics.sources.json_items import Reading, fit_event

__all__ = ["Item", "event_id", "events_of", "identity", "language", "person"]

MAX_TAGS, MAX_MEDIA, MAX_NAME = 50, 20, 200

_FACE = re.compile(
    r"https?://(avatars\d*\.githubusercontent\.com|([\w-]{1,20}\.)?gravatar\.com)/", re.IGNORECASE
)
"""Pictures of who wrote it, which some feeds have where the post's own are."""

# Bounded, so that a long run of letters costs no more than its length.
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")


@dataclass(slots=True)
class Item:
    """An entry as its format tells it, not yet trusted.

    Parameters
    ----------
    place : int
        Its number in the document, from 1.
    source : dict
        The entry, for a dead letter.
    id, link, title : str, optional
        ``title`` is plain already.
    html, text : str, optional
        The content: markup, or else plain text.
    published, updated : datetime, optional
        Aware.
    date : str
        The date as written, part of the identity where there is nothing better.
    author : Author, optional
        Who wrote it.
    tags, media : list
        As found.
    reply_to, thread : str, optional
        The ``id`` of what it answers, and of what began the talk if that is another.
    comments : str, optional
        The page where people talk about it.
    lang, base, type : str
        ``base`` is what relative addresses are relative to.
    """

    place: int
    source: dict[str, Any]
    id: str | None = None
    link: str | None = None
    title: str | None = None
    html: str | None = None
    text: str | None = None
    published: datetime | None = None
    updated: datetime | None = None
    date: str = ""
    author: Author | None = None
    tags: list[str] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)
    reply_to: str | None = None
    thread: str | None = None
    comments: str | None = None
    lang: str | None = None
    base: str = ""
    type: str = "post"


def events_of(items: Iterable[Item], meta: Meta) -> Parsed:
    """Return the events of a document.

    An entry is a dead letter if it has nothing to identify it, is too large, or has the id of an
    earlier entry but other content. Exact repetitions are counted.
    """
    reading = Reading(meta, unique=True)
    for item in items:
        reading.item(item.source, f"entry {item.place}", lambda item=item: [_event(item, meta)])  # type: ignore[misc]
    return reading.parsed()


def event_id(bucket: str, scope: str, native: str) -> str:
    """``bucket:scope:sha1``; addresses are the same under http and https.

    The scope is hashed too, so that two feeds that count their entries 1, 2, 3 never meet.
    """
    native = re.sub(r"^https?://", "//", native.strip(), flags=re.IGNORECASE)
    digest = sha1(f"{scope}\n{native}".encode("utf-8", "replace"), usedforsecurity=False)
    return f"{bucket}:{scope}:{digest.hexdigest()}"


def person(told: str, url: str = "") -> Author | None:
    """Who wrote it, without e-mail addresses; of one that is all there is, what is before the ``@``.

    Examples
    --------
    >>> [person(told).handle for told in ("ada@x.example (Ada L.)", "Ada (she)", "ada@x.example")]
    ['Ada L.', 'Ada (she)', 'ada']
    """
    email = _EMAIL.search(told)
    name = re.sub(r"\(\s*\)|<\s*>", "", _EMAIL.sub("", told)).strip()
    if email and name.startswith("(") and name.endswith(")"):
        name = name[1:-1]
    name = printable(name, MAX_NAME).strip(" \"'@")
    handle = name or (email[0].partition("@")[0] if email else "")
    if not handle:
        return None
    return Author(handle=handle, name=name or None, url=url if is_web_url(url) else None)


def language(*claims: object) -> str | None:
    """The first claim that looks like a language tag (BCP 47)."""
    for claim in claims:
        if isinstance(claim, str) and re.fullmatch(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*", claim):
            return claim.replace("_", "-")
    return None


def _event(item: Item, meta: Meta) -> Event:
    item.media = [media for media in item.media if not _FACE.match(media.url)]
    base = _joined(meta.url, item.base) or meta.url
    link = _joined(base, item.link) if item.link else None
    if link and not item.base and _same_host(link, meta.url):
        base = link  # who writes a page writes addresses that are relative to it
    flavour = FLAVOURS.get(meta.options.get("flavour", ""))
    content = flavour.written(item.html) if flavour and item.html else item.html
    html = clean_html(content, base) if content else None
    text = plain(content) if content else item.text
    native, id_kind = _native(item, link, text)
    created, edited, time_kind, claimed = _times(item, meta)
    url = link.replace(" ", "%20") if link else None
    url = url if url and is_web_url(url) else None
    id, kind = identity(meta, native, item.id, item.comments, link)
    reply_to = identity(meta, item.reply_to)[0] if item.reply_to else None
    event = Event(
        id=id,
        source=meta.source,
        type=kind or ("reply" if reply_to else item.type),
        created_at=created,
        received_at=meta.received_at,
        edited_at=edited,
        rev=_rev(item, text, url),
        author=item.author,
        title=item.title or None,
        text=text or None,
        html=html or None,
        url=url,
        lang=item.lang,
        tags=_tags(item.tags),
        links=(links(html) if html else []) or find_links(text or "")[:MAX_LINKS],
        media=item.media[:MAX_MEDIA],
        reply_to=reply_to,
        thread=identity(meta, item.thread)[0] if item.thread else reply_to,
        ingest=Ingest(
            via="poll", connector=meta.connector, id_kind=id_kind, time_kind=time_kind, claimed_at=claimed
        ),
    ).settled()
    return fit_event(event)


def _joined(base: str, address: str) -> str | None:
    """An address, absolute; None if it cannot be one, which costs the address and not the entry."""
    try:
        return urljoin(base, address)
    except ValueError:  # half of a pair of brackets in the host
        return None


def identity(meta: Meta, native: str, *told: str | None) -> tuple[str, str | None]:
    """The event's id, and its type where the service's own id tells that.

    The first of what is told that has such an id counts: a story may link to another one's page.
    """
    flavour = FLAVOURS.get(meta.options.get("flavour", ""))
    if flavour is None:
        return event_id("feeds", meta.scope, native), None
    return flavour.known_as(*(told or (native,))) or (event_id(flavour.bucket, meta.scope, native), None)


def _same_host(one: str, other: str) -> bool:
    try:
        return urlsplit(one).netloc == urlsplit(other).netloc
    except ValueError:
        return False


def _native(item: Item, link: str | None, text: str | None) -> tuple[str, str]:
    if item.id:
        return item.id, "native"
    if link:
        return link, "derived"
    if item.title:
        return f"{item.title}\n{item.date}", "derived"
    if text:
        return f"{text}\n{item.date}", "derived"
    if item.media:
        return item.media[0].url, "derived"
    raise ValueError("it has neither id, link, title nor text: nothing to know it by")


def _times(item: Item, meta: Meta) -> tuple[datetime, datetime | None, str, datetime | None]:
    """created_at, edited_at, how far to trust it, and the claim that was not believed."""
    claimed = item.published or item.updated
    if claimed is None or claimed < EARLIEST:
        return meta.received_at, None, "observed", claimed
    edited = item.updated if item.updated and item.updated > claimed else None
    if edited is not None and edited > meta.received_at + FUTURE_TOLERANCE:
        edited = meta.received_at
    return claimed, edited, "source", None


def _rev(item: Item, text: str | None, url: str | None) -> str:
    """Changes with what a reader sees, not with our cleaning, nor with signatures in media's addresses."""
    media = (m.url.partition("?")[0] for m in item.media[:MAX_MEDIA])
    seen = (item.title or "", text or "", url or "", *media)
    return blake2b("\0".join(seen).encode("utf-8", "replace"), digest_size=16).hexdigest()


def _tags(found: list[str]) -> list[str]:
    tags: dict[str, str] = {}
    for tag in found:
        name = printable(tag, 100).lstrip("#")
        if name and not is_web_url(name):
            tags.setdefault(name.casefold(), name)
    return list(tags.values())[:MAX_TAGS]
