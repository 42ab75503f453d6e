"""Counting: CPU seconds for messages of 30 words, beside ``re`` + ``Counter`` in the same run.

    python benchmarks/counting.py [MESSAGES]

Prints, in this order: the baseline that only counts words and pairs of words in every quarter of
an hour; our log and counts of all channels and phrases, in micro-batches of 1 000; the whole way
to ranked topics; and the time that the closing of a bin takes.
"""

from __future__ import annotations

import random
import re
import resource
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np

from rtanalytics.counts import TermCounts
from rtanalytics.event import Author, Event
from rtanalytics.feed import FOREVER, Delivery, Watermark
from rtanalytics.topics import Trender

AT = datetime(2026, 5, 15, tzinfo=UTC)
DAYS, WORDS, VOCABULARY = 3, 30, 20_000
BIN = timedelta(minutes=15)
BATCH = 1_000


def corpus(messages: int, seed: int = 1) -> list[Event]:
    """Messages of words with Zipf's frequencies, evenly over three days, by one author in twenty."""
    chance = random.Random(seed)
    syllables = "ba co di fu ge ha ki lo mu ne pa ri so tu ve wa xi yo za qu".split()
    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        words["".join(chance.choices(syllables, k=chance.randint(2, 4)))] = None
    vocabulary = list(words)
    rank = np.arange(1, VOCABULARY + 1)
    rng = np.random.default_rng(seed)
    authors = rng.integers(0, max(messages // 20, 1), messages)
    events = []
    step = timedelta(days=DAYS) / messages
    for first in range(0, messages, 10_000):
        rows = rng.choice(VOCABULARY, (min(10_000, messages - first), WORDS), p=1 / rank / (1 / rank).sum())
        for i, row in enumerate(rows.tolist(), first):
            text = " ".join([vocabulary[w] for w in row])
            author = Author(handle=f"p{authors[i]}")
            events.append(
                Event(id=f"x:y:{i}", source="x", rev="1", author=author, text=text, created_at=AT + i * step)
            )
    return events


def baseline(events: list[Event]) -> float:
    """CPU seconds of the obvious way: words and pairs, a Counter for each bin."""
    begin = time.process_time()
    words: dict[int, Counter[str]] = {}
    pairs: dict[int, Counter[tuple[str, str]]] = {}
    for event in events:
        bin = (event.created_at - AT) // BIN
        found = re.findall(r"\w+", (event.text or "").lower())
        words.setdefault(bin, Counter()).update(found)
        pairs.setdefault(bin, Counter()).update(pairwise(found))
    return time.process_time() - begin


def counting(events: list[Event]) -> float:
    """CPU seconds until every bin is counted in all channels, phrases included."""
    begin = time.process_time()
    counts = TermCounts(BIN)
    for first in range(0, len(events), BATCH):
        counts.add(events[first : first + BATCH])
    for bin in counts.bins:
        counts.bin(bin)
    return time.process_time() - begin


def trending(events: list[Event]) -> tuple[float, list[float]]:
    """CPU seconds from events to ranked topics, and those of each closing of a bin."""
    begin = time.process_time()
    trender = Trender(bin=BIN, top=10)
    closing = []
    for first in range(0, len(events), BATCH):
        batch = events[first : first + BATCH]
        trender.push([Delivery(0, event) for event in batch])
        start = time.process_time()
        told = trender.push([Watermark(batch[-1].received_at)])
        closing += [(time.process_time() - start) / len(told)] * len(told)
    trender.push([Watermark(FOREVER)])
    return time.process_time() - begin, closing


def main() -> None:
    """Measure and print."""
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    trending(corpus(2 * BATCH, seed=2))  # loads the compiled kernels
    events = corpus(messages)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours = counting(events)
    whole, closing = trending(events)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) / 1024
    theirs = baseline(events)
    print(f"{messages} messages of {WORDS} words")
    print(f"re + Counter, words and pairs    {theirs:7.2f} s  {messages / theirs:9.0f} messages/s")
    print(f"counts, all channels and phrases {ours:7.2f} s  {messages / ours:9.0f} messages/s")
    print(f"events to ranked topics          {whole:7.2f} s  {messages / whole:9.0f} messages/s")
    print(
        f"closing a bin: median {1e3 * float(np.median(closing)):.1f} ms, worst {1e3 * max(closing):.1f} ms"
    )
    print(f"memory beyond the events         {grown:7.0f} MB")


if __name__ == "__main__":
    main()
