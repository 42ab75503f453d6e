"""Mastodon's hashtag timelines, read forwards page by page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlencode

import msgspec

from rtanalytics.event import Event
from rtanalytics.sources.base import Batch, Parsed, SourceError, printable
from rtanalytics.sources.polled import AddressSpec, PolledSource, SeenCursor, scope_of, short
from rtanalytics.sources.secrets import check_secret

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer

__all__ = ["MastodonCursor", "MastodonSource", "MastodonSpec"]


PAGE = 40
"""Largest number of statuses on a page."""

OVERLAP = 20
"""Number of known statuses that are read again each time."""

KNOWN = 1_000
"""Number of statuses whose server's ids are kept: a stream names deleted statuses by them."""

_TAG = re.compile(r"\w{1,100}")


class MastodonSpec(AddressSpec, frozen=True, kw_only=True, tag_field="type", tag="mastodon"):
    """A ``[[source]]`` table with ``type = "mastodon"``.

    Parameters
    ----------
    name : str
        Name of the source.
    url : str
        URL of the server, such as ``https://fosstodon.org``.
    tag : str
        Hashtag, without ``#``.
    any : tuple of str, optional
        Further hashtags; statuses with at least one of them are read too.
    all : tuple of str, optional
        Hashtags that a status must have in addition, all of them.
    none : tuple of str, optional
        Hashtags that a status must not have.
    local : bool
        True to read only statuses by users of that server.
    token : str, optional
        Access token of the server, as ``"env:NAME"``, if the server requires one.
    stream : bool
        True to receive statuses immediately from the server's streaming API; needs a ``token``.
    every : timedelta, optional
        Time between two requests; 30 seconds by default.
    key : str, optional
        Name of the cursor instead of one made from server and hashtags.

    Raises
    ------
    ValueError
        If a value is invalid; the message names it and what to write instead.
    """

    connector: ClassVar[str] = "mastodon@1"
    parser: ClassVar[str] = "rtanalytics.sources.mastodon.parse:parse"
    tag: str
    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    local: bool = False
    token: str | None = None
    stream: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_secret(self.token, "token")
        if self.stream and self.token is None:
            raise ValueError('stream needs a token; write token = "env:MASTODON_TOKEN"')
        if "?" in self.url or "#" in self.url or "/tags/" in self.url:
            raise ValueError('url must be the URL of the server only, such as url = "https://server.example"')
        for key, names in (("tag", (self.tag,)), ("any", self.any), ("all", self.all), ("none", self.none)):
            for name in names:
                if not _TAG.fullmatch(name):
                    raise ValueError(f"{key} {printable(name, 60)!r} is not a hashtag; write it without '#'")

    @property
    def scope(self) -> str:
        """Server and hashtags."""
        if self.key is not None:
            return self.key
        more = [*_more(self), ("local", "true")] if self.local else _more(self)
        return f"{scope_of(self.url)}/tags/{self.tag}" + (f"~{short(urlencode(more))}" if more else "")


class MastodonCursor(SeenCursor, omit_defaults=True):
    """Position in a timeline, and the server's own ids of the latest statuses."""

    # the server's ids of the latest statuses read, oldest first
    own: list[str] = msgspec.field(default_factory=list)
    at: str = ""  # the greatest id of all, readable or not
    # our id per server's id, of the KNOWN latest statuses
    uris: dict[str, str] = msgspec.field(default_factory=dict)


