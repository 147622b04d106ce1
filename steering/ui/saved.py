"""Station 5, Saved: prompts on disk; use, download, copy the code, delete."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering import artifact
from steering.artifact import Card, Listed
from steering.errors import NotFoundError
from steering.methods import METHODS
from steering.studio import Studio
from steering.ui import text, verdict_play, widgets
from steering.ui.downloads import offered
from steering.ui.snippet import snippet


def draw() -> SimpleNamespace:
    """The station's controls."""
    ui = SimpleNamespace()
    gr.HTML(text.heading("Saved", "Every finished run leaves one small file that loads elsewhere."))
    ui.error = gr.HTML("", elem_id="saved-error")
    ui.cards = widgets.listing("saved-cards", text.empty("Nothing saved yet."))
    with gr.Column(visible=False) as ui.panel:
        ui.details = gr.HTML("", elem_id="saved-details")
        with gr.Row():
            ui.typed = gr.Textbox(label="Try it: your text", lines=2, scale=4, elem_id="saved-text")
            ui.use = gr.Button("Use", variant="primary", scale=1, min_width=120, elem_id="saved-use")
        ui.answers = gr.HTML("", elem_id="saved-answers")
        with gr.Row():
            ui.download = gr.DownloadButton("Download", elem_id="saved-download")
            ui.look = gr.Button("Look at its vectors", elem_id="saved-look")
            ui.start = gr.Button("Start a run from it", elem_id="saved-start")
            ui.delete = gr.Button("Delete", elem_id="saved-delete")
        with gr.Row(visible=False) as ui.confirm:
            ui.sure = gr.HTML("", elem_id="saved-sure")
            ui.yes = gr.Button("Delete for good", variant="stop", elem_id="saved-delete-yes")
            ui.no = gr.Button("Keep it", elem_id="saved-delete-no")
        ui.code = gr.Code(
            language="python",
            label="Load it with safetensors and transformers alone",
            interactive=False,
            elem_id="saved-code",
            wrap_lines=True,
            show_line_numbers=False,
        )
    return ui


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`choose` fills, in its order."""
    return [ui.name, ui.error, ui.panel, ui.details, ui.download, ui.code, ui.answers, ui.confirm, ui.use]


def cards(studio: Studio) -> str:
    """All saved prompts; those that do not fit or cannot be read stay, with the reason."""
    found = studio.saved()
    if not found:
        return text.empty("Nothing saved yet: train a sample on station 1.")
    return f'<div class="cards">{"".join(_card(studio, item) for item in found)}</div>'


def _card(studio: Studio, item: Listed) -> str:
    card = item.card
    if card is None:
        return f'<section class="card grey"><h3>{text.safe(item.name)}</h3><p><strong>Damaged:</strong> {text.safe(item.problem)}</p></section>'
    why = studio.fits(card)
    lines = [
        f"<h3>{text.safe(card.title or card.name)}</h3>",
        text.facts([("Method", title(card)), ("Score", score(card)), ("Size", text.size(item.file_bytes))]),
    ]
    lines.append(f'<p class="quiet">{text.safe(card.model)}, {text.safe(text.date(card.created))}</p>')
    if why:
        lines.append(f"<p><strong>Does not fit:</strong> {text.safe(why)}</p>")
    lines.append(text.pick("Open", item.name, card.title or card.name))
    return f'<section class="card{" grey" if why else ""}">{"".join(lines)}</section>'


def title(card: Card) -> str:
    """The method's own title."""
    return METHODS[card.method].title if card.method in METHODS else card.method


def score(card: Card) -> str:
    """What it scored on the held-out rows."""
    scores = card.scores
    if "accuracy" in scores:
        return text.scored(scores["accuracy"], scores.get("accuracy_ci"))
    return f"chrF {scores['chrf']:.0f}" if scores.get("chrf") is not None else "not judged"


def listed(studio: Studio, name: str) -> Listed:
    """One line of the list; ``name`` is client input.

    Raises:
        NotFoundError: no such prompt, or it cannot be read.
    """
    path = artifact.find(studio.folders, str(name))
    return next(item for item in studio.saved() if item.path == path)


def choose(studio: Studio, name: str) -> list[Any]:
    """Details of one saved prompt."""
    item = listed(studio, name)
    if item.card is None:
        raise NotFoundError(f"{name!r} cannot be read: {item.problem}", "Download or export it again.")
    card, why = item.card, studio.fits(item.card)
    return [
        item.name,
        text.notice(f"{card.title or item.name} does not fit: {why}.", "It can be downloaded, but not used here now.", "note") if why else "",
        gr.Column(visible=True),
        details(card),
        download(item.path),
        snippet(card, item.path.name, artifact.read(item.path).tensors),
        "",
        gr.Row(visible=False),
        gr.Button(interactive=not why),
    ]


def details(card: Card) -> str:
    """What a saved prompt is."""
    pairs = [
        ("Method", title(card)),
        ("Model", card.model),
        ("Virtual tokens", card.virtual_tokens),
        ("Best step", card.best_step),
        ("Score", score(card)),
        ("Made", text.date(card.created)),
        ("Model fingerprint", card.fingerprint),
    ]
    verdict_line = f"<p>{text.safe(card.verdict)}</p>" if card.verdict else ""
    start = f'<p class="quiet">Started from: {text.safe(card.task.prompt)}</p>' if card.task.prompt else ""
    return f"<h3>{text.safe(card.title or card.name)}</h3>{verdict_line}{text.facts(pairs)}{start}"


def download(path: Path) -> str:
    """A copy that the page may serve."""
    return offered(path.name, path.read_bytes())


def use(studio: Studio, name: str, typed: str) -> list[str]:
    """Ask a saved prompt, beside no prompt and the manual one: request id, first words, and the id once more where they are all."""
    item = listed(studio, name)
    assert item.card is not None, "only readable prompts can be chosen"
    task = item.card.task
    own = [f"prompt:{task.prompt}"] if task.prompt.strip() else []
    many = ["none", *own, f"saved:{item.name}"]
    return verdict_play.first_answers(studio, studio.ask(many, task, verdict_play.values_of(task, typed), model=item.card.model))


def ask_delete(name: str) -> list[Any]:
    """The question before deleting."""
    return [gr.Row(visible=True), f"<p>Delete <strong>{text.safe(name)}</strong>? This cannot be undone.</p>"]


def delete(studio: Studio, name: str) -> list[Any]:
    """Delete, and the list without it: error, cards, panel, name, confirm."""
    studio.delete_saved(name)
    return [text.notice(f"{name} was deleted.", level="note"), cards(studio), gr.Column(visible=False), "", gr.Row(visible=False)]
