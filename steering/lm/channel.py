"""Noisy-channel scoring: which label word makes the input likeliest, log p(input | prompt, label word) (Min et al. 2022,
https://arxiv.org/abs/2108.04106). Every token of the input has to be explained, so it is steadier with few or uneven rows, and K times as dear.

The template is turned round at its last column. What stands behind it asks for the answer, so it goes in front, with the answer given:

    direct    prompt | Message: my card was charged twice ⏎ Queue:  | billing        graded: the label word
    channel   prompt | Queue: billing ⏎ Message: | my card was charged twice         graded: the input

Words between two columns are graded with them; those before the first column are not, as they are the same for every row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import torch
from torch import Tensor

from steering.data import fields
from steering.errors import TemplateError
from steering.lm.forest import Branch
from steering.lm.scoring import Family, Ids


def head(template: str) -> str:
    """The part of a template that holds the columns: what is graded, with what stands before it.

    Raises:
        TemplateError: nothing stands in braces.
    """
    return template[: _end(template)]


def opening(template: str) -> str:
    """What stands before the first column, without the white space at its end (it is part of the text's first token in most vocabularies)."""
    return template[: template.index("{" + fields(head(template))[0] + "}")].rstrip()


def label_line(template: str, word: str) -> str:
    """A label word as it stands before the text: behind the template's own question for it, on a line of its own."""
    cue = template[_end(template) :].strip()
    return f"{cue} {word}\n" if cue else f"{word}\n"


def _end(template: str) -> int:
    """Where the last column ends."""
    held = fields(template)
    if not held:
        raise TemplateError(f"the template {template!r} has no column, so there is no input to score.", "Write {text} where the text of a row goes.")
    return max(template.rindex("{" + name + "}") + len(name) + 2 for name in held)


@dataclass(frozen=True, slots=True)
class Channel:
    """Label lines as token ids, [K] of them, and the tokens that every text opens with, which are not graded. The counterpart of
    :class:`~steering.lm.scoring.Labels`: exact for inputs of any number of tokens."""

    lines: tuple[Ids, ...]
    opening: Ids

    shares = False

    @property
    def key(self) -> dict[str, object]:
        """What the scores depend on beside the input."""
        return {"lines": self.lines, "opening": self.opening}

    @property
    def note(self) -> str:
        """What a person should know of it."""
        return "Scored by channel: how likely each label makes the input, not the other way round."

    def text(self, ids: Ids) -> Ids:
        """The tokens of an input that are graded: all behind the opening, at least one."""
        skipped = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ids, self.opening, strict=False)))
        return ids[min(skipped, len(ids) - 1) :]

    def family(self, ids: Ids) -> Family:
        """One input behind every label line; the positions that predict its text are graded."""
        count = len(self.text(ids))
        return Family(tuple(Branch(line + ids[:-1], count) for line in self.lines))

    def graded(self, ids: Ids) -> int:
        """Graded positions an input has."""
        return len(self.lines) * len(self.text(ids))

    def shown(self, ids: Ids, label: int) -> tuple[Ids, Ids]:
        """A label line with the text's opening, and the text behind it."""
        text = self.text(ids)
        return self.lines[label] + ids[: len(ids) - len(text)], text

    def scores(self, logits: Tensor, inputs: Sequence[Ids]) -> Tensor:
        """log p(input | label), [B, K] fp32 in nats, summed over the input's tokens, from graded logits [sum of ``graded``, V]. Differentiable.

        Their softmax over K is p(label | input) for labels that are equally likely beforehand (Bayes).
        """
        texts = [self.text(ids) for ids in inputs]
        wanted = torch.tensor([token for text in texts for _ in self.lines for token in text], device=logits.device)
        sizes = torch.tensor([len(text) for text in texts for _ in self.lines], device=logits.device)
        owner = torch.repeat_interleave(torch.arange(len(sizes), device=logits.device), sizes, output_size=len(wanted))
        log_probs = -torch.nn.functional.cross_entropy(logits.float(), wanted, reduction="none")
        out = torch.zeros(len(sizes), dtype=log_probs.dtype, device=logits.device)
        return out.index_add(0, owner, log_probs).view(len(texts), len(self.lines))
