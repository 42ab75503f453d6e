"""Each tool's own format becomes the same talks, seen from what is in it, and nothing hostile gets in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.schedule import Talk
from rtanalytics.schedules import FORMATS, MAX_BYTES, ScheduleError, parse_schedule, read_schedule
from rtanalytics.schedules.common import MAX_TEXT, prose

BERLIN = ZoneInfo("Europe/Berlin")


def at(hour: int, minute: int = 0, day: int = 15) -> datetime:
    return datetime(2026, 5, day, hour, minute, tzinfo=UTC)


def only(raw: bytes | str, **options) -> Talk:
    [found] = parse_schedule(raw.encode() if isinstance(raw, str) else raw, "plan", **options)
    return found


def said(raw: bytes | str, **options) -> str:
    with pytest.raises(ScheduleError) as caught:
        parse_schedule(raw.encode() if isinstance(raw, str) else raw, "plan", **options)
    return str(caught.value)


# --- pretalx, frab and Pentabarf in XML ------------------------------------------------------------

EVENT = """<event guid="g" id="7"><date>2026-05-15T09:30:00+02:00</date><start>09:30</start>
<duration>00:45</duration><room>Saal 1</room><slug>x-7-talk</slug><url>/talk/7/</url><title>Ours &amp; Yours</title>
<subtitle>and theirs</subtitle><track>Main</track><type>Lecture</type><language>en</language>
<abstract>**Bold** &lt;p&gt;words&lt;/p&gt;</abstract><description></description>
<persons><person id="1">Ada</person><person id="2">Bob <b>B.</b></person></persons><links/></event>"""


def frab_xml(*events: str, zone: str = "", day: str = 'start="2026-05-15T08:00:00+02:00"') -> str:
    zone = f"<time_zone_name>{zone}</time_zone_name>" if zone else ""
    about = f"<conference><title>X</title>{zone}<base_url>https://x.example/</base_url></conference>"
    rooms = f'<room name="Saal 1">{"".join(events)}</room>'
    return f'<?xml version="1.0"?><schedule><version>1</version>{about}<day date="2026-05-15" {day}>{rooms}</day></schedule>'


def test_an_event_in_xml_becomes_a_talk():
    """The same fields as in JSON, texts without markup, the address made whole."""
    assert only(frab_xml(EVENT)) == Talk(
        id="g",
        title="Ours & Yours",
        start=at(7, 30),
        end=at(8, 15),
        speakers=["Ada", "Bob B."],
        room="Saal 1",
        track="Main",
        kind="lecture",
        url="https://x.example/talk/7/",
        abstract="and theirs\n\nBold\nwords",
    )


def test_pentabarf_has_times_of_day_and_a_day_change():
    """Old files have neither date nor zone at an event: the day's date, the change of days, our zone."""
    event = '<event id="1"><start>00:30</start><duration>00:30</duration><title>Late</title></event>'
    raw = frab_xml(event, day="").replace("<base_url>", "<day_change>08:00:00</day_change><base_url>")
    found = only(raw, zone=BERLIN)
    assert (found.id, found.start, found.room) == ("1", at(22, 30), "Saal 1")
    assert "has no time zone" in said(raw)


