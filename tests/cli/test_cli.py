"""The command line as a script would use it: keys of the contract, exit codes, words for every mistake, and no traceback anywhere."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import tiny

from steering import artifact
from steering.cli import main
from steering.cli.text import clean
from steering.cli.training import run_result
from steering.spec import RunSpec, TaskSpec
from steering.studio import Studio

ROOT = Path(__file__).parents[2]
TRAIN_KEYS = {
    *("run", "artifact", "method", "model", "virtual_tokens", "trainable_parameters", "file_bytes", "steps", "best_step", "seconds"),
    *("validation", "comparison", "verdict"),
}
CONTESTANT_KEYS = {"name", "kind", "accuracy", "accuracy_ci", "macro_f1", "nll", "ece", "prompt_tokens", "seconds_per_example"}
PAIR_KEYS = {"a", "b", "a_only", "b_only", "difference", "ci", "p_value", "verdict", "sentence"}
VERDICTS = {"win", "lean", "tie", "loss", "small", "unstable", "equivalent"}
FEW = ("--steps", "6", "--batch-size", "4")


def strict(text: str) -> Any:
    """JSON as other languages read it: NaN is none."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def call(*words: object) -> tuple[int, dict[str, Any], str]:
    """Exit code, the object on the last line, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*map(str, words), "--json"])
    assert "Traceback" not in err.getvalue(), err.getvalue()
    return code, strict(out.getvalue().splitlines()[-1]), err.getvalue()


def good(*words: object) -> dict[str, Any]:
    code, result, _ = call(*words)
    assert code == 0, result
    return result


def refused(*words: object) -> tuple[str, str]:
    """Type and whole text of a refusal with exit code 2."""
    code, result, _ = call(*words)
    assert code == 2 and result.keys() == {"error"} and result["error"].keys() == {"type", "message", "hint"}, result
    return result["error"]["type"], f"{result['error']['message']} {result['error']['hint']}"


def process(*words: object) -> "subprocess.Popen[str]":
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error::ResourceWarning"}
    command = [sys.executable, "-m", "steering", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(child: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = child.communicate(timeout=180)
    assert "Traceback" not in err, err
    return child.returncode, out, err


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, a dataset and a home in which one prompt was trained."""
    folder = tmp_path_factory.mktemp("cli")
    tiny.save(folder / "model")
    (folder / "films.csv").write_bytes(tiny.rows())
    (folder / "fresh.csv").write_bytes(tiny.rows(start=60))
    return folder


@pytest.fixture(scope="module")
def trained(place: Path) -> dict[str, Any]:
    words = ("--method", "prompt_tuning", "--model", place / "model", "--name", "My Films", *FEW)
    return good("train", place / "films.csv", *words, "--home", place / "home")


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "films.csv"
    path.write_bytes(tiny.rows())
    return path


# check


def test_check_says_what_is_in_a_file(csv: Path, tmp_path: Path) -> None:
    result = good("check", csv, "--home", tmp_path / "home")
    wanted = {
        "format",
        "encoding",
        "delimiter",
        "rows_read",
        "rows_usable",
        "columns",
        "mapping",
        "task",
        "labels",
        "problems",
        "detectable_gap_points",
    }
    assert wanted <= result.keys()
    assert (result["rows_read"], result["rows_usable"], result["task"], result["delimiter"]) == (60, 60, "classification", ",")
    assert result["mapping"]["text"] == "text" and result["mapping"]["label"] == "label"
    assert result["labels"] == {"pos": 30, "neg": 30}
    for problem in result["problems"]:
        assert {"kind", "severity", "count", "rows", "message", "hint"} <= problem.keys()
        assert problem["severity"] in {"blocking", "warning", "note"}
    assert not (tmp_path / "home").exists(), "check stores nothing"


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        (None, "NotFoundError", "there is no file "),
        (b"", "DataError", "empty"),
        (b"PK\x03\x04" + bytes(200), "DataError", ""),
        (bytes(range(256)) * 20, "DataError", ""),
        (b"only one column\nno labels\nat all here\n", "DataError", ""),
    ],
    ids=["missing", "empty", "zip", "binary", "one column"],
)
def test_check_refuses_what_is_no_dataset(tmp_path: Path, content: bytes | None, kind: str, text: str) -> None:
    path = tmp_path / "bad.csv"
    if content is not None:
        path.write_bytes(content)
    found, words = refused("check", path, "--home", tmp_path / "home")
    assert found == kind and text in words and len(words) > 20, words
    assert not (tmp_path / "home").exists()


