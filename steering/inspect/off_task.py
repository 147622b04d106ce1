"""View ``off_task``: what a prompt does to text that has nothing to do with its task."""

import math
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from steering.evaluate.intervals import Estimate, paired_bootstrap
from steering.inspect.contract import Badge, Item, Need, Subject, missing
from steering.inspect.phrases import bar, rounded
from steering.inspect.results import Bars, Column, Mark, Role, Stack, Table

if TYPE_CHECKING:
    from steering.lm.frozen import FrozenLM

COLUMNS = (
    Column(name="name", title="Prompt"),
    Column(name="added", title="Added loss", kind="number", help="nats a token over the same text without a prompt"),
    Column(name="factor", title="Harder by", kind="number", help="factor on the perplexity of neutral text: 1 is no change"),
)


class OffTask:
    """Off-task drift (SCIENCE notes A3, view 12)."""

    name = "off_task"
    title = "Side effects on other text"
    badge: Badge = "MEASURED"
    needs: Need = "any"
    rows_needed = False
    summary = "How much harder unrelated sentences become for the model under the learned prompt, beside the manual prompt."
    cost = "a pass over 50 short sentences for each prompt: a few seconds"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Item]:
        from steering.inspect.drift import losses
        from steering.inspect.subjects import learned, manual, start

        roots = {"learned prompt": learned(lm, subject)}
        begun = manual(lm, subject.task) if subject.task and subject.task.prompt.strip() else start(lm, subject)
        if begun is not None:
            roots["your prompt" if subject.task and subject.task.prompt.strip() else "its start"] = begun
        bare, found = yield from losses(lm, roots)
        yield _stack(self.title, added(bare, found), len(bare))


def added(bare: Any, found: Mapping[str, Any]) -> dict[str, Estimate]:
    """Added loss of every prompt in nats a token, over the same sentences without one ([S] each), with its interval over sentences."""
    return {name: paired_bootstrap(loss, bare, seed=0) for name, loss in found.items()}


def sentence(name: str, estimate: Estimate) -> str:
    """``The learned prompt makes unrelated text 1.5x harder ...``, or that it does not."""
    factor, low, high = (math.exp(value) for value in (estimate.value, estimate.low, estimate.high))
    who = {"learned prompt": "The learned prompt"}.get(name, name[:1].upper() + name[1:])
    if low <= 1 <= high:
        return f"{who} leaves unrelated text as predictable as it was: {factor:.2f}x (95% CI {low:.2f} to {high:.2f})."
    if factor < 1:
        return f"{who} makes unrelated text {1 / factor:.2f}x easier for the model to predict (95% CI {1 / high:.2f} to {1 / low:.2f})."
    return f"{who} makes unrelated text {factor:.2f}x harder for the model to predict (95% CI {low:.2f} to {high:.2f})."


def _stack(title: str, found: Mapping[str, Estimate], n: int) -> Stack:
    roles: dict[str, Role] = {"learned prompt": "learned"}
    bars = tuple(bar(name, one, roles.get(name, "start")) for name, one in found.items())
    unit = "nats a token, over no prompt"
    picture = Bars(title="Added loss on neutral sentences", bars=bars, unit=unit, marks=(Mark(label="no change", value=0.0),))
    rows = tuple({"name": name, **rounded(one, "added"), "factor": round(math.exp(one.value), 4)} for name, one in found.items())
    caption = f"{n} sentences written for this project, none about any task; the same tokens are graded under every prompt."
    return Stack(
        title=title,
        parts=(picture, Table(title="In numbers", columns=COLUMNS, rows=rows)),
        caption=caption,
        note=" ".join(sentence(name, one) for name, one in found.items()),
    )
