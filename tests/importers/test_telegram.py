"""Telegram's export: text in pieces, topics, edits, forwards, notices, and private chats."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rtanalytics.event import Event
from rtanalytics.importers import ImporterError, Options, Skipped, detect, open_events
from tests.contracts.importer import TALK
from tests.importers.samples import telegram_chat, telegram_message, write_zip

FIRST, SECOND, THIRD, _ = TALK


def export(folder: Path, document: Any) -> Path:
    path = folder / "result.json"
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return path


def events(path: Path, **options: Any) -> list[Event]:
    return [item for item in open_events(path, None, Options(**options)) if isinstance(item, Event)]


def service(line: Any, action: str, **more: Any) -> dict[str, Any]:
    message = telegram_message(line, action=action, actor=line.author, actor_id="user1", **more)
    del message["from"], message["from_id"]
    return message | {"type": "service", "text": ""}


def test_text_in_pieces_is_joined_with_its_links_and_mentions(tmp_path: Path) -> None:
    """Hashtags, mentions, links with other words, and code."""
    text = [
        "hi ", {"type": "mention", "text": "@bob"}, ", ", {"type": "hashtag", "text": "#pycon"}, " ",
        {"type": "text_link", "text": "slides", "href": "https://x.example/s"}, {"type": "code", "text": " a < b"},
    ]  # fmt: skip
    (event,) = events(export(tmp_path, telegram_chat([telegram_message(FIRST, text=text)])))
    assert event.text == "hi @bob, #pycon slides a < b"
    assert (event.tags, event.mentions, event.links) == (["pycon"], ["bob"], ["https://x.example/s"])
    assert (event.id, event.author and event.author.id) == ("telegram:1482056085:10", "userada")


def test_replies_edits_forwards_and_deleted_accounts(tmp_path: Path) -> None:
    """An account that is gone is known by its id; a forward is a repost."""
    edited = {"edited": "2026-05-15T11:40:00", "edited_unixtime": "1778838000"}
    messages = [
        telegram_message(FIRST, **{"from": None, "from_id": "user9"}),
        telegram_message(SECOND, reply_to_message_id=10, **edited),
        telegram_message(THIRD, forwarded_from="News", reply_to_message_id=3, reply_to_peer_id="channel7"),
    ]
    gone, reply, forward = events(export(tmp_path, telegram_chat(messages)))
    assert gone.handle == "user9"
    assert (reply.reply_to, reply.thread) == (gone.id, None)
    assert reply.edited_at == datetime(2026, 5, 15, 9, 40, tzinfo=UTC)
    assert (forward.type, forward.reply_to) == ("repost", None)


def test_topics_of_a_forum_are_threads(tmp_path: Path) -> None:
    """Messages in them reply to the message that created the topic, or to each other."""
    messages = [
        service(FIRST, "topic_created", title="Rust"),
        telegram_message(SECOND, reply_to_message_id=10),
        telegram_message(THIRD, reply_to_message_id=11),
    ]
    topic, first, second = events(export(tmp_path, telegram_chat(messages)))
    assert (topic.type, topic.text) == ("topic", "Rust")
    assert (first.thread, first.reply_to, first.to) == (topic.id, None, "PyCon chat > Rust")
    assert (second.thread, second.reply_to) == (topic.id, first.id)


@pytest.mark.parametrize(
    ("action", "kind"),
    [("invite_members", "join"), ("join_group_by_link", "join"), ("remove_members", "part"), ("pin_message", "mode")],
)  # fmt: skip
def test_notices_of_a_chat_are_imported_on_demand(tmp_path: Path, action: str, kind: str) -> None:
    """Joins and parts are not conversation."""
    path = export(tmp_path, telegram_chat([service(FIRST, action), telegram_message(SECOND)]))
    assert [e.type for e in events(path)] == ["message"]
    assert next((e.type, e.handle) for e in events(path, presence=True)) == (kind, "ada")


@pytest.mark.parametrize("kind", ["personal_chat", "private_supergroup", "saved_messages", "private_channel"])
def test_a_private_chat_needs_to_be_asked_for(tmp_path: Path, kind: str) -> None:
    """The error has the option that imports it."""
    path = export(tmp_path, telegram_chat([telegram_message(FIRST)], kind))
    assert detect(path) == "telegram"
    with pytest.raises(ImporterError, match=rf"private chat \({kind}\)") as raised:
        events(path)
    assert raised.value.add == ("--private",)
    assert len(events(path, private=True)) == 1


def test_an_account_gives_its_public_chats(tmp_path: Path) -> None:
    """Chats that were left too; messages of private ones are counted, without their names."""
    chats = [
        telegram_chat([telegram_message(FIRST), telegram_message(SECOND)], "personal_chat", name="Zoe", id=1),
        telegram_chat([telegram_message(FIRST)], "public_channel", name="News", id=2),
    ]
    left = {"list": [telegram_chat([telegram_message(SECOND)], "public_group", name="Old", id=3)]}
    contacts = {"list": [{"first_name": f"Person {n}", "phone_number": "+1"} for n in range(2000)]}
    about = "Here is the data you requested. Remember: Telegram is ad free"
    account = {"about": about, "contacts": contacts, "chats": {"list": chats}, "left_chats": left}
    path = export(tmp_path, account)
    path = path.rename(tmp_path / "download.json")
    assert detect(path) == "telegram"  # the chats are behind the contacts
    *read, last = open_events(path)
    assert [e.channel for e in read if isinstance(e, Event)] == ["News", "Old"]
    assert isinstance(last, Skipped)
    assert last.count == 2
    assert "Zoe" not in str(last)


def test_times_without_seconds_since_1970_need_a_zone(tmp_path: Path) -> None:
    """Exports before 2022 have local times only, and 1970 for messages that were not edited."""
    message = telegram_message(FIRST, edited="1970-01-01T01:00:00", from_id=5)
    del message["date_unixtime"]
    path = export(tmp_path, telegram_chat([message]))
    assert events(path) == []
    (event,) = events(path, zone="Europe/Berlin")
    assert (event.created_at, event.edited_at) == (FIRST.at, None)


def test_an_export_is_found_in_its_folder_and_zip(tmp_path: Path) -> None:
    """Beside its photos."""
    chat = telegram_chat([telegram_message(line) for line in TALK])
    path = write_zip(
        tmp_path / "export.zip", {"ChatExport/result.json": chat, "ChatExport/photos/1.jpg": "x"}
    )
    (tmp_path / "ChatExport").mkdir()
    export(tmp_path / "ChatExport", chat)
    for place in (path, tmp_path / "ChatExport"):
        assert detect(place) == "telegram"
        assert len(events(place)) == len(TALK)


def test_a_chat_without_messages_is_reported(tmp_path: Path) -> None:
    """Not passed over in silence."""
    (skipped,) = open_events(export(tmp_path, telegram_chat([])))
    assert isinstance(skipped, Skipped)
    assert "without messages" in skipped.what
