"""Few-shot prompts beyond the plain draw: another draw (``few-shot:4@7``), named lines of the training file (``few-shot:@3,17``), or for every
row the nearest training rows (``few-shot:4@nearest``, Liu et al. 2022, "What makes good in-context examples for GPT-3?")."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

from steering.data import render
from steering.engine.contestants import Context, contestant
from steering.engine.judging import Contestant
from steering.errors import DataError, SpecError
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.methods.few_shot import demonstrations, draw
from steering.methods.vectors import require_room
from steering.spec import Example, TaskSpec

MOST = 64


def chosen(lm: FrozenLM, value: str, context: Context) -> Contestant:
    """The contestant behind ``few-shot:VALUE`` where VALUE is more than a number.

    Raises:
        SpecError: not of a known form; DataError: no training rows, or lines that are none.
    """
    count, mark, how = value.partition("@")
    name = f"few-shot:{value}"
    if not mark or (count and not count.isdigit()) or (count and not 1 <= int(count) <= MOST) or not how:
        raise SpecError(f"few-shot:{value} is not a number of demonstrations.", "Write few-shot:4, for example.")
    if not context.train:
        raise DataError("few-shot needs training rows to show, and there are none.", "Give training rows (--train FILE), or leave few-shot out.")
    if count and how == "nearest":
        return _nearest(lm, name, int(count), context)
    if count and how.isdigit():
        shown = draw(context.task, context.train, int(count), int(how))
        return _fixed(lm, name, f"{count}-shot, draw {how}", shown, context)
    if not count:
        return _fixed(lm, name, f"{how.count(',') + 1} chosen demonstrations", _lines(how, context.train), context)
    raise SpecError(f"few-shot:{value} is not known.", "Write few-shot:4@7 (another draw), few-shot:4@nearest, or few-shot:@3,17 (lines).")


def _fixed(lm: FrozenLM, name: str, spoken: str, rows: Sequence[Example], context: Context) -> Contestant:
    shown = demonstrations(context.task, rows)
    root = require_room(lm, lm.text_root(shown))
    made = contestant(lm, name, "few_shot", spoken, root, str(lm.encode(shown)))
    return replace(made, text=shown, seen=context.fitted_on, made={"lines": [row.row for row in rows]})


def _lines(how: str, train: Sequence[Example]) -> list[Example]:
    by_line = {row.row: row for row in train}
    numbers = [part.strip() for part in how.split(",")]
    if not all(number.isdigit() for number in numbers):
        raise SpecError(f"few-shot:@{how} is not a list of lines.", "Write few-shot:@3,17 with line numbers of the training file.")
    missing = [number for number in numbers if int(number) not in by_line]
    if missing:
        raise DataError(f"line {missing[0]} of the training rows is not there.", "Name lines as `check` and the page number them.")
    return [by_line[int(number)] for number in numbers]


def _nearest(lm: FrozenLM, name: str, count: int, context: Context) -> Contestant:
    pick = nearest(context.task, context.train, count)

    @lru_cache(maxsize=1)
    def root_of(shown: str) -> Root:
        return require_room(lm, lm.text_root(shown))

    def row_root(row: Example) -> Root:
        return root_of(demonstrations(context.task, pick(row)))

    longest = max(context.train, key=lambda row: len(render(context.task.template, row.values)))
    root = root_of(demonstrations(context.task, [longest] * count))  # room for the longest that can come
    identity = str((count, demonstrations(context.task, sorted(context.train, key=lambda e: e.key))))
    made = contestant(lm, name, "few_shot", f"{count}-shot with the nearest rows", root, identity)
    return replace(made, row_root=row_root, seen=context.fitted_on, made={"nearest_by": "TF-IDF of words and pairs of words, cosine"})


def nearest(task: TaskSpec, train: Sequence[Example], count: int) -> Callable[[Example], list[Example]]:
    """A function that finds the ``count`` training rows whose text is nearest to a row's, the nearest last (next to the input)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    rows = sorted(train, key=lambda e: e.key)
    reader = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\w+")
    table = reader.fit_transform([render(task.template, row.values) for row in rows])

    def pick(row: Example) -> list[Example]:
        scores = (table @ reader.transform([render(task.template, row.values)]).T).toarray()[:, 0]
        order = sorted(range(len(rows)), key=lambda i: (-scores[i], i))[:count]
        return [rows[i] for i in reversed(order)]

    return pick
