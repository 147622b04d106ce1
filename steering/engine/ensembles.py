"""Several contestants as one: the mean of their log-probabilities (Lester et al. 2021, section 6, took the vote of five prompts on one model).

``ensemble:a+b`` are the saved prompts a and b; members may also be written out (``run:ID``, ``run:ID@STEP``, ``saved:NAME``). ``seeds:RUN`` are the
seeds of one run. All of them are roots on the one frozen copy, and what they answer alone is remembered as theirs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from steering.engine.contestants import Context, contestant, enter
from steering.engine.judging import Contestant
from steering.engine.memory import root_digest
from steering.engine.trail import read_seeds
from steering.errors import SpecError
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Ids, Scoring
from steering.methods.forms import root_of
from steering.spec import digest

if TYPE_CHECKING:
    from steering.engine.contestants import Making

MEMBERS = ("saved", "run")


def ensemble(lm: FrozenLM, value: str, context: Context) -> "Making":
    """The contestant; its members are made in their order.

    Raises:
        SpecError: fewer than two members, one twice, one that is no learned prompt, or not a classification.
    """
    names = [name.strip() if ":" in name else f"saved:{name.strip()}" for name in value.split("+")]
    if len(names) < 2 or len(set(names)) < len(names) or any(name.partition(":")[0] not in MEMBERS for name in names):
        raise SpecError(f"ensemble:{value} does not name several learned prompts.", "Write ensemble:NAME+NAME with saved prompts, or run:ID@STEP.")
    if context.task.kind != "classification":
        raise SpecError(f"ensemble:{value} averages label probabilities, and this task is {context.task.kind}.", "Leave it out.")
    members = []
    for name in names:
        members.append((yield from enter(lm, name, context)))
    return joined(lm, f"ensemble:{value}", members)


def seeds(lm: FrozenLM, value: str, context: Context) -> "Making":
    """``seeds:RUN``: what every seed of a run learned, together.

    Raises:
        NotFoundError: no such run; SpecError: it had one seed only, or not a classification.
    """
    first = yield from enter(lm, f"run:{value}", context)
    assert context.store is not None, "run: needs it too, and says so"
    others = read_seeds(context.store.home / "runs" / value)
    if not others:
        raise SpecError(f"run {value!r} was trained with one seed, so there is no ensemble of seeds.", "Train with several seeds, or leave it out.")
    if context.task.kind != "classification":
        raise SpecError(f"seeds:{value} averages label probabilities, and this task is {context.task.kind}.", "Leave it out.")
    roots = [(seed, root_of(lm, {name: t.to(lm.device) for name, t in vectors.items()})) for seed, vectors in others]
    members = [
        replace(contestant(lm, f"seed {seed}", first.kind, "Learned prompt", root, root_digest(root)), seen=first.seen) for seed, root in roots
    ]
    return replace(joined(lm, f"seeds:{value}", [first, *members]), spoken=f"the ensemble of {1 + len(members)} seeds")


def joined(lm: FrozenLM, name: str, members: Sequence[Contestant]) -> Contestant:
    """Members that were made already, as one contestant."""

    def scorer(lm: FrozenLM, root: Root, inputs: Sequence[Ids], labels: Scoring) -> Iterator[tuple[range, Tensor]]:
        for i, ids in enumerate(inputs):
            found = [log_probs for one in members for _, log_probs in one.scorer(lm, one.root, [ids], labels)]
            yield range(i, i + 1), mean_log_probs(found)

    seen = [one.seen for one in members]
    return Contestant(
        name=name,
        kind="ensemble",
        spoken=f"the ensemble of {len(members)} learned prompts",
        root=max((one.root for one in members), key=lambda root: root.length),
        fingerprint=digest({"kind": "ensemble", "members": [one.fingerprint for one in members]}),
        scorer=scorer,
        members=tuple(members),
        combine=mean_log_probs,
        seen=None if None in seen else frozenset().union(*(keys for keys in seen if keys is not None)),
        made={"members": [one.name for one in members], "prompt_tokens": sum(one.root.length for one in members)},
    )


def mean_log_probs(parts: Sequence[Tensor]) -> Tensor:
    """[N, K]: the mean of log-probabilities that are normalised over the labels first, so that no member counts more for being sure of its format."""
    return torch.stack([torch.log_softmax(part.float(), -1) for part in parts]).mean(0)
