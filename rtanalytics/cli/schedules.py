"""Schedule files for the commands: the talks, and a warning about each that cannot be read."""

from __future__ import annotations

import sys
from datetime import tzinfo
from pathlib import Path

from rtanalytics.cli.terminal import safe
from rtanalytics.schedule import Schedule

__all__ = ["read_talks"]

SHOWN = 5
"""Lines at most; how many more there are is said in one more."""


def read_talks(path: Path, zone: tzinfo) -> Schedule:
    """The talks of a file.

    Raises
    ------
    ValueError
        If it cannot be read; the message names the place.
    """
    from rtanalytics.schedules import read_schedule

    found = read_schedule(path, zone)
    for line in found.refused[:SHOWN]:
        print(f"rtanalytics: warning: a talk is left out: {safe(line)}", file=sys.stderr)
    if (more := len(found.refused) - SHOWN) > 0:
        print(f"rtanalytics: warning: {more} more talks are left out", file=sys.stderr)
    return found
