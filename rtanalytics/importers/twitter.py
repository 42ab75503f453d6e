"""Tweets as the API delivered them: v1.1 objects here, v2 pages and twarc2's lines in ``twitter_v2``.

One object a line, as a stream or twarc writes them, or one document: a list, or a page of a search.
A tweet is ``twitter::<its number>``, under which tables and other exports have it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from rtanalytics.event import Author, Event, Media
from rtanalytics.importers import Options, Rejected
from rtanalytics.importers.common import (
    ODD,
    RowError,
    author_of,
    build,
    language,
    moment,
    number,
    reason_of,
    shortened,
    unquoted,
)
from rtanalytics.importers.json_stream import Broken, NotJson, parse, walk
from rtanalytics.importers.reading import BROKEN, MAX_LINE, begins, lines, open_bytes

__all__ = [
    "TWEETS",
    "classic",
    "deletion",
    "refuse_private",
    "size_of",
    "snowflake_time",
    "tweet_id",
    "twitter_time",
]

CONNECTOR = "twitter-file@1"
_MARKS = re.compile(
    rb'"(?:id_str|statuses|in_reply_to_status_id_str|edit_history_tweet_ids|__twarc|retweet_count|'
    rb'conversation_id|public_metrics)"|\A\s*\{"id":\s*"\d+",\s*"action":'
)
_MONTHS = {m: n for n, m in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_WRITTEN = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) ([+-]\d{4})")
_MAILED = re.compile(r"\w{3}, (\d\d) (\w{3}) (\d{4}) (\d\d:\d\d:\d\d) ([+-]\d{4})")
_TIME = re.compile(r"\w{3} (\w{3}) +(\d+) (\d+):(\d+):(\d+) ([+-])(\d\d)(\d\d) (\d{4})")
_FIRST_SNOWFLAKE = 30_000_000_000
"""Numbers below were counted, those above (from November 2010 on) have the time in them."""

_NOTICES = {
    "limit": "a notice of the stream that it left tweets out",
    "scrub_geo": "a notice of the stream that places are to be forgotten",
    "status_withheld": "a notice of the stream that a tweet is withheld in some countries",
    "user_withheld": "a notice of the stream that somebody is withheld in some countries",
    "disconnect": "a notice of the stream that it ends",
    "warning": "a warning of the stream",
    "friends": "a notice of the stream whom somebody follows",
    "friends_str": "a notice of the stream whom somebody follows",
    "event": "a notice of the stream that somebody did something",
    "direct_message": "a private message, not a tweet",
    "direct_message_events": "private messages, not tweets",
}
"""What a stream also says, for people who read the dead letters."""

_PRIVATE = ("sender_screen_name", "recipient_screen_name", "event_type", "dm_conversation_id")

_LISTS = ("statuses", "results", "tweets", "tweet_create_events", "tweet_delete_events")
"""Where a page has its tweets: of a search, of one before 2013, of what others collected, of a webhook."""

_DEPTH = 8
"""How far pages may lie in pages."""

_APART = ("objects", "globalObjects")
"""Where a collection has tweets and people apart from one another, by their numbers."""

_NO_LANGUAGES = {"und", "qam", "qct", "qht", "qme", "qst", "zxx", "art"}
_LANGUAGES = {"in": "id", "iw": "he", "msa": "ms"}


class _Tweets:
    """Importer of files of tweets."""

    what = "tweets as JSON (API v1.1, v2 and twarc2)"
    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """True by the members that only tweets have."""
        return begins(head) in (b"{", b"[") and _MARKS.search(head) is not None

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        for where, value, raw in _objects(path):
            if isinstance(value, Rejected):
                yield value
                continue
            for item in tweets(value):
                yield item if isinstance(item, Event) else Rejected(path, where, str(item), raw)


TWEETS = _Tweets()


def tweets(value: Any, depth: int = 0) -> Iterator[Event | ValueError]:
    """The events of a JSON value: of a tweet, a page of them, or a notice that one was deleted."""
    from rtanalytics.importers.twitter_v2 import page

    if isinstance(value, ValueError):
        yield value
    elif not isinstance(value, dict) or depth > _DEPTH:
        yield ValueError(f"{shortened(value)} is no tweet")
    elif (inside := _inside(value)) is not None:
        for one in inside:
            yield from tweets(one, depth + 1)
    elif "data" in value or "errors" in value or set(value) <= {"meta", "includes", "__twarc"}:
        yield from page(value)
    else:
        try:
            yield _single(value)
        except ODD as error:
            yield ValueError(reason_of(error))


def _inside(value: dict[str, Any]) -> list[Any] | None:
    """What a page, a webhook, a collection, a lookup or an envelope holds; None if it is none of them."""
    lists = [value[name] for name in _LISTS if isinstance(value.get(name), list)]
    if lists:
        return [one for listed in lists for one in listed]
    for name in _APART:
        if isinstance(value.get(name), dict):
            return list(_joined(value[name]))
    if isinstance(value.get("id"), dict):  # of a lookup with map=true
        return [
            one or ValueError(f"tweet {shortened(n)} is not there any more") for n, one in value["id"].items()
        ]
    if "for_user" in value and isinstance(value.get("message"), dict):
        return [value["message"]]
    return None


def _single(value: dict[str, Any]) -> Event:
    """The event of one object: a tweet of either version, or that one is gone."""
    from rtanalytics.importers.twitter_v2 import modern

    if "text" not in value and (notices := [_NOTICES[name] for name in value if name in _NOTICES]):
        raise RowError(notices[0])
    if "delete" in value or {"status", "timestamp_ms"} == set(value):
        told = value.get("delete", value)
        if "direct_message" in told:
            raise RowError("a private message was deleted, not a tweet")
        at = told.get("timestamp_ms")
        return deletion(tweet_id(told.get("status", {})), int(at) / 1000 if at else None)
    if value.get("action") == "delete" and "text" not in value:
        return _compliance(value)
    if "author_id" in value or "edit_history_tweet_ids" in value or "__twarc" in value:
        return modern(value, {})
    return classic(value)


def classic(tweet: dict[str, Any], account: Author | None = None) -> Event:
    """The event of a v1.1 object.

    Parameters
    ----------
    tweet : dict
        The object.
    account : Author, optional
        Who wrote it where it does not say so.

    Raises
    ------
    ValueError
        If it is none.
    """
    refuse_private(tweet)
    if not any(key in tweet for key in ("text", "full_text", "extended_tweet", "retweeted_status")):
        if "screen_name" in tweet:
            raise RowError("a user, not a tweet")
        if isinstance(tweet.get("error"), str):
            raise RowError(f"an error of the API, not a tweet: {shortened(tweet['error'])}")
        raise RowError(f"it has no text: {shortened(', '.join(list(map(str, tweet))[:6]))}")
    native = tweet_id(tweet)
    first, created = _first(tweet, native), twitter_time(tweet.get("created_at"), native)
    whole = tweet.get("extended_tweet") or {}
    text = _words(tweet)
    said = [tweet.get("entities") or {}, whole.get("entities") or {}]
    shown = [tweet.get("extended_entities") or whole.get("extended_entities") or said[-1] or said[0]]
    user = tweet.get("user") or {}
    author = _person(user) or _searched(tweet) or account
    original = tweet.get("retweeted_status")
    repost_of = None
    if isinstance(original, dict):
        repost_of = f"twitter::{_first(original, tweet_id(original))}"
        said += [original.get("entities") or {}, (original.get("extended_tweet") or {}).get("entities") or {}]
        shown += [original.get("extended_entities") or {}]
        by, said_there = _person(original.get("user") or {}), _words(original)
        if by is not None and said_there and (not text or text.rstrip().endswith("…")):
            text = f"RT @{by.handle}: {said_there}"
    reply_to = tweet.get("in_reply_to_status_id_str") or tweet.get("in_reply_to_status_id")
    quoted = tweet.get("quoted_status_id_str") or tweet.get("is_quote_status") is True
    cut_off = {f"https://twitter.com/i/web/status/{native}"} if whole else set()
    if isinstance(original, dict) and original.get("extended_tweet"):
        cut_off.add(f"https://twitter.com/i/web/status/{tweet_id(original)}")
    links = [link for link in (*_urls(said), *_permalink(tweet)) if link not in cut_off]
    return build(
        id=f"twitter::{first}",
        source="twitter",
        type=_type(repost_of, reply_to, quoted),
        created_at=created if first == native else snowflake_time(first) or created,
        edited_at=None if first == native else created,
        connector=CONNECTOR,
        author=author,
        to=tweet.get("in_reply_to_screen_name") or tweet.get("to_user") or None,
        text=unquoted(text),
        url=f"https://twitter.com/{author.handle if author else 'i'}/status/{native}",
        lang=tongue(tweet.get("lang") or tweet.get("iso_language_code")),
        tags=[str(t.get("text", "")) for e in said for t in e.get("hashtags") or ()],
        mentions=[str(m.get("screen_name", "")) for e in said for m in e.get("user_mentions") or ()],
        links=links,
        media=_media(shown, sensitive=tweet.get("possibly_sensitive") is True),
        reply_to=f"twitter::{number(reply_to)}" if reply_to else None,
        repost_of=repost_of,
    )


def refuse_private(told: dict[str, Any]) -> None:
    """Raise for a private message of either version of the API: it has a number and a text as a tweet has."""
    if any(key in told for key in _PRIVATE):
        raise RowError("a private message, not a tweet")


def deletion(native: str, seconds: float | None = None, created_at: datetime | None = None) -> Event:
    """That a tweet is no more, and since when if that is known."""
    created = created_at or snowflake_time(native)
    gone = None if seconds is None else moment(seconds)
    if created is None:
        created = gone
    if created is None:
        raise RowError(f"tweet {native} was deleted, but nothing says when it was written")
    return build(
        id=f"twitter::{native}", source="twitter", op="delete", created_at=created, edited_at=gone,
        connector=CONNECTOR,
    )  # fmt: skip


def tweet_id(tweet: dict[str, Any]) -> str:
    """A tweet's number; of text and number the text, which never went through a float."""
    return number(tweet.get("id_str") or tweet.get("id"))


