"""Base classes for the specs of polled sources, and helpers for addresses."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from hashlib import blake2b
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from rtanalytics.event import is_web_url
from rtanalytics.sources.base import Meta, SourceSpec, printable, redact

__all__ = [
    "AddressSpec",
    "PolledSpec",
    "check_address",
    "host_of",
    "netloc_of",
    "origin_of",
    "scope_of",
    "secrets_in",
    "short",
]


MOST_BYTES = 20_000_000
"""Largest ``max_bytes``: parsing takes several times that in memory, and a process may have 300 MB."""

_ADDRESSES = ("url", "api", "homeserver", "search_url", "login", "items_url")
"""Keys of tables whose values are addresses."""


class PolledSpec(SourceSpec, frozen=True, kw_only=True):
    """Options that all polled sources share.

    Parameters
    ----------
    name : str
        Name of the source.
    every : timedelta, optional
        Polling interval; each kind has a default.
    timeout : timedelta
        Time limit of a request, until its last byte.
    budget : timedelta
        Time limit for parsing one document.
    max_bytes : int
        Maximum size of a document, compressed and decompressed.
    allow_private : bool
        True if the host may have a private or loopback address. Hosts that it redirects to may not.
    hints : bool
        False to poll at the interval ``every`` even if the caching headers or the document ask for fewer
        requests. Rate limits, ``Retry-After`` and ``X-Poll-Interval`` are always respected.
    shares : str, optional
        Name of a rate limit that several sources share; by default the host. With ``"tumblr.com"`` in
        several tables, all blogs there share one limit.

    Raises
    ------
    ValueError
        If a value is invalid; the message names it and what to write instead.
    """

    every: timedelta | None = None
    timeout: timedelta = timedelta(seconds=30)
    budget: timedelta = timedelta(seconds=2)
    max_bytes: int = 10_000_000
    allow_private: bool = False
    hints: bool = True
    shares: str | None = None

    def __post_init__(self) -> None:
        for key, url in self._addresses().items():
            check_address(url, key)
        super().__post_init__()
        if self.shares is not None and not re.fullmatch(r"[\w.:-]{1,200}", self.shares):
            raise ValueError(
                f"shares {printable(self.shares)!r} may have letters, digits, '.', ':', '-' and '_' only"
            )
        if self.max_bytes < 1_000:
            kind = self.__struct_config__.tag or "document"
            raise ValueError(f"max_bytes {self.max_bytes} is too small for a {kind}; write 10_000_000")
        if self.max_bytes > MOST_BYTES:
            raise ValueError(
                f"max_bytes {self.max_bytes:,} is too large for the parser; write {MOST_BYTES:_} at most"
            )

    def __repr__(self) -> str:
        address = redact(self.address)
        return f"{type(self).__name__}(name={self.name!r}, scope={self.scope!r}, address={address!r})"

    @property
    def addresses(self) -> list[str]:
        """Addresses of the service; the first is the one that is polled."""
        return list(self._addresses().values())

    @property
    def address(self) -> str:
        """Address that is polled, or the beginning of it."""
        return self.addresses[0]

    @property
    def rate_limit(self) -> str | None:
        """Name of the rate limit for its requests, as in ``[limits]``."""
        return self.shares or netloc_of(self.address)

    def meta(self, received_at: datetime) -> Meta:
        return msgspec.structs.replace(super().meta(received_at), url=self.address)

    def _addresses(self) -> dict[str, str]:
        return {key: getattr(self, key) for key in _ADDRESSES if hasattr(self, key)}


class AddressSpec(PolledSpec, frozen=True, kw_only=True):
    """Spec of a polled source that is identified by its address.

    Parameters
    ----------
    url : str
        http or https address. It is part of the ids, without scheme, password and secrets in the
        query.
    key : str, optional
        Replaces the address in the ids, for example the old address after a move.
    """

    url: str
    key: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.key is not None and (not self.key or printable(self.key, 200) != self.key or " " in self.key):
            raise ValueError(f"key {printable(self.key)!r} may have 200 characters, no white space")

    @property
    def scope(self) -> str:
        """Middle part of the ids: ``key``, or the address without scheme, default port and secrets."""
        return scope_of(self.url) if self.key is None else self.key


def check_address(url: str, key: str) -> None:
    """Check that an address is a web address.

    Raises
    ------
    ValueError
        If it is not; the message names ``key`` and what to write instead.
    """
    if not is_web_url(url) or not host_of(url):
        raise ValueError(f"{key} {redact(url)!r} is not a web address; write https://host/path")


def scope_of(url: str) -> str:
    """Shorten an address for ids: without scheme, default port and secrets, at most 200 characters.

    Examples
    --------
    >>> scope_of("https://me:pw@Blog.example:443/feed/?token=1")
    'blog.example/feed/?token=***'
    """
    scheme, _, rest = redact(url).partition("://")
    host, slash, path = rest.partition("/")
    host = host.lower().removesuffix(":443" if scheme.lower() == "https" else ":80")
    name = f"{host}{slash}{path}".rstrip("/")
    return name if len(name) <= 200 else f"{name[:180]}~{short(name)}"


def short(value: str | bytes) -> str:
    """Return a digest of 72 bits (18 hexadecimal digits) for a cursor or an id."""
    data = value.encode("utf-8", "replace") if isinstance(value, str) else value
    return blake2b(data, digest_size=9).hexdigest()


def host_of(url: str) -> str:
    """Return the host of an address, without user, password and port; empty if there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def netloc_of(url: str) -> str | None:
    """Return the host of an address, with its port unless it is the default: the name of a rate limit.

    Examples
    --------
    >>> netloc_of("https://me:pw@Blog.example:443/feed"), netloc_of("http://127.0.0.1:8000/feed")
    ('blog.example', '127.0.0.1:8000')
    """
    scheme, host, port = origin_of(url)
    default = {"http": 80, "https": 443}.get(scheme)
    return (host if port == default else f"{host}:{port}") or None


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port; credentials must not be sent to another origin."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme.lower(), (parts.hostname or "").lower(), port
    except ValueError:
        return "", "", None


def secrets_in(url: str) -> set[str]:
    """Return the password and the parts of the query that :func:`redact` hides.

    Examples
    --------
    >>> sorted(secrets_in("https://me:p%40ss@x.example/private.atom?token=abc&page=2"))
    ['abc', 'p@ss']
    """
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query)
        shown = dict(parse_qsl(urlsplit(redact(url)).query))
        password = unquote(parts.password or "")
    except ValueError:
        return set()
    return {value for name, value in pairs if shown.get(name) == "***"} | ({password} if password else set())
