"""View ``gain``: how much of the improvement is a better balance between the labels, which fitted biases give without any training."""

from collections.abc import Collection, Generator, Iterator
from typing import TYPE_CHECKING, Any

from steering.errors import SpecError
from steering.evaluate.fitted import fit_biases
from steering.evaluate.shares import share
from steering.inspect.contract import Badge, Item, Need, Preview, Progress, Subject, missing, require_labels
from steering.inspect.phrases import CAPTION_ROWS, accuracy_bars, nats, points, rounded, share_text
from steering.inspect.results import Column, Role, Stack, Table

if TYPE_CHECKING:
    from steering.evaluate.intervals import Estimate
    from steering.inspect.bench import Bench, Scored
    from steering.lm.frozen import FrozenLM
    from steering.lm.root import Root

COLUMNS = (
    Column(name="label", title="Label"),
    Column(name="true", title="Rows", kind="number", help="rows that have this label"),
    Column(name="manual", title="Manual", kind="number", help="rows that are given this label under the manual prompt"),
    Column(name="biased", title="With biases", kind="number", help="the same, with the fitted biases"),
    Column(name="learned", title="Learned", kind="number", help="the same, under the learned prompt"),
    Column(name="bias", title="Bias", kind="number", help="nats added to this label's log-probability"),
)

LEARNED, BIASED = "learned prompt", "with fitted label biases"


class Gain:
    """The share of the gain that label biases explain (SCIENCE notes A3, view 1)."""

    name = "gain"
    title = "What kind of improvement"
    badge: Badge = "MEASURED"
    needs: Need = "any"
    rows_needed = True
    summary = "How much of the gain over the manual prompt is label balance, and how much depends on the input."
    cost = "4 passes over rows: a few seconds for 100 short rows on two cores"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Item]:
        from steering.inspect.bench import PREVIEW
        from steering.inspect.subjects import bench, learned, manual

        task = require_labels(self.name, subject)
        roots = manual(lm, task), learned(lm, subject)
        if not subject.train:
            raise SpecError(f"view {self.name!r} fits label biases on training rows, and there are none.", "Name a dataset with training rows.")
        fit, choose, rows = (bench(lm, subject, side, *roots) for side in (subject.train, subject.validation, subject.rows))
        name = "your prompt" if task.prompt.strip() else "no prompt"
        if len(rows) > PREVIEW:
            few = (part.first(PREVIEW) for part in (fit, choose, rows))
            yield Preview(result=(yield from _measure(self.title, name, list(task.label_words), roots, *few)))
        yield (yield from _measure(self.title, name, list(task.label_words), roots, fit, choose, rows))


def _measure(
    title: str, name: str, labels: list[str], roots: "tuple[Root, Root]", fit: "Bench", choose: "Bench", rows: "Bench"
) -> Generator[Progress, None, Stack]:
    from steering.inspect.bench import scored

    manual, learned = roots
    fitted = yield from fit.score(manual, f"fitting biases under {name}")
    chosen = (yield from choose.score(manual, f"checking them under {name}")) if len(choose) else None
    before = yield from rows.score(manual, f"running {name}")
    after = yield from rows.score(learned, "running the learned prompt")
    bias = fit_biases(fitted.table, fit.truth, validation=None if chosen is None else (chosen.table, choose.truth))
    biased = scored(before.table + bias, rows.truth)
    scores = {name: before, f"{name} {BIASED}": biased, LEARNED: after}
    return _stack(title, scores, labels, bias, rows.truth)


def _stack(title: str, scores: "dict[str, Scored]", labels: list[str], bias: Any, truth: Any) -> Stack:
    (name, before), (_, biased), (_, after) = scores.items()
    right, of_right = share(biased.correct.astype(float) - before.correct, after.correct.astype(float) - before.correct)
    loss, of_loss = share(before.loss - biased.loss, before.loss - after.loss)
    roles: dict[str, Role] = dict(zip(scores, ("start", "accent", "learned"), strict=True))
    bars = accuracy_bars("Right answers", {name: score.correct for name, score in scores.items()}, roles)
    counts = [[int((score.table.argmax(1) == k).sum()) for score in scores.values()] for k in range(len(labels))]
    rows = tuple(
        {"label": label, "true": int((truth == k).sum()), "manual": m, "biased": b, "learned": s, "bias": round(float(bias[k]), 4)}
        for k, (label, (m, b, s)) in enumerate(zip(labels, counts, strict=True))
    )
    summary = {
        "label": "all",
        **rounded(right, "gain"),
        **rounded(of_right, "share_prior"),
        **rounded(loss, "gain_nats"),
        **rounded(of_loss, "share_prior_nats"),
        **{key: len(truth) for key in ("true", "manual", "biased", "learned")},
        "bias": None,
    }
    caption = (
        f"{CAPTION_ROWS.format(n=len(truth))} Biases: one number a label, fitted on training rows. Gain over {name}: {points(right)} of right "
        f"answers, {nats(loss)} of loss."
    )
    note = _note(name, right, of_right, of_loss, _least(labels, bias))
    return Stack(title=title, parts=(bars, Table(title="Label by label", columns=COLUMNS, rows=(*rows, summary))), caption=caption, note=note)


def _least(labels: list[str], bias: Any) -> str:
    """The label that the biases take most from."""
    return labels[int(bias.argmin())] if bias.any() else ""


def _note(name: str, right: "Estimate", of_right: "Estimate | None", of_loss: "Estimate | None", least: str) -> str:
    taken = f" The biases take most from {least!r}." if least else " Fitted biases did not help the validation rows and were left out."
    if right.high < 0:
        return f"The learned prompt answers fewer rows rightly than {name}: {points(right)}. There is no gain to explain."
    if of_right is not None:
        return f"{_sentence(of_right, 'the gain in right answers')}{taken}"
    withheld = f"The gain in right answers over {name} is {points(right)}: as it may be none, no share of it is given."
    if of_loss is None:
        return f"{withheld}{taken}"
    return f"{withheld} {_sentence(of_loss, 'the gain in loss')}{taken}"


def _sentence(part: "Estimate", what: str) -> str:
    if part.value >= 0.95:
        return f"All of {what} is label balance that fitted biases give without training ({share_text(part)})."
    if part.value <= 0.05:
        return f"Next to none of {what} is label balance ({share_text(part)}): it depends on the input."
    return f"About {share_text(part)} of {what} is label balance that fitted biases give without training; the rest depends on the input."
