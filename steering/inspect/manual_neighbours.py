"""View ``manual_neighbours``: which manual prompt the learned prompt behaves most like, and how much of it they explain together."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from steering.evaluate.intervals import Estimate, wilson
from steering.evaluate.mixture import Mixture, fit_mixture
from steering.evaluate.shares import mean
from steering.inspect.contract import Badge, Item, Need, Subject, missing, require_labels
from steering.inspect.phrases import CAPTION_ROWS, bar, percent
from steering.inspect.results import Bars, Column, Stack, Table

if TYPE_CHECKING:
    from steering.inspect.bench import Scored
    from steering.lm.frozen import FrozenLM

COLUMNS = (
    Column(name="prompt", title="Manual prompt"),
    Column(name="divergence", title="KL", kind="number", help="mean divergence of the learned prompt's answers from this one's, in nats"),
    Column(name="agreement", title="Same answer", kind="percent", help="rows that both answer alike"),
    Column(name="kappa", title="Kappa", kind="number", help="agreement beyond chance (Cohen 1960): 0 is chance, 1 always"),
    Column(name="weight", title="Weight", kind="number", help="in the mixture of all of them"),
)

NO_PROMPT = "(no prompt)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """A manual prompt beside the learned one."""

    prompt: str
    divergence: Estimate
    same: int
    rows: int
    kappa: float | None


class ManualNeighbours:
    """Behavioural neighbours (SCIENCE notes A3, view 8)."""

    name = "manual_neighbours"
    title = "Behaves most like"
    badge: Badge = "MEASURED"
    needs: Need = "any"
    rows_needed = True
    summary = "Which of your manual prompts the learned prompt answers most like, and how much of it a mixture of them explains."
    cost = "a pass over the held-out rows for every prompt: a few seconds each for 100 short rows on two cores"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Item]:
        from steering.inspect.subjects import bench, learned
        from steering.lm.encode import prompt_text

        task = require_labels(self.name, subject)
        texts = list(dict.fromkeys(text.strip() for text in (task.prompt, *subject.prompts, "")))
        roots = {text: lm.text_root(prompt_text(text)) for text in texts}
        own = learned(lm, subject)
        rows = bench(lm, subject, subject.rows, own, *roots.values())
        target = yield from rows.score(own, "running the learned prompt")
        scores = {}
        for number, (text, root) in enumerate(roots.items()):
            scores[text or NO_PROMPT] = yield from rows.score(root, f"running manual prompt {number + 1} of {len(roots)}")
        mixture = fit_mixture(target.table, [score.table for score in scores.values()])
        found = [likeness(text, target, score) for text, score in scores.items()]
        yield _stack(self.title, found, mixture, len(rows))


def likeness(prompt: str, learned: "Scored", manual: "Scored") -> Likeness:
    """Divergence, agreement and kappa over the same rows."""
    from sklearn.metrics import cohen_kappa_score

    divergence = mean((np.exp(learned.table) * (learned.table - manual.table)).sum(1))
    answers = learned.table.argmax(1), manual.table.argmax(1)
    several = len({*answers[0].tolist(), *answers[1].tolist()}) > 1  # one answer throughout: chance cannot be taken out
    kappa = float(cohen_kappa_score(*answers)) if several else None
    return Likeness(prompt=prompt, divergence=divergence, same=int((answers[0] == answers[1]).sum()), rows=len(answers[0]), kappa=kappa)


def _stack(title: str, found: list[Likeness], mixture: Mixture | None, n: int) -> Stack:
    weights = dict(zip([one.prompt for one in found], mixture.weights, strict=True)) if mixture else {}
    ranked = sorted(found, key=lambda one: one.divergence.value)
    bars = tuple(bar(one.prompt, one.divergence, "start", f"same answer on {one.same} of {one.rows} rows") for one in ranked)
    rows = tuple(_row(one, weights.get(one.prompt)) for one in ranked)
    table = Table(title="In numbers", columns=COLUMNS, rows=rows)
    caption = (
        f"{CAPTION_ROWS.format(n=n)} The mixture adds up the prompts' log-probabilities, one weight each and one offset a label; its share is "
        "counted on rows it was not fitted on (5 folds), beside the labels' mean. With prompts that are nearly the same, single weights say little."
    )
    parts = (Bars(title="Divergence from the answers of each prompt", bars=bars, unit="nats a row; 0 is the same"), table)
    return Stack(title=title, parts=parts, caption=caption, note=_note(ranked[0], mixture, len(found)))


def _row(one: Likeness, weight: float | None) -> dict[str, Any]:
    low, high = wilson(one.same, one.rows)
    return {
        "prompt": one.prompt,
        "divergence": round(one.divergence.value, 5),
        "low": round(one.divergence.low, 5),
        "high": round(one.divergence.high, 5),
        "agreement": round(one.same / one.rows, 5),
        "agreement_low": round(low, 5),
        "agreement_high": round(high, 5),
        "kappa": None if one.kappa is None else round(one.kappa, 4),
        "weight": None if weight is None else round(weight, 4),
    }


def _note(nearest: Likeness, mixture: Mixture | None, count: int) -> str:
    low, high = wilson(nearest.same, nearest.rows)
    share = f"{percent(nearest.same / nearest.rows)} of the rows (95% CI {100 * low:.0f} to {percent(high)})"
    said = f"Behaves most like {nearest.prompt!r}: the same answer on {share}."
    if mixture is None:
        return f"{said} There are too few rows to fit a mixture."
    together = f"the {count} prompts together explain" if count > 1 else "that prompt explains"
    if mixture.r2 <= 0:
        return f"{said} On rows that were not fitted, {together} nothing of how its answers differ from row to row."
    return f"{said} On rows that were not fitted, {together} {percent(mixture.r2)} of how its answers differ from row to row."
