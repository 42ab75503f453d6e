"""Convert Jetstream frames and Bluesky API responses to events. No I/O: also used for dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from rtanalytics.event import Author, Event, Media, is_web_url
from rtanalytics.normalize.dates import optional_time, parse_time
from rtanalytics.normalize.text import author_of, find_tags, language, word
from rtanalytics.normalize.values import EARLIEST, as_dict, as_list
from rtanalytics.sources.base import Malformed, Meta, Parsed, printable
from rtanalytics.sources.json_items import Reading, build, load

__all__ = ["POST", "REPOST", "Frame", "event_id", "frame_of", "parse", "tid_time"]

POST, REPOST = "app.bsky.feed.post", "app.bsky.feed.repost"

_TID = "234567abcdefghijklmnopqrstuvwxyz"
_UNAVAILABLE = {
    "notFoundPost",
    "blockedPost",
    "threadItemNotFound",
    "threadItemBlocked",
    "threadItemNoUnauthenticated",
}
_SENSITIVE = {"porn", "sexual", "nudity", "graphic-media", "gore"}
_PAGES = ("posts", "feed", "thread", "notifications", "records", "bookmarks")
"""Members of an API response that contain posts."""

_WITH_RECORD = ("app.bsky.embed.record", "app.bsky.embed.recordWithMedia")


class Frame:
    """A message of a Jetstream, version 1 or 2.

    Attributes
    ----------
    kind : str
        ``commit``, ``account``, ``identity``, ``sync``, ``info`` or ``error``.
    did : str
        Account that the message is about.
    at : int
        Time at which the server saw it, in microseconds since 1970; 0 if unknown.
    seq : int
        Sequence number in version 2; 0 in version 1.
    body : dict
        The commit, account or error.
    """

    __slots__ = ("at", "body", "did", "kind", "seq")

    def __init__(self, kind: str, did: str, at: int, seq: int, body: dict[str, Any]) -> None:
        self.kind, self.did, self.at, self.seq, self.body = kind, did, at, seq, body


def frame_of(document: Any) -> Frame | None:
    """Convert a JSON value to a frame; None if it is not one.

    Raises
    ------
    ValueError
        If its time is invalid.
    """
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("kind"), str) and "time_us" in document:
        at = document["time_us"]
        if not isinstance(at, int) or isinstance(at, bool) or not 0 < at < 10**17:
            raise ValueError(f"invalid time_us {ascii(at)[:40]} (expected microseconds since 1970)")
        body = document.get(document["kind"])
        return Frame(
            document["kind"], word(document.get("did")), at, 0, body if isinstance(body, dict) else {}
        )
    if document.get("$type") == "error":
        return Frame("error", "", 0, 0, document)
    payload: dict[str, Any] = document["payload"] if isinstance(document.get("payload"), dict) else document
    name = payload.get("$type")
    if not isinstance(name, str) or not name.startswith(("network.bsky.jetstream.subscribeEvents#", "#")):
        return None
    kind, seq = name.partition("#")[2], payload.get("seq")
    time = payload.get("time")
    at = 0 if time is None else round(parse_time(time).timestamp() * 1e6)
    body = payload.get(kind) if kind in {"account", "identity", "sync"} else payload
    return Frame(
        kind,
        word(payload.get("did")),
        at,
        seq if isinstance(seq, int) and not isinstance(seq, bool) and seq > 0 else 0,
        body if isinstance(body, dict) else {},
    )


def event_id(did: str, rkey: str, collection: str = POST) -> str:
    """Return the event id for a record."""
    return f"bluesky::at://{did}/{collection}/{rkey}"


def tid_time(rkey: str) -> datetime | None:
    """Return the creation time encoded in a record key; None if the key does not encode a time.

    Examples
    --------
    >>> tid_time("3mptbyoeyc22k").isoformat(timespec="seconds")
    '2026-07-04T14:38:06+00:00'
    """
    if len(rkey) != 13 or any(c not in _TID for c in rkey):
        return None
    number = 0
    for letter in rkey:
        number = number << 5 | _TID.index(letter)
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=(number & (1 << 63) - 1) >> 10)
    except OverflowError:
        return None


def parse(raw: bytes, meta: Meta) -> Parsed:
    """Parse posts and their deletions.

    Parameters
    ----------
    raw : bytes
        Jetstream frames (version 1 or 2), one per line or as a list; or an API response: a post,
        a list of posts, a page of a feed or a search, a thread, notifications, records.
    meta : Meta
        Source and time of receipt. With the option ``via = "stream"``, every line is a frame.

    Returns
    -------
    Parsed
        Posts, reposts and their deletions; other records are only counted.

    Raises
    ------
    Malformed
        If ``raw`` is none of these.

    Examples
    --------
    >>> meta = Meta(source="bluesky", scope="pycon", connector="bluesky@1",
    ...             received_at=datetime(2026, 7, 4, 14, 39, tzinfo=UTC))
    >>> raw = (b'{"did":"did:plc:ada","time_us":1783175888090631,"kind":"commit","commit":{"rev":"3m",'
    ...        b'"operation":"create","collection":"app.bsky.feed.post","rkey":"3mptbyoeyc22k",'
    ...        b'"record":{"createdAt":"2026-07-04T14:38:06.240Z","text":"hello #pycon"}}}')
    >>> [event] = parse(raw, meta).events
    >>> event.id, event.text, event.tags
    ('bluesky::at://did:plc:ada/app.bsky.feed.post/3mptbyoeyc22k', 'hello #pycon', ['pycon'])
    """
    reading = Reading(meta)
    lines = [line for line in raw.split(b"\n") if line.strip()]
    framed = len(lines) > 1 and _is_object(lines[0])
    if framed or (meta.options.get("via") == "stream" and not _is_multiline(raw, lines)):
        for number, line in enumerate(lines, start=1):
            _line(line, f"frame {number}", reading)
        return reading.parsed()
    document = load(raw, "frame or post of Bluesky")
    if isinstance(document, list) and document and all(map(_is_frame, document)):
        for number, item in enumerate(document, start=1):
            _frame(item, f"frame {number}", reading)
    elif not _read_value(document, "", reading):
        raise Malformed("neither Jetstream frames nor Bluesky posts", raw)
    return reading.parsed()


def _read_value(document: Any, where: str, reading: Reading) -> bool:
    """Read a frame or an API response; return False if the document is neither."""
    if _is_frame(document):
        _frame(document, where or "frame", reading)
        return True
    views = list(_views(document))
    if not views and not _is_page(document):
        reason = _what(document)
        if reason is not None:
            reading.reject(reason, where, document)
        return reason is not None
    if (
        len(views) == 1
        and not _is_page(document)
        and (other := _collection(views[0])) not in {POST, REPOST, ""}
    ):
        reading.reject(f"a record of {other}, not a post", where, document)
        return True
    for number, view in enumerate(views, start=1):
        place = " ".join(filter(None, (where, f"post {number}" if not where or len(views) > 1 else "")))
        reading.item(view, place, lambda view=view: _view(view, reading))  # type: ignore[misc]
    return True


def _collection(view: dict[str, Any]) -> str:
    uri = _uri(view.get("uri"))
    return uri.split("/")[3] if uri and "record" in view else ""


def _is_multiline(raw: bytes, lines: list[bytes]) -> bool:
    """Check whether the lines together are one JSON document."""
    if len(lines) < 2 or _is_object(lines[0]):
        return False
    try:
        load(raw, "document")
    except Malformed:
        return False
    return True


def _is_object(line: bytes) -> bool:
    return line.lstrip().startswith(b"{") and line.rstrip().endswith(b"}")


def _line(line: bytes, where: str, reading: Reading) -> None:
    try:
        document = load(line, "frame")
    except Malformed as error:
        reading.reject(str(error), where, line)
        return
    if not _read_value(document, where, reading):
        reading.reject("neither a Jetstream frame nor a Bluesky post", where, document)


def _is_frame(document: Any) -> bool:
    try:
        return frame_of(document) is not None
    except ValueError:
        return True


def _frame(document: Any, where: str, reading: Reading) -> None:
    reading.item(document, where, lambda: _events(document, reading))


def _events(document: Any, reading: Reading) -> Iterator[Event]:
    frame = frame_of(document)
    if frame is None or frame.kind != "commit":
        if frame is not None:
            reading.counts[f"frames_{frame.kind}" if frame.kind in _KINDS else "frames_other"] += 1
        return
    commit = frame.body
    collection, operation = commit.get("collection"), commit.get("operation")
    if collection not in {POST, REPOST}:
        reading.counts["other_records"] += 1
        return
    rkey, did = word(commit.get("rkey"), 400), frame.did
    if not did.startswith("did:") or not rkey:
        raise ValueError("no did or no rkey, so the record has no id")
    seen = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=frame.at)
    if operation == "delete":
        yield build(
            reading.meta,
            id=event_id(did, rkey, collection),
            op="delete",
            type="repost" if collection == REPOST else "post",
            created_at=tid_time(rkey) or seen,
            edited_at=seen,
            author=_author(did),
            item=document,
        )
    elif operation in {"create", "update"}:
        record = commit.get("record")
        if not isinstance(record, dict):
            raise ValueError("no record")
        yield _post(
            reading,
            did,
            rkey,
            collection,
            record,
            author=_author(did),
            seen=seen,
            edited_at=seen if operation == "update" else None,
            item=document,
        )
    else:
        reading.unknown("operation", operation)


_KINDS = {"account", "identity", "sync", "info", "error"}


def _author(did: str) -> Author | None:
    return author_of(did, did, url=f"https://bsky.app/profile/{did}")


def _post(
    reading: Reading,
    did: str,
    rkey: str,
    collection: str,
    record: dict[str, Any],
    *,
    author: Author | None,
    seen: datetime,
    edited_at: datetime | None = None,
    item: Any = None,
) -> Event:
    created = optional_time(record.get("createdAt"))
    if created is None or created < EARLIEST:
        created = tid_time(rkey) or seen
    if collection == REPOST:
        shared = _uri(as_dict(record.get("subject")).get("uri"))
        if shared is None:
            raise ValueError("invalid subject of a repost (expected at://did/collection/rkey)")
        return build(
            reading.meta,
            id=event_id(did, rkey, REPOST),
            type="repost",
            created_at=created,
            author=author,
            repost_of=f"bluesky::{shared}",
            item=item,
        )
    text = record["text"] if isinstance(record.get("text"), str) else ""
    reply = as_dict(record.get("reply"))
    parent, root = (_uri(as_dict(reply.get(name)).get("uri")) for name in ("parent", "root"))
    tags, mentions, links = _facets(record, text)
    embed = as_dict(record.get("embed"))
    quoted = _quoted(embed)
    external = as_dict(_media_of(embed).get("external")).get("uri")
    langs = record.get("langs")
    return build(
        reading.meta,
        id=event_id(did, rkey),
        type="reply" if parent else "quote" if quoted else "post",
        created_at=created,
        edited_at=edited_at,
        item=item,
        text=text,
        url=f"https://bsky.app/profile/{did}/post/{rkey}",
        lang=language(langs[0]) if isinstance(langs, list) and langs else None,
        author=author,
        tags=[*tags, *(word(t, 100) for t in as_list(record.get("tags"))), *find_tags(text)],
        mentions=mentions,
        links=[
            *links,
            *([external] if isinstance(external, str) else []),
            *([_address(quoted)] if quoted else []),
        ],
        media=list(_media(embed, did, sensitive=_labelled(record))),
        reply_to=f"bluesky::{parent}" if parent else None,
        thread=f"bluesky::{root}" if root else None,
    )


def _facets(record: dict[str, Any], text: str) -> tuple[list[str], list[str], list[str]]:
    """Return tags, handles and links; facets give their positions in bytes of UTF-8."""
    tags, mentions, links = [], [], []
    encoded = text.encode("utf-8", "surrogatepass")
    for facet in as_list(record.get("facets")):
        index = as_dict(as_dict(facet).get("index"))
        first, last = index.get("byteStart"), index.get("byteEnd")
        valid = isinstance(first, int) and isinstance(last, int) and 0 <= first <= last <= len(encoded)
        part = encoded[first:last].decode("utf-8", "replace") if valid else ""
        for feature in map(as_dict, as_list(as_dict(facet).get("features"))):
            if isinstance(feature.get("tag"), str):
                tags.append(word(feature["tag"], 100))
            elif isinstance(feature.get("uri"), str):
                links.append(feature["uri"])
            elif isinstance(feature.get("did"), str):
                mentions.append(word(part.strip()) if part.strip().startswith("@") else word(feature["did"]))
    return tags, mentions, links


def _quoted(embed: dict[str, Any]) -> str | None:
    if embed.get("$type") not in _WITH_RECORD:
        return None
    record = as_dict(embed.get("record"))
    uri = _uri(as_dict(record.get("record")).get("uri") or record.get("uri"))
    return uri if uri and f"/{POST}/" in uri else None


def _media_of(embed: dict[str, Any]) -> dict[str, Any]:
    return as_dict(embed.get("media")) if isinstance(embed.get("media"), dict) else embed


def _labelled(record: dict[str, Any]) -> bool:
    """Check whether the author labelled the attachment as sensitive."""
    values = as_list(as_dict(record.get("labels")).get("values"))
    return any(as_dict(value).get("val") in _SENSITIVE for value in values)


def _media(embed: dict[str, Any], did: str, *, sensitive: bool) -> Iterator[Media]:
    part = _media_of(embed)
    for image in map(as_dict, as_list(part.get("images")) + as_list(part.get("items"))):
        if cid := _cid(image.get("image")):
            ratio = as_dict(image.get("aspectRatio"))
            yield Media(
                url=f"https://cdn.bsky.app/img/feed_fullsize/plain/{did}/{cid}@jpeg",
                alt=word(image.get("alt"), 2_000) or None,
                width=_size(ratio.get("width")),
                height=_size(ratio.get("height")),
                sensitive=sensitive,
            )
    if cid := _cid(part.get("video")):
        url = f"https://video.bsky.app/watch/{did}/{cid}/playlist.m3u8"
        yield Media(
            url=url,
            kind="video",
            alt=word(part.get("alt"), 2_000) or None,
            width=_size(as_dict(part.get("aspectRatio")).get("width")),
            height=_size(as_dict(part.get("aspectRatio")).get("height")),
            sensitive=sensitive,
        )


def _cid(blob: object) -> str:
    """Return the content id of an attachment; posts of 2022 and early 2023 contain only the id."""
    record = as_dict(blob)
    cid = word(as_dict(record.get("ref")).get("$link") or record.get("cid"))
    return cid if cid.isalnum() else ""


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 100_000 else None


# -- API responses -------------------------------------------------------------------------------


def _views(document: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the posts in a response, each with author and record."""
    if depth > 50:
        return
    if isinstance(document, list):
        for item in document:
            yield from _views(item, depth + 1)
    elif isinstance(document, dict):
        named = isinstance(document.get("uri"), str)
        value = as_dict(document.get("value"))
        if named and (isinstance(document.get("record"), dict) or _unavailable(document)):
            yield document
        elif named and isinstance(value.get("post"), dict):
            yield value["post"]  # an item of a thread from getPostThreadV2
        elif named and value:
            yield document if _unavailable(value) else {**document, "record": value}
        elif isinstance(document.get("post"), dict):
            reason = as_dict(document.get("reason"))
            shared = word(reason.get("$type")).endswith("#reasonRepost")
            yield {**document["post"], "reason": reason} if shared else document["post"]
            if isinstance(document.get("parent"), dict):
                yield from _views(document["parent"], depth + 1)
            yield from _views(as_list(document.get("replies")), depth + 1)
        elif isinstance(document.get("item"), dict):
            yield from _views(document["item"], depth + 1)
        else:
            for name in _PAGES:
                if name in document:
                    yield from _views(document[name], depth + 1)


