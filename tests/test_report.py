"""The report: its content, its safety, and that it is self-contained."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from rtanalytics.archive import Recording, import_into
from rtanalytics.event import Author, Event
from rtanalytics.explanation import explain
from rtanalytics.importers import open_events
from rtanalytics.report import gather, render_html, render_markdown, write_report
from rtanalytics.report.charts import day_chart, overview
from rtanalytics.report.page import span
from rtanalytics.report.quotes import choose_quotes
from rtanalytics.report.text import escape
from rtanalytics.report.words import clean, pieces, with_keys
from rtanalytics.resources import recordings_folder
from rtanalytics.schedule import ReferenceTopic, Schedule, Talk, read_truth
from rtanalytics.topics import Settings, Trend, TrendBin, trends
from tests.build import BASE, event

FETCHES = {"src", "srcset", "poster", "data", "background", "manifest", "xlink:href", "action", "formaction"}
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "</style></title><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 7 }} {% raw %}",
    "safe\u202egnihton\u202c \u2066x",
    "nul\x00 bell\x07 escape\x1b[31m",
    "z\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308algo",
    "]]> --> <!-- &lt;b&gt; &amp;",
    "lone \ud800 surrogate",
]


class Page(HTMLParser):
    """Parser that collects what a page fetches, links to and runs."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.links: list[str] = []
        self.fetched: list[tuple[str, str, str | None]] = []
        self.handlers: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.unnamed: list[str] = []
        self.captions = 0
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag fetches, where it leads, what it runs."""
        self.tags.append(tag)
        given = dict(attrs)
        if tag not in ("meta", "link", "img", "br", "input", "path", "rect", "line"):
            self.open.append(tag)
        if tag == "link" or (tag == "meta" and (given.get("http-equiv") or "").lower() == "refresh"):
            self.fetched.append((tag, "itself", None))
        for name, value in attrs:
            if name.startswith("on"):
                self.handlers.append((tag, name))
            if name in FETCHES or "url(" in (value or "") or (name == "href" and tag != "a"):
                self.fetched.append((tag, name, value))
        if tag == "a":
            self.links.append(given.get("href") or "")
        if "id" in given:
            self.ids.append(given["id"] or "")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "svg" and not (given.get("role") == "img" and given.get("aria-label")):
            self.unnamed.append(tag)
        self.captions += tag == "caption"

    def handle_endtag(self, tag: str) -> None:
        """Tags close in the order in which they were opened."""
        if tag in ("p", "li", "td", "tr", "th", "dd", "dt") and self.open[-1] != tag:
            raise AssertionError(f"</{tag}> closes <{self.open[-1]}>")
        if tag not in ("path", "rect", "line"):
            assert self.open.pop() == tag, tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself."""
        before = list(self.open)
        self.handle_starttag(tag, attrs)
        self.open = before

    def handle_data(self, data: str) -> None:
        """What is read."""
        if not self.open or self.open[-1] != "style":
            self.text.append(data)


def needs_nothing(text: str) -> Page:
    """The page, after it was found to fetch nothing, to run nothing and to lead to the web only."""
    page = Page(text)
    assert page.fetched == []
    assert page.handlers == []
    assert not {"script", "img", "iframe", "object", "embed", "form", "link", "base", "video"} & set(
        page.tags
    )
    assert page.open == []
    styles = "".join(re.findall(r"<style>(.*?)</style>", text, re.DOTALL))
    assert "@import" not in styles
    assert "url(" not in styles
    outside = [link for link in page.links if not link.startswith("#")]
    assert [link for link in outside if not re.match(r"https?://[^\s\"<>]+$", link)] == []
    inside = {link[1:] for link in page.links if link.startswith("#")}
    assert inside <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    return page


def a_trend(
    terms: list[str], start: datetime, *, score: float = 9.0, people: int = 5, **more: object
) -> Trend:
    """A trend of half an hour."""
    return Trend(
        bin_start=start, bin_end=start + HALF, rank=1, terms=terms, label=terms[0], score=score, expected=0.2,
        messages=people, authors=people, examples=[], observed=people, **more,
    )  # fmt: skip


