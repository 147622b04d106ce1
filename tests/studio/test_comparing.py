"""Comparisons as the page asks for them: enqueued, answered by a worker, kept with the rows they are about."""

from pathlib import Path

import pytest
import tiny
import torch

from steering.engine.worker import Worker
from steering.errors import NotFoundError, SpecError
from steering.spec import TaskSpec
from steering.store import Store
from steering.studio import Studio
from steering.studio.comparing import KINDS, ask, ask_together, latest

TASK = TaskSpec(kind="classification", template="{text} label", prompt="the film", label_words={"pos": "good", "neg": "bad"})


def test_what_was_found_outlives_the_request_and_goes_with_its_rows(home: Path) -> None:
    torch.set_num_threads(1)
    studio = Studio.open(home)
    rows = studio.data.upload("films.csv", tiny.rows()).digest
    assert latest(studio.store, rows) is None
    request = ask(studio.store, "compare", TASK, {"contestants": ["none", "prompt:the film"], "rows": rows, "train": ""})
    worker = Worker(studio.store, studio.folders, load=lambda name: tiny.build())
    while worker.turn():
        pass
    answer = studio.store.request(request)
    assert answer.state == "done", answer.error
    found = latest(studio.store, rows)
    assert found is not None and found["kind"] == "compare" and found["payload"]["rows"] == rows
    assert answer.result == found["result"] | {"finding": found["id"]} and found["result"]["n"] == 60
    other = ask_together(studio.store, [("none", TASK, {"text": "a film"})])
    while worker.turn():
        pass
    assert studio.store.request(other).result["outputs"][0]["name"] == "none"
    studio.data.delete(rows)
    assert latest(studio.store, rows) is None
    with pytest.raises(NotFoundError, match="this comparison is no longer here"):
        studio.store.finding(found["id"])


def test_slips_of_the_pen_are_refused_at_once(home: Path) -> None:
    store = Store(home)
    for kind, payload, said in (
        ("race", {}, f"'race' is no comparison. Choose one of: {', '.join(KINDS)}."),
        ("compare", {"contestants": ["lor"]}, "contestant 'lor' is not known."),
        ("compare", {"contestants": ["none", "lora"], "gate": ["lora>none"]}, ""),
        ("compare", {"contestants": ["none"], "gate": ["lora>none"]}, "--gate 'lora>none' does not begin with a contestant."),
    ):
        if said:
            with pytest.raises(SpecError) as caught:
                ask(store, kind, TASK, payload)
            assert str(caught.value).startswith(said)
        else:
            ask(store, kind, TASK, payload)
