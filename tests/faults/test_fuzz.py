"""Every parser on recorded answers and files that are broken at random: ten minutes in all, or RTANALYTICS_FUZZ
seconds. Nothing comes out but what is declared, what becomes an event can be stored, and no parse takes long.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import time
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtanalytics.event import Event, decode, encode
from rtanalytics.importers import ImporterError, Options, importer
from rtanalytics.sources.base import Malformed
from tests.contracts.importer import TALK
from tests.golden.tables import parser
from tests.importers import samples
from tests.recorded import bodies
from tests.sources.mutations import mutated
from tests.sources.test_hackernews import HackerNews

SECONDS = float(os.environ.get("RTANALYTICS_FUZZ", "600"))
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
UNSAID = Options(
    private=True, network="libera", channel="#pycon", zone="UTC", day=date(2026, 5, 15), source="slack:#general",
    columns={"created_at": "When", "author": "Who", "text": "Said"}, time_format="%d.%m.%Y %H:%M",
)  # fmt: skip
"""What files do not say about themselves."""
BUDGET = 2.0
LARGEST = 60_000
"""Bytes of a recorded answer that is broken: longer ones have more of the same."""

FOLDERS = {
    "bitbucket": ["bitbucket"], "bluesky": ["bluesky"], "discourse": ["discourse"], "feed": ["feeds", "youtube"],
    "github": ["github"], "hackernews": ["hackernews"], "irc": ["irc"], "mastodon": ["mastodon"],
    "matrix": ["matrix"], "reddit": ["reddit"], "schedule": ["schedules"], "stackexchange": ["stackexchange"],
    "x": ["twitter_v2"],
}  # fmt: skip

FILES = {
    "discord": ["payloads/discord/*"], "gharchive": ["raw/gharchive*"], "irc-html": ["raw/irc_w3c_html/*"],
    "telegram": [], "whatsapp": [], "matrix": [], "mattermost": [], "rocketchat": [], "live-chat": [], "ii": [],
    "csv": [], "jsonl": [], "parquet": [], "irssi": [], "weechat": [], "hexchat": [], "mbox": [], "columns": [], "twitter-archive": [], "zulip": [],
    "slack": ["payloads/slack_api/*", "payloads/slack_export/*.json"], "supybot": ["payloads/irc/*supybot*"],
    "mastodon": ["payloads/mastodon/*"], "mastodon-archive": [], "bluesky": ["payloads/bluesky/*"],
    "reddit": ["payloads/reddit/*"], "hackernews": [], "twitter-web-exporter": [], "snscrape": [], "zeeschuimer": [],
    "twitter": ["payloads/twitter_v?/*", "raw/*twitter*"], "znc": ["payloads/irc/*raw.txt"],
}  # fmt: skip
"""What others recorded of each format of files; of each there is a sample of our own as well."""
PARSERS = len(FOLDERS) + len(FILES)

BITS = [
    b"", b"\x00", b"\xff\xfe", b"<", b">", b"&", b"]]>", b"<![CDATA[", b"&#x110000;", b"&a;", b'"', b"'", b"\\", b"\n",
    b"{", b"}", b"[", b"]", b":", b",", b"99999999999999999999", b"-1", b"1e999", b"\xed\xa0\x80", b"\xe2\x80\xae",
    b"2026-13-45T99:99:99Z", b"05/06/2026", b'="123"', b"1.23E+18", b"NA", b",,", b"\x00" * 300, b'{"a": 1}{"b": 2}',
    b"Fri May 15 09:00:00 CST 2026", b"vector<int>", b"javascript:alert(1)", b"<script>x</script>", b"\r\n\r\n", b"<a>" * 500, b"[" * 500,
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
    until, tried, events = time.monotonic() + SECONDS / PARSERS, 0, 0
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
            sound(event)
        assert all(reject.reason.isprintable() and reject.reason for reject in parsed.rejects)

    while time.monotonic() < until:
        broken()
    print(f"{kind}: {tried:,} documents, {events:,} events")
    assert tried >= 100


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(700)
@pytest.mark.parametrize("form", sorted(FILES))
def test_whatever_file_is_imported_rows_or_reasons_come_out(
    form: str, data_folder: Path, tmp_path: Path
) -> None:
    """Structures and bytes of recorded files, broken; the format is named, as if it were still recognised."""
    raws = [
        *(beginning(path) for mask in FILES[form] for path in sorted(data_folder.glob(mask))),
        sample(form),
    ]
    values = [value for raw in raws if (value := as_json(raw)) is not None]
    ways = [torn(raws), *([mutated(values).map(lambda v: json.dumps(v).encode())] if values else [])]
    path, until, tried, events = tmp_path / "file.json", time.monotonic() + SECONDS / PARSERS, 0, 0
    place = path
    if form == "zulip":  # who is who stands in a file beside
        place, path = tmp_path, tmp_path / "messages-000001.json"
        (tmp_path / "realm.json").write_text(json.dumps(samples.zulip_files(TALK)["export/realm.json"]))
    path.write_bytes(raws[-1])
    list(importer(form).read(place, UNSAID))  # what it imports is no part of the time it takes

    @settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(ways))
    def broken(raw: bytes) -> None:
        nonlocal tried, events
        path.write_bytes(raw)
        began = time.perf_counter()
        try:
            for item in importer(form).read(place, UNSAID):
                if isinstance(item, Event):
                    events += 1
                    sound(item)
                else:
                    assert str(item).isprintable()
        except ImporterError as error:
            assert str(error).isprintable()
        finally:
            assert time.perf_counter() - began < BUDGET
            tried += 1

    while time.monotonic() < until:
        broken()
    print(f"{form}: {tried:,} files, {events:,} events")
    assert tried >= 50
    assert events


def sound(event: Event) -> None:
    """It can be stored, its id can be read, and its address leads to the web if anywhere."""
    assert decode(encode(event)).id == event.id
    assert event.id.isprintable()
    assert event.url is None or event.url.startswith(("http://", "https://"))


def beginning(path: Path) -> bytes:
    """As much of a file as is broken; whole lines of it."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return raw if len(raw) <= LARGEST else raw[:LARGEST].rpartition(b"\n")[0] or raw[:LARGEST]


def sample(form: str) -> bytes:
    """A file of the format with a short conversation; of an export, the file with what was said."""
    files = {"slack": samples.slack_files, "zulip": samples.zulip_files}
    if form in files:
        said = files[form](TALK)
        return json.dumps(
            next(v for k, v in said.items() if "message" in k or k.endswith("-15.json"))
        ).encode()
    write = getattr(samples, "write_" + {"twitter-archive": "tweets_js"}.get(form, form.replace("-", "_")))
    with TemporaryDirectory() as folder:
        path = write(Path(folder), TALK)
        if path.is_dir():
            path = max(path.rglob("*.js"), key=lambda p: p.stat().st_size)
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def as_json(raw: bytes) -> Any:
    """The value that a file is, if it is JSON; of lines of JSON the first."""
    for text in (raw, raw.partition(b"\n")[0]):
        try:
            return json.loads(text) or None
        except ValueError:
            continue
    return None