def _unavailable(document: dict[str, Any]) -> bool:
    """Check for the placeholder of a post that was deleted or whose author blocks the reader."""
    name = word(document.get("$type")).rpartition("#")[2]
    return name in _UNAVAILABLE or document.get("notFound") is True or document.get("blocked") is True


def _is_page(document: Any) -> bool:
    """Check for a response that can contain posts."""
    return document == [] or (
        isinstance(document, dict) and any(isinstance(document.get(n), list) for n in _PAGES)
    )


def _view(view: dict[str, Any], reading: Reading) -> Iterator[Event]:
    if "record" not in view:
        reading.counts["unavailable"] += 1
        return
    profile = as_dict(view.get("author"))
    uri = _uri(view.get("uri")) or _uri_with_did(view.get("uri"), profile)
    if uri is None:
        raise ValueError("no uri with a did, so the post has no id")
    did, collection, rkey = uri.removeprefix("at://").split("/", 2)
    if collection not in {POST, REPOST}:
        reading.counts["other_records"] += 1
        return
    indexed = optional_time(view.get("indexedAt")) or reading.meta.received_at
    author, record = _person(profile, did), as_dict(view["record"])
    yield _post(reading, did, rkey, collection, record, author=author, seen=indexed, item=view)
    reason = as_dict(view.get("reason"))
    sharer = as_dict(reason.get("by"))
    if word(sharer.get("did")).startswith("did:"):
        repost = _uri(reason.get("uri"))
        yield build(
            reading.meta,
            id=f"bluesky::{repost}" if repost else f"bluesky::{uri}#repost/{word(sharer['did'])}",
            type="repost",
            created_at=optional_time(reason.get("indexedAt")),
            author=_person(sharer, word(sharer["did"])),
            repost_of=f"bluesky::{uri}",
            item={"uri": uri, "reason": reason},
        )


