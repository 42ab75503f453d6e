"""Reading without taking a file into memory: lines, packed files, bombs, and JSON larger than memory."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.event import Event
from rtanalytics.extras import MissingExtraError
from rtanalytics.importers import ImporterError, Options, Rejected, detect, open_events, reading
from rtanalytics.importers.json_stream import Broken, NotJson, walk
from tests.contracts.importer import TALK, Line
from tests.importers import samples


def walked(text: str, *wanted: str) -> list[tuple[str, Any, int]]:
    return list(walk(io.BytesIO(text.encode()).read, wanted))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=200)
@given(st.lists(json_values, max_size=6), st.integers(1, 7), st.sampled_from([None, 1]))
def test_a_walk_yields_the_elements_of_the_whole_document(
    items: list[Any], chunk: int, indent: int | None
) -> None:
    """Whatever they are, and wherever the pieces in which they are read end."""
    data = json.dumps({"a": 1, "items": items, "z": [2]}, indent=indent).encode()
    pieces = iter([data[n : n + chunk] for n in range(0, len(data), chunk)])
    told = list(walk(lambda _: next(pieces, b""), {"items"}))
    assert [(name, value) for name, value, _ in told] == [
        ("a", 1),
        *(("items", i) for i in items),
        ("z", [2]),
    ]


def test_a_broken_element_is_passed_over() -> None:
    """With its line, whatever brackets and quotes it has in its texts."""
    text = '[\n{"a": 1},\n{"b": tru, "c": "]}\\"{"},\n{"d": 2}\n]'
    (_, first, _), (_, broken, line), (_, last, _) = walked(text)
    assert (first, last, line) == ({"a": 1}, {"d": 2}, 3)
    assert isinstance(broken, Broken)
    assert broken.raw == '{"b": tru, "c": "]}\\"{"}'


@pytest.mark.parametrize(
    "text", ["", "x", "[1 2]", '{"a" 1}', "[1]]", '{"a": 1} {"b": 2}', "[1,", '{"a":[', "[,1]"]
)
def test_invalid_json_is_reported_with_its_line(text: str) -> None:
    """Nothing behind it is lost in silence."""
    with pytest.raises(NotJson, match=r"not JSON from line 1 on"):
        walked(text, "a")


def test_an_element_that_is_too_large_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never held, and what follows is read."""
    monkeypatch.setattr("rtanalytics.importers.json_stream.MAX_LINE", 1000)
    monkeypatch.setattr("rtanalytics.importers.json_stream._CHUNK", 64)
    (_, broken, _), (_, last, _) = walked(json.dumps([{"a": '\\]"' * 5000}, 7]))
    assert isinstance(broken, Broken)
    assert "larger than 1,000 bytes" in broken.reason
    assert last == 7


def test_deep_nesting_is_a_broken_element() -> None:
    """Neither a crash nor the end."""
    (_, broken, _), (_, last, _) = walked(f"[{'[' * 100_000}{']' * 100_000}, 1]")
    assert isinstance(broken, Broken)
    assert last == 1


