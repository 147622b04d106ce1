"""What a run left to look back on; whatever is missing, nothing fails."""

import torch

from steering.engine.past import folder_of, looking_back, read_losses
from steering.engine.trail import TRAIL, add_snapshot, keep_trail, write_seeds
from steering.inspect import Subject
from steering.store import Store

RUN = "b1f8c904f2f74fb7b84296ef41630fde"


def test_a_run_is_looked_back_on(home):
    store = Store(home)
    folder = store.run_folder(RUN)
    for step in (0, 10):
        add_snapshot(folder, 1, step, {"soft_prompt": torch.full((2, 4), float(step))})
    keep_trail(folder, 1)
    write_seeds(folder, {7: {"soft_prompt": torch.ones(2, 4)}, 8: {"soft_prompt": torch.zeros(2, 4)}})
    seen = looking_back(store, RUN, Subject(name="tried"))
    assert [step for step, _ in seen.trail] == [0, 10] and float(seen.trail[1][1]["soft_prompt"].mean()) == 10
    assert [float(one["soft_prompt"].mean()) for one in seen.siblings] == [1, 0]


def test_a_damaged_trail_is_no_trail(home):
    store = Store(home)
    (store.run_folder(RUN) / TRAIL).write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00not json at all..")
    assert looking_back(store, RUN, Subject(name="tried")).trail == ()


def test_a_run_that_is_not_here(home):
    store = Store(home)
    assert read_losses(store, "0" * 32) == ()
    assert folder_of(store, "../../etc") is None and folder_of(store, "") is None
    assert not folder_of(store, RUN).exists()
    seen = Subject(name="tried")
    assert looking_back(store, "../x", seen) is seen and looking_back(store, RUN, seen) == seen
