"""What was read of a file, in words: counts, problems with their remedy, and one row as the model reads it."""

from typing import Any

from steering.data import render
from steering.spec import TaskSpec
from steering.ui import text

REASONS = {
    "missing_text": "without text",
    "missing_label": "without label",
    "duplicates": "repeated",
    "conflicts": "same text, different labels",
    "other_answers": "further answers to one text",
    "unreadable": "unreadable",
}


def blocking(report: dict[str, Any]) -> str:
    """The first problem that forbids training; empty where there is none."""
    return next((p["message"] for p in report["problems"] if p["severity"] == "blocking"), "")


def button_text(dataset: str, obstacle: str) -> str:
    """What is missing, or that it may go on."""
    if not dataset:
        return "Choose a file or a sample first"
    return "Mend the file first: see the problem above" if obstacle else "Continue to training"


def about(name: str, report: dict[str, Any]) -> str:
    """What was read, what was left out and why, and every problem with its remedy."""
    left = [f"{count} {REASONS.get(reason, reason)}" for reason, count in report["left_out"].items() if count]
    sides = report["sides"]
    pairs = [
        ("File", name),
        ("Rows read", report["rows_read"]),
        ("Usable", report["rows_usable"]),
        ("Left out", ", ".join(left) or "none"),
        ("Training / validation / test", f"{sides.get('train', 0)} / {sides.get('validation', 0)} / {sides.get('test', 0)}"),
    ]
    return text.facts(pairs) + "".join(map(_problem, report["problems"])) + gap(sides.get("test", 0), report.get("detectable_gap_points"))


def gap(test_rows: int, points: float | None) -> str:
    """What the test rows can show."""
    if not points:
        return '<p class="quiet">There are no test rows, so nothing can be confirmed.</p>'
    return f'<p class="quiet">With {test_rows} test rows only differences of about {points:.0f} points can be confirmed.</p>'


def _problem(item: dict[str, Any]) -> str:
    rows = f" (lines {', '.join(map(str, item['rows'][:12]))}{', ...' if item['count'] > 12 else ''})" if item["rows"] else ""
    mark = {"blocking": "&#9632;", "warning": "&#9650;", "note": "&#9679;"}[item["severity"]]
    hint = f"<p>{text.safe(item['hint'])}</p>" if item["hint"] else ""
    head = f'<p><span aria-hidden="true">{mark}</span> <strong>{text.WORDS[item["severity"]]}:</strong> {text.safe(item["message"] + rows)}</p>'
    return f'<div class="notice {text.safe(item["severity"])}">{head}{hint}</div>'


def reading_of(values: dict[str, str], target: str, task: TaskSpec) -> str:
    """What the model reads for one real row: prompt, row, answer, told apart by name and not by colour alone."""
    answer = task.label_words.get(target, target)
    parts = [("learned, starts as your prompt", task.prompt, "start"), ("the row through the template", render(task.template, values), "row")]
    parts.append(("graded", answer, "answer"))
    spans = "".join(f'<div class="{css}"><pre>{_lines(value)}</pre><small>{name}</small></div>' for name, value, css in parts)
    return f'<section class="reads" aria-label="What the model reads"><h3>What the model reads</h3>{spans}</section>'


def _lines(value: str) -> str:
    return text.safe(value[:1500] or "(empty)").replace("\n", '<span class="quiet">&#9166;</span>\n')
