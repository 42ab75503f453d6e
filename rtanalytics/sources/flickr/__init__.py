"""Flickr: public photos with certain tags, by its search or, without a key, by its feed."""

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
    Source,
    SourceError,
    Transient,
    printable,
    redact,
)
from rtanalytics.sources.polled import PolledSource, PolledSpec, SeenCursor, check_address
from rtanalytics.sources.secrets import check_secret

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer, Validators

__all__ = ["ABOUT", "ACCESS", "EXAMPLE", "PARSE", "FlickrSource", "FlickrSpec", "Spec", "meta", "open_source"]

CONNECTOR = "flickr@1"
PARSE = "rtanalytics.sources.flickr.parse:parse"
ACCESS = "open"
ABOUT = """\
Reads public photos and films that have certain tags. Without a key it reads Flickr's feed, which has the
20 newest only: what comes between two readings beyond that is lost, and told as a gap where it shows. With
the key of an application of your own it searches, up to 4,000 photos back, 3,600 requests an hour. Pictures
are linked to, never fetched. A photo is known by its number, however it was found; later titles and
descriptions reach us with the key only, and what is deleted does not.
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
"""How much of what was seen is searched for again: photos enter the search some time after their upload."""

EXTRAS = "date_upload,date_taken,last_update,owner_name,tags,description,url_m,url_z,media"
_REFUSED = re.compile(rb'"stat"\s*:\s*"fail"')
_CREDENTIALS = {96, 97, 98, 99, 100}
_PASSING = {0, 10, 105, 106, 201}


class FlickrSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="flickr"):
    """A ``[[source]]`` table with ``type = "flickr"``.

    Parameters
    ----------
    name : str
        Names the source.
    tags : list of str
        What photos are tagged with; 20 at most.
    match : {'any', 'all'}
        Whether one of the tags is enough.
    api_key : str, optional
        ``"env:NAME"``: the key of an application of yours. Without it the feed is read.
    back : timedelta
        How far back the first search goes.
    url : str
        Where Flickr's services are.
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
            raise ValueError('tags has 1 to 20 tags; write them one by one, such as tags = ["pycon"]')
        for tag in self.tags:
            if not re.fullmatch(r"[^\s,#]{1,100}", tag) or not tag.isprintable():
                raise ValueError(
                    f"tags: {printable(tag, 60)!r} is no tag; write it without # and spaces, such as pycon"
                )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, url={redact(self.url)!r}, tags={self.tags!r})"

    @property
    def scope(self) -> str:
        """The tags, in any order."""
        tags = ",".join(sorted({tag.lower() for tag in self.tags}))
        return f"{tags}/all" if self.match == "all" and len(self.tags) > 1 else tags


Spec = FlickrSpec


def open_source(spec: FlickrSpec, counts: Counter[str]) -> Source:
    """Photos with tags; it connects when it is first polled."""
    return FlickrSource(spec, counts)


def meta(spec: FlickrSpec, received_at: datetime) -> Meta:
    """What the parser has to know, live and when a dead letter is read again."""
    return Meta(source="flickr", scope=spec.scope, connector=CONNECTOR, received_at=received_at, url=spec.url)


class FlickrSource(PolledSource[FlickrSpec, SeenCursor]):
    """Photos with certain tags.

    Parameters
    ----------
    spec : FlickrSpec
        Which.
    counts : Counter
        ``items`` and what every polled source counts.
    """

    bucket = "flickr"
    target = PARSE
    cursor = SeenCursor
    gaps: ClassVar[bool] = True

    def __init__(self, spec: FlickrSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts, spec.url)
        self.pages = 1 if spec.api_key is None else 4_000 // PAGE

    def first(self, state: SeenCursor) -> str:
        tags, base = sorted({tag.lower() for tag in self.spec.tags}), self.spec.url.rstrip("/")
        key = self.secret("api_key")
        if key is None:
            asked = {
                "tags": ",".join(tags),
                "tagmode": self.spec.match,
                "format": "json",
                "nojsoncallback": "1",
            }
            return f"{base}/feeds/photos_public.gne?{urlencode(asked)}"
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

    def meta(self, received_at: datetime) -> Meta:
        return meta(self.spec, received_at)

    async def ask(self, url: str, known: Validators | None = None) -> Answer:
        """Fetch; a refusal, which the service gives as 200 with the reason in the body, is raised.

        Raises
        ------
        AuthFailed, Blocked, Transient
            As the reason says.
        """
        answer = await super().ask(url, known)
        if len(answer.body) < 5_000 and (refusal := _refusal(answer.body)) is not None:
            raise refusal
        return answer

    def following(self, answer: Answer, parsed: Parsed) -> str | None:
        from yarl import URL

        return None if parsed.next is None else str(URL(answer.url).update_query(page=parsed.next))

    def meets_known(self, state: SeenCursor, parsed: Parsed) -> bool:
        """As the base has it for the feed; ``min_upload_date`` says how far back a search goes."""
        if self.spec.api_key is None:
            return super().meets_known(state, parsed)
        return not parsed.events and not parsed.rejects


def _refusal(body: bytes) -> SourceError | None:
    """What the service says that is wrong, as an error whose class says what to do."""
    if not _REFUSED.search(body):
        return None
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("stat") != "fail":
        return None
    code, said = told.get("code"), printable(told.get("message", ""), 200)
    message = f"Flickr refuses ({printable(code, 20)}): {said}"
    if code in _CREDENTIALS:
        return AuthFailed(f"{message}; check the key that api_key names")
    return Transient(message) if code in _PASSING else Blocked(f"{message}; check the tags")
