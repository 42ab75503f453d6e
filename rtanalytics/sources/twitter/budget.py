"""Daily budget, stored in the cursor so that it survives a restart.

Money is reserved, and the reservation stored, before a request is made. If the process is killed in
between, the next one counts the open reservation as spent.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from rtanalytics.sources.polled import SeenCursor

__all__ = ["Ledger", "until_midnight"]


class Ledger(SeenCursor, omit_defaults=True):
    """Cursor with a budget; money is in millionths of a US dollar, days are in UTC.

    ``grant`` identifies the reservation for a search, ``holder`` that for a stream: only the process that
    made a reservation may spend it.
    """

    day: str = ""
    spent: int = 0
    reserved: int = 0
    size: int = 0  # posts that the reserved money pays for
    grant: str = ""
    terms: str = ""  # identifies the query that since_id belongs to
    since_id: str = ""
    top: str = ""  # the newest post of the pages that are being read
    held: int = 0  # reserved for what a stream may send
    holder: str = ""

    def start_day(self, now: datetime) -> None:
        """Reset the spent money on a new day; a clock that is set back does not start one."""
        today = f"{now:%Y-%m-%d}"
        if today > self.day:
            self.day, self.spent = today, 0

    def left(self, budget: int) -> int:
        """Return the money that may still be spent today."""
        return max(0, budget - self.spent - self.reserved - self.held)

    def reserve(self, amount: int, size: int) -> None:
        """Reserve money for a search; an earlier reservation counts as spent."""
        self.spent += self.reserved
        self.reserved, self.size, self.grant = amount, size, secrets.token_hex(8)

    def settle(self, amount: int | None = None) -> None:
        """Close the reservation for a search: count ``amount``, or by default all of it, as spent."""
        self.spent += self.reserved if amount is None else amount
        self.reserved, self.size, self.grant = 0, 0, ""

    def hold(self, amount: int) -> None:
        """Reserve money for a stream; an earlier reservation counts as spent."""
        self.release()
        self.held, self.holder = amount, secrets.token_hex(8)

    def pay(self, amount: int) -> None:
        """Pay for posts of a stream from its reservation."""
        self.spent += amount
        self.held = max(0, self.held - amount)

    def release(self, amount: int | None = None) -> None:
        """Close the reservation for a stream: count ``amount``, or by default all of it, as spent."""
        self.spent += self.held if amount is None else min(amount, self.held)
        self.held, self.holder = 0, ""


def until_midnight(now: datetime) -> timedelta:
    """Return the time from ``now`` to the next day in UTC."""
    return datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1) - now
