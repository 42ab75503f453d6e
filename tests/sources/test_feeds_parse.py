"""What a feed says and what it becomes: identity, times, texts, and what cannot be read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtanalytics.event import decode, encode
from rtanalytics.sources.base import MAX_RAW, Malformed, Meta, Parsed
from rtanalytics.sources.feeds.items import event_id
from rtanalytics.sources.feeds.parse import parse
from tests.sources.server import item, rss

RECEIVED = datetime(2026, 5, 20, 12, tzinfo=UTC)


def meta(**fields) -> Meta:
    defaults = {
        "source": "feeds:blog",
        "scope": "blog.example",
        "connector": "feed@1",
        "received_at": RECEIVED,
        "url": "https://blog.example/feed.xml",
    }
    return Meta(**defaults | fields)


def read(raw: bytes | str, **fields) -> Parsed:
    return parse(raw.encode() if isinstance(raw, str) else raw, meta(**fields))


def only(raw: bytes | str, **fields):
    [event] = read(raw, **fields).events
    return event


def atom(*entries: str, head: str = "") -> str:
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Blog</title>{head}{"".join(entries)}</feed>'


def json_feed(*items, **fields) -> bytes:
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items, **fields}).encode()


RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://blog.example/"><title>Blog</title></channel>
<item rdf:about="https://blog.example/1"><title>One</title><link>https://blog.example/1</link>
<dc:date>2026-05-01T09:00:00+02:00</dc:date><dc:creator>Ada</dc:creator></item></rdf:RDF>"""

# --- the same post in four formats ----------------------------------------------------------------

FOUR = {
    "rss": rss(
        "<item><guid isPermaLink='false'>1</guid><title>One &amp;amp; only</title><link>/1</link>"
        "<description>&lt;p&gt;Hi &lt;b&gt;you&lt;/b&gt;&lt;/p&gt;</description><category>py</category>"
        "<author>ada@blog.example (Ada)</author><pubDate>Fri, 01 May 2026 09:00:00 +0200</pubDate></item>"
    ),
    "atom": atom(
        "<entry><id>1</id><title type='html'>One &amp;amp; only</title><link href='/1'/><category term='py'/>"
        "<content type='html'>&lt;p&gt;Hi &lt;b&gt;you&lt;/b&gt;&lt;/p&gt;</content>"
        "<author><name>Ada</name><email>ada@blog.example</email></author>"
        "<published>2026-05-01T09:00:00+02:00</published></entry>"
    ).encode(),
    "json": json_feed(
        {
            "id": "1",
            "title": "One & only",
            "url": "/1",
            "content_html": "<p>Hi <b>you</b></p>",
            "tags": ["py"],
            "authors": [{"name": "Ada"}],
            "date_published": "2026-05-01T09:00:00+02:00",
        }
    ),
}


@pytest.mark.parametrize("kind", FOUR)
def test_a_post_is_the_same_event_in_every_format(kind):
    """Id, revision, time, author, plain title, plain text, clean HTML, address and tags agree."""
    event = only(FOUR[kind])
    assert event.id == event_id("feeds", "blog.example", "1")
    assert event.created_at == datetime(2026, 5, 1, 7, tzinfo=UTC)
    assert (event.title, event.text, event.html) == ("One & only", "Hi you", "<p>Hi <b>you</b></p>")
    assert (event.author.handle, event.author.url, event.tags) == ("Ada", None, ["py"])
    assert (event.url, event.source, event.bucket) == ("https://blog.example/1", "feeds:blog", "feeds")
    assert event.rev == only(FOUR["rss"]).rev
    assert "ada@blog.example" not in encode(event).decode()


def test_rdf_is_read():
    """RSS 1.0: rdf:about is its name, dates and authors are Dublin Core's."""
    event = only(RDF)
    assert (event.title, event.author.handle, event.ingest.id_kind) == ("One", "Ada", "native")
    assert event.id == event_id("feeds", "blog.example", "https://blog.example/1")


# --- identity ---------------------------------------------------------------------------------------


