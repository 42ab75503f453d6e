"""A conversation written as each tool writes it; made for the tests, in the shapes of real files."""

from __future__ import annotations

import csv
import html
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from tests.contracts.importer import Line

BERLIN = ZoneInfo("Europe/Berlin")
FIRST_TWEET = 1_990_000_000_000_000_000


def escaped(text: str) -> str:
    """As Slack and Twitter hide markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def lines_of(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
    return path


def classic_tweet(line: Line, **more: Any) -> dict[str, Any]:
    """An object of the API's version 1.1."""
    native = FIRST_TWEET + line.n
    return {
        "created_at": f"{line.at:%a} {line.at:%b} {line.at:%d} {line.at:%H:%M:%S} +0000 {line.at:%Y}",
        "id": native, "id_str": str(native), "full_text": escaped(line.text), "truncated": False,
        "entities": {"hashtags": [], "urls": [], "user_mentions": []}, "lang": "en",
        "user": {"id": 7, "id_str": "7", "screen_name": line.author, "name": line.author.title()},
        "in_reply_to_status_id": None, "retweet_count": 0, **more,
    }  # fmt: skip


def write_twitter(folder: Path, talk: list[Line]) -> Path:
    return lines_of(folder / "tweets.jsonl", (json.dumps(classic_tweet(line)) for line in talk))


def modern_tweet(line: Line, **more: Any) -> dict[str, Any]:
    """A tweet of the API's version 2."""
    native = str(FIRST_TWEET + line.n)
    return {
        "id": native, "edit_history_tweet_ids": [native], "text": escaped(line.text), "author_id": line.author,
        "created_at": f"{line.at:%Y-%m-%dT%H:%M:%S}.000Z", "conversation_id": native, "lang": "en", **more,
    }  # fmt: skip


def write_twarc(folder: Path, talk: list[Line]) -> Path:
    """Pages as twarc2 writes them, two tweets each."""
    pages = []
    for pair in (talk[n : n + 2] for n in range(0, len(talk), 2)):
        users = [{"id": line.author, "username": line.author, "name": line.author.title()} for line in pair]
        page = {"data": [modern_tweet(line) for line in pair], "includes": {"users": users}}
        pages.append(
            json.dumps({**page, "meta": {"result_count": len(pair)}, "__twarc": {"version": "2.14.0"}})
        )
    return lines_of(folder / "twarc.jsonl", pages)


def archived(line: Line) -> dict[str, Any]:
    """A tweet of an archive: all numbers are text, and nobody says whose it is."""
    tweet = classic_tweet(line, id=str(FIRST_TWEET + line.n), favorite_count="3")
    del tweet["user"]
    return {"tweet": tweet}


def write_tweets_js(folder: Path, talk: list[Line]) -> Path:
    path = folder / "tweets.js"
    body = json.dumps([archived(line) for line in talk], indent=2)
    path.write_text(f"window.YTD.tweets.part0 = {body}", encoding="utf-8")
    return path


def account(name: str) -> str:
    """What ``account.js`` says."""
    who = {
        "account": {"username": name, "accountId": "7", "accountDisplayName": "Ada", "email": "a@x.example"}
    }
    return f"window.YTD.account.part0 = {json.dumps([who])}"


def slack_ts(line: Line) -> str:
    return f"{int(line.at.timestamp())}.{line.n:06d}"


def slack_message(line: Line, **more: Any) -> dict[str, Any]:
    user = f"U{line.author.upper()}"
    return {"type": "message", "user": user, "text": escaped(line.text), "ts": slack_ts(line), **more}


def slack_files(talk: list[Line]) -> dict[str, Any]:
    people = sorted({line.author for line in talk})
    return {
        "channels.json": [{"id": "C024BE91L", "name": "general"}],
        "users.json": [
            {"id": f"U{name.upper()}", "name": name, "profile": {"email": f"{name}@x.example"}}
            for name in people
        ],
        "general/2026-05-15.json": [slack_message(line) for line in talk],
    }


