"""Slow twins of the algorithms that tell topics, as loops over events and their words."""

from __future__ import annotations

import math
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import combinations, pairwise
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from rtanalytics.counts import TermCounts
from rtanalytics.event import Event
from rtanalytics.terms import Kind, Vocabulary, fold, text_of
from tests.naive import current, phrases, tokens, words_of
from tests.naive_scores import poisson_tail

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Topic(NamedTuple):
    """What a twin tells: as a :class:`~rtanalytics.trend.Trend`, but with keys for terms."""

    terms: list[str]
    score: float
    expected: float
    observed: float
    messages: int
    authors: int


class Chatter:
    """Events of Latin text by bin, and who says what.

    A phrase is known by the space in its key.
    """

    def __init__(self, events: Iterable[Event], width: timedelta, channel: str, own: frozenset[str]) -> None:
        self.channel, self.own = channel, own
        self.bins: dict[int, list[Event]] = defaultdict(list)
        self.uses: dict[int, Counter[str]] = defaultdict(Counter)
        self.words: dict[str, set[str]] = {}
        self.says: dict[str, set[str]] = {}
        vocabulary = Vocabulary()
        for event in sorted(current(events), key=lambda e: (e.posted_at, crc32(e.id.encode()))):
            bin = (event.posted_at - EPOCH) // width
            self.bins[bin].append(event)
            self.uses[bin].update(t.surface for t in tokens(text_of(event)))
            self.words[event.id] = words_of(vocabulary, event)
            self.says[event.id] = set(self.words[event.id])
        counts = TermCounts()
        for said in self.bins.values():
            for phrase, by in phrases(
                vocabulary, said, counts.phrase_min_count, counts.phrase_min_npmi
            ).items():
                for event in by:
                    self.says[event.id].add(phrase)

    def people(self, events: Iterable[Event]) -> int:
        """How many, as the channel counts."""
        return len({e.handle if self.channel == "authors" else e.id for e in events})

    def saying(self, bin: int, term: str) -> list[Event]:
        return [e for e in self.bins.get(bin, []) if term in self.says[e.id]]

    def count(self, bin: int, term: str) -> int:
        return self.people(self.saying(bin, term))

    def surfaces(self, bin: int, key: str) -> Counter[str]:
        """How often each spelling of a word was used up to a bin."""
        used: Counter[str] = Counter()
        for b, uses in self.uses.items():
            if b <= bin:
                used.update({s: n for s, n in uses.items() if fold(s) == key})
        return used

    def surface(self, bin: int, key: str) -> str:
        used = self.surfaces(bin, key)
        return max(used, key=lambda s: (used[s], s))

    def proper(self, bin: int, term: str) -> bool:
        def named(key: str) -> bool:
            used = self.surfaces(bin, key)
            names = sum(n for s, n in used.items() if s[0] in "@#" or s[0].isupper())
            return names > used.total() - names

        return any(named(key) for key in term.split(" "))

    def good(self, bin: int, least: int) -> list[str]:
        """Terms of a bin that enough people say."""
        terms = {t for e in self.bins[bin] for t in self.says[e.id]}
        return sorted(t for t in terms if self.count(bin, t) >= least and t.lstrip("@") not in self.own)

    def topic(
        self, bin: int, terms: list[str], score: float, expected: float, observed: float, said: list[Event]
    ) -> Topic:
        return Topic(shown(terms), score, expected, observed, len(said), len({e.handle for e in said}))


def shown(terms: list[str]) -> list[str]:
    """The first five, without phrases and their own parts."""
    kept: list[str] = []
    for term in terms:
        if not any(f" {a} " in f" {b} " for k in kept for a, b in ((term, k), (k, term))):
            kept.append(term)
    return kept[:5]


