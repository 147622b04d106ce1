"""Peak memory of a training step, each variant in a process of its own: what it takes beyond the loaded model."""

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

STEPS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What is measured. ``side``: ours or peft; ``dtype``: bf16 or fp32."""

    side: str
    method: str
    virtual_tokens: int
    dtype: str
    batch: int
    model: str
    data: str


def peak_mb(variant: Variant) -> float:
    """Run the variant in a new process.

    Raises:
        RuntimeError: it failed; with what it wrote.
    """
    command = [sys.executable, "-m", "benchmarks.memory", json.dumps(asdict(variant))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    if done.returncode:
        raise RuntimeError(f"measuring the memory of {variant} failed:\n{done.stderr[-2000:]}")
    found: float = json.loads(done.stdout.splitlines()[-1])["peak_mb"]
    return found


def _measure(variant: Variant) -> float:
    """MB (2^20 bytes) by which the process grew over its size with the model loaded and everything prepared."""
    from benchmarks import pairing, theirs
    from benchmarks.batch import short
    from benchmarks.precision import DTYPES
    from steering.lm.load import load

    batch = short(Path(variant.data) if variant.data else None, variant.batch)
    lm = load(variant.model, dtype=DTYPES[variant.dtype])
    base = theirs.load(variant.model, DTYPES[variant.dtype])  # both sides hold both models, so that neither pays for the other's
    steps = {
        "ours": lambda: pairing.ours(lm, batch, variant.method, variant.virtual_tokens),
        "peft": lambda: pairing.theirs(base, lm, pairing.start_of(lm, batch, variant.method, variant.virtual_tokens)),
    }
    step = steps[variant.side]()
    before = reset_peak()
    for _ in range(STEPS):
        step()
    return (peak_kb() - before) / 1024.0


def reset_peak() -> int:
    """Forget the peak so far, where the system can (Linux); the size now, kB. Elsewhere the peak of loading is what counts from."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return peak_kb()
    return _status("VmRSS") or peak_kb()


def peak_kb() -> int:
    """Largest resident size, kB."""
    unit = 1024 if sys.platform == "darwin" else 1
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit


def _status(name: str) -> int:
    file = Path("/proc/self/status")
    lines = file.read_text(encoding="ascii", errors="replace").splitlines() if file.is_file() else []
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the variant that is given as JSON; print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("variant", help="a Variant as JSON")
    variant = Variant(**json.loads(parser.parse_args(arguments).variant))
    sys.stdout.write(json.dumps({"peak_mb": round(_measure(variant), 1)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
