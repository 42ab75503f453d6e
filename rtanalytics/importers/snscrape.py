"""Importer for the JSON lines of snscrape (``--jsonl``) and twscrape, of old and new versions.

Tweets and posts of Reddit get the same ids as in other exports. Items of other services are rejected
with the name of the service.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rtanalytics.event import Event, Media
from rtanalytics.importers.base import Options, Rejected
from rtanalytics.importers.common import build, event_or_rejected, moment
from rtanalytics.importers.json_stream import Value, sample, values
from rtanalytics.importers.parsed import Conversion
from rtanalytics.importers.reading import open_bytes
from rtanalytics.importers.tweet_fields import account_of, address_of
from rtanalytics.importers.twitter_web import media_addresses, native_id, text_mentions, time_of
from rtanalytics.normalize.text import find_tags, unescape
from rtanalytics.normalize.tweets import tweet_language
from rtanalytics.normalize.values import InvalidValue, as_dict, as_dicts, as_list, require_dict
from rtanalytics.untrusted import abbreviate

__all__ = ["SNSCRAPE"]

CONNECTOR = "snscrape@1"
_PREFIX = "snscrape.modules."
_REDDIT = "rtanalytics.sources.reddit.parse:parse"
_SITES = ("https://twitter.com/", "https://x.com/")


class _Snscrape:
    """Importer for JSON lines of snscrape and twscrape."""

    edits = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True for an item with ``_type``, and for a tweet of the versions that write no ``_type``."""
        return any(isinstance(value, dict) and (_kind(value) is not None) for value in sample(head))

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file."""
        conversion: Conversion | None = None
        with open_bytes(path) as file:
            for item in values(path, file.read1):
                if isinstance(item, Rejected):
                    yield item
                elif isinstance(item.value, dict) and _kind(item.value) in (
                    "reddit.Submission",
                    "reddit.Comment",
                ):
                    conversion = conversion or Conversion(_REDDIT, "reddit", CONNECTOR)
                    yield from _thing(item, conversion, path)
                else:
                    yield from event_or_rejected(_tweet, item.value, path, item.where, item.raw or None)


SNSCRAPE = _Snscrape()


def _kind(value: dict[str, Any]) -> str | None:
    """Return the kind of an item, such as ``twitter.Tweet``, or None if it is not from snscrape."""
    kind = value.get("_type")
    if isinstance(kind, str) and kind.startswith(_PREFIX):
        return kind.removeprefix(_PREFIX)
    text = value.get("rawContent", value.get("content"))
    is_tweet = (
        isinstance(value.get("date"), str)
        and isinstance(text, str)
        and isinstance(value.get("url"), str)
        and value["url"].startswith(_SITES)
        and bool(_handle(value))
    )
    return "twitter.Tweet" if is_tweet else None


def _handle(value: dict[str, Any]) -> str | None:
    handle = as_dict(value.get("user")).get("username") or value.get("username")
    return handle if isinstance(handle, str) else None


def _tweet(value: Any) -> Event:
    tweet = require_dict(value)
    kind = _kind(tweet)
    if kind != "twitter.Tweet":
        what = f"snscrape's {abbreviate(kind)}" if kind else "not an item of snscrape"
        raise InvalidValue(f"{what}; only its tweets and posts of Reddit are read")
    text = next(
        (tweet[n] for n in ("rawContent", "content", "renderedContent") if isinstance(tweet.get(n), str)),
        None,
    )
    if text is None:
        raise InvalidValue("the tweet has no rawContent and no content")
    text = unescape(text)
    native = native_id(tweet.get("url"), tweet.get("id_str"), tweet.get("id"))
    user = as_dict(tweet.get("user"))
    author = account_of(_handle(tweet), user.get("id_str") or user.get("id"), user.get("displayname"))
    replied, shared, quoted = (
        _reference(tweet.get(whole), tweet.get(id))
        for whole, id in (("inReplyToTweet", "inReplyToTweetId"), ("retweetedTweet", ""), ("quotedTweet", ""))
    )
    original = as_dict(tweet.get("retweetedTweet"))
    sources = [tweet, original] if shared else [tweet]
    return build(
        id=f"twitter::{native}",
        source="twitter",
        type="repost" if shared else "reply" if replied else "quote" if quoted else "post",
        created_at=time_of(tweet.get("date"), native),
        connector=CONNECTOR,
        author=author,
        to=as_dict(tweet.get("inReplyToUser")).get("username"),
        text=text,
        url=address_of(native, author),
        lang=tweet_language(tweet.get("lang")),
        tags=[t for part in sources for t in as_list(part.get("hashtags")) if isinstance(t, str)]
        or find_tags(text),
        mentions=[
            str(user.get("username") or "")
            for part in sources
            for user in as_dicts(part.get("mentionedUsers"))
        ]
        or text_mentions(text),
        links=[link for part in sources for link in _links(part)],
        media=list(_media(tweet)) or list(_media(original)),
        reply_to=replied,
        repost_of=shared,
    )


def _reference(whole: Any, id: Any) -> str | None:
    """Return the id of another tweet that is given as an object or a number, or None."""
    if isinstance(whole, dict):
        return f"twitter::{native_id(whole.get('url'), whole.get('id_str'), whole.get('id'))}"
    return None if id is None else f"twitter::{native_id(None, id)}"


def _links(tweet: dict[str, Any]) -> list[str]:
    """Return the links of a tweet.

    New versions write a list of objects; old versions a list of URLs, or one text with URLs between blanks.
    """
    found = [str(link.get("url") or "") for link in as_dicts(tweet.get("links"))]
    old = tweet.get("outlinks")
    return found or (
        old.split() if isinstance(old, str) else [link for link in as_list(old) if isinstance(link, str)]
    )


def _media(tweet: dict[str, Any]) -> Iterator[Media]:
    for item in media_addresses(tweet.get("media")):
        photo = item.get("fullUrl") or (item.get("url") if "variants" not in item else None)
        videos = [v for v in as_dicts(item.get("variants")) if isinstance(v.get("url"), str)]
        best = max(videos, key=lambda v: v["bitrate"] if isinstance(v.get("bitrate"), int) else 0, default={})
        address = photo or best.get("url") or item.get("thumbnailUrl")
        if isinstance(address, str):
            yield Media(url=address, kind="image" if photo else "video")


def _thing(item: Value, conversion: Conversion, path: Path) -> Iterator[Event | Rejected]:
    """Yield the event of a post or comment of Reddit, made by the parser of the live source."""
    post = item.value
    try:
        created = moment(post.get("date", post.get("created"))).timestamp()
    except InvalidValue as error:
        yield Rejected(path, item.where, str(error), item.raw)
        return
    is_comment = _kind(post) == "reddit.Comment"
    address = str(post.get("url") or "")
    thread = address.partition("/comments/")[2].partition("/")[0]
    thing = {
        "name": post.get("id"),
        "author": post.get("author"),
        "created_utc": created,
        "subreddit": post.get("subreddit"),
        "permalink": f"/{address.partition('.reddit.com/')[2]}" if ".reddit.com/" in address else None,
    }
    if is_comment:
        parent = post.get("parentId")
        thing |= {
            "body": post.get("body"),
            "link_id": f"t3_{thread}" if thread else None,
            "parent_id": parent,
        }
    else:
        thing |= {"title": post.get("title"), "selftext": post.get("selftext") or "", "url": post.get("link")}
        thing["is_self"] = post.get("link") is None
    yield from conversion.events(thing, file=path, where=item.where)
