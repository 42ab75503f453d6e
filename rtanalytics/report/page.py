"""Rendering of a report as one self-contained HTML page."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from importlib.metadata import version

from jinja2 import Environment, PackageLoader, StrictUndefined

from rtanalytics.report.charts import day_chart, overview, slots, spark
from rtanalytics.report.facts import Recap
from rtanalytics.report.words import clean
from rtanalytics.trending import algorithm_of
from rtanalytics.wording import counted

__all__ = ["day_name", "duration", "messages_by", "methods", "render_html", "span"]

_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_MONTHS = "January February March April May June July August September October November December".split()


def render_html(recap: Recap) -> str:
    """Render a report as one HTML page that needs no other file.

    Equal content gives an identical page. All text is escaped, links lead to http and https addresses
    only, untrusted text cannot change the reading direction of the text around it, and a content
    security policy forbids scripts and external files.
    """
    return (
        _environment()
        .get_template("report.html")
        .render(
            recap=recap,
            slot=slots(recap),
            overview=overview(recap),
            days=[(day, day_chart(recap, day)) for day in recap.days],
            method=methods(recap),
            version=version("rtanalytics"),
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("rtanalytics.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        day=day_name, weekday=lambda at: _DAYS[at.weekday()], number=lambda n: f"{n:,}", duration=duration
    )
    environment.globals.update(span=span, spark=spark, plural=counted, messages_by=messages_by)
    return environment


def messages_by(messages: int, people: int) -> str:
    """Return a text such as ``5 messages by 3 people``, without people if the authors are unknown."""
    return counted(messages, "message") + (f" by {counted(people, 'person', 'people')}" if people else "")


def day_name(at: date) -> str:
    """Return a date as ``10 June 2026``, independent of the locale."""
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def span(first: date, last: date) -> str:
    """Return a range of dates, with month and year only once if they are the same.

    Examples
    --------
    >>> span(date(2026, 6, 10), date(2026, 6, 12)), span(date(2026, 6, 30), date(2026, 7, 1))
    ('10–12 June 2026', '30 June – 1 July 2026')
    """
    if (first.year, first.month, first.day) == (last.year, last.month, last.day):
        return day_name(last)
    if first.year != last.year:
        return f"{day_name(first)} – {day_name(last)}"
    if first.month != last.month:
        return f"{first.day} {_MONTHS[first.month - 1]} – {day_name(last)}"
    return f"{first.day}–{day_name(last)}"


def duration(length: timedelta) -> str:
    """Return a duration in words, such as ``45 minutes``, ``2 hours`` or ``3 days``."""
    minutes = round(length.total_seconds() / 60)
    if minutes % 60:
        return counted(minutes, "minute")
    hours = minutes // 60
    return counted(hours, "hour") if hours % 24 or hours < 48 else counted(hours // 24, "day")


def methods(recap: Recap) -> list[tuple[str, str]]:
    """Return the settings with which the trends were detected, as pairs of name and value."""
    settings = recap.settings
    if settings is None:
        return []
    algorithm = algorithm_of(settings)
    parameters = ", ".join(f"{name} = {value}" for name, value in algorithm.get_params().items())
    min_score = algorithm.floor if settings.min_score is None else settings.min_score
    own = ", ".join(sorted(settings.own_tags)) or "tags in more than a fifth of the messages"
    unit: str = settings.channel
    if unit == "authors":
        known = recap.people or recap.bots
        unit = "people who use a term" if known else "messages with a term; their authors are unknown"
    rows = [
        ("Algorithm", f"{algorithm.name} ({parameters})" if parameters else algorithm.name),
        ("Bins", f"{duration(settings.bin)}; {recap.bins:,} in total"),
        ("Counted", unit),
        ("A trend", f"score above {min_score:g} and a count of {settings.min_count} or more"),
        ("Per bin", f"at most {counted(settings.top, 'topic')}"),
        ("Never a topic", own),
        ("Also ignored", ", ".join(sorted(settings.ignore)) or "nothing"),
        ("Muted", counted(len(settings.mute), "account")),
        (
            "Not in the trends",
            f"{counted(recap.late, 'message')} received after their bin was closed",
        ),
    ]
    return [(name, clean(value, 1000)) for name, value in rows]
