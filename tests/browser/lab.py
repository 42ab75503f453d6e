"""A real JupyterLab and a real Chromium for tests: start, open a notebook, run it, ask the kernel."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Playwright
from playwright.sync_api import TimeoutError as LateError

START = 90
"""Seconds that a first start may take on a cold machine."""

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

_ASK = """
async (code) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({ code, store_history: false, stop_on_error: false });
  let said = "", failed = "";
  future.onIOPub = (message) => {
    if (message.header.msg_type === "stream") said += message.content.text;
    if (message.header.msg_type === "error") failed = message.content.ename + ": " + message.content.evalue;
  };
  await future.done;
  return { said, failed };
}
"""


def launch(playwright: Playwright) -> Browser:
    """The Chromium of this machine: ``CHROMIUM``, or what the PATH has."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        raise RuntimeError("no Chromium here; install it: apt-get install chromium fonts-noto-cjk")
    return playwright.chromium.launch(executable_path=found, args=FLAGS)


class Lab:
    """A JupyterLab server of its own, with settings, kernels and notebooks under ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "notebooks"
        self.root.mkdir(parents=True)
        self._folder = folder
        self._token = secrets.token_hex(16)
        self._log = (folder / "lab.log").open("wb")
        settings = folder / "settings" / "@jupyterlab"
        for name, value in {
            "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
            "docmanager-extension/plugin": {"autosave": False},
        }.items():
            path = settings / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value))
        for _ in range(5):
            self._port = free_port()
            self._process = self._start()
            if self._answers():
                return
        raise RuntimeError(f"JupyterLab did not start:\n{(folder / 'lab.log').read_text()[-4000:]}")

    def _start(self) -> subprocess.Popen[bytes]:
        folder = self._folder
        environment = os.environ | {
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "IPYTHONDIR": str(folder / "ipython"),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            "--LabApp.expose_app_in_browser=True",
            f"--IdentityProvider.token={self._token}",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self._port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self.root}",
        ]
        return subprocess.Popen(
            command, cwd=self.root, env=environment, stdout=self._log, stderr=subprocess.STDOUT
        )

    def _answers(self) -> bool:
        deadline = time.monotonic() + START
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self._request("api/status")
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
            else:
                return True
        self.stop_process()
        return False

    def _request(self, path: str, method: str = "GET") -> Any:
        url = f"http://127.0.0.1:{self._port}/{path}"
        request = urllib.request.Request(
            url, method=method, headers={"Authorization": f"token {self._token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def url(self, path: str) -> str:
        """The address at which the browser opens it, logged in."""
        return f"http://127.0.0.1:{self._port}/{path}{'&' if '?' in path else '?'}token={self._token}"

    def write(self, name: str, cells: list[str]) -> str:
        """A notebook of code cells; returns its name."""
        made = [
            {
                "cell_type": "code",
                "id": f"cell-{n}",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for n, source in enumerate(cells)
        ]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        (self.root / name).write_text(json.dumps(notebook))
        return name

    def stop_kernels(self) -> None:
        """End every kernel, so that no test leaves one to the next."""
        for session in self._request("api/sessions"):
            self._request(f"api/sessions/{session['id']}", "DELETE")

    def stop_kernel(self, name: str) -> None:
        """End the kernel of one notebook."""
        for session in self._request("api/sessions"):
            if session["path"] == name:
                self._request(f"api/sessions/{session['id']}", "DELETE")

    def stop_process(self) -> None:
        """End the server."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def close(self) -> None:
        """End kernels and server."""
        self.stop_kernels()
        self.stop_process()
        self._log.close()


@dataclass
class Notebook:
    """A notebook in a page of the browser."""

    lab: Lab
    page: Page
    name: str
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, lab: Lab, context: BrowserContext, name: str, workspace: str = "first") -> Notebook:
        """Open it in a new page, and wait for its kernel."""
        page = context.new_page()
        notebook = cls(lab, page, name)
        page.on("pageerror", lambda error: notebook.complaints.append(str(error)))
        page.goto(lab.url(f"lab/workspaces/{workspace}/tree/{name}"))
        notebook.ready()
        return notebook

    def ready(self) -> None:
        """Wait until the notebook is there and its kernel idle."""
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=START * 1000)
        self.page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
            timeout=START * 1000,
        )

    def command(self, name: str, **arguments: Any) -> None:
        """Run one of JupyterLab's commands, and wait until it is done."""
        self.page.evaluate(
            "([n, a]) => window.jupyterapp.commands.execute(n, a).then(() => null)", [name, arguments]
        )

    def run_all(self) -> None:
        """Run all cells."""
        self.command("notebook:run-all-cells")

    def run_cell(self, index: int, *, wait: bool = True) -> None:
        """Run one cell."""
        run = "window.jupyterapp.commands.execute('notebook:run-cell')"
        self.page.evaluate(
            "(i) => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = i;"
            f" const done = {run}; return {'done.then(() => null)' if wait else 'null'}; }}",
            index,
        )

    def ask(self, code: str) -> str:
        """Run code in the kernel beside the notebook; what it printed."""
        answer = self.page.evaluate(_ASK, code)
        if answer["failed"]:
            raise RuntimeError(f"{code!r} failed in the kernel: {answer['failed']}")
        return str(answer["said"]).strip()

    def until(self, condition: str, argument: Any = None, seconds: float = 30) -> None:
        """Wait until a condition, an expression of JavaScript over ``it``, holds on the page."""
        try:
            self.page.wait_for_function(
                f"(it) => {{ return {condition} }}", arg=argument, timeout=seconds * 1000
            )
        except LateError as late:
            shown = "\n".join(self.page.locator(".jp-OutputArea-output").all_inner_texts())
            raise AssertionError(
                f"in {seconds} s it did not come to {condition} (it = {argument!r}); the page shows:\n{shown[:3000]}"
            ) from late

    def text(self, selector: str) -> str:
        """The text of the first element."""
        return self.page.locator(selector).first.inner_text()

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements, as text nodes have them."""
        return self.page.locator(selector).all_text_contents()


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
