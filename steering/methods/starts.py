"""Where learned vectors start: one function a start, behind one table. Each says in its note where step 0 is not the manual prompt any more.

All of them give header rows that are never trained (the model's own BOS, then text that was asked to stay) and then the virtual tokens. A number
of virtual tokens that the start does not have is met by repeating text in front or by keeping its end: what is next to the input stays the
manual prompt's own end.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from steering.errors import ArtifactError, SpecError
from steering.lm.encode import answer_text, prompt_text
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.methods.contract import Setting
from steering.methods.forms import root_of
from steering.methods.options import StartOptions

POOL = 5000
"""Sampled vocabulary: the entries it is drawn from, the most frequent first (Lester et al. 2021, section 3.2)."""

UNPROMPTED = 8
"""Virtual tokens where neither a prompt nor a number says how many."""


@dataclass(frozen=True, slots=True)
class Start:
    """``root``: header and virtual tokens, fp32; ``ids``: their tokens (empty: they are no tokens); ``header``: how many rows never move."""

    root: Root
    ids: tuple[int, ...]
    header: int
    note: str


def begin(lm: FrozenLM, setting: Setting, options: StartOptions) -> Start:
    """The start that ``options`` ask for.

    Raises:
        SpecError: label words without classification, no saved prompts at hand, or a fixed text that the prompt does not begin with.
        ArtifactError, NotFoundError: the saved prompt does not exist, is another model's, or cannot be a start.
    """
    return STARTS[options.start](lm, setting, options)


def _manual(lm: FrozenLM, setting: Setting, options: StartOptions) -> Start:
    ids, count = _prompt(lm, setting, options), options.virtual_tokens
    if not ids:
        note = "There is no manual prompt to start from: the vectors start from sampled vocabulary entries."
        return _tokens(lm, options, _sampled(lm, count or UNPROMPTED, setting.seed), note)
    if count is None or count == len(ids):
        return _tokens(lm, options, ids, "")
    note = f"The manual prompt has {len(ids)} tokens and {count} virtual tokens were asked for, so step 0 is only near it, not equal."
    return _tokens(lm, options, fitted(ids, count), note)


def _labels(lm: FrozenLM, setting: Setting, options: StartOptions) -> Start:
    task = setting.task
    if not task.label_words:
        raise SpecError("start is 'labels' but this task has no label words.", "Start from the manual prompt, or give label words.")
    words = [lm.encode(answer_text(task.template, word)) for word in task.label_words.values()]
    ids = tuple(token for word in words for token in word)
    rest = (options.virtual_tokens or len(ids)) - len(ids)
    prompt = _prompt(lm, setting, options)
    if rest > 0:
        ids += fitted(prompt, rest) if prompt else _sampled(lm, rest, setting.seed)
    note = f"The vectors start from the label words ({', '.join(task.label_words.values())})"
    note += " followed by your prompt's end" if rest > 0 and prompt else ""
    return _tokens(lm, options, ids[: options.virtual_tokens], note + ", so step 0 is not your prompt.")


def _vocabulary(lm: FrozenLM, setting: Setting, options: StartOptions) -> Start:
    count = options.virtual_tokens or len(_prompt(lm, setting, options)) or UNPROMPTED
    note = "The vectors start from sampled vocabulary entries, so step 0 is not your prompt."
    return _tokens(lm, options, _sampled(lm, count, setting.seed), note)


def _random(lm: FrozenLM, setting: Setting, options: StartOptions) -> Start:
    """Normal draws with the embedding table's own mean and spread in every dimension: N(0, 1) would be several times too long for most models."""
    count = options.virtual_tokens or len(_prompt(lm, setting, options)) or UNPROMPTED
    table = lm.table().float()
    draws = torch.randn(count, lm.shape.H, generator=torch.Generator().manual_seed(setting.seed)).to(lm.device)
    front = _front(lm, options)
    rows = torch.cat([lm.embed(front), table.mean(0) + table.std(0) * draws])
    return Start(Root(embeds=rows), (), len(front), "The vectors start from random draws, so step 0 is not your prompt.")


