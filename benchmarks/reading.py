"""How long a large CSV takes from its bytes to the values of the page, and how much memory: ``python -m benchmarks.reading``.

Everything is measured in processes of their own, so that one measurement does not find the memory of another. Times are medians, with all
values and the CPU's own time beside them, because a machine is rarely quiet. Memory is what the process grows by at its peak (Linux), as a
multiple of the file.
"""

import argparse
import csv
import io
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LABELS = ("Sports", "World", "Business", "Sci/Tech")
SYLLABLES = [f"{consonant}{vowel}" for consonant in "bcdfghklmnprstvw" for vowel in "aeiou"]


def say(line: str) -> None:
    """One line for the person who measures."""
    sys.stdout.write(line + "\n")


def rows_of_csv(rows: int, seed: int = 1) -> bytes:
    """A CSV of sentences of 8 to 25 made-up words and one of four labels; commas in a fifth of the texts, accents in a twentieth."""
    chance = random.Random(seed)
    words = ["".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(3000)]
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    writer.writerow(["text", "label"])
    for _ in range(rows):
        text = " ".join(chance.choices(words, k=chance.randint(8, 25))).capitalize() + "."
        if chance.random() < 0.2:
            text = text.replace(" ", ", ", 1)
        if chance.random() < 0.05:
            text = text.replace("a", "á", 1)
        writer.writerow([text, chance.choice(LABELS)])
    return target.getvalue().encode()


def measure(path: Path) -> dict[str, Any]:
    """Seconds and memory of one look at a file, in this process: parsed, and as the values of the page."""
    from steering.data import read
    from steering.store import Store
    from steering.studio import Studio
    from steering.ui import filling

    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Store(Path(folder) / "home"), [Path(folder) / "saved"])
        filling.show(studio.data.upload("warm.csv", rows_of_csv(40, seed=2)), "")  # what is loaded once is loaded
        before = _peak_bytes()
        start, busy = time.perf_counter(), time.process_time()
        values = filling.load_file(studio, str(path))
        page, busy = time.perf_counter() - start, time.process_time() - busy
        peak = _peak_bytes()
        start = time.perf_counter()
        studio.store.dataset(values[filling.CONTROLS.index("dataset")])  # the page asks for it next
        again = time.perf_counter() - start
    content = path.read_bytes()
    start = time.perf_counter()
    table = read(path.name, content)
    parsed = time.perf_counter() - start
    seconds = {"parsed_s": parsed, "page_s": page, "page_cpu_s": busy, "asked_again_s": again}
    return {"rows": len(table.rows), **seconds, "memory": (peak - before) / len(content)}


def _peak_bytes() -> int:
    import resource  # not on Windows: there is no peak to be read there in this way

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(argv: list[str] | None = None) -> None:
    """Print medians for one file size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.file:
        say(json.dumps(measure(given.file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_bytes(rows_of_csv(given.rows))
        command = [sys.executable, "-m", "benchmarks.reading", "--file", str(path)]
        found = [json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(given.repeat)]
        say(f"{found[0]['rows']:,} rows, {path.stat().st_size / 1e6:.1f} MB, median of {given.repeat}")
    names = {
        "parsed_s": "bytes to table, s",
        "page_s": "file to page, s",
        "page_cpu_s": "the same, CPU s",
        "asked_again_s": "asked of the store, s",
        "memory": "memory / file",
    }
    for key, name in names.items():
        values = sorted(one[key] for one in found)
        say(f"  {name:<22} {statistics.median(values):6.2f}   ({', '.join(f'{value:.2f}' for value in values)})")


if __name__ == "__main__":
    main()
