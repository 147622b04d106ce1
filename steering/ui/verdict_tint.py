"""Slow questions of the playground: where in an answer the prompt acts, how far its strength may go, and saving it at a strength. One at a time."""

from typing import Any

import gradio as gr

from steering.errors import NotFoundError, SpecError
from steering.studio import Studio
from steering.ui import text
from steering.ui.verdict_names import spoken
from steering.ui.verdict_play import STRONGEST, number, saved_name, zone_line

FULL = 4.0
"""Nats from which a token has the full tint: it became e^4 = 55 times as likely."""


def ask_tint(studio: Studio, run: str, given: str) -> list[Any]:
    """Enqueue a look at the learned prompt's answer: request, timer, tint. ``given``: id of the playground's last question.

    Raises:
        NotFoundError: nothing was asked yet, or the answer is no longer kept; SpecError: it is not finished.
    """
    if not given:
        raise NotFoundError("there is no answer yet to look into.", "Press Compare answers first.")
    asked = studio.store.request(given)
    outs = (asked.result or {}).get("outputs", [])
    if asked.state != "done" or not outs:
        raise SpecError("the answers are not finished.", "Wait for them, then look again.")
    spec, payload = studio.store.run(run).spec, asked.payload
    forms = payload["contestants"]
    learned = [one for one in forms if one.startswith(("run:", "strength:", "saved:"))]
    written = [one for one in forms if one.startswith("prompt:")]
    at = forms.index((learned or written or forms)[-1])
    chosen = {"contestants": [*learned, *written] or forms, "answer": outs[at].get("text", "")}
    kept = {key: payload[key] for key in ("task", "values", "train")}
    request = studio.store.add_request("tint", chosen | kept | {"model": spec.model})
    return [f"tint {request}", gr.Timer(active=True), text.empty("Scoring the answer token by token...")]


def ask_zones(studio: Studio, run: str) -> list[Any]:
    """Enqueue the measuring of the zones: request, timer, note."""
    return [f"zones {studio.views.ask_zones(_name(studio, run))}", gr.Timer(active=True), text.empty("Measuring on neutral sentences...")]


def ask_save(studio: Studio, run: str, strength: Any) -> list[Any]:
    """Enqueue saving the prompt at a strength: request, timer, note."""
    value = number(strength, "the strength", 0, STRONGEST)
    request = studio.views.ask_strength(_name(studio, run), value)
    return [f"save {request}", gr.Timer(active=True), text.empty("Scoring it on the held-out rows, then saving...")]


def _name(studio: Studio, run: str) -> str:
    name = saved_name(studio, run) if run else ""
    if not name:
        raise NotFoundError("this run left no saved prompt.", "Open a run that is done.")
    return name


def tick(studio: Studio, run: str, waiting: str, strength: Any) -> list[Any]:
    """How far the slow question is: request, timer, zone, measure button, note, tint."""
    kind, _, request = waiting.partition(" ")
    try:
        found = studio.store.request(request)
    except NotFoundError as error:
        return _ended(note=text.problem(error))
    if found.state == "failed":
        why = found.error or {}
        return _ended(note=text.notice(why.get("message", ""), why.get("hint", "")))
    if found.state != "done":
        return [gr.skip()] * 6
    result = found.result or {}
    if kind == "tint":
        return _ended(tint=tinted(result))
    if kind == "zones":
        return _ended(zone=zone_line(studio, run, strength), measure=gr.update(visible=False), note="")
    return _ended(note=text.notice(f"Saved as {result.get('artifact', '')}. {result.get('sentence', '')}", level="note"))


def _ended(zone: Any = None, measure: Any = None, note: Any = None, tint: Any = None) -> list[Any]:
    return ["", gr.Timer(active=False), *(gr.skip() if one is None else one for one in (zone, measure, note, tint))]


def tinted(result: dict[str, Any]) -> str:
    """The answer under every contestant, each token tinted by how much likelier it is than without a prompt; the numbers in a table."""
    tokens, columns = result["tokens"], result["columns"]
    base = columns[0]["log_probs"]
    parts = []
    for column in columns[1:]:
        gaps = [own - plain for own, plain in zip(column["log_probs"], base, strict=True)]
        marks = "".join(_token(*each) for each in zip(tokens, column["log_probs"], base, strict=True))
        total = f"{sum(gaps):+.2f} nats in all"
        head = f"<h4>{text.safe(_said(column['name']))}</h4>"
        parts.append(f'<section class="card">{head}<p class="tokens">{marks}</p><p class="quiet">{total}</p></section>')
    names = [_said(column["name"]) for column in columns]
    heads = ["Token", *(f"{name}: log p" for name in names), *(f"{name}: minus no prompt" for name in names[1:])]
    rows = []
    for at, token in enumerate(tokens):
        own = [f"{column['log_probs'][at]:.2f}" for column in columns]
        rows.append([token, *own, *(f"{column['log_probs'][at] - base[at]:+.2f}" for column in columns[1:])])
    table = text.table(heads, rows, numeric=range(1, len(heads)), caption="Log-probabilities of the answer's tokens, nats")
    line = "Blue, solid: the token became likelier than without any prompt. Orange, dashed: less likely. Full tint: 55 times or more."
    return f'<p class="quiet">{line}</p><div class="answers">{"".join(parts)}</div><details><summary>The numbers</summary>{table}</details>'


def _said(name: str) -> str:
    return "Learned prompt" if name.startswith("saved:") else spoken(name)


def _token(token: str, own: float, plain: float) -> str:
    gap = own - plain
    share = min(1.0, abs(gap) / FULL)
    kind = "up" if gap > 0 else "down"
    title = f"{gap:+.2f} nats: log p {own:.2f}, without a prompt {plain:.2f}"
    return f'<span class="token tint {kind}" style="--share:{share:.2f}" title="{title}">{text.safe(token)}</span>'
