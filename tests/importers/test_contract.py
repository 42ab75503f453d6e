"""Every format passes the suite of :mod:`tests.contracts.importer`."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from msgspec import structs

from rtanalytics.event import Event
from rtanalytics.importers import Options
from tests.contracts.importer import TALK, ImporterContract, Line
from tests.importers import samples

WALL = Options(zone="Europe/Berlin", channel="#pycon")


def after_first(path: Path, text: str, mark: str = "\n", begin: str = "") -> None:
    """Put text after the first ``mark`` that follows ``begin``."""
    content = path.read_text(encoding="utf-8")
    at = content.index(mark, content.index(begin)) + len(mark)
    path.write_text(content[:at] + text + content[at:], encoding="utf-8", newline="")


class TestTwitter(ImporterContract):
    format, bucket = "twitter", "twitter"
    write = staticmethod(samples.write_twitter)

    def spoil(self, path: Path) -> None:
        after_first(path, '{"created_at": "Fri May 15", "id_str": "12", "fu\n')


class TestTwarc(TestTwitter):
    write = staticmethod(samples.write_twarc)

    def spoil(self, path: Path) -> None:
        after_first(path, '{"errors": [{"title": "Operational Disconnect", "detail": "forced"}]}\n')


class TestTweetsJs(ImporterContract):
    format, bucket = "twitter-archive", "twitter"

    def write(self, folder: Path, talk: list[Line]) -> Path:
        # an archive has one author; the others are told by their own account files in other tests
        path = samples.write_tweets_js(folder, talk)
        content = json.loads(path.read_text(encoding="utf-8").partition("=")[2])
        for told, line in zip(content, talk, strict=True):
            told["tweet"]["user"] = {"screen_name": line.author}
        path.write_text(f"window.YTD.tweets.part0 = {json.dumps(content, indent=1)}", encoding="utf-8")
        return path

    def spoil(self, path: Path) -> None:
        after_first(path, '\n {"tweet": {"id": tru}},', "[")


class TestSlackZip(ImporterContract):
    format, bucket, packs = "slack", "slack", False

    def write(self, folder: Path, talk: list[Line]) -> Path:
        return samples.write_zip(folder / "slack.zip", samples.slack_files(talk))

    def spoil(self, path: Path) -> None:
        files = samples.slack_files(TALK)
        files["general/2026-05-15.json"].insert(1, {"type": "message", "text": "when?", "ts": 12})
        samples.write_zip(path, files)


class TestSlackFolder(TestSlackZip):
    def write(self, folder: Path, talk: list[Line]) -> Path:
        return samples.write_folder(folder / "slack", samples.slack_files(talk))

    def spoil(self, path: Path) -> None:
        after_first(path / "general" / "2026-05-15.json", '{"type" "message"},', "[")


class TestDiscord(ImporterContract):
    format, bucket = "discord", "discord"
    write = staticmethod(samples.write_discord)

    def spoil(self, path: Path) -> None:
        after_first(path, '{"id": "x", "content": "y"},', "[", '"messages"')


class TestZulip(ImporterContract):
    format, bucket, packs = "zulip", "zulip", False
    write = staticmethod(samples.write_zulip)

    def spoil(self, path: Path) -> None:
        unpacked = path.with_name("unpacked") / "export"
        after_first(unpacked / "messages-000001.json", '{"id": -4, "recipient": 3},', "[")
        samples.pack_tar(path, unpacked)


class TestTelegram(ImporterContract):
    format, bucket = "telegram", "telegram"
    write = staticmethod(samples.write_telegram)

    def spoil(self, path: Path) -> None:
        after_first(path, '{"id": 3, "type": "message", "date": "soon", "text": 5},', "[")


class TestTelegramAccount(TestTelegram):
    def write(self, folder: Path, talk: list[Line]) -> Path:
        path = folder / "result.json"
        chat = samples.telegram_chat([samples.telegram_message(line) for line in talk])
        account = {"about": "Here is the data you requested. Remember: Telegram", "chats": {"list": [chat]}}
        path.write_text(json.dumps(account, indent=1), encoding="utf-8")
        return path

    def spoil(self, path: Path) -> None:
        after_first(path, '{"id": true, "type": "message", "text": "x"},', "[", '"messages"')


class TestWhatsApp(ImporterContract):
    format, bucket, options = "whatsapp", "whatsapp", WALL
    write = staticmethod(samples.write_whatsapp)

    def spoil(self, path: Path) -> None:
        after_first(path, "[15.05.26, 27:61:00] ada: when\n", begin="ada")


class TestMatrix(ImporterContract):
    format, bucket = "matrix", "matrix"
    write = staticmethod(samples.write_matrix)

    def spoil(self, path: Path) -> None:
        after_first(path, '{"type": "m.room.message", "event_id": "$9", "content": {}},', "[")


class TestMattermost(ImporterContract):
    format, bucket = "mattermost", "mattermost"
    write = staticmethod(samples.write_mattermost)

    def spoil(self, path: Path) -> None:
        after_first(
            path, '{"type": "post", "post": {"team": "t", "channel": "c", "message": 7}}\n', begin="ada"
        )


class TestRocketChat(ImporterContract):
    format, bucket = "rocketchat", "rocketchat"
    write = staticmethod(samples.write_rocketchat)

    def spoil(self, path: Path) -> None:
        after_first(path, '{"_id": "x", "rid": "GENERAL", "msg": "when", "ts": "soon", "u": {}},', "[")


class TestLiveChat(ImporterContract):
    format, bucket = "live-chat", "youtube"
    write = staticmethod(samples.write_live_chat)

    def spoil(self, path: Path) -> None:
        after_first(path, '{"replayChatItemAction": {"actions": [{"x": 1}]}}\n')


class TestChatDownloader(TestLiveChat):
    def write(self, folder: Path, talk: list[Line]) -> Path:
        path = folder / "chat.json"
        messages = [samples.downloaded_message(line) for line in talk]
        path.write_text(json.dumps(messages, indent=1), encoding="utf-8")
        return path

    def spoil(self, path: Path) -> None:
        after_first(
            path, '{"message_type": "text_message", "author": {}, "message": "x", "timestamp": 1},', "["
        )


class TestGhArchive(ImporterContract):
    format, bucket = "gharchive", "github"
    write = staticmethod(samples.write_gharchive)

    def spoil(self, path: Path) -> None:
        after_first(path, '{"id": "1", "type": "PushEvent", "created_at": "soon", "payload": {}}\n')


class TestIrssi(ImporterContract):
    format, bucket, options = "irssi", "irc", WALL
    write = staticmethod(samples.write_irssi)

    def spoil(self, path: Path) -> None:
        after_first(path, "11:3 this is no line\n")


class TestWeechat(TestIrssi):
    format = "weechat"
    write = staticmethod(samples.write_weechat)


class TestHexchat(TestIrssi):
    format = "hexchat"
    write = staticmethod(samples.write_hexchat)


class TestZnc(TestIrssi):
    format, options = "znc", Options(zone="Europe/Berlin", channel="#pycon", day=date(2026, 5, 15))
    write = staticmethod(samples.write_znc)


class TestSupybot(TestIrssi):
    format = "supybot"
    write = staticmethod(samples.write_supybot)


class TestIi(TestIrssi):
    format = "ii"
    write = staticmethod(samples.write_ii)


class TestIrcHtml(ImporterContract):
    format, bucket, options = "irc-html", "irc", WALL
    write = staticmethod(samples.write_irc_html)

    def spoil(self, path: Path) -> None:
        after_first(path, '<li id="l-77"><a href="#l-77">#</a> [11:31] what is this</li>\n', "</li>\n")


class TestMbox(ImporterContract):
    format, bucket = "mbox", "mail"
    write = staticmethod(samples.write_mbox)

    def spoil(self, path: Path) -> None:
        after_first(path, "From x@y  12:00\nSubject: no time\n\nhello\n\n", "\n\n", "Subject")
        # between two mails, not inside the first
        content = path.read_text(encoding="utf-8")
        head, _, rest = content.partition("From x@y  12:00\nSubject: no time\n\nhello\n\n")
        text, _, others = rest.partition("\n\n")
        path.write_text(
            f"{head}{text}\n\nFrom x@y  12:00\nSubject: no time\n\nhello\n\n{others}", encoding="utf-8"
        )


class TestColumns(ImporterContract):
    format, bucket, found = "columns", "slack", False
    options = Options(
        zone="Europe/Berlin", source="slack:#general", time_format="%d.%m.%Y %H:%M",
        columns={"created_at": "When", "author": "Who", "text": "Said"},
    )  # fmt: skip
    write = staticmethod(samples.write_columns)

    def spoil(self, path: Path) -> None:
        after_first(path, "yesterday;ada;hello;x\r\n", "\n")


class TestBluesky(ImporterContract):
    format, bucket = "bluesky", "bluesky"
    write = staticmethod(samples.write_bluesky)

    def spoil(self, path: Path) -> None:
        after_first(path, '{"uri": "at://did:plc:x/app.bsky.feed.post/1", "au\n')


class TestJetstream(TestBluesky):
    def write(self, folder: Path, talk: list[Line]) -> Path:
        frames = (json.dumps(samples.jetstream_frame(line)) for line in talk)
        return samples.lines_of(folder / "jetstream.jsonl", frames)

    def events(self, path: Path) -> list[Event]:
        # a Jetstream names people by their did only
        return [named(event) for event in super().events(path)]


def named(event: Event) -> Event:
    assert event.author is not None
    author = structs.replace(event.author, handle=event.handle.removeprefix("did:plc:"))
    return structs.replace(event, author=author)


class TestMastodon(ImporterContract):
    format, bucket, markup = "mastodon", "mastodon", True

    def write(self, folder: Path, talk: list[Line]) -> Path:
        return samples.write_mastodon(folder, [Line(s.n, f"{s.author}@m.example", s.text) for s in talk])

    def events(self, path: Path) -> list[Event]:
        return [local(event) for event in super().events(path)]

    def spoil(self, path: Path) -> None:
        after_first(path, '{"content": "<p>x</p>", "uri": tru},', "[")


def local(event: Event) -> Event:
    assert event.author is not None
    author = structs.replace(event.author, handle=event.handle.removesuffix("@m.example"))
    return structs.replace(event, author=author)


class TestMastodonArchive(TestMastodon):
    format = "mastodon-archive"

    def write(self, folder: Path, talk: list[Line]) -> Path:
        return samples.write_mastodon_archive(
            folder, [Line(s.n, f"{s.author}@m.example", s.text) for s in talk]
        )

    def spoil(self, path: Path) -> None:
        after_first(path, '{"type": "Create", "object": 7}, ', "[", "orderedItems")


class TestMastodonArchiveZip(TestMastodonArchive):
    packs = False

    def write(self, folder: Path, talk: list[Line]) -> Path:
        path = super().write(folder, talk)
        return samples.write_zip(
            folder / "archive.zip", {"media/x.png": b"x", "outbox.json": path.read_text()}
        )

    def spoil(self, path: Path) -> None:
        super().spoil(path.with_name("outbox.json"))
        samples.write_zip(path, {"outbox.json": path.with_name("outbox.json").read_text()})


class TestMastodonArchiveTar(TestMastodonArchiveZip):
    def write(self, folder: Path, talk: list[Line]) -> Path:
        path = TestMastodonArchive.write(
            self, samples.write_folder(folder / "archive", {"likes.json": {}}), talk
        )
        return samples.pack_tar(folder / "archive.tar.gz", path.parent)

    def spoil(self, path: Path) -> None:
        TestMastodonArchive.spoil(self, path.with_name("archive") / "outbox.json")
        samples.pack_tar(path, path.with_name("archive"))


class TestReddit(ImporterContract):
    format, bucket = "reddit", "reddit"
    write = staticmethod(samples.write_reddit)

    def spoil(self, path: Path) -> None:
        after_first(path, '{"id": "c9", "author": "ada", "body": 7, "link_id": "t3_a", "created_utc": 1}\n')


class TestHackerNews(ImporterContract):
    format, bucket, markup = "hackernews", "hackernews", True
    write = staticmethod(samples.write_hackernews)

    def spoil(self, path: Path) -> None:
        after_first(path, '{"objectID": "x", "author": "ada"},', "[")


class TestTwitterWebExporter(ImporterContract):
    format, bucket = "twitter-web-exporter", "twitter"
    write = staticmethod(samples.write_twitter_web_exporter)

    def spoil(self, path: Path) -> None:
        after_first(path, '{"id": "12", "screen_name": "ada", "created_at": "2026"},', "[")


class TestTwitterWebExporterCsv(TestTwitterWebExporter):
    def write(self, folder: Path, talk: list[Line]) -> Path:
        path = folder / "twitter-Search-1.csv"
        content = samples.exported_csv([samples.exported_tweet(line) for line in talk])
        path.write_text(content, encoding="utf-8", newline="")
        return path

    def spoil(self, path: Path) -> None:
        after_first(path, '"12","soon"\n')


class TestSnscrape(ImporterContract):
    format, bucket = "snscrape", "twitter"
    write = staticmethod(samples.write_snscrape)

    def spoil(self, path: Path) -> None:
        after_first(path, '{"_type": "snscrape.modules.telegram.TelegramPost", "content": "x"}\n')


class TestZeeschuimer(ImporterContract):
    format, bucket = "zeeschuimer", "twitter"
    write = staticmethod(samples.write_zeeschuimer)

    def spoil(self, path: Path) -> None:
        after_first(path, json.dumps(samples.collected({"id": "urn:li:1"}, "linkedin.com")) + "\n")


class TestFourCat(TestZeeschuimer):
    def write(self, folder: Path, talk: list[Line]) -> Path:
        tweets = (json.dumps({**samples.web_tweet(line), "__import_meta": {}}) for line in talk)
        return samples.lines_of(folder / "twitter.ndjson", tweets)


del ImporterContract