def a_bin(start: datetime, *found: Trend) -> TrendBin:
    """A bin in which this trended."""
    return TrendBin(start=start, end=start + HALF, trends=list(found), messages=20, authors=10)


HALF = timedelta(minutes=30)
NINE = BASE


def at(minutes: float) -> datetime:
    """So long after nine."""
    return NINE + timedelta(minutes=minutes)


def say(n: int, minutes: float, text: str, who: str = "", **fields: object) -> Event:
    """A message of somebody."""
    return event(n, created_at=at(minutes), text=text, author=who or f"p{n}", **fields)


KEYNOTE = Talk(
    id="k", title="Walrus husbandry for engineers", speakers=["Ada Lovelace"], start=at(0), end=at(45),
    room="Great Hall", kind="keynote", url="https://example.org/k",
)  # fmt: skip
LUNCH = Talk(id="l", title="Lunch", start=at(60), end=at(120), kind="break")
OTHER = Talk(
    id="o", title="Compilers in anger", speakers=["Grace Hopper"], start=at(0), end=at(45), room="Cellar"
)
PROGRAMME = Schedule([KEYNOTE, LUNCH, OTHER])


@pytest.fixture
def morning() -> list[Event]:
    """A keynote that is talked about, and afterwards a fire alarm."""
    quotes = [
        "Lovelace says the walrus eats first",
        "what a walrus, Ada Lovelace!",
        "@lovelace_ada walrus slides",
    ]
    about = [say(n, 5 + n, f"{quotes[n % 3]} number {n}") for n in range(12)]
    alarm = [say(20 + n, 61 + n, f"the fire alarm, everybody out of door {n}") for n in range(6)]
    noise = [say(40 + n, 7 * n, f"coffee {n} in the Great Hall") for n in range(20)]
    bot = [say(70 + n, n, f"reminder {n}: drink", Author(handle="tick", bot=True)) for n in range(30)]
    return sorted([*about, *alarm, *noise, *bot], key=lambda e: e.created_at)


BINS = [
    a_bin(at(0), a_trend(["walrus", "Great Hall"], at(0)), a_trend(["@lovelace_ada"], at(0), score=3)),
    a_bin(at(30), a_trend(["Lovelace", "walrus"], at(30), score=5)),
    a_bin(at(60), a_trend(["fire alarm", "door"], at(60), score=7)),
]


# --- content -----------------------------------------------------------------------------


def test_one_topic_in_successive_bins_is_one_entry_about_its_talk(morning: list[Event]) -> None:
    """Three trends that name the keynote become one topic on its talk; the alarm stays its own."""
    recap = gather(morning, BINS, title="X", schedule=PROGRAMME)
    assert [(t.label, t.about and t.about.title) for t in recap.topics] == [
        ("walrus", KEYNOTE.title),
        ("fire alarm", None),
    ]
    walrus, alarm = recap.topics
    assert (walrus.start, walrus.end) == (at(0), at(60))
    assert [place.title for place in alarm.during] == ["Lunch"]
    assert (walrus.observed, walrus.expected, recap.detected) == (5, 0.2, 2)


def test_a_room_is_no_topic(morning: list[Event]) -> None:
    """The room of a talk is left out of the terms, and its mention does not count as the topic's."""
    recap = gather(morning, BINS, title="X", schedule=PROGRAMME)
    assert "Great Hall" not in recap.topics[0].terms
    assert recap.topics[0].messages == 12


def test_topics_of_different_talks_stay_apart() -> None:
    """Two trends with a word in common that name different speakers are two topics."""
    messages = [say(n, n, ("Lovelace" if n % 2 else "Hopper") + " on method") for n in range(12)]
    bins = [
        a_bin(at(0), a_trend(["Lovelace", "method"], at(0))),
        a_bin(at(30), a_trend(["Hopper", "method"], at(30))),
    ]
    recap = gather(messages, bins, title="X", schedule=PROGRAMME)
    assert [t.about.title for t in recap.topics if t.about] == [KEYNOTE.title, OTHER.title]