class MastodonSource(PolledSource[MastodonSpec, MastodonCursor]):
    """Timeline of a hashtag on one server.

    Parameters
    ----------
    spec : MastodonSpec
        Options of the source.
    counts : Counter
        ``items``, ``not_public``, ``streams`` and ``messages`` of them, ``deletes_of_unknown``, and what
        every polled source counts.
    """

    bucket = "mastodon"
    cursor = MastodonCursor
    every = timedelta(seconds=30)
    pages = 1_000  # reading forwards ends at the newest status
    gaps: ClassVar[bool] = False
    late: ClassVar[bool] = True  # new statuses may follow known ones within a page

    def __init__(self, spec: MastodonSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts)
        self._problem: str | None = None
        self._access_checked = False

    def first(self, state: MastodonCursor) -> str:
        return self._page(state.own[0] if state.own else state.at)

    async def read(self, state: MastodonCursor) -> Batch:
        batch = await super().read(state)
        if not self._access_checked:
            # a server with timelines switched off returns 200 and an empty list
            self._problem = await self._access()
            self._access_checked = True
        return replace(batch, problem=batch.problem or self._problem)

    def take(self, state: MastodonCursor, parsed: Parsed, answer: Answer, received: datetime) -> list[Event]:
        own = {*state.own, *filter(None, (_own(e) for e in parsed.events))}
        state.own = sorted(own, key=_order)[-OVERLAP:]
        state.at = max(state.at, parsed.next or "", key=_order)
        self.remember_ids(state, parsed.events)
        # all statuses of the overlap may be deleted, and the rest unreadable
        if parsed.next and not parsed.events:
            state.own = []
        return self.fresh(state, parsed.events)

    def following(self, answer: Answer, parsed: Parsed) -> str | None:
        """Return the address of the next newer page if this page was full."""
        if "min_id=" not in answer.url or parsed.counts.get("items", 0) < PAGE or parsed.next is None:
            return None
        return self._page(parsed.next)

    def _page(self, min_id: str) -> str:
        query = [("limit", str(PAGE)), *_more(self.spec)]
        if self.spec.local:
            query.append(("local", "true"))
        if min_id:
            query.append(("min_id", min_id))
        path = f"api/v1/timelines/tag/{quote(self.spec.tag, safe='')}"
        return f"{self.spec.url.rstrip('/')}/{path}?{urlencode(query)}"

    def remember_ids(self, state: MastodonCursor, events: list[Event]) -> None:
        """Remember the server's own ids of delivered statuses: a stream deletes by them."""
        if not self.spec.stream:
            return
        for event in events:
            if event.op != "delete" and (own := _own(event)):
                state.uris.pop(own, None)
                state.uris[own] = event.id.removeprefix("mastodon::")
        for own in list(state.uris)[: max(0, len(state.uris) - KNOWN)]:
            del state.uris[own]

    async def _access(self) -> str | None:
        """Return why the server shows no timeline; None if it shows one or gives no reason."""
        try:
            answer = await self.ask(f"{self.spec.url.rstrip('/')}/api/v2/instance")
            instance = msgspec.json.decode(answer.body)
            feeds = instance["configuration"]["timelines_access"]["hashtag_feeds"]
        except (SourceError, msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError):
            self.counts["access_unknown"] += 1  # older servers and other software do not publish it
            return None
        kinds = [feeds] if isinstance(feeds, str) else [*feeds.values()] if isinstance(feeds, dict) else []
        if "disabled" in kinds:
            which = "" if len(set(map(str, kinds))) == 1 else " for some statuses"
            return f"{self.scope}: the server has switched hashtag timelines off{which}; read another server"
        if "authenticated" in kinds and self.spec.token is None:
            return (
                f"{self.scope}: the server shows hashtag timelines only to its users; "
                'write token = "env:MASTODON_TOKEN"'
            )
        return None


def _more(spec: MastodonSpec) -> list[tuple[str, str]]:
    groups: Iterable[tuple[str, Iterable[str]]] = (("any", spec.any), ("all", spec.all), ("none", spec.none))
    return [(f"{key}[]", name) for key, names in groups for name in names]


def _own(event: Event) -> str:
    status: Any = msgspec.json.decode(event.raw) if event.raw is not None else {}
    return status["id"] if isinstance(status, dict) and isinstance(status.get("id"), str) else ""


def _order(own: str) -> tuple[int, str]:
    return len(own), own
