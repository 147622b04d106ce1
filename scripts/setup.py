"""Make .venv and everything in it. ``make setup`` calls this; it needs nothing but Python's standard library.

It may be stopped at any moment: the stamp is written last, and the next call finds and mends what was left half done.
Python 3.6 must still be able to read this file, so that an old Python gets one clear line instead of a syntax error. Hence the quoted
annotations.
"""

import argparse
import csv
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "setup.log"
STAMP = VENV / "setup.stamp"
"""Digest of what is installed. Written last: no stamp means that set-up did not finish."""
ORIGIN = VENV / "setup.origin"
"""Python version and folder that the environment was made for: its scripts name both, so it cannot be moved or mended across them."""

OLDEST = (3, 11)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
GB = 10**9
# Measured with the versions in constraints.txt: what is downloaded, and the disk space that the download and the result need together.
DOWNLOAD = {"cpu": "about 500 MB (200 MB of it torch, CPU build)", "cuda": "about 3 GB (most of it torch, CUDA build)"}
NEED = {"cpu": 4 * GB, "cuda": 10 * GB}
AGAIN = "run the same command again"


class SetupError(Exception):
    """Set-up cannot go on. The message is the one line that the person sees."""


# Decisions: plain functions of plain values, tested without a network.


def version_message(found: "tuple[int, int]", newer: str) -> str:
    """Empty when the Python is new enough; ``newer`` is the name of one that is, if there is one on this machine."""
    if found >= OLDEST:
        return ""
    have = "Python {}.{} found, {}.{} or newer needed: ".format(*found, *OLDEST)
    return have + (f"run `make setup PYTHON={newer}`" if newer else "install it and run `make setup PYTHON=python3.12`")


def disk_message(free: int, need: int, folder: Path) -> str:
    """Empty when there is space enough."""
    if free >= need:
        return ""
    return f"{free / GB:.1f} GB free at {folder}, {need / GB:.1f} GB needed: make room (or move this folder to a larger disk) and {AGAIN}."


def torch_plan(version: str, build: str, cpu_index_answers: bool, system: str = "Linux") -> "list[list[str]]":
    """Arguments of ``pip install`` for torch, to be tried in turn while the index says that it has no such build.

    ``===`` compares text, so ``2.13.0+cpu`` does not pass for the CUDA build, which PyPI calls plain ``2.13.0``. Other systems than Linux have
    one build only.
    """
    if system != "Linux":
        return [[f"torch=={version}"]]
    if build == "cuda":
        return [[f"torch==={version}"], [f"torch=={version}"]]
    extra = ["--extra-index-url", CPU_INDEX] if cpu_index_answers else []
    return [[f"torch=={version}+cpu", *extra], [f"torch=={version}"]]


def reason(output: str) -> str:
    """Why pip failed, in a few words, from all that it said."""
    if "No space left on device" in output:
        return "the disk is full"
    if "Retrying (" in output or "incomplete-download" in output or "ConnectionError" in output or "ReadTimeoutError" in output:
        return "the package index cannot be reached or broke off"
    told = [line.split(":", 1)[1].strip() for line in output.splitlines() if re.match(r"error: |ERROR: (?!Exception:|ResolutionImpossible:)", line)]
    return told[-1] if told else (output.strip().splitlines() or ["pip said nothing"])[-1].strip()


def progress(line: str) -> str:
    """What of pip's talk is worth showing: large downloads, and that it installs; else empty."""
    large = re.match(r"\s*Downloading (?:\S*/)?(\S+?)-\d\S* (\([\d.]+ [MG]B\))", line)
    if large:
        return "downloading {} {}".format(*large.groups())
    names = line.partition("Installing collected packages: ")[2]
    return f"installing {names if len(names) < 60 else str(names.count(',') + 1) + ' packages'}" if names else ""


def no_such_build(output: str) -> bool:
    """True when the index answered, and has no such version: only then another build is worth a try."""
    # With a constraint on the same package pip words it as a conflict: "... have no matching distributions available".
    return "no matching distribution" in output.lower() and "Retrying (" not in output


def digest(texts: "list[str]", build: str) -> str:
    """What the stamp holds: it changes with each file that says what to install, and with the build of torch."""
    return hashlib.sha256("\0".join([*texts, build]).encode()).hexdigest()


