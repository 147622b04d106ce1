"""A soft prompt swapped for texts: its closest entries, random entries, and what it started from."""

from collections.abc import Generator
from dataclasses import dataclass

import torch

from steering.inspect.contract import Progress, Subject
from steering.inspect.slots import candidates
from steering.inspect.subjects import learned, start
from steering.inspect.vocabulary import pieces, vocabulary
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root

LEARNED, CLOSEST, START = "the learned prompt", "its closest entries as text", "the text it started from"


@dataclass(frozen=True, slots=True)
class Texts:
    """``learned`` is the soft prompt, ``closest`` and ``random`` have a token for each of its vectors. ``shown``: what stands in each text."""

    learned: str
    start: str
    random: tuple[str, ...]
    shown: dict[str, str]
    all_roots: dict[str, Root]

    def roots(self, random: int) -> dict[str, Root]:
        """What is run, with the first ``random`` random texts."""
        left_out = self.random[random:]
        return {name: root for name, root in self.all_roots.items() if name not in left_out}


def texts(lm: FrozenLM, subject: Subject, random: int) -> Generator[Progress, None, Texts]:
    """The soft prompt and its texts. The model's header stays in all of them.

    Raises:
        ArtifactError: damaged vectors, or those of another model.
    """
    root = learned(lm, subject)
    assert root.embeds is not None
    vocab = yield from vocabulary(lm)
    found = yield from candidates(lm, vocab, root.embeds, subject.start_ids)
    fixed = min(subject.header, root.length)
    closest = [items[0][0] for items in found]
    closest[:fixed] = subject.start_ids[:fixed] or closest[:fixed]
    drawn = torch.randint(0, len(vocab), (random, root.length), generator=torch.Generator().manual_seed(0))
    ids = {CLOSEST: closest}
    for number, row in enumerate(vocab.ids.cpu()[drawn].tolist()):
        ids[f"random text {number + 1}"] = closest[:fixed] + row[fixed:]
    roots = {LEARNED: root} | {name: Root(embeds=lm.embed(one)) for name, one in ids.items()}
    begun = start(lm, subject)
    if begun is not None:
        roots[START] = begun
        ids[START] = list(subject.start_ids)
    shown = {name: "".join(pieces(lm, one)) for name, one in ids.items()}
    names = tuple(name for name in ids if name.startswith("random"))
    return Texts(LEARNED, START if begun is not None else "", names, shown, roots)
