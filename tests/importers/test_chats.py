"""Exports of Slack, Discord and Zulip: people, threads, edits, and what was said in private."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from rtanalytics.archive import Recording, import_into
from rtanalytics.event import Author, Event, decode, encode
from rtanalytics.importers import ImporterError, Options, Rejected, detect, open_events
from tests.contracts.importer import TALK, Line
from tests.importers.samples import (
    discord_export,
    discord_message,
    slack_files,
    slack_message,
    slack_ts,
    write_folder,
    write_zip,
    zulip_files,
    zulip_message,
)
from tests.sources.mutations import mutated

FIRST, SECOND = TALK[0], TALK[1]


def events(path: Path, **options: Any) -> list[Event]:
    """The events of a sound export."""
    read = list(open_events(path, options=Options(**options)))
    assert [str(item) for item in read if not isinstance(item, Event)] == []
    return [item for item in read if isinstance(item, Event)]


# --- Slack -------------------------------------------------------------------------------------


def slack(folder: Path, *messages: dict[str, Any], **lists: Any) -> Path:
    """An export with these messages in its one channel."""
    files = {**slack_files(TALK), "general/2026-05-15.json": list(messages)}
    return write_zip(
        folder / "slack.zip", {**files, **{f"{name}.json": value for name, value in lists.items()}}
    )


def test_slack_markup_becomes_what_was_shown(tmp_path: Path) -> None:
    """People and channels by name, links with their label, entities resolved once."""
    text = (
        "<@UBOB>: see <#C024BE91L> and <https://x.example/?a=1&amp;b=2|the slides> &lt;3 "
        "<!here> <https://x.example/> <@UGONE|zoe> &amp;amp;"
    )
    (event,) = events(slack(tmp_path, {**slack_message(FIRST), "text": text}))
    assert event.text == (
        "@bob: see #general and the slides (https://x.example/?a=1&b=2) <3 @here https://x.example/ @zoe &amp;"
    )
    assert event.mentions == ["bob", "zoe"]
    assert event.links == ["https://x.example/?a=1&b=2", "https://x.example/"]
    assert (event.id, event.source) == (f"slack:C024BE91L:{slack_ts(FIRST)}", "slack:#general")


def test_slack_threads_edits_and_deletions_are_carried(tmp_path: Path) -> None:
    """An answer leads to its thread, an edit replaces, a deletion removes; in whatever order they are read."""
    reply = slack_message(SECOND, thread_ts=slack_ts(FIRST))
    changed = {**slack_message(FIRST), "text": "at ten", "edited": {"user": "UADA", "ts": slack_ts(TALK[3])}}
    history = [
        slack_message(FIRST, thread_ts=slack_ts(FIRST)),
        reply,
        {"type": "message", "subtype": "message_changed", "ts": slack_ts(TALK[3]), "message": changed},
        slack_message(TALK[2]),
        {
            "type": "message",
            "subtype": "message_deleted",
            "deleted_ts": slack_ts(TALK[2]),
            "ts": slack_ts(TALK[3]),
        },
    ]
    told = events(slack(tmp_path, *history))
    root = told[0].id
    assert (told[0].thread, told[1].thread, told[1].reply_to) == (None, root, root)
    assert (told[2].id, told[2].edited_at) == (root, TALK[3].at.replace(microsecond=TALK[3].n))
    for _ in range(2):
        import_into(tmp_path / "a", open_events(tmp_path / "slack.zip"), edits=True)
        assert [e.text for e in Recording(tmp_path / "a")] == ["at ten", SECOND.text]


def test_private_conversations_of_slack_are_left_out_and_reported(tmp_path: Path) -> None:
    """Private channels, groups and direct messages, listed or only named so; all on demand."""
    files = slack_files(TALK)
    files |= {
        "groups.json": [{"id": "G1", "name": "staff"}], "dms.json": [{"id": "D024BE91L"}],
        "staff/2026-05-15.json": [slack_message(FIRST)], "D024BE91L/2026-05-15.json": [slack_message(FIRST)],
        "mpdm-ada--bob-1/2026-05-15.json": [slack_message(FIRST)],
    }  # fmt: skip
    path = write_zip(tmp_path / "slack.zip", files)
    read = list(open_events(path))
    left = [item for item in read if isinstance(item, Rejected)]
    assert {e.channel for e in read if isinstance(e, Event)} == {"#general"}
    assert sorted(item.where for item in left) == sorted(
        f"folder '{name}'" for name in ("staff", "D024BE91L", "mpdm-ada--bob-1")
    )
    assert all("--private" in item.reason for item in left)
    assert len(events(path, private=True)) == len(TALK) + 3


def test_an_export_of_several_workspaces_keeps_their_channels_apart(tmp_path: Path) -> None:
    """Each has its lists, and people are in one of their own; channels of one name are two."""
    files = slack_files(TALK[:1])
    people = {"org_users.json": files.pop("users.json")}
    one = {f"teams/one/{name}": content for name, content in files.items()}
    two = {
        "teams/two/channels.json": [{"id": "C2", "name": "general"}],
        "teams/two/groups.json": [{"id": "G2", "name": "staff"}],
        "teams/two/general/2026-05-15.json": [slack_message(SECOND)],
        "teams/two/staff/2026-05-15.json": [slack_message(SECOND)],
    }
    path = write_zip(tmp_path / "slack.zip", people | one | two)
    *said, left = open_events(path)
    assert [(e.id.split(":")[1], e.channel, e.handle) for e in said if isinstance(e, Event)] == [
        ("C024BE91L", "#general", "ada"), ("C2", "#general", "UBOB"),
    ]  # fmt: skip
    assert isinstance(left, Rejected)
    assert left.where == "folder 'staff'"


def test_joins_of_a_channel_are_imported_on_demand(tmp_path: Path) -> None:
    """Comings and goings are not conversation."""
    joined = slack_message(FIRST, subtype="channel_join")
    path = slack(tmp_path, joined, slack_message(SECOND))
    assert [e.type for e in events(path)] == ["message"]
    assert [e.type for e in events(path, presence=True)] == ["join", "message"]


def test_no_token_and_no_address_of_a_person_is_kept(tmp_path: Path) -> None:
    """Files are known by their page, people by their names."""
    shared = {
        "permalink": "https://x.slack.example/files/1?t=xoxe-1", "url_private": "https://f.example/1?t=xoxe-1",
        "mimetype": "image/png",
    }  # fmt: skip
    (event,) = events(
        slack(tmp_path, slack_message(FIRST, files=[shared], user_profile={"email": "a@x.example"}))
    )
    assert [m.url for m in event.media] == ["https://x.slack.example/files/1"]
    assert "xoxe" not in repr(event)
    assert "x.example" not in repr(event.author)


def test_names_in_a_zip_lead_nowhere(tmp_path: Path) -> None:
    """Neither is anything written, nor read from outside; the messages below such names are messages."""
    secret = tmp_path / "2026-05-15.json"
    secret.write_text(json.dumps([slack_message(FIRST)]), encoding="utf-8")
    folder = tmp_path / "in"
    folder.mkdir()
    files = slack_files(TALK[:1])
    files |= {f"{up}/2026-05-15.json": [slack_message(SECOND)] for up in ("../../..", "/etc", "C:\\x")}
    path = write_zip(folder / "slack.zip", files)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    read = events(path)
    assert {e.text for e in read} == {FIRST.text, SECOND.text}
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    """An export may not point at the files of whoever reads it."""
    outside = write_folder(tmp_path / "outside", {"2026-05-16.json": [slack_message(SECOND)]})
    inside = write_folder(tmp_path / "slack", slack_files(TALK[:1]))
    (inside / "linked").symlink_to(outside)
    (inside / "general" / "2026-05-16.json").symlink_to(outside / "2026-05-16.json")
    assert [e.text for e in events(inside)] == [FIRST.text]


def test_what_a_program_of_slack_says_in_blocks_and_attachments_is_text(tmp_path: Path) -> None:
    """Headings, fields, lists, quotations and attachments, but neither buttons nor previews of links."""
    listed = [{"type": "rich_text_section", "elements": [{"type": "text", "text": "one < two"}]}]
    run = [
        {"type": "text", "text": "ask "}, {"type": "user", "user_id": "UBOB"}, {"type": "text", "text": ": "},
        {"type": "link", "url": "https://x.example/?a&b", "text": "log"}, {"type": "emoji", "name": "tada"},
    ]  # fmt: skip
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Build <7>"}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "a &amp; b"}]},
        {"type": "rich_text", "elements": [
            {"type": "rich_text_section", "elements": run}, {"type": "rich_text_list", "elements": listed},
            {"type": "rich_text_quote", "elements": listed},
        ]},
        {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Retry"}}]},
    ]  # fmt: skip
    laid_out = {**slack_message(FIRST), "text": "This content can't be displayed.", "blocks": blocks}
    attached = [{"pretext": "1 commit", "text": "fix the clock", "fallback": "1 commit by ada"}]
    preview = [{"from_url": "https://y.example/", "title": "Why", "text": "because"}]
    one, two, three = events(
        slack(
            tmp_path, laid_out, slack_message(SECOND, text="", attachments=attached),
            slack_message(TALK[2], attachments=preview),
        )
    )  # fmt: skip
    assert one.text == "Build <7>\na & b\nask @bob: log (https://x.example/?a&b):tada:\none < two\none < two"
    assert (one.mentions, one.links) == (["bob"], ["https://x.example/?a&b"])
    assert two.text == "1 commit\nfix the clock"
    assert (three.text, three.links) == (TALK[2].text, ["https://y.example/"])


def test_what_slack_takes_for_a_mail_or_a_number_is_shown_as_it_was_typed(tmp_path: Path) -> None:
    """Only web addresses are links."""
    text = "<mailto:a@x.example|a@x.example> <tel:28919868|28919.868> <mailto:b@x.example>"
    (event,) = events(slack(tmp_path, slack_message(FIRST, text=text)))
    assert (event.text, event.links) == ("a@x.example 28919.868 b@x.example", [])


def said_by(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
    return path


@pytest.mark.parametrize("channel", ["C024BE91L", "#C024BE91L", "#general", "general"])
def test_a_page_of_slacks_api_is_imported_for_the_channel_that_is_named(tmp_path: Path, channel: str) -> None:
    """By its id, so that the messages are those of an export, or by its name."""
    page = {"ok": True, "messages": [slack_message(line) for line in TALK], "has_more": False}
    path = said_by(tmp_path, "history.json", page)
    with pytest.raises(ImporterError, match=r"history\.json does not name its channel; .* --channel"):
        list(open_events(path))
    told = events(path, channel=channel)
    name = channel.lstrip("#")
    assert [(e.id, e.channel) for e in told] == [
        (f"slack:{name}:{slack_ts(line)}", f"#{name}") for line in TALK
    ]


def test_a_day_of_an_export_knows_its_channel_and_people_by_the_files_around_it(tmp_path: Path) -> None:
    """It gives the same events as the whole export does."""
    folder = write_folder(tmp_path / "export", slack_files(TALK))
    assert events(folder / "general" / "2026-05-15.json") == events(folder)


@pytest.mark.parametrize(
    ("around", "more"),
    [
        ({"channel_id": "C024BE91L", "name": "general"}, {}),  # slackdump
        ({"token": "x", "type": "event_callback"}, {"channel": "C024BE91L"}),  # what is sent to programs
        ({"ok": True, "query": "it"}, {"channel": {"id": "C024BE91L", "name": "general"}}),  # search.messages
    ],
)
def test_a_file_that_says_its_channel_needs_no_option(
    tmp_path: Path, around: dict[str, Any], more: dict[str, Any]
) -> None:
    """Whichever way it says so."""
    said: Any = slack_message(FIRST, **more)
    content = {"event": said} if "token" in around else {"messages": {"matches": [said]} if more else [said]}
    (event,) = events(said_by(tmp_path, "found.json", around | content))
    assert event.id == f"slack:C024BE91L:{slack_ts(FIRST)}"


def test_answers_in_a_thread_that_slackdump_puts_into_its_first_message_are_taken_out(tmp_path: Path) -> None:
    """Each is an event of its own, and one that is none stops nothing."""
    reply = slack_message(SECOND, thread_ts=slack_ts(FIRST))
    root = slack_message(FIRST, slackdump_thread_replies=[reply, {"ts": 3}])
    path = said_by(tmp_path, "c.json", {"channel_id": "C1", "messages": [root]})
    first, second, odd = open_events(path)
    assert isinstance(first, Event)
    assert isinstance(second, Event)
    assert isinstance(odd, Rejected)
    assert (second.text, second.reply_to) == (SECOND.text, first.id)


def test_a_page_of_several_channels_leaves_out_the_private_ones_and_what_is_odd(tmp_path: Path) -> None:
    """Each told once; the other messages are imported."""
    said: list[Any] = [
        slack_message(line, channel={"id": "C024BE91L", "name": "general"}) for line in TALK[:2]
    ]
    hidden = [slack_message(line, channel={"id": "D024BE91L"}) for line in TALK[:2]]
    odd = [{"id": "C024BE91L"}, slack_message(FIRST, channel="C\u202e1")]
    page = {"ok": True, "messages": {"matches": [said[0], *hidden, *odd, said[1]]}}
    read = list(open_events(said_by(tmp_path, "found.json", page), options=Options(channel="#x")))
    assert [e.text for e in read if isinstance(e, Event)] == [FIRST.text, SECOND.text]
    assert [item.reason.partition(",")[0] for item in read if isinstance(item, Rejected)] == [
        "a private conversation", "ts None is not a time stamp of Slack such as '1736478514.897649'",
        "its id 'slack:C\\u202e1:1778837400.000000' has unprintable characters",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("about", "more"),
    [
        ({}, {"channel": {"id": "C1", "name": "hall", "is_private": True}}),
        ({}, {"channel": {"id": "C1", "name": "mpdm-ada--bob-1", "is_mpim": True}}),
        ({}, {"channel": "C1", "channel_type": "group"}),
        ({"channel_id": "G024BE91L", "name": "hall"}, {}),
        ({"channel_id": "C1", "name": "mpdm-ada--bob-1"}, {}),
    ],
)
def test_a_file_from_a_private_channel_of_slack_needs_to_be_asked_for(
    tmp_path: Path, about: dict[str, Any], more: dict[str, Any]
) -> None:
    """Whichever way it says that it is one: there are no lists of channels around a page of the API."""
    path = said_by(tmp_path, "found.json", about | {"messages": [slack_message(FIRST, **more)]})
    (left,) = open_events(path)
    assert isinstance(left, Rejected)
    assert left.reason.startswith("a private conversation")
    assert [e.text for e in events(path, private=True)] == [FIRST.text]


CARD = {
    "title": "t",
    "description": "d",
    "url": "https://x.example/",
    "fields": [{"name": "n", "value": "v"}],
}
BROKEN: list[Any] = [
    {"channel_id": "C1", "messages": [slack_message(FIRST, blocks=[{
        "type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "link", "url": "x"}]}],
    }], attachments=[{"text": "a", "fields": [{"title": "b"}]}], files=[{"permalink": "https://x.example/"}])]},
    {"ok": True, "messages": {"matches": [slack_message(SECOND, channel={"id": "C1", "name": "c"})]}},
    {"result": "success", "messages": [{
        "id": 5, "sender_id": 1, "sender_full_name": "ada", "sender_realm_str": "x", "display_recipient": "talks",
        "type": "stream", "subject": "s", "content": "<p>x</p>", "timestamp": 1778837400,
    }]},
    discord_export([discord_message(FIRST, embeds=[CARD], attachments=[{"url": "https://x.example/a.png"}],
                                    poll={"question": "q", "answers": [{"text": "a"}]},
                                    reference={"messageId": "1", "type": "Forward"},
                                    forwardedMessage={"content": "c", "embeds": [CARD]})], "GuildPublicThread"),
]  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=mutated(BROKEN))
def test_any_chat_file_gives_events_or_reasons(tmp_path: Path, document: Any) -> None:
    """Members dropped, doubled, nested, or of another kind: nothing else comes out, and events can be stored."""
    path = said_by(tmp_path, "broken.json", document)
    kinds = {"guild": "discord", "result": "zulip"}
    form = next((kinds[key] for key in kinds if isinstance(document, dict) and key in document), "slack")
    try:
        for item in open_events(path, form, Options(private=True, presence=True, zone="UTC", channel="#c")):
            if isinstance(item, Event):
                assert decode(encode(item)).id == item.id
                assert item.id.isprintable()
            else:
                assert str(item)
    except ImporterError as error:
        assert "broken.json" in str(error)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"ok": False, "error": "channel_not_found"}, "the error 'channel_not_found' instead of messages"),
        ({"members": ["U024BE7LH"], "ok": True}, "list of users, without messages; give the whole export"),
        ({"ok": True, "user": {"id": "U024BE7LH"}}, "list of users, without messages"),
        ([{"id": "U024BE7LH", "profile": {}}], "list of users, without messages"),
        ([{"id": "C024BE91L", "is_archived": False}], "list of channels, without messages"),
    ],
)
def test_answers_of_slack_without_messages_say_what_they_are(
    tmp_path: Path, content: Any, message: str
) -> None:
    """And what to import instead."""
    with pytest.raises(ImporterError, match=message):
        list(open_events(said_by(tmp_path, "a.json", content)))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.json", b"[]\n", "is an empty list"),
        ("e.txt", b"", "e.txt is empty"),
        ("m.json", b'[{"yes_rsvp_count": 3, "group": {}}]', "Meetup's API version 3, .* switched off"),
        ("d.html", b"<!DOCTYPE html><div class=chatlog__message>", "DiscordChatExporter; .* format Json"),
        ("p.pdf", b"%PDF-1.7", "is a PDF"),
    ],
)
def test_a_file_that_cannot_be_imported_is_explained(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    """Rather than that its format is unknown."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ImporterError, match=message):
        detect(path)