def linked(messages: list[set[str]], least: float) -> list[list[int]]:
    """Average link, by looking at all pairs of all clusters again and again."""
    clusters = [[i] for i in range(len(messages))]

    def alike(one: list[int], other: list[int]) -> float:
        pairs = [(messages[i], messages[j]) for i in one for j in other]
        return round(sum(len(a & b) / min(len(a), len(b)) for a, b in pairs) / len(pairs), 12)

    while len(clusters) > 1:
        i, j = max(combinations(range(len(clusters)), 2), key=lambda p: alike(clusters[p[0]], clusters[p[1]]))
        if alike(clusters[i], clusters[j]) < least:
            break
        clusters[i] = sorted(clusters[i] + clusters[j])
        del clusters[j]
    return clusters


def group(chatter: Chatter, bin: int, best: list[tuple[Any, ...]], min_overlap: float) -> list[Topic]:
    """Topics of terms, given as (term, score, expected, observed), the best first."""
    messages = [{e.id for e in chatter.saying(bin, term[0])} for term in best]
    told = []
    for cluster in linked(messages, min_overlap):
        lead = best[cluster[0]]
        ids = set().union(*(messages[i] for i in cluster))
        said = [e for e in chatter.bins[bin] if e.id in ids]
        told.append(chatter.topic(bin, [best[i][0] for i in cluster], *lead[1:], said))
    return told


def bngram(p: Any, chatter: Chatter, least: int) -> dict[int, list[Topic]]:
    told = {}
    for bin in sorted(chatter.bins):
        found = []
        for term in chatter.good(bin, least):
            if " " not in term and chatter.surface(bin, term)[0] not in "@#":
                continue
            mean = sum(chatter.count(bin - i, term) for i in range(1, p.history + 1)) / p.history
            df = chatter.count(bin, term)
            boost = p.boost if chatter.proper(bin, term) else 1.0
            found.append((term, (df + 1) / (math.log(mean + 1) + 1) * boost, mean, df))
        found.sort(key=lambda f: (-f[1], -f[3], f[0]))
        told[bin] = group(chatter, bin, found[: p.candidates], p.min_overlap)
    return told


def mabed(p: Any, chatter: Chatter, least: int) -> dict[int, list[Topic]]:
    slices = sorted(chatter.bins)
    every = [e for b in slices for e in chatter.bins[b]]
    often = Counter(w for e in every for w in chatter.words[e.id])
    words = [
        w
        for w, n in often.items()
        if p.min_count <= n <= p.max_share * len(every) and w.lstrip("@") not in chatter.own
    ]
    words = sorted(sorted(words, key=lambda w: (-often[w], w))[: p.vocabulary])

    def addresses(event: Event) -> bool:
        return not p.mentions or any(t.kind == Kind.HANDLE for t in tokens(text_of(event)))

    def series(word: str, which: Callable[[Event], bool]) -> list[int]:
        return [
            chatter.people(e for e in chatter.bins[b] if word in chatter.words[e.id] and which(e))
            for b in slices
        ]

    counts = {w: series(w, lambda _: True) for w in words}
    mentions = {w: series(w, addresses) for w in words}
    totals = [chatter.people(chatter.bins[b]) for b in slices]
    expected, best = {}, {}
    for w in words:
        expected[w] = [n * sum(mentions[w]) / sum(totals) for n in totals]
        off = [m - e for m, e in zip(mentions[w], expected[w], strict=True)]
        spans = [(round(sum(off[a : b + 1]), 9), -b, a) for a in range(len(off)) for b in range(a, len(off))]
        magnitude, b, a = max(spans)  # the first that ends, without what adds nothing
        best[w] = (magnitude, a, -b)
    events: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []
    for w in sorted((w for w in words if best[w][0] > 1e-9), key=lambda w: (-best[w][0], w)):
        magnitude, a, b = best[w]
        inside = [e for s in slices[a : b + 1] for e in chatter.bins[s] if w in chatter.words[e.id]]
        beside = Counter(o for e in inside for o in chatter.words[e.id] if o in counts and o != w)
        lo, hi = max(a - p.around, 0), b + 1 + p.around
        weights = {}
        for other in sorted(beside, key=lambda o: (-beside[o], o))[: p.related]:
            x = [v - u for u, v in pairwise(counts[w][lo:hi])]
            y = [v - u for u, v in pairwise(counts[other][lo:hi])]
            size = math.sqrt(sum(d * d for d in x) * sum(d * d for d in y))
            rho = sum(d * e for d, e in zip(x, y, strict=True)) / size if size else 0.0
            if (rho + 1) / 2 >= p.theta:
                weights[other] = (rho + 1) / 2
        event = {"word": w, "score": magnitude, "a": a, "b": b, "weights": weights, "also": []}
        twin = None
        for old in events:
            both = max(0, min(b, old["b"]) - max(a, old["a"]) + 1)
            if (
                w in old["weights"]
                and old["word"] in weights
                and both / (min(b - a, old["b"] - old["a"]) + 1) > p.sigma
            ):
                twin = old.get("told", old)
                break
        if twin is not None:
            event["told"] = twin
            twin["also"].append(event)
        elif len(told) == p.events:
            break
        else:
            told.append(event)
        events.append(event)
    bins: dict[int, list[Topic]] = {b: [] for b in slices}
    for i, bin in enumerate(slices):
        for event in told:
            w = event["word"]
            if not event["a"] <= i <= event["b"] or counts[w][i] < least:
                continue
            mains = [w, *(o["word"] for o in event["also"] if o["a"] <= i <= o["b"])]
            related = sorted(event["weights"], key=lambda o: (-event["weights"][o], o))
            said = [e for e in chatter.bins[bin] if chatter.words[e.id] & set(mains)]
            terms = list(dict.fromkeys([*mains, *related]))
            bins[bin].append(chatter.topic(bin, terms, event["score"], expected[w][i], mentions[w][i], said))
    return bins


