"""Plots as inline SVG: small, printable, readable in light and dark, with a title and a description for screen readers. Pure strings."""

from collections.abc import Sequence
from html import escape

Mark = tuple[str, float, float, float, bool]
"""Name, value, low, high (0 to 1), and whether it is a grey control."""

WIDTH, LEFT, ROW, TOP = 720, 220, 30, 16
NAME_LENGTH = 25


def intervals_svg(marks: Sequence[Mark], description: str) -> str:
    """Dots with their intervals on one axis from 0 to 100 %. Controls are hollow: colour never carries meaning alone."""
    height = TOP + ROW * len(marks) + 30
    base = TOP + ROW * len(marks)
    parts = [
        f'<svg role="img" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" xmlns="http://www.w3.org/2000/svg" font-size="14">',
        f"<title>Scores with intervals</title><desc>{escape(description)}</desc>",
    ]
    for tick in range(0, 101, 20):
        x = _x(tick / 100)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{base}" stroke="currentColor" stroke-opacity=".2"/>')
        parts.append(f'<text x="{x:.1f}" y="{base + 18}" text-anchor="middle" fill="currentColor">{tick} %</text>')
    for number, (name, value, low, high, control) in enumerate(marks):
        y = TOP + ROW * number + ROW / 2
        shown = name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…"
        fill = "none" if control else "currentColor"
        parts.append(f'<text x="{LEFT - 12}" y="{y + 5:.1f}" text-anchor="end" fill="currentColor">{escape(shown)}</text>')
        parts.append(f'<line x1="{_x(low):.1f}" y1="{y:.1f}" x2="{_x(high):.1f}" y2="{y:.1f}" stroke="currentColor" stroke-width="2"/>')
        parts.append(f'<circle cx="{_x(value):.1f}" cy="{y:.1f}" r="5" fill="{fill}" stroke="currentColor" stroke-width="2"/>')
    return "".join([*parts, "</svg>"])


def _x(share: float) -> float:
    return LEFT + (WIDTH - LEFT - 30) * min(1.0, max(0.0, share))
