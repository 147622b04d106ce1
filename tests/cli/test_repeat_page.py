"""A report made on the page carries the command that repeats it, and the command says equal, or where not."""

import contextlib
import io
import json
import shlex
from pathlib import Path

import pytest
import tiny

from steering.cli import main
from steering.engine.worker import Worker
from steering.spec import Recipe
from steering.studio import Studio
from steering.ui import verdict


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A home with a run of two seeds, two pinned rows and a further judgement."""
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("repeat")
    model = str(tiny.save(folder / "model"))
    studio = Studio.open(folder / "home")
    upload = studio.data.upload("films.csv", tiny.rows())
    for side in ("validation", "test"):
        studio.store.pin("films.csv", next(row.key for row in upload.prepared.examples if row.side == side))
    recipe = Recipe(steps=4, batch_size=4, evaluate_every=2, learning_rate=0.1, folds=0)
    run = studio.start(studio.plan(upload.digest, upload.task, name="films", model=model, recipe=recipe, seeds=2))
    worker = Worker(studio.store, studio.folders)
    while worker.turn():
        pass
    prompt = f"prompt:{upload.task.prompt}"
    studio.contests.ask(run, ["none", prompt, "few-shot:2", "majority", f"run:{run}"], primary=(f"run:{run}", prompt), margin=5.0)
    while worker.turn():
        pass
    return folder, studio, run


def repeated(folder: Path, report: dict) -> tuple[int, dict]:
    (folder / "verdict.json").write_text(json.dumps(report))
    words = shlex.split(report["command"])
    assert words[:5] == ["python", "-m", "steering", "repeat", "verdict.json"] and words[5:] == ["--home", str(folder / "home")]
    out = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = main([*words[3:], "--json"])
    return code, json.loads(out.getvalue().splitlines()[-1])


@pytest.mark.parametrize("which", ["own", ""])
def test_both_kinds_of_judgement_repeat_equal_from_their_report(place, which):
    folder, studio, run = place
    report = json.loads(Path(verdict.report(studio, run, which, "json")).read_text("utf-8"))
    assert len(report["result"]["pins"]) == 2 == len(report["request"]["pinned"])
    kept = len(studio.contests.judgements(run))
    code, told = repeated(folder, report)
    assert (code, told["equal"], told["differences"]) == (0, True, [])
    assert len(studio.contests.judgements(run)) == kept, "a repetition is not kept"
    report["result"]["contestants"][0]["nll"] += 0.5
    report["result"]["pins"][0]["answers"][0] = "odd"
    code, told = repeated(folder, report)
    assert code == 3 and [one["where"] for one in told["differences"]] == ["contestants[none].nll", "pins[0].answers[0]"]


def test_the_page_of_the_report_says_the_command(place):
    folder, studio, run = place
    page = Path(verdict.report(studio, run, "", "html")).read_text("utf-8")
    assert f"python -m steering repeat verdict.json --home {folder / 'home'}" in page


def test_what_cannot_be_repeated_is_a_sentence(place, tmp_path):
    folder, studio, run = place
    report = json.loads(Path(verdict.report(studio, run, "", "json")).read_text("utf-8"))

    def said(changed: dict) -> str:
        code, told = repeated(folder, report | changed)
        assert code == 2, told
        return f"{told['error']['message']} {told['error']['hint']}"

    assert "there is no run 'gone' here" in said({"request": report["request"] | {"run": "gone"}})
    for odd in (None, {}, {"run": 3}, report["request"] | {"contestants": "none"}, report["request"] | {"pinned": [1]}):
        assert said({"request": odd}) == "the report does not say which judgement it is of. Download it again on station 3."
