"""The README's Python works as it stands, and shows something good in a notebook."""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from rtanalytics.streams import open_stream

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def run(cells, folder, **environment):
    """Run cells in a kernel of their own; the MIME types that each shows."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    home = {
        "RTANALYTICS_HOME": str(folder / "home"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": str(ROOT),
    }
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env=os.environ | home | environment)
    return [{kind for output in cell.outputs for kind in output.get("data", {})} for cell in notebook.cells]


def test_the_first_lines_each_show_something(tmp_path):
    """Tables as HTML, figures as pictures, the dashboard as a widget, everything else as text."""
    lines = [line for line in BLOCKS[0].splitlines() if line.strip()]
    shown = dict(zip([line.split("  #")[0] for line in lines], run(lines, tmp_path), strict=True))
    for line in ("rec.to_pandas()", "rec", "trends.to_frame()"):
        assert "text/html" in shown[line], line
    assert "image/png" in shown["trends.plot()"]
    assert "text/plain" in shown["trends[0].explain()"]
    assert "text/html" in shown['rta.compare([rec], algorithms=["poisson", "ewma"]).to_frame()']
    assert "application/vnd.jupyter.widget-view+json" in shown["rta.Dashboard(rta.play(rec, speed=60))"]
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_the_dashboard_follows_the_stream_of_a_conference(tmp_path, redis_url, prefix):
    """With its zone and settings from conference.toml."""
    (tmp_path / "conference.toml").write_text(
        f"name = {prefix!r}\nstream = {redis_url!r}\ntimezone = 'Europe/Berlin'\n[trending]\ntop = 3\n"
    )
    check = "view = _; assert view.timezone == 'Europe/Berlin', view.timezone; view.close()"
    *_, shown, _ = run(["import rtanalytics as rta", *BLOCKS[1].splitlines(), check], tmp_path)
    assert "application/vnd.jupyter.widget-view+json" in shown
    open_stream(prefix, redis_url).delete()
