"""Real files of others: how many events each gives, and that they are those that others made of them."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from rtanalytics.archive import ImportReport, import_into
from rtanalytics.event import Event, decode, encode
from rtanalytics.importers import Options, detect, importer, open_events

pytestmark = pytest.mark.data

TEST = {"channel": "#test", "zone": "Europe/Amsterdam"}

# file → format, events, rejected
FILES = {
    "payloads/twitter_v1/grimoirelab-perceval__tests__data__twitter__tweets_page_2.json": ("twitter", 2, 0),
    "payloads/twitter_v1/grimoirelab-perceval__tests__data__twitter__tweets_page_3.json": ("twitter", 0, 1),
    "payloads/twitter_v1/huginn__spec__data_fixtures__one_tweet.json": ("twitter", 1, 0),
    "payloads/twitter_v1/huginn__spec__data_fixtures__search_tweets.json": ("twitter", 3, 0),
    "payloads/twitter_v1/huginn__spec__data_fixtures__user_tweets.json": ("twitter", 5, 0),
    "payloads/twitter_v1/twitwi__test__resources__api-users-v1.json": ("twitter", 0, 3),
    "payloads/twitter_v1/twitwi__test__resources__normalization-payload-search.json": ("twitter", 1, 0),
    "payloads/twitter_v1/twitwi__test__resources__normalization-payload-stream.json": ("twitter", 1, 0),
    "payloads/twitter_v2/twarc-csv__test-data__cashtags.jsonl": ("twitter", 1, 0),
    "payloads/twitter_v2/twarc-csv__test-data__counts.jsonl": ("twitter", 0, 1),
    "payloads/twitter_v2/twarc-csv__test-data__edited_after.jsonl": ("twitter", 1, 0),
    "payloads/twitter_v2/twarc-csv__test-data__edited_before.jsonl": ("twitter", 1, 0),
    "payloads/twitter_v2/twarc-csv__test-data__flat.jsonl": ("twitter", 100, 0),
    "payloads/twitter_v2/twarc-csv__test-data__geo_tweets.jsonl": ("twitter", 2, 0),
    "payloads/twitter_v2/twarc-csv__test-data__many_urls.jsonl": ("twitter", 1, 0),
    "payloads/twitter_v2/twarc-csv__test-data__media_tweet.jsonl": ("twitter", 1, 0),
    "payloads/twitter_v2/twarc-csv__test-data__streaming_output_with_error.jsonl": ("twitter", 7, 1),
    "payloads/twitter_v2/twarc-csv__test-data__tweets_compliance.jsonl": ("twitter", 2, 0),
    "payloads/twitter_v2/twarc-csv__test-data__two_tweets.jsonl": ("twitter", 1, 0),
    "payloads/twitter_v2/twarc-csv__test-data__users_compliance.jsonl": ("twitter", 0, 2),
    "payloads/twitter_v2/twarc-csv__test-data__verified_type.jsonl": ("twitter", 1, 0),
    "payloads/twitter_v2/twitwi__test__resources__payload-v2-singletweet.json": ("twitter", 1, 0),
    "payloads/twitter_v2/twitwi__test__resources__payload-v2-video.json": ("twitter", 1, 0),
    "payloads/twitter_v2/twitwi__test__resources__payload-v2.json": ("twitter", 10, 0),
    "raw/sibhack_twitter_v1.jsonl": ("twitter", 652, 0),
    "raw/twitter_v1_search.json": ("twitter", 100, 0),
    "raw/gharchive_2015-01-01-0.json.gz": ("gharchive", 7702, 0),
    "payloads/discord/chat-analytics__tests__samples__discord__SV_5A_5M.json": ("discord", 5, 0),
    "payloads/discord/chat-analytics__tests__samples__discord__DM_2A_2M.json": ("discord", 2, 0),
    "payloads/discord/chat-analytics__tests__samples__discord__GC_3A_5M.json": ("discord", 4, 0),
    "payloads/slack_export/slack-export-viewer__tests__testarchive.zip": ("slack", 147, 0),
    "payloads/irc/grimoirelab-perceval__tests__data__supybot__supybot_2012_10_17.log": ("supybot", 9, 1),
    "payloads/irc/grimoirelab-perceval__tests__data__supybot__supybot_2012_10_18.log": ("supybot", 4, 0),
    "payloads/irc/grimoirelab-perceval__tests__data__supybot__supybot_date_without_tz.log": ("supybot", 2, 0),
    "payloads/irc/grimoirelab-perceval__tests__data__supybot__supybot_invalid_msg.log": ("supybot", 4, 1),
    "payloads/irc/irc-disentanglement__data__dev__2004-11-15_03.raw.txt": ("znc", 1077, 0),
    "payloads/irc/irc-disentanglement__data__dev__2005-06-27_12.raw.txt": ("znc", 1018, 0),
    "payloads/irc/irc-disentanglement__data__dev__2005-08-08_01.raw.txt": ("znc", 1033, 0),
}


@pytest.mark.parametrize("name", list(FILES), ids=lambda name: name.rpartition("__")[2] or name)
def test_a_real_file_is_read_whole_and_once(data_folder: Path, tmp_path: Path, name: str) -> None:
    """Its format is found; every row is an event or a reason; again, nothing is new."""
    form, events, rejected = FILES[name]
    path = data_folder / name
    assert detect(path) == form
    options = Options(private=True, **(TEST if form in ("supybot", "znc") else {}))
    read = list(open_events(path, None, options))
    sound = [item for item in read if isinstance(item, Event)]
    assert (len(sound), len(read) - len(sound)) == (events, rejected)
    assert [decode(encode(event)) for event in sound] == sound
    assert all(event.author is not None for event in sound if event.op == "create")
    ids = Counter(event.id for event in sound)
    edits = importer(form).edits
    report = import_into(tmp_path / "a", read, edits=edits)
    assert (report.new, report.rejected) == (len(ids), rejected)
    again = import_into(tmp_path / "a", read, edits=edits)
    assert again == ImportReport(read=len(read), duplicate=events, rejected=rejected, problems=again.problems)


@pytest.mark.parametrize("day", ["20101101", "20101102", "20101103", "20101104", "20101105"])
def test_pages_of_irc_are_what_others_made_of_them(data_folder: Path, day: str) -> None:
    """Id, time, author and text of each message equal the table's; beyond it there are only actions and notices."""
    path = data_folder / "raw" / "irc_w3c_html" / f"{day}.html"
    told = list(open_events(path, None, Options(zone="Europe/Amsterdam")))
    assert all(isinstance(event, Event) for event in told)
    table = open_events(data_folder / "recordings" / "irc_w3c_tpac2010.parquet")
    known = {e.id: e for e in table if isinstance(e, Event) and e.id.startswith(f"irc::html-wg/{day}#")}
    ours = {e.id: e for e in told if isinstance(e, Event) and e.type == "message"}
    assert set(ours) == set(known)
    for id, event in ours.items():
        theirs = known[id]
        assert (event.created_at, event.handle, event.source) == (
            theirs.created_at,
            theirs.handle,
            theirs.source,
        )
        assert " ".join((event.text or "").split()) == " ".join((theirs.text or "").split())
    assert len(known) > 10