def neighbours(p: Any, chatter: Chatter, least: int) -> dict[int, list[Topic]]:
    trended: list[list[float]] = []
    calm: list[list[float]] = []
    last: dict[str, int] = {}
    told: dict[int, list[Topic]] = {}
    length = p.reference + p.smooth

    def course(counts: list[int]) -> list[float]:
        parts = [c / sum(counts) for c in counts]
        jumps = [abs(b - a) ** p.alpha for a, b in pairwise(parts)]
        return [math.log(sum(jumps[i : i + p.smooth]) + 1e-3) for i in range(len(jumps) - p.smooth + 1)]

    def votes(seen: list[float], references: list[list[float]]) -> float:
        """Logarithm of the votes, the largest taken out so that none underflows."""
        powers = []
        for r in references:
            far = [
                sum((a - b) ** 2 for a, b in zip(seen, r[k : k + len(seen)], strict=True))
                for k in range(len(r) - len(seen) + 1)
            ]
            powers.append(-p.gamma * min(far))
        return max(powers) + math.log(sum(math.exp(x - max(powers)) for x in powers))

    known: list[int] = []
    for bin in sorted(chatter.bins):
        terms = chatter.good(bin, least)
        counts = {t: [chatter.count(b, t) for b in range(bin - length + 1, bin + 1)] for t in terms}
        courses = {t: course(counts[t]) for t in terms}
        found = []
        if trended and calm:
            for t in terms:
                seen = courses[t][-p.observed :]
                score = round((votes(seen, trended) - votes(seen, calm)) / math.log(10), 9)
                if score > 0:
                    found.append((t, score, sum(counts[t][:-1]) / (length - 1), counts[t][-1]))
        found.sort(key=lambda f: (-f[1], -f[3], f[0]))
        told[bin] = group(chatter, bin, found[: p.candidates], p.min_overlap)
        if known:
            history = sum(chatter.people(chatter.bins[b]) for b in known)
            rate = chatter.people(chatter.bins[bin]) / history
            surprise = {
                t: poisson_tail(counts[t][-1], (sum(chatter.count(b, t) for b in known) + 0.5) * rate)
                for t in terms
            }
            loud = [t for t in terms if surprise[t] >= p.surprise]
            anew = [t for t in loud if last.get(t, -(10**9)) < bin - p.observed]
            last |= dict.fromkeys(loud, bin)
            quiet = sorted((crc32(t.encode()), t) for t in terms if surprise[t] < 1.0)
            trended = (trended + [courses[t] for t in anew])[-p.library :]
            calm = (calm + [courses[t] for _, t in quiet[: len(anew)]])[-p.library :]
        known.append(bin)
    return told


