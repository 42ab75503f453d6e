"""Slow twins: the same answers as the library, by patterns and loops that anyone can check."""

from __future__ import annotations

import html
import math
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zlib import crc32

import regex

from rtanalytics.event import Event
from rtanalytics.terms import ALONE, CONTENT, EDGE, INNER, Kind, Token, Vocabulary, fold, join, text_of

# -- cutting ----------------------------------------------------------------------------------

_W = r"[\p{L}\p{N}_\p{M}--\uFE00-\uFE0F\u20E3\U000E0100-\U000E01EF]"
_DENSE = r"[\p{Han}\p{Hiragana}&&\p{L}]"
_PART = rf"[{_W}--{_DENSE}]+"
_DOMAIN = r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
_IN_URL = r'[^\s<>"“”«»]'
_PICTURE = (
    r"(?:\p{RI}\p{RI}|[0-9#*]\uFE0F?\u20E3"
    r"|[\p{Extended_Pictographic}--[©®™‼⁉]]\p{EMod}?\uFE0F?[\U000E0020-\U000E007F]*)"
)
TOKEN = regex.compile(
    rf"""
    (?P<url>(?:[Hh][Tt][Tt][Pp][Ss]?://|(?<!{_W})[Ww][Ww][Ww]\.){_IN_URL}+
      |(?<![{_W}@\#.])(?:[A-Za-z0-9-]+\.)+[A-Za-z]{{2,}}/{_IN_URL}*)
  | (?P<header>(?<!{_W})(?:RT|MT)[ ]*:?[ ]*[@＠]{_W}+[ ]*:?)
  | (?P<email>[A-Za-z0-9._%+-]+@{_DOMAIN})
  | (?P<handle>(?<![{_W}@＠])[@＠]{_W}+(?:[.-]{_W}+)*(?:@{_DOMAIN})?)
  | (?P<tag>(?<!{_W})[#＃](?={_W}*\p{{L}}){_W}+)
  | (?P<emoji>{_PICTURE}(?:\u200D{_PICTURE})*)
  | (?P<ideograph>{_DENSE}\p{{M}}*)
  | (?P<word>(?!\p{{M}}){_PART}
      (?:(?:['’＇](?=\p{{L}})            # don't, O’Briant
          |[-‐‑\u200C\u200D]             # well-known, and joiners within words
          |\.(?=[\p{{Ll}}\p{{N}}])       # asyncio.run, 3.14
          |::                            # dplyr::filter
          |(?<=(?<!{_W})\p{{Lu}})&(?=\p{{Lu}}(?!{_W}))  # R&D
         ){_PART})*
      (?:\(\)                            # n()
        |(?<=(?<!{_W})[A-Za-z])\+\+      # C++
        |(?<=(?<!{_W})[CFJ])\#(?!{_W})   # C#
      )?)
    """,
    regex.VERBOSE | regex.VERSION1,
)
_GAP = regex.compile(r"[\p{Zs}\t\u200B]+")
_HOST = regex.compile(r"(?:https?://)?(?:[^/?#@\s]*@)?(?:www\.)?([^/?#:\s]*)", regex.IGNORECASE)
_NUMBER = regex.compile(r"[\p{N}._:'’-]+")
BOUND = 0.2
"""Least normalised pointwise mutual information of a phrase."""
_KINDS = {
    "handle": Kind.HANDLE,
    "tag": Kind.TAG,
    "emoji": Kind.EMOJI,
    "ideograph": Kind.IDEOGRAPH,
    "url": Kind.DOMAIN,
}


