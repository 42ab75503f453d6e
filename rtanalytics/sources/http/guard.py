"""Guard against private addresses: only public ones and trusted hosts are allowed.

The IP address of a host is checked when the connection is made, so a host name cannot resolve to another
address after the check.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from rtanalytics.sources.base import Refused, printable, redact
from rtanalytics.sources.public import is_public

__all__ = ["Guard"]


class Guard(AbstractResolver):
    """Resolver that returns only allowed addresses.

    Parameters
    ----------
    inner : AbstractResolver, optional
        Resolver to use; the system's by default.
    trusted : collection of str
        Hosts that may have a private address.
    source : str
        Name of the source in its ``[[source]]`` table.
    """

    def __init__(self, inner: AbstractResolver | None, trusted: Collection[str], source: str) -> None:
        self._inner = inner
        self._trusted = frozenset(_bare(host) for host in trusted)
        self._source = source

    def check(self, url: URL) -> None:
        """Check that an address is http or https and its host is not a private IP address.

        Raises
        ------
        Refused
            If it is not allowed; the message names the key that allows it.
        """
        if url.scheme not in {"http", "https"} or not url.host:
            raise Refused(f"{redact(str(url))}: only http and https addresses are allowed")
        if _bare(url.host) not in self._trusted:
            try:
                address = ipaddress.ip_address(_bare(url.host))
            except ValueError:
                return  # a host name: its addresses are checked when it is resolved
            if not is_public(address):
                raise Refused(_private(redact(str(url)), [str(address)], self._source))

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve a host to its public addresses, or to all of them if the host is trusted.

        Raises
        ------
        Refused
            If none of the addresses is public.
        """
        if self._inner is None:
            self._inner = ThreadedResolver()  # must be created inside a running event loop
        results = await self._inner.resolve(host, port, family)
        if _bare(host) in self._trusted:
            return results
        public = [r for r in results if is_public(ipaddress.ip_address(r["host"].split("%")[0]))]
        if not public:
            raise Refused(_private(printable(host), [r["host"] for r in results], self._source))
        return public

    async def close(self) -> None:
        """Close the inner resolver."""
        if self._inner is not None:
            await self._inner.close()


def _private(label: str, addresses: list[str], source: str) -> str:
    where = f"in the [[source]] table of {source}" if source else "in its [[source]] table"
    shown = ", ".join(addresses[:3])
    return f"{label}: {shown} is a private address; to allow it, write allow_private = true {where}"


def _bare(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()
