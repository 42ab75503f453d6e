"""Templates for sentences, with ``{slot}``, ``{+slot}`` (capitalised) and choices ``{this|that}``.

Choices may be nested. The templates are lines of text files in ``texts/``, in sections with a heading
``== name``; lines that begin with ``# `` are comments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from rtanalytics.synthetic.rng import Deck, Dice

Context = Mapping[str, str | Callable[[], str]]
"""Text of each slot, or a function that returns a text."""

_NOUNS = frozenset({"thing", "thing2", "tech", "tech2", "drink", "product", "bare"})
_VOWELS = frozenset("aeiou")
_SLOT = re.compile(r"\+?[a-zA-Z][a-z_]*\d*")


@dataclass(frozen=True, slots=True)
class Slot:
    """Placeholder in a template; if ``capital``, its text begins with a capital letter."""

    name: str
    capital: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """Alternative templates, of which one is chosen at random."""

    options: tuple[Template, ...]


Template = tuple[str | Slot | Choice, ...]
Record = dict[str, tuple[str, ...]]
"""A block of a text file: the texts of each field."""
Script = tuple[tuple[str, bool, Template], ...]
"""A conversation: letter of the person, whether the line is an action, and template of each line."""


def parse(text: str, where: str = "template") -> Template:
    """Parse the text of a template.

    Raises
    ------
    ValueError
        If the braces do not match; the message begins with ``where``.
    """
    parts, end = _sequence(text, 0, where, top=True)
    if end != len(text):
        raise ValueError(f"{where}: unbalanced '}}' in {text!r}")
    return parts


def _sequence(text: str, at: int, where: str, *, top: bool) -> tuple[Template, int]:
    parts: list[str | Slot | Choice] = []
    literal = ""
    while at < len(text):
        char = text[at]
        if char == "{":
            if literal:
                parts.append(literal)
                literal = ""
            part, at = _braces(text, at + 1, where)
            parts.append(part)
        elif char == "}" or (char == "|" and not top):
            break
        else:
            literal += char
            at += 1
    if literal:
        parts.append(literal)
    return tuple(parts), at


def _braces(text: str, at: int, where: str) -> tuple[Slot | Choice, int]:
    if slot := _SLOT.match(text, at):
        name, end = slot.group(), slot.end()
        if text[end : end + 1] == "}":
            return Slot(name.lstrip("+"), name[0] == "+"), end + 1
    options = []
    while True:
        option, at = _sequence(text, at, where, top=False)
        options.append(option)
        if at == len(text):
            raise ValueError(f"{where}: unbalanced '{{' in {text!r}")
        at += 1
        if text[at - 1] == "}":
            return Choice(tuple(options)), at


def slots(template: Template) -> Iterator[str]:
    """Yield the names of all slots in a template."""
    for part in template:
        if isinstance(part, Slot):
            yield part.name
        elif isinstance(part, Choice):
            for option in part.options:
                yield from slots(option)


def expand(template: Template, context: Context, dice: Dice) -> str:
    """Return the text of a template with its slots filled; "a" becomes "an" before a vowel.

    Raises
    ------
    KeyError
        If the context has no text for a slot.
    """
    pieces = []
    for part in template:
        if isinstance(part, str):
            pieces.append(part)
        elif isinstance(part, Choice):
            pieces.append(expand(dice.pick(part.options), context, dice))
        else:
            value = context[part.name]
            text = value if isinstance(value, str) else value()
            if part.name in _NOUNS and text[:1].lower() in _VOWELS and pieces and pieces[-1].endswith(" a "):
                pieces[-1] = f"{pieces[-1][:-1]}n "
            pieces.append(text[:1].upper() + text[1:] if part.capital else text)
    return "".join(pieces)


class Memo(dict[str, str]):
    """Context in which every slot keeps its first text, so that a conversation is consistent."""

    def __init__(self, context: Context, **fixed: str) -> None:
        super().__init__(fixed)
        self._context = context

    def __missing__(self, name: str) -> str:
        value = self._context[name]
        self[name] = text = value if isinstance(value, str) else value()
        return text


class Grammar:
    """Templates by section; each section is used in random order, and repeats only after its last one.

    Parameters
    ----------
    sections : mapping of str to templates
        Templates by section, from :func:`read_sections`.
    dice : Dice
        Random generator for all choices.
    """

    def __init__(self, sections: Mapping[str, tuple[Template, ...]], dice: Dice) -> None:
        self.sections = sections
        self.dice = dice
        self._decks = {name: Deck(len(lines), dice) for name, lines in sections.items()}

    def deal(self, section: str) -> Template:
        """Return the next template of a section."""
        return self.sections[section][self._decks[section].deal()]

    def sentence(self, section: str, context: Context) -> str:
        """Return the text of the next template of a section."""
        return expand(self.deal(section), context, self.dice)

    def fill(self, template: Template, context: Context) -> str:
        """Return the text of a template."""
        return expand(template, context, self.dice)


@cache
def read_lines(name: str) -> tuple[tuple[int, str], ...]:
    """Return the lines of a text file of this package with their numbers, without comments."""
    text = files("rtanalytics.synthetic").joinpath("texts", name).read_text(encoding="utf-8")
    return tuple((n, line) for n, line in enumerate(text.splitlines(), 1) if not line.startswith("# "))


@cache
def read_blocks(name: str) -> dict[str, tuple[str, ...]]:
    """Return the lines of a text file by section, including empty lines."""
    blocks: dict[str, list[str]] = {}
    lines: list[str] = []
    for _, line in read_lines(name):
        if line.startswith("== "):
            lines = blocks.setdefault(line[3:].strip(), [])
        else:
            lines.append(line)
    return {section: tuple(block) for section, block in blocks.items()}


@cache
def read_sections(*names: str) -> dict[str, tuple[Template, ...]]:
    """Return the templates of text files by section; each line is one template."""
    return {
        section: tuple(parse(line, f"{name}, section {section}") for line in lines if line)
        for name in names
        for section, lines in read_blocks(name).items()
    }


@cache
def read_records(name: str) -> tuple[Record, ...]:
    """Return the blocks of a text file: ``field: text`` lines, separated by empty lines.

    A field may occur several times in a block.
    """
    records: list[dict[str, list[str]]] = [{}]
    for number, line in read_lines(name):
        if not line:
            records.append({})
            continue
        field, colon, text = line.partition(": ")
        if not colon:
            raise ValueError(f"{name}:{number}: write 'field: text', not {line!r}")
        records[-1].setdefault(field, []).append(text)
    return tuple({k: tuple(v) for k, v in record.items()} for record in records if record)


@cache
def read_conversations(name: str) -> dict[str, tuple[Script, ...]]:
    """Return the conversations of a text file by section; an empty line ends a conversation."""
    found = {}
    for section, lines in read_blocks(name).items():
        talks: list[Script] = []
        talk: list[tuple[str, bool, Template]] = []
        for line in (*lines, ""):
            if line:
                talk.append((line[0], line[1] == "*", parse(line[2:].strip(), f"{name}, {section}")))
            elif talk:
                talks.append(tuple(talk))
                talk = []
        found[section] = tuple(talks)
    return found
