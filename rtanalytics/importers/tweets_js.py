"""A Twitter archive: what people get who ask Twitter for their own data.

``tweets.js`` (``tweet.js`` before 2022, ``tweets-part1.js`` and so on of the prolific) assigns a list to a
variable. It is read as the list that it is; nothing is run. Whose tweets they are stands in ``account.js``
beside it, what a long tweet said after its beginning in ``note-tweet.js``, and ``deleted-tweets.js`` has
those to be forgotten. Before 2018 there was a file a month, ``data/js/tweets/2014_08.js``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from rtanalytics.event import Author, Event
from rtanalytics.importers import ImporterError, Options, Rejected
from rtanalytics.importers.bundle import TarBundle, bundle, shown
from rtanalytics.importers.common import ODD, author_of, reason_of, unquoted
from rtanalytics.importers.json_stream import Broken, NotJson, walk
from rtanalytics.importers.reading import BROKEN, begins, open_bytes
from rtanalytics.importers.twitter import classic, deletion, tweet_id, twitter_time

__all__ = ["ARCHIVE"]

_TWEETS = re.compile(
    r"(?:^|/)(?P<gone>deleted-)?(?:tweets?|community-tweet)(?:-part\d+)?\.js$|(?:^|/)tweets/\d{4}_\d\d\.js$"
)
_NOTES = re.compile(r"(?:^|/)note-tweet(?:-part\d+)?\.js$")
_ACCOUNT = re.compile(r"(?:^|/)account\.js$")
_ASSIGNED = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*(?:window\.YTD\.(?:deleted_)?(?:tweets?|community_tweet)\.part\d+"
    rb"|Grailbird\.data\.tweets_\d{4}_\d\d)\s*="
)
_CUT = re.compile(r"(?:…|\.\.\.)?(?<!\s)\s*(?:https://t\.co/\w+\s*)?\Z")
"""How the beginning of a long tweet ends, and what is not part of it."""

_OWNER = Author(handle="archive owner")
"""Who wrote an archive without ``account.js``: one person, by no name that Twitter would give."""

Notes = dict[datetime, list[dict[str, Any]]]

_RETWEET = re.compile(r"RT @\w+: ")


class _Archive:
    """Importer of Twitter archives."""

    what = "Twitter archive (zip, folder or tweets.js)"
    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """True by the assignment, or by the files in it."""
        if _ASSIGNED.match(head):
            return True
        if not path.is_dir() and not head.startswith(b"PK\x03\x04"):
            return False
        files = bundle(path)
        return files is not None and any(_TWEETS.search(name) for name in files.names())

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        files = bundle(path) if path.is_dir() or begins(_start(path)) == b"P" else None
        if files is None:
            account, notes = None, Notes()
            for beside in sorted(path.parent.glob("*.js")):
                if _ACCOUNT.search(beside.name):
                    with open_bytes(beside) as file:
                        account = _account(file.read)
                elif _NOTES.search(beside.name):
                    with open_bytes(beside) as file:
                        _read_notes(file.read, notes)
            gone = (found := _TWEETS.search(path.name)) is not None and bool(found["gone"])
            with open_bytes(path) as file:
                yield from _tweets(str(path), file, account, notes, gone=gone)
            return
        if isinstance(files, TarBundle):
            raise ImporterError(f"{path}: a Twitter archive is a zip or a folder; unpack it")
        names = files.names()
        account, notes = None, Notes()
        for name in filter(_ACCOUNT.search, names):
            with files.open(name) as file:
                account = _account(file.read)
        for name in filter(_NOTES.search, names):
            with files.open(name) as file:
                _read_notes(file.read, notes)
        for name in names:
            if found := _TWEETS.search(name):
                with files.open(name) as file:
                    yield from _tweets(
                        f"{path}, {shown(name)}", file, account, notes, gone=bool(found["gone"])
                    )


ARCHIVE = _Archive()


def _start(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(4)
    except OSError as error:
        raise ImporterError(f"{path}: cannot be read: {error.strerror or error}") from None


def _account(read: Callable[[int], bytes]) -> Author | None:
    try:
        for _, value, _ in walk(read, (), assigned=True):
            who = value.get("account") if isinstance(value, dict) else None
            if isinstance(who, dict):
                name = who.get("username")
                url = f"https://twitter.com/{name}" if isinstance(name, str) and name.isascii() else None
                return author_of(name, who.get("accountId"), who.get("accountDisplayName"), url=url)
    except (NotJson, *BROKEN):
        return None  # tweets without an author are better than none
    return None


def _read_notes(read: Callable[[int], bytes], notes: Notes) -> None:
    """The long tweets of an archive, by the second in which they were written; no number leads to them."""
    try:
        for _, value, _ in walk(read, (), assigned=True):
            note = value.get("noteTweet") if isinstance(value, dict) else None
            core = note.get("core") if isinstance(note, dict) else None
            if isinstance(note, dict) and isinstance(core, dict) and isinstance(core.get("text"), str):
                with suppress(ValueError):  # of what has no time nobody can say which tweet it is
                    at = twitter_time(note.get("createdAt")).replace(microsecond=0)
                    notes.setdefault(at, []).append(_extended(core))
    except (NotJson, *BROKEN):
        return  # the beginnings are better than nothing


def _extended(core: dict[str, Any]) -> dict[str, Any]:
    """A long tweet as the API's stream would have it."""
    parts = {
        "urls": ("urls", "expanded_url", "expandedUrl"),
        "hashtags": ("hashtags", "text", "text"),
        "user_mentions": ("mentions", "screen_name", "screenName"),
    }
    entities = {
        name: [{to: one.get(key)} for one in core.get(of) or () if isinstance(one, dict) and one.get(key)]
        for name, (of, to, key) in parts.items()
        if isinstance(core.get(of), list)
    }
    return {"full_text": core["text"], "entities": entities}


