"""Words and safe pieces of HTML. Whatever a user, a file, a token or a model wrote passes through :func:`safe` before it is put into a page."""

import html
import time
from collections.abc import Iterable, Sequence
from typing import Any

from steering.errors import SteeringError

STATES = {"queued": "waiting", "running": "running", "done": "done", "stopped": "stopped", "failed": "failed"}
WORDS = {"blocking": "Must be fixed", "warning": "Warning", "note": "Note"}


def safe(text: object) -> str:
    """Text that a browser shows literally: no markup, and no ``${`` that a template could evaluate."""
    return html.escape(str(text), quote=True).replace("$", "&#36;").replace("`", "&#96;")


def notice(message: str, hint: str = "", level: str = "error") -> str:
    """A message that stays until the next action."""
    word = {"error": "Problem", "note": "Note", "warning": "Warning"}[level]
    role = "alert" if level == "error" else "status"
    more = f"<p>{safe(hint)}</p>" if hint else ""
    return f'<div class="notice {level}" role="{role}"><p><strong>{word}:</strong> {safe(message)}</p>{more}</div>'


def problem(error: Exception) -> str:
    """An error as a notice; of one that we did not foresee only the type is told."""
    if isinstance(error, SteeringError):
        return notice(error.message, error.hint)
    return notice(f"something went wrong inside the app ({type(error).__name__}).", "Try again; the log of the app holds the details.")


def empty(text: str) -> str:
    """One line that says what will appear here."""
    return f'<p class="empty">{safe(text)}</p>'


def percent(value: float | None, digits: int = 0) -> str:
    """0.861 is "86 %"."""
    return "" if value is None else f"{100 * value:.{digits}f} %"


def scored(value: float | None, interval: Sequence[float] | None) -> str:
    """A share with its interval: "86 % (78 to 91)"."""
    if value is None:
        return ""
    return percent(value) + (f" ({100 * interval[0]:.0f} to {100 * interval[1]:.0f})" if interval else "")


def number(value: Any, digits: int = 3) -> str:
    """A number for reading; empty for None."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"


def duration(seconds: float | None) -> str:
    """Seconds in the unit that a person would use."""
    if seconds is None:
        return ""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """Bytes in kB, MB or GB."""
    return f"{count / 1000:.0f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


def date(stamp: float) -> str:
    """A moment in the machine's local time."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(stamp)) if stamp else ""


def bar(share: float, label: str) -> str:
    """A progress bar."""
    value = round(100 * max(0.0, min(1.0, share)))
    inner = f'<div style="width:{value}%"></div>'
    return (
        f'<div class="bar" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{value}" aria-label="{safe(label)}">{inner}</div>'
    )


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Names and values in one line that wraps."""
    items = (f"<div><dt>{safe(name)}</dt><dd>{safe(value)}</dd></div>" for name, value in pairs if value not in ("", None))
    return f'<dl class="facts">{"".join(items)}</dl>'


def table(
    heads: Sequence[str], rows: Iterable[Sequence[object]], *, numeric: Iterable[int] = (), caption: str = "", mark: int = -1, wrap: bool = False
) -> str:
    """A table that scrolls inside itself; ``numeric`` columns are right-aligned, row ``mark`` is emphasised, ``wrap`` breaks long texts."""
    right = set(numeric)
    style = ['class="n"' if i in right else "" for i in range(len(heads))]
    top = "".join(f'<th scope="col" {style[i]}>{safe(head)}</th>' for i, head in enumerate(heads))
    body = ""
    for at, row in enumerate(rows):
        cells = "".join(f"<td {style[i]}>{safe(cell)}</td>" for i, cell in enumerate(row))
        body += f"<tr{' class=mark' if at == mark else ''}>{cells}</tr>"
    title = f"<caption>{safe(caption)}</caption>" if caption else ""
    name = safe(caption or "table")
    inner = f"<table>{title}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll{" wrap" if wrap else ""}" tabindex="0" role="region" aria-label="{name}">{inner}</div>'


def heading(title: str, line: str) -> str:
    """A station's title with one line that says what it shows and why."""
    return f'<div class="head"><h2>{safe(title)}</h2><p>{safe(line)}</p></div>'


def sparkline(values: Sequence[float]) -> str:
    """A loss curve as a small picture."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    thin = values[:: max(1, len(values) // 60)]
    points = " ".join(f"{100 * i / (len(thin) - 1):.1f},{22 - 20 * (v - low) / span:.1f}" for i, v in enumerate(thin))
    return f'<svg class="spark" viewBox="0 0 100 24" aria-hidden="true" preserveAspectRatio="none"><polyline points="{points}"/></svg>'


def pick(kind: str, value: str, label: str, key: str = "") -> str:
    """A button inside a list; the list's ``pick`` event carries ``value``. ``key``: the key that presses it in a keyed list."""
    shortcut = f' data-key="{safe(key)}" aria-keyshortcuts="{safe(key)}"' if key else ""
    return f'<button type="button" class="pick" data-pick="{safe(value)}"{shortcut} aria-label="{safe(kind)} {safe(label)}">{safe(kind)}</button>'
