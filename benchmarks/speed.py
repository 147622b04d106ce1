"""A training step of this project against PEFT's, on the same rows from the same vectors, in turn within one run.

    python -m benchmarks.speed --json [--quick] [--data DIR]

Rows are SST-2's where the folder of public sets is given, else the shipped review_sentiment sample's. Results go to --out as they are done, and a
rerun goes on there; changed code is measured anew.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.batch import Batch
from benchmarks.ledger import Ledger, Row, table
from benchmarks.machine import machine
from benchmarks.telling import Say, told
from benchmarks.timing import compare, interleaved
from steering.lm.frozen import FrozenLM
from steering.spec import EMBEDDED_MODEL, digest

KEYS = ("kind", "method", "virtual_tokens", "batch", "dtype", "code")
ROOT = Path(__file__).parents[1]
CODE = ("steering/lm", "steering/methods", "steering/train", "benchmarks")
"""What decides how fast a step is."""

COLUMNS = ("method", "virtual_tokens", "dtype", "tokens", "ours_seconds", "peft_seconds", "ratio", "gemm_fraction", "ours_peak_mb", "peft_peak_mb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure. ``long``: tokens of a long row, 0 for none; ``memory``: whether peaks are measured."""

    methods: tuple[str, ...] = ("prompt_tuning", "prefix_tuning")
    virtual_tokens: tuple[int, ...] = (20, 100)
    batch: int = 16
    rounds: int = 5
    long: int = 512
    memory: bool = True
    model: str = EMBEDDED_MODEL
    data: Path | None = None

    @classmethod
    def quick(cls, **more: Any) -> "Plan":
        """A look in two minutes: one method, one length, two rounds."""
        return cls(methods=("prompt_tuning",), virtual_tokens=(20,), rounds=2, long=0, **more)

    def pairs(self) -> Iterator[tuple[str, int]]:
        """(method, virtual tokens), in the order of work."""
        yield from ((name, count) for name in self.methods for count in self.virtual_tokens)