def test_a_day_that_begins_in_utc_is_on_the_clock_of_the_place():
    """09:30 there, told as 07:30 UTC: a talk at 08:00 is after midnight, not before the doors open."""
    event = '<event id="1"><start>08:00</start><duration>00:30</duration><title>Late</title></event>'
    raw = frab_xml(event, zone="Europe/Berlin", day='start="2026-05-15T07:30:00+00:00"')
    assert only(raw).start == at(6, day=16)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_xml_says_its_own_encoding(encoding):
    """The declaration counts, or the byte order mark."""
    text = frab_xml(EVENT.replace("Ours", "Übung")).replace('"1.0"', f'"1.0" encoding="{encoding}"')
    assert only(text.encode(encoding)).title == "Übung & Yours"


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE s [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE s [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE s SYSTEM "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE s [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x">%p;]>',
    ],
)
def test_xml_with_a_document_type_is_refused(declared):
    """Entities that grow, that name files or addresses: none is looked at."""
    raw = frab_xml(EVENT).replace("<schedule>", f"{declared}<schedule>").replace("Ours", "&a;")
    assert "document type declaration is refused" in said(raw)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("<schedule><day>", "plan:1: broken XML (column 16): no element found"),
        ("<a>" * 100, "a deeper tree"),
        ("<html><body>no</body></html>", "the root is <html>"),
        ("<calendar/>", "xCal <iCalendar>"),
        ('<?xml version="1.0" encoding="klingon"?><a/>', "plan"),
        (frab_xml("<event id='1'><start>09:30</start></event>"), "plan: event 1 has no title"),
    ],
)
def test_xml_that_is_not_a_schedule_is_refused(raw, message):
    """One line with the place."""
    assert message in said(raw)
    assert "\n" not in said(raw)


# --- single conferences ----------------------------------------------------------------------------


def europython(*events) -> str:
    return json.dumps({"days": {"2026-05-15": {"rooms": ["North", "South"], "events": list(events)}}})


def test_europython_has_days_with_sessions_and_breaks():
    """Code, names of the speakers, rooms; a break is one and has an id that it keeps."""
    session = {
        "event_type": "session",
        "code": "ABC123",
        "slug": "talk",
        "title": "Talk",
        "session_type": "Talk",
        "speakers": [{"code": "DEF456", "name": "Ada"}],
        "track": "Web",
        "rooms": ["North"],
        "start": "2026-05-15T09:30:00+02:00",
        "duration": 45,
        "website_url": "https://ep.example/session/talk",
    }
    lunch = {
        "event_type": "break",
        "title": "Lunch",
        "rooms": ["North", "South"],
        "duration": 60,
        "start": "2026-05-15T12:00:00+02:00",
    }
    talk, pause = parse_schedule(europython(session, lunch).encode(), "plan")
    assert (talk.id, talk.speakers, talk.room, talk.kind) == ("ABC123", ["Ada"], "North", "talk")
    assert (talk.start, talk.end, talk.url) == (at(7, 30), at(8, 15), "https://ep.example/session/talk")
    assert (pause.kind, pause.room, pause.end) == ("break", "North, South", at(11))
    later = {**lunch, "start": "2026-05-15T12:30:00+02:00"}
    assert only(europython(later)).id == pause.id


def test_europython_sessions_without_a_time_are_left_out():
    """sessions.json has them by code, with codes for speakers, and null until they are placed."""
    placed = {"code": "A", "title": "One", "session_type": "Talk", "speakers": ["F3DC8A"], "abstract": "*Hi*"}
    raw = {
        "A": {**placed, "start": "2026-05-15T07:30:00Z", "duration": "45", "room": "North"},
        "B": {"code": "B", "title": "Two", "session_type": "Talk", "start": None},
    }
    found = only(json.dumps(raw))
    assert (found.id, found.speakers, found.room, found.abstract) == ("A", [], "North", "Hi")


@pytest.mark.parametrize("wrapped", [False, True])
def test_pycon_lists_presentations(wrapped):
    """The presentation's address is its id, times are on the conference's clock, e-mails stay out."""
    entry = {
        "name": "Talk",
        "authors": ["Ada"],
        "contact": ["ada@x.example"],
        "conf_key": 12,
        "conf_url": "https://us.pycon.example/2026/schedule/presentation/99/",
        "kind": "talk",
        "room": "Room 517",
        "start": "2026-05-15T09:30:00",
        "end": "2026-05-15T10:15:00",
        "abstract": "Hi",
        "description": "Hi",
    }
    gone = {**entry, "conf_url": "", "cancelled": True}
    entries = [entry, gone]
    raw = json.dumps({"schedule": entries} if wrapped else entries)
    found = only(raw, zone=ZoneInfo("America/New_York"))
    assert (found.id, found.start, found.end) == ("2026/schedule/presentation/99", at(13, 30), at(14, 15))
    assert (found.speakers, found.room, found.abstract) == (["Ada"], "Room 517", "Hi")
    assert b"x.example" not in parse_schedule(raw.encode(), "plan", BERLIN).to_json()


