"""Directory of people: which handles, full names and surnames belong to the same person.

Facts come from what has been posted so far: the display names of authors, and names that stand
beside handles in texts ("Ada Lovelace (@ada)"). The speakers of a schedule are known from the start.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import regex

from rtanalytics.counts import Ints, TermCounts
from rtanalytics.erasure import EVERYWHERE, ErasureMarks
from rtanalytics.schedule import Schedule
from rtanalytics.terms import Kind, fold

__all__ = ["Directory", "Person", "resembles", "words_of"]

Words = tuple[str, ...]

_PROFILE, _SPEAKER, _BESIDE, _TOGETHER = 20, 100, 5, 2
"""Weights of a name: as an author's display name, of a speaker, beside a handle in one person's texts, and
elsewhere in a text with this handle only."""
_ENOUGH = 10
"""Weight from which a name belongs to a handle."""
_MAJORITY = 0.5
"""Share of the weight of all names of a handle that its name must have."""
_LONG = 5
"""Number of letters from which a name inside a handle identifies a person."""
_PARTICLES = frozenset("al bin da de del den der di dos du el la le los ten ter van von y".split())
_TITLES = frozenset("dr phd prof professor mr mrs ms".split())
_NAMELIKE, _CERTAINLY_NAMELIKE = 0.25, 0.5
"""Likeness to names from which a word may be a surname: of a speaker, and of anybody else."""
_BRACKETS = regex.compile(r"[(\[{<|/].*")
_LETTERS = regex.compile(r"[\p{L}\p{M}][\p{L}\p{M}'’.-]*")
_NO_HANDLE = regex.compile(r"[(\[]?@\w+[)\]]?")
_BEFORE, _AFTER = 4, 2


class Person(NamedTuple):
    """A person to whom a term refers.

    Parameters
    ----------
    id : tuple of str
        Folded words of the full name.
    name : str
        Full name as written.
    confidence : float
        Confidence that the term refers to this person, between 0 and 1.
    """

    id: Words
    name: str
    confidence: float


class _Fact(NamedTuple):
    """Somebody's statement that a handle has a name; ``author`` is −1 if it is the display name."""

    handle: str
    name: str
    author: int
    weight: int


