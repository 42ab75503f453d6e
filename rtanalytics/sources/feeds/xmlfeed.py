"""RSS, RDF and Atom, well-formed or not, by feedparser.

feedparser is not asked to make anything safe or absolute: it takes longer over that than over
the rest, and our own cleaning follows anyway.
"""

from __future__ import annotations

import io
import re
import xml.sax
from calendar import timegm
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import feedparser
import msgspec

from rtanalytics.event import Author, Media, is_web_url
from rtanalytics.normalize.values import as_text, whole_number
from rtanalytics.sources.base import Malformed, Meta, printable
from rtanalytics.sources.clean import one_line, plain_title
from rtanalytics.sources.feeds.dates import spoken
from rtanalytics.sources.feeds.items import Item, language, person

__all__ = ["read_xml"]

_ENDS = (b"</rss>", b"</feed>", b"</rdf:rdf>", b"</rdf>", b"</atom:feed>", b"</channel>")
_LARGEST = 999_999
_PERIODS = {"hourly": 1, "daily": 24, "weekly": 168, "monthly": 720, "yearly": 8760}


def read_xml(raw: bytes, meta: Meta) -> tuple[Iterable[Item], dict[str, Any]]:
    """The entries of a document, and what it says about itself.

    Returns
    -------
    items : iterable of Item
        In the document's order, once.
    about : dict
        ``title``, ``wait`` (timedelta or None) and ``complete``.

    Raises
    ------
    Malformed
        If it is no feed.
    """
    found = _parsed(raw, meta)
    broken = found.get("bozo_exception")
    broken = broken if isinstance(broken, xml.sax.SAXException) else None
    if not found.get("version") and not found.entries:
        raise Malformed(_what_it_is(raw, broken))
    feed = dict(found.feed)  # plain, because feedparser's own makes up what is missing
    author = _person(feed)
    atom = str(found.get("version", "")).startswith("atom")
    lang = as_text(feed.get("language")) or meta.language
    items = (
        _item(number, entry, atom=atom, author=author, lang=lang)
        for number, entry in enumerate(_consumed(found.entries), start=1)
    )
    about = {
        "title": plain_title(as_text(feed.get("title"))) or None,
        "wait": _wait(feed),
        # Cut off in the middle by whoever wrote it: the next reading may bring the rest.
        "complete": broken is None or raw.rstrip()[-20:].lower().endswith(_ENDS),
    }
    return items, about


def _consumed(entries: list[Any]) -> Iterator[dict[str, Any]]:
    """The entries, each given up when it has been read: they are the largest part of what is held."""
    entries.reverse()
    while entries:
        yield dict(entries.pop())


def _parsed(raw: bytes, meta: Meta) -> Any:
    for attempt in (raw, _referring(raw)):
        try:
            return feedparser.parse(
                io.BytesIO(attempt),  # never bytes or text as such: it would take them for a file's name
                response_headers=_headers(meta),
                resolve_relative_uris=False,
                sanitize_html=False,
            )
        except (ValueError, OverflowError) as error:
            broken: Exception = error  # a reference to no character, most of the time
        except MemoryError:
            raise  # a limit of ours
        except Exception as error:  # noqa: BLE001  # what a library did not foresee is a dead letter
            broken = error
            break
    raise Malformed(f"feedparser failed: {type(broken).__name__}: {printable(broken)}")


def _referring(raw: bytes) -> bytes:
    """The document with its numeric references in order: halves of characters joined, the rest replaced."""

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
    """Only what the server said about the encoding: its media type is often wrong, and then in the way."""
    charset = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", meta.content_type, re.IGNORECASE)
    headers = {"content-type": "application/xml" + (f"; charset={charset[1]}" if charset else "")}
    if lang := language(meta.language):
        headers["content-language"] = lang
    return headers


def _item(number: int, entry: dict[str, Any], *, atom: bool, author: Author | None, lang: str) -> Item:
    content = _content(entry)
    title = entry.get("title_detail") or {}
    html, text = as_text(content.get("value")) or None, None
    video = as_text(entry.get("yt_videoid"))
    if (atom and content.get("type") == "text/plain") or video:
        html, text = None, html  # what feedparser calls HTML of YouTube's is text: there is no type at it
    reply = next((value for name, value in entry.items() if name.endswith("in-reply-to")), None)
    return Item(
        place=number,
        source=entry,
        id=as_text(entry.get("id")) or (f"yt:video:{video}" if video else None),
        link=_link(entry),
        title=_title(as_text(entry.get("title")), literal=atom and title.get("type") == "text/plain"),
        html=html,
        text=text,
        published=_moment(entry, "published") or _moment(entry, "created"),
        updated=_moment(entry, "updated"),
        date=as_text(entry.get("published")) or as_text(entry.get("updated")),
        author=_known(_person(entry) or author, entry.get("yt_channelid")),
        tags=[_tag(tag) for tag in entry.get("tags", ())],
        media=_media(entry),
        reply_to=as_text(reply.get("ref")) or None if isinstance(reply, dict) else None,
        comments=as_text(entry.get("comments")) or None,
        lang=language(content.get("language"), title.get("language"), lang),
        base=as_text(content.get("base")) or as_text(title.get("base")),
        type="video" if video else "post",
    )


