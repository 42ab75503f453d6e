"""Explanations of trends: their features, what each contributes, and why a topic outranks the next.

Everything comes from the trend itself, so a published or stored trend can be explained as well as a
fresh one. Messages and earlier bins, if given, add quotes and names.
:func:`rtanalytics.plot.explanation` draws the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo

from rtanalytics.event import Event
from rtanalytics.trend import Trend, TrendBin
from rtanalytics.untrusted import one_line
from rtanalytics.wording import counted

__all__ = ["Explanation", "Reason", "explain", "explain_rank", "reasons_of", "share"]

_QUOTES = 3
_QUOTE, _LABEL = 160, 120
"""Maximum characters of a quote and of a label."""
_RECENT = 6
"""Bins of the history that are listed one by one."""
_MATTERS = 0.05
"""Log odds from which a difference is mentioned."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A feature of a topic, and what it adds to the log odds that this is a topic.

    Parameters
    ----------
    name : str
        Name of the feature: ``bias``, ``evidence``, ``people``, ``own_words``, ``name``, ``known``.
    text : str
        The feature in words.
    adds : float
        Contribution to the log odds.
    """

    name: str
    text: str
    adds: float


@dataclass(frozen=True, repr=False)
class Explanation:
    """Explanation of a trend; printed, it is a text of a few lines.

    Parameters
    ----------
    trend : Trend
        The topic.
    next : Trend or None
        The topic that it outranks.
    reasons : tuple of Reason
        Terms of its log odds, in the order of the formula; empty if the algorithm gives no
        probability.
    lines : tuple of str
        The text. Labels and quotes in it are untrusted: they are on one line and printable, nothing
        more is guaranteed.
    numbers : tuple of str
        The numbers behind it, as sentences: counts, the parts of the probability, and why the topic ranks
        above the next one.
    """

    trend: Trend
    next: Trend | None
    reasons: tuple[Reason, ...]
    lines: tuple[str, ...]
    numbers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self.lines)

    __repr__ = __str__


def explain(
    trend: Trend,
    events: Iterable[Event] = (),
    *,
    next: Trend | None = None,
    earlier: Iterable[TrendBin] = (),
    zone: tzinfo = UTC,
) -> Explanation:
    """Explain a trend.

    Parameters
    ----------
    trend : Trend
        The topic.
    events : iterable of Event
        Messages, such as a recording, in which its examples are looked up for quotes and names; of
        one id the last counts.
    next : Trend, optional
        The topic of the next rank, to explain why it ranks below.
    earlier : iterable of TrendBin
        Earlier bins in order, to name the topics that this one comes from and say since when it is
        listed.
    zone : tzinfo
        Time zone of the text.

    Returns
    -------
    Explanation
        To print; :func:`rtanalytics.plot.explanation` draws it.
    """
    reasons = reasons_of(trend)
    quotes = _found(trend.examples, events)
    lines = [_headline(trend, zone), _surprise(trend)]
    if trend.probability:
        lines.append(_confidence(trend))
    if trend.talk:
        lines.append(f"It is about the talk {_quoted(trend.talk)} ({share(trend.talk_probability)} sure).")
    lines += _origin(trend, earlier, zone)
    first_of_text: dict[str, Event] = {}
    for event in quotes.values():
        first_of_text.setdefault(event.body, event)
    for event in list(first_of_text.values())[:_QUOTES]:
        by = one_line(event.handle, _LABEL) or "somebody"
        posted = event.posted_at.astimezone(zone)
        lines.append(
            f"{_quoted(event.body, _QUOTE)} ({by}, {posted:%H:%M}, {one_line(event.source, _LABEL)})"
        )
    numbers = [_count_of(trend), _who(trend, quotes)]
    if trend.talks:
        numbers.append(f"Talks at that time: {_and([_quoted(talk) for talk in trend.talks], 3)}.")
    if reasons:
        parts = "; ".join(f"{r.text}: {_signed(r.adds)}" for r in reasons)
        odds = _signed(sum(r.adds for r in reasons))
        numbers.append(
            f"It is a topic with a probability of {share(trend.probability)} (log odds {odds}): {parts}."
        )
    if next is not None:
        numbers.append(_above(trend, next))
    return Explanation(trend, next, reasons, tuple(lines), tuple(numbers))


def explain_rank(
    bin: TrendBin,
    rank: int = 1,
    events: Iterable[Event] = (),
    *,
    earlier: Iterable[TrendBin] = (),
    zone: tzinfo = UTC,
) -> Explanation:
    """Explain the trend of a rank, and why it ranks above the next one.

    Parameters
    ----------
    bin : TrendBin
        The bin.
    rank : int
        From 1.
    events, earlier, zone
        As in :func:`explain`.

    Raises
    ------
    ValueError
        If no topic has this rank.
    """
    by_rank = {trend.rank: trend for trend in bin.trends}
    if rank not in by_rank:
        raise ValueError(f"no topic of this bin has rank {rank}; it has {len(by_rank)}")
    return explain(by_rank[rank], events, next=by_rank.get(rank + 1), earlier=earlier, zone=zone)


def reasons_of(trend: Trend) -> tuple[Reason, ...]:
    """Return the features on which the probability of a trend rests, in words.

    The number of people and their share of those who posted are one reason. A feature without
    words here is called by its name. Handles and tags are left out if nobody uses any.
    """
    parts = dict(trend.contributions)
    if "people" in parts:
        parts["people"] += parts.pop("share", 0.0)
    if not trend.features.get("known"):
        parts = {name: adds for name, adds in parts.items() if name != "known" or adds}
    return tuple(Reason(name, _words(name, trend.features), adds) for name, adds in parts.items())


def share(probability: float) -> str:
    """Format a probability in per cent, never as certain.

    Examples
    --------
    >>> share(0.874), share(0.9991)
    ('87%', 'over 99%')
    """
    return "over 99%" if probability > 0.99 else f"{probability:.0%}"


def _headline(trend: Trend, zone: tzinfo) -> str:
    at, end = trend.counted_from.astimezone(zone), trend.bin_end.astimezone(zone)
    wrote = counted(trend.messages, "message")
    wrote = f"{counted(trend.authors, 'person', 'people')} wrote {wrote}" if trend.authors else wrote
    ranked = sorted(trend.sources, key=lambda source: (-trend.sources[source], source))
    where = f", most of them on {one_line(ranked[0], _LABEL)}" if len(ranked) > 1 else ""
    when = f"{at:%d %B %Y, %H:%M} to {end:%H:%M} {at:%Z}"
    return f"{_name(trend)} is number {trend.rank} of {when}: {wrote} about it{where}."


def _surprise(trend: Trend) -> str:
    """Compare how often the first term was used with what was expected."""
    term = _quoted(trend.terms[0])
    if trend.channel:
        used = f"{counted(trend.observed, *trend.counted)} used {term}"
    else:
        used = f"{term} was counted {counted(trend.observed, 'time')}"
    bins = _bins_before(trend)
    if bins == 0:
        return f"{used}; nothing had been posted before."
    if not math.isfinite(trend.expected):
        return f"{used}."
    expected = "hardly anybody was" if trend.expected < 0.5 else f"about {trend.expected:,.0f} were"
    if not trend.channel:
        expected = "hardly any were" if trend.expected < 0.5 else expected
    past = f" from the {_long(bins * (trend.bin_end - trend.counted_from))} before" if bins else ""
    return f"{used}; {expected} expected{past}."


_SURE = ((0.95, "almost certainly"), (0.8, "very probably"), (0.6, "probably"), (0.4, "possibly"))


def _confidence(trend: Trend) -> str:
    """Return how certain it is that this is a topic, and the strongest reasons, in words."""
    sure = next((words for least, words in _SURE if trend.probability >= least), "perhaps")
    text = f"It is {sure} something that people talk about ({share(trend.probability)})"
    features, parts = trend.features, trend.contributions
    if not {"people", "voices", "like"} <= features.keys():
        return f"{text}."
    people, voices = features["people"], features["voices"]
    because = {
        "evidence": "it came up suddenly",
        "people": f"{people:,.0f} people used it lately" if people > 2 else "",
        "name": "it is written like a name" if features["like"] >= 0.5 else "",
        "known": "people have a handle or tag for it" if features.get("known") else "",
    }
    reasons = [because[n] for n in sorted(because, key=lambda n: -parts.get(n, 0.0)) if because[n]][:2]
    although = []
    if voices < 0.6 * people:
        although.append("most of them repeat what others wrote")
    elif people > 2:
        reasons.append("they write in their own words")
    if features["like"] < 0.2 and not features.get("known"):
        although.append("it is an ordinary word")
    text += f", because {_and(reasons)}" if reasons else ""
    return text + (f", although {_and(although)}." if although else ".")


def _bins_before(trend: Trend) -> int | None:
    """Return the number of bins on which the expected count is based; None if unknown."""
    width = trend.bin_end - trend.counted_from
    return None if trend.since is None else round((trend.counted_from - trend.since) / width)


def _words(name: str, features: Mapping[str, float]) -> str:
    text = _TEXTS.get(name)
    try:
        return text(features) if text else name.replace("_", " ")
    except KeyError:  # a trend of an earlier version has no features beside the contributions
        return name.replace("_", " ")


def _own(features: Mapping[str, float]) -> str:
    people, voices = round(features["people"]), round(features["voices"])
    who = "all" if voices == people else "none" if not voices else f"{voices:,}"
    return f"{who} of them in words of their own"


_TEXTS: dict[str, Callable[[Mapping[str, float]], str]] = {
    "bias": lambda _: "to start with",
    "evidence": lambda features: f"its burst is {features['evidence']:,.1f} times the minimum",
    "people": lambda features: (
        f"used by {features['people']:,.0f} of the {features['active']:,.0f} people who posted lately"
    ),
    "own_words": _own,
    "name": lambda features: f"{features['like']:.0%} like a name",
    "known": lambda features: f"{'people have a' if features['known'] else 'no'} handle or tag for it",
}

_COMPARED: dict[str, tuple[str, str, Callable[[Mapping[str, float]], str]]] = {
    "evidence": ("a stronger burst", "a weaker burst", lambda features: f"{features['evidence']:,.1f}"),
    "people": (
        "more people",
        "fewer people",
        lambda features: f"{features['people']:,.0f} of {features['active']:,.0f}",
    ),
    "own_words": (
        "more of them in words of their own",
        "fewer of them in words of their own",
        lambda features: f"{features['voices']:,.0f} of {features['people']:,.0f}",
    ),
    "name": (
        "a term more like a name",
        "a term less like a name",
        lambda features: f"{features['like']:.0%}",
    ),
    "known": (
        "a handle or tag that people use for it",
        "no handle or tag that people use for it",
        lambda features: "yes" if features["known"] else "no",
    ),
}
"""For each feature: the words for a positive and a negative difference, and its number."""


def _above(trend: Trend, next: Trend) -> str:
    """Explain why a trend ranks above another one."""
    mine, theirs = ({r.name: r.adds for r in reasons_of(one)} for one in (trend, next))
    if not mine or not theirs:
        return f"It ranks above {_name(next)} by its score: {trend.score:.3g} against {next.score:.3g}."
    gaps = {name: mine.get(name, 0.0) - theirs.get(name, 0.0) for name in mine | theirs}
    order = sorted(gaps, key=lambda name: -abs(gaps[name]))
    ahead = [name for name in order if gaps[name] >= _MATTERS][:3]
    behind = [name for name in order if gaps[name] <= -_MATTERS][:2]
    by = _and([_gap(name, gaps[name], trend, next) for name in ahead]) or "a narrow margin"
    text = f"It ranks above {_name(next)} ({share(next.probability)}) by {by}"
    if behind:
        text += f", despite {_and([_gap(name, gaps[name], trend, next) for name in behind])}"
    return f"{text}."


def _gap(name: str, gap: float, trend: Trend, next: Trend) -> str:
    compared = _COMPARED.get(name)
    if compared is None or not trend.features or not next.features:
        return f"{name.replace('_', ' ')} ({_signed(gap)})"
    more, less, number = compared
    pair = "" if name == "known" else f"{number(trend.features)} against {number(next.features)}: "
    return f"{more if gap > 0 else less} ({pair}{_signed(gap)})"


def _count_of(trend: Trend) -> str:
    term = _quoted(trend.terms[0])
    if trend.channel:
        text = f"{counted(trend.observed, *trend.counted)} used {term}"
    else:
        text = f"{term} was counted {trend.observed:,} times"
    bins, width = _bins_before(trend), trend.bin_end - trend.counted_from
    if bins == 0:
        return f"{text}; nothing had been posted before."
    past = f" from the {counted(bins, 'bin', 'bins')} before ({_long(bins * width)})" if bins else ""
    expected = f"{trend.expected:.1f} were expected{past}" if math.isfinite(trend.expected) else ""
    recent = ", ".join(map(str, trend.history[-_RECENT:]))
    recent = f"just before: {recent}" if recent else ""
    return f"{'; '.join(part for part in (text, expected, recent) if part)}."


def _who(trend: Trend, quotes: Mapping[str, Event]) -> str:
    people = f"{counted(trend.authors, 'person', 'people')} in " if trend.authors else ""
    text = f"Any of its terms: {people}{counted(trend.messages, 'message', 'messages')}"
    ranked = sorted(trend.sources.items(), key=lambda item: (-item[1], item[0]))
    if len(ranked) == 1:
        text += f", all from {one_line(ranked[0][0], _LABEL)}"
    elif ranked:
        text += f", from {_and([f'{one_line(source, _LABEL)} ({n:,})' for source, n in ranked], 4)}"
    handles = list(dict.fromkeys(one_line(event.handle, _LABEL) for event in quotes.values() if event.handle))
    return f"{text}; among them {_and(handles)}." if handles else f"{text}."


def _origin(trend: Trend, earlier: Iterable[TrendBin], zone: tzinfo) -> list[str]:
    """Describe when the topic was first listed, what it split from and what merged into it."""
    labels: dict[str, str] = {}
    first, times = None, 0
    for bin in earlier:
        if bin.start >= trend.bin_start:
            break
        for other in bin.trends:
            labels[other.id] = other.label
            if trend.id and other.id == trend.id:
                first, times = first or bin.start, times + 1

    def called(number: str) -> str:
        return _quoted(labels[number]) if number in labels else f"topic {one_line(number, _LABEL)}"

    parts = []
    if first is not None:
        before = counted(times, "bin", "bins")
        parts.append(f"has been listed since {first.astimezone(zone):%H:%M}, in {before} before this one")
    if trend.split_from:
        parts.append(f"was part of {called(trend.split_from)} until now")
    if trend.merged:
        parts.append(f"has taken in {_and([called(number) for number in trend.merged])}")
    return [f"It {'; it '.join(parts)}."] if parts else []


def _found(ids: Iterable[str], events: Iterable[Event]) -> dict[str, Event]:
    """Return the examples that exist and are not deleted, in the order of the ids."""
    wanted = list(ids)
    found: dict[str, Event] = {}
    for event in events if wanted else ():
        if event.id in wanted:
            found[event.id] = event
    return {id: found[id] for id in wanted if id in found and found[id].op != "delete"}


def _quoted(text: str, limit: int = _LABEL) -> str:
    return f"“{one_line(text, limit)}”"


def _name(trend: Trend) -> str:
    return _quoted(trend.label)


def _and(texts: list[str], most: int | None = None) -> str:
    if most is not None and len(texts) > most:
        texts = [*texts[:most], f"{len(texts) - most} more"]
    return " and ".join([", ".join(texts[:-1]), *texts[-1:]] if len(texts) > 1 else texts)


def _signed(number: float) -> str:
    return f"{number:+.1f}".replace("-", "\N{MINUS SIGN}")


def _long(time: timedelta) -> str:
    minutes = round(time / timedelta(minutes=1))
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes / 60:.3g} hours" if minutes < 72 * 60 else f"{minutes / 1440:.3g} days"
