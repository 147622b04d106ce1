"""Labelled rows for measured views, with truths that are known because they were planted: the right label is what a given root answers."""

from dataclasses import replace

from tiny import WORDS

from steering.inspect import Subject
from steering.spec import Example, TaskSpec

TASK = TaskSpec(kind="classification", template="{text} label\n", prompt="the film", label_words={"pos": "good", "neg": "bad"})
TEXT = " good film queue billing delivery"


def examples(count: int, start: int = 0, target: str = "pos") -> tuple[Example, ...]:
    """Rows of four words each, all different."""
    size = len(WORDS)
    texts = [" ".join(WORDS[(i * step + i // size) % size] for step in (1, 3, 7, 11)) + f" {i}" for i in range(start, start + count)]
    return tuple(Example(row=i, values={"text": text}, target=target, key=f"{start + i:05}") for i, text in enumerate(texts))


def answered(lm, root, rows, task=TASK):
    """The same rows, each with the label that ``root`` answers."""
    from steering.lm.encode import encode_examples, encode_labels
    from steering.lm.scoring import score_labels

    inputs = encode_examples(lm, task, rows, root.length).inputs
    labels = list(task.label_words)
    found = [labels[int(row.argmax())] for _, part in score_labels(lm, root, inputs, encode_labels(lm, task)) for row in part]
    return tuple(replace(row, target=target) for row, target in zip(rows, found, strict=True))


def soft(lm, vectors, start_ids=(), *, count=24, truth=None, **given):
    """A soft prompt with rows of all sides; ``truth``: the root whose answers are right (else the soft prompt's own)."""
    from steering.lm.root import Root

    truth = truth or Root(embeds=vectors)
    parts = {side: answered(lm, truth, examples(count, at)) for side, at in (("rows", 0), ("train", 1000), ("validation", 2000))}
    return Subject(name="tried", vectors={"soft_prompt": vectors}, start_ids=tuple(start_ids), **{"task": TASK, **parts, **given})


def directions(count, size, seed):
    """[count, size] random unit vectors."""
    import torch

    drawn = torch.randn(count, size, generator=torch.Generator().manual_seed(seed))
    return drawn / drawn.norm(dim=1, keepdim=True)


def rows(lm, vectors, start=()):
    """The rows of the view ``neighbours`` for a soft prompt."""
    from steering.inspect import final, look

    return final(look("neighbours", lm, Subject(name="tried", vectors={"soft_prompt": vectors}, start_ids=tuple(start)))).rows
