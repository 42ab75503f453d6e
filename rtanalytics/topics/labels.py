"""Labels of topics: a name that somebody understands who was not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import regex

from rtanalytics.counts import TermCounts
from rtanalytics.schedule import Talk
from rtanalytics.terms import ALONE, EDGE, Kind, join
from rtanalytics.topics.directory import Directory, Words
from rtanalytics.topics.grouping import Group, Scored

__all__ = ["Labeller", "talk_label"]

_SPEAKERS = 2
"""Maximum number of speakers in a label."""
_MOST = 60
"""Maximum number of messages that are searched for the words around a term."""
_EXTENDS = 0.6
"""Share of the occurrences of a phrase in which the next word must be the same to belong to it."""
_QUOTE = 5
"""Number of words from which a phrase may contain any words, because it reads as a quotation."""
_LONGEST = 8
"""Maximum number of words of a phrase."""
_NAMELIKE, _SOMEHOW_NAMELIKE = 0.5, 0.2
"""Likeness to names from which a word is a label by itself, and after a name."""
_CONNECTORS = frozenset(
    "& and as d da de del den der des di do du e et for für in la le los of the und van von vs y".split()
)
"""Words that may stand inside a noun phrase; other stop words mean that a phrase is cut out of a sentence."""
_SPOKEN = regex.compile(r"\p{L}")


def talk_label(talk: Talk) -> str:
    """Return a label for a talk: its speakers and its title.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 5, 15, 9, tzinfo=UTC)
    >>> talk_label(Talk(id="1", title="Change the wheels", speakers=["Mees Kuipers"], start=at, end=at))
    'Mees Kuipers: Change the wheels'
    """
    speakers = talk.speakers
    if not speakers:
        return talk.title
    names = " and ".join(speakers) if len(speakers) <= _SPEAKERS else f"{speakers[0]} and others"
    return f"{names}: {talk.title}"


class Labeller:
    """Writer of labels for topics.

    Parameters
    ----------
    counts : TermCounts
        Counts of all messages.
    directory : Directory
        People.
    surface : callable
        Returns the most frequent spelling of a term.
    """

    def __init__(self, counts: TermCounts, directory: Directory, surface: Callable[[int], str]) -> None:
        self._counts, self._directory, self._surface = counts, directory, surface

    def label(self, group: Group, around: set[Words]) -> str:
        """Return the label of a topic.

        It is the talk that the topic is about; else the name of the person with a phrase about them, if the
        first term is a person; else the whole phrase to which the first term belongs.
        """
        if group.talk is not None:
            return talk_label(group.talk.talk)
        people = [(s, self._directory.resolve(s.key, s.like, around)) for s in group.terms]
        lead, person = people[0]
        rest = [s for s, other in people[1:] if other is None and s.key[0] != "@"]
        if person is not None:
            return _with(person.name, self._best(rest))
        if lead.key[0] == "@":
            return _with(self._surface(lead.term), self._best(rest))
        phrase = self._phrase(lead)
        if phrase and (" " in phrase or lead.like >= _NAMELIKE):
            return phrase
        named = next((other for _, other in people if other is not None), None)
        if named is not None:
            return _with(named.name, phrase or self._best(rest))
        other = self._best(rest)
        if phrase and other and phrase.casefold() not in other.casefold():
            return f"{phrase}, {other}"
        return other or phrase or self._surface(lead.term)

    def _best(self, terms: Sequence[Scored]) -> str:
        """Return the best phrase of some terms: one of several words, else a name, else an empty string."""
        phrases = [(s, self._phrase(s)) for s in terms]
        spoken = [(s, text) for s, text in phrases if _SPOKEN.search(text)]
        several = (text for _, text in spoken if " " in text)
        names = (text for s, text in spoken if s.like >= _SOMEHOW_NAMELIKE)
        return next(several, "") or next(names, "")

    def _phrase(self, scored: Scored) -> str:
        """Return the whole phrase of a term, or an empty string if it is cut out of a sentence."""
        vocabulary = self._counts.vocabulary
        words = vocabulary.words(scored.term)
        if words is None and (scored.handy or scored.like >= _NAMELIKE):
            return self._surface(scored.term)
        tokens = self._extended(scored, [scored.term] if words is None else list(words))
        content = [bool(vocabulary.uses[t] & (EDGE | ALONE)) for t in tokens]
        if True not in content:
            return ""
        whole = slice(content.index(True), len(content) - content[::-1].index(True))
        surfaces = [vocabulary.surfaces[t] for t in tokens[whole]]
        inside = [
            is_content or vocabulary.keys[vocabulary.term_of[token]] in _CONNECTORS
            for token, is_content in zip(tokens[whole], content[whole], strict=True)
        ]
        if all(inside) or len(surfaces) >= _QUOTE:
            return join(surfaces)
        parts = [
            [surfaces[i] for i in part]
            for kept, part in groupby(range(len(inside)), inside.__getitem__)
            if kept
        ]
        best = max(parts, key=lambda part: (len(part), any(word != word.lower() for word in part)))
        return join(best) if len(best) > 1 or best[0] != best[0].lower() else ""

    def _grown(self, found: list[_Place], step: int) -> list[_Place]:
        """Return the occurrences extended by the next word if most of them share it, else an empty list."""
        vocabulary = self._counts.vocabulary
        by: dict[int, list[_Place]] = {}
        for place in found:
            token = place.beside(step)
            if token >= 0 and vocabulary.kinds[token] in (Kind.WORD, Kind.NUMBER):
                by.setdefault(int(vocabulary.term_of[token]), []).append(place)
        most = max(by.values(), key=len, default=[])
        if len(most) < _EXTENDS * len(found) or len({place.author for place in most}) < 2:
            return []
        return [p._replace(start=p.start - (step < 0), end=p.end + (step > 0)) for p in most]

    def _extended(self, scored: Scored, words: list[int]) -> list[int]:
        """Return the surfaces of a phrase with the words before and after it that most messages share."""
        vocabulary = self._counts.vocabulary
        term_of = vocabulary.term_of
        rows = np.array(scored.rows[-_MOST:], np.int64)
        found: list[_Place] = []
        authors = self._counts.authors(rows).tolist()
        for author, tokens in zip(authors, self._counts.tokens_in(rows), strict=True):
            terms = [int(term_of[t]) if t >= 0 else -1 for t in tokens]
            for i in range(len(terms) - len(words) + 1):
                if terms[i : i + len(words)] == words:
                    found.append(_Place(author, tokens, i, i + len(words)))
                    break
        if not found:
            return []
        for step in (-1, 1):
            while found[0].end - found[0].start < _LONGEST and (more := self._grown(found, step)):
                found = more
        spellings: Counter[tuple[int, ...]] = Counter(
            tuple(place.tokens[place.start : place.end]) for place in found
        )
        surfaces = vocabulary.surfaces
        best = max(spellings.items(), key=lambda item: (item[1], [surfaces[t] for t in item[0]]))
        return list(best[0])


class _Place(NamedTuple):
    """Occurrence of a phrase in a message."""

    author: int
    tokens: list[int]
    start: int
    end: int

    def beside(self, step: int) -> int:
        """Return the surface before (``step`` −1) or after (``step`` 1) the phrase; −1 if none is there."""
        at = self.start - 1 if step < 0 else self.end
        return self.tokens[at] if 0 <= at < len(self.tokens) else -1


def _with(name: str, phrase: str) -> str:
    return f"{name}: {phrase}" if phrase else name