def _zero(lm: FrozenLM, setting: Setting, options: StartOptions) -> Start:
    """Keys and values of zero. Not the same as no prefix: a zero key still takes exp(0) of the attention and gives nothing back for it."""
    count = options.virtual_tokens or len(_prompt(lm, setting, options)) or UNPROMPTED
    front = _front(lm, options)
    empty = torch.zeros(lm.shape.K, count, lm.shape.D, device=lm.device)
    with torch.no_grad():
        before = lm.to_kv(Root(embeds=lm.embed(front))).kv if len(front) > len(lm.header) else lm.header_kv
    assert before is not None
    kv = tuple((torch.cat([k.float(), empty], dim=1), torch.cat([v.float(), empty], dim=1)) for k, v in before)
    return Start(Root(kv=kv), (), len(front), "Keys and values start from zero, so step 0 is not your prompt, and not the same as no prompt either.")


def _saved(lm: FrozenLM, setting: Setting, options: StartOptions) -> Start:
    if setting.saved is None:
        raise SpecError(f"saved prompts cannot be read here, so {options.start_from!r} is no start.", "Start from the manual prompt.")
    found = setting.saved(options.start_from.strip())
    root = root_of(lm, found.vectors)
    name = options.start_from.strip().partition("@")[0]
    note = f"The vectors start from the saved prompt {name!r}, so step 0 is that prompt, not yours."
    have, count = root.length - found.header, options.virtual_tokens
    if root.adapter is not None:
        raise ArtifactError(f"{name!r} is a change of the model's weights (LoRA) and cannot be a start.", "Start from vectors.")
    if root.uneven:
        raise ArtifactError(f"{name!r} is a prefix in some layers only and cannot be a start.", "Start from a prefix in all layers.")
    if count in (None, have):
        return Start(root.detach(), (), found.header, note)
    if root.embeds is None:
        raise ArtifactError(
            f"{name!r} is a prefix of {have} positions and {count} virtual tokens were asked for.",
            "Leave virtual_tokens empty: the keys of a prefix belong to their positions.",
        )
    assert count is not None
    head, body = root.embeds[: found.header], root.embeds[found.header :]
    filler = _prompt(lm, setting, options) or _sampled(lm, max(1, count - have), setting.seed)
    rows = torch.cat([lm.embed(fitted(filler, count - have)), body]) if count > have else body[have - count :]
    note += f" It has {have} virtual tokens and {count} were asked for, so step 0 is only near it."
    return Start(Root(embeds=torch.cat([head, rows])).detach(), (), found.header, note)


STARTS: dict[str, Callable[[FrozenLM, Setting, StartOptions], Start]] = {
    "manual": _manual,
    "labels": _labels,
    "vocabulary": _vocabulary,
    "saved": _saved,
    "random": _random,
    "zero": _zero,
}


def embeddings(start: Start) -> Start:
    """The same start, refused where it is keys and values.

    Raises:
        ArtifactError: a soft prompt cannot start from a prefix.
    """
    if start.root.embeds is None:
        raise ArtifactError(
            f"this start is a prefix of {start.root.length} positions; a soft prompt starts from embeddings.",
            "Start from a saved soft prompt, or train a prefix.",
        )
    return start


def fitted(ids: tuple[int, ...], count: int) -> tuple[int, ...]:
    """``count`` tokens that end as ``ids`` end: the text preceded by repetitions of itself, or its end alone."""
    return (ids * -(-count // len(ids)))[-count:]


def _tokens(lm: FrozenLM, options: StartOptions, ids: tuple[int, ...], note: str) -> Start:
    front = _front(lm, options)
    return Start(Root(embeds=lm.embed(front + ids)), front + ids, len(front), note)


def _prompt(lm: FrozenLM, setting: Setting, options: StartOptions) -> tuple[int, ...]:
    """The manual prompt's tokens behind its fixed beginning."""
    ids, fixed = lm.encode(prompt_text(setting.task.prompt)), lm.encode(options.fixed)
    if ids[: len(fixed)] != fixed:
        raise SpecError(
            f"fixed is {options.fixed!r}, but your prompt does not begin with its tokens.", "Copy the beginning of the prompt, up to a line's end."
        )
    return ids[len(fixed) :]


def _front(lm: FrozenLM, options: StartOptions) -> tuple[int, ...]:
    """What stands before the virtual tokens and never moves."""
    return lm.header + lm.encode(options.fixed)


def _sampled(lm: FrozenLM, count: int, seed: int) -> tuple[int, ...]:
    """Different entries as long as there are enough."""
    pool = min(POOL, lm.shape.V)
    order = torch.randperm(pool, generator=torch.Generator().manual_seed(seed)).tolist()
    return tuple((order * -(-count // pool))[:count])
