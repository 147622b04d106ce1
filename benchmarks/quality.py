"""Which contestant is right how often, after seeing few rows: every set, contestant and seed on the same test rows with the same judge.

    python -m benchmarks.quality --data DIR --sets sst2,trec --shots 32 --seeds 3 --json

Rows go to --out as they are done, and a rerun goes on where the last one stopped. A row belongs to its set, contestant, seed, shots, and the
digest of everything else that decides it (task, recipe, test rows, model, precision).
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.entrants import ENTRANTS, LABELS_ONLY, SEEDLESS
from benchmarks.ledger import Ledger, Row, table
from benchmarks.machine import machine
from benchmarks.sets import Trial, trial
from benchmarks.tasks import task
from benchmarks.telling import Say, told
from steering.engine.judging import Judging, judge
from steering.errors import SpecError
from steering.knobs import from_json, to_json
from steering.lm.frozen import FrozenLM
from steering.methods import LEARNED
from steering.spec import EMBEDDED_MODEL, Recipe, digest

KEYS = ("set", "contestant", "seed", "shots", "digest")
MEASURES = ("accuracy", "macro_f1", "nll", "ece", "exact_match", "chrf", "rouge_l", "bleu")
MEANS = ("accuracy", "exact_match", "chrf", "seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure. ``shots``: rows a class; ``rows``: training rows of a generation set; both include the validation rows."""

    data: Path
    sets: tuple[str, ...]
    contestants: tuple[str, ...] = tuple(ENTRANTS)
    shots: int = 32
    rows: int = 200
    seeds: int = 3
    test_rows: int = 300
    recipe: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is not in the tables, before anything is measured."""
        for name in self.sets:
            task(name)
        unknown = [name for name in self.contestants if name not in ENTRANTS]
        if unknown:
            raise SpecError(f"the contestant {unknown[0]!r} is not known.", f"Choose some of: {', '.join(ENTRANTS)}.")

    def cells(self) -> list[tuple[int, str, str]]:
        """(seed, set, contestant) in the order of work: one seed of everything before the next."""
        return [
            (seed, name, entrant)
            for seed in range(self.seeds)
            for name in self.sets
            for entrant in self.contestants
            if not (entrant in LABELS_ONLY and task(name).kind != "classification") and not (seed and entrant in SEEDLESS)
        ]


def run(plan: Plan, lm: FrozenLM, ledger: Ledger, say: Say) -> list[Row]:
    """Measure what the ledger does not hold yet; the rows of the plan, in its order."""
    rows = []
    cells = plan.cells()
    for number, (seed, name, entrant) in enumerate(cells, start=1):
        recipe = from_json(Recipe, plan.recipe | {"seed": seed})
        drawn = trial(plan.data, name, seed=seed, shots=plan.shots, rows=plan.rows, test_rows=plan.test_rows)
        key = {"set": name, "contestant": entrant, "seed": seed, "shots": _shots(plan, drawn), "digest": row_digest(lm, drawn, entrant, recipe)}
        row = ledger.find(**key)
        if row is None:
            say(f"{number}/{len(cells)} {name}, seed {seed}, {entrant}")
            row = ledger.add(key | _measure(lm, drawn, entrant, recipe))
            say(f"    {_score(row)} in {row['seconds']:.0f} s")
        rows.append(row)
    return rows


def _shots(plan: Plan, drawn: Trial) -> int:
    return plan.shots if drawn.task.kind == "classification" else plan.rows


def row_digest(lm: FrozenLM, drawn: Trial, entrant: str, recipe: Recipe) -> str:
    """Everything else that decides a row."""
    test = sorted(e.key for e in drawn.test)
    rest = {"task": to_json(drawn.task), "recipe": to_json(recipe), "test": test, "demonstrations": drawn.demonstrations}
    if entrant in LEARNED:
        rest["rate"] = LEARNED[entrant].rate
    return digest(rest | {"model": lm.fingerprint, "dtype": str(lm.dtype)})


def _measure(lm: FrozenLM, drawn: Trial, entrant: str, recipe: Recipe) -> Row:
    """One contestant from nothing to its score; ``seconds`` holds training, fitting and judging."""
    start = time.perf_counter()
    contestant, facts = ENTRANTS[entrant](lm, drawn, recipe)
    comparison = next(item for item in judge(lm, drawn.task, [contestant], drawn.test) if not isinstance(item, Judging))
    found = comparison.contestants[0]
    scores = {name: round(value, 5) for name in MEASURES if (value := getattr(found, name)) is not None}
    return {
        **scores,
        "seconds": round(time.perf_counter() - start, 2),
        **facts,
        "prompt_tokens": found.prompt_tokens,
        "seconds_per_example": round(found.seconds_per_example, 5),
        "train_rows": len(drawn.train),
        "validation_rows": len(drawn.validation),
        "test_rows": comparison.n,
    }


def _score(row: Row) -> str:
    return f"{row['accuracy']:.1%}" if "accuracy" in row else f"exact match {row['exact_match']:.1%}, chrF {row['chrf']:.1f}"


def summary(rows: Sequence[Row]) -> list[Row]:
    """A contestant's means: of its seeds within a set, then of the sets; a measure that only one kind of set has is the mean of those."""
    found = []
    for name in dict.fromkeys(row["contestant"] for row in rows):
        mine = [row for row in rows if row["contestant"] == name]
        sets = dict.fromkeys(row["set"] for row in mine)
        line: Row = {"contestant": name, "sets": len(sets), "seeds": len({row["seed"] for row in mine})}
        for measure in MEANS:
            means = [fmean(values) for one in sets if (values := [row[measure] for row in mine if row["set"] == one and measure in row])]
            if means:
                line[f"mean_{measure}"] = round(fmean(means), 4)
        found.append(line)
    return found


