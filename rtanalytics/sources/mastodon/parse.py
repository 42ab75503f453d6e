"""Convert responses of a Mastodon server to events. No I/O: used live, in tests and for dead letters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any
from urllib.parse import unquote, urlsplit

from rtanalytics.event import Event, Media, is_web_url
from rtanalytics.normalize.dates import parse_time
from rtanalytics.normalize.text import author_of, html_text, language, word
from rtanalytics.normalize.values import as_dicts
from rtanalytics.sources.base import Malformed, Meta, Parsed, printable
from rtanalytics.sources.clean import clean_html, links
from rtanalytics.sources.json_items import Reading, build, load

__all__ = ["parse"]

_EDITS = {"update", "status.update"}
_PUBLIC = {"public", "unlisted"}
_LISTS = ("ancestors", "statuses", "descendants")
"""Members of a thread or a search result that contain statuses."""

_INSIDE = ("status", "last_status")
"""Members of a notification or a conversation that contain its status."""

_HIDDEN_QUOTE = re.compile(r"""(?is)<(p|span)\b[^>]{0,100}\bclass=["']?quote-inline\b.{0,1500}?</\1>""")
"""Fallback for clients that cannot show quotes. Bounded, so that matching takes linear time."""

_ANCHOR = re.compile(r"(?i)<a\b[^>]{1,1500}>")
_NAME = re.compile(r"""(?i)\bclass=["']?[^"'>]*\b(?:mention|hashtag)\b""")
_HREF = re.compile(r"""(?i)\bhref=["']([^"']+)["']""")
_FIELD = re.compile(r"(?m)^(event|data): ?(.*?)\r?$")
_KINDS = {"image": "image", "gifv": "video", "video": "video", "audio": "audio"}


def parse(raw: bytes, meta: Meta) -> Parsed:
    """Parse a response of the server.

    Parameters
    ----------
    raw : bytes
        A page of statuses, a status, a thread, a search result, notifications; or one or more
        messages of a stream (``event`` and ``payload``), as JSON or as server-sent events. A delete in
        a stream, and a reply, have only the server's own id; ``options["local/<id>"]`` is the ``uri`` of
        that status.
    meta : Meta
        Server, tag and time of receipt.

    Returns
    -------
    Parsed
        ``next`` is the greatest of the server's own ids on the page.

    Raises
    ------
    Malformed
        If ``raw`` is none of these.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> meta = Meta(source="mastodon", scope="m.example/tags/pycon", connector="mastodon@1",
    ...             received_at=datetime(2026, 5, 15, 9, tzinfo=UTC), url="https://m.example/api")
    >>> raw = (b'[{"id": "7", "uri": "https://m.example/s/7", "created_at": "2026-05-15T08:59:00Z",'
    ...        b' "content": "<p>Hi <b>all</b></p>", "account": {"acct": "ada"}, "visibility": "public"}]')
    >>> [event] = parse(raw, meta).events
    >>> event.id, event.author.handle, event.text
    ('mastodon::https://m.example/s/7', 'ada@m.example', 'Hi all')
    """
    document = _sse_messages(raw) or load(raw, "response of Mastodon")
    reading = Reading(meta)
    if isinstance(document, dict) and isinstance(document.get("event"), str):
        if not document["event"]:
            raise Malformed("invalid response of Mastodon: a stream message without an event name", raw)
        _message(document, reading)
        return reading.parsed()
    if isinstance(document, dict):
        document = _items(document)
    if not isinstance(document, list):
        raise Malformed(f"invalid response of Mastodon: {_what(load(raw, 'response'))}", raw)
    if document and all(isinstance(item, dict) and isinstance(item.get("event"), str) for item in document):
        for item in document:
            _message(item, reading)
        return reading.parsed()
    document = [_inside(item) for item in document]
    uris = {
        word(item.get("id")): word(item.get("uri"), 400)
        for item in document
        if isinstance(item, dict) and item.get("uri")
    }
    for number, item in enumerate(document, start=1):
        reading.item(item, f"status {number}", lambda item=item: _statuses(item, reading, uris))  # type: ignore[misc]
    reading.counts["items"] += len(document)
    ids = [word(item.get("id")) for item in document if isinstance(item, dict)]
    return reading.parsed(next=max(ids, key=lambda i: (len(i), i), default="") or None)


