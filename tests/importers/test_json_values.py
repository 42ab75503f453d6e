"""JSON values of a file in any layout, and a sample of its beginning."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.event import Event
from rtanalytics.importers import Rejected, open_events
from rtanalytics.importers.json_stream import Value, sample, values

A, B, C = {"a": 'x } ] \\ "'}, {"b": [1, {"c": None}]}, {"d": "é\n"}


def read(data: bytes, wanted: tuple[str, ...] = ()) -> list[Value | Rejected]:
    return list(values("file.json", io.BytesIO(data).read, wanted))


def sound(data: bytes, wanted: tuple[str, ...] = ()) -> list[Any]:
    return [item.value for item in read(data, wanted) if isinstance(item, Value)]


@pytest.mark.parametrize(
    "layout",
    [
        lambda parts: "\n".join(parts),
        lambda parts: "".join(parts),
        lambda parts: "\r\n\r\n".join(parts) + "\r\n",
        lambda parts: "\0\0".join(parts) + "\0" * 100,
        lambda parts: "\x1e" + "\n\x1e".join(parts),
        lambda parts: ",\n".join(parts),
        lambda parts: f"[{','.join(parts)}]",
        lambda parts: "\n".join(f"[{part}]" for part in parts),
        lambda parts: json.dumps([json.loads(part) for part in parts], indent=2),
        lambda parts: "\n".join(json.dumps(json.loads(part), indent=4) for part in parts),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_values_are_read_in_any_layout(layout: Any, encoding: str) -> None:
    """One per line, glued, pretty-printed, in lists, with null characters or separators between them."""
    data = layout([json.dumps(value) for value in (A, B, C)]).encode(encoding)
    assert sound(data) == [A, B, C]
    assert sample(data) == (A, B, C)


@pytest.mark.parametrize("broken", ['{"a": "cut', '{"a": tru}', '{"a" 1}', '{"a": [}', "no JSON", '{"a": 1'])
def test_a_broken_line_is_rejected_and_the_others_are_read(broken: str) -> None:
    """With the line's number and text."""
    lines = [json.dumps(A), broken, json.dumps(B)]
    before, bad, after = read("\n".join(lines).encode())
    assert isinstance(before, Value)
    assert before.value == A
    assert isinstance(after, Value)
    assert (after.where, after.value) == ("line 3", B)
    assert isinstance(bad, Rejected)
    assert bad.where == "line 2"
    assert bad.raw.strip() == broken


def test_a_large_object_is_read_by_its_lists() -> None:
    """A page of more than 4 MB in pieces; a small one as a whole."""
    rows = [{"n": n, "text": "x" * 1000} for n in range(5000)]
    page = {"query": "pycon", "hits": rows, "page": 0}
    assert sound(json.dumps(page).encode(), ("hits",)) == rows
    assert sound(json.dumps({**page, "hits": rows[:3]}).encode(), ("hits",)) == [{**page, "hits": rows[:3]}]
    assert sound(json.dumps(page).encode(), ("posts",)) == [page]


def test_a_file_that_is_cut_off_gives_what_is_left() -> None:
    """Plain or packed."""
    data = "\n".join(json.dumps(value) for value in (A, B)).encode()
    whole, cut = read(data[:-3])
    assert isinstance(whole, Value)
    assert isinstance(cut, Rejected)
    assert "cut off" in cut.reason
    packed = io.BytesIO(gzip.compress(data * 1000)[:-30])
    last = list(values("file.json.gz", gzip.GzipFile(fileobj=packed).read))[-1]
    assert isinstance(last, Rejected)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b'{"a": {"b": [1, 2, {"c": "d', ({"a": {"b": [1, 2, {}]}},)),
        (b'[{"a": 1}, {"b": "x,]}', ({"a": 1}, {})),
        (b'{"a": 1}\n{"b": "\\"', ({"a": 1}, {})),
        (b"created_at,text\n", ()),
        (b"", ()),
        (b"[" * 100_000, ()),
    ],
)
def test_a_sample_is_made_of_a_beginning(head: bytes, expected: tuple[Any, ...]) -> None:
    """What is complete in it."""
    assert sample(head) == expected


@pytest.mark.parametrize(
    "cut",
    ['{"a": {"c": 1, "d"', '{"a": "in a text ', '{"a": [1, {"b": 2}', '{"a": tru}', '{"a" 1}', '{"a": 1,'],
)
@pytest.mark.parametrize("between", ["", "\0\0\0", " "])
def test_a_whole_value_after_a_broken_one_on_its_line_is_read(cut: str, between: str) -> None:
    """It begins with the same member, or stands after the last bracket of the broken one."""
    first, bad, last = read(f"{json.dumps(A)}{cut}{between}{json.dumps(A)}\n".encode())
    assert isinstance(first, Value)
    assert isinstance(last, Value)
    assert last.value == A
    assert isinstance(bad, Rejected)
    assert bad.raw.startswith(cut)


ROWS = {
    "gharchive": [
        {
            "id": str(n), "type": "WatchEvent", "actor": {"id": 1, "login": "ann"}, "repo": {"id": 2, "name": "a/b"},
            "payload": {"action": "started"}, "public": True, "created_at": "2026-05-15T07:00:00Z",
        }
        for n in range(3)
    ],
    "twitter": [
        {"created_at": "Fri May 15 07:00:00 +0000 2026", "id_str": str(10**17 + n), "text": f"t {n}",
         "user": {"screen_name": "ann", "id_str": "1"}, "retweet_count": 0}
        for n in range(3)
    ],
    "jsonl": [
        {"created_at": "2026-05-15T07:00:00Z", "source": "irc:#x", "text": f"t {n}", "id": str(n)} for n in range(3)
    ],
}  # fmt: skip


@pytest.mark.parametrize("form", list(ROWS))
@pytest.mark.parametrize("between", ["\n", "", "\0" * 5000, "\n\n\0"])
@pytest.mark.parametrize("indent", [None, 2])
def test_every_importer_of_json_lines_reads_any_layout(
    tmp_path: Path, form: str, between: str, indent: int | None
) -> None:
    """Glued, over many lines, with null characters, as in one per line."""
    path = tmp_path / "t.jsonl"
    path.write_text(between.join(json.dumps(row, indent=indent) for row in ROWS[form]) + between)
    events = list(open_events(path))
    assert all(isinstance(event, Event) for event in events)
    assert len({event.id for event in events if isinstance(event, Event)}) == 3


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(['{"a":', '"', "{", "}", "[", "]", "1", ",", "\0", "\n", '{"a": 1}', "x", "\\"]))
)
def test_any_bytes_are_values_or_rejected(pieces: list[str]) -> None:
    """Reading ends, and whole values on a line of their own are never lost."""
    data = "".join(pieces).encode()
    assert all(isinstance(item, Value | Rejected) for item in read(data))
    assert {"z": 1} in sound(b'{"z": 1}\n' + data)
