"""The rows a contestant is least certain of."""

import tiny
import torch

from steering.engine.certainty import certainty
from steering.lm.encode import encode_labels, encode_text
from steering.lm.scoring import score_labels
from steering.spec import TaskSpec


def test_rows_are_ordered_by_the_margin_of_their_labels() -> None:
    lm = tiny.build(scale=8.0)
    task = TaskSpec(kind="classification", template="{text}\nLabel:", prompt="", label_words={"a": "good", "b": "bad", "c": "film"})
    rows = [(line, f"the film {line} was {word}") for line, word in enumerate(["good", "bad", "great", "awful", "film"])]
    root = lm.text_root("")
    *_, last = certainty(lm, root, task, rows)
    margins = {}
    for line, text in rows:
        (_, log_probs), *_ = score_labels(lm, root, [encode_text(lm, task, {"text": text}, root.length)], encode_labels(lm, task))
        top = torch.softmax(log_probs[0], -1).sort(descending=True).values
        margins[line] = float(top[0] - top[1])
    assert last["order"] == sorted(margins, key=margins.get)
