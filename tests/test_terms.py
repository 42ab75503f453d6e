"""Texts to terms, in every script, and the vocabulary that numbers them."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rtanalytics.counts import TermCounts
from rtanalytics.event import Event
from rtanalytics.normalize.text import find_tags
from rtanalytics.terms import ALONE, Kind, Token, Vocabulary, characters, fold, text_of, tokens
from tests import naive

AT = datetime(2026, 5, 15, 9, tzinfo=UTC)


DATA = Path(os.environ.get("RTANALYTICS_DATA", Path(__file__).parents[2] / "shared" / "data"))
HARD = st.text(
    st.sampled_from(
        "ab CR#@&.:/'’-_1٣()+ \n\t,!…“éſİßＡ＠＃हिन्दी日本のカー"
        "\u0301\ufe0f\u20e3\u200d\u200c\u200b👩🏽🇩🇪❤©\U000e0067\x00"
    )
)
PIECES = st.lists(
    st.sampled_from(
        [
            "RT",
            "MT",
            " ",
            "@ada",
            "@",
            ":",
            "http://",
            "HTTPS://",
            "www.",
            "x.org",
            "/a",
            "me@x.org",
            "C++",
            "#",
            "R&D",
            "n()",
            "F#",
            "dplyr::x",
            "don't",
            "…",
            "1️⃣",
            "👩‍👩‍👧",
            "日本",
            "e\u0301",
            "&amp;",
            "a.b",
            "\n",
            "q",
        ]
    )
).map("".join)


def cut(texts: list[str]) -> list[list[Token]]:
    """Tokens of each text by the fast path, all in one batch."""
    vocabulary = Vocabulary()
    flat, offsets = vocabulary.encode(texts)
    found = []
    for begin, end in pairwise(offsets.tolist()):
        row, before = [], -1
        for number in flat[begin:end].tolist():
            if number >= 0:
                row.append(Token(int(vocabulary.kinds[number]), vocabulary.surfaces[number], before >= 0))
            before = number
        found.append(row)
    return found


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(HARD, PIECES, st.text())))
def test_the_fast_path_agrees_with_the_patterns(texts: list[str]) -> None:
    """The compiled scanner cuts any text as the patterns of the reference implementation do."""
    assert cut(texts) == [list(naive.tokens(text)) for text in texts]


@pytest.mark.data
def test_the_fast_path_agrees_on_all_recordings_and_naughty_strings() -> None:
    """Some 115 000 real texts, and strings made to break parsers."""
    if not DATA.is_dir() and not os.environ.get("CI"):
        pytest.skip("the recordings of others are not here")
    import pyarrow.parquet as pq

    texts: list[str] = []
    for file in sorted((DATA / "recordings").glob("*.parquet")):
        texts += [text or "" for text in pq.read_table(file, columns=["text"])["text"].to_pylist()]
    for file in sorted((DATA / "suites" / "blns").iterdir()):
        texts += file.read_text(encoding="utf-8").splitlines()
    for file in sorted((DATA / "labelled" / "crisislex_t6").glob("*.csv")):
        texts += file.read_text(encoding="utf-8", errors="replace").splitlines()
    assert len(texts) > 100_000
    for text, found in zip(texts, cut(texts), strict=True):
        assert found == list(naive.tokens(text)), text


def surfaces(text: str) -> list[str]:
    return [token.surface for token in tokens(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("O’Briant's talk, don't miss", ["O’Briant's", "talk", "don't", "miss"]),
        ("well-known child‑friendly - yes", ["well-known", "child‑friendly", "yes"]),
        ("asyncio.run, data.table. End", ["asyncio.run", "data.table", "End"]),
        ("C++ and C# in n() not x+y", ["C++", "and", "C#", "in", "n()", "not", "x", "y"]),
        ("dplyr::filter R&D q&a", ["dplyr::filter", "R&D", "q", "a"]),
        ("@ada: hi@example.org (@user@host.social)", ["@ada", "@user@host.social"]),
        ("#PyConDE,#Köln #2018 ##x a#b", ["#PyConDE", "#Köln", "2018", "#x", "a", "b"]),
        ("see https://www.python.org/a?b=c. http://user@x.io:80/", ["see", "python.org", "x.io"]),
        ("pic.twitter.com/abc www.example.com", ["pic.twitter.com", "example.com"]),
        ("RT @ada: yes RT @bob no", ["yes", "no"]),
        ("cats &amp; dogs &#39;n mice", ["cats", "dogs", "n", "mice"]),
        ("हिन्दी में परीक्षण", ["हिन्दी", "में", "परीक्षण"]),
        ("cafe\u0301 CAFÉ", ["café", "CAFÉ"]),
        ("ภาษาไทย ok", ["ภาษาไทย", "ok"]),
        ("می‌خواهم", ["می‌خواهم"]),
        ("さあ、Jimのglueパッケージ", ["さ", "あ", "Jim", "の", "glueパッケージ"]),
        ("日本語", ["日", "本", "語"]),
        ("👩‍👩‍👧‍👦 🇩🇪🇫🇷 👍🏽 ❤️ 1️⃣", ["👩‍👩‍👧‍👦", "🇩🇪", "🇫🇷", "👍🏽", "❤️", "1️⃣"]),
        ("\ufe0f \u200d .,;!", []),
    ],
)
def test_texts_are_cut_where_readers_would_cut_them(text: str, expected: list[str]) -> None:
    """Names, code, addresses, emoji and words of any script come out whole; signs do not."""
    assert surfaces(text) == expected


def test_spellings_share_a_key() -> None:
    """Case, accents, apostrophes, the tag's mark and a genitive do not split a term."""
    assert len({fold(s) for s in ("#PyCon", "pycon", "PYCON", "PyCon's", "pycon’s")}) == 1
    assert fold("Straße") == "strasse"
    assert fold("Škoda") == fold("skoda")
    assert fold("@Ada") == "@ada" != fold("Ada")
    assert fold("❤️") == fold("❤")


