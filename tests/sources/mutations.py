"""Structural mutations of recorded answers: keys dropped, types changed, values nested."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from rtanalytics.event import decode, encode
from rtanalytics.sources.base import Malformed, Parsed

JUNK: list[Any] = [
    None, True, False, 0, -1, 2**63, 10**30, 1.5, 1e308, "", "x", "\u0000", "<b>&amp;</b>", "9" * 40,
    "javascript:alert(1)", "https://[", "https://x.example/\u202e", "2026-13-45T99:99:99Z", "9999-12-31T23:59:59Z",
    [], {}, [[]], [None], {"id": {}}, "a@b.example " * 50, [[[[[[[[[{}]]]]]]]]],
]  # fmt: skip


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    found = [at] if at else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in pairs:
        found += paths(below, (*at, key))
    return found


@st.composite
def mutated(draw: st.DrawFn, documents: list[Any]) -> Any:
    """One of the documents with some places dropped, replaced, doubled or nested."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(1, 6))):
        places = paths(document)
        if not places:
            return document
        *above, key = draw(st.sampled_from(places))
        holder = document
        for step in above:
            holder = holder[step]
        change = draw(st.sampled_from(["drop", "junk", "junk", "nest", "double"]))
        if change == "drop":
            del holder[key]
        elif change == "junk":
            holder[key] = copy.deepcopy(draw(st.sampled_from(JUNK)))
        elif change == "nest":
            holder[key] = draw(st.sampled_from([[holder[key]], {"items": holder[key]}]))
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
    return document


def survives(parse: Any, raw: bytes, meta: Any) -> Parsed | None:
    """What the parser makes of it, checked: events that can be stored, reasons that can be read; None if malformed."""
    try:
        parsed = parse(raw, meta)
    except Malformed as error:
        assert str(error).isprintable()
        return None
    assert len({e.id for e in parsed.events}) == len(parsed.events)
    for event in parsed.events:
        assert decode(encode(event)).id == event.id
        assert event.created_at <= meta.received_at or event.posted_at == event.created_at
        assert event.url is None or event.url.startswith(("http://", "https://"))
        assert all(link.lower().startswith(("http://", "https://")) for link in event.links)
        assert event.raw is not None
        assert b"@b.example" not in event.raw
    assert all(reject.reason.isprintable() and reject.reason for reject in parsed.rejects)
    return parsed
