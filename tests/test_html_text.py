"""Text of HTML: what a reader sees, and code in angle brackets."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.normalize.text import escape_code, html_text, html_title


@pytest.mark.parametrize(
    "text",
    [
        "Map<String, List<Item>> in Java", "fn parse<T>(x: T)", "#include <iostream> and more", "<stdin> is a file",
        "a < b && c > d", "x <- y", "a<b and c>d", "The <video> element", "<style> considered", "<script> tags",
        "use <your-name> here", "<?php echo 1", "The <!-- comment", "I <3 Python", "<T>", "List<A> of things", "<>",
    ],
)  # fmt: skip
def test_code_in_angle_brackets_is_text(text: str) -> None:
    """In titles and in texts, and in the HTML that is shown."""
    assert html_title(text) == text
    assert html_text(text) == text
    assert html_text(escape_code(text)) == text
    assert html_text(f"<p>{text}</p>") == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<b>Bold</b> and <em>more</em>", "Bold and more"),
        ('<a href="/x?a=1&amp;b=2">link</a>', "link"),
        ("<script>var a</script>after", "after"),
        ("<svg><title>x</title></svg>after", "after"),
        ("one<br>two", "one\ntwo"),
        ("<o:p></o:p>word<custom-tag>x</custom-tag>", "wordx"),
        ("<!-- no --> yes", "yes"),
        ("<p>one<p>two", "one\ntwo"),
        ("<script async src='x.js'> follows", "follows"),
        ("&lt;T&gt; &amp;amp;", "<T> &amp;"),
        ("<div title='don't'>x</div>", "x"),
    ],
)
def test_markup_is_not_text(source: str, text: str) -> None:
    """What follows a dropped element stays."""
    assert html_text(source) == text


def test_line_breaks_of_markdown_can_be_kept() -> None:
    """Blanks, too, as lists of Markdown need them."""
    assert html_text("- one\n  - <b>two</b>\n\nthree", keep_lines=True) == "- one\n  - two\n\nthree"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([*"<>/!-='\" ax", "<b>", "</b>", "<T>", "<script>", "</script>", "<!--", "-->"]))
)
def test_any_source_gives_text(pieces: list[str]) -> None:
    """Words outside of brackets are kept."""
    source = "".join(pieces)
    assert isinstance(html_text(source), str)
    assert "\n" not in html_title(source)
    assert html_title(f"{source.replace('<', '')} word").endswith("word")


@pytest.mark.parametrize(
    "piece", ["<a '", '<a "', "<b>", "<svg>", "<!--", "<a b=c ", "<a b='", "<T>", "<x-y>", "</"]
)
def test_time_is_proportional_to_length(piece: str) -> None:
    """Of hostile sources as well."""
    began = time.perf_counter()
    html_text(piece * 50_000)
    assert time.perf_counter() - began < 5
