"""Feeds of services that are read in other ways too: one thing has one id."""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter

import msgspec
import pytest

from rtanalytics.event import Event
from rtanalytics.sources import open_source, spec_from_table
from rtanalytics.sources.feeds import FeedSpec
from rtanalytics.sources.feeds.flavours import FLAVOURS
from rtanalytics.sources.feeds.parse import parse
from rtanalytics.sources.github.parse import parse as parse_github
from rtanalytics.streams.memory import MemoryStream

NOW = datetime(2026, 5, 15, 9, tzinfo=UTC)


def read(url: str, entry: str, atom: bool = True) -> Event:  # two kinds of feed
    spec = FeedSpec(name="f", url=url)
    body = (
        f"<feed xmlns='http://www.w3.org/2005/Atom'><title>t</title>{entry}</feed>"
        if atom
        else f"<rss version='2.0'><channel><title>t</title>{entry}</channel></rss>"
    )
    [event] = parse(body.encode(), spec.meta(NOW)).events
    assert event.bucket == open_source(spec).bucket
    return event


PUSH = "<entry><id>tag:github.com,2008:PushEvent/49</id><title>ada pushed</title><updated>2026-05-15T08:00:00Z</updated></entry>"


@pytest.mark.parametrize(
    ("url", "entry", "atom", "expected"),
    [
        ("https://github.com/ada.atom", PUSH, True, ("github::49", "commit")),
        ("https://github.com/ada.private.atom?token=x", PUSH, True, ("github::49", "commit")),
        ("https://github.com/ada.atom", PUSH.replace("PushEvent", "OddEvent"), True, ("github::49", "post")),
        ("https://www.youtube.com/feeds/videos.xml?channel_id=1", "<entry><id>yt:video:OCs1E0vP7Oc</id><title>x</title></entry>", True, ("youtube::OCs1E0vP7Oc", "post")),
        ("https://www.youtube.com/feeds/videos.xml?channel_id=1", "<entry xmlns:yt='http://www.youtube.com/xml/schemas/2015'><yt:videoId>OCs1E0vP7Oc</yt:videoId><title>x</title></entry>", True, ("youtube::OCs1E0vP7Oc", "video")),
        ("https://www.youtube.com/feeds/videos.xml?channel_id=1", "<entry><title>x</title><link href='https://www.youtube.com/shorts/OCs1E0vP7Oc'/></entry>", True, ("youtube::OCs1E0vP7Oc", "post")),
        ("https://gdata.youtube.com/feeds/api/users/x/uploads", "<entry><id>tag:youtube.com,2008:video:OCs1E0vP7Oc</id><title>x</title></entry>", True, ("youtube::OCs1E0vP7Oc", "post")),
        ("https://hnrss.org/newest?q=pycon", "<item><guid>https://news.ycombinator.com/item?id=7</guid><title>x</title></item>", False, ("hackernews::7", "post")),
        ("https://news.ycombinator.com/rss", "<item><title>x</title><link>https://x.example/a</link><comments>https://news.ycombinator.com/item?id=7</comments></item>", False, ("hackernews::7", "post")),
        ("https://www.reddit.com/r/python/.rss", "<entry><id>t3_abc1</id><title>x</title></entry>", True, ("reddit::t3_abc1", "post")),
        ("https://lobste.rs/t/python.rss", "<item><guid>https://lobste.rs/s/abc123</guid><title>x</title></item>", False, ("lobsters::abc123", "post")),
        ("https://api.flickr.com/services/feeds/photos_public.gne?tags=pycon", "<entry><id>tag:flickr.com,2005:/photo/123</id><title>x</title></entry>", True, ("flickr::123", "post")),
    ],
)  # fmt: skip
def test_an_item_is_called_what_its_service_calls_it(url, entry, atom, expected):
    """In the service's bucket, into which the source then writes."""
    event = read(url, entry, atom)
    assert (event.id, event.type) == expected


def test_what_a_service_has_no_number_for_is_known_by_its_feed():
    """A commit in a repository's feed: in the same bucket, without getting in the way of events."""
    entry = "<entry><id>tag:github.com,2008:Grit::Commit/d0a8</id><title>Fix</title></entry>"
    event = read("https://github.com/ada/notes/commits/main.atom", entry)
    assert event.id.startswith("github:github.com/ada/notes/commits/main.atom:")


def test_other_feeds_stay_as_they_were():
    """A blog may link to a video; hosts that only look alike are others."""
    for url in (
        "https://blog.example/feed",
        "https://github.com.example/ada.atom",
        "https://notgithub.com/a.atom",
    ):
        assert read(url, PUSH).bucket == "feeds"
    assert all(name == flavour.bucket for name, flavour in FLAVOURS.items())


def test_an_event_that_api_and_feed_tell_is_stored_once():
    """Whichever comes first: the other is a repetition, not an edit, though it says it in other words."""
    feed = read("https://github.com/ada.atom", PUSH)
    spec = spec_from_table({"type": "github", "name": "ada", "user": "ada"})
    raw = b'{"id": "49", "type": "PushEvent", "actor": {"login": "ada"}, "repo": {"name": "ada/n"}, "payload": {}}'
    [api] = parse_github(raw, spec.meta(NOW)).events
    assert api.id == feed.id
    assert api.rev != feed.rev
    for first, second in ((api, feed), (feed, api)):
        stream = MemoryStream(f"first-{first.source}")
        assert stream.append([msgspec.structs.replace(first, producer="first", seq=1)]).new == 1
        assert stream.append([msgspec.structs.replace(second, producer="second", seq=9)]).duplicate == 1


