"""Events to counts: terms × bins, in three channels.

``messages``
    how many messages of the bin say the term;
``authors``
    how many different people wrote them;
``deduped``
    how many different people, copies left out: of messages of one bin that are equal, or equal
    but for a share, as retweets and pasted advertisements are, only the first one counts.

A message without an author counts as one voice in the last two: nobody can tell that it is of the same person
as another one, and chatter of which nobody knows who wrote it is to trend, too. People that are told (of a
trend, of a bin, in a report) are those that are known: there it adds a message and nobody.

Each message is cut into tokens once and kept as a row of a log: its time, author and tokens, in
flat arrays. Counts are read off the rows of a bin, so that bins of any width come out of one
log, distinct authors are counted as sets, and an edit, a delete or a mute simply changes which
rows count. Whatever arrives twice, late, or in another order, the numbers are those of the set
of events that are current.
"""

from __future__ import annotations

from rtanalytics.counts.cells import CHANNELS, BinCounts, BinMessages, Cells, Channel, Floats, Ints
from rtanalytics.counts.counting import TermCounts
from rtanalytics.counts.past import Past
from rtanalytics.counts.sketches import CountMin, Frequent

__all__ = [
    "CHANNELS",
    "BinCounts",
    "BinMessages",
    "Cells",
    "Channel",
    "CountMin",
    "Floats",
    "Frequent",
    "Ints",
    "Past",
    "TermCounts",
]
