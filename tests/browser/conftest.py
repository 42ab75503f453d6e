"""One JupyterLab and one Chromium for all browser tests; kernels and pages are each test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.lab import Lab, Notebook, launch


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab server."""
    server = Lab(tmp_path_factory.mktemp("lab"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium; not for the session, because its loop would be in the way of other tests'."""
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without a past."""
    fresh = browser.new_context(viewport={"width": 1400, "height": 1000})
    yield fresh
    fresh.close()


@pytest.fixture
def open_notebook(
    lab: Lab, context: BrowserContext, tmp_path: Path
) -> Iterator[Callable[[list[str]], Notebook]]:
    """Write a notebook of these cells, open it, run it."""
    opened: list[Notebook] = []

    def opener(cells: list[str]) -> Notebook:
        name = lab.write(f"{tmp_path.name}-{len(opened)}.ipynb", cells)
        notebook = Notebook.open(lab, context, name, workspace=tmp_path.name)
        opened.append(notebook)
        notebook.run_all()
        return notebook

    yield opener
    lab.stop_kernels()
    assert [complaint for notebook in opened for complaint in notebook.complaints] == []