class Bench:
    """Models, rows and results of one call."""

    def __init__(self, plan: Plan, ledger: Ledger, say: Say) -> None:
        from benchmarks.batch import short
        from benchmarks.precision import DTYPES
        from steering.lm.load import load

        self.plan, self.ledger, self.say = plan, ledger, say
        self.code = code_digest()
        self.lms: dict[str, FrozenLM] = {name: load(plan.model, dtype=dtype) for name, dtype in DTYPES.items()}
        self.batch = short(plan.data, plan.batch)

    def key(self, kind: str, name: str = "", count: int = 0, dtype: str = "") -> Row:
        """What makes a result the same measurement."""
        return {"kind": kind, "method": name, "virtual_tokens": count, "batch": self.plan.batch, "dtype": dtype, "code": self.code}

    def have(self, key: Row, make: Callable[[], Row]) -> Row:
        """A result of before, or a new one."""
        found = self.ledger.find(**key)
        if found is None:
            self.say(" ".join(str(value) for name, value in key.items() if value and name != "code"))
            found = self.ledger.add(key | make())
        return found

    # -- what is measured -----------------------------------------------------------------------------------------------------------------------
    def times(self, name: str, count: int) -> list[Row]:
        """One row for each pair of precisions; all of them from the same rounds."""
        from benchmarks.precision import PAIRS

        keys = {dtype: self.key("time", name, count, dtype) for dtype in PAIRS}
        known = {dtype: self.ledger.find(**key) for dtype, key in keys.items()}
        if all(known.values()):
            return [row for row in known.values() if row]
        self.say(f"time {name} {count}")
        return [self.ledger.add(keys[dtype] | row) for dtype, row in self._times(name, count).items()]

    def _times(self, name: str, count: int) -> dict[str, Row]:
        from benchmarks import pairing, theirs
        from benchmarks.precision import DTYPES, PAIRS
        from benchmarks.rate import linear_shapes, matmul_rate, parameters

        steps: dict[str, Callable[[], float]] = {}
        for dtype, lm in self.lms.items():
            start = pairing.start_of(lm, self.batch, name, count)
            steps[f"ours {dtype}"] = pairing.ours(lm, self.batch, name, count)
            steps[f"peft {dtype}"] = pairing.theirs(theirs.load(self.plan.model, DTYPES[dtype]), lm, start)
        shapes = linear_shapes(self.lms["bf16"])
        rows = -(-start.tokens // 64) * 64
        rates = [matmul_rate(shapes, rows, DTYPES["bf16"])]
        seconds = interleaved(steps, self.plan.rounds)
        rates.append(matmul_rate(shapes, rows, DTYPES["bf16"]))
        made: dict[str, Row] = {}
        for dtype, (ours, peft) in PAIRS.items():
            row = compare(seconds[f"ours {ours}"], seconds[f"peft {peft}"])
            reached = 4.0 * parameters(shapes) * start.tokens / row["ours_seconds"] / max(rates)
            made[dtype] = {"tokens": start.tokens, **row, "gemm_fraction": round(reached, 3), "matmul_gflops": round(max(rates) / 1e9, 1)}
        return made

    def gradient(self, name: str, count: int) -> Row:
        """How far our gradient is from that of PEFT's padded batch, both in fp32."""

        def make() -> Row:
            from benchmarks import pairing, theirs
            from benchmarks.precision import DTYPES

            lm = self.lms["fp32"]
            start = pairing.start_of(lm, self.batch, name, count)
            reference = pairing.theirs(theirs.load(self.plan.model, DTYPES["fp32"]), lm, start).gradient()
            return {"gradient_relative_error": pairing.relative_error(pairing.gradient(lm, start), reference)}

        return self.have(self.key("gradient", name, count, "fp32"), make)

    def memory(self, name: str, count: int, dtype: str) -> Row:
        """Peak MB of both sides over what is there before a step."""

        def make() -> Row:
            from benchmarks import pairing, theirs
            from benchmarks.memory import peak_mb
            from benchmarks.precision import DTYPES

            lm = self.lms[dtype]
            start = pairing.start_of(lm, self.batch, name, count)
            step = pairing.theirs(theirs.load(self.plan.model, DTYPES[dtype]), lm, start)
            found = {"ours": peak_mb(pairing.ours(lm, self.batch, name, count)), "peft": peak_mb(step)}
            return {f"{side}_peak_mb": round(peak, 1) for side, peak in found.items()}

        return self.have(self.key("memory", name, count, dtype), make)

    def long_rows(self) -> Row:
        """Seconds a token of long rows, relative to short ones, in turn; in the faster precision."""

        def make() -> Row:
            from benchmarks import pairing
            from benchmarks.batch import long

            lm, name, count = self.lms["bf16"], "prompt_tuning", self.plan.virtual_tokens[0]
            batches: dict[str, Batch] = {"short": self.batch, "long": long(lm, self.batch, self.plan.long)}
            steps = {size: pairing.ours(lm, batch, name, count) for size, batch in batches.items()}
            tokens = {size: pairing.start_of(lm, batch, name, count).tokens for size, batch in batches.items()}
            seconds = interleaved(steps, min(3, self.plan.rounds))
            found = compare(seconds["short"], seconds["long"])
            each = {"short_seconds": found["ours_seconds"], "long_seconds": found["peft_seconds"]}
            each["per_token"] = round(found["ratio"] * tokens["short"] / tokens["long"], 3)
            return {f"{size}_tokens": n for size, n in tokens.items()} | each

        return self.have(self.key("long", dtype="bf16"), make)


def run(plan: Plan, ledger: Ledger, say: Say) -> Row:
    """Measure what the ledger does not hold yet; the object that is printed."""
    from benchmarks.precision import PAIRS

    bench = Bench(plan, ledger, say)
    rows = []
    for name, count in plan.pairs():
        rows += bench.times(name, count)
    errors = {pair: bench.gradient(*pair)["gradient_relative_error"] for pair in plan.pairs()}
    long_rows = bench.long_rows() if plan.long else None
    peaks: dict[tuple[str, int, str], Row] = {}
    if plan.memory:
        peaks = {(name, count, dtype): bench.memory(name, count, dtype) for name, count in plan.pairs() for dtype in bench.lms}
    for row in rows:
        name, count = row["method"], row["virtual_tokens"]
        row["gradient_relative_error"] = errors[name, count]
        for side, dtype in zip(("ours", "peft"), PAIRS[row["dtype"]], strict=True):
            row[f"{side}_peak_mb"] = peaks[name, count, dtype][f"{side}_peak_mb"] if peaks else None
    found: Row = {"rows": rows, "gemm_fraction": rows[0]["gemm_fraction"], "cost": costs(rows), "long": long_rows}
    return found | {"source": bench.batch.source, "code": bench.code, "machine": machine()}


def costs(rows: Sequence[Row]) -> list[Row]:
    """What the longest prompt costs against the shortest, for us and for PEFT."""
    found = []
    for method, dtype in dict.fromkeys((row["method"], row["dtype"]) for row in rows):
        mine = sorted((row for row in rows if (row["method"], row["dtype"]) == (method, dtype)), key=lambda row: row["virtual_tokens"])
        low, high = mine[0], mine[-1]
        if low is not high:
            ratio = {side: round(high[f"{side}_seconds"] / low[f"{side}_seconds"], 3) for side in ("ours", "peft")}
            found.append({"method": method, "dtype": dtype, "from": low["virtual_tokens"], "to": high["virtual_tokens"], **ratio})
    return found


def code_digest() -> str:
    """Eight hex digits over the source that is measured."""
    files = [path for room in CODE for path in sorted((ROOT / room).glob("*.py"))]
    return digest({str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in files})[:8]


def report(found: Row) -> str:
    """The tables that docs/benchmarks.md holds."""
    parts = [table(found["rows"], COLUMNS)]
    if found["cost"]:
        parts.append(table(found["cost"], ("method", "dtype", "from", "to", "ours", "peft")))
    if found["long"]:
        parts.append(table([found["long"]], ("short_tokens", "long_tokens", "short_seconds", "long_seconds", "per_token")))
    return "\n\n".join(parts)


def parser() -> argparse.ArgumentParser:
    """The flags."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__.splitlines()[0] if __doc__ else "")
    made.add_argument("--data", type=Path, help="folder that holds the public sets; without it the shipped sample is used")
    made.add_argument("--quick", action="store_true", help="one method, one length, two rounds")
    made.add_argument("--model", default=EMBEDDED_MODEL)
    made.add_argument("--rounds", type=int, default=5, help="counted rounds of both sides in turn")
    made.add_argument("--batch", type=int, default=16)
    made.add_argument("--out", type=Path, default=Path("benchmarks/results/speed.jsonl"), help="results file that a rerun goes on with")
    made.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 2 where the request is at fault."""
    given = parser().parse_args(arguments)

    def work(say: Say) -> Row:
        common = {"model": given.model, "data": given.data, "batch": given.batch}
        plan = Plan.quick(**common) if given.quick else Plan(rounds=given.rounds, **common)
        return run(plan, Ledger(given.out, KEYS), say)

    return told(work, report, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
