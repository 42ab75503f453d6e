"""Write ``docs/reference.md``: every public name with the first sentence of its docstring.

Run ``python docs/make_reference.py``; a test compares the page with what it would write.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

PAGE = Path(__file__).with_name("reference.md")
PUBLIC = {
    "rtanalytics": "The names that most programs need; each is imported when it is first used.",
    "rtanalytics.event": "The packet.",
    "rtanalytics.feed": "What delivers events to a reader.",
    "rtanalytics.clock": "Clocks, durations and times.",
    "rtanalytics.schedule": "Talks and reference topics.",
    "rtanalytics.conference": "`conference.toml`.",
    "rtanalytics.settings": "Settings of trends.",
    "rtanalytics.trend": "Trends, as they are published and stored.",
    "rtanalytics.explanation": "Why a trend is listed.",
    "rtanalytics.results": "Trends as a list, a table and a figure.",
    "rtanalytics.session": "Conferences and recordings, opened with what belongs to them.",
    "rtanalytics.archive": "Recordings as Parquet.",
    "rtanalytics.replay": "Recordings played again.",
    "rtanalytics.streams": "The stream of a conference.",
    "rtanalytics.importers": "Files of other tools, as events.",
    "rtanalytics.schedules": "Files with talks.",
    "rtanalytics.terms": "Terms of a text.",
    "rtanalytics.counts": "Counts of terms in bins.",
    "rtanalytics.counts.transformer": "Counts for scikit-learn.",
    "rtanalytics.trending": "Algorithms.",
    "rtanalytics.topics": "From scores to trends.",
    "rtanalytics.evaluate": "Trends against ground truth.",
    "rtanalytics.tune": "Settings chosen on recordings.",
    "rtanalytics.series": "Plain series of counts.",
    "rtanalytics.plot": "Figures; each function takes `ax`.",
    "rtanalytics.report": "Reports.",
    "rtanalytics.widgets": "Views for JupyterLab.",
}
HEAD = """# Reference

Written by `docs/make_reference.py` from the docstrings; do not edit. What this page lists is public
([what is stable](stability.md)). Every other module is private, and so is every name with a leading
underscore. `help(name)` prints parameters, units, errors and examples.
"""


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for module, about in PUBLIC.items():
        parts.append(f"\n## `{module}`\n\n{about}\n\n| name | |\n|---|---|\n")
        home = importlib.import_module(module)
        parts += [f"| `{name}` | {_first(getattr(home, name))} |\n" for name in sorted(home.__all__)]
    return "".join(parts)


def _first(value: object) -> str:
    """Return the first line of a docstring; nothing for a constant, whose type has one of its own."""
    documented = inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value)
    text = (inspect.getdoc(value) or "") if documented else f"Constant, {type(value).__name__}."
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