def _sse_messages(raw: bytes) -> list[dict[str, Any]]:
    """Return the messages of a stream of server-sent events; an empty list for other documents."""
    if not raw.lstrip().startswith((b"event:", b"data:", b":")):
        return []
    blocks = re.split(r"\r?\n\r?\n", raw.decode("utf-8", "replace"))
    fields = [dict(_FIELD.findall(block)) for block in blocks]
    return [{"event": f["event"], "payload": f.get("data")} for f in fields if f.get("event")]


def _items(document: dict[str, Any]) -> list[Any] | None:
    """Return the statuses in a response that is an object; None if it can contain none."""
    if "account" in document and "uri" in document:
        return [document]
    lists = [document[name] for name in _LISTS if isinstance(document.get(name), list)]
    if lists:
        return [item for items in lists for item in items]
    return [document] if any(isinstance(document.get(name), dict) for name in _INSIDE) else None


def _inside(item: Any) -> Any:
    """Return the status of a notification or a conversation; other items are returned unchanged."""
    if isinstance(item, dict) and "uri" not in item:
        for name in _INSIDE:
            if isinstance(item.get(name), dict):
                return item[name]
    return item


def _what(document: Any) -> str:
    """Describe a response without statuses, for the error message."""
    if not isinstance(document, dict):
        return "no statuses"
    if isinstance(document.get("error"), str):
        return f"error from the server: {printable(document['error'], 200)}"
    if "acct" in document:
        return "an account, no statuses"
    if "version" in document and ("domain" in document or "uri" in document):
        return "a description of the server, no statuses"
    return "no statuses"


def _message(document: dict[str, Any], reading: Reading) -> None:
    kind, payload = document["event"], document.get("payload")
    if kind in _EDITS:
        try:
            item = load(payload.encode("utf-8", "replace"), "status") if isinstance(payload, str) else payload
        except Malformed as error:
            reading.reject(str(error), kind, document)
            return
        reading.item(item, kind, lambda: _statuses(item, reading, {}), raw=document)
    elif kind == "delete":
        uri = reading.meta.options.get(f"local/{word(payload)}")
        if uri is None:
            reading.counts["deletes_of_unknown"] += 1
        else:
            reading.item(
                payload,
                kind,
                lambda: [
                    build(
                        reading.meta,
                        id=f"mastodon::{uri}",
                        op="delete",
                        created_at=reading.meta.received_at,
                        item=document,
                    )
                ],
                raw=document,
            )
    else:
        reading.unknown("event", kind)


def _statuses(item: Any, reading: Reading, uris: Mapping[str, str]) -> Iterator[Event]:
    if not isinstance(item, dict):
        raise ValueError(f"invalid status of type {type(item).__name__} (expected an object)")  # noqa: TRY004  # a reject reason
    meta, shared = reading.meta, item.get("reblog")
    # a repost is as private as what it shares
    statuses = (item, shared) if isinstance(shared, dict) else (item,)
    if any(status.get("visibility", "public") not in _PUBLIC for status in statuses):
        reading.counts["not_public"] += 1
        return
    uri = word(item.get("uri"), 400)
    if not uri:
        raise ValueError(_without_uri(item))
    account = item.get("account")
    account = account if isinstance(account, dict) else {}
    author = author_of(
        _handle(account, meta),
        account.get("uri") or account.get("url") or account.get("id"),
        account.get("display_name"),
        url=_web(account.get("url")),
        bot=account.get("bot") is True,
    )
    created = parse_time(item["created_at"]) if item.get("created_at") is not None else None
    if "content" not in item and isinstance(item.get("text"), str):
        # only the response to a delete has the source text instead of the content
        yield build(meta, id=f"mastodon::{uri}", op="delete", created_at=created, author=author, item=item)
        return
    if isinstance(shared, dict) and shared.get("reblog") is None and shared.get("uri"):
        yield from _statuses(shared, reading, uris)
    repost = word(shared.get("uri"), 400) if isinstance(shared, dict) else ""
    markup = item["content"] if isinstance(item.get("content"), str) else ""
    quoted, name_links = _quoted(item), set(_names(markup))
    targets = links(clean_html(markup)) if markup else []
    if quoted:
        markup = _HIDDEN_QUOTE.sub("", markup)
        targets.append(quoted)
    cleaned = clean_html(markup) if markup else ""
    parent = word(item.get("in_reply_to_id"), 400)
    reply_to = (uris.get(parent) or meta.options.get(f"local/{parent}", "")) if parent else ""
    tags, mentions = as_dicts(item.get("tags")), as_dicts(item.get("mentions"))
    people = {m["url"] for m in mentions if isinstance(m.get("url"), str)}
    names = [word(t.get("name")) for t in tags]
    edited = parse_time(item["edited_at"]) if item.get("edited_at") is not None else None
    yield build(
        meta,
        id=f"mastodon::{uri}",
        type=_type(repost, item.get("in_reply_to_id"), quoted),
        created_at=created,
        edited_at=edited,
        item=item,
        title=word(item.get("spoiler_text"), 1_000) or None,
        text="\n".join(filter(None, [html_text(markup), *_choices(item)])) or None,
        html=cleaned or None,
        url=_web(item.get("url")) or _web(uri),
        lang=language(item.get("language")),
        author=author,
        tags=names,
        mentions=[_handle(m, meta) for m in mentions],
        links=[link for link in targets if link not in people | name_links and not _is_tag_link(link, names)],
        media=list(_media(item)),
        repost_of=f"mastodon::{repost}" if repost else None,
        reply_to=f"mastodon::{reply_to}" if reply_to else None,
    )