def test_an_item_is_known_by_guid_then_link_then_title_and_date():
    """Each kind of name is stable over readings; what has none of them is a dead letter."""
    items = [
        "<item><guid>g</guid><link>https://x.example/1</link><title>t</title></item>",
        "<item><link>https://x.example/1</link><title>t</title></item>",
        "<item><title>t</title><pubDate>Fri, 01 May 2026 09:00:00 +0000</pubDate></item>",
        "<item><title>t</title><pubDate>Sat, 02 May 2026 09:00:00 +0000</pubDate></item>",
        "<item><description>words</description></item>",
        "<item><category>nothing</category></item>",
    ]
    parsed = read(rss(*items))
    assert [e.ingest.id_kind for e in parsed.events] == ["native", *["derived"] * 4]
    assert len({e.id for e in parsed.events}) == 5
    assert [e.id for e in read(rss(*reversed(items))).events] == [e.id for e in reversed(parsed.events)]
    [reject] = parsed.rejects
    assert (reject.where, "no id" in reject.reason, b"nothing" in reject.raw) == ("entry 6", True, True)


def test_ids_survive_a_move_to_tls_and_differ_between_feeds():
    """With TLS and without it is the same thing; two feeds that count from 1 do not meet."""
    plain, tls = (only(rss(item(f"{scheme}://x.example/1"))) for scheme in ("http", "https"))
    assert plain.id == tls.id
    assert only(rss(item("1"))).id != only(rss(item("1")), scope="other.example").id


def test_the_first_of_an_id_wins():
    """Word for word the same is counted; another text under one id is a dead letter, not lost in silence."""
    parsed = read(rss(item("1", "one"), item("1", "one"), item("1", "two"), item("2")))
    assert [e.title for e in parsed.events] == ["one", "2"]
    assert parsed.counts == {"entries": 4, "repeated": 1}
    assert [(r.where, b"two" in r.raw) for r in parsed.rejects] == [("entry 3", True)]


def test_a_revision_changes_with_what_a_reader_sees():
    """Title, text, address and media count; dates, tags and signatures in media's addresses do not."""
    media = "<enclosure url='https://x.example/a.mp3?sig={}' type='audio/mpeg' length='1'/>"
    base = only(rss(item("1", "one", more=media.format(1)))).rev
    assert only(rss(item("1", "one", day=2, more=media.format(2) + "<category>x</category>"))).rev == base
    assert only(rss(item("1", "two", more=media.format(1)))).rev != base
    assert only(rss(item("1", "one"))).rev != base


# --- times ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "created", "kind"),
    [
        ("Fri, 01 May 2026 09:00:00 EST", datetime(2026, 5, 1, 14, tzinfo=UTC), "source"),
        ("2026-05-01T09:00:00Z", datetime(2026, 5, 1, 9, tzinfo=UTC), "source"),
        ("Thu, 01 Jan 1970 00:00:00 GMT", RECEIVED, "observed"),
        ("yesterday", RECEIVED, "observed"),
        ("", RECEIVED, "observed"),
        ("Fri, 01 May 2028 09:00:00 +0000", RECEIVED, "future"),
        ("Wed, 20 May 2026 12:04:00 +0000", RECEIVED + timedelta(minutes=4), "source"),
        ("Fri, 01 May 99999 09:00:00 +0000", RECEIVED, "observed"),
    ],
)
def test_a_time_is_believed_if_it_can_be(date, created, kind):
    """A time before there were feeds, in the future, invalid or missing is replaced by the time of receipt."""
    event = only(rss(f"<item><guid>1</guid><pubDate>{date}</pubDate></item>"))
    assert (event.created_at, event.received_at, event.ingest.time_kind) == (created, RECEIVED, kind)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ("Mon, 05 Oct 2026 04:24:21 CEST", "2026-10-05T02:24:21"),
        ("Mon, 05 Oct 2026 04:24:21 GMT+2", "2026-10-05T02:24:21"),
        ("Mon, 5 Oct 2026 4:24 PM EST", "2026-10-05T21:24:00"),
        ("lun., 05 Oct 2026 04:24:21 +0200", "2026-10-05T02:24:21"),
        ("2026 Oct 05   04:24:21 PDT", "2026-10-05T11:24:21"),
        ("Oct 05, 2026", "2026-10-05T00:00:00"),
        ("Monday, October 5th, 2026 - 12:24 am", "2026-10-05T00:24:00"),
        ("05.10.2026 04:24", "2026-10-05T04:24:00"),
        ("1791174261", "2026-10-05T04:24:21"),
        ("1791174261000", "2026-10-05T04:24:21"),
        ("Mon, 05 Oct 2026 04:24:21 +0000 (UTC)", "2026-10-05T04:24:21"),
        ("2026-10-05T06:24:21+02:00", "2026-10-05T04:24:21"),
    ],
)
def test_dates_are_read_as_they_are_meant(payload, message):
    """Halves of the day, zones, weekdays of other languages, in RSS and in JSON Feed."""
    moment = datetime.fromisoformat(message).replace(tzinfo=UTC)
    event = only(
        rss(f"<item><guid>1</guid><title>x</title><pubDate>{payload}</pubDate></item>"), received_at=moment
    )
    assert (event.created_at, event.ingest.time_kind) == (moment, "source")
    event = only(json_feed({"id": "1", "content_text": "x", "date_published": payload}), received_at=moment)
    assert (event.created_at, event.ingest.time_kind) == (moment, "source")


@pytest.mark.parametrize(
    "payload", ["Mon, 35 Oct 2026 04:24:21 CEST", "Oct 05, 2026 99:99", "soon", "05.13.2026", "9" * 13, ""]
)
def test_a_date_that_cannot_be_is_none(payload):
    """The item gets the time of receipt."""
    assert (
        only(rss(f"<item><guid>1</guid><title>x</title><pubDate>{payload}</pubDate></item>")).created_at
        == RECEIVED
    )


def test_of_several_authors_the_first_is_told():
    """As they are named in Atom and by Dublin Core."""
    people = (
        "<author><name>Ada</name><uri>https://ada.example/</uri></author><author><name>Bob</name></author>"
    )
    event = only(atom(f"<entry><id>1</id><title>x</title>{people}</entry>"))
    assert event.author is not None
    assert (event.author.handle, event.author.url) == ("Ada", "https://ada.example/")
    names = "".join(
        f"<dc:creator xmlns:dc='http://purl.org/dc/elements/1.1/'>{n}</dc:creator>" for n in ("Ada", "Bob")
    )
    event = only(rss(f"<item><guid>1</guid><title>x</title>{names}</item>"))
    assert event.author is not None
    assert event.author.handle == "Ada"


def test_addresses_with_spaces_are_addresses():
    """As some write them; ids do not change for it."""
    item = "<item><link>https://x.example/a b</link><title>x</title><description>&lt;a href='https://x.example/c d'&gt;y&lt;/a&gt;</description></item>"
    event = only(rss(item))
    assert (event.url, event.links) == ("https://x.example/a%20b", ["https://x.example/c%20d"])
    assert event.id == event_id("feeds", "blog.example", "https://x.example/a b")


def test_addresses_are_relative_to_the_page_that_is_told():
    """Where it is the feed's own; elsewhere, as in a list of links, to the feed."""
    item = "<item><guid>1</guid><link>{}</link><description>&lt;a href='../b'&gt;y&lt;/a&gt;&lt;a href='#n'&gt;n&lt;/a&gt;</description></item>"
    event = only(rss(item.format("https://blog.example/posts/2026/a")))
    assert event.links == ["https://blog.example/posts/b", "https://blog.example/posts/2026/a#n"]
    event = only(rss(item.format("https://y.example/posts/a")))
    assert event.links[0] == "https://blog.example/b"


def test_a_json_feed_of_links_has_addresses():
    """``external_url`` where there is no page of its own."""
    assert only(json_feed({"id": "1", "external_url": "https://y.example/a"})).url == "https://y.example/a"
    event = only(json_feed({"id": "1", "content_text": "x", "date_published": 1791174261}))
    assert event.ingest is not None
    assert event.ingest.claimed_at == datetime(2026, 10, 5, 4, 24, 21, tzinfo=UTC)


def test_an_update_is_an_edit_at_its_time():
    """Later than published it is edited_at; alone it is the time; in the future it is now."""
    entry = "<entry><id>1</id><title>t</title><published>{}</published><updated>{}</updated></entry>"
    event = only(atom(entry.format("2026-05-01T09:00:00Z", "2026-05-02T09:00:00Z")))
    assert event.edited_at == datetime(2026, 5, 2, 9, tzinfo=UTC)
    alone = only(atom("<entry><id>1</id><title>t</title><updated>2026-05-02T09:00:00Z</updated></entry>"))
    assert (alone.created_at, alone.edited_at) == (datetime(2026, 5, 2, 9, tzinfo=UTC), None)
    assert only(atom(entry.format("2026-05-01T09:00:00Z", "2036-05-02T09:00:00Z"))).edited_at == RECEIVED


# --- texts ------------------------------------------------------------------------------------------


def test_a_title_is_plain_text_whatever_its_feed_thinks():
    """Markup goes where titles may be markup; where the format says they are text, they are kept as text."""
    hostile = "&lt;img src=x onerror=alert(1)&gt; Hi &amp;lt;b&amp;gt;"
    assert only(rss(f"<item><guid>1</guid><title>{hostile}</title></item>")).title == "Hi <b>"
    assert only(atom(f"<entry><id>1</id><title type='html'>{hostile}</title></entry>")).title == "Hi <b>"
    title = "The <table> element & you"
    escaped = "The &lt;table&gt; element &amp; you"
    assert only(atom(f"<entry><id>1</id><title>{escaped}</title></entry>")).title == title
    assert only(json_feed({"id": "1", "title": title})).title == title


def test_hostile_content_is_harmless_in_html_and_absent_from_text():
    """Scripts, handlers, pictures and script addresses; the entry's own address included."""
    event = only(
        json_feed(
            {
                "id": "1",
                "url": "javascript:alert(1)",
                "content_html": "<p onclick=a()>Hi<script>alert(1)</script><img src=https://t.example/p.gif></p>",
            }
        )
    )
    assert (event.html, event.text, event.url) == ("<p>Hi</p>", "Hi", None)


def test_relative_addresses_are_resolved_against_the_feed_and_its_bases():
    """``xml:base`` is respected, and links are found."""
    content = "<content type='html'>&lt;a href='2'&gt;x&lt;/a&gt;</content>"
    entry = f"<entry xml:base='/posts/'><id>1</id><link href='1'/>{content}</entry>"
    event = only(atom(entry))
    assert event.url == "https://blog.example/posts/1"
    assert event.links == ["https://blog.example/posts/2"]


def test_addresses_in_plain_text_are_links():
    """Also where a text has no markup that says so."""
    event = only(json_feed({"id": "1", "content_text": "Slides: https://x.example/a, more soon"}))
    assert event.links == ["https://x.example/a"]
    event = only(rss("<item><guid>1</guid><description>see http://y.example/b.</description></item>"))
    assert event.links == ["http://y.example/b"]


def test_media_are_told_and_not_fetched():
    """Enclosures, media:content and thumbnails, each address once, web addresses only."""
    mrss = "xmlns:m='http://search.yahoo.com/mrss/'"
    more = (
        "<enclosure url='https://x.example/a.mp3' type='audio/mpeg' length='1'/>"
        "<enclosure url='file:///etc/passwd' type='image/png' length='1'/>"
        f"<m:content {mrss} url='https://x.example/v' medium='video' width='640'/>"
        f"<m:thumbnail {mrss} url='https://x.example/t.jpg' height='9x'/>"
    )
    media = only(rss(item("1", more=more))).media
    assert [(m.url[-5:], m.kind, m.width, m.height) for m in media] == [
        ("a.mp3", "audio", None, None),
        ("ple/v", "video", 640, None),
        ("t.jpg", "image", None, None),
    ]


@pytest.mark.parametrize(
    "written",
    [
        "<description><![CDATA[{}]]></description>",
        "<description><![CDATA[</item> {}]]></description>",
        "<content:encoded xmlns:content='http://purl.org/rss/1.0/modules/content/'>{}</content:encoded>",
        "<!-- {} -->",
    ],
)
def test_who_writes_an_entry_deletes_no_other(written):
    """In a feed of many writers each has their own entries only."""
    gone = "<at:deleted-entry xmlns:at='http://purl.org/atompub/tombstones/1.0' ref='tag:x,1' />"
    entries = "<item><guid>tag:x,1</guid><title>Mine</title></item>" + (
        "<item><guid>tag:x,2</guid><title>Yours</title>" + written.format(gone) + "</item>"
    )
    assert {(e.title, e.op) for e in read(rss(entries)).events} == {("Mine", "create"), ("Yours", "create")}


def test_what_a_feed_says_to_be_deleted_is_deleted():
    """A deletion has the id of the entry and the given time; impossible times are ignored."""
    entry = "<entry><id>tag:x,1</id><title>One</title></entry>"
    gone = (
        "<at:deleted-entry xmlns:at='http://purl.org/atompub/tombstones/1.0' ref='tag:x,1' when='2026-05-19T10:00:00+02:00'>"
        "<at:by><name>Ada</name></at:by></at:deleted-entry><at:deleted-entry ref=''/>"
    )
    known = only(atom(entry))
    for document in (atom(gone), atom(entry, gone), atom(gone, gone)):
        event = only(document)
        assert (event.id, event.op, event.title, event.text) == (known.id, "delete", None, None)
        assert event.edited_at == datetime(2026, 5, 19, 8, tzinfo=UTC)
    assert only(atom(gone.replace("2026-05-19", "2036-05-19"))).edited_at == RECEIVED
    assert [e.op for e in read(json_feed({"id": "1", "content_text": "<deleted-entry ref='1'>"})).events] == [
        "create"
    ]


def test_an_answer_points_to_what_it_answers():
    """Atom threading: the id is the one that the answered entry has in this feed."""
    entry = (
        "<entry><id>2</id><t:in-reply-to xmlns:t='http://purl.org/syndication/thread/1.0' ref='1'/></entry>"
        "<entry><id>1</id></entry>"
    )
    reply, first = read(atom(entry)).events
    assert (reply.type, reply.reply_to, reply.thread) == ("reply", first.id, first.id)


@pytest.mark.parametrize(
    ("author", "handle", "name"),
    [
        ("ada@blog.example (Ada L.)", "Ada L.", "Ada L."),
        ("ada@blog.example", "ada", None),
        ('nobody@flickr.com ("ada l")', "ada l", "ada l"),
        ("@ada", "ada", "ada"),
        ("", None, None),
    ],
)
def test_authors_have_names_and_no_mail_addresses(author, handle, name):
    """Of an address that is all there is, the part before the @ stays."""
    found = only(rss(f"<item><guid>1</guid><author>{author}</author></item>")).author
    assert (found and found.handle, found and found.name) == (handle, name)


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        ("<?xml version='1.0' encoding='iso-8859-1'?>", "application/rss+xml"),
        ("", "application/rss+xml; charset=iso-8859-1"),
        ("<?xml version='1.0' encoding='utf-8'?>", "text/xml; charset=utf-8"),
        ("<?xml version='1.0' encoding='iso-8859-1'?>", "text/plain; charset=nonsense"),
    ],
)
def test_an_encoding_is_found_though_header_or_document_lie(raw, content_type):
    """By header, by declaration, or by trying: ü is ü."""
    body = raw.encode() + rss(item("1", "Zürich §")).decode().encode("iso-8859-1")
    assert only(body, content_type=content_type).title == "Zürich §"


def test_halves_of_characters_do_not_cost_the_feed():
    """Emoji written as two references, and references to nothing, as careless programs do."""
    parsed = read(rss(item("1", "a &#xD83D;&#xDC0D; b &#xD800; c &#0; d"), item("2", "fine")))
    assert [e.title for e in parsed.events] == ["a 🐍 b \ufffd c \ufffd d", "fine"]


def test_byte_order_marks_and_utf_16_are_read():
    """As some servers write them."""
    text = "<?xml version='1.0' encoding='{}'?>" + rss(item("1", "Zürich 🐍")).decode()
    assert only(text.format("utf-16").encode("utf-16")).title == "Zürich 🐍"
    assert only(b"\xef\xbb\xbf" + text.format("utf-8").encode()).title == "Zürich 🐍"
    assert only(b"\xef\xbb\xbf" + json_feed({"id": 7, "title": "ü"})).title == "ü"


# --- documents that cannot be read -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<!doctype html><html><body>Sign in to the hotel's network</body></html>", "web page"),
        (b'{"a": 1}', "not a JSON Feed"),
        (b'{"version": "https://jsonfeed.org/version/1", "items": 3}', "not a JSON Feed"),
        (b'{"version": ', "broken JSON"),
        (b'{"a":' + b"[" * 100_000, "broken JSON"),
        (b"\x00\x01\x02", "not a feed"),
        (b"<?xml version='1.0'?><svg/>", "begins with <svg>"),
        (b"<p>One entry&hellip;</p><p>of a feed</p>", "begins with <p>"),
        (b"<rss version='2.0'", r"broken XML \(line \d+, column \d+\): unclosed token"),
    ],
)
def test_what_is_no_feed_is_said_to_be_none(raw, message):
    """A captive portal's page is not an empty feed."""
    with pytest.raises(Malformed, match=message):
        read(raw)


def test_a_document_that_breaks_off_is_read_but_not_believed():
    """Its entries count; that this was the whole of its version does not."""
    whole = rss(item("1"), item("2"))
    assert read(whole).complete
    cut = read(whole[: whole.index(b"<guid>2") + 9])
    assert cut.events[0].title == "1"
    assert not cut.complete
    assert read(whole.replace(b"<title>1", b"<title>&nope; 1")).complete