# --- Discord -----------------------------------------------------------------------------------


def discord(folder: Path, *messages: Any, kind: str = "GuildTextChat") -> Path:
    path = folder / "export.json"
    path.write_text(json.dumps(discord_export(list(messages), kind)), encoding="utf-8")
    return path


def test_a_discord_message_is_taken_with_everything_that_it_carries(tmp_path: Path) -> None:
    """Its page, what it answers, when it was edited, pictures without the signatures in their addresses."""
    attached = {"url": "https://cdn.example/1.PNG?ex=1&is=2&hm=3", "fileName": "1.PNG"}
    author = {"id": "11", "name": "ada", "discriminator": "4242", "nickname": "Ada", "isBot": True}
    message = discord_message(
        FIRST, timestampEdited=SECOND.at.isoformat(), reference={"messageId": "99"}, author=author,
        attachments=[attached], mentions=[{"id": "12", "name": "bob", "discriminator": "0000"}],
        embeds=[{"url": "https://x.example/embed"}],
    )  # fmt: skip
    (event,) = events(discord(tmp_path, message))
    assert (event.id, event.reply_to, event.edited_at) == (
        f"discord::{message['id']}", "discord::99", SECOND.at,
    )  # fmt: skip
    assert event.author == Author(handle="ada#4242", id="11", name="Ada", bot=True)
    assert event.url == f"https://discord.com/channels/100/200/{message['id']}"
    assert [(m.url, m.kind) for m in event.media] == [("https://cdn.example/1.PNG", "image")]
    assert (event.channel, event.mentions, event.links) == ("#hallway", ["bob"], ["https://x.example/embed"])


