"""Automatic prompt search without any API: what a prompt optimiser would give, within a stated budget, picked on rows that are not tested.

1. Instructions: the manual prompt, templates filled with the label words, and what the frozen model itself proposes for solved training rows
   (forward generation of APE, Zhou et al. 2023).
2. Screening: all of them on few rows, the better half on twice as many, and so on (successive halving, Jamieson & Talwalkar 2016).
3. Demonstrations: random draws of 2, 4 and 8 training rows behind the best instruction, the best of all kept (as DSPy's random search does).

The budget counts answers to single rows; nothing is asked twice. ``search`` is 1,000 of them, ``search:BUDGET`` any other number.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from steering.engine.contestants import Context, contestant
from steering.engine.judging import Contestant
from steering.engine.memory import Memory, Nothing
from steering.engine.references import sides
from steering.engine.trial import Score, trial
from steering.errors import SpecError
from steering.lm.encode import SEPARATOR
from steering.lm.frozen import FrozenLM
from steering.lm.generate import Decoding, generate
from steering.methods.few_shot import demonstrations, draw
from steering.spec import Example, TaskSpec

if TYPE_CHECKING:
    from steering.engine.contestants import Making

BUDGET = 1000
LEAST, MOST = 40, 1_000_000
FIRST_ROWS = 12
"""Rows of the first screening; fewer cannot tell two instructions apart at all."""
ROWS = 64
"""Rows of the last one, at most: the noise of a choice among few falls slowly beyond."""
PROPOSED = 8
SHOTS = (4, 2, 8)
INSTRUCTION_SHARE = 0.6
"""Of the budget; the rest goes to demonstrations."""
LONGEST_WORDS = 40

LABELLED = (
    "Choose the label that fits: {labels}.",
    "Classify the text as {either}.",
    "Which of these fits the text: {labels}?",
    "Read the text. Answer with one word: {either}.",
    "Decide whether the text is {either}.",
)
WRITTEN = ("Answer as in the examples.", "Write the answer for the input.", "Turn the input into the output.", "Read the input and give the output.")


@dataclass(slots=True)
class _Search:
    """One search's way: what was tried, and how much of the budget is left."""

    lm: FrozenLM
    task: TaskSpec
    rows: Sequence[Example]
    memory: Memory
    left: int
    tried: list[dict[str, Any]] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)

    def affordable(self, shown: str, rows: int) -> bool:
        return max(0, rows - self.asked.get(shown, 0)) <= self.left

    def score(self, shown: str, source: str, count: int) -> Generator[None, None, Score]:
        """What a text scores on the first ``count`` rows; rows that it answered before cost nothing."""
        self.left -= max(0, count - self.asked.get(shown, 0))
        self.asked[shown] = max(count, self.asked.get(shown, 0))
        one = _of_text(self.lm, "search", shown)
        found: Score | None = None
        for item in trial(self.lm, self.task, one, self.rows[:count], self.memory):
            found = item
            yield
        assert found is not None
        self.tried.append({"text": shown, "source": source, "rows": count, "nll": found.nll, "accuracy": found.accuracy})
        return found


def found(lm: FrozenLM, value: str, context: Context) -> "Making":
    """The contestant; ``made`` tells budget, rows, and everything that was tried.

    Raises:
        SpecError: not a budget; DataError: no training rows.
    """
    budget = _budget(value)
    train, chosen_by = sides(context, "search")
    rows = _mixed(chosen_by, context.task)[:ROWS]
    search = _Search(lm, context.task, rows, context.store or _Session(), budget)
    instructions = written(context.task) + (yield from proposed(lm, context.task, train))
    best = yield from _halve(search, instructions)
    yield from _with_demonstrations(search, context.task, best, train)
    whole = [one for one in search.tried if one["rows"] == max(t["rows"] for t in search.tried)]
    winner = min(whole, key=lambda one: (one["nll"], len(one["text"])))
    made = _of_text(lm, f"search:{value}" if value else "search", winner["text"])
    spent = {"budget": budget, "spent": budget - search.left, "rows": len(rows), "tried": len({one["text"] for one in search.tried})}
    spoken = f"the best of {spent['tried']} searched prompts"
    return replace(made, spoken=spoken, seen=context.fitted_on, made=spent | {"found": winner, "candidates": search.tried})


def written(task: TaskSpec) -> list[tuple[str, str]]:
    """Instructions from templates, the manual prompt first: (instruction, source)."""
    words = list(task.label_words.values())
    named = {"labels": ", ".join(words), "either": " or ".join(filter(None, [", ".join(words[:-1]), words[-1] if words else ""]))}
    templates = [text.format(**named) for text in LABELLED] if words else list(WRITTEN)
    own = [(task.prompt.strip(), "manual prompt")] if task.prompt.strip() else []
    return own + [(text, "template") for text in templates if text != task.prompt.strip()]


