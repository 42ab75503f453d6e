"""Counts of terms in bins, in three channels.

``messages``
    messages of the bin that contain the term;
``authors``
    distinct authors of those messages;
``deduped``
    distinct authors, copies left out: of messages of one bin that are equal or nearly equal, such as
    retweets and pasted advertisements, only the first counts.

A message without an author counts as one author in the last two channels, so that anonymous chat can
trend, too. Numbers of people that are shown (of a trend, of a bin, in a report) only count known authors.

Each message is cut into tokens once and kept as one row of a log: its time, author and tokens, in
flat arrays. Counts are computed from the rows of a bin. So distinct authors are counted as sets,
and an edit, a delete or a mute only changes which rows count. Counts do not depend on the order in which
events arrive, nor on how often.
"""

from __future__ import annotations

from rtanalytics.counts.cells import CHANNELS, BinCounts, BinMessages, Cells, Channel, Floats, Ints
from rtanalytics.counts.counting import TermCounts

__all__ = [
    "CHANNELS",
    "BinCounts",
    "BinMessages",
    "Cells",
    "Channel",
    "Floats",
    "Ints",
    "TermCounts",
]