def test_topics_do_not_grow_into_one_another() -> None:
    """A chain of trends, each with a word of the last, does not become one topic of a whole day."""
    words = [f"w{n}" for n in range(20)]
    bins = [a_bin(at(30 * n), a_trend([words[n], words[n + 1]], at(30 * n))) for n in range(19)]
    messages = [say(n, 30 * n, f"{words[n]} {words[n + 1]}") for n in range(19)]
    recap = gather(messages, bins, title="X")
    assert max(t.end - t.start for t in recap.topics) <= timedelta(hours=5)
    assert len(recap.topics) > 8


def test_topics_are_numbered_by_importance() -> None:
    """Of more topics than asked for, those of the highest peaks are there, the highest first."""
    bins = [a_bin(at(120 * n), a_trend([f"thing{n}"], at(120 * n), score=n % 5)) for n in range(20)]
    recap = gather([say(n, 120 * n, f"thing{n}") for n in range(20)], bins, title="X", topics=8)
    assert [t.score for t in recap.topics] == [4] * 4 + [3] * 4
    assert [t.number for t in recap.topics] == list(range(1, 9))
    assert f'The strongest topic was <a href="#topic-1"><bdi>{recap.topics[0].label}' in render_html(recap)


def test_columns_without_any_count_are_left_out() -> None:
    """Nobody was mentioned or reposted, so there is nothing to read there; methods are folded."""
    recap = gather([say(n, n, "walrus keynote") for n in range(30)], [], title="X")
    page, text = render_html(recap), render_markdown(recap)
    assert "Messages</th></tr>" in page
    assert not any(word in page + text for word in ("Mentions", "Reposts"))
    mentioned = [
        say(99, 40, "thanks @p3", mentions=["p3"]),
        *(say(n, n, "walrus keynote") for n in range(30)),
    ]
    assert "<details>" in page
    assert gather(mentioned, [], title="X").persons


def test_a_topic_of_two_people_is_left_out() -> None:
    """A trend of two people is left out, whatever its score."""
    recap = gather(
        [say(1, 1, "duet")], [a_bin(at(0), a_trend(["duet"], at(0), score=99, people=2))], title="X"
    )
    assert recap.topics == ()


def test_quotes_are_of_different_people_and_none_twice() -> None:
    """No author twice, no reposts, no near copies, no bots where people spoke."""
    bot = Author(handle="b", bot=True)
    messages = [
        say(1, 1, "the walrus keynote made me think about engines", "ada"),
        say(2, 2, "the walrus is a fine animal and more", "ada"),
        say(3, 3, "the walrus keynote made me think about engines!", "bo"),
        say(4, 4, "RT @ada: the walrus keynote made me think about engines", "cy"),
        say(5, 5, "walrus reminder from your favourite robot friend", bot),
        say(6, 6, "nobody told me a walrus could sing like this", "di"),
    ]
    best = choose_quotes(with_keys(messages), {"walrus"}, 4, reposts={})
    assert sorted(one.event.handle for one in best) == ["ada", "di"]


def test_times_are_those_of_the_venue(morning: list[Event]) -> None:
    """The day, the topics and the quotes are in the given zone."""
    recap = gather(morning, BINS, title="X", timezone="Pacific/Auckland")
    assert f"{recap.topics[0].start:%H:%M}" == "21:00"
    assert all(q.when.utcoffset() == timedelta(hours=12) for t in recap.topics for q in t.quotes)


def test_messages_about_a_talk_are_counted(morning: list[Event]) -> None:
    """During and after, by speaker, by handle and by title; a talk without a mention has none."""
    after = say(90, 300, "still thinking of Lovelace")
    recap = gather([*morning, after], BINS, title="X", schedule=PROGRAMME)
    keynote, other = recap.talk_messages
    assert (keynote.during, keynote.after, keynote.people) == (12, 1, 13)
    assert (other.during, other.after, other.quote) == (0, 0, None)
    assert keynote.topics == (1,)