class Directory:
    """Directory of the people who post and who are mentioned.

    Parameters
    ----------
    counts : TermCounts
        Counts of all messages.
    schedule : Schedule
        Talks with speakers.
    """

    def __init__(self, counts: TermCounts, schedule: Schedule) -> None:
        self._counts = counts
        self._speaking = {
            words: _NO_HANDLE.sub("", name).strip()
            for talk in schedule
            for name in talk.speakers
            if len(words := words_of(name)) > 1
        }
        self._erased = ErasureMarks()
        self._journal: list[tuple[int, _Fact, Words]] = []
        self._clear()

    def _clear(self) -> None:
        self._facts: set[_Fact] = set()
        self._of_handle: dict[str, dict[Words, int]] = defaultdict(dict)
        self._weight: dict[Words, int] = {}
        self._written: dict[Words, str] = {}
        self._by_surname: dict[str, set[Words]] = defaultdict(set)
        self._by_ends: dict[tuple[str, str], set[Words]] = defaultdict(set)
        self._upper = np.zeros(0, np.bool_)
        for words, name in self._speaking.items():
            self._know(words, name, _SPEAKER)

    # -- learning -----------------------------------------------------------------------------

    def learn(self, bin: int, rows: Ints) -> None:
        """Learn which handles and names belong together from the messages of a bin."""
        facts = [
            _Fact(_handle(handle), name, -1, _PROFILE) for handle, name in sorted(self._counts.profiles(rows))
        ]
        facts += self._beside(rows)
        facts += self._together(rows)
        for fact in facts:
            if fact not in self._facts and not self._is_erased(fact.handle):
                self._add(bin, fact)

    def go_back(self, bin: int) -> None:
        """Forget what was learned from a bin and from all later ones."""
        while self._journal and self._journal[-1][0] >= bin:
            self._remove(*self._journal.pop()[1:])

    def forget(self) -> None:
        """Forget everything that was learned, because the terms get new numbers."""
        self._journal.clear()
        self._clear()

    def erase(self, marks: Iterable[str]) -> None:
        """Remove the people with these marks (see :class:`~rtanalytics.erasure.ErasureMarks`), for good."""
        self._erased = ErasureMarks(self._erased.marks | set(marks))
        names = {words for _, fact, words in self._journal if self._is_erased(fact.handle)}
        kept = [
            (bin, fact)
            for bin, fact, words in self._journal
            if not self._is_erased(fact.handle) and words not in names
        ]
        self.forget()
        for bin, fact in kept:
            self._add(bin, fact)

    def _is_erased(self, handle: str) -> bool:
        return bool(self._erased) and self._erased.author(handle[1:], EVERYWHERE) in self._erased.marks

    def _add(self, bin: int, fact: _Fact) -> None:
        words = words_of(fact.name)
        if len(words) < 2:
            return
        words = self._same(words) or words
        self._facts.add(fact)
        self._journal.append((bin, fact, words))
        names = self._of_handle[fact.handle]
        names[words] = names.get(words, 0) + fact.weight
        self._know(words, fact.name, fact.weight)

    def _remove(self, fact: _Fact, words: Words) -> None:
        """Undo :meth:`_add` of the newest fact."""
        self._facts.discard(fact)
        names = self._of_handle[fact.handle]
        names[words] -= fact.weight
        if not names[words]:
            del names[words]
        self._weight[words] -= fact.weight
        if not self._weight[words]:
            del self._weight[words], self._written[words]
            for ids in self._indices(words):
                ids.discard(words)

    def _indices(self, words: Words) -> list[set[Words]]:
        """Return the sets, by surname and by pair of names, in which a person is looked up."""
        ends = {(words[0], words[-1]), (words[-2], words[-1])}
        return [self._by_surname[words[-1]], *(self._by_ends[pair] for pair in sorted(ends))]

    def _same(self, words: Words) -> Words | None:
        """Return the person with a compatible name: the same surname, and a short form of the given name."""
        ids = [id for id in self._by_surname.get(words[-1], ()) if _compatible(id[0], words[0])]
        return max(ids, key=self._importance) if ids else None

    def _know(self, words: Words, name: str, weight: int) -> None:
        self._weight[words] = self._weight.get(words, 0) + weight
        self._written.setdefault(words, name)
        for ids in self._indices(words):
            ids.add(words)

    def _beside(self, rows: Ints) -> list[_Fact]:
        """Return the names beside handles in texts, one fact per author, handle and name."""
        authors, handles, context = self._counts.near_handles(rows, _BEFORE, _AFTER)
        upper = self._capitals()
        named = np.zeros(len(handles), np.bool_)
        for column in (_BEFORE - 1, _BEFORE - 2, _BEFORE):
            named |= (context[:, column] >= 0) & upper[context[:, column]]
        surfaces = self._counts.vocabulary.surfaces
        facts = []
        for i in np.flatnonzero(named).tolist():
            handle = _handle(surfaces[int(handles[i])])
            around = context[i].tolist()
            before = around[_BEFORE - 1 :: -1]
            close = before[0] >= 0
            name = self._name_in(before if close else before[1:], surfaces, backwards=True)
            if name and (close or resembles(handle, words_of(name))):
                weight = _BESIDE * (2 if resembles(handle, words_of(name)) else 1)
                facts.append(_Fact(handle, name, int(authors[i]), weight))
            name = self._name_in(around[_BEFORE:], surfaces, backwards=False)
            if name and resembles(handle, words_of(name)):
                facts.append(_Fact(handle, name, int(authors[i]), 2 * _BESIDE))
        return facts

    def _together(self, rows: Ints) -> list[_Fact]:
        """Return a fact for each message that has exactly one handle and names exactly one known person."""
        keys = self._counts.vocabulary.keys
        rows = rows[self._counts.of_kind(rows, Kind.HANDLE) == 1]
        facts = []
        for author, terms in zip(
            self._counts.authors(rows).tolist(), self._counts.terms_in(rows), strict=True
        ):
            words = [keys[term] for term in terms]
            handle = next(word for word in words if word[0] == "@")
            if self._of(handle) is not None:
                continue
            people = {
                id for pair in pairwise(words) if pair in self._by_ends for id in self._by_ends[pair]
            } or {
                id
                for word in words
                for id in self._by_surname.get(word, ())
                if id in self._speaking and len(word) >= _LONG
            }
            if len(people) == 1:
                facts.append(_Fact(_handle(handle), self._written[people.pop()], author, _TOGETHER))
        return facts

    def _name_in(self, tokens: list[int], surfaces: list[str], *, backwards: bool) -> str:
        """Return the first and last name with which a list of tokens begins, or an empty string."""
        words: list[str] = []
        for token in tokens:
            if token < 0:
                break
            if self._upper[token]:
                words.append(surfaces[token])
                if sum(word[0].isupper() for word in words) == 2:
                    break
            elif words and surfaces[token] in _PARTICLES:
                words.append(surfaces[token])
            else:
                break
        if sum(word[0].isupper() for word in words) < 2:
            return ""
        return " ".join(reversed(words) if backwards else words)

    def _capitals(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return a mask of the surfaces that are words with a capital first letter, as names are."""
        vocabulary = self._counts.vocabulary
        known = len(self._upper)
        new = vocabulary.surfaces[known:]
        if new:
            kinds = vocabulary.kinds[known:]
            capital = [
                s[0].isupper() and len(s) > 1 and kind == Kind.WORD
                for s, kind in zip(new, kinds, strict=True)
            ]
            self._upper = np.concatenate([self._upper, np.array(capital, np.bool_)])
        return self._upper

    # -- looking up ---------------------------------------------------------------------------

    def resolve(self, key: str, like: float = 1.0, around: Collection[Words] = ()) -> Person | None:
        """Return the person to whom a term refers, or None.

        Parameters
        ----------
        key : str
            Key of the term: a handle, a word or a phrase.
        like : float
            Likeness of the term to a name, 0 to 1.
        around : collection of tuple of str
            Ids of people who are mentioned at the same time. A given name, initials or a part of a
            handle refer to one of them if to anybody.
        """
        if key.startswith("@"):
            return self._of(key) or self._resembling(key, around)
        words = words_of(key)
        found = self._full(words)
        if found is None and like >= _NAMELIKE:
            found = self._surname(words, like, around)
        if found is None and like >= _NAMELIKE and len(words) == 1:
            near = [id for id in around if words[0] == id[0] or _is_initials(key, id)]
            found = self._person(near[0], 0.6) if len(near) == 1 else None
        return found

    def has_handle(self, id: Words) -> bool:
        """Check whether any handle is known to belong to a person."""
        return any(id in names and self._of(handle) for handle, names in self._of_handle.items())

    def _importance(self, words: Words) -> tuple[int, Words]:
        return self._weight[words], words

    def _person(self, id: Words, confidence: float) -> Person:
        return Person(id, self._written[id], confidence)

    def _of(self, handle: str) -> Person | None:
        names = self._of_handle.get(handle)
        if not names:
            return None
        best = max(names, key=lambda words: (names[words], self._weight[words], words))
        total = sum(names.values())
        if names[best] < _ENOUGH or names[best] < _MAJORITY * total:
            return None
        return self._person(best, names[best] / (total + 1))

    def _resembling(self, handle: str, around: Collection[Words]) -> Person | None:
        """Return the speaker, or person mentioned at the same time, whose name the handle contains."""
        near = [id for id in {*self._speaking, *around} if resembles(handle, id)]
        if len(near) != 1:
            near = [id for id in near if id in around]
        return self._person(near[0], 0.7) if len(near) == 1 else None

    def _full(self, words: Words) -> Person | None:
        for pair in pairwise(words):
            if ids := self._by_ends.get(pair):
                best = max(ids, key=self._importance)
                return self._person(best, 0.95)
            if same := self._same(pair):
                return self._person(same, 0.9)
        return None

    def _surname(self, words: Words, like: float, around: Collection[Words]) -> Person | None:
        for word in words:
            ids = self._by_surname.get(word, ()) if len(word) > 2 else ()
            if not ids:
                continue
            if len(near := [id for id in ids if id in around]) == 1:
                return self._person(near[0], 0.9)
            best = max(ids, key=self._importance)
            confidence = self._weight[best] / sum(self._weight[id] for id in ids)
            if confidence > _MAJORITY and (best in self._speaking or like >= _CERTAINLY_NAMELIKE):
                return self._person(best, 0.9 * confidence)
        return None


@lru_cache(maxsize=1 << 16)
def words_of(name: str) -> Words:
    """Return the folded words of a name, without initials' dots, brackets and emoji.

    Examples
    --------
    >>> words_of("Dr. Ada K. Lovelace (she/her) 🎩")
    ('ada', 'k', 'lovelace')
    """
    bare = _BRACKETS.sub(" ", name)
    words = [fold(word.replace(".", "").strip("-'’")) for word in _LETTERS.findall(bare)]
    return tuple(word for word in words if word and word not in _TITLES)


def resembles(handle: str, name: Words) -> bool:
    """Check whether a handle is made of a person's name.

    Examples
    --------
    >>> resembles("@alovelace", ("ada", "lovelace")), resembles("@numbers", ("ada", "lovelace"))
    (True, False)
    """
    letters = "".join(c for c in handle if c.isalpha())
    first, last = name[0], "".join(c for c in name[-1] if c.isalpha())
    return (
        (len(last) >= _LONG and last in letters)
        or (len(first) >= _LONG and first in letters)
        or (len(last) > 2 and letters[:1] == first[0] and letters.endswith(last))
        or letters in {last + first, last + first[0], first + last[0]}
    )


def _compatible(one: str, other: str) -> bool:
    """Check whether one given name is a beginning of the other, such as an initial."""
    return one.startswith(other) or other.startswith(one)


def _is_initials(key: str, id: Words) -> bool:
    return len(key) >= 2 and key == "".join(word[0] for word in id)


@lru_cache(maxsize=1 << 16)
def _handle(surface: str) -> str:
    """Return the key of a handle, without the name of its server."""
    return fold("@" + surface.lstrip("@").partition("@")[0])
