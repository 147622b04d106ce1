"""The wires of station 2: settings and their preview, the estimate, and what can be done with a run."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.studio import Studio
from steering.ui import forecast, form, train
from steering.ui.handlers import POLL, QUIET, go, guarded

TO_FORM = """() => {
  document.querySelector('#train-method')?.scrollIntoView({block: 'center'});
  document.querySelector('#train-method input:checked')?.focus({preventScroll: true});
}"""


TO_RUN = """() => {
  if (!document.querySelector('#train-error .notice')) document.querySelector('#run-status')?.scrollIntoView({block: 'center'});
}"""


def outputs(own: SimpleNamespace) -> list[Any]:
    """What :func:`steering.ui.train.show` fills, in its order."""
    return [own.status, own.chart, own.stop, own.resume, own.verdict, own.more, own.again, own.watch]


def wire(studio: Studio, ui: SimpleNamespace, draws: tuple[Any, list[Any], list[Any]]) -> None:
    """All of them; ``draws``: handler, inputs and outputs that draw the run's part of the page."""
    preview = _wire_settings(studio, ui)
    _wire_estimate(studio, ui)
    _wire_run(studio, ui, draws, preview)


def _wire_settings(studio: Studio, ui: SimpleNamespace) -> tuple[Any, list[Any], list[Any]]:
    """Every change is previewed. Returns handler, inputs and outputs of the preview."""
    own = ui.train
    own.method.change(train.visible_options, own.method, list(own.columns.values()), **QUIET)
    task = [ui.dataset, ui.task, ui.data.prompt, ui.data.template, ui.data.words]
    given = [own.mark, *task, own.method, own.name, own.model, own.inputs, *own.knobs]
    shown = [own.error, own.preview, own.start, own.settings, own.mark, own.forecast, own.timer, own.expert, own.effort, own.beside]
    previews = guarded(lambda mark, *values: train.preview(studio, mark, *values) if values[0] else [gr.skip()] * len(shown), len(shown))
    changes = [own.method.change, ui.station.change, ui.dataset.change, own.name.blur, own.model.blur, *(knob.change for knob in own.knobs)]
    preview = (previews, given, shown)
    gr.on(changes, *preview, trigger_mode="always_last", **QUIET)
    # Fields in the folded accordion are not on the page, and say nothing when they are filled: hence the preview afterwards.
    filled = own.effort.input(guarded(form.effort_values, len(form.EFFORT_AT)), own.effort, [own.knobs[at] for at in form.EFFORT_AT], **QUIET)
    filled.then(*preview, **QUIET)
    takes = guarded(lambda path: train.take_inputs(studio, path), 2)
    taken = own.inputs_file.change(takes, own.inputs_file, [own.inputs_note, own.inputs], trigger_mode="always_last", **QUIET)
    taken.then(*preview, **QUIET)
    return preview


def _wire_estimate(studio: Studio, ui: SimpleNamespace) -> None:
    own = ui.train
    asks = guarded(lambda settings: forecast.ask(studio, settings), 3, 1)
    own.estimate.click(asks, own.settings, [own.mark, own.forecast, own.timer], **QUIET)
    ticks = guarded(lambda *given: forecast.tick(studio, *given), 4, 1)
    own.timer.tick(ticks, [own.settings, own.mark, ui.station], [own.mark, own.forecast, own.start, own.timer], **POLL)


def _wire_run(studio: Studio, ui: SimpleNamespace, draws: tuple[Any, list[Any], list[Any]], preview: tuple[Any, list[Any], list[Any]]) -> None:
    """Start, stop, continue, go on, start another; what was pressed is seen at once and not at the timer's next look."""
    own = ui.train
    given = preview[1][1:]
    starts = guarded(lambda *values: ["", studio.start(train.plan(studio, *values))], 2)
    own.start.click(starts, given, [own.error, ui.run], api_visibility="private").then(*draws, **POLL).then(None, None, None, js=TO_RUN, **QUIET)
    for button, act in ((own.stop, train.stop), (own.resume, train.resume), (own.more, train.train_on)):
        button.click(guarded(lambda run, act=act: act(studio, run), 1), ui.run, own.error, **QUIET).then(*draws, **POLL)
    own.verdict.click(lambda: go("verdict"), None, [ui.station, ui.tabs], **QUIET)
    filled = [own.method, own.model, *(own.knobs[at] for at in form.TRANSFER_AT), ui.station, ui.tabs]
    for button, name, error, begins in (
        (own.again, ui.run, own.error, train.start_again),
        (ui.saved.start, ui.name, ui.saved.error, form.start_from),
    ):
        handler = guarded(lambda name, begins=begins: [*begins(studio, name), *go("train")], 1 + len(filled))
        begun = button.click(handler, name, [error, *filled], **QUIET)
        begun.then(*preview, **QUIET).then(None, None, None, js=TO_FORM, **QUIET)
