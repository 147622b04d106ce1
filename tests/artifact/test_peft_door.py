"""The door to PEFT: what is exported means the same in PEFT, what PEFT saved means the same here, and hostile folders are refused in words."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from safetensors.numpy import load_file, save, save_file

from steering import artifact
from steering.artifact import Artifact, Card, doors, peft
from steering.engine.exchange import bring_in, with_header
from steering.engine.requests import HANDLERS, Office
from steering.errors import ArtifactError, ModelError, NotFoundError, SpecError, StorageError
from steering.knobs import to_json
from steering.lm.forest import Branch, Tree
from steering.methods.forms import root_of
from steering.spec import TaskSpec

TASK = TaskSpec(kind="classification", template="{text}\nLabel:", prompt="Good or bad?", label_words={"1": "good", "0": "bad"})
IDS = (5, 9, 6, 40, 3)
P = 4
TYPES = ("PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "PREFIX_TUNING projected")
TOLERANCE = 1e-4

# PEFT 0.21 asks transformers 5.23 by names that are about to go.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


def card(lm: Any, **changes: Any) -> Card:
    plain = Card(
        name="films",
        method="prompt_tuning",
        model=lm.id,
        revision="",
        fingerprint=lm.fingerprint,
        task=TASK,
        dataset="d",
        virtual_tokens=P,
        title="Films",
    )
    return replace(plain, **changes)


def soft(lm: Any) -> Artifact:
    rows = np.random.default_rng(0).standard_normal((P, lm.shape.H)).astype(np.float32)
    return Artifact(card(lm), {"soft_prompt": rows})


def prefix(lm: Any) -> Artifact:
    random = np.random.default_rng(1)
    size = (lm.shape.L, lm.shape.K, P, lm.shape.D)
    return Artifact(
        card(lm, method="prefix_tuning"), {name: random.standard_normal(size).astype(np.float32) for name in ("prefix_keys", "prefix_values")}
    )


def ours(lm: Any, made: Artifact, ids: tuple[int, ...] = IDS) -> torch.Tensor:
    """Logits of every position of ``ids``."""
    root = root_of(lm, {name: torch.from_numpy(array) for name, array in made.tensors.items()})
    with torch.no_grad():
        return lm.logits([Tree(root, (Branch(ids, len(ids)),))])


def theirs(name: str, folder: Path, ids: tuple[int, ...] = IDS) -> torch.Tensor:
    """The same through PEFT, on a model of its own with transformers' attention."""
    from peft import PeftModel

    model = PeftModel.from_pretrained(tiny.build(name, layout="padded").model, folder).eval()
    with torch.no_grad():
        given = torch.tensor([ids])
        return model(input_ids=given, attention_mask=torch.ones_like(given)).logits[0, -len(ids) :]


def saved_by_peft(name: str, kind: str, folder: Path) -> Path:
    """A folder as PEFT writes it, with weights as training would leave them."""
    from peft import PrefixTuningConfig, PromptEncoderConfig, PromptTuningConfig, get_peft_model

    common: dict[str, Any] = {"task_type": "CAUSAL_LM", "num_virtual_tokens": P}
    configs = {
        "PROMPT_TUNING": lambda: PromptTuningConfig(**common),
        "P_TUNING": lambda: PromptEncoderConfig(**common, encoder_hidden_size=16),
        "PREFIX_TUNING": lambda: PrefixTuningConfig(**common),
        "PREFIX_TUNING projected": lambda: PrefixTuningConfig(**common, prefix_projection=True, encoder_hidden_size=16),
    }
    torch.manual_seed(3)
    model = get_peft_model(tiny.build(name, layout="padded").model, configs[kind]())
    model.save_pretrained(folder)
    return folder


def office(lm: Any, folder: Path) -> Office:
    return Office(lm, None, [folder])  # type: ignore[arg-type]


def brought_in(lm: Any, folder: Path, home: Path, **payload: Any) -> tuple[dict[str, Any], Artifact]:
    *_, result = bring_in(office(lm, home), {"path": str(folder), "task": to_json(TASK)} | payload)
    return result, artifact.read(Path(result["path"]))


@pytest.fixture
def model() -> Any:
    return tiny.build("llama")