def damaged(site: Path) -> "list[Path]":
    """The ``.dist-info`` folders of packages that an interruption left incomplete: a file of theirs is missing or has the wrong size."""
    return [info for info in sorted(site.glob("*.dist-info")) if not _complete(info)]


def _complete(info: Path) -> bool:
    try:
        with (info / "RECORD").open(encoding="utf-8", newline="") as lines:
            rows = list(csv.reader(lines))
        # Compiled and generated files carry no size.
        return bool(rows) and all((info.parent / path).stat().st_size == int(size) for path, _, size in rows if size)
    except (OSError, ValueError):
        return False


# What is true of this machine.


def newer_python() -> str:
    """The name of a Python on PATH that is new enough (it must also run: a name on PATH may be a stub)."""
    for name in ("python3.14", "python3.13", "python3.12", "python3.11"):
        if shutil.which(name) and _answers([name, "-c", ""]):
            return name
    return ""


def has_driver() -> bool:
    """True when an NVIDIA driver is loaded."""
    return Path("/proc/driver/nvidia/version").exists() or _answers(["nvidia-smi", "-L"])


def _answers(command: "list[str]") -> bool:
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def cpu_index_answers(seconds: float = 5.0) -> bool:
    """True when PyTorch's own index can be reached. Asked first, because pip retries an index that does not answer for minutes."""
    found = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(f"{CPU_INDEX}/torch/", timeout=seconds) as answer:
                found.append(answer.status)
        except (OSError, ValueError):
            pass

    # In a thread, because the look-up of a host's name obeys no time limit.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return found == [200]


def size_of(folder: Path) -> int:
    """Bytes in a folder; 0 if there is none."""
    return sum(path.lstat().st_size for path in folder.rglob("*"))


# The steps.


