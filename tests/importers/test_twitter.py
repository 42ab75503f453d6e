"""Tweets of three kinds of file: what they say beyond their text, and that they are the same tweets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from rtanalytics.archive import Recording, import_into
from rtanalytics.event import Author, Event, Media, decode, encode
from rtanalytics.importers import Options, Rejected, open_events
from rtanalytics.importers.twitter import tweets
from tests.contracts.importer import T0, TALK, Line
from tests.importers.samples import (
    FIRST_TWEET,
    account,
    archived,
    classic_tweet,
    lines_of,
    modern_tweet,
    write_folder,
    write_tweets_js,
    write_twitter,
    write_zip,
)
from tests.sources.mutations import mutated

ID = f"twitter::{FIRST_TWEET}"
LINE = TALK[0]


def read(folder: Path, *objects: Any, name: str = "tweets.jsonl") -> list[Event | ValueError]:
    """What becomes of these objects, one a line."""
    return list(open_events(lines_of(folder / name, map(json.dumps, objects)), "twitter"))


def one(folder: Path, *objects: Any) -> Event:
    """The only event of these objects."""
    (event,) = read(folder, *objects)
    assert isinstance(event, Event), event
    return event


def test_a_classic_tweet_is_taken_with_everything_that_it_carries(tmp_path: Path) -> None:
    """Expanded links, tags, mentions, pictures, language, what it answers, and its own page."""
    entities = {
        "hashtags": [{"text": "PyCon"}],
        "urls": [{"url": "https://t.co/1", "expanded_url": "https://x.example/a?b=1&c=2"}],
        "user_mentions": [{"screen_name": "bob"}],
    }
    picture = {
        "media_url_https": "https://pbs.example/1.jpg", "type": "photo", "ext_alt_text": "a slide",
        "sizes": {"large": {"w": 640, "h": 480}},
    }  # fmt: skip
    tweet = classic_tweet(
        LINE, entities=entities, extended_entities={"media": [picture]}, in_reply_to_status_id_str="12",
        in_reply_to_screen_name="bob", lang="iw",
    )  # fmt: skip
    event = one(tmp_path, tweet)
    assert (event.id, event.type, event.reply_to, event.to) == (ID, "reply", "twitter::12", "bob")
    assert (event.tags, event.mentions, event.links) == (["PyCon"], ["bob"], ["https://x.example/a?b=1&c=2"])
    assert event.media == [
        Media(url="https://pbs.example/1.jpg", alt="a slide", width=640, height=480, kind="image")
    ]
    assert event.author == Author(handle="ada", id="7", name="Ada", url="https://twitter.com/ada")
    assert (event.lang, event.url) == ("he", f"https://twitter.com/ada/status/{FIRST_TWEET}")


def test_a_long_tweet_of_the_stream_is_whole(tmp_path: Path) -> None:
    """Where the text is cut, the extended one and its entities count."""
    tweet = classic_tweet(LINE, text="the beginning…", truncated=True)
    del tweet["full_text"]
    tweet["extended_tweet"] = {
        "full_text": "the beginning and the end",
        "entities": {"hashtags": [{"text": "end"}], "urls": [], "user_mentions": []},
    }
    event = one(tmp_path, tweet)
    assert (event.text, event.tags) == ("the beginning and the end", ["end"])


@pytest.mark.parametrize("modern", [False, True])
def test_a_retweet_has_the_whole_text_and_leads_to_the_original(tmp_path: Path, *, modern: bool) -> None:
    """A retweet's own text is cut off; the original's is not."""
    original, cut = Line(0, "bob", "tea & cake " * 30), "RT @bob: tea &amp; ca…"
    if modern:
        inner = modern_tweet(original, author={"id": "9", "username": "bob"})
        tweet = modern_tweet(
            Line(1, "ada", ""), author={"id": "7", "username": "ada"},
            referenced_tweets=[{"type": "retweeted", **inner}],
        )  # fmt: skip
        event = one(tmp_path, {**tweet, "text": cut})
    else:
        tweet = classic_tweet(Line(1, "ada", ""), retweeted_status=classic_tweet(original))
        event = one(tmp_path, {**tweet, "full_text": cut})
    assert (event.type, event.repost_of, event.handle) == ("repost", ID, "ada")
    assert event.text == f"RT @bob: {original.text}"


def test_a_quote_keeps_its_own_words_and_the_address_of_the_other(tmp_path: Path) -> None:
    """It is no repost: reports count what it says."""
    link = {"expanded": "https://twitter.com/bob/status/1"}
    event = one(tmp_path, classic_tweet(LINE, quoted_status_id_str="1", quoted_status_permalink=link))
    assert (event.type, event.repost_of, event.links) == ("quote", None, ["https://twitter.com/bob/status/1"])


def test_entities_are_resolved_once(tmp_path: Path) -> None:
    """Of what somebody wrote as an entity, the entity is left."""
    assert one(tmp_path, classic_tweet(Line(0, "ada", "&lt; is < & é"))).text == "&lt; is < & é"


def test_a_page_is_read_tweet_by_tweet_with_its_authors_and_pictures(tmp_path: Path) -> None:
    """What a page includes once is put to each tweet that refers to it."""
    urls = [
        {"url": "https://t.co/1", "expanded_url": "https://x.example/1"},
        {"url": "https://t.co/2", "expanded_url": "https://twitter.com/p/photo/1", "media_key": "3_1"},
    ]
    tweet = modern_tweet(
        LINE, author_id="7", conversation_id="55", attachments={"media_keys": ["3_1"]},
        referenced_tweets=[{"type": "replied_to", "id": "54"}],
        entities={"urls": urls, "hashtags": [{"tag": "PyCon"}], "mentions": [{"username": "bob"}]},
        note_tweet={"text": "all of it", "entities": {"urls": urls}},
    )  # fmt: skip
    includes = {
        "users": [{"id": "7", "username": "ada", "name": "Ada"}],
        "media": [{"media_key": "3_1", "type": "photo", "url": "https://pbs.example/1.jpg"}],
    }
    event = one(tmp_path, {"data": [tweet], "includes": includes, "meta": {"result_count": 1}})
    assert (event.type, event.reply_to, event.thread) == ("reply", "twitter::54", "twitter::55")
    assert (event.handle, event.text, event.links) == ("ada", "all of it", ["https://x.example/1"])
    assert [m.url for m in event.media] == ["https://pbs.example/1.jpg"]


def test_an_edited_tweet_is_a_revision_of_the_first(tmp_path: Path) -> None:
    """It has the first version's id, and replaces its text wherever that is known."""
    later = Line(5, "ada", "the keynote starts now")
    history = [str(FIRST_TWEET), str(FIRST_TWEET + 5)]
    edited = {**modern_tweet(later), "edit_history_tweet_ids": history}
    event = one(tmp_path, edited)
    assert (event.id, event.edited_at) == (ID, later.at)
    for objects, counts in (
        ([modern_tweet(LINE)], (1, 0)),
        ([edited], (0, 1)),
        ([modern_tweet(LINE)], (0, 0)),
    ):
        report = import_into(tmp_path / "a", read(tmp_path, *objects), edits=True)
        assert (report.new, report.edited) == counts
    assert [e.text for e in Recording(tmp_path / "a")] == ["the keynote starts now"]


