"""Terms that are never topics: ignored terms and the conference's own tags."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import Ints
from rtanalytics.settings import Settings

__all__ = ["OWN_SHARE", "is_edition", "is_excluded", "without_year"]

_YEAR = re.compile(r"(?<=[^\W\d_]{2})[_-]?(?:\d{2}|(?:19|20)\d{2})$")
OWN_SHARE = 0.2
"""Share of all messages so far above which a tag is considered the conference's own."""


def without_year(tag: str) -> str:
    """Return a tag without the year at its end.

    Examples
    --------
    >>> without_year("pycon2026"), without_year("pycon_de26"), without_year("pycon"), without_year("web3")
    ('pycon', 'pycon_de', 'pycon', 'web3')
    """
    return _YEAR.sub("", tag)


def is_edition(key: str, bases: Collection[str]) -> bool:
    """Check whether a tag is one of these tags with a year: ``pycon26`` and ``pycon2026`` of ``pycon``."""
    return (base := without_year(key)) != key and base in bases


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
        Settings with ``ignore`` and ``own_tags``. An own tag with another year at its end is excluded as
        well. If ``own_tags`` is not set, tags that a large share of all messages contain are considered
        the conference's own.
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
    bases = {without_year(tag) for tag in settings.own_tags}
    of = [keys[term].lstrip("@") for term in terms.tolist()]
    excluded = np.array([key in given or is_edition(key, bases) for key in of], np.bool_)
    if not settings.own_tags:
        for i in np.flatnonzero(used > OWN_SHARE * messages).tolist():
            excluded[i] |= surface(int(terms[i])).startswith("#")
    return excluded