def test_bots_are_marked_and_are_not_people(morning: list[Event]) -> None:
    """The loudest account is a bot: it leads the table with its mark, and the count is without it."""
    recap = gather(morning, BINS, title="X")
    assert (recap.persons[0].name, recap.persons[0].bot) == ("tick", True)
    assert (recap.people, recap.bots) == (38, 1)
    assert ">bot</span>" in render_html(gather(morning, BINS, title="X"))


def test_sources_and_days_add_up(morning: list[Event]) -> None:
    """Every message is in one source, and in the volume; deletes are in neither."""
    gone = event(99, op="delete", text=None, created_at=at(3))
    recap = gather([*morning, gone], BINS, title="X")
    assert sum(s.messages for s in recap.sources) == recap.messages == len(morning) == len(recap.moments)
    assert [day.messages for day in recap.days] == [len(morning)]


def test_reference_topics_are_looked_up_among_the_trends(morning: list[Event]) -> None:
    """One that trended in its time is found; one that did so at another time, or not, is not."""
    truth = [
        ReferenceTopic(start=at(0), end=at(30), keywords=("lovelace",), extra={"title": "A"}),
        ReferenceTopic(start=at(300), end=at(330), keywords=("walrus",), extra={"title": "B"}),
        ReferenceTopic(start=at(60), end=at(90), keywords=("fire alarm",), extra={"title": "C"}),
    ]
    recap = gather(morning, BINS, title="X", truth=truth)
    assert {k.label: k.found for k in recap.reference} == {"A": "@lovelace_ada", "B": "", "C": "fire alarm"}


def test_reference_topics_replace_a_missing_schedule(morning: list[Event]) -> None:
    """Reference topics with a speaker become the schedule, and the page calls them reference topics."""
    truth = [ReferenceTopic(start=at(0), end=at(45), keywords=("walrus",), extra={"speaker": "Ada Lovelace"})]
    recap = gather(morning, BINS, title="X", truth=truth)
    assert recap.topics[0].about is not None
    assert (recap.talks, recap.has_schedule) == (1, False)
    assert "All reference topics" in render_html(gather(morning, BINS, title="X", truth=truth))


def test_the_method_is_stated(morning: list[Event]) -> None:
    """Algorithm, bins and what may not trend are on the page when the settings are given."""
    settings = Settings(bin=HALF, own_tags=frozenset({"xconf"}), top=7)
    page = render_html(gather(morning, BINS, title="X", settings=settings))
    for words in ("30 minutes; 3 in total", "xconf", "at most 7 topics"):
        assert words in page
    late = [*BINS[:-1], msgspec.structs.replace(BINS[-1], late=47)]
    page = render_html(gather(morning, late, title="X", settings=settings))
    assert "Not in the trends" in page
    assert "47 messages received after their bin was closed" in page


def test_the_same_input_gives_the_same_page(morning: list[Event]) -> None:
    """Whatever the order of the events."""
    pages = {render_html(gather(events, BINS, title="X")) for events in (morning, morning[::-1])}
    assert len(pages) == 1


@pytest.mark.parametrize(
    "events",
    [
        [say(1, 0, "alone")],
        [event(1, author=None, text=None, title="only a title")],
        [event(1, author=None, text=None)],
        [say(n, 60 * 24 * 400 * n, "years apart") for n in range(3)],
        [say(n, 0, "日本語 の 話", source=f"kind{n}") for n in range(12)],
    ],
    ids=["one", "nameless", "empty", "years", "many-kinds"],
)
def test_small_recordings_are_reported(events: list[Event]) -> None:
    """One message, no author, no text, years of silence, more kinds of source than colours."""
    page = needs_nothing(render_html(gather(events, trends(events), title="Small")))
    assert "No topic stood out." in " ".join("".join(page.text).split())


