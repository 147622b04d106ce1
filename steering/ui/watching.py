"""Watch it learn: the same few validation rows as every look answered them, with a slider over the steps.

Everything travels once, as JSON, and the browser moves through it: no event of the page is spent on the slider. What a row, a label or a model
wrote becomes text there, never markup.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

import gradio as gr

from steering.spec import TaskSpec
from steering.studio import RunView
from steering.ui.verdict_table import input_of

MOST_STEPS = 120
MOST_LABELS = 6
MOST_LETTERS = 400

TEMPLATE = (  # no line breaks between the parts: the page would show them
    '<section class="card watch" aria-label="Watch it learn" hidden><h3>Watch it learn</h3><p class="quiet note"></p>'
    '<div class="steps"><label><span class="at" aria-hidden="true"></span>'
    '<input type="range" min="0" step="1" aria-label="Step of the run"></label>'
    '<button type="button" class="pick newest">Follow the newest</button></div>'
    '<p class="sum"></p><div class="answers rows"></div></section>'
)

WATCH = r"""
const find = name => element.querySelector(name), slider = find('input'), newest = find('.newest');
const part = (tag, name, text) => { const made = document.createElement(tag); made.className = name; made.textContent = text ?? ''; return made; };
let told = null, chosen = null, shape = '', cells = [];  // chosen: a step; null follows the newest
function build(rows) {
  find('.rows').replaceChildren(...(cells = rows.map((row, at) => {
    const box = part('section', 'watched'); box.setAttribute('aria-label', 'Watched row ' + (at + 1));
    const said = part('p', 'said'), text = part('pre', '');
    const bars = row.labels.map((name, i) => {
      const item = part('li', i === row.truth ? 'true' : ''), label = part('span', '', name), bar = part('div', 'bar'), share = part('b', '');
      if (i === row.truth) label.append(' ', part('em', '', 'truth'));
      const fill = part('div', ''); bar.append(fill); bar.setAttribute('aria-hidden', 'true'); item.append(label, bar, share);
      return {item, fill, share};
    });
    const list = part('ul', ''); list.append(...bars.map(one => one.item));
    box.append(part('p', 'input', row.input), part('p', 'quiet', 'Truth: ' + row.target), said, row.labels.length ? list : text);
    return Object.assign(box, {told: {said, text, bars}});
  })));
}
function fill(at) {
  let right = 0;
  told.rows.forEach((row, i) => {
    const {said, text, bars} = cells[i].told, good = row.right[at]; right += good;
    said.textContent = row.labels.length ? 'Answers ' + row.said[at] + (good ? ': right' : ': wrong') : good ? 'Word for word right' : 'Writes:';
    cells[i].classList.toggle('right', !!good); text.textContent = row.said[at];
    bars.forEach((bar, k) => {
      const share = row.shares[at][k]; bar.fill.style.width = Math.round(100 * share) + '%'; bar.share.textContent = Math.round(100 * share) + ' %';
    });
  });
  const step = told.steps[at], where = step === told.best ? ', the best step' : step === 0 ? ', where it started' : '';
  find('.at').textContent = 'Step ' + step; find('.sum').textContent = right + ' of ' + told.rows.length + ' right at step ' + step + where + '.';
  slider.setAttribute('aria-valuetext', 'step ' + step + where + ', ' + right + ' of ' + told.rows.length + ' right');
}
function draw() {
  const now = props.value ? JSON.parse(props.value) : null;
  find('.watch').hidden = !now; if (!now) return;
  if (!told || told.run !== now.run) chosen = null;
  told = now; find('.note').textContent = told.note;
  const key = JSON.stringify([told.run, told.rows.map(row => [row.labels, row.input])]);
  if (key !== shape) { shape = key; build(told.rows); }
  const last = told.steps.length - 1; let at = last;
  if (chosen !== null) told.steps.forEach((step, i) => { if (Math.abs(step - chosen) < Math.abs(told.steps[at] - chosen)) at = i; });
  slider.max = last; slider.value = at; newest.disabled = chosen === null;
  newest.textContent = chosen === null ? 'Following the newest' : 'Follow the newest'; fill(at);
}
slider.addEventListener('input', () => {
  const at = Number(slider.value); chosen = at === told.steps.length - 1 ? null : told.steps[at]; draw();
});
newest.addEventListener('click', () => { chosen = null; draw(); slider.focus(); });
draw(); watch('value', draw);
"""


def draw() -> Any:
    """The card; hidden until there is something to watch."""
    return gr.HTML(None, html_template=TEMPLATE, js_on_load=WATCH, elem_id="run-watch")


def value(view: RunView) -> str:
    """What the card shows, as JSON; empty where nothing is watched."""
    rows = view.started.get("watched") or []
    if not rows or not view.watched:
        return ""
    best = _best(view)
    looks = thinned(view.watched, best)
    task = view.run.spec.task
    answers = [[look["answers"][at] for look in looks] for at in range(len(rows))]
    shown = {
        "run": view.run.id,
        "steps": [look["step"] for look in looks],
        "best": best,
        "note": _note(view, len(rows)),
        "rows": [_row(row, said, task) for row, said in zip(rows, answers, strict=True)],
    }
    return json.dumps(shown, ensure_ascii=False)


def thinned(looks: Sequence[dict[str, Any]], best: int | None) -> list[dict[str, Any]]:
    """At most about ``MOST_STEPS`` looks: every second, fourth, eighth, ... so that a step that was shown mostly stays; first, best and last are
    always there."""
    apart = 1
    while len(looks) > MOST_STEPS * apart:
        apart *= 2
    last = len(looks) - 1
    return [look for at, look in enumerate(looks) if at % apart == 0 or at == last or look["step"] == best]


def _row(row: dict[str, Any], answers: Sequence[dict[str, Any]], task: TaskSpec) -> dict[str, Any]:
    """One watched row: its labels with their shares at every step, or its texts."""
    target = row["target"]
    shown = {"input": input_of(row["values"], task)[:MOST_LETTERS], "target": target[:MOST_LETTERS]}
    names = list(task.label_words)
    if not names or not answers[0]["shares"]:
        texts = [answer["text"] for answer in answers]
        return shown | {"labels": [], "truth": -1, "shares": [], "said": texts, "right": [int(text.strip() == target.strip()) for text in texts]}
    kept = _labels(names, target, [answer["shares"] for answer in answers])
    said = [names[answer["label"]] for answer in answers]
    return shown | {
        "labels": [names[at] for at in kept],
        "truth": next((i for i, at in enumerate(kept) if names[at] == target), -1),
        "shares": [[_share(answer["shares"][at]) for at in kept] for answer in answers],
        "said": said,
        "right": [int(name == target) for name in said],
    }


def _share(value: float) -> float:
    return round(value, 3) if math.isfinite(value) else 0.0


def _labels(names: Sequence[str], target: str, shares: Sequence[Sequence[float]]) -> list[int]:
    """Labels that are drawn, in the order of the task: the true one, and those that come nearest to being the answer at any step."""
    highest = [max(step[at] for step in shares) for at in range(len(names))]
    ranked = sorted(range(len(names)), key=lambda at: (names[at] != target, -highest[at]))
    return sorted(ranked[:MOST_LABELS])


def _best(view: RunView) -> int | None:
    """The best step of what is watched: the first seed, or a fold, which keeps the step that the first seed keeps."""
    ends = view.finished.get("members") or []
    if ends:
        return int(ends[0]["best_step"])
    mine = view.validations if not view.finished.get("member") else view.others.get(0, [])
    return next((int(look["step"]) for look in reversed(mine) if look.get("best")), None)


def _note(view: RunView, rows: int) -> str:
    folds, seeds = view.started.get("folds"), view.run.spec.seeds
    who = f" by seed {view.run.spec.recipe.seed}, the first of {seeds}" if seeds > 1 else ""
    who = f" by the first of {folds} folds, which never learns from them" if folds else who
    return f"The same {rows} validation rows, answered again at every look{who}. Move through the steps with the slider or the arrow keys."
