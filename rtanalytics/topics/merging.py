"""Merge topics that stand for the same person, thing or talk, so that a list shows each once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations, pairwise

import regex

from rtanalytics.topics.directory import Directory, Words
from rtanalytics.topics.grouping import FIRST, Group, Scored

__all__ = ["merged", "people_around", "signature"]

_COVERS = 0.35
"""Share of a topic's messages that must mention a person or thing for the topic to be about it."""
_LONG = 5
"""Minimum length of a word by which two topics are recognised as the same."""
_LETTERS = regex.compile(r"[^\p{L}\p{N}]+")

Sign = Words | str
"""A person (words of the full name) or a thing (a word)."""
IsName = Callable[[str], bool]


def people_around(groups: Iterable[Group], directory: Directory) -> set[Words]:
    """Return the ids of the people whom first terms of topics name without doubt."""
    found = (directory.resolve(s.key, s.like) for group in groups for s in group.shown[:FIRST])
    return {person.id for person in found if person is not None}


def signature(group: Group, directory: Directory, around: set[Words]) -> list[str]:
    """Return the keys by which a topic is recognised in the next bins: talk, person, and terms."""
    lead = directory.resolve(group.shown[0].key, group.shown[0].like, around)
    talk = [] if group.talk is None else [f"talk\n{group.talk.talk.id}"]
    person = [] if lead is None else ["person\n" + " ".join(lead.id)]
    return [*talk, *person, *group.keys]


def merged(groups: Sequence[Group], directory: Directory, around: set[Words], is_name: IsName) -> list[Group]:
    """Merge topics, the strongest first, and give each term that several mention to the one that is about it.

    Parameters
    ----------
    groups : sequence of Group
        Topics, the most probable first; they are changed.
    directory : Directory
        People.
    around : set of tuple of str
        Ids of the people who are mentioned in this bin.
    is_name : callable
        Checks whether a word is the name of a thing.
    """
    kept: list[_Signs] = []
    for group in groups:
        signs = _Signs(group, directory, around, is_name)
        for i, other in enumerate(kept):
            if _same(other, signs):
                other.group.absorb(group)
                kept[i] = _Signs(other.group, directory, around, is_name)
                break
        else:
            kept.append(signs)
    for i, j in combinations(range(len(kept)), 2):
        for group in _separate(kept[i], kept[j]):
            place = i if group is kept[i].group else j
            kept[place] = _Signs(group, directory, around, is_name)
    return [signs.group for signs in kept]


class _Signs:
    """People and things that the first terms of a topic name, with the messages that name them."""

    def __init__(self, group: Group, directory: Directory, around: set[Words], is_name: IsName) -> None:
        self.group = group
        self.rows = {row for s in group.shown[:FIRST] for row in s.rows}
        self.of: dict[Sign, set[int]] = {}
        self.terms: dict[Sign, list[Scored]] = {}
        self.words: dict[str, list[Scored]] = {}
        self.handles: dict[str, Scored] = {}
        for s in group.shown[:FIRST]:
            person = directory.resolve(s.key, s.like, around)
            signs: set[Sign] = set() if person is None else {person.id}
            if s.key[0] == "@":
                self.handles[_LETTERS.sub("", s.key)] = s
            else:
                for word in s.key.split():
                    if len(word) >= _LONG:
                        self.words.setdefault(word, []).append(s)
            for sign in signs | _things(s.key, is_name):
                self.of.setdefault(sign, set()).update(s.rows)
                self.terms.setdefault(sign, []).append(s)
        self.lead = {sign for sign, terms in self.terms.items() if group.shown[0] in terms}

    def is_about(self, sign: Sign) -> bool:
        """Check whether the topic is about a person or thing, and does not only mention it."""
        return sign in self.lead or len(self.of[sign]) >= _COVERS * len(self.rows)


def _same(one: _Signs, other: _Signs) -> bool:
    """Check whether two topics are about the same person, thing or talk."""
    talks = one.group.talk, other.group.talk
    if talks[0] is not None and talks[1] is not None:
        return talks[0].talk.id == talks[1].talk.id
    return (
        any(one.is_about(sign) and other.is_about(sign) for sign in one.of.keys() & other.of.keys())
        or _is_contained(one, other)
        or _is_contained(other, one)
    )


def _is_contained(one: _Signs, other: _Signs) -> bool:
    """Check whether the handle that leads a topic contains a name that another topic is about."""
    return any(
        scored is other.group.shown[0] and isinstance(sign, str) and sign in handle and one.is_about(sign)
        for handle, scored in other.handles.items()
        for sign in one.of
    )


def _separate(one: _Signs, other: _Signs) -> set[Group]:
    """Remove terms that two topics share from the topic that they do not lead; return the changed topics."""
    shared: list[tuple[list[Scored], list[Scored]]] = [
        (one.terms[sign], other.terms[sign]) for sign in sorted(one.of.keys() & other.of.keys(), key=str)
    ]
    shared += [(one.words[word], other.words[word]) for word in sorted(one.words.keys() & other.words.keys())]
    changed = set()
    for mine, theirs in shared:
        for group, terms in ((other.group, theirs), (one.group, mine)):
            if group.shown[0] not in terms:
                group.shown = [s for s in group.shown if s not in terms]
                changed.add(group)
                break
    return changed


def _things(key: str, is_name: IsName) -> set[Sign]:
    """Return the things that a term names: long words that are names, and pairs of words without space."""
    if key[0] == "@":
        return {name} if len(name := _LETTERS.sub("", key)) >= _LONG else set()
    words = key.split()
    found = {w for w in words if len(w) >= _LONG and is_name(w)}
    found |= {a + b for a, b in pairwise(words) if len(a + b) >= _LONG}
    return {_LETTERS.sub("", word) for word in found}