def by_set(rows: Sequence[Row], measure: str) -> list[Row]:
    """One line a set, one column a contestant: the mean over seeds, in points."""
    lines = []
    for name in dict.fromkeys(row["set"] for row in rows):
        line: Row = {"set": name}
        for entrant in dict.fromkeys(row["contestant"] for row in rows):
            values = [row[measure] for row in rows if row["set"] == name and row["contestant"] == entrant and measure in row]
            if values:
                line[entrant] = round(fmean(values) * (1.0 if measure == "chrf" else 100.0), 1)
        if len(line) > 1:
            lines.append(line)
    return lines


def report(rows: Sequence[Row]) -> str:
    """The tables that docs/benchmarks.md holds."""
    columns = ["set", *dict.fromkeys(row["contestant"] for row in rows)]
    parts = [f"{measure}\n\n{table(found, columns)}" for measure in ("accuracy", "exact_match", "chrf") if (found := by_set(rows, measure))]
    return "\n\n".join(parts)


def _setting(text: str) -> tuple[str, Any]:
    name, given, value = text.partition("=")
    if not given:
        raise argparse.ArgumentTypeError(f"{text!r} is not name=value")
    return name, json.loads(value)


def parser() -> argparse.ArgumentParser:
    """The flags."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.splitlines()[0] if __doc__ else "")
    made.add_argument("--data", type=Path, required=True, help="folder that holds the sets")
    made.add_argument("--sets", required=True, help="names, with commas")
    made.add_argument("--methods", default=",".join(ENTRANTS), help="contestants, with commas")
    made.add_argument("--shots", type=int, default=32, help="rows a class, validation rows included")
    made.add_argument("--rows", type=int, default=200, help="training rows of a generation set, validation rows included")
    made.add_argument("--seeds", type=int, default=3, help="seeds 0 to N-1")
    made.add_argument("--test-rows", type=int, default=300)
    made.add_argument("--recipe", type=_setting, action="append", default=[], metavar="NAME=VALUE", help="a setting of training, such as steps=150")
    made.add_argument("--model", default=EMBEDDED_MODEL)
    made.add_argument("--out", type=Path, default=Path("benchmarks/results/quality.jsonl"), help="results file that a rerun goes on with")
    made.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 2 where the request is at fault."""
    given = parser().parse_args(arguments)

    def work(say: Say) -> Row:
        from steering.lm.load import load

        plan = Plan(
            data=given.data,
            sets=tuple(given.sets.split(",")),
            contestants=tuple(given.methods.split(",")),
            shots=given.shots,
            rows=given.rows,
            seeds=given.seeds,
            test_rows=given.test_rows,
            recipe=dict(given.recipe),
        )
        lm = load(given.model)
        rows = run(plan, lm, Ledger(given.out, KEYS), say)
        return {"rows": rows, "summary": summary(rows), "machine": machine() | {"model": lm.id, "dtype": str(lm.dtype).removeprefix("torch.")}}

    return told(work, lambda found: report(found["rows"]), as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
