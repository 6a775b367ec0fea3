"""Where the browser is: Debian's Chromium, or any other of its family, or Playwright's own.

Run as a program it makes sure that there is one, and says what to do when it cannot.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

FLAGS = [
    "--no-sandbox",  # containers and CI run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """Return the browser's path, or None; `CHROMIUM` in the environment names one."""
    candidates = [os.environ.get("CHROMIUM"), *map(shutil.which, NAMES)]
    found = next((path for path in candidates if path), None)
    if found:
        return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


@contextmanager
def headless_chromium(*flags: str) -> Iterator[Browser]:
    """Run the browser, with a fresh profile, for the length of a `with` block."""
    path = find_chromium()
    assert path, "the browser tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


def main() -> int:
    """Install Playwright's Chromium if there is no other."""
    if find_chromium():
        return 0
    sys.stderr.write("No Chromium found; installing Playwright's\n")
    install = [sys.executable, "-m", "playwright", "install", "chromium"]
    if subprocess.run(install, check=False).returncode == 0 and find_chromium():
        return 0
    sys.stderr.write(
        "The browser tests need Chromium: `apt-get install chromium`, or CHROMIUM=path\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
