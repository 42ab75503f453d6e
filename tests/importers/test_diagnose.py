"""Files that are not supported are named, with what to export instead; a wrong format is reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rtanalytics.importers import ImporterError, Skipped, detect, open_events
from tests.contracts.importer import TALK
from tests.importers import samples

FILES: dict[str, tuple[str, str]] = {
    "Telegram": (
        '<!DOCTYPE html>\n<html><head><title>Exported Data</title></head><body><div class="page_wrap">',
        "Machine-readable JSON",
    ),
    "Element": ('<!DOCTYPE html><html lang="en"><body class="mx_Export_EventWrapper">', "format JSON"),
    "DiscordChatExporter": ('<!DOCTYPE html><html><!-- x --><div class="chatlog__message">', "format Json"),
    "DiscordChatExporter, table": ("AuthorID,Author,Date,Content,Attachments,Reactions\n", "format Json"),
    "Discord's package": ("ID,Timestamp,Contents,Attachments\n1,2026-05-15,hi,\n", "whole channels"),
    "Discord's package, JSON": (
        '[{"ID": 1, "Timestamp": "x", "Contents": "hi", "Attachments": ""}]',
        "whole",
    ),
    "Google Chat": (
        '{"messages": [{"creator": {"name": "Ann"}, "created_date": "x", "text": "hi", "topic_id": "1"}]}',
        "created_at=created_date",
    ),
    "Hangouts": ('{"conversations": [{"conversation_state": {"event": []}, "event": []}]}', "--columns"),
    "Skype": ('{"userId": "8:x", "exportDate": "x", "conversations": []}', "--columns"),
    "Teams": (
        '{"value": [{"createdDateTime": "x", "body": {"contentType": "html", "content": "hi"}}]}',
        "content",
    ),
    "Messenger": (
        '{"participants": [], "messages": [{"sender_name": "Ann", "timestamp_ms": 1}]}',
        "--columns",
    ),
    "Signal": ('{"conversationId": "x", "sent_at": 1, "body": "hi"}', "--columns"),
    "Zoom": ("10:02:03 From Ann Smith to Everyone:\n\thello\n", "--columns"),
    "LINE": ("[LINE] Chat history with PyCon\nSaved on: 2026/05/15\n", "--columns"),
    "rooms of Rocket.Chat": (
        '{"channels": [{"_id": "x", "t": "c", "usersCount": 1}], "success": true}',
        "list of rooms",
    ),
    "rooms of Mattermost": (
        '[{"id": "x", "team_id": "y", "display_name": "z", "total_msg_count": 1}]',
        "list of rooms",
    ),
    "rooms of Matrix": ('{"joined_rooms": ["!a:m.example"]}', "list of rooms"),
    "channels of Zulip": (
        '{"result": "success", "streams": [{"stream_id": 1, "name": "x"}]}',
        "list of rooms",
    ),
    "API of Discord": (
        '[{"id": "1", "channel_id": "2", "content": "x", "mention_roles": [], "mention_everyone": false}]',
        "Json",
    ),
    "Meetup": ('{"results": [{"yes_rsvp_count": 3, "group": {"name": "x"}}]}', "schedule"),
}


@pytest.mark.parametrize("name", list(FILES))
def test_a_file_that_is_not_supported_is_named(tmp_path: Path, name: str) -> None:
    """With a way to get one that is; whatever its suffix."""
    content, advice = FILES[name]
    for suffix in ("", ".json", ".csv", ".txt"):
        path = tmp_path / f"download{suffix}"
        path.write_text(content, encoding="utf-8")
        with pytest.raises(ImporterError, match=advice) as raised:
            detect(path)
        assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        (["messages/c123/messages.json", "messages/index.json"], "DiscordChatExporter"),
        (["Messages/c123/channel.json"], "DiscordChatExporter"),
        (["Takeout/Google Chat/Groups/DM 1/messages.json"], "created_date"),
        (["chats/chat_01/messages.html", "export_results.html"], "Machine-readable JSON"),
        (["messages/inbox/ann_1/message_1.json"], "--columns"),
    ],
)
def test_an_export_of_many_files_is_named(tmp_path: Path, names: list[str], advice: str) -> None:
    """As zip and as folder."""
    path = samples.write_zip(tmp_path / "download.zip", dict.fromkeys([*names, "other"], "{}"))
    folder = samples.write_folder(tmp_path / "folder", dict.fromkeys([*names, "other"], "{}"))
    for place in (path, folder):
        with pytest.raises(ImporterError, match=advice):
            detect(place)


@pytest.mark.parametrize(
    ("write", "form"),
    [
        (samples.write_discord, "slack"), (samples.write_telegram, "twitter"), (samples.write_znc, "telegram"),
        (samples.write_whatsapp, "znc"), (samples.write_twitter, "mbox"), (samples.write_irssi, "whatsapp"),
        (samples.write_mbox, "irssi"), (samples.write_mattermost, "gharchive"), (samples.write_discord, "zulip"),
        (samples.write_matrix, "discord"), (samples.write_weechat, "irc-html"), (samples.write_discord, "live-chat"),
    ],
)  # fmt: skip
def test_a_wrong_format_is_reported_with_the_right_one(tmp_path: Path, write: Any, form: str) -> None:
    """Instead of nothing read, or rows that are rejected one by one."""
    path = write(tmp_path, TALK)
    right = detect(path)
    with pytest.raises(ImporterError, match=rf"is not of format {form} but {right}: .*--format {right}"):
        list(open_events(path, form))


def test_a_wrong_format_of_a_file_that_is_not_supported(tmp_path: Path) -> None:
    """Says what it is."""
    path = tmp_path / "x"
    path.write_text(FILES["Skype"][0], encoding="utf-8")
    with pytest.raises(ImporterError, match=r"is not of format slack; it is an export of Skype"):
        list(open_events(path, "slack"))


def test_an_answer_without_messages_is_reported(tmp_path: Path) -> None:
    """An empty page of an API."""
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"ok": True, "messages": [], "has_more": False}), encoding="utf-8")
    (item,) = open_events(path)
    assert isinstance(item, Skipped)
    assert str(path) in item.what
