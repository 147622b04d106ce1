"""A workshop for manual prompts: scored on validation rows while they are written, and the best of several picked there, never on test rows."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from steering.engine.contestants import Context, text
from steering.engine.judging import Contestant
from steering.engine.memory import Memory, Nothing
from steering.engine.references import sides
from steering.engine.trial import Score, trial
from steering.errors import SpecError
from steering.lm.frozen import FrozenLM

if TYPE_CHECKING:
    from steering.engine.contestants import Making
    from steering.engine.requests import Office

MOST = 50
"""Prompts that are tried in one go."""


def workshop(office: "Office", payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The request ``workshop``: as :func:`scored`. Payload: ``prompts``, ``task``, ``train`` (its validation side chooses), ``model``.

    Raises:
        SpecError: no prompt, or too many; DataError: no rows to try them on.
    """
    prompts = [str(prompt) for prompt in payload["prompts"]]
    if not 1 <= len(prompts) <= MOST:
        raise SpecError(f"{len(prompts)} prompts are to be tried, expected 1 to {MOST}.", "Write one prompt a line.")
    yield from scored(office.lm, prompts, office.context(payload), office.store)


def scored(lm: FrozenLM, prompts: Sequence[str], context: Context, memory: Memory | None = None) -> Iterator[dict[str, Any]]:
    """Growing results: ``prompts`` [{prompt, nll, accuracy, rows}] in the given order, ``best``: the number of the one with the lowest NLL.

    Raises:
        DataError: no rows to try them on; TemplateError: one leaves no room for inputs.
    """
    rows = context.validation or sides(context, "the workshop")[1]
    found: list[dict[str, Any]] = []
    for prompt in prompts:
        score: Score | None = None
        for item in trial(lm, context.task, _manual(lm, prompt, context), rows, memory or Nothing()):
            score = item
            if item is None:
                yield {}
        assert score is not None
        found.append({"prompt": prompt, "nll": score.nll, "accuracy": score.accuracy, "rows": len(rows)})
        yield {"prompts": list(found), "best": min(range(len(found)), key=lambda i: (found[i]["nll"], i))}


def best_prompt(lm: FrozenLM, value: str, context: Context) -> "Making":
    """``prompts:LINES``, one manual prompt a line: the one with the lowest NLL on the validation rows. It is judged like any other.

    Raises:
        SpecError: no prompt, or too many; DataError: no rows to choose by.
    """
    prompts = list(dict.fromkeys(line.strip() for line in value.splitlines() if line.strip()))
    if not 1 <= len(prompts) <= MOST:
        raise SpecError(f"prompts: holds {len(prompts)} prompts, expected 1 to {MOST}, one a line.", "Write one prompt a line.")
    result: dict[str, Any] = {}
    for found in scored(lm, prompts, context, context.store):
        result = found or result
        yield
    best = result["prompts"][result["best"]]
    made = _manual(lm, best["prompt"], context)
    spoken = f"your best manual prompt of {len(prompts)}" if len(prompts) > 1 else "your manual prompt"
    declared = context.declared.get(f"prompts:{value}", frozenset())
    rows = frozenset(e.key for e in (context.validation or context.train))
    return replace(made, name="best-prompt", spoken=spoken, text=best["prompt"], seen=rows | declared, made={"tried": result["prompts"], **best})


def _manual(lm: FrozenLM, prompt: str, context: Context) -> Contestant:
    return text(lm, f"prompt:{prompt}", "manual", f"the prompt {prompt!r}", prompt, context, {})
