"""Importer for tweets from the browser script twitter-web-exporter, as JSON or CSV.

The id of a tweet is ``twitter::<its id>``, as in other exports. A file exported with "Include all
metadata" has X's links, tags and mentions; otherwise, tags and mentions are found in the text.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rtanalytics.event import Event, Media
from rtanalytics.importers.base import ImporterError, Options, Rejected
from rtanalytics.importers.common import build, event_or_rejected
from rtanalytics.importers.json_stream import sample, values
from rtanalytics.importers.reading import MAX_LINE, begins, head_of, open_bytes
from rtanalytics.importers.tweet_fields import account_of, address_of
from rtanalytics.importers.twitter_web import (
    is_web_tweet,
    media_addresses,
    native_id,
    text_mentions,
    time_of,
    web_tweet,
)
from rtanalytics.importers.unpack import BROKEN
from rtanalytics.normalize.text import find_links, find_tags, unescape
from rtanalytics.normalize.values import InvalidValue, numeric_id, require_dict
from rtanalytics.untrusted import abbreviate

__all__ = ["WEB_EXPORTER"]

CONNECTOR = "twitter-web-exporter@1"
_NEEDED = ("id", "created_at", "full_text", "screen_name")
_MISSING = ("", "null", "N/A")


class _WebExporter:
    """Importer for twitter-web-exporter."""

    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if an object or the CSV header has id, time, text and handle."""
        if begins(head) in (b"[", b"{"):
            return any(
                isinstance(value, dict) and all(isinstance(value.get(n), str) for n in _NEEDED)
                for value in sample(head)
            )
        names = (
            head.removeprefix(b"\xef\xbb\xbf")
            .split(b"\n", 1)[0]
            .decode("utf-8", "replace")
            .strip()
            .replace('"', "")
        )
        return set(_NEEDED) <= set(names.split(","))

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file."""
        is_json = begins(head_of(path, 64)) in (b"[", b"{")
        with open_bytes(path) as file:
            if is_json:
                for item in values(path, file.read1):
                    if isinstance(item, Rejected):
                        yield item
                    else:
                        yield from event_or_rejected(_event, item.value, path, item.where, item.raw or None)
                return
            for where, row in _rows(path, file):
                yield from event_or_rejected(_event, row, path, where)


WEB_EXPORTER = _WebExporter()


def _rows(path: Path, file: io.BufferedReader) -> Iterator[tuple[str, Any]]:
    """Yield place and values of each row of a CSV file; values are the same as in a JSON export."""
    csv.field_size_limit(MAX_LINE)
    line = 1
    try:
        with io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline="") as text:
            reader = csv.reader((row.replace("\0", "") for row in text), strict=True)
            names = next(reader, [])
            if missing := [name for name in _NEEDED if name not in names]:
                raise ImporterError(
                    f"{path}: no column {', '.join(missing)}; export it again with all columns"
                )
            line = reader.line_num + 1
            for cells in reader:
                where = f"line {line}"
                if len(cells) != len(names):
                    reason = f"{len(cells)} fields, but the table has {len(names)} columns"
                    yield where, Rejected(path, where, reason, ",".join(cells))
                elif cells:
                    yield where, {name: _cell(name, cell) for name, cell in zip(names, cells, strict=True)}
                line = reader.line_num + 1
    except csv.Error as error:
        yield (
            "",
            Rejected(path, f"line {line}", f"invalid CSV from here on: {error}; is a quote not closed?"),
        )
    except BROKEN as error:
        yield (
            "",
            Rejected(path, f"after line {line}", f"the file is damaged or cut off ({error}); fetch it again"),
        )


def _cell(name: str, cell: str) -> Any:
    if name in ("media", "metadata", "urls") and cell[:1] in ("[", "{"):
        try:
            return json.loads(cell.replace("\\n", "\n") if name == "media" else cell)
        except (ValueError, RecursionError):
            return None
    if cell in _MISSING and name not in ("full_text", "name"):
        return None
    return cell.replace("\\r", "\r").replace("\\n", "\n") if name == "full_text" else cell


def _event(value: Any) -> Event:
    row = require_dict(value)
    if is_web_tweet(row.get("metadata")):
        return web_tweet(row["metadata"])
    if "full_text" not in row and "screen_name" in row:
        raise InvalidValue("a user, not a tweet; export tweets")
    if not isinstance(row.get("full_text"), str):
        raise InvalidValue(f"full_text {abbreviate(row.get('full_text'))} is not text")
    native = native_id(row.get("url"), row.get("id"))
    author = account_of(row.get("screen_name"), row.get("user_id"), row.get("name"))
    text = unescape(row["full_text"])
    reply_to, shared, quoted = (
        _reference(row.get(n)) for n in ("in_reply_to", "retweeted_status", "quoted_status")
    )
    return build(
        id=f"twitter::{native}",
        source="twitter",
        type="repost" if shared else "reply" if reply_to else "quote" if quoted else "post",
        created_at=time_of(row.get("created_at"), native),
        connector=CONNECTOR,
        author=author,
        text=text,
        url=address_of(native, author),
        tags=find_tags(text),
        mentions=text_mentions(text),
        links=find_links(text),
        media=[
            Media(
                url=str(one.get("original") or one.get("thumbnail") or one.get("url") or ""),
                kind="image" if one.get("type", "photo") == "photo" else "video",
                alt=alt if isinstance(alt := one.get("ext_alt_text"), str) else None,
            )
            for one in media_addresses(row.get("media"))
        ],
        reply_to=reply_to,
        repost_of=shared,
    )


def _reference(value: Any) -> str | None:
    return None if value is None or value in _MISSING else f"twitter::{numeric_id(value)}"
