"""Importer for Twitter archives, which users download with their own tweets.

``tweets.js`` (``tweet.js`` before 2022; ``tweets-part1.js`` and so on for large accounts) assigns a list
to a variable. Only the list is read, and no code is executed. ``account.js`` names the author,
``note-tweet.js`` has the full text of long tweets, and ``deleted-tweets.js`` the deleted tweets. Before
2018 there was one file per month, such as ``data/js/tweets/2014_08.js``.
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
from rtanalytics.importers.base import ImporterError, Options, member_of
from rtanalytics.importers.bundle import TarBundle, bundle
from rtanalytics.importers.common import event_or_rejected
from rtanalytics.importers.json_stream import NotJson, members, walk
from rtanalytics.importers.reading import begins, open_bytes
from rtanalytics.importers.tweet_fields import account_of, deletion, tweet_id, twitter_time
from rtanalytics.importers.twitter_v1 import tweet_v1
from rtanalytics.importers.unpack import BROKEN, unreadable
from rtanalytics.normalize.text import unescape

__all__ = ["ARCHIVE"]

_TWEETS = re.compile(
    r"(?:^|/)(?P<deleted>deleted-)?(?:tweets?|community-tweet)(?:-part\d+)?\.js$|(?:^|/)tweets/\d{4}_\d\d\.js$"
)
_NOTES = re.compile(r"(?:^|/)note-tweet(?:-part\d+)?\.js$")
_ACCOUNT = re.compile(r"(?:^|/)account\.js$")
_ASSIGNED = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*(?:window\.YTD\.(?:deleted_)?(?:tweets?|community_tweet)\.part\d+"
    rb"|Grailbird\.data\.tweets_\d{4}_\d\d)\s*="
)
_CUT = re.compile(r"(?:…|\.\.\.)?(?<!\s)\s*(?:https://t\.co/\w+\s*)?\Z")
"""Ellipsis and link at the end of a long tweet that was shortened."""

_OWNER = Author(handle="archive owner")
"""Author for an archive without ``account.js``; real handles cannot contain a blank."""

Notes = dict[datetime, list[dict[str, Any]]]
"""Long tweets by the second in which they were posted, because the archive does not give their ids."""

_RETWEET = re.compile(r"RT @\w+: ")


class _Archive:
    """Importer for Twitter archives."""

    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if a file assigns tweets to a variable, or an archive has files that do."""
        if _ASSIGNED.match(head):
            return True
        if not path.is_dir() and not head.startswith(b"PK\x03\x04"):
            return False
        files = bundle(path)
        return files is not None and any(_TWEETS.search(name) for name in files.names())

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of an archive, or of one file; other files in its folder complete the tweets."""
        files = bundle(path) if path.is_dir() or begins(_first_bytes(path)) == b"P" else None
        account, notes = None, Notes()
        if files is None:
            for neighbour in sorted(path.parent.glob("*.js")):
                if _ACCOUNT.search(neighbour.name):
                    with open_bytes(neighbour) as file:
                        account = _account(file.read)
                elif _NOTES.search(neighbour.name):
                    with open_bytes(neighbour) as file:
                        _read_notes(file.read, notes)
            with open_bytes(path) as file:
                yield from _tweets(str(path), path.name, file, account, notes)
            return
        if isinstance(files, TarBundle):
            raise ImporterError(f"{path}: a Twitter archive is a zip or a folder; unpack it")
        names = files.names()
        for name in filter(_ACCOUNT.search, names):
            with files.open(name) as file:
                account = _account(file.read)
        for name in filter(_NOTES.search, names):
            with files.open(name) as file:
                _read_notes(file.read, notes)
        for name in filter(_TWEETS.search, names):
            with files.open(name) as file:
                yield from _tweets(member_of(path, name), name, file, account, notes)


ARCHIVE = _Archive()


def _first_bytes(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(4)
    except OSError as error:
        raise unreadable(path, error) from None


def _account(read: Callable[[int], bytes]) -> Author | None:
    with suppress(NotJson, *BROKEN):  # the tweets can be read without it
        for _, value, _ in walk(read, (), assigned=True):
            account = value.get("account") if isinstance(value, dict) else None
            if isinstance(account, dict):
                return account_of(
                    account.get("username"), account.get("accountId"), account.get("accountDisplayName")
                )
    return None


def _read_notes(read: Callable[[int], bytes], notes: Notes) -> None:
    """Add the long tweets of a file to ``notes``."""
    with suppress(NotJson, *BROKEN):  # the shortened tweets can be read without it
        for _, value, _ in walk(read, (), assigned=True):
            note = value.get("noteTweet") if isinstance(value, dict) else None
            core = note.get("core") if isinstance(note, dict) else None
            if isinstance(note, dict) and isinstance(core, dict) and isinstance(core.get("text"), str):
                with suppress(ValueError):  # a long tweet without a time cannot be matched with its tweet
                    at = twitter_time(note.get("createdAt")).replace(microsecond=0)
                    notes.setdefault(at, []).append(_extended(core))


def _extended(core: dict[str, Any]) -> dict[str, Any]:
    """Convert a long tweet to an ``extended_tweet`` as in the API."""
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


def _completed(tweet: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """Return a tweet with the full text of the long tweet that has the same time and beginning."""
    beginning = _CUT.sub("", str(tweet.get("full_text") or tweet.get("text") or ""))
    if not beginning or not notes:
        return tweet
    second = twitter_time(tweet.get("created_at"), tweet_id(tweet)).replace(microsecond=0)
    for note in (n for offset in (0, 1, -1) for n in notes.get(second + timedelta(seconds=offset), ())):
        text = note["full_text"]
        if unescape(text).startswith(unescape(beginning)) and len(text) > len(beginning):
            return {**tweet, "extended_tweet": note}
    return tweet


def _tweets(
    file: str, name: str, stream: BinaryIO, account: Author | None, notes: Notes
) -> Iterator[Event | ValueError]:
    found = _TWEETS.search(name)
    deleted = found is not None and bool(found["deleted"])

    def build(value: Any) -> Event:
        tweet = value.get("tweet", value)
        return _deletion(tweet) if deleted else _tweet(tweet, account, notes)

    for _, where, value in members(file, stream.read, assigned=True):
        yield from event_or_rejected(build, value, file, where)


def _deletion(tweet: dict[str, Any]) -> Event:
    native, deleted_at, created_at = tweet_id(tweet), tweet.get("deleted_at"), tweet.get("created_at")
    return deletion(
        native,
        twitter_time(deleted_at) if deleted_at else None,
        twitter_time(created_at, native) if created_at else None,
    )


def _tweet(tweet: dict[str, Any], account: Author | None, notes: Notes) -> Event:
    text = tweet.get("full_text") or tweet.get("text") or ""
    event = tweet_v1(_completed(tweet, notes), account)
    if not event.repost_of and _RETWEET.match(text):
        # in an archive, only the text shows that a tweet is a retweet
        event = msgspec.structs.replace(event, type="repost")
    return event if event.author else msgspec.structs.replace(event, author=_OWNER)
