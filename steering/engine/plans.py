"""What a run trains side by side: every setting with every seed."""

from dataclasses import dataclass, replace
from typing import Any

from steering.spec import Recipe, RunSpec


@dataclass(frozen=True, slots=True)
class Plan:
    """One member as it is asked for. ``setting``: what sets it apart, in words; empty where there is one setting only."""

    setting: str
    method: str
    options: dict[str, Any]
    recipe: Recipe


def plans(spec: RunSpec) -> list[Plan]:
    """Every setting with every seed, the run's own setting first. A variant of another method begins with that method's defaults."""
    made = []
    for variant in ({}, *spec.variants):
        left = dict(variant)
        recipe = spec.recipe if "learning_rate" not in left else replace(spec.recipe, learning_rate=float(left.pop("learning_rate")))
        name = str(left.pop("method", spec.method))
        kept = spec.options if name == spec.method else {}
        title = ", ".join(f"{key}={value}" for key, value in variant.items()) or ("as set" if spec.variants else "")
        made += [Plan(title, name, kept | left, replace(recipe, seed=recipe.seed + i)) for i in range(spec.seeds)]
    return made
