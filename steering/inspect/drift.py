"""Loss on neutral sentences under any root: a pure measurement that the view of side effects, the strength's zones and a comparison share."""

from collections.abc import Generator, Mapping, Sequence

from steering.data.neutral import neutral
from steering.evaluate.intervals import Floats
from steering.inspect.bench import Bench
from steering.inspect.contract import Progress
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root

BARE = "no prompt"


def losses(
    lm: FrozenLM, roots: Mapping[str, Root], sentences: Sequence[str] | None = None
) -> Generator[Progress, None, tuple[Floats, dict[str, Floats]]]:
    """Mean loss a token of every sentence, [S] nats: without a prompt, and under every root. What was measured once is kept for the model."""
    rows = Bench.of_texts(lm, sentences or neutral())
    bare = yield from rows.score(lm.text_root(""), f"reading neutral text under {BARE}")
    found = {}
    for name, root in roots.items():
        found[name] = (yield from rows.score(root, f"reading neutral text under {name}")).loss
    return bare.loss, found
