"""How long a source waits for what, and how much it may take."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from rtanalytics.conference import RateLimit

__all__ = ["Limits", "RetryPolicy"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait before what.

    Parameters
    ----------
    first, cap : timedelta
        Backoff after the n-th failure in a row is random between 0 and ``first * 2**n``, at most
        ``cap``.
    blocked, blocked_cap : timedelta
        The same where we are not welcome or the credentials are wrong.
    again : timedelta
        Where a source has worked before, it may be a passing trouble (a network's login page, a server
        that is set up anew): then this long first, doubling up to ``blocked``.
    gone : timedelta
        Until a source that says it is gone is asked again; the third time within a day ends it.
    heartbeat : timedelta
        How often the health is told while nothing happens.
    room : timedelta
        How often it is looked whether the stream has room, or has it again.
    """

    first: timedelta = timedelta(seconds=1)
    cap: timedelta = timedelta(minutes=15)
    blocked: timedelta = timedelta(hours=1)
    blocked_cap: timedelta = timedelta(hours=24)
    again: timedelta = timedelta(minutes=1)
    gone: timedelta = timedelta(hours=8)
    heartbeat: timedelta = timedelta(seconds=10)
    room: timedelta = timedelta(seconds=1)

    def backoff(self, failures: int) -> timedelta:
        """Full jitter: a random share of a time that doubles."""
        longest: timedelta = min(self.cap, self.first * 2 ** min(failures, 30))
        return longest * random.random()

    def unwelcome(self, failures: int, *, worked: bool = False) -> timedelta:
        """At least half of a time that doubles: from ``again`` where it worked before, or ``blocked``."""
        first, cap = (self.again, self.blocked) if worked else (self.blocked, self.blocked_cap)
        longest: timedelta = min(cap, first * 2 ** min(failures - 1, 10))
        return longest * random.uniform(0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a source may take.

    Parameters
    ----------
    rate_limits : mapping of str to RateLimit
        How often which host may be asked; one that is not named by ``RateLimit()``.
    most_entries : int, optional
        Entries that the bucket may have before the source waits for room in it.
    """

    rate_limits: Mapping[str, RateLimit] = field(default_factory=dict)
    most_entries: int | None = None