def test_check_describes_a_file_without_labels(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("number,text\n" + "".join(f"{i},a message of some length with number {i}\n" for i in range(20)))
    result = good("check", path)
    assert (result["rows_read"], result["rows_usable"], result["left_out"]["unmapped"]) == (20, 0, 20)
    assert result["mapping"]["label"] is None and result["task"] is None
    assert [column["name"] for column in result["column_details"]] == ["number", "text"]
    problem = result["problems"][0]
    assert (problem["kind"], problem["severity"]) == ("no_columns", "blocking")
    assert problem["message"].startswith("no column looks like a label (columns: number, text)") and "--label-column" in problem["hint"]
    assert main(["check", str(path)]) == 0


def test_check_says_what_the_page_says(tmp_path: Path) -> None:
    path = tmp_path / "near.csv"
    rows = [
        f"{'the parcel that I ordered in the first week of the month has not come yet' if i < 2 else f'message {i} of many'}{'!' * i}"
        for i in range(4)
    ]
    path.write_text(
        "title,text,label,customer\n" + "".join(f"Title {i},{rows[i] if i < 4 else f'words {i}'},{'ab'[i % 2]},c{i % 7}\n" for i in range(40))
    )
    result = good("check", path)
    near = next(problem for problem in result["problems"] if problem["kind"] == "near_duplicates")
    assert near["rows"] == [3] and near["fixes"][0]["name"] == "leave_out_near_duplicates"
    assert result["suggestions"]["group_columns"] == ["customer"] and result["suggestions"]["join"] == ["title", "text"]
    assert len(result["column_details"]) == 4 and result["rows_read"] == result["rows_usable"] + sum(result["left_out"].values())


def test_check_refuses_folders_columns_and_endless_names(csv: Path, tmp_path: Path) -> None:
    assert refused("check", tmp_path) == ("DataError", f"{str(tmp_path)!r} cannot be read: Is a directory. Name a file that you may read.")
    kind, words = refused("check", csv, "--text-column", "txt")
    assert kind == "DataError" and "'txt'" in words and "text" in words
    kind, words = refused("check", tmp_path / ("x" * 300))
    assert kind == "DataError" and "cannot be read: File name too long." in words


# The command itself.


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["chekc", "x"], "invalid choice: 'chekc'"),
        ([], "the following arguments are required: verb"),
        (["check"], "the following arguments are required: file"),
        (["check", "x", "--colour"], "unrecognized arguments: --colour"),
        (["train", "x.csv"], "the following arguments are required: --method"),
        (["train", "x.csv", "--method", "magic"], "argument --method: invalid choice: 'magic'"),
        (["train", "x.csv", "--method", "prompt_tuning", "--steps", "many"], "argument --steps: invalid int value: 'many'"),
        (["compare", "x.csv"], "the following arguments are required: --contestant"),
        (["inspect", "x"], "the following arguments are required: --view"),
    ],
)
def test_a_wrong_command_is_refused_as_json(words: list[str], text: str) -> None:
    kind, found = refused(*words)
    assert kind == "InputError" and text in found and "--help" in found


