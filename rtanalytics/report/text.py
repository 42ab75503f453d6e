"""Rendering of a report as Markdown: the content of the HTML page without its charts."""

from __future__ import annotations

from collections.abc import Iterator

import regex

from rtanalytics.report.facts import Place, Recap, Topic
from rtanalytics.report.page import day_name, messages_by, methods, span
from rtanalytics.report.quotes import Quote
from rtanalytics.wording import counted

__all__ = ["escape", "render_markdown"]

_SPECIAL = regex.compile(r"([\\`*_{}\[\]()<>#+!|~&:@-])")
_NUMBERED = regex.compile(r"^(\d+)\.")


def escape(text: str) -> str:
    r"""Escape a text for Markdown, so that it contains no markup, HTML or links.

    Examples
    --------
    >>> escape("<b> [x](javascript:y)")
    '\\<b\\> \\[x\\]\\(javascript\\:y\\)'
    """
    # some Markdown viewers turn plain URLs into links; an escaped colon prevents this
    plain: str = _SPECIAL.sub(r"\\\1", text.replace("www.", "www\u2060."))
    whole: str = _NUMBERED.sub(r"\1\\.", plain)
    return whole


def _link(text: str, url: str) -> str:
    return f"[{escape(text)}](<{url}>)" if url else escape(text)


def render_markdown(recap: Recap) -> str:
    """Render a report as CommonMark with tables.

    Untrusted text is escaped; links lead to http and https addresses only.
    """
    return "\n".join(_lines(recap)) + "\n"


def _lines(recap: Recap) -> Iterator[str]:
    talks = "talk" if recap.has_schedule else "reference topic"
    counts = [
        counted(recap.messages, "message"),
        *([counted(recap.people, "person", "people")] if recap.people else []),
        counted(len(recap.sources), "source"),
        *([counted(recap.talks, talks)] if recap.talks else []),
        counted(recap.hours, "hour"),
    ]
    yield f"# {escape(recap.title)}"
    yield f"\n{span(recap.first, recap.last)}, all times {escape(recap.zone_name)}. {', '.join(counts)}."
    for day in recap.days:
        yield f"\n## {day.date:%A}, {day_name(day.date)}"
        yield f"\n{messages_by(day.messages, day.people)}."
        for topic in day.topics:
            yield from _topic(topic)
    if recap.talk_messages:
        yield "\n## Messages about the talks\n"
        yield "| Time | Talk | During | After | People |\n| --- | --- | ---: | ---: | ---: |"
        for talk in recap.talk_messages:
            numbers = f"{talk.during} | {talk.after} | {talk.people}"
            yield f"| {talk.place.start:%a %H:%M} | {_place(talk.place)} | {numbers} |"
    yield "\n## Most active people\n"
    shown = [name for name in ("mentions", "reposts") if any(getattr(one, name) for one in recap.persons)]
    yield f"| Person | Source | Messages |{''.join(f' {name.title()} |' for name in shown)}"
    yield f"| --- | --- | ---: |{' ---: |' * len(shown)}"
    for person in recap.persons:
        name = _link(person.name, person.url) + (" (bot)" if person.bot else "")
        numbers = " | ".join(str(getattr(person, name)) for name in ("messages", *shown))
        yield f"| {name} | {escape(person.source)} | {numbers} |"
    yield "\n## Sources\n"
    yield "| Source | Messages | People |\n| --- | ---: | ---: |"
    for source in recap.sources:
        yield f"| {escape(source.name)} | {source.messages} | {source.people} |"
    yield "\n## Methods\n"
    for name, value in methods(recap):
        yield f"- {name}: {escape(value)}"
    if recap.reference:
        found = sum(bool(match.found) for match in recap.reference)
        yield f"- Reference topics detected: {found} of {len(recap.reference)}"


def _topic(topic: Topic) -> Iterator[str]:
    yield f"\n### {topic.number}. {escape(topic.label)}"
    when = f"{topic.start:%H:%M}–{topic.end:%H:%M}"
    counts = messages_by(topic.messages, topic.people)
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