def test_a_line_that_is_too_long_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told with its number; the next one is read."""
    monkeypatch.setattr(reading, "MAX_LINE", 1000)
    path = samples.write_twitter(tmp_path, TALK)
    rows = path.read_text(encoding="utf-8").splitlines()
    samples.lines_of(path, [rows[0], json.dumps({"id_str": "1", "text": "x" * 5000}), rows[1]])
    good, bad, last = open_events(path)
    assert isinstance(good, Event)
    assert isinstance(last, Event)
    assert isinstance(bad, Rejected)
    assert bad.where == "line 2"
    assert len(bad.raw) <= 2000


def bomb(size: int) -> bytes:
    return b'{"id_str": "1", "text": "x"}\n' + b" " * size


@pytest.mark.parametrize("packing", ["gzip", "zip", "zstd"])
def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: str) -> None:
    """Before it is unpacked; a sound file of the same kind is read."""
    from tests.contracts.importer import zstd

    monkeypatch.setattr("rtanalytics.importers.unpack.FREE", 1_000_000)
    path = tmp_path / "tweets"

    def pack(data: bytes) -> None:
        if packing == "zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
                file.writestr("tweets.jsonl", data)
        else:
            path.write_bytes(gzip.compress(data) if packing == "gzip" else zstd(data))

    pack(samples.write_twitter(tmp_path, TALK).read_bytes())
    assert len(list(open_events(path))) == len(TALK)
    pack(bomb(20_000_000))
    with pytest.raises(ImporterError, match=r"like a zip bomb"):
        list(open_events(path, "twitter"))


def test_a_zip_that_lies_about_its_directory_is_refused(tmp_path: Path) -> None:
    """Its claimed size is read before the directory is."""
    path = samples.write_zip(tmp_path / "a.zip", samples.slack_files(TALK))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x05\x06")
    data[at + 12 : at + 16] = (2_000_000_000).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(ImporterError, match="the list of files in the zip has 2,000,000,000 bytes"):
        detect(path)


def many() -> Iterator[Line]:
    return (Line(n, "ada", f"message {n} " + "x" * 300) for n in range(30_000))


LISTS: dict[str, tuple[Any, Any]] = {
    "discord": (lambda: samples.discord_export([]), samples.discord_message),
    "telegram": (lambda: samples.telegram_chat([]), samples.telegram_message),
    "matrix": (lambda: {"room_name": "PyCon", "export_date": "x", "messages": []}, samples.matrix_event),
}


@pytest.mark.parametrize("form", ["twitter", "whatsapp", *LISTS])
def test_a_large_file_does_not_enter_memory(tmp_path: Path, form: str) -> None:
    """Many megabytes in lines and in one document, read within three."""
    path = tmp_path / "large"
    with open(path, "w", encoding="utf-8") as file:
        if form in LISTS:
            document, message = LISTS[form]
            head, _, tail = json.dumps(document()).partition('"messages": [')
            file.write(f'{head}"messages": [')
            file.writelines(("," if n else "") + json.dumps(message(line)) for n, line in enumerate(many()))
            file.write(tail)
        elif form == "whatsapp":
            file.writelines(f"[{line.at:%d.%m.%y, %H:%M:%S}] {line.author}: {line.text}\n" for line in many())
        else:
            file.writelines(json.dumps(samples.classic_tweet(line)) + "\n" for line in many())
    assert path.stat().st_size > 9_000_000
    tracemalloc.start()
    try:
        count = sum(isinstance(e, Event) for e in open_events(path, form, Options(zone="UTC")))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 30_000
    # the senders of the last 50,000 messages of Matrix are kept, to know whose edits count
    assert peak < (9_000_000 if form == "matrix" else 3_000_000)


def long_zstd(data: bytes, window_log: int) -> bytes:
    """Packed as ``zstd --long=31`` does it; the window is only as long as the data without its length."""
    parameters = zstandard.ZstdCompressionParameters(
        compression_level=3, window_log=window_log, enable_ldm=True
    )
    packed = io.BytesIO()
    with zstandard.ZstdCompressor(compression_params=parameters).stream_writer(
        packed, closefd=False
    ) as writer:
        writer.write(data)
    return packed.getvalue()


@pytest.mark.parametrize("window_log", [20, 27, 28, 31])
def test_zstd_with_a_long_window_is_read(tmp_path: Path, window_log: int) -> None:
    """As the dumps of Reddit have it; also of two frames, and damaged or cut off."""
    talk = [Line(n, "ada", f"{n} of many") for n in range(4000)]
    path = samples.write_reddit(tmp_path, talk)
    data = path.read_bytes()
    expected = list(open_events(path))
    packed = tmp_path / "RC_2026-05.zst"
    packed.write_bytes(long_zstd(data, window_log))
    assert detect(packed) == "reddit"
    assert list(open_events(packed)) == expected
    half = data.index(b"\n", len(data) // 2) + 1
    packed.write_bytes(long_zstd(data[:half], window_log) + long_zstd(data[half:], window_log))
    assert list(open_events(packed)) == expected
    packed.write_bytes(long_zstd(data, window_log)[:-20])
    *sound, last = open_events(packed)
    assert sound == expected[: len(sound)]
    assert len(sound) > 2000
    assert isinstance(last, Rejected)
    assert "cut off" in last.reason


def test_a_long_window_needs_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the line that installs it."""
    packed = tmp_path / "RC.zst"
    packed.write_bytes(long_zstd(b"{}", 31))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rtanalytics\[dumps\]'"):
        detect(packed)
