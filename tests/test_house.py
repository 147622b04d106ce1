"""The house around the app: set-up's decisions, the browser that walks need, what CI runs, and a first page that waits for no torch."""

import ast
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts import browser, setup

ROOT = Path(__file__).resolve().parent.parent
GB = setup.GB

# Rooms that the first page needs. They must not wait for torch: importing it takes seconds.
LIGHT = ("cli", "ui", "studio", "spec", "knobs", "errors", "data", "store", "evaluate")
LIGHT_ROOMS = [room for room in LIGHT if (ROOT / "steering" / room).is_dir() or (ROOT / "steering" / f"{room}.py").is_file()]


def modules_of(room: str) -> list[str]:
    """Every module of a room, by its dotted name; the room itself first."""
    files = [*ROOT.glob(f"steering/{room}.py"), *sorted(ROOT.glob(f"steering/{room}/**/*.py"))]
    return sorted({".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files})


# Python versions.


@pytest.mark.parametrize("found", [(3, 11), (3, 12), (3, 14)])
def test_new_enough_pythons_are_taken(found: tuple[int, int]) -> None:
    assert setup.version_message(found, "") == ""


def test_old_python_is_told_what_to_install() -> None:
    assert setup.version_message((3, 9), "") == "Python 3.9 found, 3.11 or newer needed: install it and run `make setup PYTHON=python3.12`"


def test_old_python_is_told_of_a_newer_one_on_this_machine() -> None:
    assert setup.version_message((3, 6), "python3.13") == "Python 3.6 found, 3.11 or newer needed: run `make setup PYTHON=python3.13`"


def test_an_old_python_can_read_the_script() -> None:
    ast.parse(Path(setup.__file__).read_text(encoding="utf-8"), feature_version=(3, 6))


def test_the_oldest_python_is_the_same_everywhere() -> None:
    assert 'requires-python = ">={}.{}"'.format(*setup.OLDEST) in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


# Disk.


def test_enough_disk_needs_no_words() -> None:
    assert setup.disk_message(4 * GB, 4 * GB, Path("/x")) == ""


def test_too_little_disk_names_both_numbers_and_the_place() -> None:
    assert setup.disk_message(1 * GB, 4 * GB, Path("/x")).startswith("1.0 GB free at /x, 4.0 GB needed: make room")


def test_a_full_disk_stops_set_up_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(setup.shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    with pytest.raises(setup.SetupError, match=r"0\.0 GB free"):
        setup.check_place("cpu")
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup.os, "access", lambda folder, mode: False)
    with pytest.raises(setup.SetupError, match="read-only"):
        setup.check_place("cpu")


# Which torch.


def test_without_a_driver_the_cpu_build_comes_first() -> None:
    assert setup.torch_plan("2.13.0", "cpu", False) == [["torch==2.13.0+cpu"], ["torch==2.13.0"]]


def test_the_cpu_index_is_asked_only_when_it_answers() -> None:
    first, second = setup.torch_plan("2.13.0", "cpu", True)
    assert first == ["torch==2.13.0+cpu", "--extra-index-url", setup.CPU_INDEX]
    assert second == ["torch==2.13.0"]


def test_with_a_driver_a_cpu_build_does_not_pass_for_the_cuda_build() -> None:
    assert setup.torch_plan("2.13.0", "cuda", True) == [["torch===2.13.0"], ["torch==2.13.0"]]


def test_other_systems_have_one_build() -> None:
    assert setup.torch_plan("2.13.0", "cpu", False, "Darwin") == [["torch==2.13.0"]]


def test_an_index_that_does_not_answer_costs_no_more_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(url: str, timeout: float) -> None:
        over.wait(10)
        raise OSError("no answer")

    monkeypatch.setattr(setup.urllib.request, "urlopen", hang)
    start = time.monotonic()
    assert setup.cpu_index_answers(seconds=0.05) is False
    assert time.monotonic() - start < 5
    over.set()


MISSING = "ERROR: Could not find a version that satisfies the requirement torch==9\nERROR: No matching distribution found for torch==9"

# What pip 26 says of the same when constraints.txt names the package too.
CONFLICT = """ERROR: Cannot install torch==9+cpu because these package versions have conflicting dependencies.

The conflict is caused by:
    The user requested torch==9+cpu
    The user requested (constraint) torch==9

Additionally, some packages in these conflicts have no matching distributions available for your environment:
    torch

ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/"""


class Pip:
    """Stands in for pip: answers from a list, remembers what it was asked."""

    def __init__(self, *answers: tuple[bool, str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, *arguments: str) -> tuple[bool, str]:
        self.asked.append(" ".join(arguments[2:]))
        return self.answers.pop(0)


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "cpu_index_answers", lambda: False)
    monkeypatch.setattr(setup, "check_place", lambda build: None)
    monkeypatch.setattr(setup.platform, "system", lambda: "Linux")


@pytest.mark.usefixtures("no_index")
@pytest.mark.parametrize("answer", [MISSING, CONFLICT])
def test_an_index_without_the_cpu_build_gives_the_cuda_build(
    answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pip = Pip((False, answer), (True, ""))
    monkeypatch.setattr(setup, "pip", pip)
    setup.install_torch("2.13.0", "cpu")
    assert pip.asked == ["torch==2.13.0+cpu", "torch==2.13.0"]
    assert "taking the CUDA build, about" in capsys.readouterr().out


@pytest.mark.usefixtures("no_index")
def test_a_broken_download_does_not_turn_into_a_larger_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip((False, f"WARNING: Retrying (Retry(total=4))\n{MISSING}"))
    monkeypatch.setattr(setup, "pip", pip)
    with pytest.raises(setup.SetupError) as caught:
        setup.install_torch("2.13.0", "cpu")
    assert pip.asked == ["torch==2.13.0+cpu"]
    assert str(caught.value) == (
        "torch 2.13.0 could not be installed: the package index cannot be reached or broke off. "
        "Check the connection and the package index, then run the same command again (pip's own words: .venv/setup.log)."
    )


# What pip says.


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (MISSING, "No matching distribution found for torch==9"),
        (CONFLICT, "Cannot install torch==9+cpu because these package versions have conflicting dependencies."),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        ("error: incomplete-download\n\nx Download failed", "the package index cannot be reached or broke off"),
        ("ERROR: Exception:\nTraceback\nValueError: odd", "ValueError: odd"),
        ("", "pip said nothing"),
    ],
)
def test_the_reason_is_one_line(output: str, expected: str) -> None:
    assert setup.reason(output) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (526.6 MB)", "downloading torch (526.6 MB)"),
        ("Downloading https://index/packages/a1/plotly-7.1.0-py3-none-any.whl (9.8 MB)", "downloading plotly (9.8 MB)"),
        ("Downloading idna-3.20-py3-none-any.whl (70 kB)", ""),
        ("Installing collected packages: pip", "installing pip"),
        ("Installing collected packages: " + ", ".join(["package"] * 80), "installing 80 packages"),
        ("Collecting torch", ""),
    ],
)
def test_only_large_downloads_are_shown(line: str, expected: str) -> None:
    assert setup.progress(line) == expected


