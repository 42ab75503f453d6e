"""What is written about the project is true: examples run, names exist, nothing is left out."""

import ast
import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rtanalytics
from tests.tiers import FULL

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "rtanalytics"
MODULES = ["rtanalytics"] + [
    module.name
    for module in pkgutil.walk_packages(rtanalytics.__path__, "rtanalytics.")
    if not module.name.endswith("__main__")
]
TESTS = sorted(ROOT.joinpath("tests").rglob("*.py"))
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "_shipped" not in path.parts)
PAGES = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")] + sorted(
    path for folder in ("docs", "notebooks", "data/fixtures") for path in ROOT.joinpath(folder).rglob("*.md")
)
DECISIONS = sorted(ROOT.joinpath("docs", "decisions").glob("*.md"))
TARGETS = re.findall(r"^([a-z]+):.*?##", ROOT.joinpath("Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def read(*names):
    """The text of these files of the project, one after the other."""
    return "\n".join(ROOT.joinpath(name).read_text(encoding="utf-8") for name in names)


# --- docstrings --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name):
    """Every example in a docstring gives what it says it gives."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(importlib.import_module(name), optionflags=flags)
    assert result.failed == 0


def test_there_are_examples_to_run():
    """The base modules have examples, and they are found, so that no failure means something."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = {
        name: sum(len(test.examples) for test in finder.find(importlib.import_module(name)))
        for name in ("rtanalytics.clock", "rtanalytics.event", "rtanalytics.feed", "rtanalytics.schedule")
    }
    assert all(found.values()), found


def definitions(path):
    """(class or None, function) of a file, for functions at the top and in classes at the top."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield None, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield node, inner


def test_every_test_says_what_it_proves():
    """Each test has a docstring: its name is the requirement, the docstring what is shown."""
    tests = [
        (path, function)
        for path in TESTS
        for _, function in definitions(path)
        if function.name.startswith("test_")
    ]
    silent = [f"{path.name}:{test.lineno} {test.name}" for path, test in tests if not ast.get_docstring(test)]
    assert len(tests) > 30
    assert silent == []


def test_every_public_method_is_documented_once():
    """A public method has a docstring, or fulfils a protocol or overrides a method that has one."""
    methods = [
        (path, owner, function)
        for path in SOURCES
        for owner, function in definitions(path)
        if owner is not None and not owner.name.startswith("_") and not function.name.startswith("_")
    ]
    explained = {function.name for _, _, function in methods if ast.get_docstring(function)}
    silent = [
        f"{path.relative_to(ROOT)}:{function.lineno} {owner.name}.{function.name}"
        for path, owner, function in methods
        if function.name not in explained and not is_setter(function)
    ]
    assert len(explained) > 10
    assert silent == []


def is_setter(function):
    """True for the setter of a property: what it sets is described where it is got."""
    return any(isinstance(d, ast.Attribute) and d.attr == "setter" for d in function.decorator_list)


# --- make and the command line -----------------------------------------------------------------


def test_make_explains_every_target():
    """``make`` alone lists each target with a line on what it does, and runs nothing."""
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30).stdout
    assert {"install", "demo", "test", "lint", "help"} <= set(TARGETS)
    for target in TARGETS:
        assert re.search(rf"^make {target} +\S+", listed, re.MULTILINE), target


def test_every_make_target_is_documented():
    """README or CONTRIBUTING shows each target, and ``make help`` lists each that is declared."""
    shown = set(re.findall(r"\bmake ([a-z]+)\b", read("README.md", "CONTRIBUTING.md")))
    phony = set(re.search(r"^\.PHONY: (.*)$", read("Makefile"), re.MULTILINE)[1].split())
    assert set(TARGETS) <= shown
    assert phony == set(TARGETS)


def test_every_command_is_in_the_readme():
    """What ``rtanalytics --help`` offers is what the README shows, and the other way round."""
    from rtanalytics.cli.commands import COMMANDS

    offered = set(COMMANDS)
    shown = set(re.findall(r"(?:^|`|/)rtanalytics ([a-z]+)\b", read("README.md"), re.MULTILINE))
    assert {"demo", "import", "replay", "tail", "trending"} <= offered
    assert offered == shown


# --- pages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_a_page_lead_somewhere(page):
    """Each link to a file of the project points at one that is there."""
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    inside = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in inside if not (page.parent / link).exists()] == []


def test_how_it_works_names_every_module():
    """A newcomer finds each module of the package in the table, and no module that is gone."""
    table = set(re.findall(r"^\| `(\w+)` \|", read("docs/how-it-works.md"), re.MULTILINE))
    modules = {name.split(".")[1] for name in MODULES[1:]}
    assert table == {module for module in modules if not module.startswith("_")}


def test_decisions_are_numbered_listed_and_complete():
    """Decisions count from 1, each has the four sections, and how-it-works leads to each."""
    overview = read("docs/how-it-works.md")
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    assert len(DECISIONS) >= 4
    for number, path in enumerate(DECISIONS, 1):
        text = path.read_text(encoding="utf-8")
        sections = re.findall(r"^## (.*)$", text, re.MULTILINE)
        assert sections == ["Context", "Choice", "Measured", "What we gave up"], path.name
        assert text.startswith(f"# {number}. "), path.name
        assert f"(decisions/{path.name})" in overview, path.name


@pytest.mark.parametrize("entry", FULL)
def test_every_entry_of_the_longer_tier_is_a_test(entry):
    """A test that was renamed does not come back into the fast tier in silence."""
    file, _, name = entry.partition("::")
    text = (ROOT / file).read_text(encoding="utf-8")
    assert not name or f"class {name}" in text or f"def {name}" in text


def test_the_reference_lists_what_is_public():
    """Each public name with the first sentence of its docstring, as the code has it now."""
    done = subprocess.run(
        [sys.executable, "-c", "import make_reference; print(make_reference.page(), end='')"],
        capture_output=True,
        text=True,
        cwd=ROOT / "docs",
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == read("docs/reference.md"), "run python docs/make_reference.py"
