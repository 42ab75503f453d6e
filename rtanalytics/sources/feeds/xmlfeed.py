"""RSS, RDF and Atom, well-formed or not, by feedparser.

feedparser does not sanitize HTML or resolve URLs here: that takes it longer than everything else, and
our own cleaning follows anyway.
"""

from __future__ import annotations

import io
import re
import xml.sax
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any
from xml.parsers import expat

import feedparser
import msgspec

from rtanalytics.event import Author, Media, is_web_url
from rtanalytics.normalize.dates import optional_time
from rtanalytics.normalize.text import html_title
from rtanalytics.normalize.values import as_text, whole_number
from rtanalytics.sources.base import Malformed, Meta, printable
from rtanalytics.sources.clean import one_line
from rtanalytics.sources.feeds.items import Item, language, person, several, shared_links

__all__ = ["read_xml"]

_ENDS = (b"</rss>", b"</feed>", b"</rdf:rdf>", b"</rdf>", b"</atom:feed>", b"</channel>")
_LARGEST = 999_999
_ADDRESSES = (
    "src",
    "rdf:resource",
    "rdf_resource",
    "resource",
    "value",
    "content",
    "rdf:about",
    "xlink:href",
)
"""Attributes of a link that have its address, where ``href`` is missing."""

_NESTED = re.compile(rb"<(/?)(?:[\w.-]{1,40}:)?(?:entry|item)(?=[\s/>])[^<>]{0,2000}?(/?)>", re.IGNORECASE)
_PERIODS = {"hourly": 1, "daily": 24, "weekly": 168, "monthly": 720, "yearly": 8760}


def read_xml(raw: bytes, meta: Meta) -> tuple[Iterable[Item], dict[str, Any]]:
    """Return the entries of a document, and facts about it.

    Returns
    -------
    items : iterable of Item
        In the order of the document; can be read once.
    about : dict
        ``title``, ``wait`` (timedelta or None) and ``complete``.

    Raises
    ------
    Malformed
        If it is not a feed.
    """
    found = _parsed(_without_nested(raw), meta)
    broken = found.get("bozo_exception")
    broken = broken if isinstance(broken, xml.sax.SAXException) else None
    if not found.get("version") and not found.entries:
        raise Malformed(_reason(raw, broken))
    feed = dict(found.feed)  # a plain dict, because feedparser's own invents missing members
    author = _person(feed)
    atom = str(found.get("version", "")).startswith("atom")
    lang = as_text(feed.get("language")) or meta.language
    links = (_link(entry) for entry in found.entries if not entry.get("id"))
    shared = shared_links(links, as_text(feed.get("link")))
    items = (
        _item(number, entry, atom=atom, author=author, lang=lang, shared=shared)
        for number, entry in enumerate(_consumed(found.entries), start=1)
    )
    about = {
        "title": html_title(as_text(feed.get("title"))) or None,
        "wait": _wait(feed),
        # a document that was cut off may be complete at the next poll
        "complete": broken is None or raw.rstrip()[-20:].lower().endswith(_ENDS),
    }
    return items, about


