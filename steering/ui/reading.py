"""What the model reads, token by token: asked of the engine after every change, drawn as soon as it has answered."""

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr

from steering.errors import NotFoundError, SteeringError, TemplateError, from_dict
from steering.studio import Studio
from steering.ui import filling, plots, report, text

PARTS = 7
"""What :func:`ask` and :func:`poll` fill: request, timer, reading, lengths, label words, suggested words, their button."""
SHOWN_TOKENS = 120
SHOWN_SLOTS = 12


def ask(studio: Studio, dataset: str, base: str, prompt: str, template: str, words: Any, model: str | None) -> list[Any]:
    """The reading in words at once, and the question to the engine for its tokens."""
    if not dataset:
        return [gr.skip()] * PARTS
    try:
        task = filling.current_task(base, prompt, template, words)
        examples = studio.store.dataset(dataset).examples
        if not examples:
            return ["", gr.Timer(active=False), text.empty("There is no usable row to show."), "", "", "", gr.Button(visible=False)]
        plain = report.reading_of(examples[0].values, examples[0].target, task)
        if task.kind == "classification" and examples[0].target not in task.label_words:
            return ["", gr.Timer(active=False), plain, *[gr.skip()] * 4]  # the words of another dataset, which are just being replaced
        return [studio.ask_reading(dataset, task, model or ""), gr.Timer(active=True), plain, *[gr.skip()] * 4]
    except SteeringError as error:
        return ["", gr.Timer(active=False), text.problem(error), "", "", "", gr.Button(visible=False)]


def chat(studio: Studio, prompt: str | None, template: str | None, model: str | None) -> list[Any]:
    """Prompt and template put into the model's chat format, or taken out of it: error, prompt, template.

    Raises:
        TemplateError: the model has none; EngineError: it is not loaded yet.
    """
    found = studio.wait(studio.ask_chat(model or ""), timeout_s=20.0)
    before, after = found["before"], found["after"]
    prompt, template = prompt or "", template or ""
    if before and prompt.startswith(before) and template.endswith(after):
        return ["", prompt.removeprefix(before), template.removesuffix(after)]
    return ["", before + prompt, template.rstrip() + after]


def poll(studio: Studio, request: str) -> list[Any]:
    """What the engine has answered; the timer stops with the answer."""
    try:
        found = studio.store.request(request) if request else None
    except NotFoundError:
        found = None
    if found is None:
        return ["", gr.Timer(active=False), *[gr.skip()] * 5]
    done = found.state in ("done", "failed")
    head = ["" if done else gr.skip(), gr.Timer(active=not done)]
    if found.state == "failed":
        error = from_dict(found.error or {})
        # A busy engine or a model that is not there yet: the reading in words stays.
        return [*head, text.problem(error) if isinstance(error, TemplateError) else gr.skip(), "", "", "", gr.Button(visible=False)]
    if not found.result:
        return [*head, *[gr.skip()] * 5]
    better = found.result.get("suggested") or {}
    button = gr.Button(f"Use {', '.join(list(better.values())[:4])}", visible=bool(better))
    shown = [strip(found.result), plots.lengths(found.result["lengths"]), words(found.result)]
    return [*head, *shown, json.dumps(better, ensure_ascii=False) if better else "", button]


def use_suggested(table: Any, suggested: str) -> Any:
    """The label words with the suggested ones in place."""
    better = json.loads(suggested or "{}")
    rows = [[row[0], better.get(str(row[0]), row[1])] for row in table or []]
    return gr.Dataframe(value=rows)


def strip(result: dict[str, Any]) -> str:
    """Virtual tokens as boxes, the row's tokens, the graded part: told apart by frame and words, not by colour alone."""
    count = result["virtual_tokens"]
    first, *others = result["rows"]
    legend = (
        f"<p class='quiet'><span class='slot'>v</span> learned, starts as your prompt ({count} vectors)"
        " &nbsp; <span class='token'>a</span> the row through the template &nbsp; <span class='token graded'>a</span> graded</p>"
    )
    more = "".join(f"<p class='tokens'>{_row(row, '')}</p>" for row in others)
    folded = f"<details><summary>{len(others)} more rows</summary>{more}</details>" if more else ""
    cut = (
        f"<p><strong>{result['cut']}</strong> of the measured rows are longer than the model reads and are cut at their end.</p>"
        if result["cut"]
        else ""
    )
    shown = f"<p class='tokens'>{_row(first, _slots(first['prompt']))}</p>"
    return f'<section class="reads" aria-label="What the model reads"><h3>What the model reads</h3>{shown}{legend}{cut}{folded}</section>'


def _row(row: dict[str, Any], slots: str) -> str:
    cut = f"<span class='quiet'>({row['cut']} tokens cut)</span> " if row["cut"] else ""
    graded = "".join(f"<span class='token graded'>{text.safe(piece)}</span>" for piece in row["answer"][:SHOWN_TOKENS])
    return f"{slots}{_tokens(row['input'])} {cut}<span class='visually-hidden'>graded:</span>{graded}"


def _tokens(pieces: Sequence[str]) -> str:
    """The beginning and the end of a long row; a line break also breaks the line."""
    whole = len(pieces) <= SHOWN_TOKENS
    parts: list[str] = [*pieces] if whole else [*pieces[: SHOWN_TOKENS - 30], "", *pieces[-30:]]
    left_out = f"<span class='quiet'> ... {len(pieces) - SHOWN_TOKENS} more ... </span>"
    return "".join(f"<span class='token'>{text.safe(p)}</span>{'<br>' if p.endswith(chr(92) + 'n') else ''}" if p else left_out for p in parts)


def _slots(pieces: Sequence[str]) -> str:
    if not pieces:
        return "<span class='slot'>no prompt</span>"
    boxes = [f"<span class='slot' title='starts as {text.safe(piece)}'>v{i + 1}</span>" for i, piece in enumerate(pieces)]
    if len(boxes) > SHOWN_SLOTS:
        boxes = [*boxes[: SHOWN_SLOTS - 3], "<span class='quiet'>...</span>", *boxes[-2:]]
    return "".join(boxes)


def words(result: dict[str, Any]) -> str:
    """How the label words stand: their tokens, and how likely the model writes them today."""
    if not result["words"]:
        return ""
    rows = [[w["label"], w["word"], " | ".join(w["tokens"]), _share(w["share"])] for w in result["words"]]
    heads = ["In the file", "Label word", "Tokens", "The model writes it today"]
    notes = "".join(text.notice(note, level="note") for note in result["notes"])
    return notes + text.table(heads, rows, caption="Label words as the model has them; the last column is a mean over a few rows under your prompt")


def _share(value: float | None) -> str:
    if value is None:
        return "..."
    return "below 0.01 %" if value < 1e-4 else f"{100 * value:.2g} %"
