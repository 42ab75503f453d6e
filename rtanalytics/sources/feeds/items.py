"""Entries of all feed formats, and the events made of them.

The parsers of RSS, RDF, Atom, JSON Feed and Lobsters give an :class:`Item`. Its id, its times and its
safe HTML are determined here, in the same way for all of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b, sha1
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from rtanalytics.event import FUTURE_TOLERANCE, Author, Event, Ingest, Media, is_web_url
from rtanalytics.normalize.text import find_links, html_text
from rtanalytics.normalize.values import EARLIEST
from rtanalytics.sources.base import Meta, Parsed, printable
from rtanalytics.sources.clean import MAX_LINKS, clean_html, links
from rtanalytics.sources.feeds.flavours import FLAVOURS
from rtanalytics.sources.json_items import Reading, fit_event

__all__ = ["Item", "event_id", "events_of", "identity", "language", "person", "several", "shared_links"]

MAX_TAGS, MAX_MEDIA, MAX_NAME = 50, 20, 200

_FACE = re.compile(
    r"https?://(avatars\d*\.githubusercontent\.com|([\w-]{1,20}\.)?gravatar\.com)/", re.IGNORECASE
)
"""Avatars of authors, which some feeds list among the pictures of a post."""

# Bounded repetition, so that matching takes time proportional to the length of the text.
_EMAIL = re.compile(
    r"(?:mailto:)?[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
    r"|mailto:[^\s<>()@]{0,64}(?:@[\w.-]{0,100})?"
    r"|(?<![^\s<(\[])[\w.+-]{2,64}@[A-Za-z0-9-]{3,63}(?=$|\s?[()>\]])",  # a host without a dot
    re.IGNORECASE,
)


@dataclass(slots=True)
class Item:
    """Entry of a feed, not yet checked.

    Parameters
    ----------
    place : int
        Its number in the document, from 1.
    source : dict
        The entry as parsed, for a dead letter.
    id, link, title : str, optional
        ``title`` is plain text.
    html, text : str, optional
        The content: HTML, or else plain text.
    published, updated : datetime, optional
        Aware.
    shared : bool
        True if other entries may have the link, so that it is no id.
    page : str, optional
        URL of the entry, if ``link`` only leads to it.
    date : str
        The date as written; part of the id of an entry that has neither an id nor a link of its own.
    author : Author, optional
        Who wrote the entry.
    tags, media : list
        As in the feed.
    reply_to, thread : str, optional
        The ``id`` of the entry that it replies to, and of the first one of the discussion.
    comments : str, optional
        URL of the discussion of the entry.
    lang, base, type : str
        Language tag, base of relative URLs, and ``Event.type``.
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
    shared: bool = False
    page: str | None = None
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
    """Return the id ``bucket:scope:sha1``, which is the same for http and https URLs.

    The scope is hashed too, so that feeds that number their entries 1, 2, 3 have different ids.
    """
    native = re.sub(r"^https?://", "//", native.strip(), flags=re.IGNORECASE)
    digest = sha1(f"{scope}\n{native}".encode("utf-8", "replace"), usedforsecurity=False)
    return f"{bucket}:{scope}:{digest.hexdigest()}"


def person(text: str, url: str = "") -> Author | None:
    """Return an author without the email address; if there is nothing else, with the part before ``@``.

    Examples
    --------
    >>> [person(text).handle for text in ("ada@x.example (Ada L.)", "Ada (she)", "ada@x.example")]
    ['Ada L.', 'Ada (she)', 'ada']
    """
    email = _EMAIL.search(text)
    name = re.sub(r"\(\s*\)?$|\(\s*\)|<\s*>|\[\s*\]", "", _EMAIL.sub("", text).strip()).strip()
    if email and name.startswith("(") and name.endswith(")"):
        name = name[1:-1]
    name = printable(name, MAX_NAME).strip(" \"'@")
    handle = name or (re.sub(r"(?i)^mailto:", "", email[0]).partition("@")[0] if email else "")
    if not handle:
        return None
    return Author(handle=handle, name=name or None, url=url if is_web_url(url) else None)


def several(people: Iterable[Author | None]) -> Author | None:
    """Return the first author, with the names of all authors as the display name; None without any."""
    unique = {author.handle: author for author in people if author is not None}
    authors = list(unique.values())
    if len(authors) < 2:
        return authors[0] if authors else None
    names = ", ".join(author.name or author.handle for author in authors)
    return msgspec.structs.replace(authors[0], name=printable(names, MAX_NAME))