# Interrupted and outdated set-ups.


def test_the_stamp_changes_with_every_file_and_with_the_build() -> None:
    stamps = {setup.digest(["a", "b", "tool"], "cpu"), setup.digest(["a", "b", "tool"], "cuda"), setup.digest(["a", "b"], "cpu")}
    stamps |= {setup.digest(["ab", "", "tool"], "cpu"), setup.digest(["a", "B", "tool"], "cpu")}
    assert len(stamps) == 5
    assert setup.digest(["a"], "cpu") == setup.digest(["a"], "cpu")


def package(site: Path, name: str, record: str) -> Path:
    """A package of one file of two bytes, with the list of files that pip wrote for it."""
    (site / f"{name}.py").write_text("ab")
    info = site / f"{name}-1.dist-info"
    info.mkdir(parents=True)
    if record:
        (info / "RECORD").write_text(record)
    return info


def test_incomplete_packages_are_found(tmp_path: Path) -> None:
    package(tmp_path, "whole", "whole.py,sha256=x,2\nwhole-1.dist-info/RECORD,,\n")
    bad = [
        package(tmp_path, "empty", ""),
        package(tmp_path, "gone", "gone.py,sha256=x,2\ngone/other.py,sha256=x,9\n"),
        package(tmp_path, "short", "short.py,sha256=x,3\n"),
    ]
    assert setup.damaged(tmp_path) == bad


def test_this_environment_is_whole() -> None:
    """The check must not mistake healthy packages for broken ones."""
    site = Path(pytest.__file__).parent.parent
    assert setup.damaged(site) == []


# The browser.


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_chosen_browser_wins(tmp_path: Path) -> None:
    chosen = program(tmp_path / "mine")
    assert browser.find(str(chosen), tmp_path) == str(chosen)
    assert browser.find(str(tmp_path / "none"), tmp_path) is None


def test_a_browser_on_path_or_downloaded_by_playwright_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert browser.find("", tmp_path) is None
    downloaded = program(tmp_path / ".cache/ms-playwright/chromium-1200/chrome-linux/chrome")
    assert browser.find("", tmp_path) == str(downloaded)
    on_path = program(tmp_path / "bin/chromium")
    assert browser.find("", tmp_path) == str(on_path)


def test_no_browser_is_a_named_failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(browser, "find", lambda chosen, home: None)
    monkeypatch.setattr(browser.os, "geteuid", lambda: 1000)
    assert browser.main() == 1
    assert "The browser walks need Chromium and none was found: `sudo apt-get install chromium`" in capsys.readouterr().err


# CI, pins and start-up.


def test_ci_runs_make_test_and_nothing_else() -> None:
    lines = [line for line in (ROOT / ".ci/run").read_text().splitlines() if not line.startswith("#")]
    assert lines == ["set -euo pipefail", 'cd "$(dirname "${BASH_SOURCE[0]}")/.."', "make test"]


def test_every_requirement_is_pinned() -> None:
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    wanted = re.findall(r"^([\w.-]+)[><=~]", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert {name.lower().replace("_", "-") for name in wanted} <= {name.lower().replace("_", "-") for name in pinned}


def test_the_light_rooms_are_there() -> None:
    assert {"spec", "errors", "data", "store", "ui"} <= set(LIGHT_ROOMS)


@pytest.mark.parametrize("room", LIGHT_ROOMS)
def test_the_first_page_does_not_wait_for_torch(room: str) -> None:
    """Imported in a fresh interpreter, one after the other, so that the first culprit is named."""
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    heavy = sorted({'torch', 'transformers'} & set(sys.modules))\n"
        "    assert not heavy, f'{name} imports {heavy}'\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *modules_of(room)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
