"""View ``ask``: what the model itself writes about the vectors, always beside what it writes about vectors that know nothing."""

import re
from collections.abc import Collection, Generator, Iterator
from typing import TYPE_CHECKING

from steering.inspect.contract import Badge, Need, Progress, Subject, missing
from steering.inspect.results import Bar, Bars, Column, Result, Role, Stack, Table
from steering.spec import TaskSpec

if TYPE_CHECKING:
    from torch import Tensor

    from steering.inspect.asking import Answered
    from steering.lm.frozen import FrozenLM

LEARNED, START, RANDOM, SHUFFLED = "learned", "their start", "random vectors", "learned from shuffled labels"
ROLES: dict[str, Role] = {LEARNED: "learned", START: "start", RANDOM: "muted", SHUFFLED: "muted"}

COLUMNS = (
    Column(name="whose", title="Vectors", help="the learned ones and their controls"),
    Column(name="source", title="From", help="where their hidden states are taken from"),
    Column(name="target", title="Into", help="where they replace placeholder words"),
    Column(name="answer", title="What the model writes", help="greedy, at most 20 tokens"),
    Column(name="lift", title="Lift", kind="number", help="nats a token by which the vectors make it likelier than placeholder words do"),
    Column(name="names_task", title="Names the task", help="whether it holds a label word, or a word of your manual prompt of five letters or more"),
)


class Ask:
    """Ask the model (SCIENCE notes A3, view 15). Experimental."""

    name = "ask"
    title = "Ask the model (experimental)"
    badge: Badge = "SELF-REPORT"
    needs: Need = "soft_prompt"
    rows_needed = False
    summary = "What the model writes when the vectors stand where words were, beside three controls. It can be invented."
    cost = "24 short answers and a control trained for 12 steps: about 15 seconds"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Progress | Result]:
        from steering.inspect.asking import ask

        vectors, absent = yield from _vectors(lm, subject)
        words = task_words(subject.task)
        answers = yield from ask(lm, vectors, min(subject.header, len(vectors[LEARNED]) - 1), words, "asking")
        yield _result(self.title, answers, words, absent)


def task_words(task: TaskSpec | None) -> set[str]:
    """Words that give the task away: those of the labels (three letters or more), and longer ones of the manual prompt."""
    if task is None:
        return set()
    labels = set(re.findall(r"\w{3,}", " ".join([*task.label_words, *task.label_words.values()]).casefold()))
    return labels | {word for word in re.findall(r"\w+", task.prompt.casefold()) if len(word) >= 5}


def _vectors(lm: "FrozenLM", subject: Subject) -> "Generator[Progress, None, tuple[dict[str, Tensor], list[str]]]":
    """The learned vectors and their controls, [P, H] each; and why a control is absent."""
    import torch

    from steering.inspect.checks import soft_prompt
    from steering.inspect.shuffled import shuffled

    learned, start = soft_prompt(lm, subject)
    noise = torch.randn(learned.shape, generator=torch.Generator().manual_seed(0)).to(learned.device)
    found = {LEARNED: learned, RANDOM: learned.norm(dim=1, keepdim=True) * torch.nn.functional.normalize(noise, dim=1)}
    absent = []
    if start is None:
        absent.append("the start is not recorded")
    else:
        found[START] = start
    if start is None or not subject.rows or subject.task is None or subject.task.kind != "classification":
        absent.append("a control that learned from shuffled labels needs a known start and rows with labels")
    else:
        found[SHUFFLED] = yield from shuffled(lm, subject, start, learned)
    return {name: found[name] for name in ROLES if name in found}, absent


def _result(title: str, answers: "list[Answered]", words: set[str], absent: list[str]) -> Stack:
    hits: dict[str, list[bool]] = {}
    rows = []
    for one in answers:
        names = bool(words & set(re.findall(r"\w+", one.text.casefold())))
        hits.setdefault(one.whose, []).append(names and one.lift > 0)
        source, target = (f"layer {level}" if level else "the vectors themselves" for level in (one.source, one.target))
        named = "yes" if names and one.lift > 0 else "yes, but no likelier than without the vectors" if names else "no"
        target = target if one.target else "the embeddings"
        rows.append({"whose": one.whose, "source": source, "target": target, "answer": one.text, "lift": round(one.lift, 4), "names_task": named})
    missing_ones = f" Left out: {'; '.join(absent)}." if absent else ""
    return Stack(
        title=title,
        parts=(
            _bars(hits),
            Table(
                title="Every answer",
                columns=COLUMNS,
                rows=tuple(rows),
                caption="All pairs of layers that were tried; none was picked for its result.",
            ),
        ),
        caption="The model goes on with a list of things and descriptions, in which the last thing is replaced by the vectors' hidden states. No "
        f"example in the list names the task.{missing_ones}",
        note=_sentence(hits),
    )


def _bars(hits: dict[str, list[bool]]) -> Bars:
    from steering.evaluate.intervals import wilson

    bars = []
    for name, found in hits.items():
        low, high = wilson(sum(found), len(found))
        share = sum(found) / len(found)
        bars.append(
            Bar(label=name, value=round(share, 4), low=round(low, 4), high=round(high, 4), role=ROLES[name], detail=f"{sum(found)} of {len(found)}")
        )
    return Bars(
        title="Answers that name the task",
        bars=tuple(bars),
        unit="share of answers",
        caption="Answers with a word of the task that the vectors make likelier. Intervals of 95 % treat pairs of layers as independent.",
    )


def _sentence(hits: dict[str, list[bool]]) -> str:
    shares = {name: sum(found) / len(found) for name, found in hits.items()}
    best = max((share for name, share in shares.items() if name != LEARNED), default=0.0)
    controls = ", ".join(f"{name} in {sum(found)} of {len(found)}" for name, found in hits.items() if name != LEARNED)
    told = f"The answers about the learned vectors name the task in {sum(hits[LEARNED])} of {len(hits[LEARNED])} cases; those about {controls}."
    if shares[LEARNED] <= best:
        return f"{told} No more than a control does: nothing can be read from these answers."
    return f"{told} The model wrote this itself and may have invented it: take it as an idea to test, not as a finding."