@pytest.mark.parametrize(
    "notice",
    [
        {
            "delete": {
                "status": {"id": FIRST_TWEET, "id_str": str(FIRST_TWEET)},
                "timestamp_ms": "1799999999000",
            }
        },
        {"id": str(FIRST_TWEET), "action": "delete", "created_at": "TIME", "reason": "deactivated"},
    ],
)
def test_a_deleted_tweet_disappears(tmp_path: Path, notice: dict[str, Any]) -> None:
    """By the stream's notice and by a compliance job; also if the tweet is read again."""
    from rtanalytics.normalize.tweets import snowflake_time

    if "created_at" in notice:
        at = snowflake_time(str(FIRST_TWEET))
        assert at is not None
        notice = {**notice, "created_at": at.isoformat()}
    for objects in ([classic_tweet(LINE), classic_tweet(TALK[1])], [notice], [classic_tweet(LINE)]):
        import_into(tmp_path / "a", read(tmp_path, *objects), edits=True)
    assert [e.text for e in Recording(tmp_path / "a")] == [TALK[1].text]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"id": "1482680858", "action": "delete", "created_at": "2013-06-04T16:25:04Z"}, "id of a user"),
        ({"data": [{"start": "x", "end": "y", "tweet_count": 3}], "meta": {}}, "counts of tweets"),
        ({"errors": [{"title": "Disconnect", "detail": "forced"}]}, "error of the API.*forced"),
        ({"limit": {"track": 12}}, "left tweets out"),
        ({"scrub_geo": {"user_id": 1, "up_to_status_id": 2}}, "to delete places"),
        ({"status_withheld": {"id": 1, "withheld_in_countries": ["DE"]}}, "a tweet is withheld"),
        ({"user_withheld": {"id": 1, "withheld_in_countries": ["DE"]}}, "an account is withheld"),
        ({"disconnect": {"code": 4, "reason": "x"}}, "that it ends"),
        ({"warning": {"code": "FALLING_BEHIND"}}, "a warning"),
        ({"friends": [1, 2]}, "that a user follows"),
        ({"event": "favorite", "created_at": "x"}, "action of a user"),
        ({"delete": {"direct_message": {"id": 1}}}, "a private message"),
        (
            {
                "id": 7,
                "text": "x",
                "created_at": "Fri May 15 09:30:00 +0000 2026",
                "sender_screen_name": "ada",
            },
            "a private message",
        ),
        ({"for_user_id": "7", "direct_message_events": [{"type": "message_create"}]}, "private messages"),
        (
            {"data": [{"id": "1841000000000000000", "text": "x", "event_type": "MessageCreate"}]},
            "a private message",
        ),
        (
            {
                "id": "1841000000000000000",
                "text": "x",
                "dm_conversation_id": "1-2",
                "created_at": "2026-05-15T09:30:00Z",
            },
            "a private message",
        ),
        ({"id": {"7": None}}, "tweet '7' was not found"),
        ({"error": "Not authorized.", "request": "/1.1/x.json"}, "error of the API.*Not authorized"),
        ({"id_str": "7", "screen_name": "ada", "name": "Ada"}, "a user, not a tweet"),
        ({"data": [{"id": "7", "username": "ada", "name": "Ada"}]}, "a user, not a tweet"),
        (
            {"id": 1.99e18, "text": "x", "created_at": "2026-05-15T09:30:00Z"},
            r"id 1\.99e\+18 is not a number",
        ),
        ({"id_str": "1", "text": "x"}, "it has no time"),
        ({"id_str": "1", "text": "x", "created_at": "Fri Xyz 15 09:30:00 +0000 2026"}, "is not a time"),
        ({"id_str": "1", "text": "x", "created_at": "0001-01-01T00:00:00Z"}, "invalid time"),
        ({"id_str": "1", "text": "x", "created_at": "9999-01-01T00:00:00Z"}, "invalid time"),
        (
            {"id_str": "1", "text": "x", "created_at": "2026-05-15T09:30:00Z", "user": "ada"},
            "unexpected structure",
        ),
        ([1], r"is not a tweet"),
        (json.loads('{"statuses":[' * 200 + "1" + "]}" * 200), "is not a tweet"),
    ],
)
def test_objects_that_are_not_tweets_are_reported(tmp_path: Path, told: Any, reason: str) -> None:
    """Notices, counts, slips and oddities each with a reason and the line; the tweet beside it is read."""
    good, bad = read(tmp_path, classic_tweet(LINE), told)
    assert isinstance(good, Event)
    assert isinstance(bad, Rejected)
    assert bad.where == "line 2"
    with pytest.raises(Rejected, match=reason):
        raise bad


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("shape", ["list", "page", "one"])
def test_a_document_is_read_as_its_lines_are(tmp_path: Path, shape: str, indent: int | None) -> None:
    """A list, a page of a search, a single tweet; on one line or on many."""
    tweets = [classic_tweet(line) for line in (TALK[:1] if shape == "one" else TALK)]
    content = {"list": tweets, "page": {"statuses": tweets, "search_metadata": {}}, "one": tweets[0]}[shape]
    (tmp_path / "page.json").write_text(json.dumps(content, indent=indent), encoding="utf-8")
    assert list(open_events(tmp_path / "page.json")) == read(tmp_path, *tweets)