def twitter_time(value: object, native: str = "0") -> datetime:
    """``Sun Aug 31 00:29:15 +0000 2014``, whatever the language of the system; or ISO 8601.

    Archives before 2018 have ``2014-08-31 00:29:15 +0000``, and the search before 2013
    ``Sun, 31 Aug 2014 00:29:15 +0000``.

    Raises
    ------
    ValueError
        If it is no time, nor in the tweet's number.
    """
    if isinstance(value, str) and (found := _TIME.fullmatch(value.strip())):
        month, day, hour, minute, second, sign, ahead, more, year = found.groups()
        offset = timedelta(hours=int(ahead), minutes=int(more)) * (-1 if sign == "-" else 1)
        zone = UTC if not offset else timezone(offset)
        if month in _MONTHS:
            return datetime(
                int(year), _MONTHS[month], int(day), int(hour), int(minute), min(int(second), 59), tzinfo=zone
            ).astimezone(UTC)
    if isinstance(value, str) and (found := _WRITTEN.fullmatch(value.strip())):
        value = "{}T{}{}".format(*found.groups())
    elif isinstance(value, str) and (found := _MAILED.fullmatch(value.strip())):
        day, month, year, clock, zone_told = found.groups()
        value = f"{year}-{_MONTHS.get(month, 0):02}-{day}T{clock}{zone_told}"
    if value is None and (known := snowflake_time(native)) is not None:
        return known
    return moment(value)


