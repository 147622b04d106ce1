"""Fixtures for all rooms: a tiny model, a home folder, a quiet environment."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Tiny matrices gain nothing from threads, and waiting threads of app, engine and tests take two cores away from the browser: walks then time out.
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def lm():
    """A tiny random Llama."""
    import torch
    from tiny import build

    torch.set_num_threads(1)
    return build()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder that nothing else uses; the app's own home points there too."""
    monkeypatch.setenv("STEERING_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
