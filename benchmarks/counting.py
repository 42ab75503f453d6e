"""Counting: CPU seconds for messages of 30 words, beside ``re`` + ``Counter`` in the same run.

    python benchmarks/counting.py [MESSAGES ...]

For each number of messages (100 000 unless given) an archive is written and each line measured in a
process of its own, without its imports: what ``re`` and ``Counter`` need for the words and pairs of words
in every quarter of an hour, and for their distinct authors too; our counts of the same, which are
compared cell by cell; counts in all channels, phrases and copies included; events in micro-batches
of 1 000; and the closing of bins up to ranked topics. Memory is that of the whole process.
"""

from __future__ import annotations

import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from rtanalytics.archive import Recording, write_recording
from rtanalytics.counts import TermCounts
from rtanalytics.event import Author, Event
from rtanalytics.feed import FOREVER, Delivery, Watermark
from rtanalytics.terms import ALONE, Vocabulary
from rtanalytics.topics import Trender

AT = datetime(2026, 5, 15, tzinfo=UTC)
DAYS, WORDS, VOCABULARY = 3, 30, 20_000
BIN = timedelta(minutes=15)
BATCH, ROWS = 1_000, 20_000
COLUMNS = ["id", "rev", "op", "source", "author", "text", "created_at", "received_at"]