def test_marks_that_are_letters_stay() -> None:
    """Indic vowel signs and Japanese voicing distinguish words, so they are kept."""
    assert fold("हिन्दी") == "हिन्दी"
    assert fold("が") != fold("か")


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    """A key folds to itself unless a second genitive or mark was hidden behind the first."""
    for surface in surfaces(text):
        once = fold(surface)
        assert fold(once) == once or once.endswith("'s")


@given(st.text())
def test_any_text_can_be_cut(text: str) -> None:
    """No text raises, and no token is empty or holds white space."""
    for token in tokens(text):
        assert token.surface
        assert not any(c.isspace() for c in token.surface)


def test_phrases_stop_at_punctuation_and_lines() -> None:
    """Only white space within a line joins two tokens."""
    follows = [t.follows for t in tokens("a b, c d\ne")]
    assert follows == [False, True, False, True, False]


def test_an_event_is_counted_with_title_tags_and_expanded_links() -> None:
    """Where the source expanded links, the short ones in the text are left out."""
    event = Event(
        id="feeds:x:1", source="feeds", created_at=AT, title="Notes on PyCon", text="read https://t.co/x",
        tags=["python", "type hints"], links=["https://peps.python.org/pep-0484"],
    )  # fmt: skip
    assert surfaces(text_of(event)) == [
        "Notes", "on", "PyCon", "read", "#python", "type", "hints", "peps.python.org",
    ]  # fmt: skip


def test_what_a_schedule_says_is_no_chatter() -> None:
    """A change of the programme is an event to be seen, and its wording is nobody's."""
    event = Event(
        id="schedules:x:1", source="schedule", type="talk", created_at=AT, title="Moved to 11:00 UTC"
    )
    assert text_of(event) == ""


def test_stop_words_numbers_and_shorteners_are_no_terms_of_their_own() -> None:
    """They are kept in the row, so that phrases may contain them, but do not count alone."""
    vocabulary = Vocabulary()
    flat, offsets = vocabulary.encode(["the state of Python 3 https://t.co/x R"])
    alone = [vocabulary.surfaces[s] for s in flat if s >= 0 and vocabulary.uses[s] & ALONE]
    assert alone == ["state", "Python"]
    assert offsets.tolist() == [0, len(flat)]