@pytest.fixture
def folder(tmp_path: Path, model: Any) -> Path:
    """A sound folder, to be spoilt."""
    doors.export(soft(model), "peft", tmp_path / "adapter")
    return tmp_path / "adapter"


def config(folder: Path, **changes: Any) -> None:
    path = folder / peft.CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


# The same meaning on both sides.


@pytest.mark.parametrize("form", [soft, prefix])
@pytest.mark.parametrize("name", tiny.ARCHITECTURES)
def test_what_is_exported_means_the_same_in_peft(tmp_path: Path, name: str, form: Any) -> None:
    lm = tiny.build(name)
    made = form(lm)
    written = doors.export(made, "peft", tmp_path / "adapter")
    assert sorted(p.name for p in written) == ["README.md", "adapter_config.json", "adapter_model.safetensors", "studio.json"]
    found = theirs(name, tmp_path / "adapter")
    assert float((ours(lm, made) - found).abs().max()) < TOLERANCE
    assert float((found - theirs_bare(name)).abs().max()) > 100 * TOLERANCE, "PEFT does use the prompt"


def theirs_bare(name: str) -> torch.Tensor:
    with torch.no_grad():
        return tiny.build(name, layout="padded").model(input_ids=torch.tensor([IDS])).logits[0]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", ["llama", "gpt2", "qwen3"])
def test_what_peft_saved_means_the_same_here(tmp_path: Path, name: str, kind: str) -> None:
    lm = tiny.build(name)
    folder = saved_by_peft(name, kind, tmp_path / "adapter")
    result, made = brought_in(lm, folder, tmp_path / "home")
    assert float((ours(lm, made) - theirs(name, folder)).abs().max()) < TOLERANCE
    assert result["virtual_tokens"] == P and made.card.fingerprint == lm.fingerprint and made.card.task == TASK
    assert result["notes"] == [
        f"The folder does not say which weights it was trained on: that it fits the shape of {lm.id!r} is all that could be checked."
    ]


@pytest.mark.parametrize("form", [soft, prefix])
def test_out_and_in_again_is_bit_equal_and_keeps_the_card(tmp_path: Path, model: Any, form: Any) -> None:
    made = form(model)
    doors.export(made, "peft", tmp_path / "adapter")
    result, again = brought_in(model, tmp_path / "adapter", tmp_path / "home")
    assert {n: t.tobytes() for n, t in again.tensors.items()} == {n: t.tobytes() for n, t in made.tensors.items()}
    assert again.card == made.card and result["notes"] == []
    twice, _ = brought_in(model, tmp_path / "adapter", tmp_path / "home", name="Films")
    assert twice["artifact"] == "films-2"


@pytest.mark.parametrize("kind", TYPES[::2])
def test_a_start_token_follows_a_foreign_prompt_as_peft_has_it(tmp_path: Path, kind: str) -> None:
    lm = tiny.build("llama")
    folder = saved_by_peft("llama", kind, tmp_path / "adapter")
    type(lm).header, plain = property(lambda self: (0,)), type(lm).header
    try:
        result, made = brought_in(lm, folder, tmp_path / "home")
    finally:
        type(lm).header = plain
    assert result["virtual_tokens"] == P + 1 and made.card.header == 0
    assert result["notes"][-1] == "PEFT puts a prompt before the model's own start token, which is therefore saved behind it."
    assert float((ours(lm, made) - theirs("llama", folder, (0, *IDS))[1:]).abs().max()) < TOLERANCE


def test_a_prefix_cannot_be_lengthened_in_the_padded_layout(tmp_path: Path) -> None:
    lm = tiny.build("llama", layout="padded")
    type(lm).header, plain = property(lambda self: (0,)), type(lm).header
    try:
        with pytest.raises(ModelError, match=r"runs with its own attention, which cannot lengthen a prefix\. Use a soft prompt\."):
            with_header(lm, prefix(lm))
        assert with_header(lm, soft(lm)).card.virtual_tokens == P + 1
    finally:
        type(lm).header = plain