def test_a_newer_export_edits_the_messages_of_an_older_one(tmp_path: Path) -> None:
    """The later edit wins, whichever export is imported last."""
    later = (FIRST.at + timedelta(hours=1)).isoformat()
    old, new = discord_message(FIRST), discord_message(FIRST, content="at ten", timestampEdited=later)
    for message, edited in ((old, 0), (new, 1), (old, 0)):
        report = import_into(tmp_path / "a", open_events(discord(tmp_path, message)), edits=True)
        assert report.edited == edited
    assert [e.text for e in Recording(tmp_path / "a")] == ["at ten"]


@pytest.mark.parametrize("kind", ["DirectTextChat", "DirectGroupTextChat", "GuildPrivateThread"])
def test_a_private_conversation_of_discord_needs_to_be_asked_for(tmp_path: Path, kind: str) -> None:
    """Somebody exported it, but perhaps not to be recorded."""
    path = discord(tmp_path, discord_message(FIRST), kind=kind)
    with pytest.raises(ImporterError, match="private conversation; --private"):
        list(open_events(path))
    assert len(events(path, private=True)) == 1


def test_messages_in_a_thread_of_discord_belong_to_its_first_message(tmp_path: Path) -> None:
    """A thread has the number of the message that it began with."""
    first = {**discord_message(FIRST), "id": "200"}
    told = events(discord(tmp_path, first, discord_message(SECOND), kind="GuildPublicThread"))
    assert [e.thread for e in told] == [None, "discord::200"]


