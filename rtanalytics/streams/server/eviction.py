"""Check that a server never evicts entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rtanalytics.streams.server.process import ServerError

if TYPE_CHECKING:
    import redis

__all__ = ["check_policy", "check_server"]


def check_server(client: redis.Redis | redis.RedisCluster) -> None:
    """Raise an error for a server that evicts entries when its memory is full.

    With ``allkeys-lru`` and similar policies a full server evicts whole keys, and a stream is one key.

    Parameters
    ----------
    client : redis.Redis or redis.RedisCluster
        Connected to the server; of a cluster, every node is checked.

    Raises
    ------
    ServerError
        If its ``maxmemory-policy`` is not ``noeviction``.
    redis.RedisError
        If the server does not answer.
    """
    import redis

    # by default a cluster's client asks one node; for all nodes it returns a mapping by address
    everyone = {"target_nodes": "all"} if isinstance(client, redis.RedisCluster) else {}
    info: Mapping[str, Any] = client.info("memory", **everyone)
    several = all(isinstance(node, Mapping) for node in info.values())
    for where, node in (info if several else {"that was given": info}).items():
        check_policy(str(node.get("maxmemory_policy", "")), f"the server {where}")


def check_policy(policy: str, which: str) -> None:
    """Raise :class:`ServerError` unless the policy is ``noeviction``; ``which`` names the server."""
    if policy != "noeviction":
        raise ServerError(
            f"maxmemory-policy of {which} is {policy or 'unknown'!r}, so that it can evict whole streams "
            "when its memory is full; set it to noeviction (CONFIG SET maxmemory-policy noeviction)"
        )
