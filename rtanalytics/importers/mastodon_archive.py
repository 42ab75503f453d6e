"""Importer for archives of Mastodon accounts: ``outbox.json``, alone or in a zip, tar.gz or folder.

A post gives the same event as from the server's API. Only public and unlisted posts are read. Uploaded
pictures are left out, because the archive does not contain their URLs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from rtanalytics.event import Event
from rtanalytics.importers.base import ImporterError, Options, Rejected, member_of
from rtanalytics.importers.bundle import Bundle, bundle
from rtanalytics.importers.common import BAD_ROW, reason_of
from rtanalytics.importers.json_stream import Value, parse, sample, values
from rtanalytics.importers.mastodon import HOME
from rtanalytics.importers.parsed import Conversion
from rtanalytics.importers.reading import MAX_LINE, open_bytes
from rtanalytics.importers.unpack import BROKEN
from rtanalytics.normalize.values import InvalidValue, as_dict, as_dicts, as_list, as_text
from rtanalytics.untrusted import abbreviate

__all__ = ["ARCHIVE"]

_LISTS = ("orderedItems", "items")
_POSTS = ("Note", "Question", "Article", "Page", "Video", "Audio", "Image", "Event")
_PUBLIC = ("https://www.w3.org/ns/activitystreams#Public", "as:Public", "Public")
_NAME = re.compile(r"/@([^/@]+)(?:/|$)")
_HEAD = 65_536


class _Archive:
    """Importer for archives of Mastodon accounts."""

    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True for an outbox (a collection of activities) and for an export that contains one."""
        if any(map(_is_outbox, sample(head))):
            return True
        packed = path.is_dir() or head.startswith(b"PK\x03\x04") or head[257:262] == b"ustar"
        files = bundle(path) if packed else None
        return files is not None and _has_outbox(files)

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of an archive."""
        conversion = Conversion(HOME, "mastodon", "mastodon-archive@1")
        files = bundle(path)
        if files is None or _is_single(path):
            actor = _neighbour(path)
            with open_bytes(path) as file:
                yield from _outbox(path, file, actor, conversion)
        else:
            actor = {}
            for name, member in files.each():
                if PurePosixPath(name).name == "actor.json":
                    actor = _actor(member)
            for name, member in files.each():
                if PurePosixPath(name).name == "outbox.json":
                    yield from _outbox(member_of(path, name), member, actor, conversion)
        yield from conversion.report()


ARCHIVE = _Archive()


def _is_outbox(value: Any) -> bool:
    """Return True for a collection of activities, or for one activity."""
    if not isinstance(value, dict):
        return False
    items = [item for name in _LISTS for item in as_dicts(value.get(name))]
    if value.get("type") in ("OrderedCollection", "OrderedCollectionPage", "Collection", "CollectionPage"):
        return any(map(_is_activity, items)) or value.get("id") == "outbox.json"
    return _is_activity(value)


def _is_activity(value: dict[str, Any]) -> bool:
    """Return True for an activity with actor, time and object."""
    return (
        value.get("type") in ("Create", "Announce", "Update", "Delete")
        and isinstance(value.get("actor"), str | dict)
        and isinstance(value.get("object"), str | dict)
        and (isinstance(value.get("published"), str) or "published" in as_dict(value.get("object")))
    )


def _has_outbox(files: Bundle) -> bool:
    with suppress(ImporterError, *BROKEN):
        for name, file in files.each():
            if PurePosixPath(name).name == "outbox.json" and name.count("/") <= 1:
                return any(map(_is_outbox, sample(file.read(_HEAD))))
    return False


def _is_single(path: Path) -> bool:
    """Return True for a zip file without ``outbox.json``; its only file is read as the outbox."""
    if path.is_dir():
        return False
    files = bundle(path)
    return files is not None and not any(PurePosixPath(n).name == "outbox.json" for n in files.names())


def _neighbour(path: Path) -> dict[str, Any]:
    """Return the account from ``actor.json`` in the folder of the outbox, or an empty dict."""
    place = path.parent / "actor.json"
    if not place.is_file() or place.is_symlink():
        return {}
    with open(place, "rb") as file:
        return _actor(file)


def _actor(file: BinaryIO) -> dict[str, Any]:
    with suppress(InvalidValue, OSError, *BROKEN):  # the posts can be read without it
        return as_dict(parse(file.read(MAX_LINE)))
    return {}


def _outbox(
    file: str | Path, stream: BinaryIO, actor: dict[str, Any], conversion: Conversion
) -> Iterator[Event | Rejected]:
    for item in values(file, getattr(stream, "read1", stream.read), _LISTS):
        if isinstance(item, Rejected):
            yield item
        elif _is_collection(item.value):
            for number, inner in enumerate((i for n in _LISTS for i in as_list(item.value.get(n))), start=1):
                where = f"item {number}"
                yield from _activity(Value(where, inner, ""), file, actor, conversion)
        else:
            yield from _activity(item, file, actor, conversion)


def _is_collection(value: Any) -> bool:
    return isinstance(value, dict) and as_text(value.get("type")).endswith(("Collection", "CollectionPage"))


def _activity(
    item: Value, file: str | Path, actor: dict[str, Any], conversion: Conversion
) -> Iterator[Event | Rejected]:
    try:
        status = _status(item.value, actor, conversion)
    except BAD_ROW as error:
        yield Rejected(file, item.where, reason_of(error), repr(item.value))
        return
    if status is None:
        return
    shared = as_dict(status.get("reblog"))
    replied_to = as_text(status.get("in_reply_to_id"))
    yield from conversion.events(
        status,
        file=file,
        where=item.where,
        url=status["uri"],
        options={f"local/{replied_to}": replied_to} if replied_to else None,
        # of a reposted post by another account, the archive has only the address
        left_out=f"mastodon::{shared['uri']}" if shared and "created_at" not in shared else None,
    )


def _status(activity: Any, actor: dict[str, Any], conversion: Conversion) -> dict[str, Any] | None:
    """Convert an activity to a status as in the API; return None if it is left out."""
    if not isinstance(activity, dict):
        raise InvalidValue(f"{abbreviate(activity)} is not an activity")
    kind, inner = activity.get("type"), activity.get("object")
    address = _address(inner)
    if kind == "Announce":
        if not address:
            raise InvalidValue("a repost without the address of the reposted post")
        if not _is_public(activity, default=True):
            conversion.skipped["posts that are not public"] += 1
            return None
        shared = (
            _note(inner, actor)
            if isinstance(inner, dict) and inner.get("type") in _POSTS
            else {"uri": address}
        )
        return {
            "uri": as_text(activity.get("id")),
            "created_at": activity.get("published"),
            "account": _account(activity.get("actor"), actor),
            "reblog": {**shared, "visibility": "public"},
            "visibility": "public",
        }
    if kind == "Delete":
        return {
            "uri": address,
            "created_at": as_dict(inner).get("published") or activity.get("published"),
            "account": _account(activity.get("actor"), actor),
            "text": "",
        }
    if kind not in ("Create", "Update") and activity.get("type") not in _POSTS:
        conversion.skipped["activities that are not posts (likes, follows and the like)"] += 1
        return None
    note: Any = activity if activity.get("type") in _POSTS else inner
    if not isinstance(note, dict):
        raise InvalidValue("the activity has only the address of the post, not its text")
    if note.get("type") not in _POSTS:
        conversion.skipped["activities that are not posts (likes, follows and the like)"] += 1
        return None
    if not _is_public({**activity, **note}, default=False):
        conversion.skipped["posts that are not public"] += 1
        return None
    return _note(note, actor, as_text(activity.get("published")))


def _note(note: dict[str, Any], actor: dict[str, Any], published: str = "") -> dict[str, Any]:
    """Convert a post to a status as in the API."""
    labels, languages = as_dicts(note.get("tag")), list(as_dict(note.get("contentMap")))
    options = [
        {"title": as_text(option.get("name"))}
        for name in ("oneOf", "anyOf")
        for option in as_dicts(note.get(name))
    ]
    content = note.get("content")
    if not isinstance(content, str):
        content = next((c for c in as_dict(note.get("contentMap")).values() if isinstance(c, str)), "")
    if name := as_text(note.get("name")):
        content = f"<p>{name}</p>{content}"
    quoted = next(
        (q for k in ("quote", "quoteUrl", "quoteUri", "_misskey_quote") if (q := _address(note.get(k)))), ""
    )
    return {
        "uri": as_text(note.get("id")),
        "url": _address(note.get("url")),
        "created_at": note.get("published") or published or None,
        "edited_at": note.get("updated"),
        "content": content,
        "spoiler_text": note.get("summary"),
        "sensitive": note.get("sensitive"),
        "language": languages[0] if len(languages) == 1 else None,
        "account": _account(note.get("attributedTo"), actor, _address(note.get("url"))),
        "in_reply_to_id": _address(note.get("inReplyTo")),
        "tags": [{"name": as_text(t.get("name")).lstrip("#")} for t in labels if t.get("type") == "Hashtag"],
        "mentions": [
            {"acct": as_text(t.get("name")).lstrip("@"), "url": t.get("href")}
            for t in labels
            if t.get("type") == "Mention"
        ],
        "media_attachments": [
            {
                "url": _address(file.get("url")),
                "type": as_text(file.get("mediaType")).partition("/")[0],
                "description": file.get("name"),
                "meta": {"original": {"width": file.get("width"), "height": file.get("height")}},
            }
            for file in as_dicts(note.get("attachment"))
        ],
        "poll": {"options": options} if options else None,
        "quote_url": quoted or None,
        "visibility": "public",
    }


def _account(reference: Any, actor: dict[str, Any], post: str = "") -> dict[str, Any]:
    """Return the author as in the API, from ``actor.json`` or from the addresses of author and post."""
    uri = _address(reference) or as_text(actor.get("id"))
    if actor.get("preferredUsername") and as_text(actor.get("id")) in ("", uri, "actor.json"):
        url = _address(actor.get("url")) or uri
        return {
            "username": actor["preferredUsername"],
            "acct": actor["preferredUsername"],
            "display_name": actor.get("name"),
            "uri": uri,
            "url": url,
            "bot": actor.get("type") in ("Service", "Application"),
        }
    named = _NAME.search(urlsplit(post).path) or _NAME.search(urlsplit(uri).path)
    name = named[1] if named else uri.rstrip("/").rpartition("/")[2]
    host = urlsplit(uri or post)
    profile = f"{host.scheme}://{host.netloc}/@{name}" if host.netloc else ""
    return {"username": name, "acct": name, "uri": uri, "url": profile}


def _address(value: Any) -> str:
    """Return the address in a value: a text, a member of an object, or the first in a list; else ""."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            return item
        if isinstance(item, dict):
            for name in ("id", "href", "url"):
                if isinstance(item.get(name), str):
                    return str(item[name])
    return ""


def _is_public(activity: dict[str, Any], *, default: bool) -> bool:
    """Return True if an activity is addressed to everyone, or ``default`` if it has no addressees."""
    addressees = [
        a
        for name in ("to", "cc", "bto", "bcc", "audience")
        for a in _listed(activity.get(name))
        if isinstance(a, str)
    ]
    return any(a in _PUBLIC for a in addressees) if addressees else default


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