def test_what_was_passed_on_in_discord_is_text_with_its_pictures(tmp_path: Path) -> None:
    """And leads to where it was said first; it is no answer."""
    original = {
        "content": "the original", "attachments": [{"url": "https://cdn.example/a.png?ex=1", "fileName": "a.png"}],
    }  # fmt: skip
    message = discord_message(
        FIRST, content="", forwardedMessage=original, reference={"type": "Forward", "messageId": "98"}
    )
    (event,) = events(discord(tmp_path, message))
    assert (event.text, event.repost_of, event.reply_to) == ("the original", "discord::98", None)
    assert [m.url for m in event.media] == ["https://cdn.example/a.png"]


def test_an_embed_or_a_poll_of_discord_is_text_if_there_is_no_other(tmp_path: Path) -> None:
    """Cards under a text are previews of what it links to, and are not said."""
    card = {"title": "Deployed", "description": "all of it", "fields": [{"name": "to", "value": "prod"}]}
    poll = {"question": "Lunch?", "answers": [{"text": "now"}, {"text": "later"}]}
    told = events(
        discord(
            tmp_path, discord_message(FIRST, content="", embeds=[card]),
            discord_message(SECOND, embeds=[card]), discord_message(TALK[2], content="", poll=poll),
        )
    )  # fmt: skip
    assert [e.text for e in told] == ["Deployed\nall of it\nto\nprod", SECOND.text, "Lunch?\nnow\nlater"]