def test_text_of_other_systems_is_read(tmp_path: Path) -> None:
    """With a byte order mark, in UTF-16, and with a half emoji, which old exports have."""
    path = write_twitter(tmp_path, TALK)
    text, expected = path.read_text(encoding="utf-8"), list(open_events(path))
    for encoding in ("utf-8-sig",):
        path.write_text(text, encoding=encoding)
        assert list(open_events(path)) == expected
    path.write_text(json.dumps([classic_tweet(line) for line in TALK]), encoding="utf-16")
    assert list(open_events(path, "twitter")) == expected
    path.write_text(text.replace("lunch?", r"lunch \ud83d"), encoding="utf-8")
    last = list(open_events(path))[-1]
    assert isinstance(last, Event)
    assert last.text == "lunch \ufffd"


def test_an_archive_knows_whose_it_is_and_what_was_deleted(tmp_path: Path) -> None:
    """From ``account.js`` in the zip, in the folder, or beside the file; and the ids are those of the API."""
    gone = {
        "tweet": {**archived(TALK[1])["tweet"], "deleted_at": f"{T0:%a} {T0:%b} {T0:%d} 12:00:00 +0000 2026"}
    }
    files = {
        "data/account.js": account("ada"),
        "data/tweets.js": f"window.YTD.tweets.part0 = {json.dumps([archived(line) for line in TALK[:2]])}",
        "data/tweets-part1.js": f"window.YTD.tweets.part1 = {json.dumps([archived(line) for line in TALK[2:]])}",
        "data/deleted-tweets.js": f"window.YTD.deleted_tweets.part0 = {json.dumps([gone])}",
        "data/direct-messages.js": "window.YTD.direct_messages.part0 = [ { } ]",
        "Your archive.html": "<html>",
    }
    places = [write_zip(tmp_path / "archive.zip", files), write_folder(tmp_path / "archive", files)]
    for place in places:
        events = [e for e in open_events(place) if isinstance(e, Event)]
        assert {e.handle for e in events if e.op == "create"} == {"ada"}
        assert {e.id for e in events} == {f"twitter::{FIRST_TWEET + line.n}" for line in TALK}
        target = tmp_path / f"of {place.name}"
        import_into(target, open_events(place), edits=True)
        assert sorted(e.text or "" for e in Recording(target)) == sorted(s.text for s in (TALK[0], *TALK[2:]))
    alone = list(open_events(tmp_path / "archive" / "data" / "tweets.js"))
    assert [e.handle for e in alone if isinstance(e, Event)] == ["ada", "ada"]
    (tmp_path / "archive" / "data" / "account.js").unlink()
    unknown = list(open_events(tmp_path / "archive" / "data" / "tweets.js"))
    assert [e.handle for e in unknown if isinstance(e, Event)] == ["archive owner"] * 2, "one person"


