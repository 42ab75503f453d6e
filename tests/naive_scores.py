"""Slow twins of the algorithms: each formula as a loop over the bins of one term.

A twin takes the algorithm (for its parameters), the bins up to and including the one to score
(all bins, and the place of that one, where the future is known), and the term.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

Bins = list[tuple[int, dict[int, float], float]]
"""Bins in order: number, count of each term, total."""
DAY = 96
"""Bins of a quarter of an hour in a day."""


def course(bins: Bins, term: int) -> Iterator[tuple[int, float, float, float]]:
    """Every bin before the last, those without any message too: number, k, d, and B before it."""
    by_bin = {bin: (counts.get(term, 0.0), total) for bin, counts, total in bins[:-1]}
    history = 0.0
    for bin in range(bins[0][0], bins[-1][0]):
        k, d = by_bin.get(bin, (0.0, 0.0))
        yield bin, k, d, history
        history += d


def count_score(p: Any, bins: Bins, term: int) -> float:
    now = bins[-1][0]
    return sum(counts.get(term, 0.0) for bin, counts, _ in bins if bin > now - p.bins)


def decay_score(p: Any, bins: Bins, term: int) -> float:
    now = bins[-1][0]
    return sum(c.get(term, 0.0) * 2 ** (-(now - bin) / p.half_life) for bin, c, _ in bins)


def ewma_score(p: Any, bins: Bins, term: int) -> float:
    alpha = 1 - 2 ** (-1 / p.half_life)
    mean = variance = 0.0
    for _, k, _, _ in course(bins, term):
        difference = k - mean
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


def seasonal_rate(p: Any, bins: Bins, term: int) -> float:
    now, _, d = bins[-1]
    period = round(p.period_hours * 4)
    plain = _rate(bins, term, p.history)
    slot = [b for b in bins[:-1] if (now - b[0]) % period == 0]
    said, total = sum(c.get(term, 0.0) for _, c, _ in slot), sum(t for _, _, t in slot)
    seasonal = (d * said + p.prior * plain) / (total + p.prior)
    return max(plain, seasonal)


def seasonal_score(p: Any, bins: Bins, term: int) -> float:
    return poisson_tail(bins[-1][1][term], seasonal_rate(p, bins, term))


def binomial_tail(k: float, mean: float, dispersion: float) -> float:
    """−log₁₀ P(X ≥ k) of the negative binomial, summed term by term."""
    if k <= mean:
        return 0.0
    r = 1 / dispersion
    q = mean / (mean + r)
    first = math.lgamma(k + r) - math.lgamma(r) - math.lgamma(k + 1) + r * math.log(1 - q) + k * math.log(q)
    term = total = 1.0
    i = k
    while term > 1e-18 * total:
        term *= q * (i + r) / (i + 1)
        total += term
        i += 1
    return -(first + math.log(total)) / math.log(10)


def binomial_score(p: Any, bins: Bins, term: int) -> float:
    return binomial_tail(bins[-1][1][term], _rate(bins, term, p.history), p.dispersion)


def seasonal_binomial_score(p: Any, bins: Bins, term: int) -> float:
    return binomial_tail(bins[-1][1][term], seasonal_rate(p, bins, term), p.dispersion)


def _sums(p: Any, bins: Bins, term: int) -> tuple[float, float, float, float, int]:
    """k, d, b, B and the number of bins of the history."""
    now, counts, d = bins[-1]
    past = [b for b in bins[:-1] if p.history is None or b[0] >= now - p.history]
    age = now - bins[0][0]
    b, whole = sum(c.get(term, 0.0) for _, c, _ in past), sum(t for _, _, t in past)
    return counts[term], d, b, whole, age if p.history is None else min(age, p.history)


def growth_score(p: Any, bins: Bins, term: int) -> float:
    k, _, b, _, h = _sums(p, bins, term)
    return (k + 1) / (b / max(h, 1) + 1)


def df_idf_score(p: Any, bins: Bins, term: int) -> float:
    k, _, b, _, h = _sums(p, bins, term)
    return (k + 1) / (math.log(b / max(h, 1) + 1) + 1)


def _table(p: Any, bins: Bins, term: int) -> list[tuple[float, float]] | None:
    """Observed and expected of the four cells; None if the share did not rise."""
    k, d, b, whole, _ = _sums(p, bins, term)
    if k * whole <= b * d or k + b >= d + whole:
        return None
    n, said = d + whole, k + b
    return [
        (k, said * d / n),
        (d - k, (n - said) * d / n),
        (b, said * whole / n),
        (whole - b, (n - said) * whole / n),
    ]


def chi2_score(p: Any, bins: Bins, term: int) -> float:
    table = _table(p, bins, term)
    return sum((o - e) ** 2 / e for o, e in table) if table else 0.0


def g2_score(p: Any, bins: Bins, term: int) -> float:
    k, d, b, whole, _ = _sums(p, bins, term)
    if k * whole <= b * d:
        return 0.0
    n, said = d + whole, k + b
    cells = [(k, said * d), (d - k, (n - said) * d), (b, said * whole), (whole - b, (n - said) * whole)]
    return 2 * sum(o * math.log(o * n / e) for o, e in cells if o > 0)


def jlh_score(p: Any, bins: Bins, term: int) -> float:
    k, d, b, whole, _ = _sums(p, bins, term)
    share, background = k / d, (b + k) / (whole + d)
    return max(share - background, 0.0) * share / background


def benhardus_score(p: Any, bins: Bins, term: int, now: int) -> float:
    shares = [counts.get(term, 0.0) / total for _, counts, total in bins]
    messages = sum(total for _, _, total in bins)
    usual = (sum(shares) - shares[now] + 1 / messages) / max(len(bins) - 1, 1)
    return shares[now] / usual


def macd_score(p: Any, bins: Bins, term: int) -> float:
    averages = []
    for half_life in (p.fast, p.slow):
        alpha, mean = 1 - 2 ** (-1 / half_life), 0.0
        for _, k, _, _ in course(bins, term):
            mean += alpha * (k - mean)
        averages.append(mean + alpha * (bins[-1][1][term] - mean))
    return averages[0] - averages[1]


def zscore_score(p: Any, bins: Bins, term: int) -> float:
    past = [k for _, k, _, _ in course(bins, term)]
    mean = sum(past) / max(len(past), 1)
    variance = sum((k - mean) ** 2 for k in past) / max(len(past), 1)
    return (bins[-1][1][term] - mean) / math.sqrt(variance + 1)


def signitrend_score(p: Any, bins: Bins, term: int) -> float:
    alpha = 1 - 2 ** (-1 / p.half_life)
    mean = variance = 0.0
    for _, k, d, _ in course(bins, term):
        difference = (k / d if d else 0.0) - mean
        mean += alpha * difference
        variance = (1 - alpha) * (variance + alpha * difference**2)
    return (bins[-1][1][term] / bins[-1][2] - mean) / (math.sqrt(variance) + p.bias)


def twitinfo_score(p: Any, bins: Bins, term: int) -> float:
    mean = deviation = before = 0.0
    for _, k, _, _ in course(bins, term):
        deviation = p.alpha * abs(k - mean) + (1 - p.alpha) * deviation
        mean = p.alpha * k + (1 - p.alpha) * mean
        before = k
    k = bins[-1][1][term]
    return (k - mean) / max(deviation, p.floor_count) if k > before else 0.0


def _before(bins: Bins, term: int) -> float:
    return next((c.get(term, 0.0) for bin, c, _ in bins[:-1] if bin == bins[-1][0] - 1), 0.0)


def gnip_score(p: Any, bins: Bins, term: int) -> float:
    before, k = _before(bins, term), bins[-1][1][term]
    low, high = before, before + 100 + 10 * math.sqrt(before + 1)
    for _ in range(200):  # the mean under which so few as ``before`` come in one case of 200
        mean = (low + high) / 2
        chance = sum(math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(int(before) + 1))
        low, high = (mean, high) if chance > 0.005 else (low, mean)
    return max(k - before, 0.0) / (low - before)


def mastodon_score(p: Any, bins: Bins, term: int) -> float:
    period = p.period_hours * 4
    by_period: dict[int, float] = {}
    peak, peak_at = 0.0, 0
    for bin, counts, _ in bins:
        if term not in counts:
            continue
        today = math.floor(bin / period)
        by_period[today] = by_period.get(today, 0.0) + counts[term]
        observed, expected = by_period[today], by_period.get(today - 1, 0.0) or 1.0
        score = 0.0
        if not (expected > observed or observed < p.min_count):
            score = (observed - expected) ** 2 / expected
        if bin - peak_at > 2 * period:
            peak = 0.0
        if score > peak:
            peak, peak_at = score, bin
    return peak * 0.5 ** ((bins[-1][0] - peak_at) / 4 / p.half_life_hours)


def cusum_score(p: Any, bins: Bins, term: int) -> float:
    total = said = history = quiet = 0.0
    for _, counts, d in bins:
        k = counts.get(term, 0.0)
        if not k:
            quiet += d
        else:
            usual = min((said + 0.5) / max(history, 1.0), 0.5 / p.s)
            shift = math.log(1 - p.s * usual) - math.log(1 - usual)
            total = max(0.0, total + quiet * shift)
            total = max(0.0, total + k * math.log(p.s) + (d - k) * shift) if history else 0.0
            said, quiet = said + k, 0.0
        history += d
    return total


def change_point_score(p: Any, bins: Bins, term: int) -> float:
    runs: list[tuple[float, float, float]] = []  # weight, counts and bins of each, the youngest first
    awaited = runs
    silence = 0
    steps = [k for _, k, _, _ in course(bins, term)] + [bins[-1][1][term]]
    for k in steps:
        silence = 0 if k else silence + 1
        if silence > p.longest:
            continue
        awaited = [(p.hazard if runs else 1.0, 0.0, 0.0)]
        awaited += [(weight * (1 - p.hazard), total, length) for weight, total, length in runs]
        if len(awaited) > p.longest:
            (w1, s1, n1), (w2, s2, n2) = awaited[-2:]
            both = w1 + w2
            mixed = ((w1 * s1 + w2 * s2) / both, (w1 * n1 + w2 * n2) / both) if both else (s1, n1)
            awaited[-2:] = [(both, *mixed)]
        logs = []
        for _, total, length in awaited:
            a, b = p.shape + total, p.rate + length
            log = math.lgamma(a + k) - math.lgamma(a) - math.lgamma(k + 1) + a * math.log(b / (b + 1))
            logs.append(log - k * math.log(b + 1))
        top = max(logs)
        runs = [
            (w * math.exp(log - top), total + k, length + 1)
            for (w, total, length), log in zip(awaited, logs, strict=True)
        ]
        whole = sum(weight for weight, _, _ in runs)
        runs = [(weight / whole, total, length) for weight, total, length in runs]
    old = awaited[p.recent :]
    weight = sum(w for w, _, _ in old)
    expected = sum(w * (p.shape + s) / (p.rate + n) for w, s, n in old) / weight if weight else 0.0
    if not weight or steps[-1] <= expected:
        return 0.0
    return max(0.0, -math.log10(max(sum(w for w, _, _ in runs[p.recent :]), 1e-300)))


def kleinberg_path(k: list[float], d: list[float], states: int, s: float, gamma: float) -> tuple[int, ...]:
    """The cheapest of all paths, by trying each of them: for a few bins only."""
    costs = kleinberg_costs(k, d, states, s)
    up = gamma * math.log(max(len(k), 2))

    def cost(path: tuple[int, ...]) -> float:
        steps = zip((0, *path), path, strict=False)
        return sum(costs[q][t] for t, q in enumerate(path)) + up * sum(max(b - a, 0) for a, b in steps)

    return min(product(range(states), repeat=len(k)), key=cost)


def kleinberg_costs(k: list[float], d: list[float], states: int, s: float) -> list[list[float]]:
    """Cost of each state in each bin, without the binomial coefficient."""
    share = min(max(sum(k) / sum(d), 1e-12), 1 - 1e-9)
    costs = []
    for state in range(states):
        p = min(share * s**state, 1 - 1e-9)
        costs.append([-(x * math.log(p) + (n - x) * math.log(1 - p)) for x, n in zip(k, d, strict=True)])
    return costs


def kleinberg_score(p: Any, bins: Bins, term: int, now: int) -> float:
    k, d = [c.get(term, 0.0) for _, c, _ in bins], [t for _, _, t in bins]
    costs = kleinberg_costs(k, d, p.states, p.s)
    up = p.gamma * math.log(max(len(k), 2))
    best: list[tuple[float, tuple[int, ...]]] = [(q * up + costs[q][0], (q,)) for q in range(p.states)]
    for t in range(1, len(k)):
        best = [
            min((c + max(q - path[-1], 0) * up + costs[q][t], (*path, q)) for c, path in best)
            for q in range(p.states)
        ]
    path = min(best)[1]
    if not path[now]:
        return 0.0
    begin = max((t + 1 for t in range(now) if not path[t]), default=0)
    end = min((t for t in range(now, len(k)) if not path[t]), default=len(k))
    return max(0.0, sum(costs[0][t] - costs[path[t]][t] for t in range(begin, end)))


def peaks_score(p: Any, bins: Bins, term: int) -> float:
    scores = [
        [ewma_score(p, bins[: i + 1], t) for t in sorted(counts)] for i, (_, counts, _) in enumerate(bins)
    ]
    first: list[float] = []
    while scores and len(first) < p.calibrate:
        first += scores.pop(0)
    if not scores:
        return 0.0
    ranked = sorted(first)
    place = p.quantile * (len(ranked) - 1)
    low = ranked[int(place)]
    start = low + (place - int(place)) * (ranked[min(int(place) + 1, len(ranked) - 1)] - low)
    seen = first + [z for bin in scores[:-1] for z in bin]
    excess = [z - start for z in seen if z > start]
    z = ewma_score(p, bins, term)
    if z <= start or len(excess) < 2:
        return 0.0
    mean = sum(excess) / len(excess)
    variance = max(sum((e - mean) ** 2 for e in excess) / len(excess), 1e-12 * mean**2)
    shape = min(max(0.5 * (1 - mean**2 / variance), 0.0), 0.49)
    scale = mean * (1 - shape)
    log = math.log(1 + shape * (z - start) / scale) / shape if shape > 1e-9 else (z - start) / scale
    return -math.log10(len(excess) / len(seen)) + log / math.log(10)


SCORES: dict[str, Callable[..., float]] = {
    "benhardus": benhardus_score,
    "change-point": change_point_score,
    "chi2": chi2_score,
    "count": count_score,
    "cusum": cusum_score,
    "decay": decay_score,
    "df-idf": df_idf_score,
    "ewma": ewma_score,
    "g2": g2_score,
    "gnip": gnip_score,
    "growth": growth_score,
    "jlh": jlh_score,
    "kleinberg": kleinberg_score,
    "macd": macd_score,
    "mastodon": mastodon_score,
    "negative-binomial": binomial_score,
    "peaks-over-threshold": peaks_score,
    "poisson": poisson_score,
    "seasonal-negative-binomial": seasonal_binomial_score,
    "seasonal-poisson": seasonal_score,
    "signitrend": signitrend_score,
    "twitinfo": twitinfo_score,
    "zscore": zscore_score,
}
"""Twin of each algorithm, for bins of a quarter of an hour."""
