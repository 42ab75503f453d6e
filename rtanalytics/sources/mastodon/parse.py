"""Answers of a Mastodon server → events. Pure: used live, in tests, and for dead letters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from rtanalytics.event import Event, Media, is_web_url
from rtanalytics.sources.base import Malformed, Meta, Parsed
from rtanalytics.sources.clean import clean_html, links, plain
from rtanalytics.sources.native import Reading, author_of, build, language, load, moment, word

__all__ = ["parse"]

_EDITS = {"update", "status.update"}
_KINDS = {"image": "image", "gifv": "video", "video": "video", "audio": "audio"}


def parse(raw: bytes, meta: Meta) -> Parsed:
    """What the server says.

    Parameters
    ----------
    raw : bytes
        A page of statuses, one status, or one or more messages of its streams (``event`` and
        ``payload``), as JSON. A delete there has only the server's own id;
        ``options["local/<id>"]`` says which status (``uri``) that was.
    meta : Meta
        Which server and tag, and when it was received.

    Returns
    -------
    Parsed
        ``next`` is the greatest of the server's own ids on the page.

    Raises
    ------
    Malformed
        If it is none of them.

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
    told = load(raw, "answer of Mastodon")
    reading = Reading(meta)
    if isinstance(told, dict) and isinstance(told.get("event"), str):
        if not told["event"]:
            raise Malformed("no answer of Mastodon: a message of no kind", raw)
        _message(told, reading)
        return reading.parsed()
    if isinstance(told, dict) and "account" in told and "uri" in told:
        told = [told]
    if not isinstance(told, list):
        raise Malformed("no answer of Mastodon: no statuses", raw)
    if told and all(isinstance(item, dict) and isinstance(item.get("event"), str) for item in told):
        for item in told:
            _message(item, reading)
        return reading.parsed()
    near = {
        word(item.get("id")): word(item.get("uri"), 400)
        for item in told
        if isinstance(item, dict) and item.get("uri")
    }
    for number, item in enumerate(told, start=1):
        reading.item(item, f"status {number}", lambda item=item: _statuses(item, reading, near))  # type: ignore[misc]
    reading.counts["items"] += len(told)
    own = [word(item.get("id")) for item in told if isinstance(item, dict)]
    return reading.parsed(next=max(own, key=lambda i: (len(i), i), default="") or None)


def _message(told: dict[str, Any], reading: Reading) -> None:
    kind, payload = told["event"], told.get("payload")
    if kind in _EDITS:
        try:
            item = load(payload.encode("utf-8", "replace"), "status") if isinstance(payload, str) else payload
        except Malformed as error:
            reading.reject(str(error), kind, told)
            return
        reading.item(item, kind, lambda: _statuses(item, reading, {}), raw=told)
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
                        item=told,
                    )
                ],
                raw=told,
            )
    else:
        reading.unknown("event", kind)


def _statuses(item: Any, reading: Reading, near: Mapping[str, str]) -> Iterator[Event]:
    if not isinstance(item, dict):
        raise ValueError(f"it is no status but {type(item).__name__}")  # noqa: TRY004  # the reason of a dead letter
    if item.get("visibility", "public") not in {"public", "unlisted"}:
        reading.counts["not_public"] += 1
        return
    uri = word(item.get("uri"), 400)
    if not uri:
        raise ValueError("it has no uri: nothing to know it by")
    meta, shared = reading.meta, item.get("reblog")
    account = item.get("account")
    account = account if isinstance(account, dict) else {}
    repost = word(shared.get("uri"), 400) if isinstance(shared, dict) else ""
    markup = item["content"] if isinstance(item.get("content"), str) else ""
    cleaned = clean_html(markup) if markup else ""
    answered = near.get(word(item.get("in_reply_to_id")), "")
    tags, mentions = _dicts(item.get("tags")), _dicts(item.get("mentions"))
    people = {m["url"] for m in mentions if isinstance(m.get("url"), str)}
    names = [word(t.get("name")) for t in tags]
    created = moment(item["created_at"]) if item.get("created_at") is not None else None
    edited = moment(item["edited_at"]) if item.get("edited_at") is not None else None
    yield build(
        meta,
        id=f"mastodon::{uri}",
        type="repost" if repost else "reply" if item.get("in_reply_to_id") else "post",
        created_at=created,
        edited_at=edited,
        item=item,
        title=word(item.get("spoiler_text"), 1_000) or None,
        text=plain(markup) or None,
        html=cleaned or None,
        url=_web(item.get("url")) or _web(uri),
        lang=language(item.get("language")),
        author=author_of(
            _handle(account, meta),
            account.get("uri") or account.get("url") or account.get("id"),
            account.get("display_name"),
            url=_web(account.get("url")),
            bot=account.get("bot") is True,
        ),
        tags=names,
        mentions=[word(m.get("acct")) for m in mentions],
        links=[link for link in links(cleaned) if link not in people and not _of_tag(link, names)],
        media=list(_media(item)),
        repost_of=f"mastodon::{repost}" if repost else None,
        reply_to=f"mastodon::{answered}" if answered else None,
    )


def _media(item: dict[str, Any]) -> Iterator[Media]:
    for part in _dicts(item.get("media_attachments")):
        # where the server has no copy of its own, remote_url is all there is
        url = _web(part.get("url")) or _web(part.get("remote_url"))
        if url is not None:
            yield Media(
                url=url,
                kind=_KINDS.get(word(part.get("type")), "file"),
                alt=word(part.get("description"), 2_000) or None,
                sensitive=item.get("sensitive") is True,
            )


def _handle(account: dict[str, Any], meta: Meta) -> str:
    """Whole also for people of the server itself, which leaves its own name out."""
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


def _of_tag(link: str, names: list[str]) -> bool:
    *_, folder, name = ["", "", *link.rstrip("/").split("/")]
    return folder in {"tags", "tag"} and name.casefold() in {n.casefold() for n in names}


def _web(value: object) -> str | None:
    return value if isinstance(value, str) and is_web_url(value) else None


def _dicts(value: object) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []
