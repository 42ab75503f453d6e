"""A [[source]] table becomes a spec, or an error that says which key and what to write instead."""

from __future__ import annotations

import pickle
import tomllib
from datetime import timedelta
from importlib import import_module

import pytest

from rtanalytics.conference import ConferenceError, read_conference
from rtanalytics.sources import KINDS, SourceTableError, open_source, read_specs, spec_from_table
from rtanalytics.sources.base import SharesHostLimit, Source, SourceSpec, redact
from rtanalytics.sources.polled import PolledSpec

GOOD = {"type": "feed", "name": "blog", "url": "https://blog.example/feed.xml"}


def test_a_conference_file_gives_specs(tmp_path):
    """The tables of a real file, with durations as people write them; the spec crosses to a process."""
    file = tmp_path / "conference.toml"
    file.write_text(
        'name = "pycon"\n[[source]]\ntype = "feed"\nname = "blog"\nurl = "https://blog.example/feed.xml"\n'
        'every = "90s"\n[[source]]\ntype = "feed"\nname = "news"\nurl = "https://news.example/atom"\n'
    )
    blog, news = read_specs(read_conference(file).source)
    assert (blog.name, blog.every, news.every) == ("blog", timedelta(seconds=90), None)
    assert pickle.loads(pickle.dumps(blog)) == blog


@pytest.mark.parametrize(
    ("change", "key", "message"),
    [
        ({"type": None}, "type", "feed"),
        ({"type": "fed"}, "type", "'fed' is not known"),
        ({"type": "RSS"}, "type", "did you mean 'feed'?"),
        ({"type": "twitter"}, "type", "did you mean 'x'?"),
        ({"type": "Stack Overflow"}, "type", "did you mean 'stackexchange'?"),
        (
            {"type": "irc", "url": None, "channels": "#x", "host": "h", "nick": "n"},
            "channels",
            "write channels = ['#x']",
        ),
        ({"name": None}, "name", "'name' is missing"),
        ({"name": "my blog"}, "name", "letters, digits"),
        ({"name": 3}, "name", 'write name = "3"'),
        ({"url": None}, "url", "'url' is missing"),
        ({"url": "blog.example/feed"}, "url", "https://host/path"),
        ({"url": "file:///etc/passwd"}, "url", "https://host/path"),
        ({"url": "https://"}, "url", "https://host/path"),
        ({"evry": "5min"}, "evry", "did you mean 'every'"),
        ({"colour": "red"}, "colour", "known are"),
        ({"every": "5 parsecs"}, "every", "5min, 1h"),
        ({"every": 300}, "every", "5min, 1h"),
        ({"every": "0s"}, "every", "5min, 1h"),
        ({"max_bytes": 5}, "max_bytes", "10_000_000"),
        ({"max_bytes": 2_000_000_000}, "max_bytes", "20_000_000 at most"),
        ({"allow_private": "yes"}, "allow_private", "without quotes; write allow_private = true"),
        ({"key": "a b"}, "key", "no white space"),
    ],
)
def test_a_mistake_is_named_with_its_key_and_the_remedy(change, key, message):
    """Which table, which key, what to write: all of it is in the message."""
    table = {k: v for k, v in {**GOOD, **change}.items() if v is not None}
    with pytest.raises(SourceTableError) as caught:
        spec_from_table(table, 3)
    assert isinstance(caught.value, ConferenceError)
    assert (caught.value.number, caught.value.key) == (3, key)
    assert "[[source]] 3" in str(caught.value)
    assert message in str(caught.value)


def test_two_sources_share_neither_name_nor_ids():
    """A name twice, or one feed under two names (with and without TLS), is refused; a key of its own helps."""
    with pytest.raises(SourceTableError, match="taken by"):
        read_specs([GOOD, {**GOOD, "url": "https://other.example/"}])
    again = {**GOOD, "name": "again", "url": "http://blog.example:80/feed.xml"}
    with pytest.raises(SourceTableError, match="reads the same"):
        read_specs([GOOD, again])
    assert len(read_specs([GOOD, {**again, "key": "other"}])) == 2


def test_ids_do_not_depend_on_scheme_port_password_or_token():
    """The scope is the address that stays when a site moves to TLS or a token is renewed."""
    urls = [
        "https://blog.example/feed?page=1",
        "http://blog.example/feed?page=1",
        "https://me:pw@Blog.example:443/feed?page=1#top",
    ]
    assert {spec_from_table({**GOOD, "url": url}).scope for url in urls} == {"blog.example/feed?page=1"}
    secret = [f"https://blog.example/private.atom?token={t}" for t in ("abc", "def")]
    assert len({spec_from_table({**GOOD, "url": url}).scope for url in secret}) == 1


def test_secrets_do_not_show():
    """Neither redacted addresses nor the spec's own text have passwords or tokens in them."""
    url = "https://me:hunter2@x.example/a.atom?token=s3cr3t&feed=0123456789abcdef0123456789abcdef&tag=py"
    spec = spec_from_table({**GOOD, "url": url})
    for text in (redact(url), repr(spec), spec.scope):
        assert not any(secret in text for secret in ("hunter2", "s3cr3t", "0123456789abcdef"))
    assert redact(url).endswith("tag=py")


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_table_alone_says_whose_budget_its_source_takes_from(name, monkeypatch):
    """What ``[limits]`` is compared with is what the opened source asks."""
    module = import_module(KINDS[name])
    monkeypatch.setenv("IRC_PASSWORD", "x")
    [spec] = read_specs(tomllib.loads(module.EXAMPLE)["source"])
    source = open_source(spec)
    payload = spec.rate_limit if isinstance(spec, PolledSpec) else None
    assert (source.host if isinstance(source, SharesHostLimit) else None) in (payload, None)
    assert (payload is None) == (not isinstance(spec, PolledSpec))


def test_every_kind_has_a_spec_and_a_source():
    """The registry names modules as text; each of them keeps its side of the bargain."""
    assert KINDS
    spec = spec_from_table(GOOD)
    source = open_source(spec)
    assert isinstance(spec, SourceSpec)
    assert isinstance(source, Source)
    assert (source.bucket, source.scope) == ("feeds", spec.scope)
    with pytest.raises(TypeError, match="not the spec of a source"):
        open_source(SourceSpec(name="x"))


def test_a_schedule_without_a_time_zone_has_the_conferences() -> None:
    """Its own counts first; UTC is what a conference says that says nothing."""
    table = {"type": "schedule", "name": "talks", "url": "https://x.example/s.json"}
    own = {**table, "name": "others", "url": "https://x.example/t.json", "timezone": "Asia/Tokyo"}
    specs = read_specs([table, own, GOOD], "Europe/Berlin")
    assert [getattr(spec, "timezone", None) for spec in specs] == ["Europe/Berlin", "Asia/Tokyo", None]
    assert getattr(read_specs([table], "UTC")[0], "timezone", "") is None
