"""The page: header, stations, and the wires between controls and handlers. ``build(studio).launch(...)``."""

import os
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.studio import Studio
from steering.ui import data, filling, live, runs, saved, train, vectors, verdict, widgets, wire_data, wire_train, wire_vectors, wire_verdict
from steering.ui.handlers import POLL, QUIET, go, guarded

TITLES = {"data": "1 Data", "train": "2 Train", "verdict": "3 Verdict", "vectors": "4 Vectors", "saved": "5 Saved", "runs": "Runs"}
TO_ADDRESS = (
    "(v) => {{ const u = new URL(location); v ? u.searchParams.set('{0}', v) : u.searchParams.delete('{0}'); history.replaceState({{}}, '', u); }}"
)
LIVE_LINE = '<div class="visually-hidden" role="status" aria-live="polite">${value}</div>'


def build(studio: Studio) -> Any:
    """The whole page over one studio."""
    demo = gr.Blocks(title="Prompt Steering Studio", delete_cache=(3600, 86400))
    with demo:
        ui = _draw(studio)
        wire_data.wire(studio, ui)
        wire_verdict.wire(studio, ui, demo)
        wire_vectors.wire(studio, ui)
        _wire_saved(studio, ui)
        draws = _wire_pulse(studio, ui)
        wire_train.wire(studio, ui, draws)
        _wire_page(studio, ui, demo, draws)
    demo.queue(max_size=64, default_concurrency_limit=8, api_open=False)
    return demo


def _draw(studio: Studio) -> SimpleNamespace:
    """Header, hidden values, stations."""
    ui = SimpleNamespace(tab={})
    with gr.Row(elem_id="page-head"):
        gr.HTML("<h1>Prompt Steering Studio</h1>")
        ui.engine = gr.HTML(train.engine_line({}), elem_id="engine")
        ui.toggle = gr.Button("Light or dark", size="sm", scale=0, min_width=120, elem_id="theme-toggle")
    ui.live = gr.HTML("", html_template=LIVE_LINE, elem_id="live-status")
    for name in (
        "run",
        "seen",
        "dataset",
        "task",
        "source",
        "play",
        "use",
        "look",
        "name",
        "judged",
        "pulse_run",
        "pulse_answers",
        "pulse_view",
        "settings",
        "mark",
        "inputs",
        "contest",
        "slow",
        "told_play",
        "told_use",
    ):
        setattr(ui, name, widgets.hidden(f"value-{name}"))
    ui.station = widgets.hidden("value-station", "data")
    ui.kept = gr.BrowserState("", storage_key="prompt-steering-run", secret="not-a-secret")
    # A page that polls more often takes time from the training on a small machine; answers have a quick timer while somebody waits.
    ui.timer, ui.quick = gr.Timer(3.5 if os.environ.get("SPACE_ID") else 2.5), gr.Timer(0.3, active=False)
    ui.measuring = gr.Timer(1.0, active=False)  # the estimate's: it runs only while one is to be asked for or awaited
    draws: dict[str, Callable[[], SimpleNamespace]] = {
        "data": lambda: data.draw(studio),
        "train": train.draw,
        "verdict": verdict.draw,
        "vectors": vectors.draw,
        "saved": saved.draw,
        "runs": runs.draw,
    }
    for name, seconds in ("contesting", 0.7), ("slowly", 0.4), ("deepening", 2.0), ("pinning", 0.5), ("composing", 0.5), ("tasking", 0.5):
        setattr(ui, name, gr.Timer(seconds, active=False))
    with gr.Tabs(elem_id="stations") as ui.tabs:
        for name, title in TITLES.items():
            with gr.Tab(title, id=name, elem_id=f"station-{name}") as ui.tab[name]:
                setattr(ui, name, draws[name]())
    ui.sets, ui.keeping = ui.data.sets, ui.data.keeping
    ui.data.dataset, ui.data.task, ui.data.source = ui.dataset, ui.task, ui.source
    ui.train.settings, ui.train.mark, ui.train.timer, ui.train.inputs = ui.settings, ui.mark, ui.measuring, ui.inputs
    ui.vectors.request, ui.saved.name = ui.look, ui.name
    return ui


