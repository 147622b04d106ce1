"""What the model reads: real rows token by token, how long rows are, and how the label words stand, before anything is trained."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from steering.data import render
from steering.inspect.vocabulary import pieces
from steering.lm.encode import answer_text, encode_examples, encode_labels, encode_text, end_token, input_template, prompt_text, scoring
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Labels, Scoring, score_labels
from steering.spec import Example, TaskSpec

MEASURED = 2000
"""Rows whose length is measured: every n-th of a larger dataset (tokenising 2,000 rows takes about 0.2 s)."""
ASKED = 8
"""Rows on which the model is asked how likely it would write each label word today."""
RARE = 1e-3
LONG = 3


def reading(lm: FrozenLM, task: TaskSpec, examples: Sequence[Example], shown: int = 3) -> Iterator[dict[str, Any]]:
    """Growing results: rows and lengths at once, then the label words with the model's own probability of each.

    Keys: ``virtual_tokens``, ``context``, ``rows`` [{row, prompt, input, answer: lists of shown tokens, cut}], ``lengths`` (token counts, at
    most 2,000), ``cut`` (how many of those do not fit), ``words`` [{label, word, tokens, share}], ``notes`` (sentences), ``suggested``
    (label -> a word that begins with a token of its own, for labels that share their first token now).

    Raises:
        TemplateError: prompt or template leave no room, or the label words cannot be told apart.
    """
    prompt = lm.header + lm.encode(prompt_text(task.prompt))
    labels, scored = (encode_labels(lm, task), scoring(lm, task)) if task.kind == "classification" else (None, None)
    answers = labels if scored is not None and scored.shares else None  # where nothing is graded behind the input, words have no share there
    result: dict[str, Any] = {"virtual_tokens": len(prompt), "context": lm.shape.context}
    result["rows"] = [_row(lm, task, scored, prompt, example) for example in examples[:shown]]
    measured = examples[:: max(1, -(-len(examples) // MEASURED))]
    result["lengths"] = [len(ids) for ids in lm.encode_many([render(input_template(task), e.values) for e in measured])]
    long = [e for e, length in zip(measured, result["lengths"], strict=True) if length > lm.shape.context // 4]
    result["cut"] = encode_examples(lm, task, long, len(prompt)).cut
    result["words"] = _words(lm, task, labels) if labels else []
    result["notes"] = _notes(result["words"], answers) if scored is None or scored.shares else [scored.note]
    result["suggested"] = suggested_words(lm, task, answers) if answers else {}
    yield result
    if answers and examples:
        yield from _with_shares(lm, task, answers, prompt, examples, result)


def _row(lm: FrozenLM, task: TaskSpec, scored: Scoring | None, prompt: Sequence[int], example: Example) -> dict[str, Any]:
    whole = lm.encode(render(input_template(task), example.values))
    ids = encode_text(lm, task, example.values, len(prompt))
    if scored is not None and example.target in task.label_words:
        read, graded = scored.shown(ids, list(task.label_words).index(example.target))
    else:
        read, graded = ids, lm.encode(answer_text(task.template, example.target)) + (() if scored else end_token(lm, task))
    parts = {"prompt": prompt, "input": read, "answer": graded}
    return {"row": example.row, "cut": max(0, len(whole) - len(ids))} | {name: pieces(lm, part) for name, part in parts.items()}


def _words(lm: FrozenLM, task: TaskSpec, labels: Labels) -> list[dict[str, Any]]:
    rows = zip(task.label_words.items(), labels.words, strict=True)
    return [{"label": label, "word": word, "tokens": pieces(lm, ids), "share": None} for (label, word), ids in rows]


def _with_shares(
    lm: FrozenLM, task: TaskSpec, labels: Labels, prompt: Sequence[int], examples: Sequence[Example], result: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """The mean probability of each label word where the answer begins, under the manual prompt, over a few rows."""
    asked = examples[:: max(1, len(examples) // ASKED)][:ASKED]
    inputs = [encode_text(lm, task, e.values, len(prompt)) for e in asked]
    found = []
    for _, log_probs in score_labels(lm, Root(embeds=lm.embed(prompt)), inputs, labels):
        found.append(log_probs.exp())
        yield result
    for word, share in zip(result["words"], torch.cat(found).mean(0).tolist(), strict=True):
        word["share"] = share
    result["notes"] = _notes(result["words"], labels)
    yield result


def suggested_words(lm: FrozenLM, task: TaskSpec, labels: Labels) -> dict[str, str]:
    """For label words that begin with the same token: the part of each that the others do not have, where it begins with a token of its own.

    ``flight booking`` and ``flight cancellation`` are suggested as ``booking`` and ``cancellation``; nothing is invented.
    """
    words = dict(zip(task.label_words, task.label_words.values(), strict=True))
    firsts = {label: ids[0] for label, ids in zip(words, labels.words, strict=True)}
    taken = Counter(firsts.values())
    found: dict[str, str] = {}
    for label, word in words.items():
        alike = [other for other in words if other != label and firsts[other] == firsts[label]]
        shared = set(word.split()).intersection(*(words[other].split() for other in alike)) if alike else set()
        own = [part for part in word.split() if part not in shared]
        for candidate in [" ".join(own), *reversed(own)] if shared and own else []:
            first = lm.encode(answer_text(task.template, candidate))[0]
            if taken[first] == 0:
                found[label] = candidate
                taken[first] += 1
                break
    return found


def _notes(words: Sequence[dict[str, Any]], labels: Labels | None) -> list[str]:
    """What is worth knowing of the label words, in sentences."""
    if labels is None:
        return []
    notes = []
    first = defaultdict(list)
    for word, ids in zip(words, labels.words, strict=True):
        first[ids[0]].append(word)
    for sharing in (group for group in first.values() if len(group) > 1):
        named = ", ".join(repr(word["word"]) for word in sharing[:4])
        token = sharing[0]["tokens"][0]
        notes.append(f"{named} begin with the same token ({token}): whole words are scored, which takes longer. Words that begin apart are better.")
    long = [word["word"] for word in words if len(word["tokens"]) >= LONG]
    if long:
        notes.append(f"{', '.join(map(repr, long[:4]))} take {LONG} tokens or more: a shorter, more common word is learned faster.")
    rare = [word["word"] for word in words if word["share"] is not None and word["share"] < RARE]
    if rare:
        notes.append(
            f"{', '.join(map(repr, rare[:4]))}: the model hardly ever writes this here today (below 1 in 1,000). A more usual word starts better."
        )
    return notes
