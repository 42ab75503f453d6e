"""Slow twins: the same answers as the library, by loops that anyone can check."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from rtanalytics.event import Event
from rtanalytics.terms import Kind, Token, Vocabulary, fold, join, text_of, tokens

Bins = list[tuple[int, dict[int, float], float]]
"""Bins in order: number, count of each term, total."""


# -- counting ---------------------------------------------------------------------------------


def rows_of_words(text: str) -> list[list[Token]]:
    """Tokens in rows: a row ends wherever more than white space follows."""
    rows: list[list[Token]] = []
    for token in tokens(text):
        if token.follows and rows:
            rows[-1].append(token)
        else:
            rows.append([token])
    return rows


def phrases_of(text: str) -> set[str]:
    """All candidates for phrases of a text."""
    vocabulary = Vocabulary()
    edge, inner = {}, {}
    found = set()
    for row in rows_of_words(text):
        for token in row:
            number = vocabulary.surface(token)
            edge[token] = bool(vocabulary.may_edge[number])
            inner[token] = token.kind not in (Kind.TAG, Kind.HANDLE, Kind.EMOJI)
        for a, b in pairwise(row):
            if edge[a] and edge[b]:
                found.add(join([fold(a.surface), fold(b.surface)]))
        for a, b, c in zip(row, row[1:], row[2:], strict=False):
            if edge[a] and inner[b] and edge[c]:
                found.add(join([fold(a.surface), fold(b.surface), fold(c.surface)]))
    return found


def words_of(text: str) -> set[str]:
    """All terms of a text that are no phrases."""
    vocabulary = Vocabulary()
    numbers = [(t, vocabulary.surface(t)) for t in tokens(text)]
    return {fold(token.surface) for token, number in numbers if vocabulary.counts_alone[number]}


def current(events: Iterable[Event]) -> list[Event]:
    """The events that count: of each id the revision received last, if that is no delete."""
    last: dict[str, Event] = {}
    for event in events:
        before = last.get(event.id)
        if before is None or (
            before.rev != event.rev and (before.received_at, before.rev) <= (event.received_at, event.rev)
        ):
            last[event.id] = event
    return [event for event in last.values() if event.op != "delete"]


def count(events: Iterable[Event], width: timedelta) -> dict[tuple[str, int], tuple[int, int]]:
    """(term, bin) → (messages, distinct authors)."""
    bins: dict[int, list[Event]] = defaultdict(list)
    for event in current(events):
        bins[(event.said_at - datetime(1970, 1, 1, tzinfo=UTC)) // width].append(event)
    counts = {}
    for bin, said in bins.items():
        messages: dict[str, set[str]] = defaultdict(set)
        phrases: dict[str, set[str]] = defaultdict(set)
        for event in said:
            for word in words_of(text_of(event)):
                messages[word].add(event.id)
            for phrase in phrases_of(text_of(event)):
                phrases[phrase].add(event.id)
        for phrase, ids in phrases.items():
            if len(ids) >= 2:
                messages[phrase] |= ids
        who = {event.id: event.handle.casefold() or event.id for event in said}
        for term, ids in messages.items():
            counts[term, bin] = len(ids), len({who[i] for i in ids})
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
