"""Numbers in words, for the terminal, reports and explanations."""

from __future__ import annotations

__all__ = ["counted"]


def counted(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> counted(1, "time"), counted(1200, "time"), counted(2, "entry", "entries")
    ('1 time', '1,200 times', '2 entries')
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