def say(text: str) -> None:
    """One line for the person, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def check_place(build: str) -> None:
    """Raises: SetupError when this folder is read-only or the disk too small. What .venv holds already is not needed again."""
    if not os.access(str(ROOT), os.W_OK):
        raise SetupError(f"{ROOT} is read-only: copy it to a folder that you may write to and run the same command there.")
    too_small = disk_message(shutil.disk_usage(str(ROOT)).free, NEED[build] - size_of(VENV), ROOT)
    if too_small:
        raise SetupError(too_small)


def make_venv(origin: str) -> None:
    """A fresh .venv, unless there is one that was made for this Python and this folder."""
    if ORIGIN.exists() and ORIGIN.read_text() == origin:
        for info in damaged(site_packages()):
            say(f"Mending {info.name.split('-')[0]}, which an interruption left incomplete.")
            # pip takes a package without this folder for not installed, and writes over its files.
            shutil.rmtree(str(info))
        return
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        name = "python{}.{}-venv".format(*sys.version_info)
        raise SetupError(f"This Python has no `venv` module: run `sudo apt-get install {name}` (Debian, Ubuntu), then {AGAIN}.")
    # When started from .venv itself, the Python that it was made from.
    base = getattr(sys, "_base_executable", sys.executable)
    made = subprocess.run([base, "-m", "venv", "--clear", str(VENV)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if made.returncode:
        raise SetupError(f"`python -m venv` failed: {reason(made.stdout.decode(errors='replace'))}. Then {AGAIN}.")
    ORIGIN.write_text(origin)


def site_packages() -> Path:
    """Where .venv keeps its packages."""
    return VENV / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"


def pip(*arguments: str) -> "tuple[bool, str]":
    """Run pip in .venv. Large downloads are shown, everything goes to the log. Returns whether it worked, and all that it said."""
    scratch = VENV / "tmp"
    scratch.mkdir(exist_ok=True)
    # Downloads are unpacked on the disk whose space was checked; a user's own pip defaults about where to install do not fit a venv.
    environment = {**os.environ, "TMPDIR": str(scratch), "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = [str(PYTHON), "-m", "pip", "install", "--progress-bar", "off", *arguments]
    output = []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    assert process.stdout is not None
    with LOG.open("a", encoding="utf-8") as log:
        log.write("$ " + " ".join(command) + "\n")
        for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip()
            output.append(line)
            log.write(line + "\n")
            if progress(line):
                say("  " + progress(line))
    worked = process.wait() == 0
    shutil.rmtree(str(scratch), ignore_errors=True)
    return worked, "\n".join(output)


def must(what: str, outcome: "tuple[bool, str]") -> None:
    """Raises: SetupError in one line when pip failed."""
    worked, output = outcome
    if not worked:
        remedy = f"Check the connection and the package index, then {AGAIN}"
        raise SetupError(f"{what} could not be installed: {reason(output)}. {remedy} (pip's own words: {LOG.relative_to(ROOT)}).")


def install_torch(version: str, build: str) -> None:
    """The build that fits this machine, or else the one that the index has."""
    probe = build == "cpu" and platform.system() == "Linux" and cpu_index_answers()
    first, *others = torch_plan(version, build, probe, platform.system())
    outcome = pip("-c", "constraints.txt", *first)
    for other in others:
        if outcome[0] or not no_such_build(outcome[1]):
            break
        if build == "cpu":
            say(f"The package index has no CPU build of torch: taking the CUDA build, {DOWNLOAD['cuda']}. It runs on a CPU too.")
            check_place("cuda")
        outcome = pip("-c", "constraints.txt", *other)
    must(f"torch {version}", outcome)


def fetch_model() -> None:
    """The embedded model. A failure is not one of set-up: the app tries again at first use."""
    say("  fetching and converting the embedded model (about a minute, once)")
    command = [str(PYTHON), "-m", "steering", "models", "--json"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        why = (done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        say(f"Warning: the embedded model is not there yet ({why}); the app fetches it at its first use.")


def set_up(choice: str) -> None:
    """Bring .venv to what the files of this folder ask for. Raises: SetupError."""
    import tomllib  # here, because older Pythons must be able to start this file

    build = choice if choice != "auto" else "cuda" if has_driver() else "cpu"
    constraints, requirements = ((ROOT / name).read_text(encoding="utf-8") for name in ("constraints.txt", "requirements.txt"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    tools = project["project"]["optional-dependencies"]["dev"]
    wanted = digest([constraints, requirements, *tools], build)
    origin = "Python {}.{} in {}".format(*sys.version_info[:2], VENV)
    if STAMP.exists() and STAMP.read_text() == wanted and ORIGIN.exists() and ORIGIN.read_text() == origin:
        return
    check_place(build)
    say(f"Setting up .venv. To download: {DOWNLOAD[build]}, then 93 MB for the embedded model; nothing that is there already.")
    if STAMP.exists():
        STAMP.unlink()
    make_venv(origin)
    must("pip", pip("--upgrade", "pip>=25"))
    found = re.search(r"^torch==([\w.]+)$", constraints, re.MULTILINE)
    assert found, "constraints.txt pins torch"
    install_torch(found.group(1), build)
    must("A package", pip("-c", "constraints.txt", "-r", "requirements.txt", *tools))
    fetch_model()
    STAMP.write_text(wanted)
    say(f"Ready: .venv, {size_of(VENV) / GB:.1f} GB. Next: `make app` or `make demo`.")


def wait_for_others() -> None:
    """Two set-ups in one folder would spoil each other. The lock goes when this process ends, however it ends."""
    import fcntl

    own = os.open(__file__, os.O_RDONLY)
    try:
        fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        say("Another set-up is at work in this folder: waiting for it.")
        fcntl.flock(own, fcntl.LOCK_EX)


def main() -> int:
    """Set up, or say in one line what to do."""
    old = version_message(sys.version_info[:2], "") and version_message(sys.version_info[:2], newer_python())
    if old:
        say(old)
        return 1
    if os.name != "posix":
        say("Set-up runs on Linux and macOS; on Windows, run the same command in WSL.")
        return 1
    parser = argparse.ArgumentParser(description="Make .venv and everything in it.")
    parser.add_argument("--torch", choices=["auto", "cpu", "cuda"], default="auto", help="build of torch (auto: CUDA with an NVIDIA driver)")
    choice = parser.parse_args().torch
    os.chdir(str(ROOT))
    try:
        wait_for_others()
        set_up(choice)
    except SetupError as error:
        say(str(error))
        return 1
    except OSError as error:
        say(f"Set-up failed: {error}. Put that right and {AGAIN}.")
        return 1
    except KeyboardInterrupt:
        say(f"\nSet-up was interrupted. To go on, {AGAIN}.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