def test_marks_of_discord_that_were_exported_as_typed_become_names(tmp_path: Path) -> None:
    """Of people who are named in the message, and of pictures; what is nobody's name stays a number."""
    people = [{"id": "12345", "name": "bob", "nickname": "Bob"}]
    text = "hi <@!12345> and <@99999> <:wave:55555> <a:spin:66666> <3"
    (event,) = events(discord(tmp_path, discord_message(FIRST, content=text, mentions=people)))
    assert event.text == "hi @Bob and @99999 :wave: :spin: <3"


def test_a_private_conversation_of_discord_has_its_page_at_me(tmp_path: Path) -> None:
    """It is on no server, which exporters write as the server 0."""
    path = discord(tmp_path, discord_message(FIRST), kind="DirectTextChat")
    path.write_text(path.read_text(encoding="utf-8").replace('"id": "100"', '"id": "0"'), encoding="utf-8")
    (event,) = events(path, private=True)
    assert event.url is not None
    assert event.url.startswith("https://discord.com/channels/@me/200/")


# --- Zulip -------------------------------------------------------------------------------------


def zulip(folder: Path, *more: dict[str, Any]) -> Path:
    files = zulip_files(TALK)
    files["export/messages-000001.json"]["zerver_message"] += more
    return write_folder(folder / "zulip", files)


