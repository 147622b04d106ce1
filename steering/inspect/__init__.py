"""Views on learned vectors: one file a view, behind one contract and one table. Importing this is cheap; torch starts when a view runs.

To add a view: write its file (see :class:`~steering.inspect.contract.View`) and one line in ``VIEWS``. The same tests run over every entry. ::

    for item in look("neighbours", lm, subject):
        ...  # Progress, Progress, ..., perhaps a Preview, and last a Table
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from steering.errors import ArtifactError, SpecError
from steering.inspect.ablation import Ablation
from steering.inspect.ask import Ask
from steering.inspect.attention import Attention
from steering.inspect.behaviour import Behaviour
from steering.inspect.contract import Badge, Item, Need, Preview, Progress, Subject, View
from steering.inspect.distil import Distil
from steering.inspect.faithfulness import Faithfulness
from steering.inspect.gain import Gain
from steering.inspect.label_effect import LabelEffect
from steering.inspect.logit_lens import LogitLens
from steering.inspect.manual_neighbours import ManualNeighbours
from steering.inspect.map import Map
from steering.inspect.neighbours import Neighbours
from steering.inspect.off_task import OffTask
from steering.inspect.prefix import Prefix
from steering.inspect.results import Result, result_from_json, result_to_json
from steering.inspect.seeds import Seeds
from steering.inspect.strength import Strength
from steering.inspect.trajectory import Trajectory

if TYPE_CHECKING:
    from steering.lm.frozen import FrozenLM

__all__ = [
    "VIEWS",
    "Badge",
    "Item",
    "Need",
    "Preview",
    "Progress",
    "Result",
    "Subject",
    "View",
    "final",
    "look",
    "result_from_json",
    "result_to_json",
    "view",
]

VIEWS: dict[str, View] = {
    v.name: v
    for v in (
        Neighbours(),
        Faithfulness(),
        Gain(),
        Behaviour(),
        Ablation(),
        Trajectory(),
        Strength(),
        ManualNeighbours(),
        Attention(),
        LabelEffect(),
        Seeds(),
        OffTask(),
        Map(),
        Distil(),
        Ask(),
        LogitLens(),
        Prefix(),
    )
}
"""In the order of the command line's contract."""


def view(name: str) -> View:
    """The table's entry.

    Raises:
        SpecError: no such view.
    """
    if name not in VIEWS:
        raise SpecError(f"view {name!r} is not known.", f"Choose one of: {', '.join(VIEWS)}.")
    return VIEWS[name]


def look(name: str, lm: "FrozenLM", subject: Subject) -> Iterator[Item]:
    """Run a view: progress, perhaps a preview, and last the result.

    Raises:
        SpecError: no such view, or it needs rows and there are none.
        ArtifactError: the view does not apply to these vectors, or they are damaged.
    """
    chosen = view(name)
    reason = chosen.applies(subject.vectors)
    if reason:
        fitting = [other.name for other in VIEWS.values() if not other.applies(subject.vectors)]
        raise ArtifactError(f"view {name!r} does not apply to {subject.name!r}: {reason}", f"Views that do: {', '.join(fitting) or 'none'}.")
    if chosen.rows_needed and (not subject.rows or subject.task is None):
        raise SpecError(f"view {name!r} is measured on labelled rows, and none are given.", "Name a dataset with rows that training never saw.")
    yield from chosen.run(lm, subject)


def final(items: Iterator[Item]) -> Result:
    """The result of a view, progress and previews left out."""
    last = None
    for last in items:  # noqa: B007 - only the last item is wanted
        pass
    assert last is not None and not isinstance(last, (Progress, Preview)), "a view ends with its result"
    return last