def test_messages_without_an_author_are_reported() -> None:
    """Ten messages without an author trend, and count as messages of no person."""
    messages = [event(n, created_at=at(n), text="the weather", author=None) for n in range(5)]
    messages += [event(10 + n, created_at=at(61 + n), text=f"walrus {n}", author=None) for n in range(10)]
    bins = list(trends(messages))
    assert [(trend.messages, trend.authors) for bin in bins for trend in bin.trends] == [(10, 0)]
    assert {bin.authors for bin in bins} == {0}
    assert "10 messages about it" in str(explain(bins[-1].trends[0], messages))
    page = needs_nothing(render_html(gather(messages, bins, title="Small")))
    text = " ".join("".join(page.text).split())
    assert "10 messages Peak at 10:00: 10 messages, expected" in text
    assert "Most active people" not in text
    for written in (text, render_markdown(gather(messages, bins, title="Small"))):
        assert not re.search(r"\d (people|person)", written)


def test_a_short_recording_is_drawn_as_long_as_it_is() -> None:
    """Twenty minutes fill an hour and not a day; one hour is an hour, and no sessions are no tile."""
    messages = [say(n, 2 * n, f"walrus {n}") for n in range(10)]
    recap = gather(messages, [a_bin(at(0), a_trend(["walrus"], at(0)))], title="Small")
    assert [tick.text for tick in overview(recap).days] == ["09:00", "09:15", "09:30", "09:45", ""]
    assert [tick.text for tick in day_chart(recap, recap.days[0]).hours] == [
        "09:00", "09:15", "09:30", "09:45", "",
    ]  # fmt: skip
    assert overview(recap).step == timedelta(minutes=1)
    page = render_html(gather(messages, [], title="Small"))
    assert re.findall(r"<dt>(.*?)</dt>", page) == ["messages", "people", "source", "hour", "Version"]
    assert "session" not in render_markdown(gather(messages, [], title="Small"))


def test_an_empty_recording_is_an_error() -> None:
    """No events, or only deletes, or a zone that is none: one error that says it."""
    for events in ([], [event(1, op="delete", text=None)]):
        with pytest.raises(ValueError, match="X: there are no events to report on"):
            render_html(gather(events, [], title="X"))
    with pytest.raises(ValueError, match="unknown time zone 'Mars/Base'"):
        render_html(gather([event(1)], [], title="X", timezone="Mars/Base"))


# --- safety ----------------------------------------------------------------------


@pytest.mark.parametrize("bad", HOSTILE)
def test_hostile_text_stays_text(bad: str) -> None:
    """In every place that text from outside reaches, nothing is run, fetched or turned around."""
    author = Author(handle=bad, name=bad, url="javascript:alert(1)")
    messages = [
        say(n, n, f"{bad} walrus {n}", author, source=bad, title=bad, tags=[bad], channel=bad,
            url="javascript:alert(1)", links=["javascript:alert(1)"], lang=bad, type=bad)
        for n in range(6)
    ]  # fmt: skip
    messages += [
        say(
            30 + n,
            n,
            f"walrus {n} https://example.org/{bad}",
            url="https://example.org/" + bad.replace(" ", ""),
        )
        for n in range(3)
    ]
    messages += [say(10 + n, n, f"walrus {bad} {n} {'word ' * n}") for n in range(6)]
    talk = Talk(id=bad, title=bad, speakers=[bad], room=bad, track=bad, start=at(0), end=at(45), kind=bad,
                url="javascript:alert(1)")  # fmt: skip
    truth = [ReferenceTopic(start=at(0), end=at(45), keywords=(bad,), extra={"title": bad, "speaker": bad})]
    bins = [a_bin(at(0), a_trend([bad, "walrus"], at(0)), a_trend(["walrus", bad], at(0)))]
    options = {"title": bad, "schedule": Schedule([talk]), "truth": truth}
    text = render_html(gather(messages, bins, settings=Settings(own_tags=frozenset({bad})), **options))
    page = needs_nothing(text)
    read = "".join(page.text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)
    assert "49 {%" not in read
    assert text.encode()
    if bad.startswith("<img"):
        assert bad in read
        assert "&lt;img" in text
    marked = render_markdown(gather(messages, bins, **options))
    assert marked.encode()
    assert not re.search(r"(?<!\\)<(?!https?://)|\]\((?!<https?://)", marked)