def test_an_empty_feed_is_a_feed():
    """A feed without entries is valid."""
    assert read(rss()) == Parsed(title="Blog", counts={"entries": 0, "repeated": 0})


def test_an_entry_that_no_stream_takes_is_a_dead_letter():
    """Its HTML goes first; text beyond 900 kB is cut out, the others stay."""
    parsed = read(
        json_feed(
            {"id": "1", "content_html": "<p>" + "<b>x</b> " * 90_000},
            {"id": "2", "content_text": "y" * 1_000_000},
            {"id": "3", "title": "fine"},
        )
    )
    first, last = parsed.events
    assert (first.html, len(first.text)) == (None, 179_999)
    assert last.title == "fine"
    [reject] = parsed.rejects
    assert "900,000" in reject.reason
    assert len(reject.raw) == MAX_RAW


def test_entities_are_neither_fetched_nor_multiplied(tmp_path):
    """External entities stay unread, a billion laughs stay few."""
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2")
    outside = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]>'
    assert "hunter2" not in str(read(outside.encode() + rss(item("1", "&e;"))))
    laughs = "".join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(9))
    bomb = f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>'.encode() + rss(item("1", "&l9;"))
    assert len(str(read(bomb))) < 10_000


def test_what_a_feed_asks_for_is_told():
    """Minutes in ttl, periods in the syndication module: the longer one."""
    sy = "xmlns:sy='http://purl.org/rss/1.0/modules/syndication/'"
    period = f"<sy:updatePeriod {sy}>hourly</sy:updatePeriod>"
    assert read(rss(head="<ttl>30</ttl>")).wait == timedelta(minutes=30)
    assert read(rss(head="<ttl>30</ttl>" + period)).wait == timedelta(hours=1)
    assert read(rss(head="<ttl>soon</ttl>")).wait is None


# --- whatever comes --------------------------------------------------------------------------------

OPENED = "item entry guid id title link description content pubDate author".split()
CLOSED = "item entry guid id title link description channel author".split()
ODD = """<link href='/x'/>|<enclosure url='x' type='y'/>|<category term=''/>|<ttl a='1'>|<thr:in-reply-to ref='1'/>
|<content type='application/octet-stream'>/w==</content>|<![CDATA[|]]>|<!--|-->|&#0;|&#xD800;|&amp;|&x;
|<media:content url='https://x.example/a' width='x'/>|xml:base='http://['|2026-05-01|\ud7ff|<?xml version='1.0'?>|\x00"""
WORDS = st.sampled_from([f"<{tag}>" for tag in OPENED] + [f"</{tag}>" for tag in CLOSED] + ODD.split("|"))


def sound(parsed: Parsed) -> bool:
    """Every event can be stored and read again as it is; every reject is small and says why."""
    return all(decode(encode(e)) == e and e.bucket == "feeds" for e in parsed.events) and all(
        r.reason and len(r.raw) <= MAX_RAW for r in parsed.rejects
    )


def sound_or_refused(raw: bytes) -> bool:
    try:
        return sound(read(raw))
    except Malformed:
        return True


FUZZ = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FUZZ
@given(
    st.sampled_from(["<rss version='2.0'><channel>", "<feed xmlns='http://www.w3.org/2005/Atom'>", ""]),
    st.lists(WORDS, max_size=25),
)
def test_any_markup_is_read_or_refused(head, words):
    """Feed elements in any order, unclosed and crossed: events that can be stored, or Malformed."""
    assert sound_or_refused((head + "".join(words)).encode("utf-8", "replace"))


@FUZZ
@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 50))
def test_any_damage_to_a_document_is_read_or_refused(noise, at, cut):
    """Bytes put in and cut out of a sound document."""
    for raw in FOUR.values():
        assert sound_or_refused(raw[:at] + noise + raw[at + cut :])


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.just("2026-05-01T00:00:00Z"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "url", "id"]), inner, max_size=3)
    ),
    max_leaves=6,
)
ENTRIES = st.dictionaries(
    st.sampled_from(
        "id url title content_html content_text date_published date_modified author authors tags attachments".split()
    ),
    VALUES,
    max_size=6,
)