@pytest.mark.parametrize(("kind", "bits"), [("F16", np.float16), ("F64", np.float64), ("BF16", None)])
def test_other_precisions_are_read(folder: Path, model: Any, kind: str, bits: Any) -> None:
    rows = load_file(folder / peft.WEIGHTS)[peft.TENSOR]
    if bits is None:
        from safetensors.torch import save_file as save_torch

        save_torch({peft.TENSOR: torch.from_numpy(rows).bfloat16()}, folder / peft.WEIGHTS)
        wanted = torch.from_numpy(rows).bfloat16().float().numpy()
    else:
        save_file({peft.TENSOR: rows.astype(bits)}, folder / peft.WEIGHTS)
        wanted = rows.astype(bits).astype(np.float32)
    found = peft.read_folder(folder).rows
    assert found.dtype == np.float32 and np.array_equal(found, wanted)


def test_the_config_says_what_old_and_new_peft_need(tmp_path: Path, model: Any) -> None:
    doors.export(soft(model), "peft", tmp_path / "a")
    doors.export(prefix(model), "peft", tmp_path / "b")
    one, two = (json.loads((tmp_path / x / peft.CONFIG).read_text()) for x in "ab")
    assert (one["peft_type"], one["task_type"], one["num_virtual_tokens"], one["token_dim"]) == ("PROMPT_TUNING", "CAUSAL_LM", P, 32)
    assert (two["peft_type"], two["num_layers"], two["num_attention_heads"], two["token_dim"]) == ("PREFIX_TUNING", 3, 2, 16)
    assert one["base_model_name_or_path"] == two["base_model_name_or_path"] == "tiny-llama" and one["inference_mode"] is True


# Other doors, and what is in the way.


def test_vllm_gets_a_soft_prompt_only(tmp_path: Path, model: Any) -> None:
    made = soft(model)
    doors.export(made, "vllm", tmp_path / "v")
    rows = load_file(tmp_path / "v" / "prompt_embeds.safetensors")["prompt_embeds"]
    assert np.array_equal(rows, made.tensors["soft_prompt"])
    text = (tmp_path / "v" / "README.md").read_text()
    code = "\n".join(line.removeprefix("    ") for line in text.splitlines() if line.startswith("    ") and "vllm serve" not in line)
    compile(code, "README.md", "exec")
    with pytest.raises(ArtifactError, match=r"'films' is no soft prompt, and vLLM takes embeddings only. Export it --to peft"):
        doors.export(prefix(model), "vllm", tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_a_plain_file_is_the_artifact_itself(tmp_path: Path, model: Any) -> None:
    (path,) = doors.export(prefix(model), "safetensors", tmp_path / "out")
    assert path.name == "films.safetensors" and artifact.read(path).card == prefix(model).card


def test_peft_has_no_place_for_a_prefix_in_some_layers(tmp_path: Path, model: Any) -> None:
    made = prefix(model)
    partial = {name: tensor[1:] for name, tensor in made.tensors.items()} | {"prefix_layers": np.array([0, 1, 1], np.float32)}
    with pytest.raises(ArtifactError, match="'films' is a prefix in some layers only; PEFT puts a prefix into every layer"):
        doors.export(Artifact(made.card, partial), "peft", tmp_path / "a")


def test_nothing_is_overwritten_and_nothing_is_left_half_written(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "README.md").write_text("mine")
    with pytest.raises(SpecError, match=r"a' already holds README\.md\. Name a new folder; nothing is overwritten\."):
        doors.export(soft(model), "peft", tmp_path / "a")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["README.md"]
    with pytest.raises(SpecError, match=r"README\.md' is a file, expected a folder"):
        doors.export(soft(model), "peft", tmp_path / "a" / "README.md")
    with pytest.raises(SpecError, match=r"there is no export to 'gguf'. Choose one of: peft, vllm, safetensors"):
        doors.export(soft(model), "gguf", tmp_path / "b")
    real = doors.replace_file

    def full(path: Path, write: Any) -> None:
        if path.name == peft.CONFIG:
            raise StorageError("the disk is full.")
        real(path, write)

    monkeypatch.setattr(doors, "replace_file", full)
    with pytest.raises(StorageError):
        doors.export(soft(model), "peft", tmp_path / "c")
    assert list((tmp_path / "c").iterdir()) == []


# Attacks.


def refusal(folder: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        peft.read_folder(folder)
    assert caught.value.hint
    return str(caught.value)


def test_attack_no_folder_and_no_config(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(NotFoundError, match=r"there is no folder '.*none'\. Name a PEFT adapter folder or a saved prompt"):
        peft.read_folder(tmp_path / "none")
    (folder / peft.CONFIG).unlink()
    assert refusal(folder) == "there is no adapter_config.json in 'adapter'. Name a folder that PEFT's save_pretrained wrote."


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"{", "adapter_config.json cannot be read as JSON: "),
        (b"\xff\xfe", "adapter_config.json cannot be read as JSON: "),
        (b"[" * 200_000, "adapter_config.json cannot be read as JSON: "),
        (b"[1]", "adapter_config.json holds list, expected an object."),
        (b" " * (peft.MAX_TEXT + 1), "adapter_config.json has 1048577 bytes, expected at most 1048576."),
        (b"{}", "adapter_config.json has peft_type None, expected one of PROMPT_TUNING, P_TUNING, CPT, PREFIX_TUNING, CARTRIDGE."),
    ],
    ids=lambda value: str(value)[:20],
)
def test_attack_a_config_that_is_none(folder: Path, content: bytes, text: str) -> None:
    (folder / peft.CONFIG).write_bytes(content)
    assert refusal(folder).startswith(text)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"peft_type": "LORA"}, "adapter_config.json has peft_type 'LORA', expected one of PROMPT_TUNING"),
        ({"peft_type": ["PROMPT_TUNING"]}, "adapter_config.json has peft_type ['PROMPT_TUNING'], expected one of"),
        ({"task_type": "SEQ_2_SEQ_LM"}, "adapter_config.json has task_type 'SEQ_2_SEQ_LM', expected 'CAUSAL_LM'. Only prompts of causal models"),
        ({"modules_to_save": ["lm_head"]}, "adapter_config.json has modules_to_save ['lm_head']: it also changes weights. Import a prompt alone."),
        ({"num_virtual_tokens": 5}, "adapter_config.json says 5 virtual tokens, prompt_embeddings has 4 rows."),
        ({"num_virtual_tokens": None}, "adapter_config.json says None virtual tokens, prompt_embeddings has 4 rows."),
    ],
    ids=str,
)
def test_attack_a_config_of_something_else(folder: Path, changes: dict[str, Any], text: str) -> None:
    config(folder, **changes)
    assert refusal(folder).startswith(text)