def test_a_retweet_in_an_archive_is_a_repost(tmp_path: Path) -> None:
    """An archive has nothing but its text to tell."""
    (event,) = open_events(write_tweets_js(tmp_path, [Line(0, "ada", "RT @bob: so true")]))
    assert isinstance(event, Event)
    assert event.type == "repost"


def test_an_archive_has_edits_and_numbers_as_text(tmp_path: Path) -> None:
    """Under the first version's number, at its time; the sizes of pictures are numbers."""
    from rtanalytics.normalize.tweets import snowflake_time

    edits = {"editControlInitial": {"editTweetIds": [str(FIRST_TWEET), str(FIRST_TWEET + 5)]}}
    picture = {
        "media_url_https": "https://pbs.example/1.jpg", "type": "photo", "sizes": {"large": {"w": "640", "h": "480"}},
    }  # fmt: skip
    tweet = {
        **archived(LINE)["tweet"], "id": str(FIRST_TWEET + 5), "id_str": str(FIRST_TWEET + 5),
        "edit_info": {"edit": {"initialTweetId": str(FIRST_TWEET), **edits}},
        "extended_entities": {"media": [picture]},
    }  # fmt: skip
    (tmp_path / "tweets.js").write_text(f"window.YTD.tweets.part0 = {json.dumps([{'tweet': tweet}])}")
    (event,) = open_events(tmp_path / "tweets.js")
    assert isinstance(event, Event)
    assert (event.id, event.url) == (ID, f"https://twitter.com/i/status/{FIRST_TWEET + 5}")
    assert event.created_at == snowflake_time(str(FIRST_TWEET))
    assert event.edited_at == LINE.at
    assert [(m.width, m.height) for m in event.media] == [(640, 480)]
    assert decode(encode(event)) == event


