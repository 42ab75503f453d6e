"""What is looked for in lines of files from anywhere costs no more than their length."""

from __future__ import annotations

import re
from time import perf_counter

import pytest

from rtanalytics.importers import irchtml, tweets_js, zulip
from rtanalytics.sources.matrix import parse as matrix


@pytest.mark.parametrize(
    ("pattern", "piece"),
    [
        (irchtml._MARKUP, "<a "),
        (tweets_js._CUT, " "),
        (zulip._ADDRESS, "<a "),
        (matrix._REPLY, "<mx-reply>"),
    ],
)
def test_a_pattern_does_not_begin_again_and_again(pattern: re.Pattern[str], piece: str) -> None:
    """Hardly a moment passes over 200 kB of what it begins with."""
    line = "x" + piece * (200_000 // len(piece)) + "x"
    began = perf_counter()
    pattern.sub("", line)
    pattern.match(line[1:])
    assert perf_counter() - began < 1
