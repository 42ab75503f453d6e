"""A trend explains itself: in words that its numbers bear out, and in a picture."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

import msgspec
import pytest
from matplotlib.figure import Figure

from rtanalytics import plot
from rtanalytics.event import Author
from rtanalytics.explanation import Explanation, explain, explain_rank, reasons_of
from rtanalytics.topics import TopicFilter, Trend, TrendBin, trends
from tests.build import BASE, event

QUARTER = timedelta(minutes=15)
CONTRIBUTIONS = {"bias": -2.0, "evidence": 2.3, "people": 1.6, "own_words": -0.2, "share": -0.7, "known": 0.0}
FEATURES = {"evidence": 4.2, "people": 14, "voices": 12, "active": 60, "like": 0.8, "known": 0.0}


def a_trend(rank: int = 1, label: str = "tidy", **given: object) -> Trend:
    """A trend with everything that can be explained, unless something else is given."""
    fields = {
        "bin_start": BASE, "bin_end": BASE + QUARTER, "rank": rank, "terms": [label, "wide"],
        "label": label, "score": 0.43, "expected": 1.25, "observed": 9, "messages": 23, "authors": 17,
        "examples": [], "sources": {"twitter": 20, "irc:#x": 3}, "probability": 0.73, "contributions": CONTRIBUTIONS,
        "features": FEATURES, "channel": "authors", "history": [0, 2, 1], "since": BASE - 31 * QUARTER,
    }  # fmt: skip
    return Trend(**(fields | given))  # type: ignore[arg-type]


def drawn(figure: Figure) -> bytes:
    """The figure as a picture: drawing is where a wrong text would fail."""
    out = BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def test_a_trend_says_in_words_what_its_fields_say_in_numbers() -> None:
    """Observed, expected, history, people, sources, talks, and each part of the probability."""
    why = explain(a_trend(talks=["Tidy data"]))
    counted = (
        "9 people used “tidy”; 1.2 were expected from the 31 bins before (7.75 hours); just before: 0, 2, 1."
    )
    probable = (
        "It is a topic with a probability of 73% (log odds +1.0): to start with: −2.0; its burst is 4.2"
        " times the minimum: +2.3; used by 14 of the 60 people who posted lately: +0.9; 12 of"
        " them in words of their own: −0.2."
    )
    assert list(why.numbers) == [
        counted,
        "Any of its terms: 17 people in 23 messages, from twitter (20) and irc:#x (3).",
        "Talks at that time: “Tidy data”.",
        probable,
    ]


def test_a_trend_is_explained_in_three_sentences_without_numbers_of_the_model() -> None:
    """What happened, why it is listed, how sure that is; then the talk that it is about."""
    why = explain(a_trend(talk="Tidy data", talk_probability=0.97))
    assert str(why).splitlines() == [
        (
            f"“tidy” is number 1 of {BASE:%d %B %Y, %H:%M} to {BASE + QUARTER:%H:%M} UTC:"
            " 17 people wrote 23 messages about it, most of them on twitter."
        ),
        "9 people used “tidy”; about 1 were expected from the 7.75 hours before.",
        (
            "It is probably something that people talk about (73%), because it came up suddenly, 14 people used"
            " it lately and they write in their own words."
        ),
        "It is about the talk “Tidy data” (97% sure).",
    ]
    repeated = a_trend(features=FEATURES | {"voices": 2, "like": 0.1}, expected=0.1, probability=0.3)
    assert list(explain(repeated).lines[1:]) == [
        "9 people used “tidy”; hardly anybody was expected from the 7.75 hours before.",
        (
            "It is perhaps something that people talk about (30%), because it came up suddenly and 14 people used"
            " it lately, although most of them repeat what others wrote and it is an ordinary word."
        ),
    ]


def test_the_reasons_add_up_to_the_log_odds() -> None:
    """People and their share are one reason; nothing is lost, also of what has no words yet."""
    trend = a_trend(contributions=CONTRIBUTIONS | {"weather_forecast": 0.4})
    reasons = reasons_of(trend)
    assert sum(r.adds for r in reasons) == pytest.approx(sum(trend.contributions.values()))
    assert [r.name for r in reasons] == ["bias", "evidence", "people", "own_words", "weather_forecast"]
    assert reasons[-1].text == "weather forecast"


def test_it_outranks_the_next_by_what_differs_most() -> None:
    """The largest differences come first; what speaks for the other one is said as well."""
    theirs = CONTRIBUTIONS | {"evidence": 0.4, "people": 1.2, "known": 2.2}
    other = a_trend(
        2, "shiny", probability=0.7, contributions=theirs, features=FEATURES | {"known": 1.0, "evidence": 1.3}
    )
    bin = TrendBin(start=BASE, end=BASE + QUARTER, trends=[a_trend(), other], messages=9, authors=5)
    assert explain_rank(bin, 1).numbers[-1] == (
        "It ranks above “shiny” (70%) by a stronger burst (4.2 against 1.3: +1.9) and more people"
        " (14 of 60 against 14 of 60: +0.4), despite no handle or tag that people use for it (−2.2)."
    )
    assert "ranks above" not in str(explain_rank(bin, 2).numbers)
    with pytest.raises(ValueError, match="rank 3; it has 2"):
        explain_rank(bin, 3)


def test_a_score_without_a_probability_is_explained_too() -> None:
    """An algorithm that tells no probability gives no reasons, and ranks by its score."""
    bare = {
        "contributions": {},
        "features": {},
        "probability": 0.0,
        "channel": "",
        "history": [],
        "since": None,
    }
    why = explain(a_trend(**bare), next=a_trend(2, "shiny", **(bare | {"score": 0.2})))
    assert why.reasons == ()
    assert why.lines[1] == "“tidy” was counted 9 times; about 1 were expected."
    assert why.numbers[0] == "“tidy” was counted 9 times; 1.2 were expected."
    assert why.numbers[-1] == "It ranks above “shiny” by its score: 0.43 against 0.2."
    figure = plot.explanation(why)
    assert len(figure.axes) == 1
    assert drawn(figure)


def test_where_a_topic_comes_from_is_told_by_name() -> None:
    """Split, merged and continued topics have the labels of the bins before, or their ids."""
    earlier = [
        TrendBin(
            start=BASE - n * QUARTER, end=BASE - (n - 1) * QUARTER, messages=9, authors=5,
            trends=[a_trend(1, "tidy", id="a"), a_trend(2, "keynote", id="b")],
        )
        for n in (2, 1)
    ]  # fmt: skip
    trend = a_trend(id="a", split_from="b", merged=["c"])
    since = f"{BASE - 2 * QUARTER:%H:%M}"
    assert (
        f"It has been listed since {since}, in 2 bins before this one; it was part of “keynote” until now;"
        " it has taken in topic c."
    ) in explain(trend, earlier=earlier).lines
    assert "It was part of topic b until now; it has taken in topic c." in explain(trend).lines


def test_messages_are_quoted_as_they_are_now() -> None:
    """A later revision counts, a deleted message is silent, the same words are quoted once."""
    said = [event(n, text=text) for n, text in enumerate(["one", "two", "two", "gone", "other"])]
    ids = [e.id for e in said[:4]]
    after = [
        msgspec.structs.replace(said[0], text="one, corrected"),
        msgspec.structs.replace(said[3], op="delete"),
    ]
    why = explain(a_trend(examples=ids), [*said, *after])
    quotes = [line for line in why.lines[1:] if "” (" in line]
    assert [quote.split("” (")[0] for quote in quotes] == ["“one, corrected", "“two"]
    assert f"among them {said[0].handle}" in why.numbers[1]


def test_text_from_outside_stays_on_its_line() -> None:
    """Neither a label nor a quote brings line breaks, escapes or formulas that are not there."""
    nasty = "a\n$x^2$ \x1b[31m\u202e" + "y" * 300
    said = event(1, text=nasty, author=Author(handle=nasty))
    trend = a_trend(1, nasty, talks=[nasty], examples=[said.id], sources={nasty: 1})
    why = explain(trend, [said], next=a_trend(2, nasty))
    assert all(line.isprintable() for line in [*why.lines, *why.numbers])
    assert drawn(plot.explanation(why)).startswith(b"\x89PNG")


def test_times_are_in_the_zone_that_is_asked_for() -> None:
    """In words and in the title of the picture."""
    zone = ZoneInfo("Asia/Kathmandu")
    local = f"{BASE.astimezone(zone):%H:%M}"
    why = explain(a_trend(), zone=zone)
    assert f", {local} to" in why.lines[0]
    assert f", {local} to" in plot.explanation(why, zone=zone).get_suptitle()


def test_the_picture_has_the_numbers() -> None:
    """Bars of the history and of now; steps that begin where the one before ended; the next in grey."""
    why = explain(a_trend(), next=a_trend(2, "shiny"))
    left, right = plot.explanation(why).axes
    assert [bar.get_height() for bar in left.patches] == [0, 2, 1, 9]
    steps = [(bar.get_x(), bar.get_width()) for bar in right.patches]
    assert len(steps) == 2 * len(why.reasons)
    at = 0.0
    for (x, wide), reason in zip(steps, why.reasons, strict=False):
        assert (x, wide) == (pytest.approx(at), pytest.approx(reason.adds))
        at = x + wide
    alone = replace(why, next=None)
    assert len(plot.reasons(alone).patches) == len(why.reasons)


def test_what_is_told_of_a_recording_is_explained_and_survives_json() -> None:
    """A trend that was stored explains itself as it did when it was told."""
    said = [event(60 * n, text=f"hello there {n}") for n in range(30)]
    said += [
        event(1800 + 20 * n, text=f"the walrus {'abcdefgh'[n]}", author=Author(handle=f"q{n}"))
        for n in range(8)
    ]
    trend = list(trends(said, topic_filter=TopicFilter(min_probability=0.01, keep_probability=0.01)))[
        -1
    ].trends[0]
    again = msgspec.json.decode(msgspec.json.encode(trend), type=Trend)
    assert trend.label == "walrus"
    assert "8 people used “walrus”" in str(explain(trend, said))
    assert str(explain(again, said)) == str(explain(trend, said))
    assert isinstance(explain(trend), Explanation)


def test_explaining_needs_no_matplotlib() -> None:
    """Words come without the drawing library, and importing the package without the words."""
    code = "import sys, rtanalytics.explanation; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
