"""What a run leaves to look back on; whatever is wrong with it, nothing fails."""

import torch
from safetensors.torch import save_file

from steering.engine.trail import folder_of, read_losses, read_seeds, read_trail
from steering.store import Store


def test_a_trail_is_read_by_step(tmp_path):
    path = tmp_path / "trail.safetensors"
    steps = {0: 1.0, 10: 2.0, 100: 3.0}
    save_file({f"{step}/soft_prompt": torch.full((2, 4), value, dtype=torch.float16) for step, value in steps.items()}, path)
    trail = read_trail(path)
    assert [step for step, _ in trail] == [0, 10, 100]
    assert [float(vectors["soft_prompt"].mean()) for _, vectors in trail] == [1.0, 2.0, 3.0]
    assert trail[0][1]["soft_prompt"].dtype == torch.float32


def test_seeds_are_read_by_number(tmp_path):
    path = tmp_path / "seeds.safetensors"
    save_file({"2/prefix_keys": torch.ones(1, 1, 2, 2), "1/prefix_keys": torch.zeros(1, 1, 2, 2), "2/prefix_values": torch.ones(1, 1, 2, 2)}, path)
    first, second = read_seeds(path)
    assert set(first) == {"prefix_keys"} and set(second) == {"prefix_keys", "prefix_values"}


def test_absent_damaged_and_foreign_files_are_nothing(tmp_path):
    damaged, foreign = tmp_path / "damaged.safetensors", tmp_path / "foreign.safetensors"
    damaged.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00not json at all..")
    save_file({"weight": torch.ones(1), "a/b/c": torch.ones(1)}, foreign)
    for path in (tmp_path / "none.safetensors", damaged, foreign, tmp_path):
        assert read_trail(path) == () and read_seeds(path) == ()


def test_a_run_that_is_not_here(home):
    store = Store(home)
    assert read_losses(store, "0" * 32) == ()
    assert folder_of(store, "../../etc") is None and folder_of(store, "") is None
    folder = folder_of(store, "b1f8c904f2f74fb7b84296ef41630fde")
    assert folder is not None and not folder.exists()
