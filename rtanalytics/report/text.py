"""A recap as Markdown: the same choice as the page, without its charts."""

from __future__ import annotations

from collections.abc import Iterator

import regex

from rtanalytics.report.facts import Place, Recap, Topic
from rtanalytics.report.page import day_name, how, plural, said_by, span
from rtanalytics.report.quotes import Quote

__all__ = ["escape", "markdown"]

_SPECIAL = regex.compile(r"([\\`*_{}\[\]()<>#+!|~&:@-])")
_NUMBERED = regex.compile(r"^(\d+)\.")


def escape(text: str) -> str:
    r"""Text of others, so that no Markdown reader takes a part of it for markup, HTML or a link.

    Examples
    --------
    >>> escape("<b> [x](javascript:y)")
    '\\<b\\> \\[x\\]\\(javascript\\:y\\)'
    """
    # an address that a reader would link by itself is broken by its escaped colon
    plain: str = _SPECIAL.sub(r"\\\1", text.replace("www.", "www\u2060."))
    whole: str = _NUMBERED.sub(r"\1\\.", plain)
    return whole


def _link(text: str, url: str) -> str:
    return f"[{escape(text)}](<{url}>)" if url else escape(text)


def markdown(recap: Recap) -> str:
    """The recap in CommonMark with tables.

    Every text of others is escaped; links lead to http and https addresses only.
    """
    return "\n".join(_lines(recap)) + "\n"


def _lines(recap: Recap) -> Iterator[str]:
    talks = "talk" if recap.own_programme else "known session"
    counts = [
        plural(recap.messages, "message"),
        *([plural(recap.people, "person", "people")] if recap.people else []),
        plural(len(recap.sources), "source"),
        *([plural(recap.talks, talks)] if recap.talks else []),
        plural(recap.hours, "hour"),
    ]
    yield f"# {escape(recap.title)}"
    yield f"\n{span(recap.first, recap.last)}, all times {escape(recap.zone_name)}. {', '.join(counts)}."
    for day in recap.days:
        yield f"\n## {day.date:%A}, {day_name(day.date)}"
        yield f"\n{said_by(day.messages, day.people)}."
        for topic in day.topics:
            yield from _topic(topic)
    if recap.echoes:
        yield "\n## Talks and their echo\n"
        yield "| Time | Talk | During | After | People |\n| --- | --- | ---: | ---: | ---: |"
        for echo in recap.echoes:
            counted = f"{echo.during} | {echo.after} | {echo.people}"
            yield f"| {echo.place.start:%a %H:%M} | {_place(echo.place)} | {counted} |"
    yield "\n## Who wrote most\n"
    yield "| Who | Where | Messages | Addressed | Passed on |\n| --- | --- | ---: | ---: | ---: |"
    for person in recap.persons:
        name = _link(person.name, person.url) + (" (bot)" if person.bot else "")
        yield f"| {name} | {escape(person.source)} | {person.messages} | {person.named} | {person.reposted} |"
    yield "\n## Where it was said\n"
    yield "| Source | Messages | People |\n| --- | ---: | ---: |"
    for source in recap.sources:
        yield f"| {escape(source.name)} | {source.messages} | {source.people} |"
    yield "\n## How it was counted\n"
    for name, value in how(recap):
        yield f"- {name}: {escape(value)}"
    if recap.known:
        found = sum(bool(known.found) for known in recap.known)
        yield f"- Known topics found: {found} of {len(recap.known)}"


def _topic(topic: Topic) -> Iterator[str]:
    yield f"\n### {topic.number}. {escape(topic.label)}"
    when = f"{topic.start:%H:%M}–{topic.end:%H:%M}"
    counts = said_by(topic.messages, topic.people)
    yield f"\n{when}, {counts}; {topic.observed} at {topic.peak:%H:%M}, expected {topic.expected:.1f}."
    if topic.terms:
        yield f"Also: {', '.join(map(escape, topic.terms))}."
    if topic.about:
        yield f"On stage: {_place(topic.about)}."
    elif topic.during:
        yield f"Meanwhile: {'; '.join(_place(place) for place in topic.during[:3])}."
    for quote in topic.quotes:
        yield f"\n> {escape(quote.text)}  \n> — {_who(quote)}"


def _who(quote: Quote) -> str:
    when = f"{escape(quote.author)}, {quote.when:%H:%M}"
    return f"{when}, {_link(quote.source, quote.url)}" + (" (bot)" if quote.bot else "")


def _place(place: Place) -> str:
    return _link(place.title, place.url) + (f", {escape(place.speakers)}" if place.speakers else "")
