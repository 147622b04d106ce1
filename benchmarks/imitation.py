"""How well a few vectors stand in for a long few-shot prompt, learned from inputs without labels.

    python -m benchmarks.imitation --data DIR --sets trec,snips --json

The teacher is the frozen model under a few-shot prompt (8 shots of the set's rows), the pupils are a soft prompt and a prefix of 16 virtual tokens
with the default recipe. Inputs and test rows are other rows than the shots. Rows go to --out as they are done, and a rerun goes on there.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.ledger import Ledger, Row, table
from benchmarks.machine import machine
from benchmarks.sets import Trial, trial
from benchmarks.telling import Say, told
from steering.engine import contestants
from steering.engine.judging import Judging, judge
from steering.engine.teaching import agreement, taught
from steering.evaluate.results import Comparison
from steering.lm.frozen import FrozenLM
from steering.methods import Setting, method, options
from steering.methods.forms import root_of
from steering.slices import finished
from steering.spec import EMBEDDED_MODEL, Recipe, RunSpec, digest
from steering.train.trainer import Member, Trainer

KEYS = ("set", "pupil", "seed", "digest")
COLUMNS = (
    "set",
    "pupil",
    "teacher_accuracy",
    "manual_accuracy",
    "accuracy",
    "agreement",
    "agreement_ci",
    "teacher_tokens",
    "tokens",
    "prefill_ratio",
)
PUPILS = ("prompt_tuning", "prefix_tuning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure. ``inputs``: texts without labels that are learned from; ``virtual_tokens``: the pupils' length."""

    data: Path
    sets: tuple[str, ...]
    pupils: tuple[str, ...] = PUPILS
    demonstrations: int = 8
    inputs: int = 200
    virtual_tokens: int = 16
    seeds: int = 1
    test_rows: int = 300
    recipe: Recipe = field(default_factory=Recipe)


def run(plan: Plan, lm: FrozenLM, ledger: Ledger, say: Say) -> list[Row]:
    """Measure what the ledger does not hold yet; the rows of the plan."""
    rows = []
    asked = digest({"inputs": plan.inputs, "virtual_tokens": plan.virtual_tokens, "shots": plan.demonstrations, "test": plan.test_rows,
                    "steps": plan.recipe.steps, "model": lm.fingerprint, "dtype": str(lm.dtype)})  # fmt: skip
    for seed in range(plan.seeds):
        for name in plan.sets:
            for pupil in plan.pupils:
                key = {"set": name, "pupil": pupil, "seed": seed, "digest": asked}
                row = ledger.find(**key)
                if row is None:
                    say(f"{name}, seed {seed}, {pupil}")
                    row = ledger.add(key | _measure(plan, lm, name, pupil, seed))
                    say(f"    {row['sentence']}")
                rows.append(row)
    return rows


def _measure(plan: Plan, lm: FrozenLM, name: str, pupil: str, seed: int) -> Row:
    drawn = trial(plan.data, name, seed=seed, shots=plan.demonstrations, test_rows=plan.test_rows)
    context = contestants.Context(drawn.task, drawn.train + drawn.validation, [])
    teacher = contestants.build(lm, f"few-shot:{plan.demonstrations}", context)
    spec = RunSpec(name=name, dataset="", task=drawn.task, method=pupil, recipe=plan.recipe, imitate=teacher.name)
    steering = method(pupil).build(lm, Setting(drawn.task, drawn.train, seed), options(pupil, {"virtual_tokens": plan.virtual_tokens}))
    lesson = finished(taught(lm, spec, teacher, {"train": [], "validation": [], "test": []}, _texts(plan, drawn, seed), steering.root().length))
    trainer = Trainer(lm, [Member(lm, steering, lesson.material, plan.recipe, rate=method(pupil).rate)], plan.recipe)
    for _ in trainer.events():
        pass
    learned = root_of(lm, trainer.best).detach()
    entered = [contestants.learned(lm, "learned", learned, f"{name}/{seed}"), teacher, contestants.build(lm, f"prompt:{drawn.task.prompt}", context)]
    found: Comparison = next(item for item in judge(lm, drawn.task, entered, drawn.test) if not isinstance(item, Judging))
    said = agreement(lm, lesson, learned, found)
    scores = dict(zip(("accuracy", "teacher_accuracy", "manual_accuracy"), (one.accuracy for one in found.contestants), strict=True))
    ratio = round(said["prefill_seconds"] / said["teacher_prefill_seconds"], 3)
    return said | scores | {"steps": trainer.step, "best_step": trainer.best_step, "prefill_ratio": ratio}


def _texts(plan: Plan, drawn: Trial, seed: int) -> list[str]:
    """Inputs of the training file that are neither shots nor judged."""
    pool = trial(plan.data, drawn.name, seed=seed, shots=10**6, test_rows=plan.test_rows)
    shown = {row.key for row in drawn.train + drawn.validation}
    rest = sorted((row for row in pool.train + pool.validation if row.key not in shown), key=lambda row: row.key)
    return [next(iter(row.values.values())) for row in rest[: plan.inputs]]


def parser() -> argparse.ArgumentParser:
    """The flags."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.imitation", description=__doc__.splitlines()[0] if __doc__ else "")
    made.add_argument("--data", type=Path, required=True, help="folder that holds the sets")
    made.add_argument("--sets", required=True, help="names, with commas")
    made.add_argument("--pupils", default=",".join(PUPILS), help="learned methods, with commas")
    made.add_argument("--seeds", type=int, default=1, help="seeds 0 to N-1")
    made.add_argument("--test-rows", type=int, default=300)
    made.add_argument("--model", default=EMBEDDED_MODEL)
    made.add_argument("--out", type=Path, default=Path("benchmarks/results/imitation.jsonl"), help="results file that a rerun goes on with")
    made.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 2 where the request is at fault."""
    given = parser().parse_args(arguments)

    def work(say: Say) -> Row:
        from steering.lm.load import load

        sets, pupils = tuple(given.sets.split(",")), tuple(given.pupils.split(","))
        plan = Plan(data=given.data, sets=sets, pupils=pupils, seeds=given.seeds, test_rows=given.test_rows)
        return {"rows": run(plan, load(given.model), Ledger(given.out, KEYS), say), "machine": machine()}

    return told(work, lambda found: table(found["rows"], COLUMNS), as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