def _content(entry: dict[str, Any]) -> dict[str, Any]:
    """The first content that is text, or else the summary."""
    for content in entry.get("content", ()):
        kind = str(content.get("type", "text/html"))
        if content.get("value") and (kind.startswith("text/") or kind.endswith("xml")):
            return dict(content)
    detail = entry.get("summary_detail")
    return dict(detail) if isinstance(detail, dict) else {"value": entry.get("summary")}


def _title(title: str, *, literal: bool) -> str:
    # Atom says whether a title is markup; RSS leaves one to guess, and much of it is.
    return one_line(title) if literal else plain_title(title)


def _link(entry: dict[str, Any]) -> str | None:
    links = entry.get("links", ())
    link = as_text(entry.get("link"))
    # An enclosure that is written as an element's text is taken for the entry's own page.
    if not link or any(x.get("rel") == "enclosure" and x.get("href") == link for x in links):
        pages = (as_text(x.get("href")) for x in links if x.get("rel") in {None, "alternate"})
        link = next(pages, link)
    if entry.get("guidislink") and not re.match(r"(?i)\s*(https?:|/)", link):
        return None  # feedparser takes any id for a page; a number is none
    return link.strip() or None


def _moment(entry: dict[str, Any], name: str) -> datetime | None:
    if told := spoken(as_text(entry.get(name))):
        return told
    parsed = entry.get(f"{name}_parsed")
    if parsed is None:
        return None
    try:
        return datetime.fromtimestamp(timegm(parsed), UTC)
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _person(context: dict[str, Any]) -> Author | None:
    several = [a for a in context.get("authors", ()) if isinstance(a, dict) and as_text(a.get("name"))]
    if len(several) > 1:  # the first is who is named first; feedparser keeps the last
        return person(as_text(several[0].get("name")), as_text(several[0].get("href")))
    # The whole as it was written: feedparser's own parting of it knows no domain like .photography.
    detail = context.get("author_detail")
    return person(
        as_text(context.get("author")), as_text(detail.get("href")) if isinstance(detail, dict) else ""
    )


def _known(author: Author | None, channel: object) -> Author | None:
    """Who wrote it, with the id of the channel where the feed tells one: names may change."""
    if author is None or not isinstance(channel, str) or not re.fullmatch(r"[\w-]{1,100}", channel):
        return author
    return msgspec.structs.replace(author, id=channel)


def _tag(tag: Any) -> str:
    term, label = as_text(tag.get("term")), as_text(tag.get("label"))
    return label if label and (not term or is_web_url(term)) else term


def _media(entry: dict[str, Any]) -> list[Media]:
    """Enclosures, media:content and media:thumbnail, each address once."""
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
            kind = "video"  # it is no Flash any more, and still called so
        found[url] = Media(
            url=url,
            kind=kind if kind in {"image", "video", "audio"} else "file",
            mime=printable(mime, 100) if mime else None,
            width=whole_number(thing.get("width"), _LARGEST),
            height=whole_number(thing.get("height"), _LARGEST),
        )
    return list(found.values())


def _wait(feed: dict[str, Any]) -> timedelta | None:
    """What ``ttl`` (minutes) or the syndication module asks for; the longer of the two."""
    waits = []
    if minutes := whole_number(feed.get("ttl"), _LARGEST):
        waits.append(timedelta(minutes=minutes))
    if hours := _PERIODS.get(as_text(feed.get("sy_updateperiod")).lower()):
        waits.append(
            timedelta(hours=hours) / max(1, whole_number(feed.get("sy_updatefrequency"), _LARGEST) or 1)
        )
    return max(waits, default=None)


def _what_it_is(raw: bytes, broken: Exception | None) -> str:
    head = raw[:2000].lower()
    if not raw.strip():
        return "no feed: the document is empty"
    if b"<html" in head or b"<!doctype html" in head:
        return 'no feed: a web page; its address may be in the page\'s <link rel="alternate">'
    root = re.search(rb"<([a-z][\w:.-]*)", head)
    name = printable((root[1] if root else b"").decode("ascii", "replace"), 40)
    if root and not name.endswith(("rss", "rdf", "feed", "channel", "item", "entry")):
        return f"no feed: it begins with <{name}>, and feeds with <rss>, <rdf:RDF> or <feed>"
    if isinstance(broken, xml.sax.SAXParseException):
        at = f"line {broken.getLineNumber()}, column {(broken.getColumnNumber() or 0) + 1}"
        return f"no feed: broken XML ({at}): {printable(broken.getMessage())}"
    return f"no feed: {printable(broken) if broken else 'no element of RSS, RDF or Atom in it'}"
