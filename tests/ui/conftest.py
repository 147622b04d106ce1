"""A studio whose runs are written by hand: no engine, no torch, no browser."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steering import artifact
from steering.studio import Studio

EVIL = "<img src=x onerror=alert(1)>${alert(2)}`</script><|im_end|>"


def large(rows: int, contestants: int, labels: int = 4) -> dict[str, Any]:
    """A comparison as the engine leaves it, of any size; answers by a fixed rule, every text of a person's hostile."""
    names = [f"{EVIL} {i}" for i in range(labels)]
    many, right = [], []
    for c in range(contestants):
        said = [(i + (1 if (i * 7 + c) % (c + 2) == 0 else 0)) % labels for i in range(rows)]
        right.append([float(said[i] == i % labels) for i in range(rows)])
        shares = [[0.7 - 0.05 * (i % 12) if k == said[i] else (0.3 + 0.05 * (i % 12)) / (labels - 1) for k in range(labels)] for i in range(rows)]
        matrix = [[sum(1 for i in range(rows) if i % labels == t and said[i] == k) for k in range(labels)] for t in range(labels)]
        classes = [{"label": name, "support": rows // labels, "precision": 0.5, "recall": 0.5, "f1": 0.5, "predicted": 2} for name in names]
        score = sum(right[-1]) / rows
        many.append(
            {"name": ("none", "manual", "learned")[c] if c < 3 else f"prompt:{EVIL} {c}", "kind": "manual", "accuracy": score, "macro_f1": 0.5}
            | {"accuracy_ci": [max(0.0, score - 0.1), min(1.0, score + 0.1)], "nll": 0.7, "ece": 0.1, "ece_band": [0.0, 0.05], "mcc": 0.1}
            | {"prompt_tokens": 12, "seconds_per_example": 0.02, "fingerprint": "abc", "predictions": [names[k] for k in said]}
            | {"label_probs": shares, "confusion": matrix, "per_class": classes, "flags": [f"flag {EVIL}"] if c == 1 else [], "made": {}}
        )
    pair = {"a": "learned", "b": "manual", "primary": True, "verdict": "lean", "sentence": f"Better {EVIL}", "detail": "On few rows."}
    pair |= {"metric": "accuracy", "difference": 0.1, "ci": [-0.1, 0.3], "p_value": 0.2, "a_only": 3, "b_only": 1, "both": 4, "neither": 2}
    gap = {"metric": "macro_f1", "a": 0.5, "b": 0.4, "difference": 0.1, "low": 0.0, "high": 0.2}
    return {
        **{"task": "classification", "n": rows, "labels": names, "metric": "accuracy", "notes": [f"note {EVIL}"], "reveal": 2, "unchecked": []},
        **{"contestants": many, "pairs": [pair | {"metrics": [gap]}], "inputs": [{"text": f"text {EVIL} number {i}"} for i in range(rows)]},
        "rows": [{"target": names[i % labels], "scores": [column[i] for column in right]} for i in range(rows)],
        "lines": list(range(2, rows + 2)),
    }


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

    def save(self, name: str = "mine", fingerprint: str = "f", method: str = "prompt_tuning", model: str = "m", task: Any = None) -> Path:
        task = task or self.upload().task
        card = artifact.Card(
            name=name,
            title=f"title {EVIL}",
            method=method,
            model=model,
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