@FUZZ
@given(st.lists(ENTRIES | VALUES, max_size=4), VALUES)
def test_any_json_feed_is_read_or_refused(items, author):
    """Every field with a value of any type."""
    raw = json.dumps({"version": "https://jsonfeed.org/version/1", "items": items, "author": author})
    assert sound_or_refused(raw.encode("utf-8", "replace"))


def test_what_an_entry_has_is_what_it_is_known_by():
    """An enclosure alone names it; an address that cannot be one costs the address; a number is no page."""
    enclosure = "<link rel='enclosure' href='https://cast.example/1.mp3' type='audio/mpeg'/>"
    episode = only(atom(f"<entry>{enclosure}</entry>"))
    assert (episode.ingest.id_kind, episode.media[0].url) == ("derived", "https://cast.example/1.mp3")
    assert episode.url is None
    broken = only(rss("<item><guid isPermaLink='true'>http://blog.exa[mple/</guid><title>Hi</title></item>"))
    assert (broken.title, broken.url, broken.ingest.id_kind) == ("Hi", None, "native")
    counted = only(atom("<entry><id>7</id><title>Seven</title></entry>"))
    assert (counted.title, counted.url) == ("Seven", None)
    text = "<link rel='alternate'>https://blog.example/7</link><link rel='enclosure'>https://cast.example/7</link>"
    assert only(atom(f"<entry><id>7</id>{text}</entry>")).url == "https://blog.example/7"


def test_the_picture_of_who_wrote_it_is_none_of_the_post():
    """GitHub and WordPress tell it where the pictures of the post are."""
    payload = "".join(
        f'<media:content url="https://{host}/1.png" medium="image"/>'
        for host in ("avatars3.githubusercontent.com", "0.gravatar.com", "x.example")
    )
    space = 'xmlns:media="http://search.yahoo.com/mrss/"'
    rss = f'<rss version="2.0" {space}><channel><item><guid>1</guid>{payload}</item></channel></rss>'
    [event] = read(rss).events
    assert [media.url for media in event.media] == ["https://x.example/1.png"]


# --- what feeds of other programs have ----------------------------------------------------------------


def status_page(*numbers: int, link: str = "https://blog.example/", **more: str) -> bytes:
    """A feed whose items have no guid, and all the same link."""
    items = (
        f"<item><title>Incident {n}</title><link>{link}</link>"
        f"<pubDate>Fri, {n:02} May 2026 09:00:00 GMT</pubDate><description>{more.get(f'd{n}', n)}</description></item>"
        for n in numbers
    )
    return rss(f"<link>https://blog.example</link>{''.join(items)}")


@pytest.mark.parametrize(
    "link", ["https://blog.example/", "http://blog.example", "https://blog.example/status"]
)
def test_items_without_guid_that_share_a_link_are_several(link):
    """The same over polls, and none is an edit of another; a changed text is an edit."""
    first = read(status_page(3, 2, 1, link=link))
    later = read(status_page(4, 3, 2, link=link, d2="changed"))
    assert (len(first.events), first.rejects) == (3, [])
    ids = [{event.title: event.id for event in parsed.events} for parsed in (first, later)]
    assert len({*ids[0].values(), *ids[1].values()}) == 4
    assert all(ids[1][title] == id for title, id in ids[0].items() if title in ids[1])
    if "status" not in link:  # the feed's own page identifies no item, not even a single one
        assert only(status_page(2, link=link)).id == ids[0]["Incident 2"]


def test_an_item_of_one_link_is_known_by_it_as_before():
    """Also beside items with a guid and the same link."""
    alone = "<item><title>{}</title><link>https://blog.example/1</link></item>"
    one, other = only(rss(alone.format("a"))), only(rss(alone.format("b")))
    assert one.id == other.id


@pytest.mark.parametrize(
    ("text", "handle"),
    [
        ("ada@localhost (Ada)", "Ada"), ("Ada &lt;ada@intranet&gt;", "Ada"), ("root@intranet", "root"),
        ("Ada (mailto:ada@x.example)", "Ada"), ("Ada (mailto:)", "Ada"), ("mailto:ada@x.example", "ada"),
        ("M@tt", "M@tt"), ("DJ@Night Owl", "DJ@Night Owl"), ("Ada (she)", "Ada (she)"),
    ],
)  # fmt: skip
def test_addresses_of_people_are_not_in_their_names(text, handle):
    """At hosts without a dot, too, and with what stands before an address."""
    event = only(rss(f"<item><guid>1</guid><title>x</title><author>{text}</author></item>"))
    assert event.handle == handle


