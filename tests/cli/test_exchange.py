"""``export`` and ``import`` as a script would use them: keys, exit codes, words for every mistake, nothing half-written."""

import json
import shutil
from pathlib import Path

import pytest
import tiny
from calling import call, good

from steering import artifact


def refused(*words: object) -> tuple[str, str]:
    code, result = call(*words)
    assert code == 2 and result.keys() == {"error"}, result
    return result["error"]["type"], f"{result['error']['message']} {result['error']['hint']}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, and a home in which a soft prompt and a prefix were trained."""
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("exchange")
    tiny.save(folder / "model")
    (folder / "films.csv").write_bytes(tiny.rows())
    (folder / "fresh.csv").write_bytes(tiny.rows(start=60))
    for method, name in (("prompt_tuning", "soft"), ("prefix_tuning", "prefix")):
        words = ("--method", method, "--model", folder / "model", "--name", name, "--steps", "2", "--batch-size", "4")
        good("train", folder / "films.csv", *words, "--home", folder / "home")
    return folder


@pytest.mark.parametrize("name", ["soft", "prefix"])
def test_out_to_peft_and_in_again(place: Path, tmp_path: Path, name: str) -> None:
    result = good("export", name, "--to", "peft", tmp_path / "a", "--home", place / "home")
    assert result["path"] == str(tmp_path / "a")
    assert sorted(result["files"]) == ["README.md", "adapter_config.json", "adapter_model.safetensors", "studio.json"]
    back = good("import", tmp_path / "a", "--name", f"{name} again", "--home", place / "home")
    assert back["artifact"] == f"{name}-again" and back["notes"] == []
    one, two = (artifact.read(place / "home" / "saved_prompts" / f"{n}.safetensors") for n in (name, f"{name}-again"))
    assert one.digest == two.digest
    judged = good("compare", place / "fresh.csv", "--contestant", f"saved:{name}", "--contestant", f"saved:{name}-again", "--home", place / "home")
    first, second = judged["contestants"]
    assert first["nll"] == second["nll"]


def test_a_folder_from_elsewhere_needs_its_task_and_its_model(place: Path, tmp_path: Path) -> None:
    good("export", "soft", "--to", "peft", tmp_path / "a", "--home", place / "home")
    (tmp_path / "a" / "studio.json").unlink()
    words = ("--template", "{text}\\nLabel:", "--label-words", "pos=good,neg=bad", "--home", place / "home")
    result = good("import", tmp_path / "a", "--name", "foreign", *words)
    assert "that it fits the shape of" in result["notes"][0]
    task = artifact.read(Path(result["path"])).card.task
    assert (task.kind, task.template, task.label_words) == ("classification", "{text}\nLabel:", {"pos": "good", "neg": "bad"})
    assert good("compare", place / "films.csv", "--contestant", "saved:foreign", "--home", place / "home")["n"] == 60
    config = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    (tmp_path / "a" / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": None}))
    assert refused("import", tmp_path / "a", *words) == ("SpecError", "'a' does not say which model it belongs to. Name it: --model ID.")
    named = good("import", tmp_path / "a", "--model", place / "model", "--name", "named", *words)
    assert named["model"] == str(place / "model")
    tiny.save(tmp_path / "gpt2", "gpt2")
    assert good("import", tmp_path / "a", "--model", tmp_path / "gpt2", "--home", tmp_path / "h")["notes"], "H agrees by chance, and that is said"


def test_a_file_of_ours_is_kept_under_a_free_name(place: Path, tmp_path: Path) -> None:
    files = good("export", "soft", "--to", "safetensors", tmp_path / "out", "--home", place / "home")["files"]
    assert files == ["soft.safetensors"]
    first = good("import", tmp_path / "out" / "soft.safetensors", "--home", tmp_path / "other")
    second = good("import", tmp_path / "out" / "soft.safetensors", "--home", tmp_path / "other")
    assert (first["artifact"], second["artifact"]) == ("soft", "soft-2")
    text = refused("import", tmp_path / "out" / "soft.safetensors", "--model", "x", "--home", tmp_path / "other")[1]
    assert text == "--model is for PEFT folders; soft.safetensors says itself what it is for. Leave it out."


def test_vllm_takes_the_soft_prompt(place: Path, tmp_path: Path) -> None:
    assert good("export", "soft", "--to", "vllm", tmp_path / "v", "--home", place / "home")["files"] == ["prompt_embeds.safetensors", "README.md"]
    kind, text = refused("export", "prefix", "--to", "vllm", tmp_path / "w", "--home", place / "home")
    assert kind == "ArtifactError" and "is no soft prompt, and vLLM takes embeddings only" in text
    assert not (tmp_path / "w").exists()


def test_mistakes_are_exit_code_2_and_leave_nothing(place: Path, tmp_path: Path) -> None:
    home = ("--home", place / "home")
    assert refused("export", "nobody", "--to", "peft", tmp_path / "a", *home)[0] == "NotFoundError"
    assert "argument --to: invalid choice: 'gguf'" in refused("export", "soft", "--to", "gguf", tmp_path / "a", *home)[1]
    assert refused("import", tmp_path / "none", *home)[0] == "NotFoundError"
    (tmp_path / "empty").mkdir()
    assert refused("import", tmp_path / "empty", *home) == (
        "ArtifactError",
        "there is no adapter_config.json in 'empty'. Name a folder that PEFT's save_pretrained wrote.",
    )
    good("export", "soft", "--to", "peft", tmp_path / "a", *home)
    assert refused("export", "soft", "--to", "peft", tmp_path / "a", *home)[0] == "SpecError"
    (tmp_path / "a" / "adapter_model.safetensors").write_bytes(b"PK\x03\x04")
    before = sorted(p.name for p in (place / "home" / "saved_prompts").iterdir())
    assert refused("import", tmp_path / "a", *home)[0] == "ArtifactError"
    shutil.rmtree(tmp_path / "a")
    good("export", "soft", "--to", "peft", tmp_path / "a", *home)
    tiny.save(tmp_path / "qwen3", "qwen3")
    kind, text = refused("import", tmp_path / "a", "--model", tmp_path / "qwen3", *home)
    assert kind == "ArtifactError" and "the loaded model is" in text
    assert sorted(p.name for p in (place / "home" / "saved_prompts").iterdir()) == before
