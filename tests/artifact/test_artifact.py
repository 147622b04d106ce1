"""Saved prompts: bit-equal round trips, and files that mean harm or were harmed."""

import dataclasses
import errno
import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save, save_file

from steering import artifact
from steering.artifact import Artifact, Card
from steering.artifact.file import KEY, MAX_BYTES
from steering.errors import ArtifactError, NotFoundError, SteeringError, StorageError
from steering.knobs import to_json
from steering.spec import TaskSpec

TASK = TaskSpec(kind="classification", template="{text}\nLabel:", prompt="Say «é» 😀.", label_words={"1": "good", "0": "bad"})
CARD = Card(
    name="films",
    method="prompt_tuning",
    model="tiny-llama",
    revision="r",
    fingerprint="f0f0",
    task=TASK,
    dataset="d",
    virtual_tokens=3,
    start_ids=(5, 0, 7),
    header=1,
    created=12.5,
    run="a" * 32,
    best_step=4,
    title="Films, «é»",
    scores={"accuracy": 0.9, "accuracy_ci": [0.8, 1.0]},
    verdict="Better.",
)
_random = np.random.default_rng(0)
SOFT = {"soft_prompt": _random.standard_normal((3, 8)).astype(np.float32)}
PREFIX = {name: _random.standard_normal((2, 4, 3, 8)).astype(np.float32) for name in ("prefix_keys", "prefix_values")}