def snowflake_time(native: str) -> datetime | None:
    """When a tweet was written, to the millisecond, if its number tells.

    Examples
    --------
    >>> snowflake_time("310839606679588864").isoformat()
    '2013-03-10T19:48:32.010000+00:00'
    """
    if int(native) < _FIRST_SNOWFLAKE:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=(int(native) >> 22) + 1288834974657)


def tongue(claim: object) -> str | None:
    """The language; Twitter's codes for none are none, its old ones are today's."""
    return None if claim in _NO_LANGUAGES else language(_LANGUAGES.get(str(claim), claim))


def _type(repost_of: object, reply_to: object, quoted: object) -> str:
    return "repost" if repost_of else "reply" if reply_to else "quote" if quoted else "post"


def _person(user: dict[str, Any]) -> Author | None:
    handle = user.get("screen_name")
    url = f"https://twitter.com/{handle}" if isinstance(handle, str) and handle.isascii() else None
    return author_of(handle, user.get("id_str") or user.get("id"), user.get("name"), url=url)


def _words(tweet: dict[str, Any]) -> str:
    """All that it says, as it was delivered."""
    whole = tweet.get("extended_tweet") or {}
    return whole.get("full_text") or tweet.get("full_text") or tweet.get("text") or ""


def _joined(apart: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Tweets of a collection, each with who wrote it and what it shares inside."""
    found, people = apart.get("tweets"), apart.get("users")
    found, people = (some if isinstance(some, dict) else {} for some in (found, people))
    for one in filter(lambda one: isinstance(one, dict), found.values()):
        whose = one.get("user_id_str") or (
            one["user"].get("id_str") if isinstance(one.get("user"), dict) else None
        )
        shared = found.get(str(one.get("retweeted_status_id_str")))
        more = {"retweeted_status": shared} if isinstance(shared, dict) else {}
        yield {**one, "user": people.get(str(whose)) or one.get("user") or {}, **more}


def _searched(tweet: dict[str, Any]) -> Author | None:
    """Who wrote what the search before 2013 found."""
    handle = tweet.get("from_user")
    url = f"https://twitter.com/{handle}" if isinstance(handle, str) and handle.isascii() else None
    return author_of(handle, tweet.get("from_user_id_str"), tweet.get("from_user_name"), url=url)


def _first(tweet: dict[str, Any], native: str) -> str:
    """The number of the first version; an archive tells of edits."""
    first = ((tweet.get("edit_info") or {}).get("edit") or {}).get("initialTweetId")
    return number(first) if first else native


def size_of(value: object) -> int | None:
    """A number of pixels, which an archive writes as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _urls(entities: Iterable[dict[str, Any]]) -> list[str]:
    urls = [url for e in entities for url in e.get("urls") or ()]
    return [str(u.get("expanded_url") or u.get("url") or "") for u in urls]


def _permalink(tweet: dict[str, Any]) -> list[str]:
    """The address of the tweet that is quoted."""
    link = tweet.get("quoted_status_permalink")
    return [str(link.get("expanded", ""))] if isinstance(link, dict) else []


def _media(entities: Iterable[dict[str, Any]], *, sensitive: bool) -> list[Media]:
    found = []
    for one in (m for e in entities for m in e.get("media") or ()):
        size = (one.get("sizes") or {}).get("large") or {}
        found.append(
            Media(
                url=str(one.get("media_url_https") or one.get("media_url") or ""),
                kind="image" if one.get("type") == "photo" else "video",
                alt=alt if isinstance(alt := one.get("ext_alt_text"), str) else None,
                width=size_of(size.get("w")),
                height=size_of(size.get("h")),
                sensitive=sensitive,
            )
        )
    return found


def _compliance(line: dict[str, Any]) -> Event:
    """A line of a compliance job says that a tweet is gone; one of a user is told by its time."""
    native, created = number(line.get("id")), moment(line.get("created_at"))
    known = snowflake_time(native)
    if known is None or abs(known - created) > timedelta(seconds=2):
        raise RowError(f"{native} is the number of a user, or of a tweet before November 2010")
    gone = line.get("redacted_at")
    return deletion(native, moment(gone).timestamp() if gone else None, created)


def _objects(path: Path) -> Iterator[tuple[str, Any, bytes | str]]:
    """Where, what and how it is written: the values of a file, whichever way they are laid out."""
    if _is_document(path):
        yield from _document(path)
        return
    for line in lines(path):
        if isinstance(line, Rejected):
            yield "", line, b""
            continue
        where = f"line {line[0]}"
        try:
            yield where, parse(line[1]), line[1]
        except RowError as error:
            yield where, Rejected(path, where, str(error), line[1]), b""


def _is_document(path: Path) -> bool:
    """True for a list, and for an object over several lines."""
    with open_bytes(path) as file:
        try:
            head = file.peek(4)[:4].replace(b"\0", b"")
            if begins(head.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")) == b"[":
                return True
            parse(file.readline(MAX_LINE))
        except ValueError:
            return not file.readline(MAX_LINE).startswith(b"{")
        except BROKEN:
            pass
        return False


def _document(path: Path) -> Iterator[tuple[str, Any, bytes | str]]:
    """A list's elements one by one; any other document as one."""
    with open_bytes(path) as file:
        whole: dict[str, Any] = {}
        try:
            listed = False
            for name, value, line in walk(file.read, _LISTS):
                where = f"line {line}"
                if isinstance(value, Broken):
                    yield where, Rejected(path, where, value.reason, value.raw), b""
                elif name in ("", *_LISTS):
                    listed = True
                    yield where, value, repr(value)[:2000]
                else:
                    whole[name] = value
        except NotJson as error:
            yield "", Rejected(path, "document", str(error)), b""
        except BROKEN as error:
            yield "", Rejected(path, "document", f"damaged or cut off ({error}); fetch it again"), b""
        if set(whole) - {"search_metadata", "meta"} and not listed:
            yield "document", whole, repr(whole)[:2000]