def pivot(p: Any, chatter: Chatter, least: int, fit: Callable[[Any, int], Any]) -> dict[int, list[Topic]]:
    """Document pivot: scikit-learn called directly on a matrix that scikit-learn made."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

    told: dict[int, list[Topic]] = {}
    for bin in sorted(chatter.bins):
        told[bin] = []
        window = [b for b in chatter.bins if not hasattr(p, "window") or bin - p.window < b <= bin]
        events = [(b, e) for b in sorted(window) for e in chatter.bins[b]][-p.messages :]
        df = Counter(w for _, e in events for w in chatter.words[e.id])
        words = [
            w
            for w, n in df.items()
            if 2 <= n <= max(p.max_share * len(events), 2) and w.lstrip("@") not in chatter.own
        ]
        words = sorted(sorted(words, key=lambda w: (-df[w], w))[: p.vocabulary])
        if not words:
            continue
        counter = CountVectorizer(analyzer=lambda e: chatter.words[e.id], vocabulary=words, binary=True)
        tfidf = TfidfTransformer().fit_transform(counter.fit_transform([e for _, e in events]))
        kept = np.flatnonzero(tfidf.sum(axis=1))
        docs, matrix = [events[i] for i in kept], tfidf[kept]
        labels, weights = fit(matrix, max(1, min(p.groups, len(docs) // 4, len(words))))
        here = [i for i, (b, _) in enumerate(docs) if b == bin]
        others = sorted({b for b, _ in docs} - {bin})
        if not here or not others:
            continue
        history = sum(chatter.people(e for b, e in docs if b == o) for o in others)
        total = chatter.people(docs[i][1] for i in here)
        found = []
        for number in range(len(weights)):
            k = chatter.people(docs[i][1] for i in here if labels[i] == number)
            before = sum(
                chatter.people(
                    e for (b, e), label in zip(docs, labels, strict=True) if (b, label) == (o, number)
                )
                for o in others
            )
            expected = (before + 0.5) * total / history
            score = poisson_tail(k, expected)
            if score <= 0 or k < least:
                continue
            order = sorted(range(len(words)), key=lambda c: (-round(weights[number][c], 9), words[c]))
            top = [words[c] for c in order[:5] if weights[number][c] > 1e-9]
            said = [
                docs[i][1] for i in here if labels[i] == number and chatter.words[docs[i][1].id] & set(top)
            ]
            if said:
                found.append(chatter.topic(bin, top, score, expected, k, said))
        told[bin] = sorted(found, key=lambda t: (-round(t.score, 9), -t.observed, t.terms))
    return told


def nmf(p: Any, chatter: Chatter, least: int) -> dict[int, list[Topic]]:
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    def fit(matrix: Any, groups: int) -> Any:
        model = NMF(groups, init="nndsvda", random_state=p.seed, max_iter=p.rounds)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            own = model.fit_transform(matrix)
        return [int(row.argmax()) if row.max() > 0 else -1 for row in own], model.components_

    return pivot(p, chatter, least, fit)


def mini_batch(p: Any, chatter: Chatter, least: int) -> dict[int, list[Topic]]:
    from sklearn.cluster import MiniBatchKMeans

    def fit(matrix: Any, groups: int) -> Any:
        model = MiniBatchKMeans(groups, random_state=p.seed, n_init=1, batch_size=1024, max_iter=20)
        return model.fit_predict(matrix).tolist(), model.cluster_centers_

    return pivot(p, chatter, least, fit)


TWINS: dict[str, Callable[[Any, Chatter, int], dict[int, list[Topic]]]] = {
    "bngram": bngram,
    "mabed": mabed,
    "mini-batch": mini_batch,
    "neighbours": neighbours,
    "nmf": nmf,
    "nmf-batch": nmf,
}