def _whole(tweet: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """A tweet with all that it said, where its beginning and its time lead to that."""
    said = _CUT.sub("", str(tweet.get("full_text") or tweet.get("text") or ""))
    if not said or not notes:
        return tweet
    second = twitter_time(tweet.get("created_at"), tweet_id(tweet)).replace(microsecond=0)
    for note in (n for off in (0, 1, -1) for n in notes.get(second + timedelta(seconds=off), ())):
        if unquoted(note["full_text"]).startswith(unquoted(said)) and len(note["full_text"]) > len(said):
            return {**tweet, "extended_tweet": note}
    return tweet


def _tweets(
    file: str, stream: BinaryIO, account: Author | None, notes: Notes, *, gone: bool
) -> Iterator[Event | ValueError]:
    try:
        for _, value, line in walk(stream.read, (), assigned=True):
            where = f"line {line}"
            if isinstance(value, Broken):
                yield Rejected(file, where, value.reason, value.raw)
                continue
            try:
                yield _tweet(value, account, notes, gone=gone)
            except ODD as error:
                yield Rejected(file, where, reason_of(error), repr(value))
    except NotJson as error:
        yield Rejected(file, "document", str(error))
    except BROKEN as error:
        yield Rejected(file, "document", f"damaged or cut off ({error}); fetch it again")


def _tweet(value: Any, account: Author | None, notes: Notes, *, gone: bool) -> Event:
    tweet = value.get("tweet", value)
    if gone:
        at = tweet.get("deleted_at")
        native = tweet_id(tweet)
        written = tweet.get("created_at")
        created = twitter_time(written, native) if written else None
        return deletion(native, twitter_time(at).timestamp() if at else None, created)
    text = tweet.get("full_text") or tweet.get("text") or ""
    event = classic(_whole(tweet, notes), account)
    if not event.repost_of and _RETWEET.match(text):
        # an archive has retweets as text only
        event = msgspec.structs.replace(event, type="repost")
    return event if event.author else msgspec.structs.replace(event, author=_OWNER)
