"""The first screen: three sentences with what each rests on, which views there are, and the buttons that measure what is missing."""

from collections.abc import Sequence

from steering.inspect import VIEWS
from steering.inspect.summary import RESTS_ON, TITLE, as_text, missing, summarise
from steering.studio.looking import Looked, Standing
from steering.ui import text

SEARCHES = ("distil", "ask")
"""Views that search or ask instead of reading: measured only when they are asked for themselves."""

STATES = {
    "kept": "ready",
    "waiting": "waiting",
    "running": "running",
    "failed": "failed",
    "open": "not run yet",
    "unfit": "not for this prompt",
}


def summary(looked: Looked) -> str:
    """The sentences, from what is kept; the buttons below say what they cost."""
    results, reasons = looked.results(), looked.reasons()
    said = summarise(results, reasons, looked.card.scores)
    lines = "".join(
        f'<li{"" if one.known else " class=open"}><p>{text.safe(one.text)}</p><p class="quiet">{_rests(one.badge, one.views, one.known)}</p></li>'
        for one in said
    )
    return (
        f'<section class="card summary" aria-label="{TITLE}"><h3>{TITLE}</h3><ol>{lines}</ol>'
        f'<p class="quiet">{text.safe(as_text(said).caption)}</p>{_buttons(looked, missing(results, reasons))}</section>'
    )


def _rests(badge: str, views: Sequence[str], known: bool) -> str:
    links = " ".join(text.pick(VIEWS[view].title, f"view:{view}", "") for view in views if view in VIEWS)
    return f'<span class="badge">{text.safe(badge.lower() if known else "not measured")}</span> {links}'


def wanted(looked: Looked, which: str) -> list[str]:
    """The views that a button measures: those of the sentences, or all but searches, as far as they are still to be measured."""
    pool = RESTS_ON if which == "summary" else [view for view in VIEWS if view not in SEARCHES]
    return [view for view in pool if looked.views[view].state in ("open", "failed")]


def _buttons(looked: Looked, lacking: Sequence[str]) -> str:
    working = looked.at_work()
    few, many = wanted(looked, "summary"), wanted(looked, "all")
    made = [_working(looked, working)] if working else []
    coming = looked.coming()
    if coming:
        names = ", ".join(VIEWS[one.view].title for one in coming)
        made.append(f'<p class="quiet">{text.safe(f"{names}: measured without asking, once nothing is training and nobody waits.")}</p>')
    if few and lacking:
        made.append(_button("measure:summary", f"Measure what the sentences need ({_count(few)})", few))
    if many and set(many) != set(few):
        made.append(_button("measure:all", f"Measure all that is missing ({_count(many)})", many))
    return "".join(made)


def _count(views: Sequence[str]) -> str:
    return f"{len(views)} view{'' if len(views) == 1 else 's'}"


def _button(pick: str, label: str, views: Sequence[str]) -> str:
    costs = "".join(f"<li>{text.safe(VIEWS[view].title)}: {text.safe(VIEWS[view].cost)}</li>" for view in views)
    return f'<div class="ask">{text.pick(label, pick, "")}<details><summary>What it costs</summary><ul>{costs}</ul></details></div>'


def _working(looked: Looked, working: Sequence[Standing]) -> str:
    """How far the views that were asked for are."""
    running = next((one for one in working if one.state == "running"), working[0])
    asked = [one for one in looked.views.values() if one.request is not None and not one.reason]
    done = sum(one.state in ("kept", "failed") for one in asked)
    said = ((running.request.result if running.request else None) or {}).get("progress") or {}
    doing = f": {said['message']}, {said['done']} of {said['total']}" if said else ""
    line = f"Measuring {VIEWS[running.view].title}{doing}. {len(working)} to go; you can use the page meanwhile, or close it."
    return f'<p role="status">{text.safe(line)}</p>{text.bar(done / max(1, len(asked)), "views measured")}'


def listing(looked: Looked, chosen: str) -> str:
    """All views as buttons; one that does not apply is greyed with its reason."""
    return f'<div class="views" role="group" aria-label="Views">{"".join(_entry(one, chosen) for one in looked.views.values())}</div>'


def _entry(one: Standing, chosen: str) -> str:
    view = VIEWS[one.view]
    inner = f"<b>{text.safe(view.title)}</b><small>{text.safe(view.badge.lower())}, {STATES[one.state]}</small>"
    if one.state == "unfit":
        return f'<div class="viewbox unfit" aria-disabled="true">{inner}<small>{text.safe(one.reason)}</small></div>'
    pressed = "true" if one.view == chosen else "false"
    return f'<button type="button" class="viewbox" data-pick="view:{one.view}" aria-pressed="{pressed}">{inner}</button>'
