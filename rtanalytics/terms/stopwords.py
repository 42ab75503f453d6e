"""Stop words, and hosts of link shorteners."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

__all__ = ["LANGUAGES", "SHORTENERS", "known_language", "words"]

LANGUAGES = ("en", "de", "es", "fr", "it", "nl", "pt")
"""Languages whose stop words are ignored by default."""

_ENGLISH = """
a about above across actually after again against ago all almost along already also although always am
among an and another any anybody anyone anything anyway are aren't around as ask at away back be became
because become been before behind being below best better between big both bring but by call came can
can't cannot come comes coming could couldn't day days did didn't do does doesn't doing don't done down
during each either else end enough etc even ever every everybody everyone everything far few find first
for found from full further gave get gets getting give given gives giving go goes going gone gonna good
got great had hadn't happen hard has hasn't have haven't having he he'd he'll he's hello help her here
here's hers herself hey hi him himself his how how's however i i'd i'll i'm i've if in instead into is
isn't it it'd it'll it's its itself just keep kind know knows last later least less let let's like likely
little long look looking looks lot lots love made make makes making many may maybe me mean means might
mine minutes more morning most much must my myself near need needs never new next nice no nobody non none
nor not nothing now of off often oh ok okay old on once one ones only or other others our ours ourselves
out over own part people per perhaps please point possible pretty probably put quite rather re really
right said same saw say saying says second see seen seems several shall she she'd she'll she's should
shouldn't show since so some somebody someone something sometimes soon still stuff such sure take taken
takes taking talk talking talks tell than thank thanks that that'll that's the their theirs them
themselves then there there's these they they'd they'll they're they've thing things think this those
though three through time times to today together told tomorrow tonight too took toward towards tried try
trying two under unless until up upon us use used uses using usually very via wait want wants was wasn't
way ways we we'd we'll we're we've week well went were weren't what what's whatever when when's where
where's whether which while who who's whole whom whose why will with within without won't wonder work
working works would wouldn't yeah year years yes yesterday yet you you'd you'll you're you've your yours
yourself yourselves ie eg e.g i.e vs w ll ve im dont cant didnt doesnt
thats lol haha wow yay monday tuesday wednesday thursday friday saturday sunday
"""
"""Own list, because those of libraries contain ``ai``, ``text``, ``computer`` and ``microsoft``."""

_EVERYWHERE = "amp rt mt via cc http https www com"
"""Words that platforms put into texts of any language."""

SHORTENERS = frozenset(
    """
    t.co bit.ly ow.ly buff.ly dlvr.it goo.gl tinyurl.com fb.me lnkd.in is.gd ift.tt wp.me j.mp owl.ly
    tmblr.co instagr.am pic.twitter.com twitter.com x.com amzn.to trib.al shar.es feedproxy.google.com
    """.split()
)
"""Hosts of addresses that hide their target."""


@cache
def words(languages: Iterable[str] = LANGUAGES) -> frozenset[str]:
    """Return the stop words of languages, as they are written.

    Parameters
    ----------
    languages : tuple of str
        Two-letter codes (``en``) or names (``english``).

    Raises
    ------
    ValueError
        If there is no list for a language; the message names the available ones.
    """
    from stop_words import (  # type: ignore[import-untyped]
        AVAILABLE_LANGUAGES,
        LANGUAGE_MAPPING,
        StopWordError,
        get_stop_words,
    )

    result = set(_EVERYWHERE.split())
    for language in languages:
        if language in ("en", "english"):
            result.update(_ENGLISH.split())
            continue
        try:
            result.update(word for entry in get_stop_words(language) for word in entry.split())
        except StopWordError:
            known = ", ".join(sorted({*LANGUAGE_MAPPING, *AVAILABLE_LANGUAGES}))
            raise ValueError(f"no stop words for language {language!r} (available: {known})") from None
    return frozenset(result)


@cache
def known_language(code: str | None) -> str | None:
    """Return the two-letter code of a language that has a list of stop words, or None.

    Parameters
    ----------
    code : str, optional
        BCP 47 tag from a source; the outdated codes for Norwegian, Hebrew and Indonesian that some
        platforms use are accepted.

    Examples
    --------
    >>> known_language("pt-BR"), known_language("no"), known_language("tlh"), known_language(None)
    ('pt', 'nb', None, None)
    """
    from stop_words import LANGUAGE_MAPPING

    base = (code or "").replace("_", "-").partition("-")[0].lower()
    base = _ALIASES.get(base, base)
    return base if base in LANGUAGE_MAPPING else None


_ALIASES = {"no": "nb", "nn": "nb", "iw": "he", "in": "id"}