_CUT = regex.compile(r"[@#＠＃]?[\w'’-]+…(?=[ ;]*(?:https?://\S+)?[ ;]*$)", regex.MULTILINE)


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text, in order."""
    if "&" in text:
        text = html.unescape(text)
    text = unicodedata.normalize("NFC", text)
    text = _CUT.sub("…", text)
    end = -1
    for match in TOKEN.finditer(text):
        name, surface, start = match.lastgroup, match.group(), match.start()
        kind = _KINDS.get(name or "", Kind.WORD)
        if kind == Kind.WORD and _NUMBER.fullmatch(surface):
            kind = Kind.NUMBER
        if kind == Kind.DOMAIN:
            host = _HOST.match(surface)
            surface = host.group(1).rstrip(".…,;)") if host else ""
        if name in ("header", "email") or not surface:
            end = -1
            continue
        close = start == end and kind == Kind.IDEOGRAPH
        yield Token(kind, surface, end >= 0 and (close or bool(_GAP.fullmatch(text, end, start))))
        end = match.end()


# -- counting ---------------------------------------------------------------------------------


def use_of(vocabulary: Vocabulary, token: Token, lang: str | None = None) -> int:
    """What the token may be in a text of a language: alone, at the edge of a phrase, inside one."""
    for surface in vocabulary.encode([token.surface])[0].tolist():
        if surface >= 0 and vocabulary.surfaces[surface] == token.surface:
            return int(vocabulary.uses_by_language[vocabulary.language(lang), surface])
    raise AssertionError(f"{token} is not cut as one token when it stands alone")


def words_of(vocabulary: Vocabulary, event: Event, use: int = ALONE) -> set[str]:
    """All terms of an event that are no phrases."""
    said = tokens(text_of(event))
    return {fold(t.surface) for t in said if use_of(vocabulary, t, event.lang) & use}


def phrases_of(vocabulary: Vocabulary, event: Event, proper: bool = True) -> set[tuple[str, ...]]:
    """All candidates for phrases of an event: two or three tokens of a row.

    Not ``proper`` are those that begin or end with a stop word; they are only counted.
    """
    rows: list[list[Token]] = []
    for token in tokens(text_of(event)):
        if token.follows:
            rows[-1].append(token)
        else:
            rows.append([token])
    found = set()
    for row in rows:
        keys, uses = [fold(t.surface) for t in row], [use_of(vocabulary, t, event.lang) for t in row]
        for n in (2, 3):
            for i in range(len(row) - n + 1):
                edges = uses[i] & uses[i + n - 1] & EDGE if proper else 1
                inner = range(i + 1, i + n - 1) if proper else range(i, i + n)
                if edges and all(uses[j] & INNER for j in inner):
                    found.add(tuple(keys[i : i + n]))
    return found


def npmi(both: int, one: int, other: int, total: int) -> float:
    """Normalised pointwise mutual information, by its definition."""
    p12, p1, p2 = both / total, one / total, other / total
    return 1.0 if p12 == 1 else math.log(p12 / (p1 * p2)) / -math.log(p12)


def phrases(vocabulary: Vocabulary, said: list[Event], least: int, bound: float) -> dict[str, list[Event]]:
    """Phrases of a bin that are more than their parts, and the events that say them."""
    proper: dict[tuple[str, ...], list[Event]] = defaultdict(list)
    near: dict[tuple[str, ...], int] = defaultdict(int)
    words: dict[str, int] = defaultdict(int)
    for event in said:
        for phrase in phrases_of(vocabulary, event):
            proper[phrase].append(event)
        for phrase in phrases_of(vocabulary, event, proper=False):
            near[phrase] += 1
        for word in words_of(vocabulary, event, ALONE | EDGE):
            words[word] += 1
    kept: dict[str, list[Event]] = defaultdict(list)
    for phrase, by in proper.items():
        if len(phrase) == 2:
            worth = npmi(len(by), words[phrase[0]], words[phrase[1]], len(said))
        else:
            worth = min(
                npmi(len(by), near[phrase[:2]], words[phrase[2]], len(said)),
                npmi(len(by), words[phrase[0]], near[phrase[1:]], len(said)),
            )
        if len(by) >= least and worth >= bound:
            kept[join(phrase)] += by
    return kept


def current(events: Iterable[Event]) -> list[Event]:
    """The events that count: of each id the revision received last, if that is no delete."""
    last: dict[str, Event] = {}
    for event in events:
        before = last.setdefault(event.id, event)
        if (before.received_at, before.rev) < (event.received_at, event.rev):
            last[event.id] = event
    return [event for event in last.values() if event.op != "delete"]


def originals(vocabulary: Vocabulary, events: list[Event], alike: float, least: int) -> list[Event]:
    """The events that copy no earlier one: chains of alike texts, each found by comparing all."""
    events = sorted(events, key=lambda e: (e.posted_at, crc32(e.id.encode())))
    pairs = []
    for event in events:
        said = [t for t in tokens(text_of(event)) if use_of(vocabulary, t) & CONTENT]
        keys = [fold(t.surface) for t in said]
        pairs.append(set(pairwise(keys)) if len(keys) >= least else set())
    first = list(range(len(events)))
    for i in range(len(events)):
        for j in range(i):
            if pairs[i] and pairs[j] and len(pairs[i] & pairs[j]) / len(pairs[i] | pairs[j]) >= alike:
                old, new = sorted((first[i], first[j]))
                first = [old if f == new else f for f in first]
    return [event for i, event in enumerate(events) if first[i] == i]


def count(
    events: Iterable[Event],
    width: timedelta,
    *,
    alike: float = 0.6,
    copy_min_words: int = 5,
    bound: float = BOUND,
) -> dict[tuple[str, int], tuple[int, int, int]]:
    """(term, bin) → (messages, distinct authors, distinct authors of originals)."""
    vocabulary = Vocabulary()
    bins: dict[int, list[Event]] = defaultdict(list)
    for event in current(events):
        bins[(event.posted_at - datetime(1970, 1, 1, tzinfo=UTC)) // width].append(event)
    counts = {}
    for bin, said in bins.items():
        messages: dict[str, list[Event]] = defaultdict(list)
        for event in said:
            for word in words_of(vocabulary, event):
                messages[word].append(event)
        for phrase, by in phrases(vocabulary, said, 2, bound).items():
            messages[phrase] = list({e.id: e for e in messages[phrase] + by}.values())
        first = {e.id for e in originals(vocabulary, said, alike, copy_min_words)}
        who = {e.id: e.handle.casefold() or e.id for e in said}
        for term, by in messages.items():
            counts[term, bin] = (
                len(by),
                len({who[e.id] for e in by}),
                len({who[e.id] for e in by if e.id in first}),
            )
    return counts
