"""Flickr: public photos with given tags, from its search or, without a key, from its feed."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Literal
from urllib.parse import urlencode

import msgspec

from rtanalytics.sources.base import (
    AuthFailed,
    Blocked,
    Meta,
    Parsed,
    SourceError,
    Transient,
    printable,
    redact,
)
from rtanalytics.sources.polled import PolledSource, PolledSpec, SeenCursor, check_address
from rtanalytics.sources.secrets import check_secret

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer, Validators

__all__ = ["FlickrSource", "FlickrSpec", "Spec", "open_source"]

ACCESS = "open"
ABOUT = """\
Reads public photos and videos with given tags. Without a key it reads Flickr's feed, which has only the
20 newest: if there are more between two polls, the others are lost, and a `gap` event is sent where that
can be seen. With the key of an application of your own it searches, up to 4,000 photos back, with 3,600
requests per hour. Pictures are linked, never downloaded. The id of a photo is its number in both cases.
Edits of titles and descriptions are seen only with a key, deletions never.
"""
EXAMPLE = """\
[[source]]
type = "flickr"
name = "flickr-pycon"
tags = ["pycon", "pycon2026"]
api_key = "env:FLICKR_KEY"         # optional
"""

PAGE = 250
OVERLAP = timedelta(hours=1)
"""How far before the newest known photo each search begins, because photos are indexed late."""

EXTRAS = "date_upload,date_taken,last_update,owner_name,tags,description,url_m,url_z,media"
_REFUSED = re.compile(rb'"stat"\s*:\s*"fail"')
_CREDENTIALS = {96, 97, 98, 99, 100}
_PASSING = {0, 10, 105, 106, 201}


class FlickrSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="flickr"):
    """A ``[[source]]`` table with ``type = "flickr"``.

    Parameters
    ----------
    name : str
        Name of the source.
    tags : list of str
        Tags of the photos, at most 20.
    match : {'any', 'all'}
        Whether photos need any or all of the tags.
    api_key : str, optional
        ``"env:NAME"``: the key of your application. Without it the feed is read.
    back : timedelta
        How far back the first poll goes.
    url : str
        URL of Flickr's services.
    every : timedelta, optional
        How often to ask; 5 minutes.
    timeout : timedelta
        For a whole request, the last byte included.
    budget : timedelta
        For parsing one page, on the clock.
    max_bytes : int
        Of a page, packed and unpacked.
    allow_private : bool
        True if the host in ``url`` is meant to have a private or loopback address.
    hints : bool
        False to ask every ``every``, whatever the other side would like.

    Raises
    ------
    ValueError
        If a value cannot be; the message names it and what to write instead.
    """

    connector: ClassVar[str] = "flickr@1"
    parser: ClassVar[str] = "rtanalytics.sources.flickr.parse:parse"
    tags: list[str]
    match: Literal["any", "all"] = "any"
    api_key: str | None = None
    back: timedelta = timedelta(days=2)
    url: str = "https://api.flickr.com/services"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_address(self.url, "url")
        check_secret(self.api_key, "api_key")
        if not 1 <= len(self.tags) <= 20:
            raise ValueError('tags must have 1 to 20 tags; write a list such as tags = ["pycon"]')
        for tag in self.tags:
            if not re.fullmatch(r"[^\s,#]{1,100}", tag) or not tag.isprintable():
                raise ValueError(f"tags: invalid tag {printable(tag, 60)!r}; write it without # and spaces")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, url={redact(self.url)!r}, tags={self.tags!r})"

    @property
    def scope(self) -> str:
        """The sorted tags."""
        tags = ",".join(sorted({tag.lower() for tag in self.tags}))
        return f"{tags}/all" if self.match == "all" and len(self.tags) > 1 else tags

    def meta(self, received_at: datetime) -> Meta:
        return msgspec.structs.replace(super().meta(received_at), url=self.url)


class FlickrSource(PolledSource[FlickrSpec, SeenCursor]):
    """Photos with given tags.

    Parameters
    ----------
    spec : FlickrSpec
        Configuration.
    counts : Counter
        ``items`` and what every polled source counts.
    """

    bucket = "flickr"
    cursor = SeenCursor
    gaps: ClassVar[bool] = True

    def __init__(self, spec: FlickrSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts, spec.url)
        self.pages = 1 if spec.api_key is None else 4_000 // PAGE

    def first(self, state: SeenCursor) -> str:
        tags, base = sorted({tag.lower() for tag in self.spec.tags}), self.spec.url.rstrip("/")
        key = self.secret("api_key")
        if key is None:
            query = {
                "tags": ",".join(tags),
                "tagmode": self.spec.match,
                "format": "json",
                "nojsoncallback": "1",
            }
            return f"{base}/feeds/photos_public.gne?{urlencode(query)}"
        since = datetime.now(UTC) - self.spec.back
        if state.newest:
            since = datetime.fromtimestamp(state.newest / 1000, UTC) - OVERLAP
        search: dict[str, str | int] = {"method": "flickr.photos.search", "tags": ",".join(tags)}
        search |= {
            "tag_mode": self.spec.match,
            "sort": "date-posted-desc",
            "extras": EXTRAS,
            "safe_search": 1,
        }
        search |= {"min_upload_date": int(since.timestamp()), "per_page": PAGE, "page": 1}
        search |= {"format": "json", "nojsoncallback": 1, "api_key": key}
        return f"{base}/rest/?{urlencode(search)}"

    def query(self) -> str:
        return f"{self.spec.url}\n{self.spec.scope}\n{self.spec.api_key is not None}"

    async def ask(self, url: str, known: Validators | None = None) -> Answer:
        """Fetch a page, and raise an error that the service sends as 200 with the reason in the body.

        Raises
        ------
        AuthFailed, Blocked, Transient
            Depending on the reason.
        """
        answer = await super().ask(url, known)
        if len(answer.body) < 5_000 and (refusal := _refusal(answer.body)) is not None:
            raise refusal
        return answer

    def following(self, answer: Answer, parsed: Parsed) -> str | None:
        from yarl import URL

        return None if parsed.next is None else str(URL(answer.url).update_query(page=parsed.next))

    def meets_known(self, state: SeenCursor, parsed: Parsed) -> bool:
        """Return True if a page of the feed has known photos; a search has a lower bound instead."""
        if self.spec.api_key is None:
            return super().meets_known(state, parsed)
        return not parsed.events and not parsed.rejects


def _refusal(body: bytes) -> SourceError | None:
    """Return the error that a response contains; its class determines the reaction."""
    if not _REFUSED.search(body):
        return None
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(data, dict) or data.get("stat") != "fail":
        return None
    code, reason = data.get("code"), printable(data.get("message", ""), 200)
    message = f"Flickr refuses ({printable(code, 20)}): {reason}"
    if code in _CREDENTIALS:
        return AuthFailed(f"{message}; check the key that api_key names")
    return Transient(message) if code in _PASSING else Blocked(f"{message}; check the tags")


Spec, open_source = FlickrSpec, FlickrSource
