"""One look at one contestant on some rows that choose: mean NLL and accuracy, remembered by content like everything that is scored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from steering.engine.judging import Contestant, answers
from steering.engine.memory import Memory, input_key, scope_of
from steering.lm.encode import encode_examples
from steering.lm.frozen import FrozenLM
from steering.lm.scoring import score_targets
from steering.slices import relayed
from steering.spec import Example, TaskSpec
from steering.store import Kept


@dataclass(frozen=True, slots=True)
class Score:
    """Mean negative log-likelihood a row (a target token for generation), and accuracy (None for generation)."""

    nll: float
    accuracy: float | None


def trial(lm: FrozenLM, task: TaskSpec, one: Contestant, rows: Sequence[Example], memory: Memory) -> Iterator[Score | None]:
    """Yields None after every slice, and the score last."""
    if task.kind == "generation":
        yield from _targets(lm, task, one, rows, memory)
        return
    judged = yield from relayed(answers(lm, task, [one], rows, memory), lambda _: None)
    log_probs = torch.log_softmax(torch.from_numpy(judged[0].log_probs), -1)
    numbers = {name: i for i, name in enumerate(task.label_words)}
    truth = torch.tensor([numbers[row.target] for row in rows])
    right = (log_probs.argmax(-1) == truth).float().mean()
    yield Score(float(-log_probs.gather(1, truth[:, None]).mean()), float(right))


def _targets(lm: FrozenLM, task: TaskSpec, one: Contestant, rows: Sequence[Example], memory: Memory) -> Iterator[Score | None]:
    data = encode_examples(lm, task, rows, one.root.length)
    scope = scope_of(lm, task, one.fingerprint) + " nll"
    keys = [input_key((*target.ids, -1, *target.target)) for target in data.targets]
    known = memory.recall(scope, keys)
    todo = [i for i, key in enumerate(keys) if key not in known]
    for part, nll in score_targets(lm, one.root, [data.targets[i] for i in todo]):
        fresh = {keys[todo[i]]: Kept(value, 0.0) for i, value in zip(part, nll.tolist(), strict=True)}
        memory.keep(scope, fresh)
        known |= fresh
        yield None
    yield Score(sum(known[key].value for key in keys) / len(keys), None)