def test_a_slack_folder_of_another_exporter_is_read(data_folder: Path, tmp_path: Path) -> None:
    """slackdump writes the same layout; its people are in each message."""
    for path in (data_folder / "payloads" / "slack_export").glob("slackdump__*source_export_dir__*"):
        place = tmp_path / "export" / path.name.partition("source_export_dir__")[2].replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    told = list(open_events(tmp_path / "export"))
    assert detect(tmp_path / "export") == "slack"
    assert all(isinstance(event, Event) for event in told)
    assert {e.channel for e in told if isinstance(e, Event)} == {"#B75B4C7"}
    assert sum(bool(e.thread) for e in told if isinstance(e, Event)) >= 2


def test_a_table_knows_the_tweets_of_an_export(data_folder: Path) -> None:
    """The same ids: importing both gives each tweet once."""
    tweets = [
        e for e in open_events(data_folder / "raw" / "sibhack_twitter_v1.jsonl") if isinstance(e, Event)
    ]
    frame = pd.DataFrame({"id": [e.id.removeprefix("twitter::") for e in tweets]})
    assert frame["id"].str.fullmatch(r"\d{15,20}").all()
    assert {e.type for e in tweets} <= {"post", "reply", "repost", "quote"}
    assert all(e.repost_of for e in tweets if e.type == "repost")
    assert not any("t.co/" in link for e in tweets for link in e.links)