def test_zulip_topics_are_threads_and_edits_revisions(tmp_path: Path) -> None:
    """The first message of a topic is what the others hang on; its host can be named."""
    told = events(zulip(tmp_path), network="chat.example")
    assert [e.id for e in told[:2]] == ["zulip:chat.example:500", "zulip:chat.example:501"]
    assert [e.thread for e in told] == [None] + [told[0].id] * 3
    assert {(e.channel, e.to) for e in told} == {("#talks", "#talks > keynote")}
    edited = zulip_message(FIRST, ["ada"], last_edit_time=SECOND.at.timestamp(), content="@**bob** at ten")
    edited["id"] = 999
    last = events(zulip(tmp_path, edited))[-1]
    assert (last.edited_at, last.mentions) == (SECOND.at, ["bob"])


def test_what_somebody_does_in_zulip_is_an_action(tmp_path: Path) -> None:
    """Said with /me, as in other chats."""
    deed = zulip_message(Line(20, "ada", "/me waves"), ["ada"])
    last = events(zulip(tmp_path, deed))[-1]
    assert (last.type, last.text) == ("action", "waves")


def zulip_answer(line: Line, **more: Any) -> dict[str, Any]:
    return {
        "id": 500 + line.n, "sender_id": 10, "sender_full_name": line.author, "sender_realm_str": "pycon",
        "display_recipient": "talks", "type": "stream", "subject": "keynote", "content_type": "text/html",
        "content": f"<p>{line.text}</p>", "timestamp": int(line.at.timestamp()), **more,
    }  # fmt: skip