def test_a_missing_task_type_is_said(folder: Path) -> None:
    config(folder, task_type=None)
    assert peft.read_folder(folder).notes == ("adapter_config.json has no task_type: PEFT itself would load this folder and ignore the prompt.",)


def test_attack_pickled_weights_are_never_opened(folder: Path) -> None:
    (folder / peft.WEIGHTS).rename(folder / "adapter_model.bin")
    text = "there is no adapter_model.safetensors in 'adapter'. adapter_model.bin is a pickle, which can run code and is not opened"
    assert refusal(folder).startswith(text)
    (folder / "adapter_model.bin").unlink()
    assert refusal(folder) == "there is no adapter_model.safetensors in 'adapter'. The folder is damaged."


@pytest.mark.parametrize(
    ("tensors", "text"),
    [
        ({"weights": np.zeros((4, 32), np.float32)}, "adapter_model.safetensors holds tensors ['weights'], expected 'prompt_embeddings' alone."),
        (
            {peft.TENSOR: np.zeros((4, 32), np.float32), "base_model.x": np.zeros(1, np.float32)},
            "adapter_model.safetensors holds tensors ['base_model.x', 'prompt_embeddings'], expected 'prompt_embeddings' alone.",
        ),
        ({}, "adapter_model.safetensors holds tensors [], expected 'prompt_embeddings' alone."),
        ({peft.TENSOR: np.zeros((4, 32), np.int32)}, "prompt_embeddings is I32[4, 32], expected [P, width] in F32, F16, BF16 or F64."),
        ({peft.TENSOR: np.zeros((4, 8, 4), np.float32)}, "prompt_embeddings is F32[4, 8, 4], expected [P, width]"),
        ({peft.TENSOR: np.zeros((0, 32), np.float32)}, "prompt_embeddings is F32[0, 32], expected [P, width]"),
        ({peft.TENSOR: np.full((4, 32), np.nan, np.float32)}, "prompt_embeddings holds values that are not finite numbers."),
        ({peft.TENSOR: np.full((4, 32), 1e300)}, "prompt_embeddings holds values that are not finite numbers."),
    ],
    ids=lambda value: str(value)[:30],
)
def test_attack_weights_of_something_else(folder: Path, tensors: dict[str, Any], text: str) -> None:
    (folder / peft.WEIGHTS).write_bytes(save(tensors))
    assert refusal(folder).startswith(text)


