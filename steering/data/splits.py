"""Train, validation and test sides: decided by content, stable when rows are added.

A placed row never moves: its side is stored under the key of its text, so the same text cannot stand on two sides either. New rows are taken in
the order of a salted hash, and each goes to the side that is furthest below its share, in its own class first and over all rows second. The
order of the file, the machine and the day have no influence.
"""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from steering.errors import SpecError
from steering.spec import SIDES, Example, Kind, Side

SALT = "prompt steering studio, sides, 1"
"""Part of every stored split: a changed salt would move rows that are not stored."""
_SALTED = hashlib.sha256(f"{SALT}\n".encode())


def place(
    examples: Sequence[Example],
    stored: Mapping[str, Side],
    *,
    test: float = 0.3,
    validation: float = 0.2,
    fixed: Side | None = None,
    kind: Kind = "classification",
) -> list[Example]:
    """The examples, in their order, each with its side.

    ``test`` and ``validation`` are shares of all rows. ``fixed`` puts every new row on one side (a file that is wholly test data, say); keys
    that are stored keep their side even then. Classification is stratified by target; every class keeps a training row, and every side with
    a share gets a row if some class has rows to spare.

    Raises:
        SpecError: shares below 0, or no room left for training rows.
    """
    if test < 0 or validation < 0 or not test + validation < 1:
        raise SpecError(f"the shares of test ({test:g}) and validation ({validation:g}) leave no training rows.", "They must add up to less than 1.")
    sides: dict[str, Side] = {example.key: stored[example.key] for example in examples if example.key in stored}
    new = {example.key: example for example in examples if example.key not in sides}
    if fixed is not None:
        sides |= dict.fromkeys(new, fixed)
    else:
        stratum = {example.key: example.target if kind == "classification" else "" for example in examples}
        shares: dict[Side, float] = {"train": 1.0 - test - validation, "validation": validation, "test": test}
        _fill({side: share for side, share in shares.items() if share > 0}, stratum, sides, _in_order(new, stratum, sides))
    return [_on(example, sides[example.key]) for example in examples]


def _on(example: Example, side: Side) -> Example:
    """The example on that side; several times faster than ``dataclasses.replace``."""
    if example.side == side:
        return example
    return Example(row=example.row, values=example.values, target=example.target, key=example.key, side=side)


def split_hash(key: str) -> str:
    """The place of a key in the queue."""
    salted = _SALTED.copy()
    salted.update(key.encode("utf-8", "surrogatepass"))
    return salted.hexdigest()


def _in_order(new: Mapping[str, Example], stratum: Mapping[str, str], sides: Mapping[str, Side]) -> list[str]:
    """New keys in rounds (the first of every class, the second of every class, ...), by hash within a round."""
    position: Counter[str] = Counter(stratum[key] for key in sides)
    turn: dict[str, int] = {}
    for key in sorted(new, key=split_hash):
        name = stratum[key]
        turn[key] = position[name]
        position[name] += 1
    return sorted(turn, key=turn.__getitem__)  # stable: within a round the order by hash remains


def _fill(shares: Mapping[Side, float], stratum: Mapping[str, str], sides: dict[str, Side], queue: Sequence[str]) -> None:
    """Give every key of the queue a side in ``sides``."""
    overall = [0] * len(SIDES)
    within: dict[str, list[int]] = defaultdict(lambda: [0] * len(SIDES))
    for key, side in sides.items():
        within[stratum[key]][SIDES.index(side)] += 1
        overall[SIDES.index(side)] += 1
    wanted = [(SIDES.index(side), share) for side, share in shares.items()]
    for key in queue:
        mine = within[stratum[key]]
        chosen = _neediest(wanted, mine, overall) if mine[0] else 0
        sides[key] = SIDES[chosen]
        mine[chosen] += 1
        overall[chosen] += 1
    for side in shares:
        if side not in sides.values():
            _lend(side, stratum, sides, queue)


def _neediest(wanted: Sequence[tuple[int, float]], within: Sequence[int], overall: Sequence[int]) -> int:
    """The side that lacks most rows in this class, plus what it lacks over all (at most half a row, so that no class is bent for the whole).

    Of equals, the first wins. Asked once for every row of a file, hence written out.
    """
    in_class, over_all = sum(within) + 1, sum(overall) + 1
    chosen, most = 0, -math.inf
    for side, share in wanted:
        lacks = share * over_all - overall[side]
        bent = 0.5 if lacks > 0.5 else -0.5 if lacks < -0.5 else lacks
        need = round(share * in_class - within[side] + bent, 9)
        if need > most:
            chosen, most = side, need
    return chosen


def _lend(side: Side, stratum: Mapping[str, str], sides: dict[str, Side], queue: Sequence[str]) -> None:
    """Move one row to an empty side: the newest training row that its class can spare, else one of another side that has more than one.

    Only rows that are being placed now may move.
    """
    training = Counter(stratum[key] for key, where in sides.items() if where == "train")
    overall = Counter(sides.values())
    spare = [key for key in reversed(queue) if (training[stratum[key]] if sides[key] == "train" else overall[sides[key]]) > 1]
    if spare:
        sides[min(spare, key=lambda key: sides[key] != "train")] = side