def shared_links(links: Iterable[str | None], home: str) -> frozenset[str]:
    """Return the links that identify no entry: that of the feed's own page, and those of several entries.

    Parameters
    ----------
    links : iterable of str
        Those of all entries without an id.
    home : str
        The link of the feed.
    """
    counts = Counter(link for link in links if link)
    pages = {_page(home)} - {""}
    return frozenset(
        link for link, count in counts.items() if count > 1 or _page(link) in pages or not _page(link)
    )


def _page(link: str) -> str:
    """Return a link without scheme and final slash, to compare it; nothing for the first page of a host."""
    page = re.sub(r"^https?://", "", link.strip(), flags=re.IGNORECASE).rstrip("/").casefold()
    return page if "/" in page or "?" in page else ""


def language(*claims: object) -> str | None:
    """Return the first value that looks like a language tag (BCP 47)."""
    for claim in claims:
        if isinstance(claim, str) and re.fullmatch(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*", claim):
            return claim.replace("_", "-")
    return None


def _event(item: Item, meta: Meta) -> Event:
    item.media = [media for media in item.media if not _FACE.match(media.url)]
    base = _joined(meta.url, item.base) or meta.url
    link = _joined(base, item.link) if item.link else None
    if link and not item.base and _same_host(link, meta.url):
        base = link  # relative URLs are mostly relative to the page of the entry
    flavour = FLAVOURS.get(meta.options.get("flavour", ""))
    content = flavour.without_footer(item.html) if flavour and item.html else item.html
    html = clean_html(content, base) if content else None
    text = html_text(content) if content else item.text
    native, id_kind = _native(item, link, text)
    created, edited, time_kind, claimed = _times(item, meta)
    url = (item.page or link or "").replace(" ", "%20") or None
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
    """Return an absolute URL; None if it is invalid, so that the entry is still read."""
    try:
        return urljoin(base, address)
    except ValueError:  # an unbalanced bracket in the host
        return None


def identity(meta: Meta, native: str, *candidates: str | None) -> tuple[str, str | None]:
    """Return the id of an event, and its type if the service's own id contains it.

    The first of the ``candidates`` that is an id of the service is used, else ``native``.
    """
    flavour = FLAVOURS.get(meta.options.get("flavour", ""))
    if flavour is None:
        return event_id("feeds", meta.scope, native), None
    return flavour.known_as(*(candidates or (native,))) or (
        event_id(flavour.bucket, meta.scope, native),
        None,
    )


def _same_host(one: str, other: str) -> bool:
    try:
        return urlsplit(one).netloc == urlsplit(other).netloc
    except ValueError:
        return False


def _native(item: Item, link: str | None, text: str | None) -> tuple[str, str]:
    if item.id:
        return item.id, "native"
    if link and not item.shared:
        return link, "derived"
    page = f"{link}\n" if link else ""
    if item.title:
        return f"{page}{item.title}\n{item.date}", "derived"
    if text:
        return f"{page}{text}\n{item.date}", "derived"
    if link:
        return f"{page}{item.date}", "derived"
    if item.media:
        return item.media[0].url, "derived"
    raise ValueError("it has no id, link, title or text")


def _times(item: Item, meta: Meta) -> tuple[datetime, datetime | None, str, datetime | None]:
    """Return created_at, edited_at, time_kind, and the claimed time if it is not used."""
    claimed = item.published or item.updated
    if claimed is None or claimed < EARLIEST:
        return meta.received_at, None, "observed", claimed
    edited = item.updated if item.updated and item.updated > claimed else None
    if edited is not None and edited > meta.received_at + FUTURE_TOLERANCE:
        edited = meta.received_at
    return claimed, edited, "source", None


def _rev(item: Item, text: str | None, url: str | None) -> str:
    """Return a hash of what readers see, without our cleaning or signatures in URLs of media."""
    media = (m.url.partition("?")[0] for m in item.media[:MAX_MEDIA])
    visible = (item.title or "", text or "", url or "", *media)
    return blake2b("\0".join(visible).encode("utf-8", "replace"), digest_size=16).hexdigest()


def _tags(found: list[str]) -> list[str]:
    tags: dict[str, str] = {}
    for tag in found:
        name = printable(tag, 100).lstrip("#")
        if name and not is_web_url(name):
            tags.setdefault(name.casefold(), name)
    return list(tags.values())[:MAX_TAGS]