def test_a_long_tweet_of_an_archive_is_whole(tmp_path: Path) -> None:
    """What follows its beginning stands in a file of its own, which names only the second."""
    long = "The keynote & all that was said in it. " * 12
    cut = archived(Line(0, "ada", long[:270] + "… https://t.co/self"))
    cut["tweet"]["entities"] = {
        "urls": [
            {"url": "https://t.co/self", "expanded_url": f"https://twitter.com/i/web/status/{FIRST_TWEET}"}
        ]
    }
    core = {
        "text": long.strip(), "urls": [{"shortUrl": "https://t.co/2", "expandedUrl": "https://x.example/talk"}],
        "hashtags": [{"text": "PyCon"}], "mentions": [{"screenName": "bob"}],
    }  # fmt: skip
    notes = [
        {"noteTweet": {"noteTweetId": "7", "createdAt": f"{T0:%FT%T}.123Z", "core": core}},
        {"noteTweet": {"noteTweetId": "8", "createdAt": f"{T0:%FT%T}.000Z", "core": {"text": "another"}}},
        {"noteTweet": {"noteTweetId": "9", "core": core}}, {"noteTweet": None}, 3,
    ]  # fmt: skip
    files = {
        "data/tweets.js": f"window.YTD.tweets.part0 = {json.dumps([cut, archived(Line(1, 'ada', 'lunch'))])}",
        "data/note-tweet.js": f"window.YTD.note_tweet.part0 = {json.dumps(notes)}",
    }
    folder = write_folder(tmp_path / "archive", files)
    for place in (folder, folder / "data" / "tweets.js", write_zip(tmp_path / "archive.zip", files)):
        first, second = (e for e in open_events(place) if isinstance(e, Event))
        assert (first.text, second.text) == (long.strip(), "lunch")
        assert (first.links, first.tags, first.mentions) == (["https://x.example/talk"], ["PyCon"], ["bob"])


def test_archives_of_the_years_before_are_read_month_by_month(tmp_path: Path) -> None:
    """Until 2018 each month assigned a list to a variable of its own, with times that begin with the year."""
    tweet = {**classic_tweet(LINE), "created_at": f"{LINE.at:%F %T} +0000"}
    name = f"data/js/tweets/{LINE.at:%Y_%m}.js"
    text = f"Grailbird.data.tweets_{LINE.at:%Y_%m} = \n {json.dumps([tweet])}"
    folder = write_folder(tmp_path / "old", {name: text, "data/js/tweet_index.js": "var tweet_index = [ ]"})
    for place in (folder, folder / name):
        (event,) = open_events(place)
        assert isinstance(event, Event)
        assert (event.id, event.created_at, event.handle) == (ID, LINE.at, LINE.author)