def write_zip(path: Path, files: dict[str, Any]) -> Path:
    with ZipFile(path, "w", ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(
                name, content if isinstance(content, str | bytes) else json.dumps(content, indent=1)
            )
    return path


def write_folder(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(
            content if isinstance(content, str) else json.dumps(content, indent=1), encoding="utf-8"
        )
    return folder


def discord_message(line: Line, **more: Any) -> dict[str, Any]:
    return {
        "id": str(1_372_000_000_000_000_000 + line.n), "type": "Default", "timestamp": line.at.isoformat(),
        "timestampEdited": None, "isPinned": False, "content": line.text, "attachments": [], "embeds": [],
        "author": {"id": "11", "name": line.author, "discriminator": "0000", "isBot": False},
        "reactions": [], "mentions": [], **more,
    }  # fmt: skip


def discord_export(messages: list[Any], kind: str = "GuildTextChat") -> dict[str, Any]:
    return {
        "guild": {"id": "100", "name": "PyCon", "iconUrl": "https://cdn.example/i.png"},
        "channel": {"id": "200", "type": kind, "categoryId": "1", "category": "Talks", "name": "hallway"},
        "dateRange": {"after": None, "before": None}, "messages": messages, "messageCount": len(messages),
    }  # fmt: skip


def write_discord(folder: Path, talk: list[Line]) -> Path:
    path = folder / "hallway.json"
    messages = [discord_message(line) for line in talk]
    path.write_text(json.dumps(discord_export(messages), indent=2), encoding="utf-8")
    return path


def zulip_message(line: Line, people: list[str], **more: Any) -> dict[str, Any]:
    return {
        "id": 500 + line.n, "sender": 10 + people.index(line.author), "recipient": 3, "subject": "keynote",
        "content": line.text, "rendered_content": "<p></p>", "date_sent": line.at.timestamp(),
        "last_edit_time": None, "edit_history": None, **more,
    }  # fmt: skip


def zulip_files(talk: list[Line]) -> dict[str, Any]:
    people = sorted({line.author for line in talk})
    realm = {
        "zerver_realm": [{"id": 2, "string_id": "pycon", "name": "PyCon"}],
        "zerver_stream": [
            {"id": 8, "name": "talks", "invite_only": False},
            {"id": 9, "name": "staff", "invite_only": True},
        ],
        "zerver_recipient": [
            {"id": 3, "type": 2, "type_id": 8},
            {"id": 4, "type": 2, "type_id": 9},
            {"id": 5, "type": 1, "type_id": 10},
        ],
        "zerver_userprofile": [
            {"id": 10 + n, "full_name": name, "email": f"{name}@x.example", "is_bot": False}
            for n, name in enumerate(people)
        ],
    }
    messages = [zulip_message(line, people) for line in talk]
    return {
        "export/realm.json": realm,
        "export/messages-000001.json": {"zerver_message": messages, "zerver_usermessage": []},
    }


def write_zulip(folder: Path, talk: list[Line]) -> Path:
    inside = write_folder(folder / "unpacked", zulip_files(talk))
    return pack_tar(folder / "zulip-export.tar.gz", inside / "export")


def pack_tar(path: Path, folder: Path) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, folder.name)
    return path


def telegram_message(line: Line, **more: Any) -> dict[str, Any]:
    return {
        "id": 10 + line.n, "type": "message", "date": f"{line.at.astimezone(BERLIN):%Y-%m-%dT%H:%M:%S}",
        "date_unixtime": str(int(line.at.timestamp())), "from": line.author, "from_id": f"user{line.author}",
        "text": line.text, "text_entities": [{"type": "plain", "text": line.text}], **more,
    }  # fmt: skip


def telegram_chat(messages: list[Any], kind: str = "public_supergroup", **more: Any) -> dict[str, Any]:
    return {"name": "PyCon chat", "type": kind, "id": 1482056085, "messages": messages, **more}


def write_telegram(folder: Path, talk: list[Line]) -> Path:
    path = folder / "result.json"
    path.write_text(json.dumps(telegram_chat([telegram_message(line) for line in talk]), indent=1), "utf-8")
    return path


def write_whatsapp(folder: Path, talk: list[Line]) -> Path:
    """As an iPhone does in Germany, with marks of direction."""
    rows = [f"[{local(line):%d.%m.%y, %H:%M:%S}] {line.author}: {line.text}" for line in talk]
    notice = f"\u200e[{local(talk[0]):%d.%m.%y, %H:%M:%S}] PyCon: \u200eMessages and calls are end-to-end encrypted."
    return lines_of(folder / "_chat.txt", [notice, *rows])


def matrix_event(line: Line, **more: Any) -> dict[str, Any]:
    return {
        "type": "m.room.message", "sender": f"@{line.author}", "content": {"msgtype": "m.text", "body": line.text},
        "origin_server_ts": int(line.at.timestamp() * 1000), "unsigned": {"age": 1}, "event_id": f"${line.n}",
        "room_id": "!a:m.example", **more,
    }  # fmt: skip


def write_matrix(folder: Path, talk: list[Line]) -> Path:
    path = folder / "matrix.json"
    about = {"room_name": "PyCon", "room_creator": "@ada:m.example", "topic": "", "export_date": "15/05/2026"}
    path.write_text(
        json.dumps({**about, "messages": [matrix_event(line) for line in talk]}, indent=1), "utf-8"
    )
    return path


def mattermost_post(line: Line, **more: Any) -> dict[str, Any]:
    return {
        "team": "pycon", "channel": "general", "user": line.author, "message": line.text,
        "create_at": int(line.at.timestamp() * 1000), "props": {}, "replies": [], **more,
    }  # fmt: skip


def mattermost_lines(posts: list[dict[str, Any]], kind: str = "O") -> list[str]:
    lines = [
        {"type": "version", "version": 1},
        {"type": "channel", "channel": {"team": "pycon", "name": "general", "type": kind}},
        {"type": "user", "user": {"username": "ada", "first_name": "Ada", "email": "ada@x.example"}},
        *({"type": "post", "post": post} for post in posts),
    ]
    return [json.dumps(line) for line in lines]


def write_mattermost(folder: Path, talk: list[Line]) -> Path:
    return lines_of(folder / "export.jsonl", mattermost_lines([mattermost_post(line) for line in talk]))


def rocketchat_message(line: Line, **more: Any) -> dict[str, Any]:
    return {
        "_id": f"id{line.n}", "rid": "GENERAL", "msg": line.text, "ts": f"{line.at:%Y-%m-%dT%H:%M:%S}.000Z",
        "u": {"_id": f"u{line.author}", "username": line.author, "name": line.author.title()},
        "_updatedAt": f"{line.at:%Y-%m-%dT%H:%M:%S}.100Z", **more,
    }  # fmt: skip


def write_rocketchat(folder: Path, talk: list[Line]) -> Path:
    """A page of the API, one message per line."""
    rows = ",\n".join(json.dumps(rocketchat_message(line)) for line in talk)
    return lines_of(folder / "page.json", ['{"messages": [', rows, '], "success": true}'])


def chat_action(line: Line, **more: Any) -> dict[str, Any]:
    """A line of yt-dlp."""
    renderer = {
        "message": {"runs": [{"text": line.text}]}, "authorName": {"simpleText": line.author}, "id": f"Cj{line.n}",
        "timestampUsec": str(int(line.at.timestamp() * 1_000_000)), "authorExternalChannelId": f"UC{line.author}",
        **more,
    }  # fmt: skip
    item = {"liveChatTextMessageRenderer": renderer}
    action = {"actions": [{"addChatItemAction": {"item": item, "clientId": "x"}}], "videoOffsetTimeMsec": "1"}
    return {"clickTrackingParams": "x", "replayChatItemAction": action, "isLive": False}


def write_live_chat(folder: Path, talk: list[Line]) -> Path:
    return lines_of(
        folder / "Keynote [abcdefghi_1].live_chat.json", (json.dumps(chat_action(line)) for line in talk)
    )


def downloaded_message(line: Line, **more: Any) -> dict[str, Any]:
    """A message of chat-downloader."""
    return {
        "action_type": "add_chat_item", "author": {"id": f"UC{line.author}", "name": line.author},
        "message": line.text, "message_id": f"Cj{line.n}", "message_type": "text_message",
        "timestamp": int(line.at.timestamp() * 1_000_000), "time_in_seconds": line.n * 60.0, **more,
    }  # fmt: skip


def github_event(line: Line, **more: Any) -> dict[str, Any]:
    return {
        "id": str(52_000_000_000 + line.n), "type": "IssueCommentEvent",
        "actor": {"id": 5, "login": line.author, "url": f"https://api.github.com/users/{line.author}"},
        "repo": {"id": 6, "name": "python/cpython", "url": "https://api.github.com/repos/python/cpython"},
        "payload": {
            "action": "created",
            "issue": {"number": 12, "title": "A bug", "html_url": "https://github.com/python/cpython/issues/12"},
            "comment": {"body": line.text, "html_url": f"https://github.com/python/cpython/issues/12#c{line.n}"},
        },
        "public": True, "created_at": f"{line.at:%Y-%m-%dT%H:%M:%SZ}", **more,
    }  # fmt: skip


def write_gharchive(folder: Path, talk: list[Line]) -> Path:
    return lines_of(folder / "2026-05-15-9.json", (json.dumps(github_event(line)) for line in talk))


def local(line: Line) -> Any:
    """The time on a wall in Berlin."""
    return line.at.astimezone(BERLIN)


def write_irssi(folder: Path, talk: list[Line]) -> Path:
    said = (
        f"{local(line):%H:%M} <{'@' if n % 2 else ' '}{line.author}> {line.text}"
        for n, line in enumerate(talk)
    )
    opened = f"--- Log opened Fri May 15 {local(talk[0]):%H:%M:%S} 2026"
    joined = f"{local(talk[0]):%H:%M} -!- zoe [~zoe@host.example] has joined #pycon"
    return lines_of(folder / "#pycon.log", [opened, joined, *said])


def write_weechat(folder: Path, talk: list[Line]) -> Path:
    said = (f"{local(line):%Y-%m-%d %H:%M:%S}\t@{line.author}\t{line.text}" for line in talk)
    joined = f"{local(talk[0]):%Y-%m-%d %H:%M:%S}\t-->\tzoe (~zoe@host.example) has joined #pycon"
    return lines_of(folder / "irc.libera.#pycon.weechatlog", [joined, *said])


def write_hexchat(folder: Path, talk: list[Line]) -> Path:
    said = (f"{local(line):%b %d %H:%M:%S} <{line.author}>\t{line.text}" for line in talk)
    begun = f"**** BEGIN LOGGING AT Fri May 15 {local(talk[0]):%H:%M:%S} 2026"
    joined = f"{local(talk[0]):%b %d %H:%M:%S} *\tzoe (~zoe@host.example) has joined"
    return lines_of(folder / "libera-#pycon.log", [begun, "", joined, *said])


def write_znc(folder: Path, talk: list[Line]) -> Path:
    said = (f"[{local(line):%H:%M:%S}] <{line.author}> {line.text}" for line in talk)
    joined = f"[{local(talk[0]):%H:%M:%S}] *** Joins: zoe (~zoe@host.example)"
    return lines_of(folder / "2026-05-15.log", [joined, *said])


def write_ii(folder: Path, talk: list[Line]) -> Path:
    joined = f"{int(talk[0].at.timestamp())} -!- zoe(~zoe@host.example) has joined #pycon"
    rows = (f"{int(line.at.timestamp())} <{line.author}> {line.text}" for line in talk)
    return lines_of(folder / "out", [joined, *rows])


def write_supybot(folder: Path, talk: list[Line]) -> Path:
    said = (f"{line.at:%Y-%m-%dT%H:%M:%S}+0000  <{line.author}> {line.text}" for line in talk)
    return lines_of(
        folder / "#pycon.log", [f"{talk[0].at:%Y-%m-%dT%H:%M:%S}+0000  *** zoe has joined #pycon", *said]
    )


def write_irc_html(folder: Path, talk: list[Line]) -> Path:
    said = (f"[{local(line):%H:%M}] &lt;{line.author}&gt; {html.escape(line.text)}" for line in talk)
    head = ["<!DOCTYPE html>", "<title>IRC logs: w3c / #pycon / 20260515</title>", '<ol id="lines">']
    items = (f' <li id="l-{n}"><a href="#l-{n}">#</a> {line}</li>' for n, line in enumerate(said, 1))
    return lines_of(folder / "20260515.html", [*head, *items, "</ol>"])


def mail(line: Line, **headers: str) -> list[str]:
    told = {
        "From": f"{line.author} <{line.author}@x.example>", "Subject": "keynote",
        "Date": f"{line.at:%a, %d %b %Y %H:%M:%S} +0000", "Message-ID": f"<{line.n}@lists.example>",
        "List-Id": "Talk <talk.lists.example>", "MIME-Version": "1.0",
        "Content-Type": 'text/plain; charset="utf-8"', "Content-Transfer-Encoding": "8bit", **headers,
    }  # fmt: skip
    first = f"From {line.author}@x.example  Fri May 15 {line.at:%H:%M:%S} 2026"
    return [first, *(f"{name}: {value}" for name, value in told.items()), "", line.text, ""]


def write_mbox(folder: Path, talk: list[Line]) -> Path:
    return lines_of(folder / "talk.mbox", [row for line in talk for row in mail(line)])


def table_rows(talk: list[Line]) -> list[dict[str, str]]:
    return [
        {"created_at": f"{line.at:%Y-%m-%dT%H:%M:%SZ}", "source": "irc:#pycon", "author": line.author,
         "text": line.text, "id": str(number), "lang": "NA"}
        for number, line in enumerate(talk)
    ]  # fmt: skip


def write_csv(folder: Path, talk: list[Line]) -> Path:
    with open(folder / "t.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table_rows(talk)[0]))
        writer.writeheader()
        writer.writerows(table_rows(talk))
    return folder / "t.csv"


def write_jsonl(folder: Path, talk: list[Line]) -> Path:
    return lines_of(folder / "t.jsonl", [json.dumps(row) for row in table_rows(talk)])


def write_parquet(folder: Path, talk: list[Line]) -> Path:
    pq.write_table(pa.Table.from_pylist(table_rows(talk)), folder / "t.parquet")
    return folder / "t.parquet"


def write_columns(folder: Path, talk: list[Line]) -> Path:
    path = folder / "said.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["When", "Who", "Said", "Mood"])
        writer.writerows([f"{local(line):%d.%m.%Y %H:%M}", line.author, line.text, "x"] for line in talk)
    return path


def did(line: Line) -> str:
    return f"did:plc:{line.author}"


def bluesky_record(line: Line, **more: Any) -> dict[str, Any]:
    return {
        "$type": "app.bsky.feed.post",
        "createdAt": f"{line.at:%Y-%m-%dT%H:%M:%S}.000Z",
        "text": line.text,
        **more,
    }


def jetstream_frame(line: Line, **more: Any) -> dict[str, Any]:
    commit = {
        "rev": "3mptbyrev2222", "operation": "create", "collection": "app.bsky.feed.post", "rkey": f"post{line.n}",
        "record": bluesky_record(line), "cid": "bafy",
    }  # fmt: skip
    micros = int(line.at.timestamp() * 1e6) + 1_500_000
    return {"did": line.author if line.author.startswith("did:") else did(line), "time_us": micros, "kind": "commit",
            "commit": {**commit, **more}}  # fmt: skip


def bluesky_view(line: Line, **more: Any) -> dict[str, Any]:
    return {
        "uri": f"at://{did(line)}/app.bsky.feed.post/post{line.n}", "cid": "bafy", "replyCount": 0,
        "author": {"did": did(line), "handle": line.author, "displayName": line.author.title()},
        "record": bluesky_record(line), "indexedAt": f"{line.at:%Y-%m-%dT%H:%M:%S}.900Z", **more,
    }  # fmt: skip


def write_bluesky(folder: Path, talk: list[Line]) -> Path:
    return lines_of(folder / "posts.jsonl", (json.dumps(bluesky_view(line)) for line in talk))


def mastodon_status(line: Line, **more: Any) -> dict[str, Any]:
    name, _, host = line.author.partition("@")
    host = host or "m.example"
    uri = f"https://{host}/users/{name}/statuses/{100 + line.n}"
    return {
        "id": str(100 + line.n), "created_at": f"{line.at:%Y-%m-%dT%H:%M:%S}.000Z", "in_reply_to_id": None,
        "sensitive": False, "spoiler_text": "", "visibility": "public", "language": "en", "uri": uri,
        "url": f"https://{host}/@{name}/{100 + line.n}", "content": f"<p>{html.escape(line.text)}</p>",
        "reblog": None, "media_attachments": [], "mentions": [], "tags": [],
        "account": {"id": "1", "username": name, "acct": name, "url": f"https://{host}/@{name}"}, **more,
    }  # fmt: skip


def write_mastodon(folder: Path, talk: list[Line]) -> Path:
    path = folder / "timeline.json"
    path.write_text(json.dumps([mastodon_status(line) for line in talk], indent=1), encoding="utf-8")
    return path


def activity(line: Line, **more: Any) -> dict[str, Any]:
    """An activity of an outbox."""
    status = mastodon_status(line)
    actor = status["uri"].partition("/statuses/")[0]
    to = {"to": ["https://www.w3.org/ns/activitystreams#Public"], "cc": [f"{actor}/followers"]}
    note = {
        "id": status["uri"], "type": "Note", "summary": None, "inReplyTo": None, "url": status["url"],
        "published": f"{line.at:%Y-%m-%dT%H:%M:%SZ}", "attributedTo": actor, "sensitive": False, **to,
        "content": status["content"], "contentMap": {"en": status["content"]}, "attachment": [], "tag": [], **more,
    }  # fmt: skip
    return {
        "id": f"{status['uri']}/activity", "type": "Create", "actor": actor, "published": note["published"], **to,
        "object": note,
    }  # fmt: skip


def outbox(activities: list[Any]) -> dict[str, Any]:
    return {
        "@context": "https://www.w3.org/ns/activitystreams", "id": "outbox.json", "type": "OrderedCollection",
        "totalItems": len(activities), "orderedItems": activities,
    }  # fmt: skip


def write_mastodon_archive(folder: Path, talk: list[Line]) -> Path:
    path = folder / "outbox.json"
    path.write_text(json.dumps(outbox([activity(line) for line in talk])), encoding="utf-8")
    return path


def reddit_comment(line: Line, **more: Any) -> dict[str, Any]:
    return {
        "id": f"c{line.n}", "author": line.author, "body": escaped(line.text), "created_utc": int(line.at.timestamp()),
        "link_id": "t3_abc", "parent_id": "t3_abc", "subreddit": "Python", "score": 1, "edited": False,
        "retrieved_on": 1_800_000_000, **more,
    }  # fmt: skip


def write_reddit(folder: Path, talk: list[Line]) -> Path:
    return lines_of(folder / "RC_2026-05", (json.dumps(reddit_comment(line)) for line in talk))


def algolia_hit(line: Line, **more: Any) -> dict[str, Any]:
    return {
        "objectID": str(900 + line.n), "created_at": f"{line.at:%Y-%m-%dT%H:%M:%SZ}",
        "created_at_i": int(line.at.timestamp()), "author": line.author, "comment_text": html.escape(line.text),
        "story_id": 7, "parent_id": 7, "_tags": ["comment", f"author_{line.author}", "story_7"], **more,
    }  # fmt: skip


def write_hackernews(folder: Path, talk: list[Line]) -> Path:
    path = folder / "search.json"
    path.write_text(json.dumps([algolia_hit(line) for line in talk], indent=1), encoding="utf-8")
    return path


def tweet_address(line: Line) -> str:
    return f"https://x.com/{line.author}/status/{FIRST_TWEET + line.n}"


def exported_tweet(line: Line, **more: Any) -> dict[str, Any]:
    """A row of twitter-web-exporter."""
    return {
        "id": str(FIRST_TWEET + line.n), "created_at": f"{line.at:%Y-%m-%d %H:%M:%S} +00:00",
        "full_text": escaped(line.text), "media": [], "screen_name": line.author, "name": line.author.title(),
        "profile_image_url": "https://pbs.example/1.jpg", "user_id": "7", "in_reply_to": None,
        "retweeted_status": None, "quoted_status": None, "media_tags": [], "favorite_count": 1, "retweet_count": 0,
        "url": tweet_address(line), **more,
    }  # fmt: skip


def write_twitter_web_exporter(folder: Path, talk: list[Line]) -> Path:
    path = folder / "twitter-Search-1.json"
    path.write_text(json.dumps([exported_tweet(line) for line in talk], indent=2), encoding="utf-8")
    return path


def exported_csv(rows: list[dict[str, Any]]) -> str:
    """Rows as twitter-web-exporter writes them: numbers bare, other values quoted, line ends written out."""

    def cell(value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        text = value if isinstance(value, str) else json.dumps(value)
        quoted = text.replace('"', '""').replace("\n", "\\n").replace("\r", "\\r")
        return f'"{quoted}"'

    lines = [",".join(rows[0]), *(",".join(map(cell, row.values())) for row in rows)]
    return "\ufeff" + "".join(f"{line}\n" for line in lines)


def scraped_tweet(line: Line, **more: Any) -> dict[str, Any]:
    """A line of snscrape."""
    return {
        "_type": "snscrape.modules.twitter.Tweet", "url": tweet_address(line), "date": line.at.isoformat(),
        "rawContent": escaped(line.text), "renderedContent": line.text, "id": FIRST_TWEET + line.n,
        "user": {"_type": "snscrape.modules.twitter.User", "username": line.author, "id": 7, "displayname": "A"},
        "conversationId": FIRST_TWEET + line.n, "lang": "en", "links": None, "media": None, "retweetedTweet": None,
        "quotedTweet": None, "inReplyToTweetId": None, "mentionedUsers": None, "hashtags": None, **more,
    }  # fmt: skip


def write_snscrape(folder: Path, talk: list[Line]) -> Path:
    return lines_of(folder / "tweets.jsonl", (json.dumps(scraped_tweet(line)) for line in talk))


def web_tweet(line: Line, **legacy: Any) -> dict[str, Any]:
    """A tweet as the website of X loads it."""
    tweet = classic_tweet(line)
    tweet.pop("user")
    return {
        "__typename": "Tweet", "rest_id": tweet["id_str"], "id": tweet["id_str"], "source": "<a>web</a>",
        "core": {"user_results": {"result": {
            "rest_id": "7", "legacy": {"screen_name": line.author, "name": line.author.title()},
        }}},
        "legacy": {**tweet, "conversation_id_str": tweet["id_str"], "user_id_str": "7", **legacy},
    }  # fmt: skip


def collected(item: Any, platform: str = "x.com") -> dict[str, Any]:
    """An item in the envelope of Zeeschuimer."""
    return {
        "id": 1, "nav_index": "1:2:0", "item_id": "1", "timestamp_collected": 1_778_835_600_000,
        "source_platform": platform, "source_platform_url": f"https://{platform}/search",
        "source_url": f"https://{platform}/api", "user_agent": "Mozilla/5.0", "data": item,
    }  # fmt: skip


def write_zeeschuimer(folder: Path, talk: list[Line]) -> Path:
    return lines_of(folder / "export.ndjson", (json.dumps(collected(web_tweet(line))) for line in talk))