def test_a_policy_forbids_what_might_be_fetched_or_run(morning: list[Event]) -> None:
    """The page's own policy allows its style and nothing else, should anything slip through."""
    text = render_html(gather(morning, BINS, title="X"))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1] == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def test_text_is_cleaned_but_not_changed() -> None:
    """Scripts, emoji and joiners survive; invisible characters are removed."""
    kept = "ไทย हिन्दी עברית 👩\u200d🚀 café"
    assert clean(kept) == kept
    assert clean("a\u202eb\x00c\ud800d") == "ab\ufffdc\ufffdd"
    assert clean("x" * 500, 10) == "x" * 9 + "…"


def test_links_in_quotes_lead_to_the_web_only() -> None:
    """An http address becomes a link without the full stop after it; a script address is text."""
    found = pieces("see https://example.org/a?b=1. or javascript:alert(1) &amp; more")
    assert [(p.text, p.href) for p in found if p.kind == "link"] == [
        ("example.org/a", "https://example.org/a?b=1")
    ]
    assert "".join(p.text for p in found) == "see example.org/a. or javascript:alert(1) & more"


def test_markdown_has_no_markup_of_others() -> None:
    """Each character that Markdown or HTML would read is escaped."""
    for bad in ("<b>", "[x](y)", "**x**", "# x", "1. x", "| a |", "`x`", "![x](y)", "~~x~~"):
        assert not re.search(r"(?<!\\)[<\[*#|`~(]", escape(bad)), escape(bad)
    assert escape("1. x") == "1\\. x"


# --- that everybody can read it ----------------------------------------------------------------


def test_the_page_has_headings_and_links_to_its_sections(morning: list[Event]) -> None:
    """Landmarks, headings in steps of one, a caption a table, a name a chart, isolated foreign text."""
    text = render_html(gather(morning, BINS, title="X", schedule=PROGRAMME))
    page = needs_nothing(text)
    assert {"header", "nav", "main", "footer", "section", "article"} <= set(page.tags)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(page.headings, page.headings[1:], strict=False))
    assert page.captions == page.tags.count("table")
    assert page.unnamed == []
    assert '<html lang="en">' in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_days_are_written_short() -> None:
    """A day, days of a month, of two months, of two years."""
    assert span(date(2026, 6, 10), date(2026, 6, 10)) == "10 June 2026"
    assert span(date(2026, 12, 30), date(2027, 1, 2)) == "30 December 2026 – 2 January 2027"