def raw(header: object, data: bytes = b"") -> bytes:
    """A safetensors file as bytes, whatever its header says."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def with_card(card: Any, *, kind: str = "F32", shape: tuple[int, ...] = (3, 8), size: int = 96, name: str = "soft_prompt") -> bytes:
    text = card if isinstance(card, str) else json.dumps(card)
    return raw({"__metadata__": {KEY: text}, name: {"dtype": kind, "shape": shape, "data_offsets": [0, size]}}, bytes(size))


def plain(**changes: Any) -> dict[str, Any]:
    return to_json(CARD) | changes


def refusal(folder: Path, content: bytes) -> str:
    """The text with which a file is refused; the listing must show a reason too, or show it as sound where only reading finds out."""
    path = folder / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        artifact.read(path)
    (line,) = artifact.listing([folder])
    assert (line.name, line.path, line.file_bytes) == ("bad", path, len(content))
    assert (line.card is None) == bool(line.problem)
    assert caught.value.hint
    return str(caught.value)


# Round trips.


PARTIAL = PREFIX | {"prefix_layers": np.array([1, 0, 1], np.float32)}


@pytest.mark.parametrize("tensors", [SOFT, PREFIX, PARTIAL], ids=["soft prompt", "prefix", "prefix in some layers"])
def test_round_trip_is_bit_equal(tmp_path: Path, tensors: dict[str, Any]) -> None:
    made = Artifact(CARD, tensors)
    path = artifact.write(tmp_path, made)
    back = artifact.read(path)
    assert path == tmp_path / "films.safetensors" and back.card == CARD
    assert back.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert back.tensors[name].dtype == np.float32 and back.tensors[name].tobytes() == tensor.tobytes()
    assert back.digest == made.digest and len(back.digest) == 16
    assert artifact.write(tmp_path, back).read_bytes() == path.read_bytes(), "the same prompt is the same file"


def test_extreme_numbers_and_odd_memory_come_back(tmp_path: Path) -> None:
    edge = np.array([[np.finfo(np.float32).max, -0.0, np.finfo(np.float32).smallest_subnormal]] * 3, np.float32)
    views = {
        "edge": edge,
        "transposed": np.asfortranarray(SOFT["soft_prompt"]),
        "every other": SOFT["soft_prompt"][:, ::2],
        "reversed": edge[::-1, ::-1],
    }
    for tensor in views.values():
        made = Artifact(CARD, {"soft_prompt": tensor})
        back = artifact.read(artifact.write(tmp_path, made))
        assert back.tensors["soft_prompt"].tobytes() == np.ascontiguousarray(tensor).tobytes()
        assert back.digest == made.digest


def test_the_digest_is_of_the_vectors_and_their_start() -> None:
    base = Artifact(CARD, SOFT).digest
    assert Artifact(dataclasses.replace(CARD, name="other", scores={}), SOFT).digest == base
    assert Artifact(dataclasses.replace(CARD, fingerprint="x"), SOFT).digest != base
    assert Artifact(dataclasses.replace(CARD, start_ids=()), SOFT).digest != base
    assert Artifact(CARD, {"soft_prompt": SOFT["soft_prompt"] + 1}).digest != base


def test_the_file_is_plain_safetensors_with_readable_text(tmp_path: Path) -> None:
    content = artifact.write(tmp_path, Artifact(CARD, SOFT)).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    assert json.loads(header["__metadata__"][KEY]) == plain()
    assert header["soft_prompt"]["dtype"] == "F32" and header["soft_prompt"]["shape"] == [3, 8]


# Attacks.


def test_attack_truncated_anywhere(tmp_path: Path) -> None:
    content = artifact.write(tmp_path / "whole", Artifact(CARD, SOFT)).read_bytes()
    for end in range(0, len(content), 10):
        text = refusal(tmp_path, content[:end])
        assert text.startswith("bad.safetensors cannot be read as a safetensors file ("), text
        assert text.endswith("It is damaged or some other file; download or export it again.")


def test_attack_bytes_after_the_end_and_bytes_turned_round(tmp_path: Path) -> None:
    content = artifact.write(tmp_path / "whole", Artifact(CARD, SOFT)).read_bytes()
    assert "cannot be read as a safetensors file" in refusal(tmp_path, content + b"\x00")
    for at in range(0, len(content) - 96, 7):
        (tmp_path / "bad.safetensors").write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        with pytest.raises(SteeringError):
            artifact.read(tmp_path / "bad.safetensors")
        assert len(artifact.listing([tmp_path])) == 1


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
@example(struct.pack("<Q", 2) + b"{}")
def test_attack_any_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    refusal(folder, content)


@pytest.mark.parametrize("length", [2**63 - 1, 2**64 - 1, 100_000_001, 9000])
def test_attack_a_header_longer_than_the_file(tmp_path: Path, length: int) -> None:
    assert "cannot be read as a safetensors file" in refusal(tmp_path, struct.pack("<Q", length) + b"{}")


def test_attack_a_foreign_file(tmp_path: Path) -> None:
    foreign = save({"weight": np.zeros((2, 2), np.float32)}, metadata={"format": "pt"})
    text = "bad.safetensors is a safetensors file but not a saved prompt of this app (no 'prompt_steering_studio' in its metadata). If it is a PEFT"
    assert refusal(tmp_path, foreign).startswith(text)
    assert refusal(tmp_path, save({"weight": np.zeros(1, np.float32)})).startswith(text)
    assert "cannot be read" in refusal(tmp_path, b"\x80\x04\x95pickle me, I dare you, there is code in here")
    assert artifact.listing([tmp_path])[0].problem.startswith("bad.safetensors cannot be read")


@pytest.mark.parametrize(
    ("card", "text"),
    [
        ("{not json", "has a damaged card: Expecting property name"),
        ("", "has a damaged card: Expecting value"),
        ("[1]", "has format None; this version reads format 1. Update the app, or export the prompt again."),
        ("null", "has format None; this version reads format 1."),
        (plain(format=2), "has format 2; this version reads format 1."),
        (plain(format="1"), "has format '1'; this version reads format 1."),
        ('{"a":' * 100_000, "has a damaged card: "),
        ("[" * 100_000 + "]" * 100_000, "has a damaged card: "),
        ('{"format": 1, "virtual_tokens": ' + "9" * 5000 + "}", "has a damaged card: "),
        ({"format": 1}, "has a damaged card: Card cannot be made from ['format']: "),
        (plain(bonus=1), "has a damaged card: 'bonus' is not a setting of Card."),
        (plain(virtual_tokens="3"), "has a damaged card: virtual_tokens is '3', expected int."),
        (plain(virtual_tokens=True), "has a damaged card: virtual_tokens is True, expected int."),
        (plain(created="now"), "has a damaged card: created is 'now', expected float."),
        (plain(created=None), "has a damaged card: created is None, expected float."),
        (plain(name=["a"]), "has a damaged card: name is ['a'], expected str."),
        (plain(start_ids="567"), "has a damaged card: start_ids is '567', expected list."),
        (plain(start_ids=[1.5]), "has a damaged card: start_ids is 1.5, expected int."),
        (plain(scores=[1]), "has a damaged card: scores is [1], expected dict."),
        (plain(task=None), "has a damaged card: TaskSpec is NoneType, expected an object"),
        (plain(task={}), "has a damaged card: TaskSpec cannot be made from []: "),
        (plain(task={"kind": "regression"}), "has a damaged card: kind is 'regression', expected one of 'classification', 'generation'."),
        (plain(task={"kind": "generation", "label_words": {"a": 1}}), "has a damaged card: label_words is 1, expected str."),
        (plain(task={"kind": "generation", "max_new_tokens": 10**9}), "has a damaged card: max_new_tokens is 1000000000, expected 1 to 1024 tokens."),
        (plain(task={"kind": "generation", "template": {}}), "has a damaged card: template is {}, expected str."),
    ],
    ids=lambda value: str(value)[:40],
)
def test_attack_a_damaged_card(tmp_path: Path, card: Any, text: str) -> None:
    assert refusal(tmp_path, with_card(card)).startswith(f"bad.safetensors {text}")
    assert artifact.listing([tmp_path])[0].problem.startswith(f"bad.safetensors {text}")


@pytest.mark.parametrize("created", ["NaN", "Infinity", "1e999", "-5", "7"])
def test_attack_odd_dates_do_not_disturb_the_list(tmp_path: Path, created: str) -> None:
    (tmp_path / "odd.safetensors").write_bytes(with_card(json.dumps(plain()).replace("12.5", created)))
    for i in range(3):
        artifact.write(tmp_path, Artifact(dataclasses.replace(CARD, name=f"n{i}", created=float(i)), SOFT))
    listed = [item.name for item in artifact.listing([tmp_path])]
    assert sorted(listed) == ["n0", "n1", "n2", "odd"]
    assert [name for name in listed if name != "odd"] == ["n2", "n1", "n0"]


@pytest.mark.parametrize(("kind", "size"), [("F16", 2), ("BF16", 2), ("F64", 8), ("F8_E4M3", 1), ("F8_E5M2", 1), ("I32", 4), ("I64", 8), ("BOOL", 1)])
def test_attack_a_wrong_type(tmp_path: Path, kind: str, size: int) -> None:
    text = refusal(tmp_path, with_card(plain(), kind=kind, size=24 * size))
    assert text.startswith(f"bad.safetensors: tensor soft_prompt is {kind}[3, 8], which does not fit 3 virtual tokens in F32.")


@pytest.mark.parametrize("shape", [(8, 3), (24,), (1, 3, 8), (4, 6), (24, 1), ()])
def test_attack_a_wrong_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    text = refusal(tmp_path, with_card(plain(), shape=shape, size=96 if shape else 4))
    assert text.startswith(f"bad.safetensors: tensor soft_prompt is F32{list(shape)}, which does not fit 3 virtual tokens")


@pytest.mark.parametrize(("tokens", "shape"), [(3, (3, 0)), (0, (0, 8)), (-1, (3, 8))])
def test_attack_nothing_in_it(tmp_path: Path, tokens: int, shape: tuple[int, ...]) -> None:
    text = refusal(tmp_path, with_card(plain(virtual_tokens=tokens), shape=shape, size=4 * shape[0] * shape[1]))
    assert f"does not fit {tokens} virtual tokens" in text


def test_attack_shapes_that_lie_about_their_size(tmp_path: Path) -> None:
    for shape in ((3, 2**62), (3, 8), (2**40, 2**40)):
        assert "cannot be read as a safetensors file" in refusal(tmp_path, with_card(plain(), shape=shape, size=92))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["soft_prompt", "prefix_keys", "prefix_values"])
def test_attack_not_finite(tmp_path: Path, name: str, value: float) -> None:
    tensors = {key: tensor.copy() for key, tensor in (SOFT if name in SOFT else PREFIX).items()}
    tensors[name].flat[-1] = value
    artifact.write(tmp_path, Artifact(CARD, tensors))
    with pytest.raises(ArtifactError, match=f"tensor {name} holds values that are not finite numbers. Train it again with a lower learning rate."):
        artifact.read(tmp_path / "films.safetensors")


@pytest.mark.parametrize("names", [["soft_prompt", "prefix_keys"], ["prefix_keys"], ["lora_A"], ["soft_prompt", "x"], []])
def test_attack_other_tensors(tmp_path: Path, names: list[str]) -> None:
    content = save({name: np.ones((3, 8), np.float32) for name in names}, metadata={KEY: json.dumps(plain())})
    text = f"bad.safetensors holds tensors {sorted(names)}, expected a soft prompt or a prefix."
    assert refusal(tmp_path, content).startswith(text)


def test_attack_keys_and_values_that_do_not_match(tmp_path: Path) -> None:
    tensors = {"prefix_keys": PREFIX["prefix_keys"], "prefix_values": PREFIX["prefix_values"][:1]}
    text = refusal(tmp_path, save(tensors, metadata={KEY: json.dumps(plain())}))
    assert "keys and values differ in shape ([(1, 4, 3, 8), (2, 4, 3, 8)])" in text


@pytest.mark.parametrize("marks", [[1, 1, 1], [0, 0, 0], [2, 0, 0], [0.5, 0.5, 1]], ids=str)
def test_attack_layers_that_do_not_fit_the_keys(tmp_path: Path, marks: list[float]) -> None:
    tensors = PREFIX | {"prefix_layers": np.array(marks, np.float32)}
    text = refusal(tmp_path, save(tensors, metadata={KEY: json.dumps(plain())}))
    assert "prefix_layers does not name as many layers as there are keys (2)" in text


@pytest.mark.parametrize("header", [-1, 4])
def test_attack_more_fixed_rows_than_there_are(tmp_path: Path, header: int) -> None:
    text = refusal(tmp_path, save(SOFT, metadata={KEY: json.dumps(plain(header=header))}))
    assert text == f"bad.safetensors has {header} fixed rows of 3 virtual tokens. The file is damaged."


def test_attack_a_file_far_too_large(tmp_path: Path) -> None:
    with (tmp_path / "huge.safetensors").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ArtifactError, match=rf"huge.safetensors has {MAX_BYTES + 1} bytes; a saved prompt has at most {MAX_BYTES}"):
        artifact.read(tmp_path / "huge.safetensors")
    assert artifact.listing([tmp_path])[0].problem


def test_attack_folders_and_links_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    (tmp_path / "nowhere.safetensors").symlink_to(tmp_path / "gone")
    (tmp_path / "round.safetensors").symlink_to(tmp_path / "round.safetensors")
    artifact.write(tmp_path, Artifact(CARD, SOFT))
    found = {item.name: item for item in artifact.listing([tmp_path, tmp_path / "missing"])}
    assert found.keys() == {"folder", "nowhere", "round", "films"}
    assert found["films"].problem == "" and all(found[name].problem for name in ("folder", "nowhere", "round"))
    for name in ("folder", "nowhere", "round"):
        with pytest.raises(NotFoundError, match=rf"^there is no saved prompt '{name}.safetensors'\. `saved` lists the saved prompts\.$"):
            artifact.read(artifact.find([tmp_path], name))


@pytest.mark.parametrize("name", ["../films", "/etc/passwd", "films.safetensors", "films\x00", "..", "", "sub/films", "FILMS", "ﬁlms"])
def test_attack_names_are_looked_up_never_joined(tmp_path: Path, name: str) -> None:
    artifact.write(tmp_path, Artifact(CARD, SOFT))
    folder = tmp_path / "inner"
    artifact.write(folder, Artifact(dataclasses.replace(CARD, name="other"), SOFT))
    with pytest.raises(NotFoundError, match=r"^there is no saved prompt "):
        artifact.find([folder], name)


@pytest.mark.parametrize("name", ["../up", "/abs", "a/b", "", ".hidden", "A", "a\n", "a\x00", "é", "x" * 81])
def test_attack_an_unsafe_name_is_never_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(AssertionError, match="is no safe name"):
        artifact.write(tmp_path, Artifact(dataclasses.replace(CARD, name=name), SOFT))
    assert list(tmp_path.iterdir()) == []


def test_attack_another_models_vectors() -> None:
    artifact.require_fit(CARD, model="renamed", fingerprint="f0f0")
    with pytest.raises(ArtifactError) as caught:
        artifact.require_fit(CARD, model="other/model", fingerprint="abcd")
    assert str(caught.value) == (
        "'films' was trained on tiny-llama (embedding fingerprint f0f0); the loaded model is other/model (abcd). "
        "Load tiny-llama, or train a prompt for this model."
    )


# Names.


@settings(max_examples=300, deadline=None)
@given(st.text() | st.text("./\\~ -_\x00:aA\u0130é", max_size=100))
@example("../../etc/passwd")
@example("..")
@example("\x00")
@example("...---...")
@example("CON")
@example("x" * 79 + "- y")
@example("\u0130" * 50)
@example("\ud800")
def test_safe_names_are_safe(text: str) -> None:
    name = artifact.safe_name(text)
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,79}", name)
    assert (Path("/saved") / name).parent == Path("/saved") and Path(name).name == name
    assert artifact.safe_name(name) == name, "a safe name stays as it is"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My Films (2)", "my-films-2"),
        ("../../etc/passwd", "etc-passwd"),
        ("", "prompt"),
        ("文本", "prompt"),
        ("v1.2_b", "v1.2_b"),
        ("Über uns", "ber-uns"),
    ],
)
def test_safe_names_are_readable(text: str, name: str) -> None:
    assert artifact.safe_name(text) == name


def test_free_names_look_in_every_folder(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    assert artifact.free_name(folders, "Films") == "films"
    for folder, name in ((folders[1], "films"), (folders[0], "films-2")):
        artifact.write(folder, Artifact(dataclasses.replace(CARD, name=name), SOFT))
    assert artifact.free_name(folders, "Films") == "films-3"
    artifact.write(folders[0], Artifact(dataclasses.replace(CARD, name="x" * 80), SOFT))
    long = artifact.free_name(folders, "x" * 200)
    assert long == "x" * 74 + "-2" and artifact.safe_name(long) == long


# Lists.


def test_the_list_shows_damaged_files_last_and_why(tmp_path: Path) -> None:
    for created, name in ((1.0, "old"), (3.0, "new"), (2.0, "middle")):
        artifact.write(tmp_path, Artifact(dataclasses.replace(CARD, name=name, created=created), SOFT))
    (tmp_path / "broken.safetensors").write_bytes(b"short")
    (tmp_path / "notes.txt").write_text("not ours")
    listed = artifact.listing([tmp_path])
    assert [item.name for item in listed] == ["new", "middle", "old", "broken"]
    assert listed[0].card is not None and listed[0].card.created == 3.0 and listed[0].problem == ""
    assert listed[3].problem.startswith("broken.safetensors cannot be read: ")


def test_a_name_is_found_in_the_first_folder_that_has_it(tmp_path: Path) -> None:
    """Even where a later folder holds a newer file of that name."""
    first, second = tmp_path / "own", tmp_path / "shipped"
    artifact.write(first, Artifact(dataclasses.replace(CARD, created=1.0), SOFT))
    artifact.write(second, Artifact(dataclasses.replace(CARD, created=9.0), SOFT))
    assert artifact.find([first, second], "films") == first / "films.safetensors"
    assert artifact.find([second, first], "films") == second / "films.safetensors"


def test_a_name_that_is_nearly_right_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        artifact.find([tmp_path], "films")
    assert str(caught.value) == "there is no saved prompt 'films'. Saved prompts: none yet."
    for name in ("films", "tickets"):
        artifact.write(tmp_path, Artifact(dataclasses.replace(CARD, name=name), SOFT))
    for wanted, hint in (("film", "Did you mean 'films'?"), ("zzz", "Saved prompts: films, tickets.")):
        with pytest.raises(NotFoundError) as caught:
            artifact.find([tmp_path], wanted)
        assert str(caught.value) == f"there is no saved prompt {wanted!r}. {hint}"


# Writing that fails.


def _full(self: Path, content: bytes) -> int:
    with self.open("wb") as file:
        file.write(content[: len(content) // 2])
    raise OSError(errno.ENOSPC, "No space left on device")


def _refused(self: Path, target: Path) -> Path:
    raise PermissionError(errno.EACCES, "Permission denied")


@pytest.mark.parametrize(("step", "fault", "reason"), [("write_bytes", _full, "No space left on device"), ("replace", _refused, "Permission denied")])
def test_a_failed_write_leaves_the_old_prompt_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, fault: Callable[..., Any], reason: str
) -> None:
    path = artifact.write(tmp_path, Artifact(CARD, SOFT))
    before = path.read_bytes()
    monkeypatch.setattr(Path, step, fault)
    with pytest.raises(StorageError) as caught:
        artifact.write(tmp_path, Artifact(CARD, {"soft_prompt": SOFT["soft_prompt"] + 1}))
    monkeypatch.undo()
    assert str(caught.value).startswith(f"{path} cannot be written: {reason}. Free some space, mend the folder's permissions")
    assert [item.name for item in tmp_path.iterdir()] == ["films.safetensors"] and path.read_bytes() == before
    assert artifact.read(path).card == CARD


def test_no_folder_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"films\.safetensors cannot be written: (File exists|Not a directory)\."):
        artifact.write(tmp_path / "file", Artifact(CARD, SOFT))


def test_a_file_that_another_library_wrote_with_our_card_is_ours(tmp_path: Path) -> None:
    save_file(SOFT, tmp_path / "b.safetensors", metadata={KEY: json.dumps(plain()), "format": "pt"})
    assert artifact.read(tmp_path / "b.safetensors").tensors["soft_prompt"].tobytes() == SOFT["soft_prompt"].tobytes()
