"""Matrix, Mattermost, Rocket.Chat and live chats: replies, edits, what is private, and notices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rtanalytics.event import Event
from rtanalytics.importers import Options, Rejected, Skipped, detect, open_events
from tests.contracts.importer import TALK
from tests.importers.samples import (
    chat_action,
    downloaded_message,
    lines_of,
    matrix_event,
    mattermost_lines,
    mattermost_post,
    rocketchat_message,
    write_zip,
)

FIRST, SECOND, THIRD, _ = TALK


def document(folder: Path, value: Any, name: str = "download") -> Path:
    path = folder / name
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")
    return path


def read(path: Path, **options: Any) -> tuple[list[Event], list[str]]:
    """The events of a file, and what else was reported."""
    items = list(open_events(path, None, Options(**options)))
    return [i for i in items if isinstance(i, Event)], [str(i) for i in items if not isinstance(i, Event)]


# --- Matrix ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["messages", "chunk", "events", None])
def test_a_room_of_matrix_is_read_in_every_layout(tmp_path: Path, name: str | None) -> None:
    """An export of Element, pages of the API, and a list of events."""
    items = [matrix_event(line) for line in TALK]
    path = document(tmp_path, {"room_name": "PyCon", "export_date": "x", name: items} if name else items)
    assert detect(path) == "matrix"
    imported, others = read(path)
    assert others == []
    assert [(e.id, e.handle) for e in imported[:2]] == [("matrix::$0", "ada"), ("matrix::$1", "bob")]
    assert {e.channel for e in imported} == {"PyCon" if name else "!a:m.example"}


def test_edits_deletions_and_encrypted_messages_of_matrix(tmp_path: Path) -> None:
    """Only the author may edit; encrypted messages are counted with what to do."""
    new = {"msgtype": "m.text", "body": "at ten"}
    edit = {"m.new_content": new, "body": "* at ten", "msgtype": "m.text"}
    edit["m.relates_to"] = {"rel_type": "m.replace", "event_id": "$0"}
    items = [
        matrix_event(FIRST),
        matrix_event(SECOND, content=edit, event_id="$9"),  # by another person
        matrix_event(THIRD, content=edit, event_id="$8"),
        matrix_event(THIRD, type="m.room.encrypted", event_id="$7"),
        matrix_event(THIRD, type="m.room.redaction", redacts="$0", event_id="$6", content={}),
        matrix_event(
            THIRD, type="m.room.member", state_key="@eve", event_id="$5", content={"membership": "join"}
        ),
    ]
    path = document(tmp_path, {"room_name": "PyCon", "export_date": "x", "messages": items})
    imported, others = read(path)
    assert [(e.id, e.op, e.text) for e in imported] == [
        ("matrix::$0", "create", FIRST.text), ("matrix::$0", "update", "at ten"), ("matrix::$0", "delete", None),
    ]  # fmt: skip
    assert others == ["1 encrypted messages (export the room from a client that can read them)"]
    assert "join" in [e.type for e in read(path, presence=True)[0]]


def test_a_room_of_matrix_is_found_in_its_zip(tmp_path: Path) -> None:
    """Beside its pictures."""
    export = {"room_name": "PyCon", "export_date": "x", "messages": [matrix_event(FIRST)]}
    path = write_zip(tmp_path / "a.zip", {"export.json": export, "images/x.png": "x"})
    assert detect(path) == "matrix"
    assert [e.text for e in read(path)[0]] == [FIRST.text]


# --- Mattermost --------------------------------------------------------------------------------


def test_replies_of_mattermost_lead_to_their_post(tmp_path: Path) -> None:
    """Authors have their names, and no addresses; an edit keeps the id."""
    reply = {"user": "bob", "message": "hi @ada.", "create_at": 1778837460000}
    post = mattermost_post(FIRST, replies=[reply])
    imported, _ = read(lines_of(tmp_path / "a", mattermost_lines([post])))
    assert (imported[1].reply_to, imported[1].thread, imported[1].mentions) == (
        imported[0].id,
        imported[0].id,
        ["ada"],
    )
    assert imported[0].author is not None
    assert imported[0].author.name == "Ada"
    assert "x.example" not in repr(imported[0].author)
    edited = mattermost_post(FIRST, message="at ten", edit_at=1778837500000)
    (later,), _ = read(lines_of(tmp_path / "b", mattermost_lines([edited])))
    assert later.id == imported[0].id
    assert later.edited_at is not None


def test_private_posts_of_mattermost_are_left_out(tmp_path: Path) -> None:
    """Of private channels and direct messages, on demand."""
    direct = {"channel_members": ["ada", "bob"], "user": "ada", "message": "psst", "create_at": 1778837400000}
    rows = mattermost_lines([mattermost_post(FIRST)], "P")
    rows.append(json.dumps({"type": "direct_post", "direct_post": direct}))
    path = lines_of(tmp_path / "a", rows)
    imported, others = read(path)
    assert imported == []
    assert others == ["2 posts in private channels and direct messages (--private imports them)"]
    assert [e.text for e in read(path, private=True)[0]] == [FIRST.text, "psst"]


def test_two_posts_of_a_bot_in_the_same_millisecond_are_two(tmp_path: Path) -> None:
    """And its joins are imported on demand."""
    posts = [mattermost_post(FIRST), mattermost_post(FIRST, message="other")]
    posts.append(mattermost_post(SECOND, type="system_join_channel"))
    path = lines_of(tmp_path / "a", mattermost_lines(posts))
    assert len({e.id for e in read(path)[0]}) == 2
    assert [e.type for e in read(path, presence=True)[0]] == ["message", "message", "join"]


def api_post(n: int, **more: Any) -> dict[str, Any]:
    at = int(TALK[n].at.timestamp() * 1000)
    return {
        "id": f"post{n}", "create_at": at, "update_at": at, "edit_at": 0, "delete_at": 0, "user_id": "u1",
        "channel_id": "c1", "root_id": "", "message": TALK[n].text, "type": "", "props": {}, **more,
    }  # fmt: skip


@pytest.mark.parametrize("paged", [True, False])
def test_posts_of_mattermosts_api_are_read(tmp_path: Path, paged: bool) -> None:
    """A page with posts by id, or a list as mmctl prints it."""
    posts = [api_post(0), api_post(1, root_id="post0"), api_post(2, delete_at=1778837600000)]
    page = {"order": ["post0"], "posts": {post["id"]: post for post in posts}}
    path = document(tmp_path, page if paged else posts)
    assert detect(path) == "mattermost"
    imported, _ = read(path, channel="#talks")
    assert [(e.id, e.op, e.channel) for e in imported] == [
        ("mattermost::post0", "create", "#talks"), ("mattermost::post1", "create", "#talks"),
        ("mattermost::post2", "delete", "#talks"),
    ]  # fmt: skip
    assert imported[1].reply_to == "mattermost::post0"


def test_a_bulk_export_of_mattermost_is_found_in_its_zip(tmp_path: Path) -> None:
    """Beside the files that were attached."""
    rows = "\n".join(mattermost_lines([mattermost_post(line) for line in TALK]))
    path = write_zip(tmp_path / "export.zip", {"import.jsonl": rows, "data/20260515/x.png": "x"})
    assert detect(path) == "mattermost"
    assert len(read(path)[0]) == len(TALK)


# --- Rocket.Chat -------------------------------------------------------------------------------


def test_messages_of_rocketchat_are_read_in_every_layout(tmp_path: Path) -> None:
    """A page of the API, a list, lines of mongoexport, and what people download of their own rooms."""
    messages = [rocketchat_message(line) for line in TALK]
    of_database = [{**message, "ts": {"$date": message["ts"]}} for message in messages]
    paths = [
        document(tmp_path, {"messages": messages, "count": 4, "success": True}, "a"),
        document(tmp_path, messages, "b"),
        lines_of(tmp_path / "c", map(json.dumps, of_database)),
    ]
    for path in paths:
        assert detect(path) == "rocketchat"
        imported, others = read(path)
        assert [(e.id, e.created_at, e.handle) for e in imported] == [
            (f"rocketchat::id{line.n}", line.at, line.author) for line in TALK
        ]
        assert others == []
    own = [
        {"msg": line.text, "username": line.author, "ts": f"{line.at:%Y-%m-%dT%H:%M:%SZ}"} for line in TALK
    ]
    path = lines_of(tmp_path / "general.json", map(json.dumps, own))
    assert detect(path) == "rocketchat"
    assert [(e.handle, e.text, e.channel) for e in read(path)[0]] == [
        (line.author, line.text, "#general") for line in TALK
    ]


def test_threads_edits_notices_and_direct_messages_of_rocketchat(tmp_path: Path) -> None:
    """Direct messages are known by the id of their room."""
    messages = [
        rocketchat_message(FIRST),
        rocketchat_message(
            SECOND, tmid="id0", editedAt="2026-05-15T10:00:00Z", mentions=[{"username": "ada"}]
        ),
        rocketchat_message(THIRD, t="uj", msg="ada"),
        rocketchat_message(THIRD, t="rm", msg="", _id="id0"),
        rocketchat_message(THIRD, t="e2e", msg="rAnDoM", _id="id9"),
        rocketchat_message(THIRD, rid="uadaubob", _id="id8"),
    ]
    path = document(tmp_path, {"messages": messages, "success": True})
    (root, reply, deletion), others = read(path)
    assert (reply.reply_to, reply.mentions, reply.edited_at is not None) == (root.id, ["ada"], True)
    assert (deletion.id, deletion.op) == (root.id, "delete")
    assert others == ["1 direct messages (--private imports them)", "1 encrypted messages"]
    assert [e.type for e in read(path, presence=True, private=True)[0]].count("join") == 1


# --- live chats --------------------------------------------------------------------------------


def test_a_live_chat_has_its_emoji_paid_messages_and_deletions(tmp_path: Path) -> None:
    """Notices and tickers of YouTube are counted."""
    runs = [
        {"text": "great "}, {"emoji": {"emojiId": "🎉", "shortcuts": [":tada:"]}},
        {"emoji": {"emojiId": "UC1/x", "shortcuts": [":hi:"], "isCustomEmoji": True}},
    ]  # fmt: skip
    paid = chat_action(SECOND)
    item = paid["replayChatItemAction"]["actions"][0]["addChatItemAction"]["item"]
    item["liveChatPaidMessageRenderer"] = item.pop("liveChatTextMessageRenderer")
    ticker = {"replayChatItemAction": {"actions": [{"addLiveChatTickerItemAction": {"item": {}}}]}}
    removed = {"markChatItemAsDeletedAction": {"targetItemId": "Cj0"}}
    rows = [
        chat_action(FIRST, message={"runs": runs}), paid, ticker,
        {"replayChatItemAction": {"actions": [removed]}},
    ]  # fmt: skip
    path = lines_of(tmp_path / "Keynote [abcdefghi_1].live_chat.json", map(json.dumps, rows))
    (first, second, deletion), others = read(path)
    assert (first.text, first.channel) == ("great 🎉:hi:", "abcdefghi_1")
    assert second.text == SECOND.text
    assert (deletion.id, deletion.op) == (first.id, "delete")
    assert others == ["1 notices of the chat, such as pinned messages and tickers"]


def test_live_chats_of_other_tools_are_read(tmp_path: Path) -> None:
    """chat-downloader's lists and lines, also of Twitch, and YouTube's Data API."""
    resource = {
        "kind": "youtube#liveChatMessage", "id": "LCC.1",
        "snippet": {"publishedAt": "2026-05-15T09:30:00.645Z", "displayMessage": "hi", "authorChannelId": "UC1"},
        "authorDetails": {"displayName": "Ada", "channelId": "UC1"},
    }  # fmt: skip
    twitch = downloaded_message(FIRST, message_id="0f0e0d0c-1111-2222-3333-444455556666")
    gift = downloaded_message(SECOND, message_type="mystery_subscription_gift", message=None)
    paths = [
        (
            document(tmp_path, {"kind": "youtube#liveChatMessageListResponse", "items": [resource]}, "a"),
            ["hi"],
        ),
        (lines_of(tmp_path / "b", [json.dumps(twitch), json.dumps(gift)]), [FIRST.text]),
    ]
    for path, texts in paths:
        assert detect(path) == "live-chat"
        assert [e.text for e in read(path)[0]] == texts
    assert [e.bucket for e in read(paths[1][0])[0]] == ["twitch"]


def test_a_message_with_its_place_in_the_video_only_is_rejected(tmp_path: Path) -> None:
    """With what to do."""
    message = downloaded_message(FIRST)
    del message["timestamp"]
    (bad,) = open_events(document(tmp_path, [message]))
    assert isinstance(bad, Rejected)
    assert "with its times" in bad.reason


@pytest.mark.parametrize(
    "value",
    [
        {"room_name": "PyCon", "export_date": "x", "messages": []},
        {"messages": [matrix_event(FIRST, type="m.room.name", content={"name": "x"}, state_key="")]},
    ],
)
def test_a_room_without_messages_is_reported(tmp_path: Path, value: Any) -> None:
    """Not passed over in silence."""
    (item,) = open_events(document(tmp_path, value))
    assert isinstance(item, Skipped)
    assert "without messages" in item.what