def _consumed(entries: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield the entries and release each one after use, because they take most of the memory."""
    entries.reverse()
    while entries:
        yield dict(entries.pop())


def _without_nested(raw: bytes) -> bytes:
    """Remove entries inside of entries: those of a source or an extension are not the feed's own.

    Only from a well-formed document, because in any other one the end of an entry may be missing.
    """
    depth = 0
    for tag in _NESTED.finditer(raw):
        depth += -1 if tag[1] else 0 if tag[2] else 1
        if depth > 1:
            break
    else:
        return raw
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw or raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw
    parser = expat.ParserCreate()
    spans: list[tuple[int, int]] = []
    opened: list[bool] = []
    begun: list[int] = []

    def start(name: str, _: dict[str, str]) -> None:
        is_entry = name.rpartition(":")[2].lower() in {"entry", "item"}
        if is_entry and any(opened):
            begun.append(parser.CurrentByteIndex)
        opened.append(is_entry)

    def end(_: str) -> None:
        if opened.pop() and any(opened):
            first = begun.pop()
            if not begun:
                spans.append((first, raw.index(b">", parser.CurrentByteIndex) + 1))

    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parser.Parse(raw, True)
    except (expat.ExpatError, ValueError, LookupError):
        return raw
    kept, at = [], 0
    for first, last in spans:
        kept.append(raw[at:first])
        at = last
    return b"".join([*kept, raw[at:]])


def _parsed(raw: bytes, meta: Meta) -> Any:
    for attempt in (raw, _repair_references(raw)):
        try:
            return feedparser.parse(
                io.BytesIO(attempt),  # not bytes or str, which feedparser may take for a file name
                response_headers=_headers(meta),
                resolve_relative_uris=False,
                sanitize_html=False,
            )
        except (ValueError, OverflowError) as error:
            broken: Exception = error  # mostly an invalid character reference
        except MemoryError:
            raise  # our own limit
        except Exception as error:  # noqa: BLE001 - a bug of the library makes a dead letter
            broken = error
            break
    raise Malformed(f"feedparser failed: {type(broken).__name__}: {printable(broken)}")


def _repair_references(raw: bytes) -> bytes:
    """Join the surrogates among the numeric character references, and replace invalid references."""

    def joined(found: re.Match[bytes]) -> bytes:
        high, low = int(found[1], 16), int(found[2], 16)
        return b"&#%d;" % (0x10000 + (high - 0xD800 << 10) + low - 0xDC00)

    def valid(found: re.Match[bytes]) -> bytes:
        digits = found[1].lower()
        code = int(digits[1:], 16) if digits.startswith(b"x") else int(digits)
        sound = (
            code in {9, 10, 13}
            or 0x20 <= code < 0xD800
            or 0xE000 <= code < 0xFFFE
            or 0x10000 <= code < 0x110000
        )
        return found[0] if sound else b"&#65533;"

    raw = re.sub(rb"(?i)&#x(d[89ab][0-9a-f]{2});&#x(d[c-f][0-9a-f]{2});", joined, raw)
    return re.sub(rb"(?i)&#(x[0-9a-f]{1,12}|[0-9]{1,12});?", valid, raw)


def _headers(meta: Meta) -> dict[str, str]:
    """Return only the encoding that the server names; its media type is often wrong and would mislead."""
    charset = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", meta.content_type, re.IGNORECASE)
    headers = {"content-type": "application/xml" + (f"; charset={charset[1]}" if charset else "")}
    if lang := language(meta.language):
        headers["content-language"] = lang
    return headers


def _item(
    number: int,
    entry: dict[str, Any],
    *,
    atom: bool,
    author: Author | None,
    lang: str,
    shared: frozenset[str],
) -> Item:
    content = _content(entry)
    title = entry.get("title_detail") or {}
    html, text = as_text(content.get("value")) or None, None
    video = as_text(entry.get("yt_videoid"))
    if (atom and content.get("type") == "text/plain") or video:
        html, text = None, html  # feedparser takes YouTube's text for HTML, because it has no type
    reply = next((value for name, value in entry.items() if name.endswith("in-reply-to")), None)
    return Item(
        place=number,
        source=entry,
        id=as_text(entry.get("id")) or (f"yt:video:{video}" if video else None),
        link=(link := _link(entry)),
        shared=link in shared,
        page=page if is_web_url(page := as_text(entry.get("feedburner_origlink")).strip()) else None,
        title=_title(as_text(entry.get("title")), literal=atom and title.get("type") == "text/plain"),
        html=html,
        text=text,
        published=optional_time(entry.get("published")) or optional_time(entry.get("created")),
        updated=optional_time(entry.get("updated")),
        date=as_text(entry.get("published")) or as_text(entry.get("updated")),
        author=_with_channel(_person(entry) or author, entry.get("yt_channelid")),
        tags=[_tag(tag) for tag in entry.get("tags", ())],
        media=_media(entry),
        reply_to=as_text(reply.get("ref")) or None if isinstance(reply, dict) else None,
        comments=as_text(entry.get("comments")) or None,
        lang=language(content.get("language"), title.get("language"), lang),
        base=as_text(content.get("base")) or as_text(title.get("base")),
        type="video" if video else "post",
    )


def _content(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the first content that is text, or else the summary."""
    for content in entry.get("content", ()):
        kind = str(content.get("type", "text/html"))
        if content.get("value") and (kind.startswith("text/") or kind.endswith("xml")):
            return dict(content)
    detail = entry.get("summary_detail")
    return dict(detail) if isinstance(detail, dict) else {"value": entry.get("summary")}


def _title(title: str, *, literal: bool) -> str:
    # Atom declares whether a title is markup; in RSS many titles are markup without a declaration
    return one_line(title) if literal else html_title(title)


def _link(entry: dict[str, Any]) -> str | None:
    links = entry.get("links", ())
    link = as_text(entry.get("link"))
    # feedparser takes an enclosure that is written as the text of an element for the page of the entry
    if not link or any(x.get("rel") == "enclosure" and x.get("href") == link for x in links):
        pages = (as_text(x.get("href")) for x in links if x.get("rel") in {None, "alternate"})
        link = next(pages, link)
    if not link:  # the address may stand in another attribute
        others = (as_text(x.get(name)).strip() for x in links for name in _ADDRESSES)
        link = next(filter(is_web_url, others), link)
    if entry.get("guidislink") and not re.match(r"(?i)\s*(https?:|/)", link):
        return None  # feedparser takes any id for a link
    return link.strip() or None


def _person(context: dict[str, Any]) -> Author | None:
    listed = [author for author in context.get("authors", ()) if isinstance(author, dict)]
    if len(listed) > 1:
        names: set[str] = set()
        people = []
        for author in listed:
            name, email = as_text(author.get("name")), as_text(author.get("email"))
            if name in names and email:
                name = ""  # feedparser repeats the name of the previous author if an author has none
            names.add(name)
            name = re.sub(r"\(\s*mailto:.*", "", name)  # rest of an email address that feedparser has cut off
            people.append(person(name or email, as_text(author.get("href"))))
        return several(people)
    # the whole text, because feedparser does not recognize email addresses in domains such as .photography
    detail = context.get("author_detail")
    return person(
        as_text(context.get("author")), as_text(detail.get("href")) if isinstance(detail, dict) else ""
    )


def _with_channel(author: Author | None, channel: object) -> Author | None:
    """Add the id of the channel, if the feed has one, to an author; names may change."""
    if author is None or not isinstance(channel, str) or not re.fullmatch(r"[\w-]{1,100}", channel):
        return author
    return msgspec.structs.replace(author, id=channel)


def _tag(tag: Any) -> str:
    term, label = as_text(tag.get("term")), as_text(tag.get("label"))
    return label if label and (not term or is_web_url(term)) else term


def _media(entry: dict[str, Any]) -> list[Media]:
    """Return enclosures, media:content and media:thumbnail, each URL once."""
    found: dict[str, Media] = {}
    enclosures = [x for x in entry.get("links", ()) if x.get("rel") == "enclosure"]
    for thing in [*enclosures, *entry.get("media_content", ()), *entry.get("media_thumbnail", ())]:
        url = as_text(thing.get("href")) or as_text(thing.get("url"))
        if not is_web_url(url) or url in found:
            continue
        mime = as_text(thing.get("type")).lower() or None
        kind = as_text(thing.get("medium")) or (mime or "").partition("/")[0]
        if not kind and thing in entry.get("media_thumbnail", ()):
            kind = "image"
        if mime == "application/x-shockwave-flash" and entry.get("yt_videoid"):
            kind = "video"  # YouTube still calls its videos Flash
        found[url] = Media(
            url=url,
            kind=kind if kind in {"image", "video", "audio"} else "file",
            mime=printable(mime, 100) if mime else None,
            width=whole_number(thing.get("width"), _LARGEST),
            height=whole_number(thing.get("height"), _LARGEST),
        )
    return list(found.values())


def _wait(feed: dict[str, Any]) -> timedelta | None:
    """Return the longer of ``ttl`` (minutes) and the period of the syndication module."""
    waits = []
    if minutes := whole_number(feed.get("ttl"), _LARGEST):
        waits.append(timedelta(minutes=minutes))
    if hours := _PERIODS.get(as_text(feed.get("sy_updateperiod")).lower()):
        waits.append(
            timedelta(hours=hours) / max(1, whole_number(feed.get("sy_updatefrequency"), _LARGEST) or 1)
        )
    return max(waits, default=None)


def _reason(raw: bytes, broken: Exception | None) -> str:
    head = raw[:2000].lower()
    if not raw.strip():
        return "not a feed: the document is empty"
    if b"<html" in head or b"<!doctype html" in head:
        return 'not a feed but a web page; it may link to a feed with <link rel="alternate">'
    root = re.search(rb"<([a-z][\w:.-]*)", head)
    name = printable((root[1] if root else b"").decode("ascii", "replace"), 40)
    if root and not name.endswith(("rss", "rdf", "feed", "channel", "item", "entry")):
        return f"not a feed: it begins with <{name}>; feeds begin with <rss>, <rdf:RDF> or <feed>"
    if isinstance(broken, xml.sax.SAXParseException):
        at = f"line {broken.getLineNumber()}, column {(broken.getColumnNumber() or 0) + 1}"
        return f"not a feed: broken XML ({at}): {printable(broken.getMessage())}"
    return f"not a feed: {printable(broken) if broken else 'it has no element of RSS, RDF or Atom'}"
