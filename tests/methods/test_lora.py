"""The LoRA reference: PEFT's modules, our contract, and a model that is bit-equal before, during and after."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from steering import artifact
from steering.artifact import Artifact, Card, doors
from steering.errors import ArtifactError, SpecError
from steering.inspect import VIEWS
from steering.lm.encode import prompt_text
from steering.lm.forest import Branch, Tree
from steering.lm.generate import Decoding, generate
from steering.methods import METHODS, Saved, Setting, lora, options
from steering.methods.forms import root_of
from steering.methods.lora import inject
from steering.spec import TaskSpec

TASK = TaskSpec(kind="classification", template="{text}\nLabel:", prompt="Is the film good or bad?", label_words={"pos": "good", "neg": "bad"})
IDS = (5, 6, 7, 9)
TARGETS = {"llama": "q_proj, v_proj, down_proj", "gpt2": "c_attn,mlp.c_proj"}

# PEFT 0.21 asks transformers 5.23 by names that are about to go.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


def _build(lm, task=TASK, **values):
    return METHODS["lora"].build(lm, Setting(task, (), 0), options("lora", values))


def _moved(lm, task=TASK, **values):
    """As after training: every number a little off."""
    steering = _build(lm, task, **values)
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in steering.parameters().values():
            parameter.add_(torch.randn(parameter.shape, generator=draw))
    return steering


def _logits(lm, root, ids=IDS):
    with torch.no_grad():
        return lm.logits([Tree(root, (Branch(ids, len(ids)),))])


def _made(lm, steering, task=TASK) -> Artifact:
    tensors = {name: np.ascontiguousarray(t.numpy()) for name, t in steering.vectors().items()}
    length = steering.root().length
    return Artifact(
        Card(name="low", method="lora", model=lm.id, revision="", fingerprint=lm.fingerprint, task=task, dataset="", virtual_tokens=length), tensors
    )


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@pytest.mark.parametrize("layout", ["forest", "padded"])
def test_the_model_is_bit_equal_before_during_and_after(name, layout):
    lm = tiny.build(name, layout=layout)
    before, bare = lm.weights_hash(), _logits(lm, lm.text_root("a film"))
    traces = {key: set(vars(module)) for key, module in lm.model.named_modules()}
    random = torch.random.get_rng_state()
    steering = _moved(lm, targets=TARGETS[name])
    assert torch.equal(torch.random.get_rng_state(), random)
    changed = _logits(lm, steering.root())
    assert not torch.allclose(changed, _logits(lm, lm.text_root(prompt_text(TASK.prompt))))
    assert torch.equal(_logits(lm, lm.text_root("a film")), bare)
    lm.logits([Tree(steering.root(), (Branch(IDS, 1),))]).sum().backward()
    assert torch.equal(_logits(lm, lm.text_root("a film")), bare)
    assert lm.weights_hash() == before
    assert {key: set(vars(module)) for key, module in lm.model.named_modules()} == traces
    assert not any(p.requires_grad for p in lm.model.parameters()) and not any(m.training for m in lm.model.modules())


def test_a_forward_that_fails_puts_the_base_back(monkeypatch):
    lm = tiny.build()
    steering, before = _moved(lm), lm.weights_hash()

    def fail(*args):
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(lm, "_forest", fail)
        _logits(lm, steering.root())
    assert lm.weights_hash() == before and lm._adapter is None
    assert type(lm.model.model.layers[0].self_attn.q_proj) is torch.nn.Linear


def test_places_are_looked_for_once_and_roots_that_share_them_keep_apart(monkeypatch):
    lm, asked = tiny.build(scale=8.0), []
    monkeypatch.setattr(lora, "inject", lambda *given: asked.append(given) or inject(*given))
    first, second = _moved(lm).vectors(), _build(lm).vectors()
    asked.clear()
    roots = [root_of(lm, vectors) for vectors in (first, second, first)]
    assert len(asked) == 1
    one, other, again = (lm.logits([Tree(root, (Branch(IDS, 1),))]) for root in roots)
    assert torch.equal(one, again) and not torch.allclose(one, other)
    wide = root_of(lm, _build(lm, rank=4).vectors())
    assert len(asked) == 3 and torch.allclose(lm.logits([Tree(wide, (Branch(IDS, 1),))]), other)  # built and found; B is zero in both


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_exported_it_means_the_same_in_peft(tmp_path: Path, name: str):
    from peft import PeftModel

    lm = tiny.build(name)
    steering = _moved(lm, targets=TARGETS[name], rank=4, alpha=6.0)
    files = doors.export(_made(lm, steering), "peft", tmp_path / "a")
    assert {p.name for p in files} == {"README.md", "adapter_config.json", "adapter_model.safetensors", "studio.json"}
    text = (tmp_path / "a" / "README.md").read_text()
    assert repr(TASK.prompt) in text and "LORA adapter" in text
    front = lm.encode(prompt_text(TASK.prompt))
    with pytest.warns(UserWarning, match="fan_in_fan_out") if name == "gpt2" else _quiet():
        model = PeftModel.from_pretrained(tiny.build(name, layout="padded").model, tmp_path / "a").eval()
    with torch.no_grad():
        theirs = model(input_ids=torch.tensor([front + IDS])).logits[0, -len(IDS) :]
    assert float((theirs - _logits(lm, steering.root())).abs().max()) < 1e-4


def _quiet():
    from contextlib import nullcontext

    return nullcontext()


@pytest.mark.parametrize("prompt", [TASK.prompt, ""])
def test_saved_and_loaded_it_is_the_same(tmp_path: Path, prompt: str):
    lm = tiny.build()
    task = replace(TASK, prompt=prompt)
    steering = _moved(lm, task)
    back = artifact.read(artifact.write(tmp_path, _made(lm, steering, task)))
    vectors = {name: torch.from_numpy(array) for name, array in back.tensors.items()}
    assert torch.equal(_logits(lm, root_of(lm, vectors)), _logits(lm, steering.root()))
    assert all("there are no learned vectors to look at" in view.applies(vectors) for view in VIEWS.values())
    other = tiny.build("gpt2")
    with pytest.raises(ArtifactError):
        root_of(other, vectors)


def test_scoring_and_decoding_side_by_side_with_others():
    lm = tiny.build(scale=3.0)
    steering = _moved(lm)
    roots = [steering.root(), lm.text_root("a film"), steering.root().detach(), lm.to_kv(steering.root())]
    alone = [_logits(lm, root) for root in roots]
    with torch.no_grad():
        together = lm.logits([Tree(root, (Branch(IDS, len(IDS)),)) for root in roots])
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(alone[0], alone[3], atol=1e-5, rtol=1e-5)
    how = Decoding(max_new_tokens=6, stop_newline=False)
    *_, mixed = generate(lm, [(root, IDS) for root in roots], how)
    for root, answer in zip(roots, mixed, strict=True):
        *_, solo = generate(lm, [(root, IDS)], how)
        assert answer.text == solo[0].text
    assert mixed[0].text != mixed[1].text


def test_it_cannot_be_the_start_of_vectors():
    lm = tiny.build()
    saved = Saved(_moved(lm).vectors(), 0)
    chosen = options("prompt_tuning", {"start": "saved", "start_from": "low"})
    with pytest.raises(ArtifactError, match=r"'low' is a change of the model's weights \(LoRA\) and cannot be a start"):
        METHODS["prompt_tuning"].build(lm, Setting(TASK, (), 0, lambda name: saved), chosen)


def test_a_body_in_bf16_is_changed_in_fp32():
    lm = tiny.build()
    lm.model.bfloat16()
    steering = _moved(lm)
    lm.logits([Tree(steering.root(), (Branch(IDS, 1),))]).float().sum().backward()
    assert all(p.dtype == torch.float32 and p.grad is not None for p in steering.parameters().values())


def test_targets_that_are_not_there_are_named():
    lm = tiny.build()
    before = lm.weights_hash()
    with pytest.raises(SpecError) as caught:
        inject(lm, 4, "query")
    assert str(caught.value).startswith("targets is 'query': Target modules {'query'} not found in the base model.")
    assert str(caught.value).endswith("Modules of this model: down_proj, gate_proj, k_proj, lm_head, o_proj, q_proj, up_proj, v_proj; or all-linear.")
    with pytest.raises(SpecError, match=r"targets is 'embed_tokens': 'model\.embed_tokens' is no linear module\. Modules of this model: down_proj"):
        inject(lm, 4, "embed_tokens")
    assert lm.weights_hash() == before and not hasattr(lm.model, "peft_config")
    assert len(inject(lm, 4, "all-linear")) == 7 * lm.shape.L
    assert len(inject(lm, 4, "default")) == 2 * lm.shape.L


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda t: t.pop("lora.model.layers.0.self_attn.q_proj.A"), "do not come in pairs A and B"),
        (lambda t: t.update({"lora.x.A": torch.ones(8, 4), "lora.x.B": torch.ones(4, 8)}), "has no module 'x'"),
        (lambda t: t.update({"lora.model.layers.0.self_attn.q_proj.B": torch.ones(5, 8)}), "expected ((8, 32), (32, 8)) for 'tiny-llama'"),
    ],
    ids=["half a pair", "unknown module", "shape"],
)
def test_damaged_tensors_are_refused(spoil, text):
    lm = tiny.build()
    vectors = _moved(lm).vectors()
    spoil(vectors)
    with pytest.raises(ArtifactError) as caught:
        root_of(lm, vectors)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda t: t.pop("lora.model.layers.0.self_attn.q_proj.A"), "its LoRA tensors do not come in pairs A and B (11 of them)"),
        (lambda t: t.update({"lora.x": np.ones((8, 4), np.float32)}), "its LoRA tensors do not come in pairs A and B (13 of them)"),
        (
            lambda t: t.update({"lora.model.layers.0.self_attn.q_proj.B": np.ones((32, 7), np.float32)}),
            "have shapes [8, 32] and [32, 7], expected one rank",
        ),
    ],
    ids=["half a pair", "odd name", "rank"],
)
def test_damaged_files_are_refused(tmp_path: Path, spoil, text):
    lm = tiny.build()
    made = _made(lm, _moved(lm))
    spoil(made.tensors)
    with pytest.raises(ArtifactError) as caught:
        artifact.read(artifact.write(tmp_path, made))
    assert text in str(caught.value)
