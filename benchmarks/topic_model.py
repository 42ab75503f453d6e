"""Fit the topic model, and cross-validate it over conferences.

    python benchmarks/topic_model.py [--seed SEED]

Every candidate topic, however improbable, is a sample: its features, and whether it names something
real. On recordings it does if one of its first three terms names a talk of the time, or is a handle or
tag that three people use within 30 minutes; on synthetic conferences, if it names a planted topic.
Recordings, synthetic and hard synthetic conferences have the same total weight, and so have the sizes of
each kind, from 2,000 to 100,000 messages. Each conference is left out once: its metrics come from weights
that were fitted without it.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from trends import DEVELOPMENT, EASY, SLACK, Sample, judged, recorded, row

from rtanalytics.synthetic import Synthetic, conference, hard_conference
from rtanalytics.terms import fold
from rtanalytics.topics import TopicFilter, TopicModel, Trend, trends

NAMES = ("evidence", "people", "own_words", "share", "name", "known")
WIDE = TopicFilter(min_probability=0.02, keep_probability=0.02)
HALF_HOUR = timedelta(minutes=30)
SIZES = {
    "conference": (2_000, 2_000, 8_000, 8_000, 50_000),
    "hard": (2_000,) * 4 + (20_000,) * 2 + (100_000,) * 2,
}
"""Numbers of messages of the synthetic conferences of each kind."""


def candidate_topics(events: list[Any], minutes: int, **settings: Any) -> list[Trend]:
    """Return all candidate topics."""
    width = timedelta(minutes=minutes)
    return [t for b in trends(events, bin=width, top=30, topic_filter=WIDE, **settings) for t in b.trends]


def samples(
    topics: list[Trend], real: list[bool], kind: str, name: str, minutes: int, messages: int
) -> pd.DataFrame:
    """Return the features of topics: each contribution divided by its weight."""
    unit = TopicModel()
    values = [[t.contributions[n] / getattr(unit, n) for n in NAMES] for t in topics]
    frame = pd.DataFrame(values, columns=list(NAMES))
    return frame.assign(real=real, kind=kind, name_of=name, minutes=minutes, messages=messages)


def on_recording(sample: Sample, topics: list[Trend]) -> list[bool | None]:
    """Return whether each topic names something real; None outside of the talks, where it is unknown."""
    used: dict[str, list[tuple[Any, str]]] = {}
    for event in sample.events:
        for tag in set(re.findall(r"[@#]\w+", (event.text or "").casefold())):
            used.setdefault(tag, []).append((event.posted_at, event.handle))
    truth = pd.read_csv(sample.truth, keep_default_na=False)
    titles = Counter(w for title in truth.title for w in set(re.findall(r"\w{5,}", fold(title))))
    talks = [
        (
            pd.Timestamp(talk.start_utc),
            [fold(k).strip("@") for k in talk.keywords.split("|")],
            {w for w in re.findall(r"\w{5,}", fold(talk.title)) if titles[w] <= 2},
        )
        for talk in truth.itertuples()
    ]
    days = {start.date() for start, _, _ in talks}
    verdicts: list[bool | None] = []
    for topic in topics:
        if topic.bin_start.date() not in days or not 7 <= topic.bin_start.hour < 16:
            verdicts.append(None)
            continue
        on = [
            (keys, words)
            for start, keys, words in talks
            if topic.bin_start - timedelta(hours=2) <= start <= topic.bin_end + timedelta(hours=1)
        ]
        verdict = False
        for term in map(fold, topic.terms[:3]):
            parts = term.strip("@#").split()
            verdict |= any(any(k in term for k in keys) or words & set(parts) for keys, words in on)
            if term[:1] in "@#":
                people = {
                    who for at, who in used.get(term, ()) if topic.bin_start - HALF_HOUR <= at < topic.bin_end
                }
                verdict |= len(people) >= 3
        verdicts.append(verdict)
    return verdicts


def on_invented(made: Synthetic, topics: list[Trend]) -> list[bool]:
    """Return whether each topic names a planted topic."""
    return [
        any(
            topic.bin_start < planted.end + SLACK
            and topic.bin_end > planted.start
            and any(
                f" {k.casefold().lstrip('#')} " in f" {term.casefold().lstrip('#')} "
                for k in planted.keywords
                for term in topic.terms[:3]
            )
            for planted in made.truth
        )
        for topic in topics
    ]


def fitted(frame: pd.DataFrame) -> TopicModel:
    """Fit the weights; each kind of conference, and each size within a kind, has the same total weight."""
    from sklearn.linear_model import LogisticRegression

    group = frame.kind + frame.messages.astype(str).where(frame.kind != "recording", frame.name_of)
    weights = 1 / group.map(group.value_counts()) / frame.kind.map(group.groupby(frame.kind).nunique())
    model = LogisticRegression(C=10, max_iter=5000)
    model.fit(frame[list(NAMES)], frame.real.astype(int), sample_weight=weights * len(frame) / 3)
    weights = dict(zip(NAMES, map(float, model.coef_[0]), strict=True))
    return TopicModel(bias=float(model.intercept_[0]), **weights)


def probabilities(frame: pd.DataFrame, model: TopicModel) -> Any:
    """Return the probabilities of the samples."""
    odds = model.bias + frame[list(NAMES)] @ np.array([getattr(model, n) for n in NAMES])
    return 1 / (1 + np.exp(-odds))


def main() -> None:
    """Print the weights, and the metrics of each conference that is left out."""
    from sklearn.metrics import brier_score_loss, roc_auc_score

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=401, help="Seed of the first synthetic conference.")
    seed = parser.parse_args().seed
    found, development, made = [], [recorded(name) for name in (*DEVELOPMENT, EASY)], []
    for kind, generate in (("conference", conference), ("hard", hard_conference)):
        for messages in SIZES[kind]:
            made.append((kind, f"{kind} {messages:,} ({seed})", generate(seed, events=messages)))
            seed += 1
    for minutes in (30, 15, 5):
        for sample in development:
            topics = candidate_topics(sample.events, minutes)
            judged_so = zip(topics, on_recording(sample, topics), strict=True)
            kept = [(t, real) for t, real in judged_so if real is not None]
            found.append(
                samples(
                    [t for t, _ in kept],
                    [r for _, r in kept],
                    "recording",
                    sample.name,
                    minutes,
                    len(sample.events),
                )
            )
        for kind, name, invented in made:
            if minutes == 5:
                continue
            topics = candidate_topics(invented.events, minutes, own_tags=frozenset(invented.hashtags))
            real = on_invented(invented, topics)
            found.append(samples(topics, real, kind, name, minutes, len(invented.events)))
    frame = pd.concat(found, ignore_index=True)
    print(f"{len(frame):,} samples\n")
    print("left out                     samples   real    AUC  Brier  shown  of them real")
    for name in frame.name_of.unique():
        out = frame.name_of == name
        p = probabilities(frame[out], fitted(frame[~out]))
        real, loud = frame[out].real.astype(int), p >= TopicFilter().min_probability
        print(
            f"{name:<27} {out.sum():>8,}   {real.mean():.2f}   {roc_auc_score(real, p):.3f}  "
            f"{brier_score_loss(real, p):.3f}  {loud.mean():5.2f}  {real[loud].mean():.2f}"
        )
    print("\neach development recording, with weights fitted without it")
    print(f"{'':<18} min  recall@5/10/20   prec   random  latency  topics")
    with tempfile.TemporaryDirectory() as folder:
        for minutes in (30, 15, 5):
            for sample in development:
                fit = TopicFilter(topic_model=fitted(frame[frame.name_of != sample.name]))
                bins = trends(sample.events, bin=timedelta(minutes=minutes), top=20, topic_filter=fit)
                print(row(sample.name, minutes, judged(sample, bins, Path(folder))), flush=True)
    final = fitted(frame)
    print("\nall:", ", ".join(f"{n}={getattr(final, n):.2f}" for n in ("bias", *NAMES)))


if __name__ == "__main__":
    main()
