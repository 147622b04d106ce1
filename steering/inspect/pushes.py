"""Direct effects of virtual tokens on the margin between the right answer and its strongest rival, over held-out rows (SCIENCE notes A3, view 10)."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from steering.inspect.bench import Bench
from steering.inspect.contract import Progress, Subject
from steering.inspect.subjects import bench, learned, manual, slot_names
from steering.lm.direct import Direct, direct
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Ids

Rival = Callable[[range, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushes:
    """``slots`` [n, L, P] fp64; ``control`` [n]: all tokens of the manual prompt together; ``change`` [n]: of the whole margin against no prompt;
    ``names`` of the P virtual tokens, the first ``header`` being the model's own; ``what`` the margin is."""

    slots: Tensor
    control: Tensor
    change: Tensor
    names: list[str]
    header: int
    what: str
    rows: int


def pushes(lm: FrozenLM, subject: Subject, most: int) -> Generator[Progress, None, Pushes]:
    """Measure at most ``most`` held-out rows under the learned prompt, the manual prompt and no prompt, between the same two words each row."""
    assert subject.task is not None
    own, text, none = learned(lm, subject), manual(lm, subject.task), Root(embeds=lm.embed(lm.header))
    rows = bench(lm, subject, subject.rows[:most], own, text, none)
    asked = _question(rows)
    inputs, chosen = asked.inputs, _Rivals(asked.right, asked.among)
    found = yield from _run(lm, own, inputs, chosen, "the learned prompt")
    control = yield from _run(lm, text, inputs, chosen, "your manual prompt")
    bare = yield from _run(lm, none, inputs, chosen, "no prompt")
    return Pushes(
        slots=found.slots.double(),
        control=control.slots.sum((1, 2)).double(),
        change=(found.margin - bare.margin).double(),
        names=slot_names(lm, subject, own.length),
        header=subject.header,
        what=asked.what,
        rows=len(inputs),
    )


@dataclass(frozen=True, slots=True)
class _Question:
    """Where the words part: ``inputs`` up to there, the ``right`` next token of every row, and the tokens it is told from (None: all)."""

    inputs: tuple[Ids, ...]
    right: Tensor
    among: tuple[int, ...] | None
    what: str


def _question(rows: Bench) -> _Question:
    if rows.labels is None:
        right = torch.tensor([target.target[0] for target in rows.targets])
        return _Question(rows.inputs, right, None, "Margin: the first token of the right text against the likeliest other token.")
    words = rows.labels.full()
    shared = commonprefix(words)  # tokens that all label words begin with decide nothing: they are read as part of the input
    nexts = [word[len(shared)] for word in words]
    right = torch.tensor([nexts[int(i)] for i in rows.truth])
    behind = " behind the tokens that all of them begin with" if shared else ""
    what = f"Margin: the first token of the right label word against the likeliest other label's{behind}."
    return _Question(tuple(ids + shared for ids in rows.inputs), right, tuple(sorted(set(nexts))), what)


def commonprefix(words: Sequence[Ids]) -> Ids:
    """The tokens that all words begin with."""
    first = words[0]
    length = next((n for n in range(len(first)) if any(word[n : n + 1] != first[n : n + 1] for word in words)), len(first))
    return first[:length]


class _Rivals:
    """Picks the strongest rival of every row when it is first seen, and keeps to it: the same margin under every prompt."""

    def __init__(self, right: Tensor, among: Sequence[int] | None) -> None:
        self.right, self.among = right, among
        self.kept: dict[int, int] = {}

    def __call__(self, part: range, logits: Tensor) -> tuple[Tensor, Tensor]:
        right = self.right[part.start : part.stop].to(logits.device)
        allowed = torch.full_like(logits, -torch.inf)
        index = slice(None) if self.among is None else list(self.among)
        allowed[:, index] = logits[:, index]
        allowed.scatter_(1, right[:, None], -torch.inf)
        strongest = allowed.argmax(1).tolist()
        rivals = [self.kept.setdefault(row, rival) for row, rival in zip(part, strongest, strict=True)]
        return right, torch.tensor(rivals, device=logits.device)


def _run(lm: FrozenLM, root: Root, inputs: Sequence[Ids], pick: Rival, whose: str) -> Generator[Progress, None, Direct]:
    found = []
    for part, one in direct(lm, root, inputs, pick):
        found.append(one)
        yield Progress(done=part.stop, total=len(inputs), message=f"following what {whose} writes")
    return Direct(*(torch.cat([getattr(one, name) for one in found]) for name in ("slots", "content", "margin")))
