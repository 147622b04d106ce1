"""Compositions of two saved prompts as use-cases: which can be offered, measuring one, and what was measured last. No torch."""

from typing import Any

from steering.store import Run, Store
from steering.studio.studio import Studio


def composable(studio: Studio, run: Run, *, same_task: bool = False) -> list[str]:
    """Saved prompts of the run's model, newest first; ``same_task``: only those with its labels. Whether two fit each other the engine says."""
    cards = [(item.name, item.card) for item in studio.saved() if item.card is not None and item.card.model == run.spec.model]
    task = run.spec.task
    return [name for name, card in cards if not same_task or (card.task.kind == task.kind and set(card.task.label_words) == set(task.label_words))]


def form(first: str, second: str, how: str) -> str:
    """The composition as a contestant."""
    return f"{how}:{first}+{second}"


def ask(studio: Studio, run: Run, first: str, second: str, how: str) -> str:
    """Enqueue "what does this composition do on validation rows?"; returns the request's id."""
    payload = {"run": run.id, "rows": run.spec.dataset, "model": run.spec.model, "first": first, "second": second, "how": how}
    return studio.store.add_request("composition", payload)


def latest(store: Store, run: Run) -> tuple[str, dict[str, Any]] | None:
    """The run's newest measurement: the composition's form, and what was found."""
    found = [store.finding(name) for name in store.findings(run.spec.dataset, "composition")]
    own = next((one for one in found if one["payload"]["run"] == run.id), None)
    return None if own is None else (form(*(own["payload"][key] for key in ("first", "second", "how"))), own["result"])


def measured(store: Store, run: Run) -> list[str]:
    """Forms of all compositions that were measured for this run, newest first."""
    found = [store.finding(name)["payload"] for name in store.findings(run.spec.dataset, "composition")]
    return [form(*(one[key] for key in ("first", "second", "how"))) for one in found if one["run"] == run.id]