def corpus(messages: int, seed: int = 1) -> Iterator[Event]:
    """Messages of words with Zipf's frequencies, evenly over three days, by one author in twenty."""
    chance = random.Random(seed)
    syllables = "ba co di fu ge ha ki lo mu ne pa ri so tu ve wa xi yo za qu".split()
    made = ("".join(chance.choices(syllables, k=chance.randint(2, 4))) for _ in range(10 * VOCABULARY))
    known = Vocabulary()
    known.encode(made)
    words = [s for s, use in zip(known.surfaces, known.uses.tolist(), strict=True) if use & ALONE]
    words = words[:VOCABULARY]
    rank = np.arange(1, VOCABULARY + 1)
    rng = np.random.default_rng(seed)
    authors = rng.integers(0, max(messages // 20, 1), messages)
    step = timedelta(days=DAYS) / messages
    for first in range(0, messages, 10_000):
        rows = rng.choice(VOCABULARY, (min(10_000, messages - first), WORDS), p=1 / rank / (1 / rank).sum())
        for i, row in enumerate(rows.tolist(), first):
            text = " ".join([words[w] for w in row])
            author = Author(handle=f"p{authors[i]}")
            yield Event(
                id=f"x:y:{i}", source="x", rev="1", author=author, text=text, created_at=AT + i * step
            )


def clock(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds that something takes, and what it gives."""
    begin = time.process_time()
    given = work()
    return time.process_time() - begin, given


def obvious(recording: Recording, *, authors: bool) -> dict[Any, Any]:
    """Count words and pairs of each message in one Counter per bin: the baseline."""
    table = recording.table(["created_at", "author", "text"])
    times, people, texts = (table.column(name).to_pylist() for name in table.column_names)
    counts: dict[int, Counter[Any]] = defaultdict(Counter)
    who: dict[Any, set[str]] = defaultdict(set)
    for time_, author, text in zip(times, people, texts, strict=True):
        bin = (time_ - AT) // BIN
        words = re.findall(r"\w+", text.lower())
        said = {*words, *pairwise(words)}
        counts[bin].update(said)
        if authors:
            for term in said:
                who[term, bin].add(author)
    return {
        (term, bin): (n, len(who[term, bin]) if authors else 0)
        for bin, said in counts.items()
        for term, n in said.items()
        if isinstance(term, str) or n >= 2
    }


def counted(recording: Recording, **settings: Any) -> TermCounts:
    """Ours: from the archive to all cells, in all channels, phrases of three words and copies too."""
    counts = TermCounts(BIN, **settings)
    table = recording.table(COLUMNS)
    for first in range(0, table.num_rows, ROWS):
        counts.add(table.slice(first, ROWS))
    for bin in counts.bins:
        counts.bin(bin)
    return counts


def cells(counts: TermCounts) -> dict[Any, Any]:
    """Our cells of words and pairs, as :func:`obvious` gives them."""
    keys, first = counts.vocabulary.keys, counts.bin_of(AT)
    said: dict[Any, Any] = {}
    messages, authors = counts.cells("messages"), counts.cells("authors")
    for term, bin, n, people in zip(
        messages.terms.tolist(), messages.bins.tolist(), messages.counts, authors.counts, strict=True
    ):
        words = counts.vocabulary.words(term)
        if words is None or len(words) == 2:
            name = keys[term] if words is None else tuple(keys[w] for w in words)
            said[name, bin - first] = int(n), int(people)
    return said


def batches(events: list[Event]) -> TermCounts:
    """Events in micro-batches, and all channels of every bin in the end."""
    counts = TermCounts(BIN)
    for first in range(0, len(events), BATCH):
        counts.add(events[first : first + BATCH])
    for bin in counts.bins:
        counts.bin(bin)
    return counts


def ranked(events: list[Event]) -> list[float]:
    """From events to ranked topics; CPU seconds of each closing of a bin."""
    trender = Trender(bin=BIN, top=10)
    closing = []
    for first in range(0, len(events), BATCH):
        batch = events[first : first + BATCH]
        trender.push([Delivery(0, event) for event in batch])
        seconds, bins = clock(lambda: trender.push([Watermark(batch[-1].received_at)]))  # noqa: B023
        closing += [seconds / len(bins)] * len(bins)
    trender.push([Watermark(FOREVER)])
    return closing


def measured(what: str, folder: Path) -> dict[str, Any]:
    """One line, in this process."""
    recording, few = Recording(folder), list(islice(corpus(2 * BATCH, seed=2), 2 * BATCH))
    batches(few)  # loads the compiled kernels
    if what in ("words", "authors"):
        seconds, theirs = clock(lambda: obvious(recording, authors=what == "authors"))
        ours = cells(counted(recording, phrase_min_npmi=-2.0))
        if what == "words":
            ours = {cell: (n, 0) for cell, (n, _) in ours.items()}
        assert ours == theirs, "the counts differ"
        return {"seconds": seconds, "cells": len(ours)}
    if what == "counts":
        warm = TermCounts(BIN)
        warm.add(recording.table(COLUMNS).slice(0, 100))
        seconds, _ = clock(lambda: counted(recording, phrase_min_npmi=-2.0))
        return {"seconds": seconds}
    if what == "batches":
        events = list(recording)
        return {"seconds": clock(lambda: batches(events))[0]}
    ranked(few)
    events = list(recording)
    seconds, closing = clock(lambda: ranked(events))
    return {"seconds": seconds, "median": float(np.median(closing)), "worst": max(closing)}


LINES = {
    "words": "re + Counter: words and pairs",
    "authors": "re + Counter: and distinct authors",
    "counts": "archive to counts, all channels",
    "batches": "events in micro-batches, all channels",
    "ranked": "events to ranked topics",
}


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--one"]:
        figures = measured(sys.argv[2], Path(sys.argv[3]))
        figures["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(figures))
        return
    for messages in map(int, sys.argv[1:] or ["100000"]):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "archive"
            write_recording(folder, corpus(messages))
            print(f"{messages} messages of {WORDS} words")
            for what, title in LINES.items():
                if what == "authors" and messages > 200_000:
                    continue  # its sets alone would fill the memory
                command = [sys.executable, __file__, "--one", what, str(folder)]
                found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
                seconds = found["seconds"]
                if what == "words":
                    baseline = seconds
                print(
                    f"{title:<38} {seconds:7.2f} s {messages / seconds:9.0f} messages/s "
                    f"{baseline / seconds:6.2f} × words and pairs {found['megabytes']:6.0f} MB",
                    flush=True,
                )
                if "cells" in found:
                    print(f"  equal in all of {found['cells']} cells")
                if "median" in found:
                    median, worst = 1e3 * found["median"], 1e3 * found["worst"]
                    print(f"  closing a bin: median {median:.1f} ms, worst {worst:.1f} ms")


if __name__ == "__main__":
    main()
