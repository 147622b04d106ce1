"""What a view looks at, as roots: the learned vectors, what they started from, and the texts that they are measured against."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from steering.errors import ArtifactError
from steering.inspect import checks
from steering.inspect.bench import Bench
from steering.inspect.contract import Subject
from steering.inspect.vocabulary import pieces
from steering.lm.encode import prompt_text
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.methods.forms import KEYS, SOFT_PROMPT, VALUES, root_of
from steering.spec import Example, TaskSpec


def of_text(lm: FrozenLM, text: str, name: str = "your prompt", **given: Any) -> Subject:
    """A manual prompt as a subject: its own embeddings, started from itself. The natural control of every view.

    Raises:
        ArtifactError: there is no text, so no vectors.
    """
    ids = lm.header + lm.encode(prompt_text(text))
    if len(ids) == len(lm.header):
        raise ArtifactError("an empty prompt has no vectors to look at.", "Type a prompt.")
    return Subject(name=name, vectors={SOFT_PROMPT: lm.embed(ids)}, start_ids=ids, header=len(lm.header), **given)


def as_prefix(lm: FrozenLM, subject: Subject) -> Subject:
    """A soft prompt as the prefix that it is (what stands before the input has one input-independent cache), so that every view of keys and values
    can look at it; a prefix as it is.

    Raises:
        ArtifactError: damaged vectors, or those of another model.
    """
    if SOFT_PROMPT not in subject.vectors:
        return subject
    with torch.no_grad():
        kv = lm.to_kv(learned(lm, subject)).kv
    assert kv is not None
    keys, values = (torch.stack([pair[at] for pair in kv]).float() for at in (0, 1))
    return replace(subject, vectors={KEYS: keys, VALUES: values})


def learned(lm: FrozenLM, subject: Subject) -> Root:
    """The root that the vectors stand for, after checking them.

    Raises:
        ArtifactError: damaged vectors, or those of another model.
    """
    if SOFT_PROMPT in subject.vectors:
        return Root(embeds=checks.soft_prompt(lm, subject)[0])
    keys, values = checks.prefix(lm, subject)
    return root_of(lm, {**subject.vectors, KEYS: keys, VALUES: values})


def start_vectors(lm: FrozenLM, subject: Subject) -> dict[str, Tensor] | None:
    """What the vectors started from, in the same form; None where that is not known.

    Raises:
        ArtifactError: damaged vectors, or start tokens that do not fit them.
    """
    if SOFT_PROMPT in subject.vectors:
        start = checks.soft_prompt(lm, subject)[1]
        return None if start is None else {SOFT_PROMPT: start}
    length = checks.prefix(lm, subject)[0].shape[2]
    ids = checks.start_ids(lm, subject, length)
    if not ids:
        return None
    with torch.no_grad():
        kv = lm.to_kv(Root(embeds=lm.embed(ids))).kv
    assert kv is not None
    held = checks.layers(lm, subject)
    both = {name: torch.stack([kv[layer][at] for layer in held]).float() for at, name in enumerate((KEYS, VALUES))}
    return {**subject.vectors, **both}


def start(lm: FrozenLM, subject: Subject) -> Root | None:
    """The root that training started from; None where that is not known."""
    vectors = start_vectors(lm, subject)
    return None if vectors is None else root_of(lm, vectors)


def manual(lm: FrozenLM, task: TaskSpec) -> Root:
    """The task's own manual prompt."""
    return lm.text_root(prompt_text(task.prompt))


def bench(lm: FrozenLM, subject: Subject, rows: tuple[Example, ...], *roots: Root) -> Bench:
    """``rows`` of the subject's task, with room for every root."""
    assert subject.task is not None
    return Bench(lm, subject.task, rows, max(root.length for root in roots))


def moving(subject: Subject, root: Root) -> range:
    """Positions that training moved: all behind the model's own header."""
    return range(min(subject.header, root.length), root.length)


def slot_names(lm: FrozenLM, subject: Subject, length: int) -> list[str]:
    """``v3 ·word``: a virtual token's number from 1, and what it started from where that is known."""
    ids = checks.start_ids(lm, subject, length)
    words = pieces(lm, ids) if ids else [""] * length
    return [f"v{i + 1} {word}".rstrip() for i, word in enumerate(words)]


def without_slots(subject: Subject, slots: tuple[int, ...]) -> Subject:
    """The subject with virtual tokens (from 0) taken out, the rest moved together: what can be saved and used elsewhere."""
    length = next(t.shape[-2] for name, t in subject.vectors.items() if name in (SOFT_PROMPT, KEYS))
    stay = [i for i in range(length) if i not in slots]
    vectors = {name: t.index_select(-2, torch.tensor(stay, device=t.device)) if t.dim() > 1 else t for name, t in subject.vectors.items()}
    ids = tuple(subject.start_ids[i] for i in stay) if subject.start_ids else ()
    return replace(subject, vectors=vectors, start_ids=ids, header=sum(i < subject.header for i in stay))