PAGE = """---
abstract: "About: it all"
accepted: true
category: talks
date: 2026-05-15 09:30:00 -04:00
end_date: 2026-05-15 10:15:00-04:00
permalink: /talks/it-all/
presenter_slugs:
- ada-lovelace
room: Salon A
title: 'No: 2026'
track: t0
---

More with `__init__`.
"""


def test_front_matter_is_a_talk():
    """Values stay text, the page below is part of the abstract, names are made of slugs."""
    found = only(PAGE)
    assert (found.id, found.title, found.speakers) == ("talks/it-all", "No: 2026", ["Ada Lovelace"])
    assert (found.start, found.end, found.kind) == (at(13, 30), at(14, 15), "talk")
    assert (found.room, found.track, found.url) == ("Salon A", "t0", None)
    assert found.abstract == "About: it all\n\nMore with __init__."


def test_a_yaml_list_is_talks():
    """As DjangoCon US keeps what is no talk; null is nothing."""
    raw = (
        "- title: Break\n  start_datetime: 2026-05-15 10:20:00-05:00\n  end_datetime: 2026-05-15 10:45:00-05:00\n"
        "  permalink: null\n  room: Hall\n- {title: Sprint, start_datetime: 2026-05-15 11:00:00-05:00}\n"
    )
    pause, sprint = parse_schedule(raw.encode(), "plan")
    assert (pause.kind, pause.start, pause.room, pause.url) == ("break", at(15, 20), "Hall", None)
    assert (sprint.title, sprint.kind) == ("Sprint", "talk")


def test_a_folder_of_pages_is_a_schedule(tmp_path):
    """Every page with a date below it; drafts and other pages are left out, an error names its file."""
    (tmp_path / "talks").mkdir()
    (tmp_path / "talks" / "one.md").write_text(PAGE)
    (tmp_path / "talks" / "two.md").write_text(PAGE.replace("it-all", "two").replace("Ada", "Bob"))
    (tmp_path / "talks" / "draft.md").write_text(PAGE.replace("accepted: true", "accepted: false"))
    (tmp_path / "about.md").write_text("---\ntitle: About\n---\nHi")
    (tmp_path / "README.md").write_text("Nothing")
    assert sorted(t.id for t in read_schedule(tmp_path)) == ["talks/it-all", "talks/two"]
    (tmp_path / "talks" / "bad.md").write_text(PAGE.replace("2026-05-15 09", "soon 09"))
    (tmp_path / "talks" / "torn.md").write_text("---\ntitle: [\n---\n")
    found = read_schedule(tmp_path)
    assert (len(found), len(found.refused)) == (2, 2)
    assert "bad.md (No: 2026): 'soon 09:30:00 -04:00' is not a time" in found.refused[0]
    assert "torn.md:2: broken YAML" in found.refused[1]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ScheduleError, match="has no files with talks"):
        read_schedule(empty)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("---\ntitle: Hi\n---\n", "(Hi) has no date"),
        ("---\ntitle: a: b\n---\n", "plan:1: broken YAML"),
        ("- &a [x]\n- *a\n", "aliases (*name) are not supported"),
        ("- " + "[" * 5_000, "YAML"),
        ("- !!python/object/apply:os.system ['true']\n", "talk 1 is not an object"),
        ("---\nwords\n", "neither a talk with title and date nor a list"),
        ("- title: x\n" * 200_000, "the limit is"),
    ],
)
def test_yaml_that_is_no_talk_is_refused(raw, message):
    """Aliases, depth, objects and size can do nothing; the line is named where there is one."""
    assert message in said(raw)


