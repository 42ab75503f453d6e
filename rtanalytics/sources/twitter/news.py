"""Posts that the stream has sent and that are not delivered yet: whose they are, and what they cost."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rtanalytics.sources.base import MAX_RAW, Malformed, Reject, printable
from rtanalytics.sources.json_items import load
from rtanalytics.sources.twitter.rules import said
from rtanalytics.sources.twitter.spec import XSpec

__all__ = ["LEAST", "News", "cost_of"]

LEAST = 300
"""Bytes that a post of a stream has at least."""


class News:
    """Lines of a stream, sorted.

    Parameters
    ----------
    spec : XSpec
        Has the prices.
    counts : Counter
        ``posts``, ``users``, ``others`` and ``stream_errors`` are counted.

    Attributes
    ----------
    ours : list of bytes
        Posts that our rule matches.
    rejects : list of Reject
        What is no post.
    size : int
        Bytes of ours.
    cost : int
        Of all that was delivered, also for others, in millionths of a dollar.
    said : str or None
        The last error that the stream payload of.
    """

    def __init__(self, spec: XSpec, counts: Counter[str]) -> None:
        self.ours: list[bytes] = []
        self.rejects: list[Reject] = []
        self.size = self.cost = 0
        self.said: str | None = None
        self._spec, self._counts = spec, counts

    def __len__(self) -> int:
        return len(self.ours) + len(self.rejects)

    def take(self, line: bytes, rules: frozenset[str]) -> None:
        """Sort a line in; ``rules`` are ours."""
        try:
            payload = load(line, "post of X's stream")
        except Malformed as error:
            self.reject(str(error), line)
            return
        if not isinstance(payload, dict):
            self.reject("it is no post", line)
            return
        if not payload.get("data") and (payload.get("errors") or payload.get("title")):
            self._counts["stream_errors"] += 1
            self.said = f"the stream says {said(payload.get('errors') or payload)!r}"
            return
        posts, users = 1 + _many(payload, "tweets"), _many(payload, "users")
        self._counts.update(posts=posts, users=users)
        self.cost += self._spec.cost(posts, users)
        matched = payload.get("matching_rules")
        names = (
            {str(r.get("id")) for r in matched if isinstance(r, dict)} if isinstance(matched, list) else set()
        )
        if not names or not isinstance(payload.get("data"), dict):
            self._bury("it is no post that says which rules it matches", line)
        elif names & rules:
            self.ours.append(line)
            self.size += len(line)
        else:
            self._counts["others"] += 1

    def reject(self, reason: str, line: bytes) -> None:
        """Write a dead letter, and count it as the most expensive post."""
        self._bury(reason, line)
        self.cost += self._spec.dearest

    def _bury(self, reason: str, line: bytes) -> None:
        self.rejects.append(Reject(reason=printable(reason), raw=line[:MAX_RAW], where="stream"))


def cost_of(spec: XSpec, size: int) -> int:
    """Estimate the highest price of so many bytes of a stream, in millionths of a dollar."""
    posts = -(-size // LEAST)
    return max(spec.cost(posts, posts if spec.expand else 0), spec.dearest) if posts else 0


def _many(payload: dict[str, Any], kind: str) -> int:
    includes = payload.get("includes")
    found = includes.get(kind) if isinstance(includes, dict) else None
    return len(found) if isinstance(found, list) else 0
