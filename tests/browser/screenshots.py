"""Make the README's pictures of the dashboard: ``python -m tests.browser.screenshots docs/images``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.lab import Lab, Notebook, launch

CELLS = [
    "import rtanalytics as rta",
    """wall = rta.Dashboard(rta.play("juniperconf-2026", speed=60), title="JuniperConf 2026")
wall""",
]

# On to a busy moment, as people do with the speed at the top of the wall.
ON = """
import time
from datetime import UTC, datetime
wall.feed.speed = "max"
while wall.feed.clock.now() < datetime(2026, 6, 12, 13, 41, 30, tzinfo=UTC):
    time.sleep(0.001)
wall.feed.speed = 60
"""

CALM = 22
"""Seconds after which the wall has forgotten that messages went by too fast to be drawn."""


def main(folder: Path) -> None:
    """Write ``dashboard-light.png`` and ``dashboard-dark.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        lab = Lab(Path(scratch))
        try:
            context = launch(playwright).new_context(viewport={"width": 1400, "height": 960})
            notebook = Notebook.open(lab, context, lab.write("wall.ipynb", CELLS))
            notebook.command("application:toggle-left-area")
            notebook.run_all()
            notebook.until("document.querySelector('.rta-word')?.textContent === 'replay ×60'", seconds=60)
            notebook.ask(ON)
            notebook.page.wait_for_timeout(CALM * 1000)
            for theme in ("Light", "Dark"):
                notebook.command("apputils:change-theme", theme=f"JupyterLab {theme}")
                dark = str(theme != "Dark").lower()
                notebook.until(f"document.body.dataset.jpThemeLight === '{dark}'")
                notebook.page.locator(".jp-Cell").nth(1).evaluate("(cell) => cell.scrollIntoView()")
                notebook.page.locator(".rta-list").evaluate("(list) => { list.scrollTop = 0 }")
                notebook.page.wait_for_timeout(1500)  # the theme's fonts, and rows that fade in
                notebook.page.screenshot(
                    path=folder / f"dashboard-{theme.lower()}.png", animations="disabled"
                )
        finally:
            lab.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
