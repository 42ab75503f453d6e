"""Terms that are never topics: ignored terms and the conference's own tags."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import Ints
from rtanalytics.settings import Settings

__all__ = ["OWN_SHARE", "is_excluded"]

OWN_SHARE = 0.2
"""Share of all messages so far above which a tag is considered the conference's own."""


def is_excluded(
    settings: Settings,
    terms: Ints,
    keys: Sequence[str],
    used: npt.NDArray[np.integer],
    messages: int,
    surface: Callable[[int], str],
) -> npt.NDArray[np.bool_]:
    """Return a mask of the terms that are never topics.

    Parameters
    ----------
    settings : Settings
        Settings with ``ignore`` and ``own_tags``. If ``own_tags`` is not set, tags that a large share
        of all messages contain are considered the conference's own.
    terms : numpy.ndarray of int64, shape (n,)
        Numbers of the terms.
    keys : sequence of str
        Key of each term of the vocabulary.
    used : numpy.ndarray of int, shape (n,)
        Number of messages so far that contain each of the terms.
    messages : int
        Number of messages so far.
    surface : callable
        Returns the most common spelling of a term.
    """
    given = settings.own_tags | settings.ignore
    excluded = np.array([keys[term].lstrip("@") in given for term in terms.tolist()], np.bool_)
    if not settings.own_tags:
        for i in np.flatnonzero(used > OWN_SHARE * messages).tolist():
            excluded[i] |= surface(int(terms[i])).startswith("#")
    return excluded
