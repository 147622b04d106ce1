"""From examples to token ids: prompt, input and answer are tokenised separately, and identically for every contestant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from steering.data import render
from steering.errors import TemplateError
from steering.lm import channel
from steering.lm.channel import Channel
from steering.lm.frozen import FrozenLM
from steering.lm.scoring import Ids, Labels, Scoring, Target
from steering.spec import Example, TaskSpec

SEPARATOR = "\n\n"
"""Between the manual prompt and the input, for every prompt."""

ANSWER_ROOM = 16
"""Tokens kept free for a label word."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Inputs of some examples as token ids; ``cut`` counts the rows that were shortened to fit."""

    inputs: tuple[Ids, ...]
    truth: tuple[int, ...]
    targets: tuple[Target, ...]
    cut: int


def prompt_text(prompt: str) -> str:
    """A manual prompt as the model reads it: with the separator, or nothing at all."""
    return prompt.rstrip() + SEPARATOR if prompt.strip() else ""


def answer_text(template: str, answer: str) -> str:
    """An answer as it follows the template: with a leading space unless the template ends in white space."""
    return answer if template[-1:].isspace() else " " + answer


def end_token(lm: FrozenLM, task: TaskSpec) -> Ids:
    """What ends an answer: a newline, or the model's end of text.

    Raises:
        TemplateError: the model has no such token.
    """
    found = lm.encode("\n") if task.stop == "newline" else lm.end_ids[:1]
    if not found:
        raise TemplateError(f"this model has no end token for stop={task.stop!r}.", "Choose the other way to stop.")
    return found[:1]


def demonstration(task: TaskSpec, example: Example) -> str:
    """A solved row as few-shot prompts show it, in the order in which the task is scored."""
    return _way(task).solved(task.template, example.values, task.label_words.get(example.target, example.target)) + SEPARATOR


def input_template(task: TaskSpec) -> str:
    """The part of the template that makes up an input."""
    return _way(task).input(task.template)


def scoring(lm: FrozenLM, task: TaskSpec) -> Scoring:
    """How the label words of a classification are scored.

    Raises:
        TemplateError: label words that cannot be told apart, or a template that cannot be turned round.
    """
    return _way(task).scoring(lm, task)


def encode_channel(lm: FrozenLM, task: TaskSpec) -> Channel:
    """Label lines as ids, in the order of ``task.label_words``, and how every text opens.

    Raises:
        TemplateError: as :func:`encode_labels`; or the template holds no column.
    """
    encode_labels(lm, task)  # the same words are refused
    lines = tuple(lm.encode(channel.label_line(task.template, word)) for word in task.label_words.values())
    return Channel(lines, lm.encode(channel.opening(task.template)))


def encode_labels(lm: FrozenLM, task: TaskSpec) -> Labels:
    """Label words as ids, in the order of ``task.label_words``.

    Raises:
        TemplateError: two labels have the same tokens, one has none, or there are no labels.
    """
    if not task.label_words:
        raise TemplateError("there are no label words.", "Give every label a word.")
    words = tuple(lm.encode(answer_text(task.template, word)) for word in task.label_words.values())
    for raw, word in zip(task.label_words, words, strict=True):
        if not word:
            raise TemplateError(f"the label word of {raw!r} is empty.", "Give every label a word.")
    if len(set(words)) < len(words):
        raise TemplateError("two labels have the same label word.", "Give every label a word of its own.")
    return Labels(words, end_token(lm, task))


def encode_examples(lm: FrozenLM, task: TaskSpec, examples: Sequence[Example], root_length: int) -> Encoded:
    """Inputs (and targets, for generation) of ``examples``; rows longer than the context are cut in their columns, never in the template.

    Raises:
        TemplateError: prompt and template alone fill the context, or a row has a label without a word.
    """
    inputs: list[Ids] = []
    targets: list[Target] = []
    cut = 0
    numbers = {name: i for i, name in enumerate(task.label_words)}
    unknown = sorted({e.target for e in examples} - numbers.keys()) if task.kind == "classification" else []
    if unknown:
        raise TemplateError(
            f"label {unknown[0]!r} of row {next(e.row for e in examples if e.target == unknown[0])} has no label word (known: {', '.join(numbers)}).",
            "Give every label a word, or compare on a file with the same labels.",
        )
    end = end_token(lm, task) if task.kind == "generation" else ()
    template, beside = input_template(task), task.max_new_tokens if end else _way(task).beside(lm, task)
    for example in examples:
        target = lm.encode(answer_text(task.template, example.target)) + end if end else ()
        room = lm.shape.context - root_length - max(len(target), beside)
        ids, shortened = _fit(lm, template, example.values, room)
        cut += shortened
        inputs.append(ids)
        if end:
            targets.append(Target(ids, target[: lm.shape.context // 2]))
    truth = () if end else tuple(numbers[e.target] for e in examples)
    return Encoded(tuple(inputs), truth, tuple(targets), cut)


def encode_text(lm: FrozenLM, task: TaskSpec, values: dict[str, str], root_length: int) -> Ids:
    """One typed input."""
    return _fit(lm, input_template(task), values, lm.shape.context - root_length - max(task.max_new_tokens, _way(task).beside(lm, task)))[0]


def _fit(lm: FrozenLM, template: str, values: dict[str, str], room: int) -> tuple[Ids, bool]:
    ids = lm.encode(render(template, values))
    if not ids:
        raise TemplateError("the template and the row are empty together.", "Write {column} and some words into the template.")
    if len(ids) <= room:
        return ids, False
    longest = max(values, key=lambda name: len(values[name]))
    kept = lm.encode(values[longest])
    keep = len(kept) - (len(ids) - room)
    while keep > 0:
        ids = lm.encode(render(template, {**values, longest: lm.decode(kept[:keep])}))
        if len(ids) <= room:
            return ids, True
        keep -= len(ids) - room
    raise TemplateError(
        f"prompt and template leave no room for the input: the model's context is {lm.shape.context} tokens.",
        "Shorten the prompt, use fewer demonstrations, or choose a model with a longer context.",
    )


# -- ways to score --------------------------------------------------------------------------------------------------------------------------------
def _behind(template: str, values: dict[str, str], answer: str) -> str:
    """A row and its answer."""
    return render(template, values) + answer_text(template, answer)


def _before(template: str, values: dict[str, str], answer: str) -> str:
    """An answer and its row."""
    return channel.label_line(template, answer) + render(channel.head(template), values)


def _longest_line(lm: FrozenLM, task: TaskSpec) -> int:
    return max(ANSWER_ROOM, *map(len, encode_channel(lm, task).lines))


@dataclass(frozen=True, slots=True)
class Way:
    """One way to score label words: how, which part of the template is the input, how a solved row is written, and the tokens to keep free for it."""

    scoring: Callable[[FrozenLM, TaskSpec], Scoring]
    input: Callable[[str], str]
    solved: Callable[[str, dict[str, str], str], str]
    beside: Callable[[FrozenLM, TaskSpec], int]


WAYS = {
    "direct": Way(encode_labels, str, _behind, lambda lm, task: ANSWER_ROOM),
    "channel": Way(encode_channel, channel.head, _before, _longest_line),
}


def _way(task: TaskSpec) -> Way:
    """Only label words can be scored the other way round; texts are always written behind the input."""
    return WAYS[task.scoring if task.kind == "classification" else "direct"]
