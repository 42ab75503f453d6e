"""Posts of the filtered stream that are not delivered yet: which rules they match, and what they cost."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rtanalytics.normalize.values import as_dict, as_dicts, as_list
from rtanalytics.sources.base import MAX_RAW, Malformed, Reject, printable
from rtanalytics.sources.json_items import load
from rtanalytics.sources.twitter.rules import summarize_errors
from rtanalytics.sources.twitter.spec import XSpec

__all__ = ["MIN_POST_BYTES", "PendingPosts", "cost_of"]

MIN_POST_BYTES = 300
"""Smallest size of a post in the stream, in bytes."""


class PendingPosts:
    """Undelivered lines of the stream: posts for our rules, posts for other rules, and rejects.

    Parameters
    ----------
    spec : XSpec
        Options with the prices.
    counts : Counter
        Counts ``posts``, ``users``, ``others`` and ``stream_errors``.

    Attributes
    ----------
    ours : list of bytes
        Posts that our rules match.
    rejects : list of Reject
        Lines that are not posts.
    size : int
        Size of ``ours`` in bytes.
    cost : int
        Cost of all posts that were sent, including those for other rules, in millionths of a US dollar.
    problem : str or None
        The last error that the stream reported.
    """

    def __init__(self, spec: XSpec, counts: Counter[str]) -> None:
        self.ours: list[bytes] = []
        self.rejects: list[Reject] = []
        self.size = self.cost = 0
        self.problem: str | None = None
        self._spec, self._counts = spec, counts

    def __len__(self) -> int:
        return len(self.ours) + len(self.rejects)

    def take(self, line: bytes, rules: frozenset[str]) -> None:
        """Add a line; ``rules`` are the ids of our rules."""
        try:
            payload = load(line, "post of X's stream")
        except Malformed as error:
            self.reject(str(error), line)
            return
        if not isinstance(payload, dict):
            self.reject("not a post", line)
            return
        if not payload.get("data") and (payload.get("errors") or payload.get("title")):
            self._counts["stream_errors"] += 1
            self.problem = f"error in the stream: {summarize_errors(payload.get('errors') or payload)!r}"
            return
        posts, users = 1 + _many(payload, "tweets"), _many(payload, "users")
        self._counts.update(posts=posts, users=users)
        self.cost += self._spec.cost(posts, users)
        ids = {str(rule.get("id")) for rule in as_dicts(payload.get("matching_rules"))}
        if not ids or not isinstance(payload.get("data"), dict):
            self._add_reject("not a post with the rules that it matches", line)
        elif ids & rules:
            self.ours.append(line)
            self.size += len(line)
        else:
            self._counts["others"] += 1

    def reject(self, reason: str, line: bytes) -> None:
        """Add a dead letter, and count it as the most expensive post."""
        self._add_reject(reason, line)
        self.cost += self._spec.max_post_cost

    def _add_reject(self, reason: str, line: bytes) -> None:
        self.rejects.append(Reject(reason=printable(reason), raw=line[:MAX_RAW], where="stream"))


def cost_of(spec: XSpec, size: int) -> int:
    """Return the highest possible price of ``size`` bytes of the stream, in millionths of a US dollar."""
    posts = -(-size // MIN_POST_BYTES)
    return max(spec.cost(posts, posts if spec.expand else 0), spec.max_post_cost) if posts else 0


def _many(payload: dict[str, Any], kind: str) -> int:
    return len(as_list(as_dict(payload.get("includes")).get(kind)))
