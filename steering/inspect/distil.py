"""View ``distil``: real text in place of the learned vectors, with its own score: a person may leave without a soft prompt."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steering.evaluate.shares import mean, share
from steering.inspect.contract import Badge, Item, Need, Subject, missing
from steering.inspect.dossier import tables
from steering.inspect.phrases import CAPTION_ROWS, accuracy_bars, loss_bars, nats, rounded, share_text
from steering.inspect.results import Column, Part, Result, Role, Stack, Table, Text

if TYPE_CHECKING:
    from steering.inspect.bench import Scored
    from steering.lm.frozen import FrozenLM

LEARNED, FOUND, MANUAL = "learned prompt", "the text found", "your prompt"
KEYS = "found_on"
"""Where the table's row of the text names the rows that it was searched and chosen on."""
FIT, CHOOSE = 24, 32
"""Training rows that accept swaps, and validation rows that decide between texts, at most."""

COLUMNS = (
    Column(name="name", title="Prompt"),
    Column(name="loss", title="Loss", kind="number", help="nats a row on held-out rows"),
    Column(name="accuracy", title="Right", kind="percent", help="share of right answers (classification)"),
    Column(name="prompt", title="Text", help="to be used as a manual prompt"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundText:
    """Real text that a search found, and the keys of the rows that it was searched and chosen on."""

    text: str
    rows: frozenset[str]


def found_text(result: Result) -> FoundText | None:
    """The text of a kept result; None where the search found none that does better than the manual prompt."""
    rows = {str(row.get("name")): row for table in tables(result) for row in table.rows}
    text, own = (str(rows.get(name, {}).get("prompt") or "") for name in (FOUND, MANUAL))
    return FoundText(text=text, rows=frozenset(rows[FOUND].get(KEYS) or ())) if text and text != own else None


class Distil:
    """Hard-prompt distillation (SCIENCE notes A3, view 14)."""

    name = "distil"
    title = "As a text prompt"
    badge: Badge = "MEASURED"
    needs: Need = "any"
    rows_needed = True
    summary = "Searches for real text that does what the vectors do, and scores it on the held-out rows like any manual prompt."
    cost = "a short training run: one to two minutes for short rows on two cores"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Item]:
        from steering.inspect.hard import Search, beginning, projected_steps, swaps
        from steering.inspect.subjects import bench, learned, manual
        from steering.inspect.vocabulary import vocabulary

        assert subject.task is not None
        vectors, start = beginning(lm, subject)
        roots = {LEARNED: learned(lm, subject), MANUAL: manual(lm, subject.task)}
        room = max(roots.values(), key=lambda root: root.length)
        vocab = yield from vocabulary(lm)
        fit = bench(lm, subject, subject.train[:FIT], room)
        choose = bench(lm, subject, (subject.validation or subject.train[FIT:])[:CHOOSE] or subject.train[:FIT], room)
        search = Search(lm, vocab, fit, choose)
        for text in (search.text(start) if start else "", subject.task.prompt.strip()):
            yield from search.note(text)
        yield from projected_steps(search, vectors)
        if search.tried:
            yield from swaps(search)
        found = search.best if search.tried else ""
        roots[FOUND] = search.root(found)
        rows = bench(lm, subject, subject.rows, room, roots[FOUND])
        scores = {}
        for name in (LEARNED, FOUND, MANUAL):
            scores[name] = yield from rows.score(roots[name], f"running {name}")
        on = sorted({row.key for row in (*fit.rows, *choose.rows)})
        yield _stack(self.title, scores, found, subject.task.prompt.strip(), len(search.tried), len(rows), on)


def _stack(title: str, scores: "Mapping[str, Scored]", found: str, prompt: str, tried: int, n: int, on: list[str]) -> Stack:
    roles: dict[str, Role] = {LEARNED: "learned", FOUND: "accent", MANUAL: "start"}
    parts: list[Part] = [Text(title="The text", paragraphs=(found,))]
    if scores[LEARNED].correct is not None:
        parts.append(accuracy_bars("Right answers", {name: s.correct for name, s in scores.items() if s.correct is not None}, roles))
    parts.append(loss_bars("Loss", {name: s.loss for name, s in scores.items()}, roles))
    gain, part = share(scores[MANUAL].loss - scores[FOUND].loss, scores[MANUAL].loss - scores[LEARNED].loss)
    kept = part if gain.low > 0 else None
    texts = {LEARNED: None, FOUND: found, MANUAL: prompt}
    extra: dict[str, dict[str, Any]] = {FOUND: {**rounded(kept, "share"), KEYS: on}}
    rows = tuple(_row(name, score, texts[name], extra.get(name, {})) for name, score in scores.items())
    parts.append(Table(title="In numbers", columns=COLUMNS, rows=rows))
    caption = (
        f"{CAPTION_ROWS.format(n=n)} {tried} texts were compared on validation rows and the best is shown; the held-out rows judged only that one. "
        "It is measured as any manual prompt is: as text that the tokenizer reads anew."
    )
    better = mean(scores[MANUAL].loss - scores[FOUND].loss)
    if found == prompt:
        said = "No text was found that does better than your prompt on the validation rows."
    elif kept is not None:
        said = f"As text it keeps {share_text(kept)} of the learned prompt's gain in loss over your prompt."
    else:
        said = f"The text lowers the loss by {nats(better)} against your prompt; the learned prompt's own gain may be none, so no share is given."
    warning = "Such a text is found for this model by search: how it reads tells nothing about why it works."
    return Stack(title=title, parts=tuple(parts), caption=caption, note=f"{said} {warning}")


def _row(name: str, score: "Scored", prompt: str | None, extra: dict[str, Any]) -> dict[str, Any]:
    accuracy = None if score.correct is None else round(float(score.correct.mean()), 5)
    return {"name": name, "loss": round(float(score.loss.mean()), 5), "accuracy": accuracy, "prompt": prompt, **extra}