def test_the_search_of_the_years_before_2013_is_read(tmp_path: Path) -> None:
    """Who wrote it stands beside the text, the time is as in letters."""
    found = {
        "created_at": f"{LINE.at:%a, %d %b %Y %T} +0000", "from_user": "ada", "from_user_id_str": "7",
        "from_user_name": "Ada", "id_str": str(FIRST_TWEET), "iso_language_code": "en", "text": "hi", "to_user": "bob",
    }  # fmt: skip
    page = {
        "completed_in": 0.1,
        "max_id_str": "9",
        "query": "pycon",
        "results": [found],
        "results_per_page": 15,
    }
    for indent in (None, 2):
        (tmp_path / "page.json").write_text(json.dumps(page, indent=indent))
        (event,) = open_events(tmp_path / "page.json")
        assert isinstance(event, Event), event
        assert (event.id, event.created_at, event.handle, event.to) == (ID, LINE.at, "ada", "bob")


@pytest.mark.parametrize(
    "shape",
    [
        lambda tweet: {"id": {tweet["id_str"]: tweet}},
        lambda tweet: {"for_user_id": "7", "tweet_create_events": [tweet]},
        lambda tweet: {
            "objects": {
                "tweets": {tweet["id_str"]: {**tweet, "user": {"id_str": tweet["user"]["id_str"]}}},
                "users": {tweet["user"]["id_str"]: tweet["user"]},
            },
            "response": {"timeline": []},
        },
        lambda tweet: {
            "globalObjects": {
                "tweets": {tweet["id_str"]: {**tweet, "user": None, "user_id_str": tweet["user"]["id_str"]}},
                "users": {tweet["user"]["id_str"]: tweet["user"]},
            }
        },
    ],
    ids=["lookup", "webhook", "collection", "page of the web"],
)
def test_a_tweet_is_the_same_by_whichever_way_it_came(tmp_path: Path, shape: Any) -> None:
    """Lookups by number, webhooks, collections and what the web page loads; on one line or on many."""
    tweet = classic_tweet(LINE)
    told = shape({**tweet, "id_str": str(FIRST_TWEET), "user": {**tweet["user"], "id_str": "7"}})
    expected = one(tmp_path, {**tweet, "user": {**tweet["user"], "id_str": "7"}})
    assert one(tmp_path, told) == expected
    (tmp_path / "page.json").write_text(json.dumps(told, indent=1))
    assert list(open_events(tmp_path / "page.json", "twitter")) == [expected]


def test_a_webhook_reports_deletions(tmp_path: Path) -> None:
    """As the stream does, one level higher."""
    gone = {"status": {"id": str(FIRST_TWEET), "user_id": "7"}, "timestamp_ms": "1799999999000"}
    event = one(tmp_path, {"for_user_id": "7", "tweet_delete_events": [gone]})
    assert (event.id, event.op) == (ID, "delete")


def test_a_retweet_of_which_little_is_known_is_read(tmp_path: Path) -> None:
    """Of the original there may be no more than a number, or no time; the retweet may have no words of its own."""
    retweet = {**classic_tweet(LINE), "retweeted_status": {"id_str": "77"}}
    event = one(tmp_path, retweet)
    assert (event.type, event.repost_of, event.text) == ("repost", "twitter::77", LINE.text)
    del retweet["full_text"]
    retweet["retweeted_status"] |= {"text": "so &amp; so", "user": {"screen_name": "bob"}}
    event = one(tmp_path, retweet)
    assert (event.repost_of, event.text) == ("twitter::77", "RT @bob: so & so")


def test_an_envelope_of_a_stream_for_many_is_opened(tmp_path: Path) -> None:
    """It says for whom the message is."""
    assert one(tmp_path, {"for_user": "7", "message": classic_tweet(LINE)}) == one(
        tmp_path, classic_tweet(LINE)
    )