def test_attack_truncated_weights(folder: Path) -> None:
    whole = (folder / peft.WEIGHTS).read_bytes()
    for end in range(0, len(whole), 37):
        (folder / peft.WEIGHTS).write_bytes(whole[:end])
        assert refusal(folder).startswith("adapter_model.safetensors cannot be read as a safetensors file (")


@pytest.mark.parametrize("content", [b"{}", b'{"card": 1}', b'{"card": {"name": "x"}}', b'{"card": {"format": 1, "bonus": 2}}'])
def test_attack_a_damaged_card_beside_it(folder: Path, content: bytes) -> None:
    (folder / peft.OURS).write_bytes(content)
    assert refusal(folder).startswith("studio.json is damaged: ")
    assert refusal(folder).endswith("Delete it to import the folder without what it says.")


@pytest.mark.parametrize("form", [soft, prefix])
def test_attack_another_model(tmp_path: Path, model: Any, form: Any) -> None:
    doors.export(form(model), "peft", tmp_path / "adapter")
    other = tiny.build("llama", scale=1.01)
    with pytest.raises(ArtifactError, match="was trained on tiny-llama"):
        brought_in(other, tmp_path / "adapter", tmp_path / "home")
    (tmp_path / "adapter" / peft.OURS).unlink()
    if form is prefix:
        wide = tiny.build("gpt2")
        with pytest.raises(
            ArtifactError, match=r"is \[4, 96\]; a prefix of 'tiny-gpt2' has rows of 192 \(L \* 2 \* K \* D = 3 \* 2 \* 4 \* 8\)\. Name"
        ):
            brought_in(wide, tmp_path / "adapter", tmp_path / "home")
    result, _ = brought_in(other, tmp_path / "adapter", tmp_path / "home")
    assert "that it fits the shape" in result["notes"][0]
    assert not list((tmp_path / "home").glob("*.tmp"))


def test_attack_a_name_that_is_a_path(tmp_path: Path, folder: Path, model: Any) -> None:
    result, _ = brought_in(model, folder, tmp_path / "home", name="../../Evil\x00 name")
    assert Path(result["path"]).parent == tmp_path / "home" and result["artifact"] == "evil-name"


def test_attack_a_card_that_names_a_path_or_too_many_fixed_rows(tmp_path: Path, folder: Path, model: Any) -> None:
    (path,) = doors.export(Artifact(card(model, name="../../evil"), soft(model).tensors), "safetensors", tmp_path / "out")
    assert path == tmp_path / "out" / "evil.safetensors"
    (folder / peft.OURS).write_text(json.dumps({"card": to_json(card(model, header=9))}))
    with pytest.raises(ArtifactError, match=r"studio\.json has 9 fixed rows of 4 virtual tokens\. The file is damaged\."):
        brought_in(model, folder, tmp_path / "home")


def test_attack_numbers_too_large_for_this_model(tmp_path: Path, model: Any) -> None:
    huge = {name: np.full_like(tensor, 3e38) for name, tensor in prefix(model).tensors.items()}
    doors.export(Artifact(card(model), huge), "peft", tmp_path / "adapter")
    with pytest.raises(ArtifactError, match=r"under 'films' the model 'tiny-llama' gives no finite numbers\. Name the model that it was trained on"):
        brought_in(model, tmp_path / "adapter", tmp_path / "home")
    assert not (tmp_path / "home").exists(), "nothing is kept"


def test_the_engine_knows_the_door() -> None:
    assert HANDLERS["import"] is bring_in
