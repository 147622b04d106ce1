"""View ``logit_lens``: what every layer would say after each vector, beside what it would say after the start token."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from steering.inspect.contract import Badge, Need, Progress, Subject, missing
from steering.inspect.results import Column, Heatmap, Result, Stack, Table

if TYPE_CHECKING:
    from torch import Tensor

    from steering.inspect.vocabulary import Vocabulary
    from steering.lm.frozen import FrozenLM

SHOWN = 5

LAYERS = 12
"""Layers that are read, at most: evenly spaced, the first and the last among them."""

COLUMNS = (
    Column(name="slot", title="Slot", kind="number", help="virtual token, counted from 1"),
    Column(name="init_token", title="Started from", kind="token", help="the vocabulary entry that this vector was before training"),
    Column(name="middle", title="Middle layer", kind="tokens", help="likeliest next tokens, read off half-way, with their probability"),
    Column(name="middle_start", title="there, start", kind="tokens", help="the same where the start stands in place of the vectors"),
    Column(name="last", title="Last layer", kind="tokens", help="likeliest next tokens after this vector and those before it"),
    Column(name="last_start", title="there, start", kind="tokens", help="the same where the start stands in place of the vectors"),
    Column(name="divergence", title="Difference", kind="number", help="between the two at the last layer: 0 the same, 1 nothing in common"),
)


class LogitLens:
    """Logit lens on slots (SCIENCE notes A3, view 16)."""

    name = "logit_lens"
    title = "Logit lens"
    badge: Badge = "GEOMETRIC"
    needs: Need = "soft_prompt"
    rows_needed = False
    summary = "Which token each layer would put next after every vector, beside the same for the prompt that the vectors started from."
    cost = "two short passes through the model: about a second"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Progress | Result]:
        import torch

        from steering.inspect.checks import soft_prompt
        from steering.inspect.lens import divergence, hidden, next_word
        from steering.inspect.vocabulary import vocabulary

        vectors, start = soft_prompt(lm, subject)
        vocab = yield from vocabulary(lm)
        now = hidden(lm, vectors)
        before = None if start is None else hidden(lm, start)
        yield Progress(done=1, total=LAYERS + 1, message="reading layers")
        layers = list(dict.fromkeys(round(i * (lm.shape.L - 1) / max(1, LAYERS - 1)) for i in range(LAYERS)))
        shown = {"middle": layers[len(layers) // 2], "last": layers[-1]}
        tops: dict[str, list[list[dict[str, Any]]]] = {}
        differences = []
        for number, layer in enumerate(layers):
            states = now[layer] if before is None else torch.cat([now[layer], before[layer]])
            tables = dict(zip(("", "_start"), next_word(lm, states).split(len(vectors)), strict=False))
            for name in [name for name, at in shown.items() if at == layer]:
                tops |= {name + which: _top(vocab, table) for which, table in tables.items()}
            differences.append(divergence(tables[""], tables["_start"]) if before is not None else None)
            yield Progress(done=number + 2, total=len(layers) + 1, message="reading layers")
        parts = [_table(vocab, subject, tops, differences[-1])]
        yield Stack(
            title=self.title,
            parts=(*parts, *([_heatmap(subject, layers, differences)] if before is not None else [])),
            caption="A hidden state goes through the last norm and the output layer, as if the model ended there.",
            note="This tells which token would follow a vector, not what the vector holds. Early layers are biased (they are not made to be read so) "
            "and the first position is unusual in every model. Only the difference from the start is due to training.",
        )


def _top(vocab: "Vocabulary", table: "Tensor") -> list[list[dict[str, Any]]]:
    values, index = table.exp().topk(min(SHOWN, table.shape[1]), dim=-1)
    rows = zip(index.tolist(), values.tolist(), strict=True)
    return [[{"token": vocab.show(i), "id": i, "probability": round(p, 4)} for i, p in zip(*row, strict=True)] for row in rows]


def _table(vocab: "Vocabulary", subject: Subject, tops: dict[str, list[list[dict[str, Any]]]], last: "Tensor | None") -> Table:
    rows = []
    for i in range(subject.header, len(tops["last"])):
        words = {column: tops[column][i] if column in tops else [] for column in ("middle", "middle_start", "last", "last_start")}
        start = vocab.show(subject.start_ids[i]) if subject.start_ids else None
        rows.append({"slot": i + 1, "init_token": start, **words, "divergence": None if last is None else round(float(last[i]), 4)})
    unknown = "" if subject.start_ids else " The start is not recorded, so there is nothing to compare with."
    return Table(title="What would follow", columns=COLUMNS, rows=tuple(rows), caption=f"The model's own header is left out.{unknown}")


def _heatmap(subject: Subject, layers: list[int], differences: "list[Tensor | None]") -> Heatmap:
    kept = [row[subject.header :].tolist() for row in differences if row is not None]
    return Heatmap(
        title="Difference from the start",
        rows=tuple(str(layer + 1) for layer in layers),
        columns=tuple(f"v{subject.header + i + 1}" for i in range(len(kept[0]))),
        values=tuple(tuple(round(value, 4) for value in row) for row in kept),
        row_title="layer",
        column_title="vector",
        unit="Jensen-Shannon divergence in bits",
        caption="0: the layer would say the same as after the start; 1: nothing in common.",
    )
