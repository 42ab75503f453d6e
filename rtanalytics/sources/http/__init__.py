"""HTTP client of all sources, with limits of size and time, and for public addresses only.

It sends validators (ETag, Last-Modified) and a User-Agent, and respects the delays that servers
ask for. Size (compressed and decompressed) and time of a response are limited. It follows
redirects itself and connects only to public http and https addresses: the IP address is checked
when the connection is made, so a host name cannot resolve to another address after the check.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from rtanalytics.sources.base import MAX_RAW, Malformed, Refused, SourceError, TooLarge, Transient, redact
from rtanalytics.sources.headers import MAX_RESET, Rate, echo, freshness, rate_of, retry_after
from rtanalytics.sources.http.guard import Guard
from rtanalytics.sources.http.inflate import Inflater
from rtanalytics.sources.http.refusals import describe_error, error_for_status
from rtanalytics.sources.streaming import CHUNK, Lines, narrow_socket

__all__ = ["Answer", "HttpClient", "Validators", "user_agent"]

MAX_REDIRECTS = 8
_REDIRECTS = {301, 302, 303, 307, 308}
_PERMANENT = {301, 308}


@dataclass(frozen=True, slots=True)
class Validators:
    """Validators of a version of a document (``ETag``, ``Last-Modified``), sent back unchanged."""

    etag: str | None = None
    modified: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Response to a request: a document, or "not modified".

    Parameters
    ----------
    status : int
        200 or 304.
    url : str
        Address after redirects.
    body : bytes
        Decompressed body; empty with status 304.
    validators : Validators
        Validators of this version; with status 304, those of the request.
    moved_to : str, optional
        New address of the document, if all redirects were permanent.
    wait : timedelta, optional
        How long the response stays fresh, by its headers.
    content_type, language : str
        Values of these headers; empty if missing.
    rate : Rate
        Remaining requests, by the headers about rate limits.
    next : str, optional
        Address of the next page from the ``Link`` header; untrusted.
    """

    status: int
    url: str
    body: bytes = b""
    validators: Validators = field(default_factory=Validators)
    moved_to: str | None = None
    wait: timedelta | None = None
    content_type: str = ""
    language: str = ""
    rate: Rate = field(default_factory=Rate)
    next: str | None = None