def _without_uri(item: dict[str, Any]) -> str:
    """Describe an item without a uri, as the reason of a dead letter."""
    if "id" not in item and "content" in item:
        return "a former version of a status from its history, without the uri of the status"
    if "type" in item and "account" in item:
        return f"a notification ({word(item['type'], 60)}) without a status"
    return "no uri, so the status has no id"


def _type(repost: str, reply_to: object, quoted: str | None) -> str:
    return "repost" if repost else "reply" if reply_to else "post" if quoted is None else "quote"


def _quoted(item: dict[str, Any]) -> str | None:
    """Return the address of the quoted status; empty if it is not visible, None if there is none.

    Mastodon wraps the status in ``quote``; Akkoma, Fedibird and others put the status itself there;
    Pleroma puts it in ``pleroma``.
    """
    pleroma = item.get("pleroma")
    for holder in (item, pleroma if isinstance(pleroma, dict) else {}):
        quote = holder.get("quote")
        if isinstance(quote, dict):
            inner = quote.get("quoted_status") if "state" in quote else quote
            inner = inner if isinstance(inner, dict) else {}
            return _web(inner.get("url")) or _web(inner.get("uri")) or ""
        if address := _web(holder.get("quote_url")):
            return address
    return None


def _choices(item: dict[str, Any]) -> list[str]:
    """List the options of a poll."""
    poll = item.get("poll")
    return [word(o.get("title")) for o in as_dicts(poll.get("options"))] if isinstance(poll, dict) else []


def _media(item: dict[str, Any]) -> Iterator[Media]:
    for part in as_dicts(item.get("media_attachments")):
        # url is null if the server has no copy of its own
        url = _web(part.get("url")) or _web(part.get("remote_url"))
        size = part.get("meta")
        size = size.get("original") if isinstance(size, dict) else None
        size = size if isinstance(size, dict) else {}
        if url is not None:
            yield Media(
                url=url,
                kind=_KINDS.get(word(part.get("type")), "file"),
                alt=word(part.get("description"), 2_000) or None,
                width=_size(size.get("width")),
                height=_size(size.get("height")),
                sensitive=item.get("sensitive") is True,
            )


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 100_000 else None


def _handle(account: dict[str, Any], meta: Meta) -> str:
    """Return the handle with its host, which a server omits for its own accounts."""
    acct = word(account.get("acct")) or word(account.get("username"))
    if not acct or "@" in acct:
        return acct
    home = _host(_web(account.get("url")) or meta.url)
    return f"{acct}@{home}" if home else acct


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def _names(markup: str) -> Iterator[str]:
    """Yield the targets of mentions and hashtags, recognized by their CSS class."""
    for anchor in _ANCHOR.findall(markup):
        if _NAME.search(anchor) and (match := _HREF.search(anchor)):
            yield unescape(match[1])


def _is_tag_link(link: str, names: list[str]) -> bool:
    *_, folder, name = ["", "", *link.partition("?")[0].rstrip("/").split("/")]
    return folder in {"tags", "tag"} and unquote(name).casefold() in {n.casefold() for n in names}


def _web(value: object) -> str | None:
    return value if isinstance(value, str) and is_web_url(value) else None
