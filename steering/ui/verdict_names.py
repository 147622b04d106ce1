"""What contestants are called on the page. Names come from people and files: everything here is plain text that is escaped where it is drawn."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

LONGEST = 44


def short(text: str, most: int = LONGEST) -> str:
    """One line of at most ``most`` letters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _few_shot(value: str) -> str:
    count, _, how = value.partition("@")
    if not count:
        return f"{how.count(',') + 1} chosen examples"
    return f"{count} {'nearest ' if how == 'nearest' else ''}examples" + (f", draw {how}" if how and how != "nearest" else "")


def _run(value: str) -> str:
    _, mark, step = value.partition("@")
    return f"Step {step}" if mark else "Learned prompt"


def _strength(value: str) -> str:
    return f"Learned prompt at {value.partition('@')[0]}"


SPOKEN: dict[str, Callable[[str], str]] = {
    "none": lambda value: "No prompt",
    "manual": lambda value: "Your prompt",
    "learned": lambda value: "Learned prompt",
    "prompt": lambda value: f"“{short(value)}”",
    "best-prompt": lambda value: "Best of your prompts",
    "prompts": lambda value: "Best of your prompts",
    "few-shot": _few_shot,
    "run": _run,
    "saved": short,
    "distilled": lambda value: f"Text found for {short(value)}",
    "strength": _strength,
    "joined": lambda value: f"{short(value.replace('+', ', then ', 1))}",
    "averaged": lambda value: f"Average of {short(value.replace('+', ' and ', 1))}",
    "ensemble": lambda value: f"{value.count('+') + 1} prompts together",
    "seeds": lambda value: "All seeds together",
    "search": lambda value: "Searched prompt",
    "lora": lambda value: "LoRA",
    "probe": lambda value: "Linear probe",
    "manual+bias": lambda value: "Your prompt, labels balanced",
    "tune": lambda value: f"Trained here: {short(value)}",
    "majority": lambda value: "Majority class (control)",
    "random": lambda value: "Random vectors (control)",
}
"""By the form of a contestant (before the first colon)."""


def spoken(name: str) -> str:
    """A contestant's name as a person says it."""
    form, _, value = name.partition(":")
    return SPOKEN[form](value) if form in SPOKEN else short(name)


def all_spoken(contestants: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of several, told apart where two would be called the same. A single saved prompt among them is the learned one."""
    saved = [one["name"] for one in contestants if one["name"].startswith("saved:")]
    alone = len(saved) == 1 and not any(one["name"] == "learned" for one in contestants)
    said = ["Learned prompt" if alone and one["name"] in saved else spoken(one["name"]) for one in contestants]
    return [name if said.count(name) == 1 else f"{name} ({said[: at + 1].count(name)})" for at, name in enumerate(said)]


def is_control(name: str) -> bool:
    """Whether a contestant is there as a floor only."""
    return name.partition(":")[0] in ("majority", "random")
