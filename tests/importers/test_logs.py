"""IRC logs, mail, GitHub's events and CSV: times right, kinds of line told apart, ids that last."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from rtanalytics.event import Event
from rtanalytics.importers import ImporterError, Options, Rejected, detect, open_events
from tests.contracts.importer import TALK
from tests.importers.samples import github_event, lines_of, mail, write_columns, write_irssi, write_znc

BERLIN = Options(zone="Europe/Berlin", channel="#pycon")


def events(path: Path, options: Options = BERLIN, form: str | None = None) -> list[Event]:
    """The events of a sound file."""
    read = list(open_events(path, form, options))
    assert [str(item) for item in read if not isinstance(item, Event)] == []
    return [item for item in read if isinstance(item, Event)]


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


LOGS = {
    "irssi": [
        "--- Log opened Fri May 15 23:58:00 2026",
        "23:58 -!- ada [~a@h] has joined #pycon",
        "23:58 <@ada> hello",
        "23:59  * bob waves",
        "--- Day changed Sat May 16 2026",
        "00:01 -eve:#pycon- a notice",
        "00:02 -!- ada changed the topic of #pycon to: Day two",
        "00:02 -!- bob is now known as rob",
        "00:03 -!- eve [~e@h] has quit [bye]",
    ],
    "weechat": [
        "2026-05-15 23:58:00\t-->\tada (~a@h) has joined #pycon",
        "2026-05-15 23:58:00\t@ada\thello",
        "2026-05-15 23:59:00\t *\tbob waves",
        "2026-05-16 00:01:00\t--\tNotice(eve): a notice",
        '2026-05-16 00:02:00\t--\tada has changed topic for #pycon from "x" to "Day two"',
        "2026-05-16 00:02:00\t--\tbob is now known as rob",
        "2026-05-16 00:03:00\t<--\teve (~e@h) has quit (bye)",
    ],
    "hexchat": [
        "**** BEGIN LOGGING AT Fri May 15 23:58:00 2026",
        "May 15 23:58:00 *\tada (~a@h) has joined",
        "May 15 23:58:00 <ada>\thello",
        "May 15 23:59:00 *\tbob waves",
        "May 16 00:01:00 -eve-\ta notice",
        "May 16 00:02:00 *\tada has changed the topic to: Day two",
        "May 16 00:02:00 *\tbob is now known as rob",
        "May 16 00:03:00 *\teve has quit (bye)",
    ],
    "znc": [
        "Session Start: Fri May 15 23:58:00 2026",
        "[23:58:00] *** Joins: ada (~a@h)",
        "[23:58:00] <@ada> hello",
        "[23:59:00] * bob waves",
        "[00:01:00] -eve- a notice",
        "[00:02:00] *** ada changes topic to 'Day two'",
        "[00:02:00] *** bob is now known as rob",
        "[00:03:00] *** Quits: eve (~e@h) (bye)",
    ],
}  # fmt: skip


@pytest.mark.parametrize("form", list(LOGS))
def test_the_same_night_is_the_same_in_every_client(tmp_path: Path, form: str) -> None:
    """Over midnight: what was said, done, noticed; who came and went is told on demand only."""
    path = lines_of(tmp_path / "night.log", LOGS[form])
    assert detect(path) == form
    told = [(e.created_at, e.type, e.handle, e.text) for e in events(path)]
    assert told == [
        (at(2026, 5, 15, 21, 58), "message", "ada", "hello"),
        (at(2026, 5, 15, 21, 59), "action", "bob", "waves"),
        (at(2026, 5, 15, 22, 1), "notice", "eve", "a notice"),
        (at(2026, 5, 15, 22, 2), "topic", "ada", "Day two"),
    ]
    both = events(path, Options(zone="Europe/Berlin", channel="#pycon", presence=True))
    assert [(e.type, e.handle) for e in both if e.text is None] == [
        ("join", "ada"),
        ("nick", "bob"),
        ("quit", "eve"),
    ]


OTHERS = {
    "eggdrop": ("znc", [
        "[23:58] --- Fri May 15 2026",
        "[23:58] ada (~a@h) joined #pycon.",
        "[23:58] <ada> hello",
        "[23:59] Action: bob waves",
        "[00:00] --- Sat May 16 2026",
        "[00:01] -eve:#pycon- a notice",
        "[00:02] Topic changed on #pycon by ada!~a@h: Day two",
        "[00:02] Nick change: bob -> rob",
        "[00:03] eve (~e@h) left irc: bye",
    ]),
    "mIRC with colours, some of which lost their first byte": ("znc", [
        "Session Start: Fri May 15 23:58:00 2026",
        "Session Ident: #pycon",
        "03[23:58] * ada (~a@h) has joined #pycon",
        "\x0301[23:58] <@+ada> hello",
        "06[23:59] * bob waves",
        "Session Time: Sat May 16 00:00:00 2026",
        "05[00:01] -eve- a notice",
        "03[00:02] * ada changes topic to 'Day two'",
        "03[00:02] * bob is now known as rob",
        "02[00:03] * eve (~e@h) has quit IRC (bye)",
    ]),
    "WeeChat since 4.3": ("weechat", [
        "2026-05-15T21:58:00.000000Z\t-->\tada (~a@h) has joined #pycon",
        "2026-05-15T21:58:00.000000Z\t@+ada\thello",
        "2026-05-15T21:59:00.000000Z\t *\tbob waves",
        "2026-05-15T22:01:00.000000Z\t--\tNotice(eve): a notice",
        '2026-05-15T22:02:00.000000Z\t--\tada has changed topic for #pycon from "x" to "Day two"',
        "2026-05-15T22:02:00.000000Z\t--\tbob is now known as rob",
        "2026-05-15T22:03:00.000000Z\t<--\teve (~e@h) has quit (bye)",
    ]),
    "XChat in small letters, with arrows": ("hexchat", [
        "**** BEGIN LOGGING AT Fri May 15 23:58:00 2026",
        "may 15 23:58:00 -->\tada (~a@h) has joined #pycon",
        "may 15 23:58:00 <ada>\thello",
        "may 15 23:59:00 *\tbob waves",
        "may 16 00:01:00 -eve-\ta notice",
        "may 16 00:02:00 ---\tada has changed the topic to: Day two",
        "may 16 00:02:00 ---\tbob is now known as rob",
        "may 16 00:03:00 <--\teve has quit (bye)",
    ]),
    "HexChat with the whole time": ("supybot", [
        "2026-05-15T21:58:00+0000 *\tada (~a@h) has joined",
        "2026-05-15T21:58:00+0000 <ada>\thello",
        "2026-05-15T21:59:00+0000 *\tbob waves",
        "2026-05-15T22:01:00+0000 -eve-\ta notice",
        "2026-05-15T22:02:00+0000 *\tada has changed the topic to: Day two",
        "2026-05-15T22:02:00+0000 *\tbob is now known as rob",
        "2026-05-15T22:03:00+0000 *\teve has quit (bye)",
    ]),
    "dates in the brackets, with an offset or without": ("znc", [
        "[2026-05-15 23:58:00] *** ada (~a@h) has joined #pycon",
        "[2026-05-15T21:58:00.000Z] <ada> hello",
        "[2026-05-15T23:59:00+0200] * bob waves",
        "[2026-05-16 00:01:00] -eve- a notice",
        "[2026-05-16 00:02:00] *** ada changed the topic to: Day two",
        "[2026-05-16 00:02:00] *** bob is now known as rob",
        "[2026-05-16 00:03:00] *** eve has quit (bye)",
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", list(OTHERS))
def test_the_same_night_is_the_same_in_the_relatives_of_these_clients(tmp_path: Path, name: str) -> None:
    """Other loggers, versions and settings of the five formats."""
    form, said = OTHERS[name]
    path = lines_of(tmp_path / "night.log", said)
    assert detect(path) == form
    told = [(e.created_at, e.type, e.handle, e.text) for e in events(path)]
    assert told == [
        (at(2026, 5, 15, 21, 58), "message", "ada", "hello"),
        (at(2026, 5, 15, 21, 59), "action", "bob", "waves"),
        (at(2026, 5, 15, 22, 1), "notice", "eve", "a notice"),
        (at(2026, 5, 15, 22, 2), "topic", "ada", "Day two"),
    ]
    both = events(path, Options(zone="Europe/Berlin", channel="#pycon", presence=True))
    assert [(e.type, e.handle) for e in both if e.text is None] == [
        ("join", "ada"),
        ("nick", "bob"),
        ("quit", "eve"),
    ]


LAYOUTS = {
    "ii": ("ii", "1778837400", "1778837401 -!- cyd(~c@host.example) has joined #pycon", "* {} {}"),
    "irssi with two halves of a day": ("irssi", "09:30 AM", "09:30 AM -!- cyd [~c@host.example] has joined #pycon", " * {} {}"),
    "irssi without blanks": ("irssi", "09:30:00!", "09:30:00-!- cyd [~c@host.example] has joined #pycon", " * {} {}"),
    "Konversation": ("znc", "[Fri May 15 2026] [09:30:00]", "[Fri May 15 2026] [09:30:01] Join\tcyd (~c@host.example) has joined this channel.", "*\t{} {}"),
    "Konversation with a long date": ("znc", "[Friday, 15 May 2026] [09:30:00]", "[Friday, 15 May 2026] [09:30:01] Part\tcyd (~c@host.example) has left this channel (bye).", "*\t{} {}"),
    "Quassel": ("znc", "[2026-05-15 09:30:00]", "[2026-05-15 09:30:01] --> cyd (~c@host.example) has joined #pycon", "-*- {} {}"),
    "rbot": ("znc", "[2026/05/15 09:30:00]", "[2026/05/15 09:30:01] @ cyd joined channel #pycon", "* {} {}"),
    "Textual": ("znc", "[2026-05-15T09:30:00+0000]", "[2026-05-15T09:30:01+0000] cyd (~c@host.example) joined the channel.", "• {} {}"),
    "The Lounge": ("znc", "[2026-05-15T09:30:00.000Z]", "[2026-05-15T09:30:01.000Z] *** cyd (~c@host.example) quit (bye)", "* {} {}"),
    "mIRC": ("znc", "[09:30]", "[09:30] * cyd (~c@host.example) Quit (irc.a.example irc.b.example)", "* {} {}"),
    "mIRC with Joins": ("znc", "[09:30]", "[09:30] * Joins: cyd (~c@host.example)", "* {} {}"),
    "mIRC with two halves of a day": ("znc", "[09:30am]", "[09:30am] * Quits: cyd (~c@host.example) (Ping timeout)", "* {} {}"),
    "a client in Germany": ("znc", "[15.05.2026 09:30:00]", "[15.05.2026 09:30:01] *** cyd (~c@host.example) has joined #pycon", "* {} {}"),
    "a client in the United States": ("znc", "[5/15/2026 9:30 AM]", "[5/15/2026 9:30 AM] * Parts: cyd (~c@host.example)", "* {} {}"),
    "dates without brackets": ("irssi", "15/05/2026 09:30", "15/05/2026 09:30 -!- cyd [~c@host.example] has quit [bye]", "* {} {}"),
    "Konversation with a zone": ("znc", "[Friday, May 15, 2026] [11:30:00 AM CEST]", "[Friday, May 15, 2026] [11:30:01 AM CEST] Quit\tcyd (~c@host.example) has left this server (bye).", "*\t{} {}"),
    "ISO 8601 with milliseconds": ("supybot", "2026-05-15T09:30:00.123Z", "2026-05-15T09:30:01.456Z *** cyd has joined #pycon", "* {} {}"),
    "XChat with dates": ("hexchat", "2026-05-15 09:30:00", "2026-05-15 09:30:01 *\tcyd (~c@host.example) has quit (bye)", "*\t{} {}"),
    "Supybot": ("supybot", "2026-05-15T09:30:00+0000 ", "2026-05-15T09:30:01+0000  *** cyd has joined #pycon", "*{} {}"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_every_layout_gives_messages_actions_and_presence(tmp_path: Path, name: str) -> None:
    """Times to the minute, no host in a text, and presence with its nick on demand."""
    form, stamp, presence, action = LAYOUTS[name]
    blank = "" if stamp.endswith("!") else " "
    stamp = stamp.rstrip("!")
    tab = "\t" if name.startswith(("XChat", "Konv")) else " "
    rows = [f"{stamp}{blank}<ada>{tab}hello bob", presence, f"{stamp} {action.format('bob', 'waves')}"]
    path = lines_of(tmp_path / "log_20260515", rows)
    assert detect(path) == form
    options = Options(zone="UTC", channel="#pycon", presence=True)
    told = [
        (e.created_at.replace(second=0, microsecond=0), e.type, e.handle, e.text)
        for e in events(path, options)
    ]
    kind = told[1][1]
    assert kind in ("join", "part", "quit")
    assert told == [
        (at(2026, 5, 15, 9, 30), "message", "ada", "hello bob"),
        (at(2026, 5, 15, 9, 30), kind, "cyd", None),
        (at(2026, 5, 15, 9, 30), "action", "bob", "waves"),
    ]
    assert not any("host.example" in (e.text or "") for e in events(path))


def test_the_order_of_dates_in_a_log_is_found_or_asked_for(tmp_path: Path) -> None:
    """A day above 12 anywhere in the file decides."""
    rows = ["[05/06/2026 09:30] <ada> one", "[05/13/2026 09:30] <ada> two"]
    path = lines_of(tmp_path / "download", rows)
    assert [e.created_at.month for e in events(path)] == [5, 5]
    lines_of(path, rows[:1])
    with pytest.raises(ImporterError, match="--dates day-first or --dates month-first") as raised:
        list(open_events(path))
    assert raised.value.add == ("--zone", "Europe/Berlin", "--dates", "day-first", "--channel", "#pycon")
    assert [e.created_at.month for e in events(path, Options(zone="UTC", channel="#x", day_first=True))] == [
        6
    ]


def test_a_repeated_message_counts_as_often_as_it_was_sent(tmp_path: Path) -> None:
    """Up to a number that can be true; the ids differ and last."""
    rows = [
        "[09:30] <ada> +1",
        "[09:31] Last message repeated 3 time(s).",
        "[09:31] Last message repeated 99999999 times.",
    ]
    path = lines_of(tmp_path / "log_20260515", rows)
    *told, bad = open_events(path, None, BERLIN)
    assert [(e.handle, e.text) for e in told if isinstance(e, Event)] == [("ada", "+1")] * 4
    assert len({e.id for e in told if isinstance(e, Event)}) == 4
    assert isinstance(bad, Rejected)


@pytest.mark.parametrize(
    ("rows", "add"),
    [
        (
            ["[09:30] <ada> hi"],
            ["--zone", "Europe/Berlin", "--day", "2026-05-15", "--channel", "#pycon"],
        ),
        (["[2026-05-15T09:30:00Z] *** bob (~b@h) has joined #conf"], ["--channel", "#conf"]),
        (["1778837400 <ada> hi"], ["--channel", "#pycon"]),
        (
            ["May 15 09:30:00 <ada>\thi"],
            ["--zone", "Europe/Berlin", "--day", "2026-05-15", "--channel", "#pycon"],
        ),
    ],
)
def test_all_that_a_log_lacks_is_asked_for_at_once(tmp_path: Path, rows: list[str], add: list[str]) -> None:
    """With options that work, and the channel that its lines name."""
    path = lines_of(tmp_path / "download", rows)
    with pytest.raises(ImporterError) as raised:
        list(open_events(path))
    assert list(raised.value.add) == add


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("-supy-bot- fix it", ("notice", "supy-bot", "fix it")),
        ("-eve(~e@h)- psst", ("notice", "eve", "psst")),
        ("* bob has left the building", ("action", "bob", "has left the building")),
        ("* bob is now known as the one who knows", ("action", "bob", "is now known as the one who knows")),
        ("<@+ada> hi", ("message", "ada", "hi")),
        ("<ada>", ("message", "ada", "")),
        ("*** Topic unset by ada on #pycon", ("topic", "ada", "")),
    ],
)
def test_messages_are_distinguished_from_notices_of_the_client(
    tmp_path: Path, line: str, told: tuple[str, str, str]
) -> None:
    """Nicks with hyphens, several ranks, and deeds that begin as news of the client do."""
    (event,) = events(lines_of(tmp_path / "2026-05-15.log", [f"[09:30:00] {line}"]))
    assert (event.type, event.handle, event.text) == told


def test_a_log_without_a_zone_a_day_or_a_channel_says_what_to_give(tmp_path: Path) -> None:
    """One line each, with the option that helps; a zone that is none is told too."""
    path = write_znc(tmp_path, TALK)
    with pytest.raises(ImporterError, match=r"line 1: times without a zone; .*--zone"):
        events(path, Options(channel="#pycon"))
    with pytest.raises(ImporterError, match=r"--channel"):
        events(path, Options(zone="UTC"))
    nameless = path.rename(tmp_path / "today.log")
    with pytest.raises(ImporterError, match=r"no dates; .*--day"):
        events(nameless)
    assert len(events(nameless, Options(zone="UTC", channel="#pycon", day=date(2026, 5, 15)))) == len(TALK)
    with pytest.raises(ImporterError, match="unknown time zone 'Mars/Base'"):
        events(nameless, Options(zone="Mars/Base", channel="#pycon"))


def test_the_hour_that_a_night_has_twice_is_read_in_its_order(tmp_path: Path) -> None:
    """When the clock went back, time did not; and in spring an hour is missing."""
    said = ["02:30", "02:59", "02:10", "02:40", "03:01"]
    path = lines_of(tmp_path / "2026-10-25.log", [f"[{time}:00] <ada> {n}" for n, time in enumerate(said)])
    assert [(e.created_at.hour, e.created_at.minute) for e in events(path)] == [
        (0, 30), (0, 59), (1, 10), (1, 40), (2, 1),
    ]  # fmt: skip
    path = lines_of(tmp_path / "2026-03-29.log", ["[01:59:00] <ada> a", "[03:00:00] <ada> b"])
    assert [e.created_at for e in events(path)] == [at(2026, 3, 29, 0, 59), at(2026, 3, 29, 1, 0)]


def test_formatting_and_old_encodings_become_text(tmp_path: Path) -> None:
    """Colours and bold are gone; what is not UTF-8 is what it was before there was UTF-8."""
    path = tmp_path / "2026-05-15.log"
    path.write_bytes(b"[09:30:00] <ada> \x02bold\x02 \x0304,12red\x03 caf\xe9\n")
    assert [e.text for e in events(path)] == ["bold red café"]


def test_the_network_and_the_channel_are_part_of_the_id(tmp_path: Path) -> None:
    """So that two channels never meet; who is addressed is mentioned."""
    path = write_irssi(tmp_path, TALK[:1])
    lines_of(
        path,
        [*path.read_text(encoding="utf-8").splitlines(), "11:40 <bob> ada: thanks", "11:41 <bob> Note: no"],
    )
    told = events(path, Options(zone="Europe/Berlin", network="libera"))
    assert {e.id.rpartition(":")[0] for e in told} == {"irc:libera/#pycon"}
    assert {e.channel for e in told} == {"#pycon"}
    assert [e.mentions for e in told] == [[], ["ada"], []]
    assert {e.ingest.id_kind for e in told if e.ingest} == {"derived"}


def test_minutes_of_the_w3c_bot_are_read(tmp_path: Path) -> None:
    """Its pages tell UTC, and repeat the id of a second."""
    page = [
        "<html><head><title>IRC log of css on 2026-05-15</title></head><body>",
        '<dt id="T09-30-01">09:30:01 [RRSAgent]</dt>', "<dd>RRSAgent has joined #css</dd>",
        '<dt id="T09-30-02">09:30:02 [ada]</dt><dd>a &lt; b, see <a href="https://x.example/">https://x.example/</a></dd>',
        '<dt id="T09-30-02">09:30:02 [bob]</dt>', "<dd>yes</dd>",
    ]  # fmt: skip
    told = events(lines_of(tmp_path / "15-css-irc.html", page), Options())
    assert [(e.id, e.handle, e.text) for e in told] == [
        ("irc::css/20260515#T09-30-02", "ada", "a < b, see https://x.example/"),
        ("irc::css/20260515#T09-30-02.2", "bob", "yes"),
    ]
    assert told[0].created_at == at(2026, 5, 15, 9, 30, 2)


SEEN = 'a &lt; b, see <a href="https://x.example/" rel="nofollow">https://x.example/</a>'
ROWS = {
    "tables": [
        '<tr id="t2026-05-15T23:58:00"><td class="join" colspan="2">*** ada has joined #pycon</td><td>23:58</td></tr>',
        f'<tr id="t2026-05-15T23:58:10"><th class="nick" style="x">ada</th><td class="text">{SEEN}</td><td>23:58</td></tr>',
        '<tr id="t2026-05-16T00:01:00"><td class="action" colspan="2">* bob waves&nbsp;&nbsp;twice</td></tr>',
    ],
    "paragraphs": [
        '<p id="t2026-05-15T23:58:00" class="join"><a href="#t" class="time">23:58</a> *** ada has joined #pycon</p>',
        f'<p id="t2026-05-15T23:58:10"><a>23:58</a> <span class="nick">&lt;ada&gt;</span> <span class="text">{SEEN}</span></p>',
        '<p id="t2026-05-16T00:01:00" class="action"><a href="#t">00:01</a> * bob waves&nbsp;&nbsp;twice</p>',
    ],
}  # fmt: skip


@pytest.mark.parametrize("style", list(ROWS))
def test_pages_of_irclog2html_are_read(tmp_path: Path, style: str) -> None:
    """Its tables and its paragraphs tell the same; each line has its day."""
    head = ['<title>Friday, 2026-05-15</title><meta name="generator" content="irclog2html.py 4" />', "<body>"]
    path = lines_of(tmp_path / "log.html", [*head, *ROWS[style], "</body>"])
    assert detect(path) == "irc-html"
    assert [(e.id, e.created_at, e.type, e.handle, e.text) for e in events(path)] == [
        ("irc::pycon/20260515#t2026-05-15T23:58:10", at(2026, 5, 15, 21, 58, 10), "message", "ada",
         "a < b, see https://x.example/"),
        ("irc::pycon/20260516#t2026-05-16T00:01:00", at(2026, 5, 15, 22, 1), "action", "bob", "waves  twice"),
    ]  # fmt: skip
    both = events(path, Options(zone="Europe/Berlin", channel="#pycon", presence=True))
    assert (both[0].type, both[0].handle) == ("join", "ada")


def test_mail_answers_and_threads_lead_to_one_another(tmp_path: Path) -> None:
    """By Message-ID; subjects are decoded, addresses are not kept, zones are counted."""
    first, second = TALK[:2]
    answer = mail(
        second, **{"In-Reply-To": "<0@lists.example>", "References": "<root@x> <0@lists.example>",
                   "Subject": "=?utf-8?q?Re=3A_caf=C3=A9?=", "Date": "Fri, 15 May 2026 11:31:00 +0200",
                   "From": "bob at x.example (Bob B.)"},
    )  # fmt: skip
    path = lines_of(tmp_path / "list.mbox", [*mail(first), *answer])
    told = events(path)
    assert [e.id for e in told] == ["mail::0@lists.example", "mail::1@lists.example"]
    assert (told[1].reply_to, told[1].thread, told[1].title) == (told[0].id, "mail::root@x", "Re: café")
    assert (told[1].created_at, told[1].handle, told[1].type) == (second.at, "Bob B.", "reply")
    assert "x.example" not in repr([e.author for e in told])


def test_mail_without_plain_text_is_what_its_html_shows(tmp_path: Path) -> None:
    """Scripts and styles are not shown; attachments are not text."""
    body = mail(TALK[0], **{"Content-Type": "text/html; charset=latin-1"})
    body[-2] = "<style>x{}</style><p>caf&eacute; <b>now</b></p><script>alert(1)</script>"
    path = lines_of(tmp_path / "list.mbox", body)
    assert [e.text for e in events(path)] == ["café now"]


def test_github_events_of_all_times_are_read(tmp_path: Path) -> None:
    """With commits, without them as since 2025, and without numbers as before 2015; no addresses of people."""
    push = {
        "ref": "refs/heads/main",
        "head": "a" * 40,
        "commits": [{"message": "Fix it", "author": {"email": "a@x.example"}}],
    }
    told = [
        github_event(TALK[0], type="PushEvent", payload=push),
        github_event(TALK[1], type="PushEvent", payload={"ref": "refs/heads/main", "head": "b" * 40}),
        {
            "type": "WatchEvent", "actor": "ada", "created_at": "2012/03/10 22:14:39 -0800", "payload": {},
            "repository": {"owner": "python", "name": "cpython"}, "url": "https://github.com/python/cpython",
        },
        github_event(TALK[3], type="SponsorEvent", payload={}),
    ]  # fmt: skip
    path = lines_of(tmp_path / "hour.json", map(json.dumps, told))
    new, trimmed, old, odd = events(path)
    assert (new.id, new.type, new.text) == ("github::52000000000", "commit", "Fix it")
    assert new.url == f"https://github.com/python/cpython/commit/{'a' * 40}"
    assert (trimmed.title, trimmed.text) == ("pushed to main", "")
    assert (old.created_at, old.type, old.channel) == (at(2012, 3, 11, 6, 14, 39), "star", "python/cpython")
    assert old.ingest is not None
    assert old.ingest.id_kind == "derived"
    assert odd.type == "x:SponsorEvent"
    assert "x.example" not in repr(new)


def test_only_what_is_wanted_of_the_world_is_kept(tmp_path: Path) -> None:
    """By channel or repository, whatever its case."""
    other = {"id": 9, "name": "elsewhere/thing"}
    path = lines_of(
        tmp_path / "hour.json", map(json.dumps, (github_event(TALK[0]), github_event(TALK[1], repo=other)))
    )
    assert [e.channel for e in events(path, Options(keep=("Python/*",)))] == ["python/cpython"]


MAPPING = {"created_at": "When", "author": "Who", "text": "Said"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {**MAPPING, "mood": "Mood"}}, "unknown field 'mood'; use one of created_at"),
        ({"columns": {"text": "Said"}}, "no column is given for created_at"),
        (
            {"columns": {**MAPPING, "id": "Nr"}, "source": "slack"},
            "no column 'Nr'; its columns are When, Who, Said",
        ),
    ],
)
def test_an_invalid_mapping_is_reported(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    """Which field or column, and what there is."""
    with pytest.raises(ImporterError, match=message):
        list(open_events(write_columns(tmp_path, TALK), None, Options(**options)))


def test_times_of_a_mapped_table_need_a_zone_or_have_one(tmp_path: Path) -> None:
    """A time without a zone is refused with the option that helps; seconds since 1970 need none."""
    options = Options(columns={"created_at": "t", "text": "x"}, source="slack")
    path = lines_of(tmp_path / "t.csv", ["t,x", "1778837400,b", "1778837400000,c"])
    assert [e.created_at for e in events(path, options)] == [at(2026, 5, 15, 9, 30)] * 2
    path = lines_of(tmp_path / "t.csv", ["t,x", "1778837400,b", "2026-05-15T09:30:00,a"])
    with pytest.raises(ImporterError, match=r"t.csv, line 3: created_at .* has no time zone") as error:
        list(open_events(path, None, options))
    assert error.value.add == ("--zone", "Europe/Berlin")


@pytest.mark.parametrize(
    "time",
    [
        "2026-05-15 09:30:00 UTC", "2026-05-15 11:30:00 +0200", '"Fri, 15 May 2026 11:30:00 +0200"',
        "Fri May 15 09:30:00 +0000 2026", "2026-05-15T09:30:00.000Z",
    ],
)  # fmt: skip
def test_times_with_a_zone_are_read_however_they_are_usually_written(tmp_path: Path, time: str) -> None:
    """As databases, mails and Twitter do."""
    path = lines_of(tmp_path / "t.csv", ["t,x", f"{time},a"])
    (event,) = events(path, Options(columns={"created_at": "t", "text": "x"}, source="slack"))
    assert event.created_at == at(2026, 5, 15, 9, 30)


def test_a_time_that_is_not_understood_names_the_option_that_helps(tmp_path: Path) -> None:
    """The order of day and month is not guessed; one message names all options that are missing."""
    options = Options(columns={"created_at": "t", "text": "x"}, source="slack")
    path = lines_of(tmp_path / "t.csv", ["t,x", "05/06/2026 09:30,a"])
    with pytest.raises(ImporterError, match="ambiguous: day or month first") as error:
        list(open_events(path, None, options))
    assert error.value.add == ("--dates", "day-first", "--zone", "Europe/Berlin")
    path = lines_of(tmp_path / "t.csv", ["t,x", "half past nine,a"])
    (bad,) = open_events(path, None, options)
    assert isinstance(bad, Rejected)
    assert "--time-format" in bad.reason


def test_a_table_of_excel_is_read_with_its_separator_and_its_letters(tmp_path: Path) -> None:
    """``sep=;`` before the names, blanks around them, and letters as Windows in western Europe has them."""
    path = tmp_path / "t.csv"
    path.write_bytes('sep=;\r\nWann ; Text\r\n2026-05-15T09:30:00Z;"Müller: 5 € – ja"\r\n'.encode("cp1252"))
    (event,) = events(path, Options(columns={"created_at": "Wann", "text": "Text"}, source="slack"))
    assert (event.text, event.created_at) == ("Müller: 5 € – ja", at(2026, 5, 15, 9, 30))
