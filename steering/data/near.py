"""Texts that are nearly the same: MinHash over shingles of five characters, banded, verified exactly (Broder 1997; Leskovec, Rajaraman and
Ullman, "Mining of Massive Datasets", 3.3 to 3.4).

Time and memory grow with the size of the file, never with its square: a text is compared with few of those that share a bucket with it.
Groups are stars, not chains: every member is at least ``SIMILAR`` to the first of its group.

    for look in near_duplicates(keys, texts):    # a slice at a time, so that a page can show how far it is
        ...
    look.groups                                  # tuples of keys
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steering.data.cleaning import normalise

if TYPE_CHECKING:
    import numpy as np

SIMILAR = 0.8
"""Share of common shingles (Jaccard) from which two texts are nearly the same: one word changed in a sentence of a dozen."""
SHINGLE = 5
_EDGE = " " * (SHINGLE - 1)
"""Around every text, so that a character at its edge counts as much as one inside."""
BANDS, ROWS = 12, 5
"""A pair of similarity 0.8 meets in some band with probability 0.99, one of 0.4 with 0.12."""
LOOKED_AT = 4000
"""Characters of a text that are looked at: what follows makes no difference to a reader either."""
SLICE = 2000
COMPARED = 4
"""Earlier texts that one text is compared with, at most."""
MOST = 0.1
"""A group of more than this share of the rows (and 20) is a form that was filled in, not a text that was copied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NearDuplicates:
    """How far the search is (0 to 1), and the groups once it is through. ``forms`` are groups that are too large to be copies of one text."""

    done: float = 0.0
    groups: tuple[tuple[str, ...], ...] = ()
    forms: tuple[tuple[str, ...], ...] = ()


def near_duplicates(keys: Sequence[str], texts: Sequence[str]) -> Iterator[NearDuplicates]:
    """Look for groups of texts that are nearly the same; the last value holds them. ``keys`` name the texts, no key twice."""
    import numpy as np  # a tenth of a second that a first look at a file need not wait for

    normal = [normalise(text)[:LOOKED_AT] for text in texts]
    signatures = np.zeros((len(normal), BANDS * ROWS), dtype=np.uint32)
    for start in range(0, len(normal), SLICE):
        part = normal[start : start + SLICE]
        signatures[start : start + len(part)] = _signatures(part)
        yield NearDuplicates(done=0.5 * start / len(normal))
    pairs = _likely(signatures)
    del signatures
    first: dict[int, int] = {}
    for start in range(0, len(pairs), SLICE):
        yield NearDuplicates(done=0.5 + 0.5 * start / len(pairs))
        _join(normal, pairs[start : start + SLICE], first)
    stars: dict[int, list[int]] = {}
    for member, head in sorted(first.items()):
        stars.setdefault(head, [head]).append(member)
    most = max(20.0, MOST * len(normal))
    groups = [tuple(keys[index] for index in star) for _, star in sorted(stars.items())]
    copies, forms = (tuple(group for group in groups if (len(group) > most) is large) for large in (False, True))
    yield NearDuplicates(done=1.0, groups=copies, forms=forms)


def find_near_duplicates(keys: Sequence[str], texts: Sequence[str]) -> NearDuplicates:
    """The same, all at once."""
    *_, found = near_duplicates(keys, texts)
    return found


def _signatures(texts: list[str]) -> "np.ndarray[Any, np.dtype[np.uint32]]":
    """[len(texts), BANDS * ROWS] the smallest hash of each text's shingles under each hash function."""
    import numpy as np

    padded = [_EDGE + text + _EDGE for text in texts]
    lengths = np.array([len(text) for text in padded])
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    if not len(codes):
        return np.zeros((0, BANDS * ROWS), dtype=np.uint32)
    rolled = np.zeros(len(codes) - SHINGLE + 1, dtype=np.uint32)
    for offset in range(SHINGLE):
        rolled *= np.uint32(0x01000193)  # FNV's prime
        rolled ^= codes[offset : offset + len(rolled)]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    inside = np.ones(len(codes), dtype=bool)
    for offset in range(1, SHINGLE):
        inside[starts + lengths - offset] = False  # shingles that would reach into the next text
    shingles = rolled[inside[: len(rolled)]]
    shingles ^= shingles >> np.uint32(15)
    counts = lengths - SHINGLE + 1
    begins = np.concatenate([[0], np.cumsum(counts)[:-1]])
    random = np.random.default_rng(20240229)  # any fixed numbers; the same groups on every machine
    made = np.empty((len(texts), BANDS * ROWS), dtype=np.uint32)
    for index in range(BANDS * ROWS):
        factor, shift = (np.uint32(number) for number in random.integers(1, 2**32, size=2, dtype=np.uint64))
        hashed = shingles * (factor | np.uint32(1)) + shift
        hashed ^= hashed >> np.uint32(16)
        hashed *= np.uint32(0x85EBCA6B)  # MurmurHash3's finaliser: a product alone keeps the order of small numbers
        made[:, index] = np.minimum.reduceat(hashed, begins)
    return made


def _likely(signatures: "np.ndarray[Any, np.dtype[np.uint32]]") -> list[tuple[int, int]]:
    """Pairs of an earlier and a later text worth comparing, by the later one, the most promising of each first and at most ``COMPARED``."""
    import numpy as np

    count = len(signatures)
    coded = [np.zeros(0, dtype=np.int64)]
    for band in range(BANDS):
        part = np.ascontiguousarray(signatures[:, band * ROWS : (band + 1) * ROWS])
        names = part.view(np.dtype((np.void, part.dtype.itemsize * ROWS))).ravel()
        order = np.argsort(names, kind="stable")
        same = names[order[1:]] == names[order[:-1]]
        here = np.flatnonzero(same) + 1
        opens = np.concatenate([np.ones(min(count, 1), dtype=bool), ~same])
        head = np.maximum.accumulate(np.where(opens, np.arange(count), 0)) if count else here
        coded += [order[here] * count + order[head[here]], order[here] * count + order[here - 1]]
    pairs = np.unique(np.concatenate(coded))
    later, earlier = np.divmod(pairs, max(count, 1))
    parts = np.array_split(np.arange(len(pairs)), len(pairs) // 50_000 + 1)
    alike = np.concatenate([(signatures[earlier[part]] == signatures[later[part]]).mean(axis=1) for part in parts])
    best = np.lexsort((earlier, -alike, later))
    later, earlier, alike = later[best], earlier[best], alike[best]
    rank = np.arange(len(later)) - np.searchsorted(later, later)
    keep = (rank < COMPARED) & (alike >= SIMILAR - 0.2)  # 60 hashes do not err by more
    return list(zip(earlier[keep].tolist(), later[keep].tolist(), strict=True))


def _join(texts: list[str], pairs: list[tuple[int, int]], first: dict[int, int]) -> None:
    """Put each later text that is nearly the same as the first of an earlier one's group into that group: ``first`` of member is head."""
    shingles: dict[int, frozenset[str]] = {}
    for earlier, later in pairs:
        head = first.get(earlier, earlier)
        if later in first or later == head:
            continue
        if len(shingles) > 200:
            shingles.clear()
        for index in (head, later):
            if index not in shingles:
                shingles[index] = _shingles(texts[index])
        common = len(shingles[head] & shingles[later])
        if common >= SIMILAR * (len(shingles[head]) + len(shingles[later]) - common):
            first[later] = head


def _shingles(text: str) -> frozenset[str]:
    padded = _EDGE + text + _EDGE
    return frozenset(padded[index : index + SHINGLE] for index in range(len(padded) - SHINGLE + 1))