def _wire_saved(studio: Studio, ui: SimpleNamespace) -> None:
    own, filled = ui.saved, saved.outputs(ui.saved)

    def choose(event: gr.EventData) -> Any:
        return guarded(lambda: saved.choose(studio, str(event.id)), len(filled), 1)()

    own.cards.pick(choose, None, filled, **QUIET)
    uses = guarded(lambda name, typed: saved.use(studio, name, typed), 3, 1)
    gr.on([own.use.click, own.typed.submit], uses, [ui.name, own.typed], [ui.use, own.answers, ui.told_use], **QUIET)
    own.delete.click(saved.ask_delete, ui.name, [own.confirm, own.sure], **QUIET)
    own.no.click(lambda: gr.Row(visible=False), None, own.confirm, **QUIET)
    deletes = guarded(lambda name: saved.delete(studio, name), 5)
    own.yes.click(deletes, ui.name, [own.error, own.cards, own.panel, ui.name, own.confirm], **QUIET)
    looks = guarded(lambda name: [*go("vectors"), vectors.choices(studio, name)], 3, 2)
    own.look.click(looks, ui.name, [ui.station, ui.tabs, ui.vectors.prompt], **QUIET)


def _wire_page(studio: Studio, ui: SimpleNamespace, demo: Any, draws: tuple[Any, list[Any], list[Any]]) -> None:
    for name, tab in ui.tab.items():
        tab.select(None, None, ui.station, js=f"() => '{name}'", **QUIET)
    ui.station.change(None, ui.station, None, js=TO_ADDRESS.format("station"), **QUIET)
    ui.run.change(None, ui.run, None, js=TO_ADDRESS.format("run"), **QUIET)
    ui.run.change(lambda run: run, ui.run, ui.kept, **POLL)
    ui.toggle.click(None, None, None, js="() => { document.body.classList.toggle('dark'); }", **QUIET)
    enters = partial(live.enter, studio)
    entered = [ui.saved.cards, ui.runs.cards, ui.vectors.prompt, ui.vectors.offered]
    ui.station.change(enters, [ui.station, ui.run, ui.vectors.prompt, ui.vectors.offered], entered, **POLL)

    def open_run(event: gr.EventData) -> list[Any]:
        found = live.find(studio, str(event.id))
        if found is None:
            return [gr.skip()] * 3
        return [found.id, *go("verdict" if found.state == "done" else "train")]

    restore = guarded(lambda run: filling.restore(studio, run), filling.PARTS)
    opened = ui.runs.cards.pick(open_run, None, [ui.run, ui.station, ui.tabs], **QUIET)
    opened.then(restore, ui.run, data.outputs(ui.data), **QUIET)

    looked = [ui.vectors.prompt, ui.vectors.view, ui.vectors.slot, ui.vectors.offered]

    def arrive(kept: Any, request: gr.Request) -> list[Any]:
        params = dict(request.query_params)
        return [*live.arrive(studio, params, kept), *wire_vectors.arrive(studio, params)]

    demo.load(arrive, ui.kept, [ui.run, ui.station, ui.tabs, *looked], **QUIET).then(*draws, **POLL).then(
        restore, ui.run, data.outputs(ui.data), **QUIET
    )


def _wire_pulse(studio: Studio, ui: SimpleNamespace) -> tuple[Any, list[Any], list[Any]]:
    """The timer fills three marks; what follows from each is drawn by its change. Returns handler, inputs and outputs of the run's part."""
    pulses = guarded(lambda *given: live.pulse(studio, *given), 1)
    ui.timer.tick(pulses, [ui.run, ui.seen, ui.station], ui.pulse_run, **POLL)
    asked = [ui.play, ui.told_play, ui.use, ui.told_use, ui.look]
    gr.on([value.change for value in asked], lambda *given: gr.Timer(active=live.awaited(*given)), asked, ui.quick, **POLL)
    waits = guarded(lambda *given: live.waiting(studio, *given), 2)
    ui.quick.tick(waits, asked, [ui.pulse_answers, ui.pulse_view], **POLL)
    drawn = [ui.seen, ui.engine, ui.runs.cards, ui.measuring, ui.live, *wire_train.outputs(ui.train), ui.judged, ui.tabs, ui.station]
    draws = guarded(lambda *given: live.draw(studio, *given), len(drawn), 5)
    ui.pulse_run.change(draws, [ui.run, ui.seen, ui.station], drawn, **POLL)
    judges = guarded(lambda run: live.judged(studio, run), live.VERDICT_PARTS)
    ui.judged.change(judges, ui.run, verdict.outputs(ui.verdict), **POLL)
    answers = [ui.verdict.play.answers, ui.told_play, ui.saved.answers, ui.told_use]
    ui.pulse_answers.change(guarded(lambda *given: live.answers(studio, *given), 4), [ui.play, ui.use], answers, **POLL)
    views = guarded(lambda *given: vectors.poll(studio, *given), vectors.PARTS, 1)
    ui.pulse_view.change(views, [ui.look, *vectors.inputs(ui.vectors)], vectors.outputs(ui.vectors), **POLL)
    return draws, [ui.run, ui.seen, ui.station], drawn
