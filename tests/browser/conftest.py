"""The app as a user has it: a process of its own, and a real Chromium."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
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


class App:
    """One running app; ``url``, its ``home``, and the seconds until it answered."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        start = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), "--home", str(home), "--port", "7870"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | environment,
            cwd=ROOT,
        )
        self.output: list[str] = []
        for line in self.process.stdout:
            self.output.append(line)
            found = re.search(r"http://\S+", line)
            if found:
                self.url = found.group()
                break
        else:
            raise AssertionError("the app did not start:\n" + "".join(self.output))
        self.seconds = time.monotonic() - start

    def close(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        finally:
            self.process.stdout.close()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is. Its absence is a failure that says what to do, never a skip."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path:
        pytest.fail("No Chromium for the browser walks: install it (Debian: apt install chromium), or name it with CHROMIUM=/path/to/chromium.")
    return path


@pytest.fixture(scope="session")
def browser(chromium) -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def open_page(browser):
    """Opens pages that fail the test on a console error, a foreign request, or a dialog that user text managed to open."""
    contexts, troubles = [], []

    def opener(url: str, *, width: int = 1280, height: int = 900, context=None):
        made = context or browser.new_context(viewport={"width": width, "height": height})
        if context is None:
            contexts.append(made)
        page = made.new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda message: troubles.append(f"console: {message.text}") if _is_ours(message) else None)
        page.on("pageerror", lambda error: troubles.append(f"page error: {error}"))
        page.on("dialog", lambda dialog: (troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: troubles.append(f"foreign: {request.url}") if _foreign(request.url) else None)
        page.goto(url)
        return page

    yield opener
    for context in contexts:
        context.close()
    assert not troubles, "\n".join(troubles[:5])


# What Gradio's own script writes when a page is left in the middle of a stream (seen in 6.31).
LEAVING = ("abort", "Connection errored out", "network error", "Failed to fetch", "Method not implemented", "net::ERR_", "BodyStreamBuffer")


def _is_ours(message) -> bool:
    return message.type == "error" and not any(words in message.text for words in LEAVING)


def _foreign(url: str) -> bool:
    return url.startswith("http") and not re.match(r"https?://(127\.0\.0\.1|localhost)[:/]", url)


@pytest.fixture
def start_app(tmp_path) -> Iterator[object]:
    apps: list[App] = []

    def starter(**environment: str) -> App:
        apps.append(App(tmp_path / "home", **environment))
        return apps[-1]

    yield starter
    for app in apps:
        app.close()