def test_without_json_mistakes_are_plain_text(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["check", str(tmp_path / "gone.csv")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err == f"error: there is no file {str(tmp_path / 'gone.csv')!r}.\n  Check the path.\n"


@pytest.mark.parametrize(
    "verb",
    [
        "",
        "check",
        "train",
        "compare",
        "generate",
        "inspect",
        "export",
        "import",
        "runs",
        "stop",
        "resume",
        "saved",
        "models",
        "demo",
        "app",
        "repeat",
    ],
)
def test_help(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main([verb, "--help"] if verb else ["--help"])
    out, err = capsys.readouterr()
    assert caught.value.code == 0 and f"usage: python -m steering{' ' + verb if verb else ''}" in out and err == ""


def test_starting_it_imports_neither_torch_nor_gradio() -> None:
    code = "import sys, steering.cli; print(sorted({'torch', 'gradio', 'transformers'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_home_that_cannot_be_made(csv: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    code, result, _ = call("runs", "--home", tmp_path / "file")
    assert code == 2 and result["error"]["type"] == "StorageError"
    assert result["error"]["message"] == f"{tmp_path / 'file'} cannot be written: File exists."


def test_control_codes_never_reach_the_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = "".join(f"a film that is {w} {i},\x1b[31m{w}\n" for i in range(20) for w in ("good", "bad"))
    (tmp_path / "evil.csv").write_text("text,label\n" + rows)
    main(["check", str(tmp_path / "evil.csv")])
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert clean("a\x1b[2J\x07b\u202e") == "a\ufffd[2J\ufffdb\ufffd"


# train, to the end


def test_train_gives_every_key_of_the_contract(trained: dict[str, Any], place: Path) -> None:
    assert trained.keys() >= TRAIN_KEYS
    assert (trained["artifact"], trained["method"], trained["model"], trained["state"]) == ("my-films", "prompt_tuning", str(place / "model"), "done")
    path = place / "home" / "saved_prompts" / "my-films.safetensors"
    assert Path(trained["path"]) == path and path.stat().st_size == trained["file_bytes"]
    assert 1 <= trained["steps"] <= 6 and 0 <= trained["best_step"] <= trained["steps"] and 0 < trained["seconds"] < 600
    assert trained["trainable_parameters"] == trained["virtual_tokens"] * 32
    assert trained["validation"].keys() >= {"accuracy", "nll"} and trained["validation"]["nll"] > 0
    comparison = trained["comparison"]
    assert comparison["task"] == "classification" and comparison["n"] == 18
    assert [c["name"] for c in comparison["contestants"]] == ["none", "manual", "few-shot:4", "manual+bias", "learned"]
    assert all(c.keys() >= CONTESTANT_KEYS for c in comparison["contestants"]) and all(p.keys() >= PAIR_KEYS for p in comparison["pairs"])
    assert trained["verdict"]["kind"] in VERDICTS and trained["verdict"]["sentence"]


def test_runs_and_saved_list_it(trained: dict[str, Any], place: Path) -> None:
    (run,) = (r for r in good("runs", "--home", place / "home")["runs"] if r["run"] == trained["run"])
    assert run == {"run": trained["run"], "name": "My Films", "state": "done", "step": trained["steps"], "steps": 6}
    line = next(s for s in good("saved", "--home", place / "home")["saved"] if s["name"] == "my-films")
    assert line["method"] == "prompt_tuning" and line["file_bytes"] == trained["file_bytes"] and line["problem"] == ""
    assert good("resume", trained["run"], "--home", place / "home")["artifact"] == "my-films", "a finished run is finished"
    assert good("stop", trained["run"], "--home", place / "home")["state"] == "done"


def test_inspect(trained: dict[str, Any], place: Path) -> None:
    listed = good("inspect", "--view", "list")["views"]
    assert {"neighbours", "prefix"} <= {v["view"] for v in listed} and all(v["badge"] for v in listed)
    result = good("inspect", "my-films", "--view", "neighbours", "--home", place / "home")
    rows = [row for row in result["result"]["rows"] if "nearest" in row]
    assert result["view"] == "neighbours" and result["badge"] and len(rows) == trained["virtual_tokens"]
    for row in rows:
        assert row.keys() >= {"slot", "init_token", "nearest", "max_cosine", "floor", "drift", "norm", "status"}
        assert all(near.keys() >= {"token", "cosine", "csls", "mutual"} for near in row["nearest"])


@pytest.mark.parametrize("view", ["gain", "ablation", "off_task", "strength", "manual_neighbours"])
def test_inspect_measures_on_rows(view: str, trained: dict[str, Any], place: Path) -> None:
    more = ("--against", "my-films") if view == "strength" else ("--prompt", "Good or bad?") if view == "manual_neighbours" else ()
    rows = ("--rows", place / "films.csv") if view == "gain" else ()
    result = good("inspect", "my-films", "--view", view, "--home", place / "home", *more, *rows)
    assert (result["view"], result["badge"], result["result"]["type"]) == (view, "MEASURED", "stack") and result["result"]["note"]


def test_inspect_refuses_in_words(trained: dict[str, Any], place: Path) -> None:
    home = ("--home", place / "home")
    assert refused("inspect", "my-flims", "--view", "neighbours", *home) == (
        "NotFoundError",
        "there is no saved prompt 'my-flims'. Did you mean 'my-films'?",
    )
    kind, text = refused("inspect", "my-films", "--view", "palmistry", *home)
    assert kind == "SpecError" and text.startswith("view 'palmistry' is not known. Views: neighbours,")
    kind, text = refused("inspect", "turn-messages-into-json", "--view", "map", *home)
    assert kind == "SpecError" and text.startswith("view 'map' does not apply to 'turn-messages-into-json': this view reads a soft prompt; ")
    kind, text = refused("inspect", "my-films", "--view", "strength", "--against", "nobody", *home)
    assert kind == "NotFoundError" and text.startswith("there is no saved prompt 'nobody'.")
    assert refused("inspect", "--view", "neighbours") == ("SpecError", "inspect needs the name of a saved prompt. `saved` lists them.")


def test_compare_judges_every_kind_of_contestant(trained: dict[str, Any], place: Path) -> None:
    specs = ["none", "prompt:Say good or bad.", "few-shot:2", "saved:my-films"]
    words = [word for spec in specs for word in ("--contestant", spec)]
    result = good("compare", place / "fresh.csv", *words, "--train", place / "films.csv", "--home", place / "home")
    assert result["task"] == "classification" and result["n"] == 60
    assert [c["name"] for c in result["contestants"]] == specs
    assert [c["kind"] for c in result["contestants"]] == ["none", "manual", "few_shot", "prompt_tuning"]
    for contestant in result["contestants"]:
        assert contestant.keys() >= CONTESTANT_KEYS
        low, high = contestant["accuracy_ci"]
        assert 0 <= low <= contestant["accuracy"] <= high <= 1
    assert len(result["pairs"]) == 6 and all(p.keys() >= PAIR_KEYS and p["verdict"] in VERDICTS for p in result["pairs"])


def test_options_of_the_method_reach_the_run(place: Path, tmp_path: Path) -> None:
    start = ("train", place / "films.csv", "--model", place / "model", "--steps", "1", "--batch-size", "4", "--home", tmp_path / "home")
    made = good(*start, "--method", "prefix_tuning", "--option", "layers=last 2", "--option", "key-rate=0.5", "--option", "start=labels")
    assert made["path"] and set(artifact.read(Path(made["path"])).tensors) == {"prefix_keys", "prefix_values", "prefix_layers"}
    assert good(*start, "--method", "p_tuning", "--option", "direct=off", "--option", "width=16")["state"] == "done"
    for option, text in (
        (
            "depth=3",
            "--option 'depth=3' is no setting of prefix_tuning. Write NAME=VALUE with one of: virtual_tokens, start, start_from, fixed, layers,",
        ),
        ("layers", "--option 'layers' is no setting of prefix_tuning."),
        ("width=many", "width is 'many', expected int. width: units of that network's hidden layer (default 128)."),
        ("width=1", "width is 1, expected 4 to 2048 units."),
        ("start=nowhere", "start is 'nowhere', expected one of manual, labels, vocabulary, saved, zero."),
        ("layers=last 9", "layers is 'last 9', but this model's layers are 1 to 3. Leave out 9."),
    ):
        assert refused(*start, "--method", "prefix_tuning", "--option", option)[1].startswith(text)


def test_compare_fits_references_on_training_rows(place: Path, tmp_path: Path) -> None:
    words = ("--contestant", "none", "--contestant", "probe", "--contestant", "manual+bias", "--model", place / "model", "--home", tmp_path / "home")
    result = good("compare", place / "fresh.csv", "--train", place / "films.csv", *words)
    assert [(c["name"], c["kind"]) for c in result["contestants"]] == [
        ("none", "none"),
        ("probe", "linear_probe"),
        ("manual+bias", "manual_bias"),
    ]
    kind, text = refused("compare", place / "fresh.csv", *words)
    assert kind == "DataError" and text == "probe needs training rows to be fitted on, and there are 0. Give training rows (--train FILE)."


def test_generate_puts_outputs_side_by_side(trained: dict[str, Any], place: Path) -> None:
    result = good("generate", "--contestant", "none", "--contestant", "saved:my-films", "--input", "the film was good", "--home", place / "home")
    assert [o["name"] for o in result["outputs"]] == ["none", "saved:my-films"]
    assert all(o.keys() >= {"name", "text", "tokens", "seconds"} for o in result["outputs"])
    assert {o["text"] for o in result["outputs"]} <= {"pos", "neg"}
    free = good("generate", "--contestant", "prompt:Go on.", "--input", "the film", "--model", place / "model", "--home", place / "home")
    assert isinstance(free["outputs"][0]["text"], str) and free["outputs"][0]["tokens"] >= 0


def test_results_for_reading(trained: dict[str, Any], place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ["--home", str(place / "home")]
    for words, text in (
        (["check", str(place / "films.csv")], "60 rows read, 60 usable (classification)."),
        (["saved", *home], "name=my-films"),
        (["runs", *home], "state=done"),
        (["resume", trained["run"], *home], f"Saved as my-films ({trained['file_bytes'] / 1000:.0f} kB): "),
        (["compare", str(place / "fresh.csv"), "--contestant", "none", "--contestant", "saved:my-films", *home], "On 60 held-out rows:"),
        (["generate", "--contestant", "saved:my-films", "--input", "good", *home], "saved:my-films: "),
        (["inspect", "my-films", "--view", "neighbours", *home], "neighbours"),
    ):
        assert main(words) == 0
        assert text in capsys.readouterr().out


# train, refused


@pytest.mark.parametrize(
    ("words", "kind", "text"),
    [
        (["--label-words", "pos=same,neg=Same"], "TemplateError", "have the same label word"),
        (["--label-words", "pos"], "SpecError", "--label-words 'pos' is not a list of RAW=WORD. Write --label-words pos=positive,neg=negative."),
        (["--label-words", "pso=good"], "TemplateError", "label words are given for labels that the file does not hold: 'pso'. Labels of the file: "),
        (["--label-words", "pos="], "TemplateError", "the label 'pos' has an empty label word."),
        (["--template", "{txt}\\nLabel:"], "TemplateError", "does not contain {text} (columns: "),
        (["--template", "no field"], "TemplateError", "Write {text} where the text of a row should go."),
        (["--steps", "0"], "SpecError", "steps is 0, expected 1 to 5000. steps: optimiser steps at most"),
        (["--batch-size", "-1"], "SpecError", "batch_size is -1, expected 1 to 256 rows."),
        (["--learning-rate", "nan"], "SpecError", "learning_rate is nan, expected 1e-05 to 2."),
        (["--seed", str(2**40)], "SpecError", f"seed is {2**40}, expected 0 to "),
        (["--virtual-tokens", "0"], "SpecError", "virtual_tokens is 0, expected "),
        (["--label-column", "lable"], "DataError", "'lable'"),
        (["--test", "/nowhere/test.csv"], "NotFoundError", "there is no file '/nowhere/test.csv'. Check the path."),
    ],
)
def test_train_refuses_before_anything_starts(place: Path, tmp_path: Path, words: list[str], kind: str, text: str) -> None:
    home = tmp_path / "home"
    found, said = refused("train", place / "films.csv", "--method", "prompt_tuning", "--model", place / "model", *words, "--home", home)
    assert found == kind and text in said, said
    assert good("runs", "--home", home) == {"runs": []}
    assert not (home / "saved_prompts").exists()


@pytest.mark.parametrize(
    ("words", "kind", "text"),
    [
        (["--model", "nobody/no-such-model"], "ModelError", "model 'nobody/no-such-model' is neither a folder here nor reachable on the model hub ("),
        (["--model", "{place}"], "ModelError", "does not hold a causal language model that transformers can load"),
        (["--prompt", "very long words " * 400], "TemplateError", "512"),
    ],
    ids=["unknown model", "a folder without a model", "prompt too long"],
)
def test_train_refuses_what_only_the_model_can_tell(place: Path, tmp_path: Path, words: list[str], kind: str, text: str) -> None:
    home = tmp_path / "home"
    words = [word.format(place=place) for word in words]
    found, said = refused("train", place / "films.csv", "--method", "prompt_tuning", "--model", place / "model", *words, *FEW, "--home", home)
    assert found == kind and text in said, said
    assert [r["state"] for r in good("runs", "--home", home)["runs"]] == ["failed"]
    assert list((home / "saved_prompts").glob("*")) == [], "nothing half-written"


@pytest.mark.parametrize("rows", ["text,label\na good film,pos\n", "text,label\n" + "a good film,pos\n" * 40], ids=["one row", "one class"])
def test_train_refuses_data_that_teach_nothing(place: Path, tmp_path: Path, rows: str) -> None:
    (tmp_path / "poor.csv").write_text(rows)
    kind, said = refused("train", tmp_path / "poor.csv", "--method", "prompt_tuning", "--model", place / "model", "--home", tmp_path / "home")
    assert kind == "DataError" and len(said) > 20
    assert good("runs", "--home", tmp_path / "home") == {"runs": []}


def test_words_that_are_no_text_are_refused_or_taken_but_never_a_crash(place: Path, tmp_path: Path) -> None:
    """What a shell passes of bytes that are not UTF-8."""
    words = ("--method", "prompt_tuning", "--model", place / "model", *FEW, "--home", tmp_path / "home")
    for name in ("--name", "--prompt"):
        kind, said = refused("train", place / "films.csv", *words, name, "caf\udce9 au lait")
        assert kind == "InputError" and said == "'caf\\udce9 au lait' is not UTF-8 text. Use a terminal with UTF-8, or avoid the character."


# Saved prompts that are not there, not whole, not of this model


@pytest.mark.parametrize(
    ("spec", "kind", "text"),
    [
        ("saved:my-flims", "NotFoundError", "there is no saved prompt 'my-flims'. Did you mean 'my-films'?"),
        ("saved:../home/saved_prompts/my-films", "NotFoundError", "there is no saved prompt '../home/saved_prompts/my-films'."),
        ("few-shot:many", "SpecError", "few-shot:many is not a number of demonstrations. Write few-shot:4, for example."),
        ("few-shot:0", "SpecError", "demonstrations is 0, expected 1 to "),
        ("few-shot", "SpecError", "contestant 'few-shot' is not known. Use none, prompt:TEXT, few-shot:K[@SEED|@nearest], "),
        ("magic:1", "SpecError", "contestant 'magic:1' is not known."),
        ("prompt:", "SpecError", "contestant 'prompt:' is not known."),
    ],
)
def test_a_wrong_contestant_is_refused(trained: dict[str, Any], place: Path, spec: str, kind: str, text: str) -> None:
    words = ("--contestant", spec, "--model", place / "model", "--train", place / "films.csv", "--home", place / "home")
    for verb in (("compare", place / "fresh.csv"), ("generate", "--input", "x")):
        found, said = refused(*verb, *words)
        assert found == kind and text in said, said


def test_a_truncated_saved_prompt_is_refused(trained: dict[str, Any], place: Path) -> None:
    folder = place / "home" / "saved_prompts"
    (folder / "cut.safetensors").write_bytes((folder / "my-films.safetensors").read_bytes()[:2000])
    home = ("--home", place / "home")
    for words in (("compare", place / "films.csv", "--contestant", "saved:cut"), ("inspect", "cut", "--view", "neighbours")):
        kind, said = refused(*words, *home)
        assert kind == "ArtifactError" and said.startswith("cut.safetensors cannot be read as a safetensors file (")
    assert next(s for s in good("saved", *home)["saved"] if s["name"] == "cut")["problem"].startswith("cut.safetensors cannot be read")


def test_a_saved_prompt_of_another_model_is_refused(trained: dict[str, Any], place: Path) -> None:
    tiny.save(place / "other", "qwen3")
    words = ("--contestant", "saved:my-films", "--model", place / "other", "--home", place / "home")
    for verb in (("compare", place / "fresh.csv"), ("generate", "--input", "x")):
        kind, said = refused(*verb, *words)
        assert kind == "ArtifactError"
        assert said.startswith("'my-films' was trained on ") and f"the loaded model is {place / 'other'} (" in said
        assert said.endswith(f"Load {place / 'model'}, or train a prompt for this model.")


def test_a_saved_prompt_for_another_task_is_refused(trained: dict[str, Any], place: Path, tmp_path: Path) -> None:
    rows = "\n".join(json.dumps({"instruction": f"name thing {i}", "output": f"it is a thing number {i} of many"}) for i in range(40))
    (tmp_path / "free.jsonl").write_text(rows)
    kind, said = refused("compare", tmp_path / "free.jsonl", "--contestant", "saved:my-films", "--home", place / "home")
    assert (kind, said) == (
        "SpecError",
        "the saved prompt is for classification, the file for generation. Compare contestants on a file of their own task.",
    )


@pytest.mark.parametrize("verb", ["stop", "resume"])
def test_an_unknown_run_is_refused(tmp_path: Path, verb: str) -> None:
    kind, said = refused(verb, "nowhere", "--home", tmp_path)
    assert (kind, said) == ("NotFoundError", "there is no run 'nowhere' here. `runs` lists the runs; a deleted run cannot be opened.")


def test_a_run_that_never_began_has_no_seconds(csv: Path, tmp_path: Path) -> None:
    studio = Studio.open(tmp_path)
    run = studio.start(RunSpec(name="a", dataset="d", task=TaskSpec(kind="classification"), method="prompt_tuning"))
    assert good("stop", run, "--home", tmp_path)["state"] == "stopped"
    result = run_result(studio.run(run))
    assert (result["seconds"], result["steps"], result["artifact"], result["state"]) == (0.0, 0, "", "stopped")


# Real processes


def test_a_process_prints_one_object_and_nothing_else(csv: Path, tmp_path: Path) -> None:
    code, out, err = finish(process("check", csv, "--json"))
    assert code == 0 and err == "" and len(out.splitlines()) == 1 and strict(out)["rows_read"] == 60
    code, out, err = finish(process("check", tmp_path / "gone.csv", "--json"))
    assert code == 2 and err == "" and strict(out)["error"]["type"] == "NotFoundError"


def test_ctrl_c_keeps_the_best_and_the_run_can_be_resumed(place: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    words = ("--method", "prompt_tuning", "--model", place / "model", "--steps", "25", "--batch-size", "4", "--home", home, "--json")
    child = process("train", place / "films.csv", *words)
    assert child.stderr is not None
    while not (line := child.stderr.readline()).startswith("training"):
        assert line, child.communicate()
    studio = Studio.open(home)
    while studio.runs()[0].step < 3:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    code, out, _ = finish(child)
    stopped = strict(out.splitlines()[-1])
    assert code == 130 and stopped["state"] == "stopped" and stopped.keys() >= TRAIN_KEYS
    assert 3 <= stopped["steps"] < 25 and Path(stopped["path"]).is_file()
    assert good("runs", "--home", home)["runs"][0]["state"] == "stopped"
    ended = good("resume", stopped["run"], "--home", home)
    assert ended["state"] == "done" and ended["run"] == stopped["run"] and ended["steps"] > stopped["steps"]
    assert ended["artifact"] == stopped["artifact"] == "films" and ended["comparison"]["n"] == 18
    assert [item.name for item in artifact.listing([home / "saved_prompts"])] == ["films"]


def test_a_terminal_without_utf8_still_gets_its_answer(tmp_path: Path) -> None:
    rows = "".join(f"a film that is {i} {w},{w}é\n" for i in range(20) for w in ("good", "bad"))
    (tmp_path / "accents.csv").write_text("text,label\n" + rows, encoding="utf-8")
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    for extra, text in ((["--json"], "goodé"), ([], "40 usable")):
        command = [sys.executable, "-m", "steering", "check", str(tmp_path / "accents.csv"), *extra]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        assert text in (strict(done.stdout)["labels"] if extra else done.stdout)


def test_a_reader_that_goes_away_is_no_error(csv: Path) -> None:
    child = process("check", csv)
    assert child.stdout is not None and child.stderr is not None
    child.stdout.close()
    with child.stderr:
        assert child.stderr.read() == ""
    assert child.wait(60) == 0
