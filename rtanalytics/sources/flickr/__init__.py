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
    Parsed,
    SourceError,
    Transient,
    printable,
)
from rtanalytics.sources.polled import PolledSource, PolledSpec, SeenCursor
from rtanalytics.sources.secrets import check_secret

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer, Validators

__all__ = ["FlickrSource", "FlickrSpec", "Spec", "open_source"]

ACCESS = "open"
ABOUT = """\
Reads public photos and videos with given tags. Without a key it reads Flickr's feed, which has only the 20
newest: if there are more between two polls, the others are lost. With the key of an application of your own
it searches, up to 4,000 photos back; 3,600 requests per hour are allowed. Pictures are linked, never
downloaded. A photo has the same id in both cases. Edits of titles and descriptions are seen only with a key,
deletions never.
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
FORMAT = {"format": "json", "nojsoncallback": "1"}
_REFUSED = re.compile(rb'"stat"\s*:\s*"fail"')
_CREDENTIALS = {96, 97, 98, 99, 100}
"""Codes of errors about the key."""

_TEMPORARY = {0, 10, 105, 106, 201}
"""Codes of errors that pass."""


class FlickrSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="flickr"):
    """A ``[[source]]`` table with ``type = "flickr"``.

    Parameters
    ----------
    name : str
        Name of the source.
    tags : list of str
        Tags of the photos, at most 20.
    match : {'any', 'all'}
        Whether a photo must have any or all of the tags.
    api_key : str, optional
        The key of your application, as ``"env:NAME"``. Without it the feed is read.
    back : timedelta
        Age of the oldest photos that the first search finds.
    url : str
        URL of Flickr's services.
    every : timedelta, optional
        Polling interval; 5 minutes by default.

    Raises
    ------
    ValueError
        If a value is invalid; the message names it and what to write instead.
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
        check_secret(self.api_key, "api_key")
        if not 1 <= len(self.tags) <= 20:
            raise ValueError('tags must have 1 to 20 tags; write a list such as tags = ["pycon"]')
        for tag in self.tags:
            if not re.fullmatch(r"[^\s,#]{1,100}", tag) or not tag.isprintable():
                raise ValueError(f"tags: invalid tag {printable(tag, 60)!r}; write it without # and spaces")

    @property
    def scope(self) -> str:
        """Sorted tags."""
        tags = ",".join(sorted({tag.lower() for tag in self.tags}))
        return f"{tags}/all" if self.match == "all" and len(self.tags) > 1 else tags


class FlickrSource(PolledSource[FlickrSpec, SeenCursor]):
    """Photos with given tags.

    Parameters
    ----------
    spec : FlickrSpec
        The ``[[source]]`` table.
    counts : Counter
        ``items`` and what every polled source counts.
    """

    bucket = "flickr"
    cursor = SeenCursor

    def __init__(self, spec: FlickrSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts)
        self.pages = 1 if spec.api_key is None else 4_000 // PAGE

    def first(self, state: SeenCursor) -> str:
        tags, base = sorted({tag.lower() for tag in self.spec.tags}), self.spec.url.rstrip("/")
        key = self.secret("api_key")
        if key is None:
            query = {"tags": ",".join(tags), "tagmode": self.spec.match}
            return f"{base}/feeds/photos_public.gne?{urlencode(query | FORMAT)}"
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
        return f"{base}/rest/?{urlencode({**search, **FORMAT, 'api_key': key})}"

    def query(self) -> str:
        return f"{self.spec.url}\n{self.spec.scope}\n{self.spec.api_key is not None}"

    async def ask(self, url: str, known: Validators | None = None) -> Answer:
        """Fetch a page; raise the error if the body contains one although the status is 200.

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
    """Return the error in the body of a response, or None."""
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
    return Transient(message) if code in _TEMPORARY else Blocked(f"{message}; check the tags")


Spec, open_source = FlickrSpec, FlickrSource
