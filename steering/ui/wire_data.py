"""The wires of station 1: file, sample, paste, kept datasets, and the reading by the model."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.studio import Studio
from steering.ui import data, datasets, filling, labelling, near, reading
from steering.ui.handlers import POLL, QUIET, go, guarded


def wire(studio: Studio, ui: SimpleNamespace) -> None:
    """All of them."""
    _wire_data(studio, ui)
    _wire_datasets(studio, ui)
    _wire_near(studio, ui)
    _wire_reading(studio, ui)
    _wire_labelling(studio, ui)


def _wire_data(studio: Studio, ui: SimpleNamespace) -> None:
    own, filled = ui.data, data.outputs(ui.data)
    for name, tile in own.tiles.items():
        starts = guarded(lambda name=name: ["", studio.start_sample(name), *go("train")], 4)
        begun = tile.click(starts, None, [own.error, ui.run, ui.station, ui.tabs], api_visibility="private")
        begun.success(guarded(lambda name=name: filling.load_sample(studio, name), filling.PARTS), None, filled, **QUIET)
    own.mine.click(None, None, None, js="() => document.querySelector('#data-file input[type=file], #data-file button')?.click()", **QUIET)
    read = own.file.upload(guarded(lambda path: filling.load_file(studio, path), filling.PARTS), own.file, filled, api_visibility="private")
    read.then(lambda: None, None, own.file, **QUIET)  # read or refused: the next file can be dropped at once
    _wire_again(studio, ui)
    own.go.click(lambda: go("train"), None, [ui.station, ui.tabs], **QUIET)


def _wire_again(studio: Studio, ui: SimpleNamespace) -> None:
    """Everything that reads the same file in another way; what was typed comes along and stays as far as it fits."""
    own, filled = ui.data, data.outputs(ui.data)
    typed = [ui.task, ui.source, own.prompt, own.template, own.words]
    named = ("text_column", "label_column", "kind", "group_column", "split_column", "header", "encoding", "delimiter", "sheet")
    for name in named:
        control = getattr(own, name)
        event = control.submit if name in ("encoding", "delimiter", "sheet") else control.input

        def read(dataset: str, value: Any, *rest: Any, name: str = name) -> list[Any]:
            changes = {name: value} | ({"join": ()} if name == "text_column" else {})
            return list(guarded(lambda: filling.read_again(studio, dataset, changes, *rest), filling.PARTS)())

        event(read, [ui.dataset, control, *typed], filled, **QUIET)

    def picked(dataset: str, task: str, source: str, prompt: str, template: str, words: Any, event: gr.EventData) -> list[Any]:
        if event.id == near.NEAR:  # has wires of its own
            return [gr.skip()] * filling.PARTS
        return list(guarded(lambda: filling.picked(studio, str(event.id), dataset, task, source, prompt, template, words), filling.PARTS)())

    own.report.pick(picked, [ui.dataset, *typed], filled, **QUIET)
    for side, file in own.own.items():
        handler = guarded(lambda path, *given, side=side: filling.load_own(studio, path, side, *given), filling.PARTS)
        file.upload(handler, [file, ui.dataset, *typed], filled, api_visibility="private").then(lambda: None, None, file, **QUIET)


def _wire_near(studio: Studio, ui: SimpleNamespace) -> None:
    own = ui.data
    parts = [own.near, own.near_timer]
    ui.dataset.change(guarded(lambda dataset: near.begin(studio, dataset), 2), ui.dataset, parts, **QUIET)

    def picked(dataset: str, event: gr.EventData) -> list[Any]:
        return list(guarded(lambda: near.picked(studio, str(event.id), dataset), 2)())

    own.report.pick(picked, ui.dataset, parts, **QUIET)
    own.near_timer.tick(guarded(lambda dataset: near.poll(studio, dataset), near.PARTS), ui.dataset, [*parts, own.near_found], **POLL)
    takes = guarded(lambda found, dataset: near.take(studio, found, dataset), 4)
    own.near_found.change(takes, [own.near_found, ui.dataset], [*parts, ui.dataset, own.report], **QUIET)


def _wire_datasets(studio: Studio, ui: SimpleNamespace) -> None:
    own, sets, keeping, filled = ui.data, ui.sets, ui.keeping, data.outputs(ui.data)
    sets.read.click(guarded(lambda written: datasets.paste(studio, written), filling.PARTS), sets.pasted, filled, api_visibility="private")

    def choose(event: gr.EventData) -> Any:
        return guarded(lambda: datasets.open_again(studio, str(event.id)), filling.PARTS)()

    sets.cards.pick(choose, None, filled, **QUIET)
    ui.dataset.change(lambda digest: [datasets.cards(studio), datasets.name_of(studio, digest)], ui.dataset, [sets.cards, keeping.name], **QUIET)
    renames = guarded(lambda digest, name: datasets.rename(studio, digest, name), 2)
    gr.on([keeping.rename.click, keeping.name.submit], renames, [ui.dataset, keeping.name], [own.error, sets.cards], **QUIET)
    asks = guarded(lambda digest: ["", *datasets.ask_delete(studio, digest)], 3)
    keeping.delete.click(asks, ui.dataset, [own.error, keeping.confirm, keeping.sure], **QUIET)
    keeping.no.click(lambda: gr.Row(visible=False), None, keeping.confirm, **QUIET)
    deletes = guarded(lambda digest: datasets.delete(studio, digest), 6)
    keeping.yes.click(deletes, ui.dataset, [own.error, sets.cards, ui.dataset, own.details, own.go, keeping.confirm], **QUIET)


def _wire_reading(studio: Studio, ui: SimpleNamespace) -> None:
    own = ui.data
    parts = [own.reading, own.reading_timer, own.reads, own.lengths, own.word_notes, own.suggested, own.better]
    asks = guarded(lambda *given: reading.ask(studio, *given), reading.PARTS, 2)
    given = [ui.dataset, ui.task, own.prompt, own.template, own.words, ui.train.model]
    changes = [ui.dataset.change, own.prompt.change, own.template.change, own.words.input, ui.train.model.blur]
    gr.on(changes, asks, given, parts, trigger_mode="always_last", **QUIET)
    used = own.better.click(guarded(reading.use_suggested, 1), [own.words, own.suggested], own.words, **QUIET)
    used.then(asks, given, parts, **QUIET)
    chats = guarded(lambda *typed: reading.chat(studio, *typed), 3)
    own.chat.click(chats, [own.prompt, own.template, ui.train.model], [own.error, own.prompt, own.template], **QUIET)
    polls = guarded(lambda request: reading.poll(studio, request), reading.PARTS, 2)
    own.reading_timer.tick(polls, own.reading, parts, **POLL)


def _wire_labelling(studio: Studio, ui: SimpleNamespace) -> None:
    own, label = ui.data, ui.data.label
    parts = labelling.outputs(label, own)
    given = [own.labelled, label.column, label.names, label.prompt, own.certainty]
    begins = guarded(lambda path, names: labelling.begin(studio, path, names), labelling.PARTS)
    label.file.upload(begins, [label.file, label.names], parts, api_visibility="private").then(lambda: None, None, label.file, **QUIET)

    def acts(sheet: str, column: str, names: str, prompt: str, request: str, event: gr.EventData) -> list[Any]:
        handler = guarded(lambda: labelling.act(studio, str(event.id), sheet, column, names, prompt, request), labelling.PARTS)
        return list(handler())

    label.row.pick(acts, given, parts, trigger_mode="multiple", **QUIET)
    again = guarded(lambda sheet, *rest: labelling.act(studio, "", sheet, *rest) if sheet else [gr.skip()] * labelling.PARTS, labelling.PARTS)
    gr.on([label.names.change, label.column.input, label.prompt.blur], again, given, parts, trigger_mode="always_last", **QUIET)
    finishes = guarded(lambda sheet, column: labelling.finish(studio, sheet, column), filling.PARTS)
    label.finish.click(finishes, [own.labelled, label.column], data.outputs(own), **QUIET)
    label.forget.click(guarded(lambda sheet: labelling.forget(studio, sheet), labelling.PARTS), own.labelled, parts, **QUIET)
