"""View ``faithfulness``: the closest entries run as text. Its result licenses or withdraws what may be said of the list of closest entries."""

from collections.abc import Collection, Generator, Iterator
from typing import TYPE_CHECKING

from steering.inspect.contract import Badge, Item, Need, Preview, Progress, Subject, missing

if TYPE_CHECKING:
    from steering.inspect.bench import Bench
    from steering.inspect.results import Stack
    from steering.inspect.swapped import Texts
    from steering.lm.frozen import FrozenLM

RANDOM = 10
"""Random texts of the same length (SCIENCE notes A3, view 2); 3 for the preview."""

RANDOM_PREVIEW = 3


class Faithfulness:
    """The projection gap (SCIENCE notes A3, view 2; Khashabi et al. 2022 show that the gap can be small for any text at all)."""

    name = "faithfulness"
    title = "Read as words"
    badge: Badge = "MEASURED"
    needs: Need = "soft_prompt"
    rows_needed = True
    summary = "How much of the effect is kept when every vector is replaced by its closest vocabulary entry and run as ordinary text."
    cost = "9 passes over the held-out rows: about 15 seconds for 100 short rows on two cores; a preview within 5"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Item]:
        from steering.inspect.bench import PREVIEW
        from steering.inspect.subjects import bench, learned
        from steering.inspect.swapped import texts

        rows = bench(lm, subject, subject.rows, learned(lm, subject))
        made = yield from texts(lm, subject, RANDOM)
        if len(rows) > PREVIEW:
            yield Preview(result=(yield from _measure(self.title, made, rows.first(PREVIEW), RANDOM_PREVIEW)))
        yield (yield from _measure(self.title, made, rows, RANDOM))


def _measure(title: str, made: "Texts", rows: "Bench", random: int) -> Generator[Progress, None, "Stack"]:
    from steering.inspect.gap import Gap, halves, stack

    scores, names = {}, tuple(made.random[:random])
    seen = halves(names, len(rows))
    for name, root in made.roots(random).items():
        scores[name] = yield from (rows.part(seen[name]) if name in seen else rows).score(root, f"running {name}")
    return stack(title, Gap(made.learned, made.start, names, scores, len(rows), seen), made.shown)
