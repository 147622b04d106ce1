"""Training: a generator of typed events, one slice at a time. No files, clocks, threads or prints.

    trainer = Trainer(lm, [Member(lm, steering, material, recipe, rate=0.05)], recipe)
    for event in trainer.events(): ...
    trainer.best   # plain vectors of the best step, step 0 included

Several members (seeds, say) are trained together as several roots of one packed row; what is kept is the median one by validation NLL, never the
luckiest. Where there are too few rows for a validation part, the last members are **folds**: each learns without its part of the rows and is looked
at on that part, and the others, which learn from all rows, stop where the folds' mean is best.

Whoever drives stops by not asking for the next event. ``state()`` while ``settled``, and ``restore()`` later, resume bit-equally on a CPU.
"""

import math
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from steering.errors import TrainingError
from steering.lm.frozen import FrozenLM
from steering.spec import Recipe
from steering.train.events import Alarm, Event, Finished, Snapshot, Step, Tick, Validation, Watched
from steering.train.gradients import OutOfMemory, Thrift, gradients, thriftier
from steering.train.health import alarms, optimism, spread
from steering.train.member import Material, Member
from steering.train.objective import Measured, mean, watched_rows
from steering.train.schedule import learning_rate, legs
from steering.train.state import LAYOUT, State, heard, said

__all__ = ["Material", "Member", "State", "Trainer"]