def proposed(lm: FrozenLM, task: TaskSpec, train: Sequence[Example]) -> Generator[None, None, list[tuple[str, str]]]:
    """Instructions that the model writes when it is shown solved rows: sampled, of 3 to 40 words, each once."""
    plain = replace(task, prompt="")
    shown = [demonstrations(plain, draw(task, train, 4, seed)) + "The instruction for all of these was:" for seed in (1, 2)]
    room = lm.shape.context * 3 // 4
    requests = [(lm.text_root(""), lm.encode(text)[-room:]) for text in shown for _ in range(PROPOSED // 2)]
    texts: list[str] = []
    for answers in generate(lm, requests, Decoding(max_new_tokens=48, temperature=0.9, top_p=0.95, stop_newline=True, seed=0)):
        texts = [answer.text for answer in answers]
        yield
    cleaned = [" ".join(text.split()).strip("\"' ") for text in texts]
    fit = [text for text in dict.fromkeys(cleaned) if 3 <= len(text.split()) <= LONGEST_WORDS]
    return [(text, "the model") for text in fit]


def _halve(search: _Search, instructions: Sequence[tuple[str, str]]) -> Generator[None, None, str]:
    """Screen until one is left, all rows are used, or the instructions' share of the budget is spent; returns the best."""
    keep = search.left - int(search.left * INSTRUCTION_SHARE)
    alive, count = list(instructions), min(FIRST_ROWS, len(search.rows))
    while True:
        scores: list[tuple[float, int]] = []
        for number, (text, source) in enumerate(alive):
            shown = _shown(text)
            if not search.affordable(shown, count) or (scores and search.left - count < keep and count > FIRST_ROWS):
                break
            scores.append(((yield from search.score(shown, source, count)).nll, number))
        scores.sort()
        alive = [alive[number] for _, number in scores[: max(1, (len(scores) + 1) // 2)]] or alive[:1]
        if count >= len(search.rows) or (len(alive) == 1 and not search.affordable(_shown(alive[0][0]), len(search.rows))):
            return alive[0][0]
        count = min(2 * count, len(search.rows))


def _with_demonstrations(search: _Search, task: TaskSpec, best: str, train: Sequence[Example]) -> Generator[None, None, None]:
    """Draws of demonstrations behind the best instruction, for as long as the budget lasts."""
    own = replace(task, prompt=best)
    room, count, draws = search.lm.shape.context // 2, len(search.rows), 0
    held = {row.key for row in search.rows}
    rows = [row for row in train if row.key not in held]
    while rows and draws < 200:
        shots = SHOTS[draws % len(SHOTS)]
        shown = demonstrations(own, draw(task, rows, shots, draws))
        draws += 1
        if not search.affordable(shown, count):
            return
        if shown not in search.asked and len(search.lm.encode(shown)) <= room:
            yield from search.score(shown, f"{shots} demonstrations", count)


def _budget(value: str) -> int:
    if value and not (value.isdigit() and LEAST <= int(value) <= MOST):
        raise SpecError(f"search:{value} is no budget.", f"Write search:1000: how many answers to single rows it may take ({LEAST} to {MOST:,}).")
    return int(value) if value else BUDGET


def _shown(instruction: str) -> str:
    return instruction.rstrip() + SEPARATOR


def _of_text(lm: FrozenLM, name: str, shown: str) -> Contestant:
    made = contestant(lm, name, "search", "a searched prompt", lm.text_root(shown), str(lm.header + lm.encode(shown)))
    return replace(made, text=shown)


def _mixed(rows: Sequence[Example], task: TaskSpec) -> list[Example]:
    """Classes in turn, by key: every beginning of the list has all of them."""
    return draw(task, rows, len(rows), 0) if task.kind == "generation" else _in_turn(rows)


def _in_turn(rows: Sequence[Example]) -> list[Example]:
    piles: dict[str, list[Example]] = {}
    for row in sorted(rows, key=lambda e: e.key):
        piles.setdefault(row.target, []).append(row)
    ranked = sorted((i, label, row.key, row) for label, pile in piles.items() for i, row in enumerate(pile))
    return [row for _, _, _, row in ranked]


class _Session(Nothing):
    """A memory for one search, where there is no store."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Any] = {}

    def recall(self, scope: str, keys: Sequence[str]) -> dict[str, Any]:
        return {key: self._known[scope, key] for key in keys if (scope, key) in self._known}

    def keep(self, scope: str, found: Any) -> None:
        self._known |= {(scope, key): value for key, value in found.items()}
