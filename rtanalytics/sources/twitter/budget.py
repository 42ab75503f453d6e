"""What was spent today: kept in the cursor, so that a restart does not forget it.

Money is put aside before it is spent, and stored; only then is the request made. Whoever is killed
in between finds money put aside that nobody has accounted for, and takes it as spent.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from rtanalytics.sources.polled import SeenCursor

__all__ = ["Ledger", "until_midnight"]


class Ledger(SeenCursor, omit_defaults=True):
    """A cursor with a budget; money is in millionths of a US dollar, a day is one in UTC.

    ``grant`` names what was put aside for a search, ``holder`` what was for a stream: whoever did not
    put it aside itself may not spend it.
    """

    day: str = ""
    spent: int = 0
    reserved: int = 0
    size: int = 0  # posts that the reserved money is enough for
    grant: str = ""
    terms: str = ""  # which query since_id belongs to
    since_id: str = ""
    top: str = ""  # the newest of the pages that are being read
    held: int = 0  # put aside for what a stream may send
    holder: str = ""

    def turn(self, now: datetime) -> None:
        """Begin a new day if it is one; a clock that was set back begins none."""
        today = f"{now:%Y-%m-%d}"
        if today > self.day:
            self.day, self.spent = today, 0

    def left(self, budget: int) -> int:
        """Return what may still be spent today."""
        return max(0, budget - self.spent - self.reserved - self.held)

    def reserve(self, amount: int, size: int) -> None:
        """Put money aside; what was put aside before counts as spent."""
        self.spent += self.reserved
        self.reserved, self.size, self.grant = amount, size, secrets.token_hex(8)

    def settle(self, amount: int | None = None) -> None:
        """Account for what was put aside: ``amount`` of it was spent, or all."""
        self.spent += self.reserved if amount is None else amount
        self.reserved, self.size, self.grant = 0, 0, ""

    def hold(self, amount: int) -> None:
        """Put money aside for a stream; what was held before counts as spent."""
        self.let_go()
        self.held, self.holder = amount, secrets.token_hex(8)

    def pay(self, amount: int) -> None:
        """Pay for what a stream has sent, from what is held for it."""
        self.spent += amount
        self.held = max(0, self.held - amount)

    def let_go(self, amount: int | None = None) -> None:
        """Hold nothing any more: ``amount`` of it was spent, or all."""
        self.spent += self.held if amount is None else min(amount, self.held)
        self.held, self.holder = 0, ""


def until_midnight(now: datetime) -> timedelta:
    """From ``now`` to the next day in UTC."""
    return datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1) - now