def test_all_authors_are_named():
    """The first is the author, and the name lists all; an address is not among them."""
    people = "<author><name>Ada</name></author><author><name>Bob</name></author><author><email>cyd@host</email></author>"
    event = only(atom(f"<entry><id>1</id><title>t</title>{people}</entry>"))
    assert (event.author.handle, event.author.name) == ("Ada", "Ada, Bob, cyd")
    creators = "".join(
        f"<dc:creator>{name}</dc:creator>" for name in ("Ada", "Bob (mailto:bob@x.example)", "Ada")
    )
    dc = creators.replace("<dc:creator", '<dc:creator xmlns:dc="http://purl.org/dc/elements/1.1/"')
    event = only(rss(f"<item><guid>1</guid><title>x</title>{dc}</item>"))
    assert event.author.name == "Ada, Bob"
    event = only(json_feed({"id": "1", "content_text": "x", "authors": [{"name": "Ada"}, {"name": "Bob"}]}))
    assert (event.author.handle, event.author.name) == ("Ada", "Ada, Bob")


@pytest.mark.parametrize(
    "link",
    [
        '<link url="https://blog.example/1"/>', '<link src="https://blog.example/1"/>',
        '<link rdf:resource="https://blog.example/1" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>',
        '<link href="https://blog.example/1"/>', '<link value=" https://blog.example/1 "/>',
    ],
)  # fmt: skip
def test_the_address_of_a_link_may_stand_in_any_attribute(link):
    """Programs write it where they like."""
    assert only(rss(f"<item><guid isPermaLink='false'>1</guid><title>x</title>{link}</item>")).url == (
        "https://blog.example/1"
    )


def test_the_page_of_an_item_of_feedburner_is_the_original_one():
    """Its id stays what it was."""
    origin = (
        '<f:origLink xmlns:f="http://rssnamespace.org/feedburner/ext/1.0">https://blog.example/1</f:origLink>'
    )
    item = "<item><title>x</title><link>https://feeds.example/~r/1</link>{}</item>"
    with_origin, without = only(rss(item.format(origin))), only(rss(item.format("")))
    assert (with_origin.url, with_origin.id) == ("https://blog.example/1", without.id)


@pytest.mark.parametrize("version", ["1", "1.1", 1, 1.1, "https://jsonfeed.org/version/1"])
def test_a_json_feed_may_have_a_bare_version(version):
    """Some programs write only the number."""
    raw = json.dumps({"version": version, "title": "x", "items": [{"id": "1", "content_text": "hello"}]})
    assert only(raw.encode()).text == "hello"


@pytest.mark.parametrize("around", ["source", "x:related", "x:a><x:b"])
def test_entries_inside_an_entry_are_not_the_feeds_own(around):
    """Those of its source or of an extension; what follows them belongs to the entry again."""
    end = "></".join(reversed(around.split("><")))
    inner = f"<{around}><entry><id>2</id><title>inner</title></entry><entry><id>3</id></entry></{end}>"
    entry = f"<entry xmlns:x='urn:x'><id>1</id><title>own</title>{inner}<summary>s</summary></entry>"
    parsed = read(atom(f"{entry}<entry><id>4</id><title>next</title></entry>"))
    assert [(event.title, event.text) for event in parsed.events] == [("own", "s"), ("next", None)]


@pytest.mark.parametrize(
    "text", ["Vec<u8> and <K, V>", "The <video> element", "#include <map>", "<style> guides"]
)
def test_code_in_angle_brackets_is_text_in_rss(text):
    """In titles and in descriptions, and nothing after it is dropped."""
    escaped = text.replace("<", "&lt;").replace(">", "&gt;")
    event = only(
        rss(f"<item><guid>1</guid><title>{escaped}</title><description>{escaped}</description></item>")
    )
    assert (event.title, event.text) == (text, text)


@pytest.mark.parametrize(
    "date", ["2026-02-30", "2026-29-06 15:07:41", "June 2026", "Fri, 15 May", "05/06/2026"]
)
def test_a_date_that_is_not_whole_or_not_clear_is_that_of_reception(date):
    """Marked as observed."""
    event = only(rss(f"<item><guid>1</guid><title>x</title><pubDate>{date}</pubDate></item>"))
    assert (event.created_at, event.ingest.time_kind) == (RECEIVED, "observed")
