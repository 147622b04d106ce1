"""``compare`` as a script and a pipeline use it: claims with exit code 3, pinned rows, rows that were trained on, what was declared beforehand."""

import contextlib
import io
import json
from pathlib import Path

import pytest
import tiny
from calling import call, good, refused

from steering.cli import main


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, training and test rows, and a home in which one prompt was trained."""
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("compare")
    tiny.save(folder / "model")
    (folder / "films.csv").write_bytes(tiny.rows())
    (folder / "fresh.csv").write_bytes(tiny.rows(start=60))
    words = ("--method", "prompt_tuning", "--model", folder / "model", "--name", "x", "--steps", "2", "--batch-size", "4")
    good("train", folder / "films.csv", *words, "--home", folder / "home")
    return folder


def judged(place: Path, *words: object) -> tuple[object, ...]:
    return ("compare", place / "fresh.csv", "--contestant", "none", "--contestant", "saved:x", *words, "--home", place / "home")


def test_a_claim_that_holds_exits_0_and_one_that_does_not_exits_3(place: Path) -> None:
    code, result = call(*judged(place, "--gate", "saved:x accuracy>=0", "--gate", "saved:x within 100 of none"))
    assert code == 0 and [ruling["holds"] for ruling in result["gate"]] == [True, True]
    assert result["primary"] == ["saved:x", "none"], "what a claim compares is declared beforehand"
    code, result = call(*judged(place, "--gate", "saved:x accuracy>=0", "--gate", "saved:x accuracy>1"))
    assert code == 3 and [ruling["holds"] for ruling in result["gate"]] == [True, False]
    assert result["n"] == 60 and result["gate"][1]["because"].startswith("accuracy is ")
    assert main(list(map(str, judged(place, "--gate", "saved:x accuracy>1")))) == 3


def test_what_is_no_claim_exits_2_before_anything_is_loaded(place: Path) -> None:
    assert refused(*judged(place, "--gate", "saved:y>=none")).startswith("SpecError: --gate 'saved:y>=none' does not begin with a contestant.")
    assert "is no metric of a classification" in refused(*judged(place, "--model", "nowhere", "--gate", "saved:x chrf>=1"))
    assert refused(*judged(place, "--metric", "chrf")) == "SpecError: --metric chrf compares texts, and this is a classification. Leave it out."


def test_pinned_rows_are_listed_and_not_scored(place: Path, tmp_path: Path) -> None:
    (tmp_path / "pins.csv").write_text('text,label\n"the film was good great",pos\n"the film was bad awful",neg\n')
    code, result = call(*judged(place, "--pin", tmp_path / "pins.csv", "--gate", "saved:x keeps pins"))
    assert result["n"] == 60 and [pin["target"] for pin in result["pins"]] == ["pos", "neg"]
    for pin in result["pins"]:
        assert pin["right"] == [answer == pin["target"] for answer in pin["answers"]] and len(pin["answers"]) == 2
    assert code == (0 if all(pin["right"][1] for pin in result["pins"]) else 3)


def test_rows_that_were_trained_on_are_refused_and_named(place: Path) -> None:
    words = ("compare", place / "films.csv", "--contestant", "saved:x", "--home", place / "home")
    said = refused(*words)
    assert said.startswith("InputError: 42 of 60 test rows are rows that saved:x was made from (lines ")
    assert said.endswith(" and 32 more). Judge on rows that nobody has seen: another file, or --skip-trained-rows to leave these out.")
    result = good(*words, "--skip-trained-rows")
    assert (result["n"], result["left_out"]) == (18, 42)
    shots = ("compare", place / "fresh.csv", "--train", place / "fresh.csv", "--model", place / "model", "--home", place / "home")
    assert "42 of 60 test rows are rows that few-shot:2 was made from" in refused(*shots, "--contestant", "few-shot:2")
    assert good(*shots, "--contestant", "none")["n"] == 60, "rows that nobody uses are no harm"


def test_rows_of_a_pasted_prompt_are_declared(place: Path) -> None:
    words = ("--contestant", "prompt:Found elsewhere.", "--trained-on", "prompt:Found elsewhere.", place / "fresh.csv")
    assert "60 of 60 test rows are rows that prompt:Found elsewhere. was made from" in refused(*judged(place, *words))


def test_a_prompt_that_holds_a_test_row_is_refused_and_phrases_are_flagged(place: Path) -> None:
    said = refused(*judged(place, "--contestant", "prompt:Like this: the film 60 was good great 4 -> good"))
    assert "contains 1 whole test text (line 2). Take it out of the prompt" in said
    result = good(*judged(place, "--contestant", "prompt:The film 61 was bad and long."))
    assert result["contestants"][2]["flags"] == ["It shares a phrase of five words with 1 test row (line 3): its score may be too good."]
    assert result["contestants"][0]["flags"] == []


def test_looks_at_test_rows_are_counted_and_the_same_question_counts_once(place: Path, tmp_path: Path) -> None:
    home = ("--model", place / "model", "--home", tmp_path)
    first = ("compare", place / "fresh.csv", "--contestant", "none", "--contestant", "prompt:Say it.", *home)
    found = good(*first)
    assert (found["reveal"], found["exploratory"]) == (1, False)
    again = good(*first)
    assert again["reveal"] == 1 and again["contestants"] == found["contestants"], "and nothing is scored twice"
    other = good("compare", place / "fresh.csv", "--contestant", "none", "--contestant", "prompt:Say so.", *home)
    assert (other["reveal"], other["exploratory"]) == (2, True)
    assert "These held-out rows have been looked at 2 times: treat p as exploratory." in other["pairs"][0]["detail"]


def test_what_is_declared_beforehand_is_kept_to(place: Path) -> None:
    words = ("--contestant", "prompt:Say it.", "--primary", "saved:x", "prompt:Say it.", "--margin", "100")
    result = good(*judged(place, *words))
    primary = [pair for pair in result["pairs"] if pair["primary"]]
    assert [(pair["a"], pair["b"]) for pair in primary] == [("saved:x", "prompt:Say it.")] and result["margin"] == 100
    fronts = {one["name"]: one["front"] for one in result["contestants"]}
    tokens = next(one["prompt_tokens"] for one in result["contestants"] if one["name"] == "prompt:Say it.")
    assert fronts["prompt:Say it."] == f"{tokens} prompt tokens" and fronts["saved:x"].endswith(" vectors")
    sized = f"the prompt 'Say it.' ({tokens} prompt tokens)"
    assert f" of {sized}, with {fronts['saved:x']} (" in primary[0]["sentence"] or primary[0]["verdict"] != "equivalent"
    assert "is not a contestant" in refused(*judged(place, "--primary", "saved:x", "lora"))
    assert "the margin is 0.0 points, expected above 0 and up to 100." in refused(*judged(place, "--margin", "0"))


def test_the_best_manual_prompt_is_picked_on_validation_rows(place: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("Say good or bad.\n\nIs the film good?\nSay good or bad.\n")
    words = ("--prompts", tmp_path / "prompts.txt", "--train", place / "films.csv")
    best = good(*judged(place, *words))["contestants"][2]
    assert (best["name"], best["kind"]) == ("best-prompt", "manual")
    tried = best["made"]["tried"]
    assert [one["prompt"] for one in tried] == ["Say good or bad.", "Is the film good?"] and {one["rows"] for one in tried} == {12}
    assert best["made"]["nll"] == min(one["nll"] for one in tried)


def test_one_class_is_said_and_a_file_of_one_label_refused(place: Path, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("text,label\n" + "".join(f"film number {i} here,pos\n" for i in range(20)))
    words = ("compare", tmp_path / "one.csv", "--home", place / "home")
    result = good(*words, "--contestant", "saved:x")
    assert result["notes"] == [
        "All 20 rows are 'pos': a contestant that always says so scores 100 %, and MCC is 0. Judge on rows of every class.",
        "There are fewer than 60 rows in all, so one test part says little: cross-validate instead (compare --cross-validate).",
    ]
    said = refused(*words, "--contestant", "none", "--model", place / "model")
    assert said.startswith("DataError: all 20 rows have the one label 'pos', so there is nothing to tell apart.")


def test_a_deleted_run_is_said(place: Path) -> None:
    assert refused(*judged(place, "--contestant", "run:gone")).startswith("NotFoundError: there is no run 'gone' here. `runs` lists the runs;")


def test_a_contestant_given_twice_is_refused(place: Path) -> None:
    assert refused(*judged(place, "--contestant", "none")) == "SpecError: contestant 'none' is given twice. Give each once."


def test_few_rows_are_cross_validated_under_that_name(place: Path, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_bytes(tiny.rows(20, start=200))
    words = ("compare", tmp_path / "few.csv", "--contestant", "none", "--contestant", "few-shot:2", "--contestant", "majority", "--cross-validate")
    result = good(*words, "--model", place / "model", "--home", place / "home")
    assert (result["name"], result["n"], result["folds"], result["repeats"]) == ("cross-validated estimate", 20, 5, 5)
    assert [c["name"] for c in result["contestants"]] == ["none", "few-shot:2", "majority"]
    assert all(len(c["rows"]) == 20 and 0 <= c["ci"][0] <= c["score"] <= c["ci"][1] <= 1 for c in result["contestants"])
    assert {p["verdict"] for p in result["pairs"]} <= {"lean", "loss", "tie", "small"}
    home = ("--home", place / "home")
    said = refused(*words, "--gate", "none>=majority", "--model", place / "model", *home)
    assert said == "SpecError: --gate has no place in a cross-validation. All rows of FILE are divided into folds: leave it out."
    trained = ("compare", place / "films.csv", "--contestant", "saved:x", "--cross-validate", *home)
    assert "42 of 60 test rows are rows that saved:x was made from" in refused(*trained)


def test_a_report_is_written_and_repeats_equal_or_says_where_not(place: Path, tmp_path: Path) -> None:
    words = judged(place, "--report", tmp_path / "out" / "r.html", "--gate", "saved:x accuracy>=0", "--cost", "--json")
    paths = good(*words)["report"]
    text = Path(paths["html"]).read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "<svg role=" in text and "Cost of a request" in text
    report = json.loads(Path(paths["json"]).read_text(encoding="utf-8"))
    assert report["data"]["file"]["rows"] == 60 and len(report["data"]["file"]["sha256"]) == 64
    assert report["command"].startswith("python -m steering compare ") and report["versions"]["torch"]
    again = good("repeat", paths["json"])
    assert (again["equal"], again["differences"]) == (True, [])
    report["result"]["contestants"][1]["accuracy"] = 0.123
    Path(paths["json"]).write_text(json.dumps(report))
    code, found = call("repeat", paths["json"])
    assert (
        code == 3 and [one["where"] for one in found["differences"]] == ["contestants[saved:x].accuracy"] and found["differences"][0]["was"] == 0.123
    )
    for content in ("[]", "{", json.dumps({"format": 1, "argv": ["train"], "result": {}})):
        (tmp_path / "no.json").write_text(content)
        said = refused("repeat", tmp_path / "no.json")
        assert said.startswith(
            "DataError: no.json is not a report of this app. Name the FILE.json that `compare --report FILE.html` wrote, or the JSON"
        )
    assert "is not an HTML file. Write --report NAME.html" in refused(*judged(place, "--report", tmp_path / "r.pdf"))


def test_saved_prompts_of_different_tasks_answer_in_one_batch(place: Path) -> None:
    words = ("--method", "prompt_tuning", "--model", place / "model", "--name", "y", "--steps", "1", "--batch-size", "4")
    good("train", place / "films.csv", *words, "--label-words", "pos=great,neg=awful", "--home", place / "home")
    contestants = ("--contestant", "saved:x", "--contestant", "saved:y")
    found = good("generate", *contestants, "--input", "the film was good", "--home", place / "home")
    assert [output["name"] for output in found["outputs"]] == ["saved:x", "saved:y"]
    assert all(output.keys() >= {"name", "text", "tokens", "seconds"} for output in found["outputs"])
    assert found["together_seconds"] > 0 and found["apart_seconds"] > 0 and found["adapters"] == 0
    assert found["lora"]["fresh"] == 2 and found["lora"]["seconds"] > 0
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main([*map(str, ("generate", *contestants, "--input", "the film was good", "--home", place / "home"))]) == 0
    assert "2 answers in one batch: " in out.getvalue() and "Switching LoRA adapters (2 of 2 freshly made with rank 8)" in out.getvalue()
