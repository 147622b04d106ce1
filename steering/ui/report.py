"""What was read of a file, in words: counts, problems with their remedy, and one row as the model reads it."""

from typing import Any

from steering.data import REASONS, render
from steering.data.table import plural
from steering.spec import SIDES, TaskSpec
from steering.studio import BY_ITSELF
from steering.ui import text

UNITS = {"keep_majority": "text"}
"""What a fix is counted in, where it is not rows."""


def blocking(report: dict[str, Any]) -> str:
    """The first problem that forbids training; empty where there is none."""
    return next((p["message"] for p in report["problems"] if p["severity"] == "blocking"), "")


def button_text(dataset: str, obstacle: str) -> str:
    """What is missing, or that it may go on."""
    if not dataset:
        return "Choose a file or a sample first"
    return "Mend the file first: see the problem above" if obstacle else "Continue to training"


def about(name: str, report: dict[str, Any]) -> str:
    """What was read, what was left out and why, what could be done, and every problem with its remedy and its one-click fixes."""
    left = [f"{count:,} {REASONS.get(reason, reason)}" for reason, count in report["left_out"].items() if count]
    sides = report["sides"]
    pairs = [
        ("File", name),
        ("Read as", ", ".join(filter(None, [report["format"], report["encoding"]]))),
        ("Rows read", f"{report['rows_read']:,}"),
        ("Usable", f"{report['rows_usable']:,}"),
        ("Left out", ", ".join(left) or "none"),
        ("Training / validation / test", " / ".join(f"{sides.get(side, 0):,}" for side in SIDES)),
    ]
    parts = [text.facts(pairs), _applied(report), _suggested(report)]
    parts += [_problem(at, item) for at, item in enumerate(report["problems"])]
    if report.get("cross_validate"):  # the note on few rows says what is judged, and by what
        return "".join(parts)
    return "".join(parts) + gap(sides.get("test", 0), report.get("detectable_gap_points"))


def _applied(report: dict[str, Any]) -> str:
    """The fixes that are in force, each with its way back."""
    changed = report.get("changed", {})
    lines = []
    for at, fix in enumerate(report.get("fixes", ())):
        count = f" ({plural(changed[fix['name']], UNITS.get(fix['name'], 'row'))})" if fix["name"] in changed else ""
        lines.append(f"<li>{text.safe(fix['sentence'] + count)} {text.pick('Undo', f'undo:{at}', fix['sentence'])}</li>")
    return f'<div class="notice note"><p><strong>Applied:</strong></p><ul>{"".join(lines)}</ul></div>' if lines else ""


def _suggested(report: dict[str, Any]) -> str:
    """What the other columns could be used for."""
    found, buttons = report.get("suggestions") or {}, []
    if found.get("join"):
        buttons.append(("Use them together", "join:", f"The text seems to stand in several columns: {', '.join(found['join'])}."))
    if found.get("group_columns") and not report.get("group_column"):
        column = found["group_columns"][0]
        buttons.append(
            ("Keep them together", f"group:{column}", f"Rows with the same {column!r} may belong together, so they should be on one side.")
        )
    if not report.get("near_looked", True) and report["rows_usable"] > BY_ITSELF:
        said = f"{report['rows_usable']:,} rows: to look for texts that nearly repeat takes minutes and much memory, so it waits for you."
        buttons.append(("Look for near-duplicates", "near:", said))
    lines = "".join(f"<p>{text.safe(said)} {text.pick(name, value, said)}</p>" for name, value, said in buttons)
    return f'<div class="notice note">{lines}</div>' if lines else ""


def gap(test_rows: int, points: float | None) -> str:
    """What the test rows can show."""
    if not points:
        return '<p class="quiet">There are no test rows, so nothing can be confirmed.</p>'
    size = f"about {points:.0f} {'point' if round(points) == 1 else 'points'}"
    return f'<p class="quiet">With {test_rows:,} test rows only differences of {size} can be confirmed.</p>'


def _problem(at: int, item: dict[str, Any]) -> str:
    mark = {"blocking": "&#9632;", "warning": "&#9650;", "note": "&#9679;"}[item["severity"]]
    hint = f"<p>{text.safe(item['hint'])}</p>" if item["hint"] else ""
    fixes = [text.pick(fix["sentence"], f"fix:{at}:{number}", item["message"]) for number, fix in enumerate(item.get("fixes", ()))]
    offered = f"<p>{' '.join(fixes)}</p>" if fixes else ""
    head = f'<p><span aria-hidden="true">{mark}</span> <strong>{text.WORDS[item["severity"]]}:</strong> {text.safe(item["message"])}</p>'
    return f'<div class="notice {text.safe(item["severity"])}">{head}{hint}{_lines_of(item)}{offered}</div>'


def _lines_of(item: dict[str, Any]) -> str:
    """More line numbers than the message names."""
    if len(item["rows"]) <= 5:
        return ""
    more = ", ..." if item["count"] > len(item["rows"]) else ""
    return f"<details><summary>{item['count']:,} rows</summary><p>lines {', '.join(map(str, item['rows']))}{more}</p></details>"


def reading_of(values: dict[str, str], target: str, task: TaskSpec) -> str:
    """What the model reads for one real row: prompt, row, answer, told apart by name and not by colour alone."""
    answer = task.label_words.get(target, target)
    parts = [("learned, starts as your prompt", task.prompt, "start"), ("the row through the template", render(task.template, values), "row")]
    parts.append(("graded", answer, "answer"))
    spans = "".join(f'<div class="{css}"><pre>{_lines(value)}</pre><small>{name}</small></div>' for name, value, css in parts)
    return f'<section class="reads" aria-label="What the model reads"><h3>What the model reads</h3>{spans}</section>'


def _lines(value: str) -> str:
    return text.safe(value[:1500] or "(empty)").replace("\n", '<span class="quiet">&#9166;</span>\n')
