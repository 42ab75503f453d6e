"""How long to wait before trying again, and how much a source may read."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from rtanalytics.conference import RateLimit

__all__ = ["Limits", "RetryPolicy", "doubled"]


def doubled(first: timedelta, longest: timedelta, times: int) -> timedelta:
    """Double a pause.

    Parameters
    ----------
    first, longest : timedelta
        First pause, and upper limit of the result.
    times : int
        How often to double it.

    Examples
    --------
    >>> [doubled(timedelta(seconds=5), timedelta(seconds=60), n).seconds for n in (0, 1, 2, 9)]
    [5, 10, 20, 60]
    """
    pause: timedelta = first * 2 ** max(0, min(times, 30))
    return min(longest, pause)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait after each kind of failure.

    Pauses double with each failure in a row, and have a random part, so that clients that failed at the same
    time do not all try again at the same time.

    Parameters
    ----------
    first, cap : timedelta
        The pause after the n-th transient failure in a row is a random time up to ``first * 2**n``, at
        most ``cap``.
    blocked, blocked_cap : timedelta
        First and longest pause if the source refuses us or our credentials.
    again : timedelta
        First pause in that case if the source has worked before: the cause may be temporary (the login
        page of a network, a server that is being set up again). It doubles up to ``blocked``.
    gone : timedelta
        Pause after a source reported that it is gone; the third report within a day ends it.
    restart : timedelta
        Half of the longest first pause before a process that ended is started again; it doubles up to
        ``cap``.
    heartbeat : timedelta
        How often the health is reported while nothing happens.
    room : timedelta
        How often to check whether the stream has room.
    """

    first: timedelta = timedelta(seconds=1)
    cap: timedelta = timedelta(minutes=15)
    blocked: timedelta = timedelta(hours=1)
    blocked_cap: timedelta = timedelta(hours=24)
    again: timedelta = timedelta(minutes=1)
    gone: timedelta = timedelta(hours=8)
    restart: timedelta = timedelta(milliseconds=100)
    heartbeat: timedelta = timedelta(seconds=10)
    room: timedelta = timedelta(seconds=1)

    def backoff(self, failures: int) -> timedelta:
        """Return the pause after a transient failure: random, up to a limit that doubles (full jitter)."""
        return doubled(self.first, self.cap, failures) * random.random()

    def refused(self, failures: int, *, worked: bool = False) -> timedelta:
        """Return the pause after a refusal: random, from half to all of a limit that doubles each time."""
        first, cap = (self.again, self.blocked) if worked else (self.blocked, self.blocked_cap)
        return doubled(first, cap, failures - 1) * random.uniform(0.5, 1.0)

    def before_restart(self, failures: int) -> timedelta:
        """Return the pause before a restart: random, from half to all of a limit that doubles each time."""
        return doubled(self.restart, self.cap, failures) * random.uniform(0.5, 1.0)

    @staticmethod
    def spread(wait: timedelta) -> timedelta:
        """Return a wait that a host demanded, made up to 5 % longer at random."""
        return wait * random.uniform(1.0, 1.05)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the requests and the stored entries of a source.

    Parameters
    ----------
    rate_limits : mapping of str to RateLimit
        Rate limit per host; ``RateLimit()`` for hosts without one.
    most_entries : int, optional
        Entries of the bucket above which the source waits for the recorder.
    """

    rate_limits: Mapping[str, RateLimit] = field(default_factory=dict)
    most_entries: int | None = None