class Trainer:
    """A run's state. ``recipe`` holds what all members share: steps, looks, batch size; the last ``folds`` members are folds."""

    def __init__(self, lm: FrozenLM, members: Sequence[Member], recipe: Recipe, *, folds: int = 0) -> None:
        assert len(members) > folds, "nobody to train"
        self.folds = folds
        self.lm, self.members, self.recipe = lm, tuple(members), recipe
        # About a second a micro-batch. Smaller ones would repeat the root more often and leave the matrix units half idle (1.3x slower at half).
        self.thrift = Thrift(max(1, lm.tokens_per_slice * 3 // 4))
        self.step = 0
        self.leg, self.leg_start = 0, 0
        self.settled = True  # everything that was said is in the state: a good moment for :meth:`state`
        self.raised: dict[str, int] = {}
        self.steps: list[list[Step]] = [[] for _ in members]
        self.looks: list[list[Validation]] = [[] for _ in members]
        self._watcher = len(members) - folds if folds else 0  # the member whose answers to some rows are shown
        self._decides = members[self._watcher].material.validation
        self.watched = watched_rows(self._decides) if self._decides is not None else ()

    # -- what is kept -------------------------------------------------------------------------------------------------------------------------
    @property
    def candidates(self) -> tuple[Member, ...]:
        """The members that may be kept: all but the folds."""
        return self.members[: len(self.members) - self.folds]

    @property
    def chosen(self) -> int:
        """Number of the member that is kept: the best setting's median seed by validation NLL; of two in the middle the better."""
        medians = []
        for setting in dict.fromkeys(member.setting for member in self.candidates):
            order = sorted((m.best_nll, i) for i, m in enumerate(self.candidates) if m.setting == setting)
            medians.append(order[(len(order) - 1) // 2])
        return min(medians)[1]

    @property
    def siblings(self) -> tuple[Member, ...]:
        """The other seeds of what is kept."""
        kept = self.candidates[self.chosen]
        return tuple(member for member in self.candidates if member.setting == kept.setting and member is not kept)

    @property
    def best(self) -> dict[str, Tensor]:
        """Plain vectors of the chosen member's best step."""
        return self.members[self.chosen].best

    @property
    def best_step(self) -> int:
        return self.members[self.chosen].best_step

    @property
    def best_nll(self) -> float:
        return self.members[self.chosen].best_nll

    # -- the run ------------------------------------------------------------------------------------------------------------------------------
    def events(self) -> Iterator[Event]:
        """Train to the end, or until nobody asks any more.

        Raises:
            TrainingError: the loss is not a number at step 0, or a single row does not fit into memory.
        """
        while True:
            if self._due():
                yield from self._look()
                if any(member.best_step < 0 for member in self.candidates):
                    raise TrainingError(
                        "the model gives no finite loss for your prompt and rows, before any training.",
                        "Try another model, or fp32 precision; if it is your own model, its weights may hold values that are not numbers.",
                    )
            if self._leg_over():
                if not self._next_leg():
                    break
                continue
            yield from self.one_step()
        yield from self._end()

    def _leg_over(self) -> bool:
        return self.step - self.leg_start >= legs(self.recipe)[self.leg] or all(member.ended for member in self.candidates)

    def _next_leg(self) -> bool:
        """Go on with steps that were asked for after the end; False where there are none."""
        if self.leg + 1 >= len(legs(self.recipe)):
            return False
        self.leg, self.leg_start = self.leg + 1, self.step
        for member in self.members:
            member.revive()
        return True

    def _end(self) -> Iterator[Event]:
        ends = tuple(member.end() for member in self.candidates)
        kept = self.candidates[self.chosen]
        alarm = spread(self.step, [end for end in ends if end.setting == kept.setting])
        if alarm is not None:
            yield alarm
        settings = len({end.setting for end in ends})
        yield Finished(
            step=self.step,
            best_step=self.best_step,
            reason=kept.ended or "all steps done",
            member=self.chosen,
            members=ends,
            note=optimism(settings, len(self._decides or ()), kept.best_accuracy),
        )

    # -- one optimiser step -------------------------------------------------------------------------------------------------------------------
    def one_step(self) -> Iterator[Event]:
        """One step of every member that still trains."""
        step, self.settled = self.step + 1, False
        live = [(number, member) for number, member in enumerate(self.members) if not member.ended]
        yield from self._gradients([member for _, member in live], step)
        measured = torch.stack([member.measured() for _, member in live]).tolist()  # the one wait for the device
        self.step = step
        moved = [self._move(number, *values) for (number, _), values in zip(live, measured, strict=True)]
        yield from moved[:-1]
        self.settled = True
        yield moved[-1]

    def _move(self, number: int, loss: float, norm: float, drift: float) -> Step | Alarm:
        """One member's optimiser step, unless its gradient is no number."""
        member = self.members[number]
        if not (math.isfinite(loss) and math.isfinite(norm)):
            member.ended = "the loss was no longer a number"
            return self._not_finite(member)
        rate = learning_rate(self.recipe, member.rate, self.step, leg=self.leg, leg_start=self.leg_start)
        member.move(rate)
        self.steps[number].append(Step(step=self.step, member=number, loss=loss, learning_rate=rate, grad_norm=norm, drift=math.sqrt(drift)))
        return self.steps[number][-1]

    def _not_finite(self, member: Member) -> Alarm:
        return Alarm(
            step=self.step,
            kind="not_finite",
            message=f"At step {self.step} the loss was no longer a number; training stopped and step {member.best_step} is kept.",
            hint=f"Lower the learning rate (now {member.rate:g}).",
        )

    def _gradients(self, live: Sequence[Member], step: int) -> Iterator[Event]:
        """All members' gradients; where memory does not suffice, again in smaller parts: the gradient is the same."""
        work = [(member, row) for member in live for row in member.rows(step)]
        while True:
            for member in live:
                member.begin()
            try:
                yield from gradients(self.lm, work, self.thrift)
                return
            except OutOfMemory:
                pass  # what did not fit is let go before anything else happens
            self.thrift = thriftier(self.lm, work, self.thrift)
            if self.lm.device.type == "cuda":
                torch.cuda.empty_cache()
            yield Alarm(
                step=step,
                kind="memory",
                message=f"At step {step} memory ran out; the run goes on in parts of {self.thrift.budget} tokens"
                f"{', computing layers twice' if self.thrift.recompute else ''}, with the same gradient.",
                hint="It is slower now. A smaller batch or shorter rows would avoid it.",
            )

    # -- one look at the validation rows ------------------------------------------------------------------------------------------------------
    def _due(self) -> bool:
        """Whether the validation rows are looked at after this step; step 0 is the start itself."""
        return self.step % self.recipe.evaluate_every == 0 or self._leg_over()

    def _look(self) -> Iterator[Event]:
        """Look at every member that still trains and was not looked at yet; the folds first, because they decide for the others."""
        found: list[Measured] = []
        for number in [*range(len(self.candidates), len(self.members)), *range(len(self.candidates))]:
            member = self.members[number]
            if member.ended or member.looked_step == self.step:
                continue
            fold = number >= len(self.candidates)
            if not fold:
                yield Snapshot(step=self.step, member=number, vectors=member.vectors())
            self.settled = False
            measured = mean(found) if self.folds and not fold else (yield from self._measure(number))
            if fold:
                member.looked_step = self.step
                found.append(measured)
            else:
                yield from self._record(number, measured)
        self.settled = True

    def _measure(self, number: int) -> Generator[Event, None, Measured]:
        """A member's validation rows under its vectors, and what the page watches."""
        member, found = self.members[number], Measured(nll=math.nan)
        for item in member.look():
            if isinstance(item, Tick):
                yield item
            else:
                found = item
        if number == self._watcher and math.isfinite(found.nll):
            yield from self._watch(member, found)
        return found

    def _record(self, number: int, measured: Measured) -> Iterator[Event]:
        member = self.members[number]
        member.looked_step = self.step
        better = member.record(self.step, measured)
        if better:
            for fold in self.members[len(self.candidates) :]:
                fold.keep(self.step)  # the same step of every fold: what stands for rows that it never saw
        if not math.isfinite(measured.nll):
            return
        look = Validation(
            step=self.step,
            member=number,
            nll=measured.nll,
            accuracy=measured.accuracy,
            mass=measured.mass,
            balance=measured.balance,
            best=better,
        )
        self.looks[number].append(look)
        yield from alarms(self.steps[number], self.looks[number], measured.true_balance or 1.0, self.raised, number)
        self.settled = not self.folds
        yield look

    def _watch(self, member: Member, measured: Measured) -> Iterator[Event]:
        assert member.material.validation is not None
        root = member.root()
        for item in member.material.validation.answer(self.lm, root, self.watched, measured):
            yield item if isinstance(item, Tick) else Watched(step=self.step, answers=item)

    # -- checkpoints --------------------------------------------------------------------------------------------------------------------------
    def state(self) -> State:
        """What :meth:`restore` needs; take it while ``settled``."""
        tensors = {f"{i}.{name}": t for i, member in enumerate(self.members) for name, t in member.tensors().items()}
        numbers: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        numbers |= {"layout": LAYOUT, "chosen": self.chosen, "thrift": [self.thrift.budget, self.thrift.recompute], "raised": dict(self.raised)}
        return State(tensors, numbers | {"members": [m.numbers() for m in self.members]} | said(self.steps, self.looks))

    def restore(self, state: State) -> None:
        """Continue exactly where ``state`` was taken."""
        for name in _PLAIN:
            setattr(self, name, state.numbers[name])
        self.thrift = Thrift(*state.numbers["thrift"])
        self.raised = dict(state.numbers["raised"])
        self.steps, self.looks = heard(state.numbers)
        for i, member in enumerate(self.members):
            member.restore(state.of(i), state.numbers["members"][i])


_PLAIN = ("step", "leg", "leg_start")
