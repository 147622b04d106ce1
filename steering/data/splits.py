"""Train, validation and test sides: decided by content, stable when rows are added.

A placed row never moves: its side is stored under the key of its text, so the same text cannot stand on two sides either. New rows are taken in
the order of a salted hash, and each goes to the side that is furthest below its share, in its own class first and over all rows second. The
order of the file, the machine and the day have no influence. Rows of one group (a customer, a document, near-duplicates) go together, the
large groups first: with a side that already holds one of them, else where they are needed most.
"""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from steering.errors import SpecError
from steering.spec import SIDES, Example, Kind, Side

SALT = "prompt steering studio, sides, 1"
"""Part of every stored split: a changed salt would move rows that are not stored."""
_NOTHING: Mapping[str, str] = {}
_SALTED = hashlib.sha256(f"{SALT}\n".encode())


def place(
    examples: Sequence[Example],
    stored: Mapping[str, Side],
    *,
    test: float = 0.3,
    validation: float = 0.2,
    fixed: Side | None = None,
    kind: Kind = "classification",
    groups: Mapping[str, str] = _NOTHING,
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
    new = dict.fromkeys(example.key for example in examples if example.key not in sides)
    if fixed is not None:
        sides |= dict.fromkeys(new, fixed)
    else:
        stratum = {example.key: example.target if kind == "classification" else "" for example in examples}
        shares: dict[Side, float] = {"train": 1.0 - test - validation, "validation": validation, "test": test}
        queue = _in_order(new, stratum, sides)
        together = _together(queue, groups, sides) if groups else []
        _fill({side: share for side, share in shares.items() if share > 0}, stratum, sides, together, queue)
    return [_on(example, sides[example.key]) for example in examples]


def _on(example: Example, side: Side) -> Example:
    """The example on that side; several times faster than ``dataclasses.replace``."""
    if example.side == side:
        return example
    return Example(row=example.row, values=example.values, target=example.target, key=example.key, side=side, references=example.references)


def split_hash(key: str) -> bytes:
    """The place of a key in the queue."""
    salted = _SALTED.copy()
    salted.update(key.encode("utf-8", "surrogatepass"))
    return salted.digest()


def _in_order(new: Iterable[str], stratum: Mapping[str, str], sides: Mapping[str, Side]) -> list[str]:
    """New keys in rounds (the first of every class, the second of every class, ...), by hash within a round."""
    turn: Counter[str] = Counter(stratum[key] for key in sides)
    rounds: dict[int, list[str]] = defaultdict(list)
    for key in sorted(new, key=split_hash):
        name = stratum[key]
        rounds[turn[name]].append(key)
        turn[name] += 1
    return [key for number in sorted(rounds) for key in rounds[number]]


def _together(queue: Sequence[str], groups: Mapping[str, str], sides: dict[str, Side]) -> list[tuple[str, ...]]:
    """New keys that go together, the large groups first; those whose group has a side already get it at once."""
    where: dict[str, Counter[Side]] = defaultdict(Counter)
    for key, side in sides.items():
        if key in groups:
            where[groups[key]][side] += 1
    together: dict[str, list[str]] = defaultdict(list)
    for key in queue:
        group = groups.get(key)
        if group in where:
            sides[key] = max(SIDES, key=where[group].__getitem__)
        elif group is not None:
            together[group].append(key)
    return sorted((tuple(keys) for keys in together.values() if len(keys) > 1), key=len, reverse=True)


def _fill(
    shares: Mapping[Side, float], stratum: Mapping[str, str], sides: dict[str, Side], together: Sequence[tuple[str, ...]], queue: Sequence[str]
) -> None:
    """Give every key a side in ``sides``: first the groups, then, in the order of the queue, what has none yet."""
    overall = [0] * len(SIDES)
    within: dict[str, list[int]] = defaultdict(lambda: [0] * len(SIDES))
    for key, side in sides.items():
        if side in shares:  # the shares are of what they divide: a file's own test rows are not part of it
            within[stratum[key]][SIDES.index(side)] += 1
            overall[SIDES.index(side)] += 1
    wanted = [(SIDES.index(side), share) for side, share in shares.items()]
    for unit in together:
        chosen = _side_of(unit, wanted, [within[stratum[key]] for key in unit], overall)
        for key in unit:
            sides[key] = SIDES[chosen]
            within[stratum[key]][chosen] += 1
        overall[chosen] += len(unit)
    singles = [key for key in queue if key not in sides]
    for key in singles:
        mine = within[stratum[key]]
        chosen = _neediest(wanted, mine, overall) if mine[0] else 0
        sides[key] = SIDES[chosen]
        mine[chosen] += 1
        overall[chosen] += 1
    missing = [side for side in shares if side not in set(sides.values())]
    if missing:
        units = [*together, *((key,) for key in singles)]
        for side in missing:
            _lend(side, stratum, sides, units)


def _side_of(unit: Sequence[str], wanted: Sequence[tuple[int, float]], within: list[list[int]], overall: Sequence[int]) -> int:
    """The side for a group: training while it has a class that no training row has, else where it is needed most."""
    if not all(counts[0] for counts in within):
        return 0
    rows = Counter(map(id, within))
    classes = [(counts, sum(counts) + rows[id(counts)]) for counts in {id(counts): counts for counts in within}.values()]

    def need(item: tuple[int, float]) -> float:
        side, share = item
        lacks = share * (sum(overall) + len(unit)) - overall[side]
        return round(sum(share * total - counts[side] for counts, total in classes) + min(0.5, max(-0.5, lacks)), 9)

    return max(wanted, key=need)[0]


def _neediest(wanted: Sequence[tuple[int, float]], within: Sequence[int], overall: Sequence[int]) -> int:
    """The side that lacks most rows in this class, plus what it lacks over all (at most half a row, so that no class is bent for the whole).

    Of equals, the first wins. Asked once for every row of a file, hence written out.
    """
    in_class, over_all = sum(within) + 1, sum(overall) + 1
    chosen, most = 0, -math.inf
    for side, share in wanted:
        lacks = share * over_all - overall[side]
        need = share * in_class - within[side] + (0.5 if lacks > 0.5 else -0.5 if lacks < -0.5 else lacks)
        if need > most + 1e-9:  # what differs by less is equal but for rounding
            chosen, most = side, need
    return chosen


def _lend(side: Side, stratum: Mapping[str, str], sides: dict[str, Side], units: Sequence[tuple[str, ...]]) -> None:
    """Move one unit to an empty side: the newest of the smallest training ones that its classes can spare, else one of another side.

    Only rows that are being placed now may move.
    """
    training = Counter(stratum[key] for key, where in sides.items() if where == "train")
    overall = Counter(sides.values())

    def can_go(unit: tuple[str, ...]) -> bool:
        if sides[unit[0]] != "train":
            return overall[sides[unit[0]]] > len(unit)
        return all(training[name] > count for name, count in Counter(stratum[key] for key in unit).items())

    spare = [unit for unit in reversed(units) if can_go(unit)]
    if spare:
        sides |= dict.fromkeys(min(spare, key=lambda unit: (len(unit), sides[unit[0]] != "train")), side)


def folds(examples: Sequence[Example], k: int, seed: int = 0, *, kind: Kind = "classification", groups: Mapping[str, str] = _NOTHING) -> list[int]:
    """The fold, 0 to ``k`` - 1, of each example: stratified, the rows of a group in one fold, the same whatever the order of the file.

    For sets that are too small for a test side: every row is judged once, by a prompt that never saw it nor one of its group (SCIENCE notes, C1).

    Raises:
        SpecError: fewer than two folds, or fewer groups than folds.
    """
    units: dict[str, list[Example]] = defaultdict(list)
    for example in sorted(examples, key=lambda example: split_hash(f"{seed} {example.key}")):
        units[groups.get(example.key, example.key)].append(example)
    if not 2 <= k <= len(units):
        raise SpecError(f"{k} folds of {len(units)} rows or groups.", "Choose 2 folds or more, and no more folds than there are rows or groups.")
    stratum = {example.key: example.target if kind == "classification" else "" for example in examples}
    of_class: dict[str, list[int]] = defaultdict(lambda: [0] * k)
    overall = [0] * k
    turn = Counter[str]()
    rounds: dict[str, tuple[int, int]] = {}
    for name, members in units.items():  # large groups first; then, as for sides, the first of every class, the second of every class
        first = stratum[members[0].key]
        rounds[name] = (-len(members), turn[first])
        turn[first] += 1
    where: dict[str, int] = {}
    for name in sorted(units, key=rounds.__getitem__):
        counts = [of_class[stratum[example.key]] for example in units[name]]
        best = min(range(k), key=lambda fold: (sum(each[fold] for each in counts), overall[fold], fold))
        where[name] = best
        for each in counts:
            each[best] += 1
        overall[best] += len(counts)
    return [where[groups.get(example.key, example.key)] for example in examples]