class HttpClient:
    """HTTP client of one source; it connects when it is first used.

    Parameters
    ----------
    counts : Counter
        ``requests``, ``bytes`` (as sent), ``http_<status>`` and ``redirects_permanent`` are counted.
    trusted : collection of str
        Hosts that may have a private address, from the source's table.
    resolver : AbstractResolver, optional
        Resolves hosts; the system's resolver by default.
    source : str
        Name of the source in its ``[[source]]`` table, for messages.
    advice : callable, optional
        Returns what to do when a login is required; an empty string if the address may contain one.
    longest_reset : timedelta
        Longest plausible time until a rate limit is reset; a later one is the error of a clock.
    """

    def __init__(
        self,
        counts: Counter[str],
        trusted: Collection[str] = (),
        resolver: AbstractResolver | None = None,
        source: str = "",
        advice: Callable[[], str] = str,
        longest_reset: timedelta = MAX_RESET,
    ) -> None:
        self._counts = counts
        self._guard = Guard(resolver, trusted, source)
        self._session: aiohttp.ClientSession | None = None
        self._narrow: aiohttp.ClientSession | None = None
        self._advice, self._longest_reset = advice, longest_reset

    async def get(
        self,
        url: str,
        validators: Validators = Validators(),
        max_bytes: int = 10_000_000,
        timeout: timedelta = timedelta(seconds=30),  # noqa: ASYNC109  # it is part of the request
        accept: str = "*/*",
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> Answer:
        """Fetch a document.

        Parameters
        ----------
        url : str
            http or https; user and password in it are sent as Basic authorisation to that host.
        validators : Validators
            Validators of the known version.
        max_bytes : int
            Limit for the body, both compressed and decompressed.
        timeout : timedelta
            Limit for the whole request, including redirects and reading the body.
        accept : str
            The media types wanted.
        headers : mapping, optional
            Additional headers, such as credentials; not sent after a redirect to another host,
            port or scheme.
        form : mapping, optional
            Form to send with POST instead of GET, for services that return a token; redirects
            are refused.
        json : object, optional
            JSON to send with POST; redirects are refused.

        Raises
        ------
        Transient, Refused, RateLimited, AuthFailed, Blocked, Gone
            The class says what to do.
        TooLarge, Malformed
            The body is too large or broken; the error has its beginning.
        """
        async with _limited(timeout, redact(str(url)), "complete response"):
            return await self._follow(URL(url), validators, max_bytes, accept, headers or {}, form, json)

    async def websocket(
        self,
        url: str,
        max_bytes: int = 4_000_000,
        timeout: timedelta = timedelta(seconds=30),  # noqa: ASYNC109  # it is part of the request
        protocols: Collection[str] = (),
        private: Mapping[str, str] | None = None,
    ) -> aiohttp.ClientWebSocketResponse:
        """Connect to a WebSocket (ws or wss) with pings in both directions; redirects are refused.

        Parameters
        ----------
        url : str
            ws or wss.
        max_bytes : int
            Limit for one message.
        timeout : timedelta
            Limit for connecting.
        protocols : collection of str
            Supported subprotocols.
        private : mapping, optional
            Headers with a secret.

        Raises
        ------
        Transient, Refused, RateLimited, AuthFailed, Blocked, Gone
            The class says what to do.
        """
        address = URL(url)
        self._guard.check(address.with_scheme({"wss": "https", "ws": "http"}.get(address.scheme, "none")))
        label = redact(url)
        async with _limited(timeout, label, "connection"):
            try:
                return await self._open().ws_connect(
                    address,
                    protocols=tuple(protocols),
                    headers=private,
                    heartbeat=30.0,
                    max_msg_size=max_bytes,
                    timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
                )
            except aiohttp.WSServerHandshakeError as error:
                wait = retry_after(error.headers, datetime.now(UTC)) if error.headers is not None else None
                refusal = error_for_status(
                    error.status, label, wait, authenticated=bool(private), advice=self._advice()
                )
                refusal.status = error.status
                raise refusal from None

    async def lines(
        self,
        url: str,
        max_bytes: int = 4_000_000,
        timeout: timedelta = timedelta(seconds=30),  # noqa: ASYNC109  # it is part of the request
        headers: Mapping[str, str] | None = None,
    ) -> Lines:
        """Request an endless response, to be read line by line and closed; redirects are refused.

        Parameters
        ----------
        url : str
            http or https.
        max_bytes : int
            Limit for one line.
        timeout : timedelta
            Limit until the response begins.
        headers : mapping, optional
            Additional headers, such as credentials.

        Raises
        ------
        Transient, Refused, RateLimited, AuthFailed, Blocked, Gone
            The class says what to do.
        """
        address = URL(url)
        label = redact(str(address.with_query(None)))  # a long query would hide the rest of the message
        self._guard.check(address)
        # a few compressed bytes could contain any number of lines
        sent = {"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
        async with _limited(timeout, label, "response"):
            response = await self._open(narrow=True).get(
                address, headers=sent, allow_redirects=False, read_bufsize=CHUNK
            )
            self._counts["requests"] += 1
            self._counts[f"http_{response.status}"] += 1
            if response.status != 200:
                try:
                    if response.status in _REDIRECTS:
                        raise _redirect_refused(label)
                    raise await self._refused(response, label, authenticated=headers is not None)
                finally:
                    response.close()
        return Lines(response, max_bytes, label, self._counts)

    async def close(self) -> None:
        """Close the connections."""
        sessions = self._session, self._narrow
        self._session = self._narrow = None
        for session in sessions:
            if session is not None:
                await session.close()

    async def _follow(
        self,
        url: URL,
        validators: Validators,
        max_bytes: int,
        accept: str,
        private: Mapping[str, str],
        form: Mapping[str, str] | None,
        json: Any,
    ) -> Answer:
        headers = {"Accept": accept, "Accept-Encoding": "gzip, deflate"}
        if validators.etag is not None:
            headers["If-None-Match"] = validators.etag
        if validators.modified is not None:
            headers["If-Modified-Since"] = validators.modified
        posted, begun, origin = form is not None or json is not None, url, url.origin()
        permanent, moved_to = True, None
        for _ in range(MAX_REDIRECTS + 1):
            self._guard.check(url)
            sent = {**headers, **private} if url.origin() == origin else headers
            request = self._open().request(
                "POST" if posted else "GET", url, headers=sent, data=form, json=json, allow_redirects=False
            )
            async with _requested(request, begun, url) as response:
                self._counts["requests"] += 1
                self._counts[f"http_{response.status}"] += 1
                if response.status in _REDIRECTS:
                    target = response.headers.get("Location", "")
                    if not target or posted:
                        what = "without a Location" if not target else "to what was posted"
                        raise Transient(f"{redact(str(url))}: status {response.status} {what}")
                    permanent = permanent and response.status in _PERMANENT
                    url = url.join(URL(target)).with_fragment(None)
                    if permanent:
                        moved_to = str(url)
                        self._counts["redirects_permanent"] += 1
                    continue
                return await self._take(
                    response, validators, max_bytes, moved_to, authenticated=bool(private or url.password)
                )
        raise Transient(f"{redact(str(url))}: more than {MAX_REDIRECTS} redirects")

    async def _take(
        self,
        response: aiohttp.ClientResponse,
        validators: Validators,
        max_bytes: int,
        moved_to: str | None,
        *,
        authenticated: bool,
    ) -> Answer:
        url, headers, now = str(response.url), response.headers, datetime.now(UTC)
        fresh, rate = freshness(headers, now), self._rate(response, now)
        if response.status == 304 and validators != Validators():
            return Answer(304, url, b"", validators, moved_to, fresh, rate=rate)
        if response.status not in {200, 201, 203}:
            raise await self._refused(response, redact(url), authenticated=authenticated)
        body = await self._body(response, max_bytes)
        following = response.links["next"].get("url") if "next" in response.links else None
        return Answer(
            200,
            url,
            body,
            Validators(echo(headers.get("ETag")), echo(headers.get("Last-Modified"))),
            moved_to,
            fresh,
            headers.get("Content-Type", ""),
            headers.get("Content-Language", ""),
            rate,
            None if following is None else str(following),
        )

    def _rate(self, response: aiohttp.ClientResponse, now: datetime) -> Rate:
        rate = rate_of(response.headers, now)
        return rate if rate.reset is None else replace(rate, reset=min(rate.reset, self._longest_reset))

    async def _refused(
        self, response: aiohttp.ClientResponse, label: str, *, authenticated: bool
    ) -> SourceError:
        """Return the error for a response with an error status."""
        now = datetime.now(UTC)
        rate, wait = self._rate(response, now), retry_after(response.headers, now)
        if wait is None and rate.remaining in ({None, 0} if response.status == 429 else {0}):
            wait = rate.reset
        refusal = error_for_status(
            response.status, label, wait, authenticated=authenticated, advice=self._advice()
        )
        refusal.status = response.status
        if response.status in {400, 429}:
            refusal.body = await self._reason(response)
        return refusal

    async def _reason(self, response: aiohttp.ClientResponse) -> bytes:
        """Read the body of an error response; some services give the time to wait only there."""
        try:
            async with asyncio.timeout(2):
                return await self._body(response, MAX_RAW)
        except (Malformed, Transient) as error:  # only the status matters if the body cannot be read
            return error.raw if isinstance(error, Malformed) else b""
        except (aiohttp.ClientError, TimeoutError):
            return b""

    async def _body(self, response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
        label = redact(str(response.url))
        inflate = Inflater(response.headers.get("Content-Encoding", ""), max_bytes, label)
        announced, packed = response.content_length or 0, 0
        async for chunk in response.content.iter_any():
            packed += len(chunk)
            self._counts["bytes"] += len(chunk)
            inflate.add(chunk)
            if packed > max_bytes or (announced > max_bytes and len(inflate.out) >= MAX_RAW):
                break
        if (size := max(announced, packed)) > max_bytes:
            raise TooLarge(
                f"{label}: {size:,} bytes or more; the limit is {max_bytes:,}", bytes(inflate.out[:MAX_RAW])
            )
        return inflate.finish()

    def _open(self, *, narrow: bool = False) -> aiohttp.ClientSession:
        """Return the session, or a second one with small buffers for endless responses."""
        session = self._narrow if narrow else self._session
        if session is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_redirect.append(_not_redirected)
            session = aiohttp.ClientSession(
                trace_configs=[trace],
                connector=aiohttp.TCPConnector(
                    resolver=self._guard,
                    use_dns_cache=False,
                    limit=4,
                    socket_factory=narrow_socket if narrow else None,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                headers={"User-Agent": user_agent()},
                auto_decompress=False,
                trust_env=False,
            )
            if narrow:
                self._narrow = session
            else:
                self._session = session
        return session


@asynccontextmanager
async def _limited(timeout: timedelta, label: str, what: str) -> AsyncIterator[None]:  # noqa: ASYNC109
    """Limit the time of a request for ``what``, and convert library errors to :class:`Transient`."""
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            yield
    except TimeoutError:
        raise Transient(f"{label}: no {what} within {timeout.total_seconds():g} s") from None
    except aiohttp.ClientPayloadError as error:
        raise Transient(f"{label}: the response was cut off: {describe_error(error)}") from None
    except (aiohttp.ClientError, OSError, UnicodeError, ValueError) as error:
        raise Transient(f"{label}: {describe_error(error)}") from None


@asynccontextmanager
async def _requested(
    request: AbstractAsyncContextManager[aiohttp.ClientResponse], begun: URL, url: URL
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Send a request; an error after a redirect names both addresses."""
    try:
        response = await request.__aenter__()
    except (aiohttp.ClientError, OSError, UnicodeError, ValueError) as error:
        if url is begun:
            raise
        where = redact(str(url))
        raise Transient(
            f"{redact(str(begun))}: redirects to {where}, and there: {describe_error(error)}"
        ) from None
    async with response:
        yield response


async def _not_redirected(_: object, __: object, params: aiohttp.TraceRequestRedirectParams) -> None:
    """Refuse redirects that aiohttp would follow; :meth:`HttpClient.get` checks and follows its own."""
    raise _redirect_refused(redact(str(params.url)))


def _redirect_refused(label: str) -> Refused:
    return Refused(f"{label}: redirects to another address; write that address instead")


@cache
def user_agent() -> str:
    """Return the value of the ``User-Agent`` header."""
    try:
        return f"rtanalytics/{version('rtanalytics')} (conference reader)"
    except PackageNotFoundError:  # a checkout that is not installed
        return "rtanalytics (conference reader)"
