"""Alarms: what is wrong with a training run, said in a sentence with the remedy (SCIENCE notes B5). Pure functions of what the run has said.

To add an alarm: write its function and one line in ``CHECKS``. An alarm whose condition is over is taken back by an event of its own, and may be
raised again.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

from steering.train.events import Alarm, MemberEnd, Passed, Step, Validation

FLAT_STEPS = 30
"""Steps without movement after which the loss is called flat."""

LEAST_MASS = 0.5
"""Mean probability of any label word below which the answer's form is called not learned."""

RANGE = 0.10
"""Spread of the members' validation accuracy above which the result is called unstable."""

Said = tuple[Sequence[Step], Sequence[Validation]]
Check = Callable[[Sequence[Step], Sequence[Validation], float], Alarm | None]


def alarms(steps: Sequence[Step], looks: Sequence[Validation], true_balance: float, raised: dict[str, int], member: int = 0) -> list[Alarm | Passed]:
    """What is new with one member. ``true_balance``: share of the most frequent true label among the validation rows (1 where there are no labels).

    ``raised``: the member that raised each kind that stands, changed by this. What stands is not said again; it is over when the member that raised
    it is over it.
    """
    found: list[Alarm | Passed] = []
    for kind, check in CHECKS.items():
        alarm = check(steps, looks, true_balance)
        if alarm is not None and kind not in raised:
            raised[kind] = member
            found.append(alarm)
        elif alarm is None and raised.get(kind) == member and not LASTING.get(kind, _never)(looks[-1]):
            del raised[kind]
            found.append(Passed(step=looks[-1].step, kind=kind))
    return found


def _never(look: Validation) -> bool:
    return False


def collapse(steps: Sequence[Step], looks: Sequence[Validation], true_balance: float) -> Alarm | None:
    """Nearly every answer is the same label, and the rows are not like that."""
    last = looks[-1]
    if last.step == 0 or last.balance is None or last.balance < 0.95 or true_balance > 0.9:
        return None
    return Alarm(
        step=last.step,
        kind="collapse",
        message=f"At step {last.step} one label is {last.balance:.0%} of all answers on the validation rows, but {true_balance:.0%} of the truth.",
        hint="Lower the learning rate, check that the label words differ, or give more rows of the rarer classes.",
    )


def label_mass(steps: Sequence[Step], looks: Sequence[Validation], true_balance: float) -> Alarm | None:
    """The model would rather say something else than any label word, and that is not changing."""
    last = looks[-1]
    if last.step == 0 or last.mass is None or last.mass >= LEAST_MASS:
        return None
    if len(looks) > 1 and last.mass - (looks[-2].mass or 0.0) > 0.05:
        return None  # it is being learned
    return Alarm(
        step=last.step,
        kind="label_mass",
        message=f"At step {last.step} the label words together have {last.mass:.0%} of the probability: the answer's form is not learned.",
        hint="Scores stay valid, but free answers may be something else. Raise format_weight, or choose label words that follow naturally.",
    )


def overfit(steps: Sequence[Step], looks: Sequence[Validation], true_balance: float) -> Alarm | None:
    """Training rows are known by heart, and validation gets worse."""
    last, best = looks[-1], min(looks, key=lambda look: look.nll)
    recent = [step.loss for step in steps[-10:]]
    if len(recent) < 10 or last.step == best.step or last.nll < 1.1 * best.nll + 0.02:
        return None
    mean = sum(recent) / len(recent)
    if mean > 0.5 * best.nll:
        return None
    return Alarm(
        step=last.step,
        kind="overfit",
        message=f"The training rows are known by heart (loss {mean:.2f}) while validation got worse: {last.nll:.2f} after {best.nll:.2f} "
        f"at step {best.step}.",
        hint=f"Step {best.step} is kept. More rows would help more than more steps; a larger anchor or fewer virtual tokens also hold it back.",
    )


def flat(steps: Sequence[Step], looks: Sequence[Validation], true_balance: float) -> Alarm | None:
    """Neither loss moves."""
    recent = [step.loss for step in steps[-FLAT_STEPS:]]
    if len(recent) < FLAT_STEPS:
        return None
    third = FLAT_STEPS // 3
    before, after = sum(recent[:third]) / third, sum(recent[-third:]) / third
    moved = min(look.nll for look in looks) < 0.99 * looks[0].nll
    if moved or before < 0.05 or abs(before - after) > 0.02 * before:
        return None
    return Alarm(
        step=steps[-1].step,
        kind="flat",
        message=f"The loss has not moved for {FLAT_STEPS} steps ({before:.2f}, now {after:.2f}).",
        hint="Raise the learning rate (three times as high is a fair try), or check that labels and texts belong together.",
    )


def drift(steps: Sequence[Step], looks: Sequence[Validation], true_balance: float) -> Alarm | None:
    """The vectors are far from every word, so that nothing near them says anything."""
    if not steps or steps[-1].drift <= 3.0:
        return None
    return Alarm(
        step=steps[-1].step,
        kind="drift",
        message=f"At step {steps[-1].step} the vectors have moved {steps[-1].drift:.1f} times their own size away from their start.",
        hint="They may work, but nearest words are no longer reliable. Lower the learning rate or raise the anchor to keep them readable.",
    )


def spread(step: int, members: Sequence[MemberEnd]) -> Alarm | None:
    """Members that differ in nothing but chance end far apart."""
    accuracies = [member.accuracy for member in members if member.accuracy is not None]
    if len(accuracies) < 2 or max(accuracies) - min(accuracies) <= RANGE:
        return None
    return Alarm(
        step=step,
        kind="spread",
        message=f"The seeds end {100 * (max(accuracies) - min(accuracies)):.0f} points apart on the validation rows "
        f"({min(accuracies):.0%} to {max(accuracies):.0%}).",
        hint="The median seed is kept. Treat the result as unstable: more rows, more seeds or a lower learning rate.",
    )


def optimism(settings: int, rows: int, accuracy: float | None) -> str:
    """What the best of several settings says too much of itself: the expected maximum of ``settings`` equal ones on ``rows`` rows (SCIENCE notes,
    finding 11; expected maximum of normal draws, Blom 1958). Empty where nothing was chosen."""
    if settings < 2 or accuracy is None or not rows:
        return ""
    highest = NormalDist().inv_cdf((settings - 0.375) / (settings + 0.25))
    points = 100 * highest * math.sqrt(max(accuracy * (1 - accuracy), 0.01) / rows)
    return (
        f"Best of {settings} settings on {rows} validation rows: by choosing alone its validation accuracy is up to {points:.0f} points too high. "
        "The test rows had no part in it."
    )


CHECKS: dict[str, Check] = {"collapse": collapse, "label_mass": label_mass, "overfit": overfit, "flat": flat, "drift": drift}

LASTING: dict[str, Callable[[Validation], bool]] = {"label_mass": lambda look: look.mass is not None and look.mass < LEAST_MASS}
"""Kinds that stand while this holds, though they would not be raised now."""