def test_a_story_that_links_to_another_is_not_taken_for_it():
    """Where an item has no id, the page where people talk about it says which it is."""
    page = "https://news.ycombinator.com/item?id="
    entry = f"<item><title>x</title><link>{page}5</link><comments>{page}7</comments></item>"
    assert read("https://news.ycombinator.com/rss", entry, atom=False).id == "hackernews::7"


@pytest.mark.parametrize("flavour", ["hackernews", "lobsters"])
@pytest.mark.parametrize("piece", [" ", "<hr>", "<hr ", "<p>Article URL: <a href='x'>x</a></p> ", "<p><a "])
def test_what_is_written_under_a_feeds_footer_costs_no_more_than_its_length(flavour, piece):
    """It is what anybody may write; hardly a moment passes over 100 kB of it."""
    html = "x" + piece * (100_000 // len(piece)) + "x"
    began = perf_counter()
    assert FLAVOURS[flavour].without_footer(html) == html
    assert perf_counter() - began < 1


COUNTS = (
    "<p>Comments URL: <a href='https://news.ycombinator.com/item?id=7'>https://news.ycombinator.com/item?id=7</a></p>"
    "<p>Points: {points}</p><p># Comments: 3</p>"
)


@pytest.mark.parametrize(
    ("url", "html", "text"),
    [
        ("https://hnrss.org/show", "<p>We made a thing<hr>" + COUNTS.format(points=5), "We made a thing"),
        ("https://hnrss.org/show", "<p>Article URL: <a href='https://x.example'>x</a></p>" + COUNTS.format(points=5), None),
        ("https://hnrss.org/show", "<p>Points: 5, out of ten</p>", "Points: 5, out of ten"),
        ("https://news.ycombinator.com/rss", "<a href='https://news.ycombinator.com/item?id=7'>Comments</a>", None),
        ("https://lobste.rs/rss", "<p>Why</p><p><a href='https://lobste.rs/s/abc123'>Comments</a></p>", "Why"),
        ("https://blog.example/rss", "<p><a href='https://blog.example/7'>Comments</a></p>", "Comments"),
    ],
)  # fmt: skip
def test_what_a_feed_adds_to_a_text_is_no_text(url, html, text):
    """Counts and links below a post are not part of its text, and would be a change at every poll."""
    entry = f"<item><guid>https://news.ycombinator.com/item?id=7</guid><title>x</title><description><![CDATA[{html}]]></description></item>"
    event = read(url, entry, atom=False)
    assert event.text == text
    assert not event.html or "Points: 7" not in event.html
    more = read(url, entry.replace("Points: 5<", "Points: 6<"), atom=False)
    assert more.rev == event.rev


def test_a_video_is_told_with_its_channel_and_a_text_that_is_none_of_html():
    """A description is plain text, its addresses are links, and the channel's id is who made it."""
    entry = (
        "<entry xmlns:yt='http://www.youtube.com/xml/schemas/2015' xmlns:media='http://search.yahoo.com/mrss/'>"
        "<id>yt:video:abc-123</id><yt:videoId>abc-123</yt:videoId><yt:channelId>UC7</yt:channelId><title>A &lt; B</title>"
        "<author><name>Ada</name><uri>https://www.youtube.com/channel/UC7</uri></author>"
        "<media:group><media:content url='https://www.youtube.com/v/abc-123' type='application/x-shockwave-flash'/>"
        "<media:description>List&lt;String&gt; &amp;amp; more\n\nhttps://x.example/slides.</media:description></media:group></entry>"
    )
    event = read("https://www.youtube.com/feeds/videos.xml?channel_id=UC7", entry)
    assert (event.title, event.text) == ("A < B", "List<String> &amp; more\n\nhttps://x.example/slides.")
    assert event.links == ["https://x.example/slides"]
    assert event.author is not None
    assert (event.author.id, event.author.url) == ("UC7", "https://www.youtube.com/channel/UC7")
    assert [m.kind for m in event.media] == ["video"]


@pytest.mark.data
@pytest.mark.parametrize(
    ("url", "file", "count", "first"),
    [
        ("https://hnrss.org/newest", "hackernews/rss-parser__tests__corpus__rss__hnrss__data.xml", 20, "hackernews::49014246"),
        ("https://www.youtube.com/feeds/videos.xml", "youtube/huginn__spec__data_fixtures__youtube.xml", 15, "youtube::OCs1E0vP7Oc"),
        ("https://www.youtube.com/feeds/videos.xml", "youtube/feedjira__spec__sample_feeds__youtube_atom.xml", 15, "youtube::5shykyfmb28"),
        ("https://github.com/cantino/huginn/commits/master.atom", "github/huginn__spec__data_fixtures__github_rss.atom", 20, None),
        ("https://github.com/python/cpython/releases.atom", "github/rss-parser__tests__corpus__atom__cpython_releases__data.xml", 10, None),
    ],
)  # fmt: skip
def test_recorded_feeds_of_services_are_read_whole(data_folder, url, file, count, first):
    """Every entry an event in the service's bucket, none a dead letter."""
    spec = FeedSpec(name="f", url=url)
    parsed = parse((data_folder / "payloads" / file).read_bytes(), spec.meta(NOW))
    assert (len(parsed.events), parsed.rejects) == (count, [])
    assert {e.bucket for e in parsed.events} == {open_source(spec).bucket}
    assert first is None or parsed.events[0].id == first
