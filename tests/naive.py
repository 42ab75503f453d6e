"""Slow twins: the same answers as the library, by patterns and loops that anyone can check."""

from __future__ import annotations

import html
import math
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zlib import crc32

import regex

from rtanalytics.event import Event
from rtanalytics.terms import ALONE, CONTENT, EDGE, INNER, Kind, Token, Vocabulary, fold, join, text_of

Bins = list[tuple[int, dict[int, float], float]]
"""Bins in order: number, count of each term, total."""


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
_KINDS = {
    "handle": Kind.HANDLE,
    "tag": Kind.TAG,
    "emoji": Kind.EMOJI,
    "ideograph": Kind.IDEOGRAPH,
    "url": Kind.DOMAIN,
}


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text, in order."""
    if "&" in text:
        text = html.unescape(text)
    text = unicodedata.normalize("NFC", text)
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


def use_of(vocabulary: Vocabulary, token: Token) -> int:
    """What the token may be: alone, at the edge of a phrase, inside one."""
    for surface in vocabulary.encode([token.surface])[0].tolist():
        if surface >= 0 and vocabulary.surfaces[surface] == token.surface:
            return int(vocabulary.uses[surface])
    raise AssertionError(f"{token} is not cut as one token when it stands alone")


def words_of(vocabulary: Vocabulary, text: str) -> set[str]:
    """All terms of a text that are no phrases."""
    return {fold(t.surface) for t in tokens(text) if use_of(vocabulary, t) & ALONE}


def phrases_of(vocabulary: Vocabulary, text: str) -> set[str]:
    """All candidates for phrases of a text: two or three tokens of a row."""
    rows: list[list[Token]] = []
    for token in tokens(text):
        if token.follows:
            rows[-1].append(token)
        else:
            rows.append([token])
    found = set()
    for row in rows:
        keys, uses = [fold(t.surface) for t in row], [use_of(vocabulary, t) for t in row]
        for n in (2, 3):
            for i in range(len(row) - n + 1):
                edges = uses[i] & uses[i + n - 1] & EDGE
                if edges and all(u & INNER for u in uses[i + 1 : i + n - 1]):
                    found.add(join(keys[i : i + n]))
    return found


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
    events = sorted(events, key=lambda e: (e.said_at, crc32(e.id.encode())))
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
    events: Iterable[Event], width: timedelta, *, alike: float = 0.6, copy_least: int = 5
) -> dict[tuple[str, int], tuple[int, int, int]]:
    """(term, bin) → (messages, distinct authors, distinct authors of originals)."""
    vocabulary = Vocabulary()
    bins: dict[int, list[Event]] = defaultdict(list)
    for event in current(events):
        bins[(event.said_at - datetime(1970, 1, 1, tzinfo=UTC)) // width].append(event)
    counts = {}
    for bin, said in bins.items():
        messages: dict[str, list[Event]] = defaultdict(list)
        phrases: dict[str, list[Event]] = defaultdict(list)
        for event in said:
            for word in words_of(vocabulary, text_of(event)):
                messages[word].append(event)
            for phrase in phrases_of(vocabulary, text_of(event)):
                phrases[phrase].append(event)
        for phrase, by in phrases.items():
            if len(by) >= 2:
                messages[phrase] = list({e.id: e for e in messages[phrase] + by}.values())
        first = {e.id for e in originals(vocabulary, said, alike, copy_least)}
        who = {e.id: e.handle.casefold() or e.id for e in said}
        for term, by in messages.items():
            counts[term, bin] = (
                len(by),
                len({who[e.id] for e in by}),
                len({who[e.id] for e in by if e.id in first}),
            )
    return counts


# -- algorithms: each takes the bins up to and including the one to score, and a term -------------


def count_score(p: Any, bins: Bins, term: int) -> float:
    now = bins[-1][0]
    return sum(counts.get(term, 0.0) for bin, counts, _ in bins if bin > now - p.bins)


def decay_score(p: Any, bins: Bins, term: int) -> float:
    now = bins[-1][0]
    return sum(c.get(term, 0.0) * 2 ** (-(now - bin) / p.half_life) for bin, c, _ in bins)


def ewma_score(p: Any, bins: Bins, term: int) -> float:
    alpha = 1 - 2 ** (-1 / p.half_life)
    by_bin = {bin: counts for bin, counts, _ in bins}
    mean = variance = 0.0
    for bin in range(bins[0][0], bins[-1][0]):
        difference = by_bin.get(bin, {}).get(term, 0.0) - mean
        mean += alpha * difference
        variance = (1 - alpha) * (variance + alpha * difference**2)
    return (bins[-1][1][term] - mean) / math.sqrt(variance + p.floor_count**2)


def poisson_tail(k: float, mean: float) -> float:
    """−log₁₀ P(X ≥ k), summed term by term."""
    if k <= mean:
        return 0.0
    term = total = 1.0
    i = int(k)
    while term > 1e-18 * total:
        i += 1
        term *= mean / i
        total += term
    return -(k * math.log(mean) - mean - math.lgamma(k + 1) + math.log(total)) / math.log(10)


def _rate(bins: Bins, term: int, history: int | None) -> float:
    now, _, d = bins[-1]
    past = [b for b in bins[:-1] if history is None or b[0] >= now - history]
    total = sum(t for _, _, t in past)
    return (sum(c.get(term, 0.0) for _, c, _ in past) + 0.5) * d / total if total else math.inf


def poisson_score(p: Any, bins: Bins, term: int) -> float:
    return poisson_tail(bins[-1][1][term], _rate(bins, term, p.history))


def seasonal_score(p: Any, bins: Bins, term: int, *, period: int) -> float:
    now, counts, d = bins[-1]
    plain = _rate(bins, term, p.history)
    slot = [b for b in bins[:-1] if (now - b[0]) % period == 0]
    said, total = sum(c.get(term, 0.0) for _, c, _ in slot), sum(t for _, _, t in slot)
    seasonal = (d * said + p.prior * plain) / (total + p.prior)
    return poisson_tail(counts[term], max(plain, seasonal))


SCORES: dict[str, Callable[[Any, Bins, int], float]] = {
    "count": count_score,
    "decay": decay_score,
    "ewma": ewma_score,
    "poisson": poisson_score,
    "seasonal-poisson": lambda p, bins, term: seasonal_score(p, bins, term, period=round(p.period_hours * 4)),
}
"""Twin of each algorithm, for bins of a quarter of an hour."""