def test_a_page_of_zulips_api_gives_the_messages_that_an_export_gives(tmp_path: Path) -> None:
    """The same ids, people, channels and threads; its HTML becomes what people saw."""
    html = (
        '<p>ask <span class="user-mention" data-user-id="11">@Bob &amp; B</span>, see '
        '<a href="https://x.example/?a&amp;b">the slides</a></p>'
    )
    rich = zulip_answer(Line(20, "ada", ""), content=html, last_edit_timestamp=1778840000)
    deed = zulip_answer(Line(21, "ada", "/me waves"), is_me_message=True)
    hidden = zulip_answer(FIRST, type="private", display_recipient=[{"id": 10}])
    page = {
        "result": "success",
        "messages": [*map(zulip_answer, TALK), rich, deed, hidden, {"type": "stream"}],
    }
    read = list(open_events(said_by(tmp_path, "page.json", page)))
    told = [item for item in read if isinstance(item, Event)]
    export = events(zulip(tmp_path))
    kept = ("id", "source", "channel", "to", "text", "created_at", "handle", "thread")
    assert [[getattr(e, key) for key in kept] for e in told[:4]] == [
        [getattr(e, key) for key in kept] for e in export
    ]
    assert (told[4].text, told[4].mentions) == ("ask @Bob & B, see the slides", ["Bob & B"])
    assert (told[4].links, told[4].edited_at is not None) == (["https://x.example/?a&b"], True)
    assert (told[5].type, told[5].text) == ("action", "waves")
    assert [item.reason for item in read if isinstance(item, Rejected)] == [
        "the message does not name its organisation; give the host with --network",
    ]
    assert str(read[-1]) == "1 private messages (--private imports them)"


def test_messages_of_a_bot_of_zulips_server_belong_to_the_organisation(tmp_path: Path) -> None:
    """It has the id that it has in an export; a page with nothing else does not say where it is from."""
    bot = zulip_answer(FIRST, sender_realm_str="zulipinternal")
    path = said_by(tmp_path, "page.json", {"result": "success", "messages": [bot, zulip_answer(SECOND)]})
    assert [e.id for e in events(path)] == [e.id for e in events(zulip(tmp_path))[:2]]
    alone = said_by(tmp_path, "alone.json", {"result": "success", "messages": [bot]})
    (left,) = open_events(alone)
    assert isinstance(left, Rejected)
    assert left.reason.endswith("give the host with --network")


def test_private_messages_of_zulip_are_left_out_and_counted(tmp_path: Path) -> None:
    """Those of private channels and those between people."""
    hidden = [zulip_message(Line(20 + n, "ada", "psst"), ["ada"], recipient=4 + n) for n in range(2)]
    path = zulip(tmp_path, *hidden)
    read = list(open_events(path))
    assert str(read[-1]) == "2 private messages (--private imports them)"
    assert "psst" not in {e.text for e in read if isinstance(e, Event)}
    assert sum(e.text == "psst" for e in events(path, private=True)) == 2