# --- all of them -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "speakers", "kind"),
    [
        ("Lunch", [], "break"),
        ("Coffee break – sponsored by X", [], "break"),
        ("Registration & Breakfast", [], "break"),
        ("Mittagspause", [], "break"),
        ("Quiet Room", [], "break"),
        ("Lunch & Learn", [], "talk"),
        ("Break the monolith", [], "talk"),
        ("Coffee", ["Ada"], "talk"),
        ("Board Game Night", [], "talk"),
    ],
)
def test_breaks_are_distinguished_from_talks(title, speakers, kind):
    """By their words and by nobody speaking; what only begins like one is none."""
    entry = {"name": title, "authors": speakers, "start": "2026-05-15T09:30:00Z"}
    assert only(json.dumps([entry])).kind == kind


@pytest.mark.parametrize(
    ("title", "held"),
    [
        ("[CANCELLED] Talk", False),
        ("CANCELED: Talk", False),
        ("Talk (cancelled)", False),
        ("ABGESAGT – Talk", False),
        ("Cancelled: a history of culture", True),
        ("How I cancelled (almost) everything", True),
    ],
)
def test_what_is_cancelled_is_left_out(title, held):
    """In brackets or in capitals before the title; words in a sentence are words."""
    raw = json.dumps([{"name": title, "start": "2026-05-15T09:30:00Z"}])
    assert len(parse_schedule(raw.encode(), "plan")) == held


def test_the_format_can_be_given():
    """What misleads is read as it is told to be; another format, or an unknown one, is an error."""
    table = "title:,start\n-,x\n"
    assert "YAML" in said(table)
    assert "no column title" in said(table, format="csv")
    assert "not of format 'europython'" in said("[]", format="europython")
    assert said("x", format="excel").endswith(", ".join(FORMATS))
    assert only(frab_xml(EVENT), format="frab-xml").id == "g"


def test_what_is_too_large_is_not_read(tmp_path):
    """A file is not read beyond the limit, and a long text is cut before it is looked at."""
    path = tmp_path / "plan.json"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ScheduleError, match="that is the limit"):
        read_schedule(path)
    entry = {"name": "Talk", "start": "2026-05-15T09:30:00Z", "abstract": "<p " * 200_000}
    assert len(only(json.dumps([entry])).abstract) <= MAX_TEXT


def test_an_error_is_one_printable_line():
    """Control characters of a title do not reach a terminal."""
    message = said(json.dumps([{"name": "a\x1b[31m\u202eb" + "c" * 900, "start": "x\ny"}]))
    assert message.isprintable()
    assert len(message) <= 500


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("## Title\ntext", "Title\ntext"),
        ("[a](https://x.example) ![b](c.png)", "a b"),
        ("***so*** **bold** and *thin*", "so bold and thin"),
        ("f(*args, **kwargs) and a * b * c", "f(*args, **kwargs) and a * b * c"),
        ("`**kwargs` and __init__", "**kwargs and __init__"),
        ("```python\nx\n```", "x"),
        ("* one\n* two", "* one\n* two"),
        ("> quoted", "quoted"),
        ("<script>x()</script><p>a</p>", "a"),
    ],
)
def test_markdown_becomes_text(markdown, text):
    """Marks of looks go; stars and underscores that are Python stay."""
    assert prose(markdown) == text


MIXED = st.text(
    alphabet=st.sampled_from(list("<>/&;'\"=![]{}()-:*#`,\n\r\t aDTBEGINVCLRtile0129\x00ü")), max_size=80
)
BEGINNINGS = st.sampled_from(
    [
        "<",
        "<schedule>",
        "{",
        "[",
        "---\n",
        "- title: ",
        "BEGIN:VCALENDAR\n",
        "title,start\n",
        '{"days":',
        '[{"name":',
    ]
)


@settings(max_examples=400, deadline=None)
@given(BEGINNINGS, MIXED)
def test_any_text_is_talks_or_an_error(begins, text):
    """Whatever it begins like: nothing but ScheduleError, on one line."""
    try:
        parse_schedule((begins + text).encode(), "plan", BERLIN)
    except ScheduleError as error:
        assert str(error).startswith("plan")
        assert str(error).isprintable()