# --- files, the command, real recordings -------------------------------------------------------


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there stays if writing fails, and no part of the new one is left behind."""
    target = write_report(tmp_path / "r.html", "first")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_report(target, "second")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("r.html", "first")]
    with pytest.raises(FileNotFoundError, match="create it first"):
        write_report(tmp_path / "no" / "r.html", "x")
    with pytest.raises(IsADirectoryError, match="name of a file"):
        write_report(tmp_path, "x")


def report(*words: object) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    command = [sys.executable, "-m", "rtanalytics", "report", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


FIXTURE = recordings_folder() / "juniperconf-2026"


@pytest.mark.parametrize("name", ["r.html", "r.md"])
def test_the_command_writes_the_report_of_an_archive(tmp_path: Path, name: str) -> None:
    """One line says what was written; the file is of the kind that its name says."""
    run = report(FIXTURE, "--out", tmp_path / name)
    assert (run.returncode, run.stderr) == (0, "")
    assert re.fullmatch(r"25 topics, [\d,]+ kB in \S+\n", run.stdout)
    text = (tmp_path / name).read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>" if name == "r.html" else "# JuniperConf 2026")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--out", "r.pdf"], 2, "must end in .html or .md"),
        (["--out", "no/such/r.html"], 1, "does not exist"),
        (["--out", "r.html", "--timezone", "Mars/Base"], 1, "unknown time zone 'Mars/Base'"),
        (["--out", "r.html", "--truth", "none.csv"], 1, "none.csv"),
        (["--out", "r.html", "--schedule", "none.json"], 1, "none.json"),
        (["--out", "r.html", "--algorithm", "oracle"], 2, "oracle"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, words: list[str], status: int, message: str
) -> None:
    """A wrong name, zone or file: status and message, and no report."""
    run = report(FIXTURE, *(str(tmp_path / w) if re.match(r"r\.|no", w) else w for w in words))
    assert run.returncode == status, run.stderr
    assert message in " ".join(run.stderr.split()).replace(" │ │ ", "")
    assert list(tmp_path.iterdir()) == []


def test_the_report_of_the_fixture(tmp_path: Path) -> None:
    """Small, complete in itself, with every talk, and topics that were planted in the recording."""
    recording = Recording(FIXTURE)
    own = [*recording.meta.hashtags, *recording.meta.accounts]
    settings = Settings(bin=HALF, own_tags=own, schedule=recording.schedule)
    bins = list(trends(recording, bin=HALF, own_tags=own, schedule=recording.schedule))
    options = {
        "title": recording.meta.title or "",
        "schedule": recording.schedule,
        "timezone": recording.meta.timezone,
        "truth": recording.truth,
        "settings": settings,
    }
    text = render_html(gather(recording, bins, **options))
    assert len(text.encode()) < 500_000
    page = needs_nothing(text)
    read = "".join(page.text)
    talks = [talk for talk in recording.schedule if talk.kind not in ("break", "social")]
    assert all(clean(talk.title) in read for talk in talks)
    recap = gather(recording, bins, **options)
    assert len(recap.topics) == 25
    assert all(topic.quotes for topic in recap.topics)
    assert not {topic.label.casefold().lstrip("#@") for topic in recap.topics} & settings.own_tags
    assert sum(bool(known.found) for known in recap.reference) > 0.8 * len(recap.reference)
    assert sum(topic.about is not None for topic in recap.topics) > 10


@pytest.mark.data
def test_the_report_of_user2018_finds_its_keynotes(data_folder: Path, tmp_path: Path) -> None:
    """Tweets and commits of a real conference: all seven known keynotes, in less than 2 MB."""
    files = [data_folder / "recordings" / f"{name}.parquet" for name in ("user2018", "user2018_commits")]
    import_into(tmp_path / "a", (event for file in files for event in open_events(file)))
    recording = Recording(tmp_path / "a")
    truth = read_truth(data_folder / "schedules" / "user2018_truth.csv")
    bins = list(trends(recording, bin=HALF))
    options = {"title": "useR! 2018", "timezone": "Australia/Brisbane", "truth": truth}
    text = render_html(gather(recording, bins, **options))
    assert len(text.encode()) < 2_000_000
    needs_nothing(text)
    recap = gather(recording, bins, **options)
    assert [known.label for known in recap.reference if not known.found] == []
    assert recap.first == datetime(2018, 7, 1, 2, 32, 11, tzinfo=UTC)
    assert {name for name, _ in recap.families} == {"twitter", "github"}
    assert all(entry.total > 10 for entry in recap.talk_messages)


def test_the_first_author_of_a_repeated_text_is_quoted() -> None:
    """A sentence that others copy later, without a mark, is quoted from its first author."""
    copied = "the walrus has left the building, and nobody knows why"
    messages = [say(0, -500, copied, "ada"), *(say(n, n, copied, f"copy{n}") for n in range(1, 6))]
    recap = gather(messages, [a_bin(at(0), a_trend(["walrus", "building"], at(0)))], title="X")
    assert [q.author for q in recap.topics[0].quotes] == ["ada"]
    assert recap.topics[0].messages == 5
