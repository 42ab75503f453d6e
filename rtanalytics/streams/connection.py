"""The connection to a Redis or Valkey server: keys, scripts, and its errors as ours.

Keys of a bucket carry one hash tag, so that on a cluster they live on one node::

    rta:{<name>/<bucket>}:events   the stream: field e a packet (r: raised received_at), m a mark, x a reset
    rta:{<name>/<bucket>}:seen     hash id → day, origin and revision of its newest revision
    rta:{<name>/<bucket>}:state    hash: mark, low (highest trimmed entry), recorder, epoch, forgotten (the
                                   version of the marks), fence:*, cursor:*, chain:*
    rta:{<name>/<bucket>}:dead     stream of dead letters; :outbox, :taken and :outkeys are the way out
    rta:{<name>}:forgotten         set of the marks of who is forgotten
    rta:{<name>}:buckets           stream of bucket names; :bucketset the same as a set; :epoch a number
    rta:{<name>}:health            hash: process name → JSON
    rta:{<name>}:pace:<budget>     hash: due, held; how often a host is asked
    rta:{<name>}:channel:<channel> stream of results (trends); its :names is the set of their names
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, ReadOnlyError, ResponseError
from redis.retry import Retry

from rtanalytics.erasure import Forgotten
from rtanalytics.streams import StreamUnavailable, lua

__all__ = ["TIMEOUT", "RedisConnection", "address"]

TIMEOUT = 5.0
"""Seconds after which an unanswered call counts as failed; more than any blocking read."""


PARTS = ("events", "seen", "state", "dead", "outbox", "taken", "outkeys")
"""Of a bucket."""


class RedisConnection:
    """One client and the names of a stream's keys.

    Parameters
    ----------
    url : str
        ``redis://…``, ``rediss://…`` or ``unix://…``.
    name : str
        The stream's name.

    Raises
    ------
    ValueError
        If ``name`` has characters that a key may not have, or the address is of an unknown kind.
    """

    def __init__(self, url: str, name: str) -> None:
        if not name or any(c in "{}" or c <= " " for c in name):
            raise ValueError(f"stream name {name!r} may have no white space and no braces")
        self.url = url
        self.name = name
        self.client = self.connect()
        self._scripts: dict[str, Any] = {}
        self._registered: set[str] = set()
        self.known_forgotten = Forgotten()

    def connect(self) -> Any:
        """A client; nothing is asked of the server yet."""
        # Protocol 2, because version 3 gives XREAD's answer another shape; no retries, because
        # a retry that does not go through the append script stores twice.
        client: Any = redis.Redis.from_url(
            self.url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
        )
        client.set_response_callback("XREAD", lambda answer, **_: answer or [])
        return client

    def close(self) -> None:
        """Give back the connections."""
        self.client.close()

    def buckets(self) -> list[str]:
        """Names of the buckets, in alphabetical order."""
        with self.errors():
            return sorted(b.decode() for b in self.client.smembers(f"rta:{{{self.name}}}:bucketset"))

    def begin(self, bucket: str, epoch: int, reason: str) -> None:
        """Let a bucket begin an epoch, unless it has."""
        keys = [self.key_of(bucket, part) for part in ("events", "seen", "state")]
        self.run("reset", keys, [epoch, reason])

    def key_of(self, bucket: str, part: str) -> str:
        """The key of one part of a bucket."""
        return f"rta:{{{self.name}/{bucket}}}:{part}"

    @property
    def pace_key(self) -> str:
        """What the keys of all budgets begin with."""
        return f"rta:{{{self.name}}}:pace:"

    def channel(self, channel: str) -> str:
        """The key of a channel."""
        return f"rta:{{{self.name}}}:channel:{channel}"

    def keys(self) -> list[str]:
        """Every key under the stream's name."""
        keys = [
            f"rta:{{{self.name}}}:{part}" for part in ("buckets", "bucketset", "epoch", "health", "forgotten")
        ]
        for bucket in self.buckets():
            keys += [self.key_of(bucket, part) for part in PARTS]
        with self.errors():
            for pattern in (self.channel("*"), f"{self.pace_key}*"):
                keys += [key.decode() for key in self.client.scan_iter(pattern, count=1000)]
        return keys

    def state_of(self, bucket: str) -> dict[bytes, bytes]:
        """The bucket's state."""
        with self.errors():
            state: dict[bytes, bytes] = self.client.hgetall(self.key_of(bucket, "state"))
        return state

    def register(self, bucket: str) -> None:
        """Make the bucket known to followers. Once a connection: a server may come back empty."""
        if bucket not in self._registered:
            if not bucket or any(c in "{}" or c <= " " for c in bucket):
                raise ValueError(f"namespace {bucket!r} may have no white space and no braces")
            keys = [f"rta:{{{self.name}}}:{part}" for part in ("bucketset", "buckets", "epoch")]
            if epoch := int(self.run("register", keys, [bucket])):
                self.begin(bucket, epoch, "a bucket that came after a reset")
            self.learn(bucket=bucket)
            self._registered.add(bucket)

    @property
    def forgotten_key(self) -> str:
        """The key of the marks of who is forgotten."""
        return f"rta:{{{self.name}}}:forgotten"

    def learn(self, marks: Iterable[str] = (), bucket: str | None = None) -> Forgotten:
        """Bring the marks that the server has, those that we know and ``marks`` together, there and here.

        Buckets are told the marks' version: all of them where the server learns something, else ``bucket``.
        """
        ours = self.known_forgotten.marks.union(marks)
        told: str | None = None
        with self.errors():
            while True:
                theirs = {mark.decode() for mark in self.client.smembers(self.forgotten_key)}
                known = Forgotten(ours | theirs)
                if known.version == (told or ""):
                    break
                if new := known.marks - theirs:
                    self.client.sadd(self.forgotten_key, *new)
                which = self.buckets() if new or bucket is None else [bucket]
                for name in which:
                    self.client.hset(self.key_of(name, "state"), "forgotten", known.version)
                told = known.version
        self.known_forgotten = known
        return known

    def script(self, name: str) -> Any:
        """A script of :mod:`~rtanalytics.streams.lua` by its name."""
        if name not in self._scripts:
            self._scripts[name] = self.client.register_script(getattr(lua, name.upper()))
        return self._scripts[name]

    def run(self, script: str, keys: list[str], args: Sequence[Any]) -> Any:
        """Run a script and return its answer."""
        with self.errors():
            return self.script(script)(keys, args)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """What the server or the network says, as :class:`StreamUnavailable` where trying again may help."""
        try:
            yield
        except (redis.ConnectionError, redis.TimeoutError, BusyLoadingError, ReadOnlyError, OSError) as error:
            self._registered.clear()
            raise StreamUnavailable(f"{address(self.url)}: {error}") from error
        except ResponseError as error:
            if str(error).startswith(("MISCONF", "OOM", "LOADING", "MASTERDOWN", "UNBLOCKED", "NOREPLICAS")):
                raise StreamUnavailable(f"{address(self.url)}: {error}") from error
            raise


def address(url: str) -> str:
    """The server's address without its password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}".rstrip("/")