@pytest.mark.parametrize("packed", [True, False])
def test_an_archive_of_zulip_by_stream_and_topic_is_read(tmp_path: Path, packed: bool) -> None:
    """A folder per channel with a file per topic; the host is asked for if no message names it."""
    first, second = (
        {
            key: value
            for key, value in zulip_answer(line).items()
            if key not in ("sender_realm_str", "subject")
        }
        for line in TALK[:2]
    )
    del second["display_recipient"]
    files = {
        "zulip_json/stream_index.json": {"time": 1, "streams": {"talks": {"id": 8, "topic_data": {}}}},
        "zulip_json/8-talks/keynote.json": [first], "zulip_json/9-hall/lunch.json": [second],
    }  # fmt: skip
    path = write_zip(tmp_path / "a.zip", files) if packed else write_folder(tmp_path / "a", files)
    assert detect(path) == "zulip"
    with pytest.raises(ImporterError, match=r"keynote\.json', line \d+: .*--network") as raised:
        list(open_events(path))
    assert raised.value.add == ("--network", "chat.example.org")
    told = events(path, network="chat.example.org")
    assert [(e.text, e.channel, e.to) for e in told] == [
        (FIRST.text, f"#{first['display_recipient']}", f"#{first['display_recipient']} > keynote"),
        (SECOND.text, "#hall", "#hall > lunch"),
    ]


def test_parts_of_a_slack_export_are_read(tmp_path: Path) -> None:
    """Without its lists, and the folder of one channel with them around or a name given."""
    days = {f"general/2026-05-1{n}.json": [slack_message(TALK[n])] for n in range(2)}
    bare = write_folder(tmp_path / "bare", days)
    lists = {name: content for name, content in slack_files(TALK[:2]).items() if "/" not in name}
    whole = write_folder(tmp_path / "whole", lists | days)
    for path, options in ((bare, {}), (whole / "general", {}), (bare / "general", {"channel": "#general"})):
        assert detect(path) == "slack"
        assert [(e.text, e.channel) for e in events(path, **options)] == [
            (line.text, "#general") for line in TALK[:2]
        ]


def test_many_channels_of_discord_are_read_from_a_folder_or_zip(tmp_path: Path) -> None:
    """A private one among them is reported, and the others are read."""
    public = discord_export([discord_message(FIRST)])
    files = {
        "a.json": public,
        "b.json": discord_export([discord_message(SECOND)], "DirectTextChat"),
        "a.png": "x",
    }
    for path in (write_zip(tmp_path / "a.zip", files), write_folder(tmp_path / "a", files)):
        assert detect(path) == "discord"
        event, left = open_events(path)
        assert isinstance(event, Event)
        assert event.text == FIRST.text
        assert isinstance(left, Rejected)
        assert "--private" in left.reason
        assert len(events(path, private=True)) == 2


@pytest.mark.parametrize(
    "value",
    [
        {"guild": {"id": "1"}, "channel": "hall", "messages": [{"id": "1"}]},
        {"guild": {"id": "1"}, "channel": {"id": "1"}, "messages": [{"author": "ada", "body": "x"}]},
        {"ok": True, "messages": [{"id": 1, "date": "x", "message": "hi"}]},
        {"messages": [{"ts": 1778837400, "text": "hi", "user": "ada"}]},
        {"messages": [{"sender_full_name": "ada", "display_recipient": "x", "body": "hi"}]},
    ],
)
def test_a_file_with_some_of_the_names_of_a_chat_is_not_taken_for_it(tmp_path: Path, value: Any) -> None:
    """Author, time and text have to be where the format has them."""
    path = said_by(tmp_path, "x.json", value)
    with pytest.raises(ImporterError, match="unknown format"):
        detect(path)


def test_an_export_is_recognised_as_what_it_is(tmp_path: Path) -> None:
    """Zips and folders of the three look alike from outside."""
    assert detect(write_zip(tmp_path / "a.zip", slack_files(TALK))) == "slack"
    assert detect(write_folder(tmp_path / "b", zulip_files(TALK))) == "zulip"
    assert detect(write_zip(tmp_path / "c.zip", zulip_files(TALK))) == "zulip"
    empty = write_folder(tmp_path / "d", {"readme.txt": "nothing"})
    for path in (empty, write_zip(tmp_path / "e.zip", {"readme.txt": "x", "b.txt": "y"})):
        with pytest.raises(ImporterError, match="unknown format"):
            detect(path)
