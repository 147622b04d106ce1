"""``compare`` with what is wrong, one by one: exit code 2 and a sentence, or the stated degenerate result; never a traceback."""

import json
from pathlib import Path
from typing import Any

import pytest
import tiny
from calling import call, good, refused


def odd_model(folder: Path, change: Any) -> Path:
    """A tiny model on disk with something changed."""
    import torch
    import transformers as hf

    tiny.save(folder)
    model = hf.AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        change(model)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, files, and a home with prompts of two tasks and two models, and their runs."""
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("bad")
    (folder / "films.csv").write_bytes(tiny.rows())
    (folder / "fresh.csv").write_bytes(tiny.rows(start=60))
    (folder / "named.csv").write_bytes(tiny.rows(start=200).replace(b",pos", b",yes").replace(b",neg", b",no"))
    lines = [json.dumps({"input": f"the film {i} was good", "target": f"say {i}"}) for i in range(40)]
    (folder / "texts.jsonl").write_text("\n".join(lines))
    for name, model, file in (("x", "llama", "films.csv"), ("named", "llama", "named.csv"), ("elsewhere", "qwen3", "films.csv")):
        tiny.save(folder / model, model)
        words = ("--method", "prompt_tuning", "--model", folder / model, "--name", name, "--steps", "2", "--batch-size", "4")
        result = good("train", folder / file, *words, "--home", folder / "home")
        (folder / f"{name}.run").write_text(result["run"])
    return folder


def compare(place: Path, *specs: str, file: str = "fresh.csv", more: tuple[object, ...] = ()) -> tuple[object, ...]:
    words = [word for spec in specs for word in ("--contestant", spec)]
    return ("compare", place / file, *words, *more, "--home", place / "home")


def test_contestants_of_different_tasks_or_models(place: Path) -> None:
    said = refused(*compare(place, "saved:x", "saved:named"))
    assert said == "SpecError: the saved prompts belong to different tasks. Compare prompts of one task."
    assert refused(*compare(place, "saved:x", "saved:elsewhere")).startswith("SpecError: the saved prompts belong to different models.")
    said = refused(*compare(place, "none", "saved:x", more=("--model", place / "qwen3")))
    assert said.startswith("ArtifactError: 'x' was trained on ") and f"the loaded model is {place / 'qwen3'}" in said
    said = refused(*compare(place, "none", f"run:{(place / 'elsewhere.run').read_text()}", more=("--model", place / "llama")))
    assert said.startswith("ArtifactError: run ") and f"is a run of the model {place / 'qwen3'}; the loaded model is {place / 'llama'}." in said
    said = refused(*compare(place, "saved:x", f"run:{(place / 'named.run').read_text()}"))
    assert "was trained for the labels no, yes; here they are neg, pos. Compare contestants of one task." in said
    assert "no label word" in refused(*compare(place, "none", "saved:x", file="named.csv"))


def test_a_file_of_texts_for_a_prompt_about_labels(place: Path) -> None:
    said = refused(*compare(place, "saved:x", "none", file="texts.jsonl"))
    assert said == "SpecError: the saved prompt is for classification, the file for generation. Compare contestants on a file of their own task."


def test_metrics_that_do_not_apply(place: Path) -> None:
    said = refused(*compare(place, "saved:x", "none", more=("--metric", "rouge_l")))
    assert said == "SpecError: --metric rouge_l compares texts, and this is a classification. Leave it out."
    texts = compare(place, "none", "prompt:Say it.", file="texts.jsonl", more=("--model", place / "llama", "--metric", "json_field_f1"))
    assert refused(*texts).startswith("InputError: 'json_field_f1' needs targets that are JSON objects, and most of these are not.")


def test_scores_that_are_no_numbers(place: Path, tmp_path: Path) -> None:
    broken = odd_model(tmp_path / "broken", lambda model: model.lm_head.weight.fill_(float("nan")))
    code, result = call(*compare(place, "none", "prompt:Say it.", more=("--model", broken)))
    assert code in (1, 2) and result["error"]["type"] in ("InputError", "ModelError") and "number" in result["error"]["message"], result


def test_texts_that_are_all_empty(place: Path, tmp_path: Path) -> None:
    def silent(model: Any) -> None:
        model.config.eos_token_id = model.generation_config.eos_token_id = list(range(model.config.vocab_size))

    found = good(*compare(place, "none", "prompt:Say it.", file="texts.jsonl", more=("--model", odd_model(tmp_path / "silent", silent))))
    assert [(one["empty"], one["chrf"]) for one in found["contestants"]] == [(40, 0.0), (40, 0.0)]
    assert found["pairs"][0]["verdict"] == "small"


def test_a_run_that_was_deleted_or_never_was(place: Path) -> None:
    for spec in ("run:gone", "run:gone@3", "seeds:gone"):
        assert refused(*compare(place, "none", spec, more=("--model", place / "llama"))).startswith("NotFoundError: there is no run 'gone' here.")
