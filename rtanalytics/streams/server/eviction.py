"""Refusing a server that throws entries away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rtanalytics.streams.server.process import ServerError

if TYPE_CHECKING:
    import redis

__all__ = ["check_policy", "check_server"]


def check_server(client: redis.Redis | redis.RedisCluster) -> None:
    """Refuse a server that would throw entries away when its memory is full.

    Under ``allkeys-lru`` and the like a full server evicts whole keys, and a stream is one key.

    Parameters
    ----------
    client : redis.Redis or redis.RedisCluster
        Connected to the server; of a cluster, every node is asked.

    Raises
    ------
    ServerError
        If its ``maxmemory-policy`` is not ``noeviction``.
    redis.RedisError
        If it does not answer.
    """
    import redis

    # a cluster's client would otherwise ask one node; of several it makes a table by their address
    everyone = {"target_nodes": "all"} if isinstance(client, redis.RedisCluster) else {}
    told: Mapping[str, Any] = client.info("memory", **everyone)
    several = all(isinstance(node, Mapping) for node in told.values())
    for where, node in (told if several else {"that was given": told}).items():
        check_policy(str(node.get("maxmemory_policy", "")), f"the server {where}")


def check_policy(policy: str, which: str) -> None:
    """Raise :class:`ServerError` unless the policy is ``noeviction``; ``which`` names the server."""
    if policy != "noeviction":
        raise ServerError(
            f"maxmemory-policy of {which} is {policy or 'unknown'!r}, which lets it evict whole streams "
            "when its memory is full: set it to noeviction (CONFIG SET maxmemory-policy noeviction)"
        )
