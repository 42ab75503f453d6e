"""A recording and its trends as one self-contained page for people who were not there.

:func:`gather` counts and chooses, :func:`build_report` and :func:`build_markdown` write it down.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rtanalytics.event import Event
from rtanalytics.report.page import page
from rtanalytics.report.recap import Recap, gather
from rtanalytics.topics import TrendBin

__all__ = ["Recap", "build_report", "gather"]


def build_report(events: Iterable[Event], bins: Iterable[TrendBin], **options: Any) -> str:
    """x"""
    return page(gather(events, bins, **options))
