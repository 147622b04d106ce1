"""A studio whose runs are written by hand: no engine, no torch, no browser."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steering import artifact
from steering.studio import Studio

EVIL = "<img src=x onerror=alert(1)>${alert(2)}`</script><|im_end|>"


def comparison(rows: int = 10) -> dict[str, Any]:
    """What judging leaves behind: the learned prompt gets two rows more right."""

    def one(name: str, kind: str, right: int) -> dict[str, Any]:
        scores = {"accuracy": right / rows, "accuracy_ci": [0.3, 0.9], "macro_f1": 0.5, "nll": 0.7}
        cost = {"prompt_tokens": 12, "seconds_per_example": 0.02, "fingerprint": "abc"}
        return {"name": name, "kind": kind, **scores, **cost, "predictions": [EVIL] * rows}

    pair = {"a": "learned", "b": "manual", "primary": True, "verdict": "lean", "sentence": f"Better {EVIL}", "detail": "On few rows."}
    listed = [{"target": EVIL, "scores": [0, float(i < 5), float(1 <= i < 8)]} for i in range(rows)]
    contestants = [one("none", "manual", 0), one("manual", "manual", 5), one("learned", "prompt_tuning", 7)]
    return {"task": "classification", "n": rows, "contestants": contestants, "pairs": [pair], "rows": listed, "inputs": [{"text": EVIL}] * rows}


class Written:
    """A studio with the means to write down what an engine would have said."""

    def __init__(self, home: Path) -> None:
        self.studio = Studio.open(home)

    def upload(self, name: str = "rows.csv", rows: int = 40) -> Any:
        lines = "".join(f'"{EVIL} row {i}",{"yes" if i % 2 else "no"}\n' for i in range(rows))
        return self.studio.data.upload(name, ("text,label\n" + lines).encode())

    def run(self, state: str = "running", judged: bool = False) -> str:
        upload = self.upload()
        run = self.studio.start(self.studio.plan(upload.digest, upload.task, name=f"name {EVIL}"))
        store = self.studio.store
        store.put_event(run, 0, "started", {"virtual_tokens": 5, "file_bytes": 9000, "note": EVIL}, phase="training")
        for step in range(4):
            store.put_event(
                run, step, "step", {"step": step, "loss": 2.0 - 0.1 * step, "learning_rate": 0.1, "grad_norm": 1.0, "drift": 0.1}, step=step
            )
        store.put_event(run, 0, "validation", {"step": 0, "nll": 1.5, "accuracy": 0.5, "best": True})
        store.put_event(run, 3, "validation", {"step": 3, "nll": 1.2, "accuracy": 0.7, "best": True})
        if judged:
            store.put_event(run, 4, "comparison", comparison())
        store.update_run(run, state=state, started=time.time())
        return run

    def save(self, name: str = "mine", fingerprint: str = "f", method: str = "prompt_tuning") -> Path:
        task = self.upload().task
        card = artifact.Card(
            name=name,
            title=f"title {EVIL}",
            method=method,
            model="m",
            revision="",
            fingerprint=fingerprint,
            task=task,
            dataset="d",
            virtual_tokens=2,
        )
        folder = self.studio.folders[0]
        folder.mkdir(parents=True, exist_ok=True)
        return artifact.write(folder, artifact.Artifact(card, {"soft_prompt": np.ones((2, 4), dtype=np.float32)}))


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path / "home")