def test_numbers_of_a_vocabulary_do_not_depend_on_batches() -> None:
    """Texts encoded one by one and together give the same surfaces."""
    texts = ["PyCon keynote!", "", "pycon 日本", "the #PyCon keynote"]
    together, one_by_one = Vocabulary(), Vocabulary()
    flat, _ = together.encode(texts)
    assert flat.tolist() == [s for text in texts for s in one_by_one.encode([text])[0].tolist()]
    assert together.keys == one_by_one.keys


def test_the_same_letters_of_two_kinds_are_two_surfaces_of_one_term() -> None:
    """A tag and a word share the term but are distinguished, so that the commoner can be shown."""
    vocabulary = Vocabulary()
    flat, _ = vocabulary.encode(["#python python"])
    surfaces = [s for s in flat.tolist() if s >= 0]
    assert len(set(surfaces)) == 2
    assert len({int(vocabulary.term_of[s]) for s in surfaces}) == 1
    assert vocabulary.kinds[surfaces].tolist() == [Kind.TAG, Kind.WORD]


def test_a_segmenter_makes_words_of_scripts_without_spaces() -> None:
    """What it parts are tokens that count alone, and may form phrases."""
    parts = {"私は東京タワーに行く": ["私", "は", "東京タワー", "に", "行く"]}
    found = list(tokens("私は東京タワーに行く!", segmenter=parts.__getitem__))
    assert [t.surface for t in found] == ["私", "は", "東京タワー", "に", "行く"]
    assert [t.follows for t in found] == [False, True, True, True, True]


def test_stop_words_of_a_language_without_a_list_are_refused() -> None:
    """The error names the languages there are."""
    with pytest.raises(ValueError, match=r"no stop words for language 'xx' \(available: .*english"):
        Vocabulary(("xx",))


def test_every_character_is_classified_as_by_its_pattern() -> None:
    """The table of flags is complete: no letter, mark or picture lies where it was not looked for."""
    every = "".join(" " if 0xD800 <= c < 0xE000 else chr(c) for c in range(0x110000))
    for flag, pattern in characters._CLASSES.items():
        expected = np.zeros(0x110000, bool)
        for run in regex.finditer(f"{pattern}+", every, regex.VERSION1):
            expected[run.start() : run.end()] = True
        expected[0xD800:0xE000] = False
        assert np.array_equal(characters.table() & flag != 0, expected), pattern


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("use `#eval foo` and `@cons x`", []),
        ("```lean\n#eval 1\n@[simp] theorem @cons\n``` see #tag by @ada", ["#tag", "@ada"]),
        ("``a `#b` c`` #x", ["#x"]),
        ("a lone ` and #tag", ["#tag"]),
        ("```\n#eval that is not closed", []),
        ("outside #eval, inside `#eval`", ["#eval"]),
    ],
)
def test_marks_in_code_are_neither_tags_nor_mentions(text: str, marked: list[str]) -> None:
    """As events, and as rows of a table; tags of older archives that came from code are left out."""
    event = Event(id="x:y:1", source="x", text=text, created_at=datetime(2026, 5, 15, tzinfo=UTC))
    assert find_tags(text) == [tag[1:] for tag in marked if tag[0] == "#"]
    of_old = replace(event, tags=["eval", "b"])
    for one in (event, of_old):
        found = [t.surface for t in tokens(text_of(one)) if t.surface[0] in "#@"]
        assert set(found) - {"#eval", "#b"} == set(marked) - {"#eval", "#b"}
        if "`#eval" in text and "#eval" not in marked:
            assert "#eval" not in found
    table = pa.table({"id": ["x:y:1"], "source": ["x"], "created_at": [event.created_at], "text": [text]})
    counts = TermCounts(timedelta(minutes=15))
    counts.add(table)
    assert {key for key in counts.vocabulary.keys if key[0] in "#@"} == {m for m in marked if m[0] == "@"}
