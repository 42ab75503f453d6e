"""Feeds that others recorded, served by a real server: all of them are events or readable dead letters."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from rtanalytics.event import decode, encode
from rtanalytics.normalize.text import html_title
from rtanalytics.sources.base import Malformed, Parsed
from rtanalytics.sources.clean import clean_html
from tests.sources.server import FeedServer
from tests.sources.test_clean import dangers
from tests.sources.test_feeds import Reader
from tests.sources.test_feeds_parse import item, read, rss

pytestmark = pytest.mark.data

NO_FEEDS = {
    "HREFConsideredHarmfulFirstEntry.xml",
    "PaulDixExplainsNothingFirstEntryContent.xml",
    "TechCrunchFirstEntryDescription.xml",
}
"""Fragments of HTML that lie among the feeds."""


@pytest.fixture(scope="module")
def feeds(data_folder: Path) -> dict[str, bytes]:
    """All recorded feeds, those of other kinds of sources too, by the end of their name."""
    payloads = data_folder / "payloads"
    files = [
        f for folder in ("feeds", "hackernews", "youtube") for f in sorted((payloads / folder).iterdir())
    ]
    files += sorted((payloads / "github").glob("*.atom")) + sorted((payloads / "github").glob("*__data.xml"))
    assert len(files) > 45
    return {
        f.name.rpartition("__")[2] if "__data.xml" not in f.name else f.name: f.read_bytes() for f in files
    }


def test_every_feed_is_events_or_a_readable_dead_letter_over_two_polls_and_a_changed_etag(feeds):
    """No document stops the source; one that is not a feed is reported once; ids are stable, no item comes twice."""

    async def run() -> dict[str, tuple[int, list[str]]]:
        results = {}
        async with FeedServer() as server:
            for number, (name, raw) in enumerate(feeds.items()):
                path, kind = f"/{number}", "application/feed+json" if name.endswith(".json") else "text/xml"
                reader = Reader(server.spec(path, key=f"feed{number}"))
                rejects = []
                for body, etag in ((raw, '"1"'), (raw, '"1"'), (raw, '"2"'), (raw + b"\n", '"3"')):
                    server.serve(path, body, etag=etag, Content_Type=kind)
                    rejects += (await reader.poll()).rejects
                ids = [e.id for e in reader.got]
                assert len(ids) == len(set(ids)), name
                assert all(decode(encode(e)) == e for e in reader.got)
                results[name] = (len(ids), [r.reason for r in rejects])
                await reader.source.close()
        return results

    results = asyncio.run(run())
    assert {name for name, (events, _) in results.items() if not events} == NO_FEEDS
    for name, (events, reasons) in results.items():
        assert all(reason.isprintable() for reason in reasons)
        assert len(reasons) == (1 if name in NO_FEEDS or name.startswith("no_encoding") else 0), (
            name,
            reasons,
        )
        assert events or reasons
    assert sum(events for events, _ in results.values()) == 734


def late(raw: bytes) -> Parsed:
    """Received after everything that is recorded."""
    return read(raw, received_at=datetime(2026, 11, 1, tzinfo=UTC))


def test_each_format_is_read_as_a_person_reads_it(feeds):
    """Title, author, time, address and text of entries that were looked up by eye."""
    heise = late(feeds["rss-parser__tests__corpus__rss__heise__data.xml"]).events[0]
    assert heise.title == "O2 Telefónica streicht ein Sechstel aller Arbeitsplätze"
    assert heise.text.startswith("O2 schließt 60 Läden")
    assert (heise.lang, f"{heise.created_at:%F %T}") == ("de", "2026-07-22 20:42:00")
    golem = read(feeds["encoding_ISO-8859-1.xml"]).events[0]
    assert golem.text.startswith("Viele Spieler wünschen sich eine PC-Version")
    rdf = read(feeds["rdf_UTF8.xml"]).events[0]
    assert (rdf.title, rdf.ingest.time_kind) == ("OLED-TVs: Vorsichtsmaßnahmen gegen Einbrennen", "observed")
    hn = late(feeds["rss-parser__tests__corpus__rss__hnrss__data.xml"]).events[0]
    assert (hn.author.handle, hn.url) == ("zloy88", "https://valuepair.app")
    video = read(feeds["youtube_atom.xml"]).events[0]
    assert (video.type, video.author.handle, video.title) == (
        "video",
        "Google",
        "The Google app: Questions Title",
    )
    release = late(feeds["rss-parser__tests__corpus__atom__cpython_releases__data.xml"]).events[0]
    assert (release.title, release.author.handle, release.text) == ("v3.15.0b4", "hugovk", "Python 3.15.0b4")
    micro = read(feeds["microposts.xml"]).events[0]
    assert (micro.title, micro.url) == (None, "https://front-end.social/@chriscoyier/109514150488399327")
    record = read(feeds["feed.json"]).events[0]
    assert record.title == "Special #2 - Brent Simmons"
    assert [(m.kind, m.mime) for m in record.media] == [("audio", "audio/x-m4a")]


def test_nothing_dangerous_comes_out_of_known_attacks(data_folder):
    """The HTML5 security cheat sheet and the naughty strings, as content and as titles."""
    vectors = (data_folder / "suites" / "h5sc" / "vectors.txt").read_text(encoding="utf-8").split("\n\n")
    vectors += msgspec.json.decode((data_folder / "suites" / "blns" / "blns.json").read_bytes())
    assert len(vectors) > 550
    assert sum("<script" in v or "javascript:" in v or "onerror" in v for v in vectors) > 100
    for vector in vectors:
        assert dangers(clean_html(vector, "https://blog.example/")) == [], vector
        escaped = vector.replace("&", "&amp;").replace("<", "&lt;").encode("utf-8", "replace")
        raw = rss(item("1", "TITLE", more="<description>TEXT</description>"))
        for event in read(raw.replace(b"TITLE", escaped).replace(b"TEXT", escaped)).events:
            assert dangers(event.html or "") == [], vector
            assert event.title is None or "\n" not in event.title
        assert "\n" not in html_title(vector)


@pytest.mark.slow
def test_the_corpus_of_feedparser_is_read(data_folder):
    """Small feeds with every oddity seen since 2002: events or a reason, and nothing raised but Malformed."""
    files = sorted((data_folder / "suites" / "feedparser" / "tests").rglob("*.xml"))
    files += sorted((data_folder / "suites" / "feedparser" / "tests").rglob("*.json"))
    assert len(files) > 1_700
    events = rejects = refused = 0
    for file in files:
        try:
            parsed = read(file.read_bytes())
        except Malformed:
            refused += 1
            continue
        assert isinstance(parsed, Parsed)
        events += len(parsed.events)
        rejects += len(parsed.rejects)
        assert all(decode(encode(e)) == e for e in parsed.events), file
    # Most of them are about one element: an entry with nothing but an author has no name to go by.
    assert events > 550
    assert events + rejects > 1_200
    assert refused < 20
