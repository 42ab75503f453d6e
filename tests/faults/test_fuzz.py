"""Every parser of a source on recorded answers that are broken at random: ten minutes in all, or RTANALYTICS_FUZZ
seconds. Nothing but ``Malformed`` comes out, what becomes an event can be stored, and no parse takes long.
"""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtanalytics.event import decode, encode
from rtanalytics.sources.base import Malformed
from tests.golden.tables import parser
from tests.recorded import bodies
from tests.sources.mutations import mutated
from tests.sources.test_hackernews import HackerNews

SECONDS = float(os.environ.get("RTANALYTICS_FUZZ", "600"))
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BUDGET = 2.0
LARGEST = 60_000
"""Bytes of a recorded answer that is broken: longer ones have more of the same."""

FOLDERS = {
    "bitbucket": ["bitbucket"], "bluesky": ["bluesky"], "discourse": ["discourse"], "feed": ["feeds", "youtube"],
    "github": ["github"], "hackernews": ["hackernews"], "irc": ["irc"], "mastodon": ["mastodon"],
    "matrix": ["matrix"], "reddit": ["reddit"], "schedule": ["schedules"], "stackexchange": ["stackexchange"],
    "x": ["twitter_v2"],
}  # fmt: skip

BITS = [
    b"", b"\x00", b"\xff\xfe", b"<", b">", b"&", b"]]>", b"<![CDATA[", b"&#x110000;", b"&a;", b'"', b"'", b"\\", b"\n",
    b"{", b"}", b"[", b"]", b":", b",", b"99999999999999999999", b"-1", b"1e999", b"\xed\xa0\x80", b"\xe2\x80\xae",
    b"2026-13-45T99:99:99Z", b"javascript:alert(1)", b"<script>x</script>", b"\r\n\r\n", b"<a>" * 500, b"[" * 500,
]  # fmt: skip


@st.composite
def torn(draw: st.DrawFn, documents: list[bytes]) -> bytes:
    """One of the documents with pieces cut out, doubled, moved, or put in between."""
    data = draw(st.sampled_from(documents))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 200)))
        how = draw(st.sampled_from(["cut", "double", "put", "instead", "end"]))
        bit = draw(st.sampled_from(BITS))
        data = {
            "cut": data[:at] + data[end:],
            "double": data[:end] + data[at:],
            "put": data[:at] + bit + data[at:],
            "instead": data[:at] + bit + data[end:],
            "end": data[:at],
        }[how]
    return data[: 4 * LARGEST]


def documents(folder: Path, kind: str) -> tuple[list[Any], list[bytes]]:
    """The recorded answers that are JSON, and all of them as bytes; at least the smallest three."""
    raws = [
        body
        for name in FOLDERS[kind]
        for path in sorted((folder / "payloads" / name).rglob("*"))
        if path.is_file()
        for body in answers(path)
    ]
    if kind == "hackernews":  # what is recorded are feeds
        hits = [HackerNews().hit(n) for n in range(3)]
        raws.append(json.dumps({"hits": hits, "nbHits": 3, "hitsPerPage": 100}).encode())
    if kind == "reddit":  # a hundred things a page: five have all that is in them
        pages = [json.loads(raw) for raw in raws if len(raw) > LARGEST]
        for page in pages:
            page["data"]["children"] = page["data"]["children"][:5]
        raws += [json.dumps(page).encode() for page in pages]
    raws.sort(key=len)
    raws = [raw for number, raw in enumerate(raws) if number < 3 or len(raw) <= LARGEST]
    values = []
    for raw in raws:
        try:
            values.append(json.loads(raw))
        except ValueError:
            continue
    return [value for value in values if value], raws


def answers(path: Path) -> list[bytes]:
    """The bodies in a file; a log as the server of a chat said it."""
    if "irc-disentanglement" in path.name:
        said = re.findall(rb"(?m)^\[\d\d:\d\d\] <([^>\s]+)> (.*)$", path.read_bytes())
        return [b"\n".join(b":%s!u@h PRIVMSG #ubuntu :%s" % line for line in said[:300])]
    return bodies(path)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(700)
@pytest.mark.parametrize("kind", sorted(FOLDERS))
def test_whatever_comes_only_malformed_comes_out(kind: str, data_folder: Path) -> None:
    """Structures and bytes of recorded answers, broken."""
    parse, meta = parser(kind)
    values, raws = documents(data_folder, kind)
    assert raws, kind
    ways = [torn(raws), *([mutated(values).map(lambda v: json.dumps(v).encode())] if values else [])]
    until, tried, events = time.monotonic() + SECONDS / len(FOLDERS), 0, 0
    parse(raws[0], meta) if kind == "feed" else None  # what it imports is no part of the time it takes

    @settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(ways))
    def broken(raw: bytes) -> None:
        nonlocal tried, events
        began = time.perf_counter()
        try:
            parsed = parse(raw, meta)
        except Malformed as error:
            assert str(error).isprintable()
            return
        finally:
            assert time.perf_counter() - began < BUDGET
            tried += 1
        events += len(parsed.events)
        assert len({e.id for e in parsed.events}) == len(parsed.events)
        for event in parsed.events:
            assert decode(encode(event)).id == event.id
            assert event.id.isprintable()
            assert event.url is None or event.url.startswith(("http://", "https://"))
        assert all(reject.reason.isprintable() and reject.reason for reject in parsed.rejects)

    while time.monotonic() < until:
        broken()
    print(f"{kind}: {tried:,} documents, {events:,} events")
    assert tried >= 100