@pytest.mark.parametrize("kind", ["delete", "drop"])
def test_a_compliance_stream_deletes(tmp_path: Path, kind: str) -> None:
    """Of API v2; what is dropped is gone until it is told again."""
    told = {"data": {kind: {"tweet": {"id": str(FIRST_TWEET), "author_id": "7"}, "event_at": f"{T0:%FT%TZ}"}}}
    event = one(tmp_path, told)
    assert (event.id, event.op, event.edited_at) == (ID, "delete", T0)


def test_a_retweet_has_the_pictures_of_the_original(tmp_path: Path) -> None:
    """Where the page includes them."""
    original = {**modern_tweet(LINE), "id": "77", "attachments": {"media_keys": ["3_1"]}}
    retweet = {
        **modern_tweet(LINE), "text": "RT @bob: hi", "referenced_tweets": [{"type": "retweeted", "id": "77"}],
    }  # fmt: skip
    media = [
        {"media_key": "3_1", "type": "photo", "url": "https://pbs.example/1.jpg", "width": 4, "height": 3}
    ]
    event = one(tmp_path, {"data": retweet, "includes": {"tweets": [original], "media": media}})
    assert [m.url for m in event.media] == ["https://pbs.example/1.jpg"]


def test_nothing_in_an_archive_is_run(tmp_path: Path) -> None:
    """What stands behind the assignment is data, or is told as none."""
    path = tmp_path / "tweets.js"
    path.write_text("window.YTD.tweets.part0 = [ alert(1), {} ]; fetch('http://x')", encoding="utf-8")
    read = list(open_events(path, options=Options()))
    assert read
    assert all(isinstance(item, Rejected) for item in read)


PICTURE = {
    "media_url_https": "https://p.example/1.jpg",
    "type": "photo",
    "sizes": {"large": {"w": "6", "h": 4}},
}
FULL = classic_tweet(
    LINE,
    extended_tweet={"full_text": "all of it", "entities": {"urls": [{"expanded_url": "https://x.example"}]}},
    extended_entities={"media": [PICTURE]},
    retweeted_status={**classic_tweet(TALK[1]), "user": {"screen_name": "bob"}},
    edit_info={"edit": {"initialTweetId": "77"}},
    quoted_status_permalink={"expanded": "https://x.example/2"},
)
NEW = {
    **modern_tweet(LINE), "attachments": {"media_keys": ["3_1"], "poll_ids": ["5"]},
    "referenced_tweets": [{"type": "retweeted", "id": "77"}], "note_tweet": {"text": "more", "entities": {}},
}  # fmt: skip
INCLUDES = {
    "polls": [{"id": "5", "options": [{"label": "tea"}]}], "tweets": [{**modern_tweet(TALK[1]), "id": "77"}],
    "users": [{"id": "7", "username": "ada"}], "media": [{"media_key": "3_1", "type": "photo", "url": "https://p"}],
}  # fmt: skip
OLD = {"from_user": "ada", "id_str": "77", "text": "hi", "created_at": "Fri, 15 May 2012 09:30:00 +0000"}
SHAPES = [
    FULL, {"statuses": [FULL]}, {"data": [NEW], "includes": INCLUDES}, {**NEW, "author": {"username": "ada"}},
    {"results": [OLD]}, {"id": {"77": FULL, "78": None}}, {"delete": {"status": {"id_str": "77"}, "timestamp_ms": "1"}},
    {"objects": {"tweets": {"77": {**FULL, "user": {"id_str": "7"}}}, "users": {"7": FULL["user"]}}},
    {"for_user_id": "7", "tweet_create_events": [FULL], "tweet_delete_events": [{"status": {"id": "7"}}]},
    {"data": {"delete": {"tweet": {"id": "77"}, "event_at": "2026-05-15T09:00:00Z"}}}, {"limit": {"track": 3}},
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(mutated(SHAPES))
def test_any_shape_gives_an_event_or_a_reason(told: Any) -> None:
    """Keys dropped, types changed, values nested: what is stored can be read again, reasons can be read."""
    for item in tweets(told):
        if isinstance(item, Event):
            assert decode(encode(item)).id == item.id
        else:
            assert str(item).isprintable()
