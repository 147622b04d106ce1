"""Learning rate and data order: pure functions of the step, so that a resumed run continues exactly."""

import math
import random
from collections.abc import Sequence

from steering.spec import Recipe

LATER_LEGS = 0.5
"""Peak of the learning rate in steps that are added to a finished run, as a share of the first peak: what is there is refined, not left."""


def learning_rate(recipe: Recipe, peak: float, step: int, *, leg: int = 0, leg_start: int = 0) -> float:
    """Relative rate of ``step`` (1-based): linear warm-up, then a cosine to zero (Loshchilov & Hutter 2017). Every leg has a cosine of its own."""
    steps = legs(recipe)[leg]
    peak *= LATER_LEGS if leg else 1.0
    at = step - leg_start
    warm = max(1, round(recipe.warmup * steps))
    if at <= warm:
        return peak * at / warm
    done = (at - warm) / max(1, steps - warm)
    return peak * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


def legs(recipe: Recipe) -> tuple[int, ...]:
    """Steps of the run as planned, and of each continuation that was asked for after its end."""
    return (recipe.steps, *recipe.more)


def batch(recipe: Recipe, truth: Sequence[int], rows: int, step: int) -> list[int]:
    """Rows of ``step`` (1-based). Every epoch is one seeded permutation, classes interleaved; where the largest class is more than twice the
    smallest, small classes are repeated so that batches are balanced (SCIENCE notes B2)."""
    order: list[int] = []
    epoch = 0
    need = step * recipe.batch_size
    while len(order) < need:
        order += epoch_order(truth, rows, recipe.seed, epoch)
        epoch += 1
    return order[need - recipe.batch_size : need]


def epoch_order(truth: Sequence[int], rows: int, seed: int, epoch: int) -> list[int]:
    """One pass over the rows."""
    rng = random.Random(f"{seed}/{epoch}")
    piles: dict[int, list[int]] = {}
    for row in range(rows):
        piles.setdefault(truth[row] if truth else 0, []).append(row)
    largest = max(map(len, piles.values()))
    balanced = largest > 2 * min(map(len, piles.values()))
    placed: list[tuple[float, int]] = []
    for pile in piles.values():
        picked = list(pile)
        rng.shuffle(picked)
        if balanced:
            picked = (picked * (-(-largest // len(picked))))[:largest]
        # Spread every class evenly over the epoch, with a little noise: each batch sees about the class shares.
        placed += [((i + rng.random()) / len(picked), row) for i, row in enumerate(picked)]
    return [row for _, row in sorted(placed)]
