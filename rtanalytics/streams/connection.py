"""Connection to a Redis or Valkey server: keys, scripts, and translation of its errors.

Keys of a bucket share one hash tag, so that on a cluster they are on one node::

    rta:{<name>/<bucket>}:events   the stream: field e a packet (r: raised received_at), m a mark, x a reset
    rta:{<name>/<bucket>}:seen     hash id → day, origin and revision of its newest revision
    rta:{<name>/<bucket>}:state    hash: mark, low (highest trimmed entry), recorder, epoch, forgotten (the
                                   version of the marks), fence:*, cursor:*, chain:*
    rta:{<name>/<bucket>}:dead     stream of dead letters; :outbox, :taken and :outkeys belong to the outbox
    rta:{<name>}:forgotten         set of the marks of an erasure
    rta:{<name>}:buckets           stream of bucket names; :bucketset the same as a set; :epoch a number
    rta:{<name>}:health            hash: process name → JSON
    rta:{<name>}:pace:<budget>     hash: due, held; the request budget of a host
    rta:{<name>}:channel:<channel> stream of results (trends); its :names is the set of their names
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    ReadOnlyError,
    ResponseError,
)
from redis.retry import Retry

from rtanalytics.erasure import ErasureMarks
from rtanalytics.streams import lua
from rtanalytics.streams.errors import StreamUnavailable, cursor_moved, fenced
from rtanalytics.streams.protocol import Scope

__all__ = ["TIMEOUT", "RedisConnection", "address"]

TIMEOUT = 5.0
"""Seconds after which an unanswered call counts as failed; longer than any blocking read."""

PARTS = ("events", "seen", "state", "dead", "outbox", "taken", "outkeys")
"""Names of a bucket's keys."""

_ESCAPE = (
    "user name and password of the address contain special characters; write each as % and its code:"
    " @ as %40, / as %2F, # as %23, ? as %3F"
)
_LOGIN = "check user name and password in the address (redis://user:password@host:port/0)"
_RIGHTS = (
    "grant the user of the address all commands and the keys rta:*"
    " (ACL SETUSER name on >password ~rta:* +@all)"
)
_DATABASE = "end the address with a database that the server has, such as /0"


