"""Print the path of a Chromium for the browser walks; as root on Debian, install one if there is none.

A missing browser fails by name: the walks are part of the tests, and skipping them would hide a broken page.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
)
REMEDY = (
    "The browser walks need Chromium and none was found: `sudo apt-get install chromium` (Debian), "
    "`.venv/bin/python -m playwright install chromium` (elsewhere), or set CHROMIUM=/path/to/chromium; then run the same command again."
)


def find(chosen: str, home: Path) -> str | None:
    """The browser that was chosen, else one on PATH, else one that Playwright downloaded, else one in its usual place."""
    if chosen:
        return shutil.which(chosen)
    on_path = next(filter(None, map(shutil.which, NAMES)), None)
    downloads = (home / ".cache/ms-playwright", home / "Library/Caches/ms-playwright")
    # Newest last; the folder inside is named after the platform.
    downloaded = [str(path) for folder in downloads for path in sorted(folder.glob("chromium-*/chrome-*/chrome")) if os.access(path, os.X_OK)]
    placed = [str(path) for path in PLACES if path.is_file()]
    return on_path or next(iter(downloaded[::-1] + placed), None)


def install() -> None:
    """Debian's chromium. The package list may be missing or old (a fresh container): refresh it only when the first try fails."""
    get = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # apt's own output goes to stderr: stdout is the answer.
    if subprocess.run(get, env=quiet, stdout=sys.stderr, check=False).returncode:
        subprocess.run(["apt-get", "update"], env=quiet, stdout=sys.stderr, check=False)
        subprocess.run(get, env=quiet, stdout=sys.stderr, check=False)


def main() -> int:
    """Print the path, or say how to install one."""
    chosen = os.environ.get("CHROMIUM", "")
    found = find(chosen, Path.home())
    if not found and not chosen and os.geteuid() == 0 and shutil.which("apt-get"):
        install()
        found = find(chosen, Path.home())
    if not found:
        sys.stderr.write(f"CHROMIUM={chosen} is not a program that can be started. {REMEDY}\n" if chosen else f"{REMEDY}\n")
        return 1
    sys.stdout.write(f"{found}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