def _person(profile: dict[str, Any], did: str) -> Author | None:
    handle = word(profile.get("handle")) or did
    return author_of(handle, did, profile.get("displayName"), url=f"https://bsky.app/profile/{did}")


def _what(document: Any) -> str | None:
    """Describe an API object that is not a post; None if it is not from Bluesky."""
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict):
        return None
    if isinstance(first.get("error"), str):
        message = printable(first.get("message") or "", 200)
        return f"error from the server: {printable(first['error'], 60)} {message}".rstrip()
    if "lexicon" in first:
        return "a schema (lexicon), not posts"
    if "did" in first:
        return "a profile, not a post"
    if "$type" in first:
        return f"a record ({word(first['$type'], 100)}) without the did of its author"
    return None


def _uri_with_did(uri: object, author: dict[str, Any]) -> str | None:
    """Replace the author's handle in a uri by their did, because handles can change owners."""
    did = word(author.get("did"))
    handle, _, rest = word(uri, 390).removeprefix("at://").partition("/")
    matches = did.startswith("did:") and handle and handle == word(author.get("handle"))
    return _uri(f"at://{did}/{rest}") if matches else None


def _uri(value: object) -> str | None:
    """Return the value if it is the uri of a record (``at://did/collection/rkey``), otherwise None."""
    uri = word(value, 390)
    parts = uri.removeprefix("at://").split("/")
    return uri if uri.startswith("at://did:") and len(parts) == 3 and all(parts) else None


def _address(uri: str) -> str:
    did, _, rkey = uri.removeprefix("at://").split("/")
    url = f"https://bsky.app/profile/{did}/post/{rkey}"
    return url if is_web_url(url) else ""