class RedisConnection:
    """A client, and the names of a stream's keys.

    Parameters
    ----------
    url : str
        ``redis://…``, ``rediss://…`` or ``unix://…``.
    name : str
        The stream's name.

    Raises
    ------
    ValueError
        If ``name`` contains characters not allowed in a key, or the kind of address is unknown.
    """

    def __init__(self, url: str, name: str) -> None:
        if not name or any(c in "{}" or c <= " " for c in name):
            raise ValueError(f"stream name {name!r} must not contain white space or braces")
        self.url = url
        self.name = name
        self.client = self.connect()
        self._scripts: dict[str, Any] = {}
        self._registered: set[str] = set()
        self.known_marks = ErasureMarks()

    def connect(self) -> Any:
        """Return a Redis client, which connects to the server at its first command."""
        # Protocol 2, because version 3 gives XREAD's answer another shape; no retries, because
        # a retry that does not go through the append script stores events twice.
        rest = self.url.partition("://")[2]
        if rest.count("@") > 1 or any(c in rest.rpartition("@")[0] for c in "/#?[]"):
            raise StreamUnavailable(f"{address(self.url)}: {_ESCAPE}")
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
        """Close the connections to the server."""
        self.client.close()

    def buckets(self) -> list[str]:
        """Return the names of the buckets, in alphabetical order."""
        with self.errors():
            return sorted(b.decode() for b in self.client.smembers(f"rta:{{{self.name}}}:bucketset"))

    def begin(self, bucket: str, epoch: int, reason: str) -> None:
        """Begin an epoch in a bucket, unless the bucket is already in it."""
        keys = [self.key_of(bucket, part) for part in ("events", "seen", "state")]
        self.run("reset", keys, [epoch, reason])

    def key_of(self, bucket: str, part: str) -> str:
        """Return the Redis key of one part of a bucket, such as its events."""
        return f"rta:{{{self.name}/{bucket}}}:{part}"

    @property
    def rate_limits_key(self) -> str:
        """Prefix of the Redis keys of all request budgets."""
        return f"rta:{{{self.name}}}:pace:"

    @property
    def health_key(self) -> str:
        """Redis key under which the health of all processes is stored."""
        return f"rta:{{{self.name}}}:health"

    @property
    def forgotten_key(self) -> str:
        """Redis key of the fingerprints of erased people."""
        return f"rta:{{{self.name}}}:forgotten"

    def channel(self, channel: str) -> str:
        """Return the Redis key of a channel of results."""
        return f"rta:{{{self.name}}}:channel:{channel}"

    def keys(self) -> list[str]:
        """Return all Redis keys that belong to this stream."""
        keys = [
            f"rta:{{{self.name}}}:{part}" for part in ("buckets", "bucketset", "epoch", "health", "forgotten")
        ]
        for bucket in self.buckets():
            keys += [self.key_of(bucket, part) for part in PARTS]
        with self.errors():
            for pattern in (self.channel("*"), f"{self.rate_limits_key}*"):
                keys += [key.decode() for key in self.client.scan_iter(pattern, count=1000)]
        return keys

    def state_of(self, bucket: str) -> dict[bytes, bytes]:
        """Return the stored state of a bucket: its sequence number, watermark and limits."""
        with self.errors():
            state: dict[bytes, bytes] = self.client.hgetall(self.key_of(bucket, "state"))
        return state

    def register(self, bucket: str) -> None:
        """Add the bucket to the list that followers read, once per connection: a server may restart empty."""
        if bucket not in self._registered:
            if not bucket or any(c in "{}" or c <= " " for c in bucket):
                raise ValueError(f"namespace {bucket!r} must not contain white space or braces")
            keys = [f"rta:{{{self.name}}}:{part}" for part in ("bucketset", "buckets", "epoch")]
            if epoch := int(self.run("register", keys, [bucket])):
                self.begin(bucket, epoch, "a bucket that came after a reset")
            self.learn(bucket=bucket)
            self._registered.add(bucket)

    def unregister(self, bucket: str | None = None) -> None:
        """Let the next write add the bucket, or every bucket, to the list of buckets again."""
        self._registered -= {bucket} if bucket else set(self._registered)

    def learn(self, marks: Iterable[str] = (), bucket: str | None = None) -> ErasureMarks:
        """Merge ``marks`` with the known ones and the server's, and store the union on both sides.

        The version of the marks is written to all buckets if the server lacked some, else to ``bucket``.
        """
        ours = self.known_marks.marks.union(marks)
        written: str | None = None
        with self.errors():
            while True:
                theirs = {mark.decode() for mark in self.client.smembers(self.forgotten_key)}
                known = ErasureMarks(ours | theirs)
                if known.version == (written or ""):
                    break
                if new := known.marks - theirs:
                    self.client.sadd(self.forgotten_key, *new)
                for name in self.buckets() if new or bucket is None else [bucket]:
                    self.client.hset(self.key_of(name, "state"), "forgotten", known.version)
                written = known.version
        self.known_marks = known
        return known

    def script(self, name: str) -> Any:
        """Return the script of :mod:`~rtanalytics.streams.lua` with this name."""
        if name not in self._scripts:
            self._scripts[name] = self.client.register_script(getattr(lua, name.upper()))
        return self._scripts[name]

    def run(self, script: str, keys: list[str], args: Sequence[Any]) -> Any:
        """Run a script on the server and return its response."""
        with self.errors():
            return self.script(script)(keys, args)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Convert errors of the server and the network to :class:`StreamUnavailable` if a retry may help."""
        try:
            yield
        except AuthenticationError as error:
            self.unregister()
            raise StreamUnavailable(f"{address(self.url)}: {error}; {_LOGIN}") from error
        except NoPermissionError as error:
            raise StreamUnavailable(f"{address(self.url)}: {error}; {_RIGHTS}") from error
        except (redis.ConnectionError, redis.TimeoutError, BusyLoadingError, ReadOnlyError, OSError) as error:
            self.unregister()
            raise StreamUnavailable(f"{address(self.url)}: {error}") from error
        except ResponseError as error:
            if "DB index is out of range" in str(error):
                raise StreamUnavailable(f"{address(self.url)}: {error}; {_DATABASE}") from error
            if str(error).startswith(("MISCONF", "OOM", "LOADING", "MASTERDOWN", "UNBLOCKED", "NOREPLICAS")):
                raise StreamUnavailable(f"{address(self.url)}: {error}") from error
            raise

    @contextmanager
    def scope_errors(self, scope: Scope | None) -> Iterator[None]:
        """Convert a script's refusal to write to the error of the stream, such as :class:`Fenced`."""
        try:
            yield
        except ResponseError as error:
            if scope is not None and "FENCED" in str(error):
                raise fenced(scope) from None
            if scope is not None and "BEHIND" in str(error):
                raise cursor_moved(scope) from None
            raise

    @staticmethod
    def block(wait: timedelta | None) -> list[Any]:
        """Return the arguments with which XREAD waits for new entries."""
        return [] if wait is None else ["BLOCK", max(1, int(min(wait.total_seconds(), TIMEOUT / 2) * 1000))]


def address(url: str) -> str:
    """Return the server's address without its password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}".rstrip("/")
