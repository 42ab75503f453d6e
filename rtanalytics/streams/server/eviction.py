"""Refusing a server that throws entries away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from rtanalytics.streams.server.process import ServerError

__all__ = ["check_policy", "check_server"]


class _Client(Protocol):
    """What :func:`check_server` needs of a client: redis-py's and Valkey's have it."""

    def info(self, section: str, /) -> Any: ...


def check_server(client: _Client) -> None:
    """Refuse a server that would throw entries away when its memory is full.

    Under ``allkeys-lru`` and the like a full server evicts whole keys, and a stream is one key.

    Parameters
    ----------
    client : redis.Redis or redis.RedisCluster
        Connected to the server.

    Raises
    ------
    ServerError
        If its ``maxmemory-policy`` is not ``noeviction``.
    """
    told = client.info("memory")
    # a cluster's client may answer with a table a node
    for node in told.values() if told and all(isinstance(v, Mapping) for v in told.values()) else (told,):
        check_policy(str(node.get("maxmemory_policy", "")), "this server")


def check_policy(policy: str, which: str) -> None:
    """Raise :class:`ServerError` unless the policy is ``noeviction``; ``which`` names the server."""
    if policy != "noeviction":
        raise ServerError(
            f"maxmemory-policy of {which} is {policy or 'unknown'!r}, which lets it evict whole streams "
            "when its memory is full: set it to noeviction (CONFIG SET maxmemory-policy noeviction)"
        )
