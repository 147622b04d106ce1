"""What a person at a terminal sees: a progress bar, and results as plain text. Untrusted text never reaches the terminal with control codes."""

import time
from types import TracebackType
from typing import Any, TextIO

from steering.store import Run
from steering.studio import Studio
from steering.studio.runview import alarm_text

BAR = 24
EVERY_S = 0.5


def clean(text: object) -> str:
    """Text without control characters, so that a label or an output cannot steer the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in str(text))


class ProgressLine:
    """A bar that redraws itself on a terminal; one plain line a look elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.live = stream.isatty()
        self._last = ("", -1)
        self._at = 0.0
        self._width = 0

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self.live and self._width:
            self.stream.write("\n")

    def show(self, studio: Studio, run: str) -> None:
        """Say where the run is, at most twice a second."""
        if time.monotonic() - self._at < EVERY_S:
            return
        self._at = time.monotonic()
        found = studio.store.run(run)
        if self.live:
            line = _bar(found)
            self.stream.write("\r" + line.ljust(self._width))
            self._width = len(line)
            self.stream.flush()
            return
        looks = studio.store.events(run, ("validation",))
        mark = (found.phase, looks[-1].step if looks else -1)
        if mark != self._last:
            self._last = mark
            self.stream.write(_line(found, looks[-1].data if looks else {}) + "\n")
            self.stream.flush()


def _bar(run: Run) -> str:
    done = round(BAR * run.step / max(1, run.steps))
    return f"{run.phase or run.state:<18} [{'#' * done}{'.' * (BAR - done)}] {run.step}/{run.steps}"


def _line(run: Run, look: dict[str, Any]) -> str:
    text = f"{run.phase or run.state}: step {run.step} of {run.steps}"
    if look:
        text += f", validation loss {look['nll']:.3f}"
        if look.get("accuracy") is not None:
            text += f", accuracy {100 * look['accuracy']:.0f} %"
    return text


def plain(result: dict[str, Any]) -> str:
    """A result for reading; ``--json`` is the contract."""
    parts: list[str] = []
    if "verdict" in result:
        parts += _story(result)
    elif "contestants" in result:
        parts += _contestants(result) + [clean(p["sentence"]) for p in result.get("pairs", [])]
    elif "outputs" in result:
        parts += [
            f"{clean(o['name'])}: {clean(o.get('text', ''))}  ({o.get('tokens', 0)} tokens, {o.get('seconds', 0):.2f} s)" for o in result["outputs"]
        ]
        parts += [clean(result["sentence"])] if "sentence" in result else []
    elif "problems" in result:
        parts += _report(result)
    else:
        parts += _tree(result)
    return "\n".join(parts)


def _story(result: dict[str, Any]) -> list[str]:
    best = result["validation"]
    parts = [
        "",
        f"Trained {result['virtual_tokens']} virtual tokens ({result['trainable_parameters']:,} numbers) in {result['seconds']:.0f} s;"
        f" best after step {result['best_step']} (validation loss {best['nll'] or 0:.3f}).",
        "",
    ]
    parts += [clean(alarm_text(alarm)) for alarm in result.get("alarms", [])]
    parts += _contestants(result["comparison"])
    if result.get("imitation"):
        parts += ["", clean(result["imitation"]["sentence"])]
    parts += ["", f"{result['verdict']['kind'].upper()}: {clean(result['verdict']['sentence'])}", clean(result["verdict"]["detail"])]
    if result.get("neighbours"):
        parts += ["", *_neighbours(result["neighbours"])]
    parts += ["", f"Saved as {result['artifact']} ({result['file_bytes'] / 1000:.0f} kB): {result['path']}"]
    return parts


def _contestants(comparison: dict[str, Any]) -> list[str]:
    rows = comparison.get("contestants", [])
    if not rows:
        return ["There were no held-out rows to judge on."]
    parts = [f"On {comparison['n']} held-out rows:"]
    for row in rows:
        if row.get("accuracy") is not None:
            low, high = row["accuracy_ci"]
            score = f"{100 * row['accuracy']:5.1f} %  (95% CI {100 * low:.0f} to {100 * high:.0f})"
        else:
            score = f"exact match {100 * (row.get('exact_match') or 0):5.1f} %, chrF {row.get('chrf') or 0:5.1f}"
        parts.append(f"  {clean(row['name'])[:28]:<28} {score}   {row['prompt_tokens']} prompt tokens")
    return parts


def _neighbours(view: dict[str, Any]) -> list[str]:
    parts = [clean(view.get("title", "")), clean(view.get("note", ""))]
    for row in view.get("rows", []):
        if "nearest" not in row:
            continue
        near = ", ".join(f"{clean(n['token'])} {n['cosine']:.2f}" for n in row["nearest"][:3])
        parts.append(f"  {row['slot']:>3}  {clean(row['init_token'])[:16]:<16} {row['status']:<15} drift {row['drift'] or 0:.2f}  nearest: {near}")
    return parts


def _report(result: dict[str, Any]) -> list[str]:
    mapping = result["mapping"]
    parts = [
        f"{result['format']}, {result['encoding']}: {result['rows_read']} rows read, {result['rows_usable']} usable ({result['task'] or 'no task'}).",
        f"text column {clean(mapping['text'])!r}, label column {clean(mapping['label'])!r}",
    ]
    for problem in result["problems"]:
        rows = ", ".join(map(str, problem["rows"][:10]))
        parts.append(f"  {problem['severity']}: {clean(problem['message'])}" + (f" (lines {rows})" if rows else ""))
        if problem["hint"]:
            parts.append(f"    {clean(problem['hint'])}")
    return parts


def _tree(result: dict[str, Any]) -> list[str]:
    parts = []
    for key, value in result.items():
        if isinstance(value, list):
            parts.append(f"{key}:" if value else f"{key}: none")
            parts += [
                "  " + "  ".join(f"{name}={clean(item)}" for name, item in row.items()) if isinstance(row, dict) else f"  {clean(row)}"
                for row in value
            ]
        else:
            parts.append(f"{key}: {clean(value)}")
    return parts
