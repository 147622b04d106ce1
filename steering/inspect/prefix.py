"""View ``prefix``: how long a prefix's keys and values are in every layer, and how far training took them from their start."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from steering.inspect.contract import Badge, Need, Progress, Subject, missing
from steering.inspect.results import Heatmap, Line, Lines, Part, Result, Role, Stack, Text

if TYPE_CHECKING:
    from torch import Tensor

    from steering.lm.frozen import FrozenLM

NO_CONTEXTS = "Nearest contexts of keys and values are not available yet."


class Prefix:
    """RMS and drift of keys and values, layer by layer (first part of SCIENCE notes A4)."""

    name = "prefix"
    title = "Keys and values by layer"
    badge: Badge = "GEOMETRIC"
    needs: Need = "prefix"
    rows_needed = False
    summary = "Size (RMS) of the learned keys and values in every layer beside their start, and how far they moved."
    cost = "one short pass through the model"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Progress | Result]:
        import torch

        from steering.inspect.checks import layers, prefix, start_ids
        from steering.lm.root import Root

        now = dict(zip(("keys", "values"), prefix(lm, subject), strict=True))
        held = layers(lm, subject)
        length = now["keys"].shape[2]
        fixed = min(subject.header, length)
        ids = start_ids(lm, subject, length)
        start = None
        if ids:
            yield Progress(done=0, total=1, message="running the start through the model")
            kv = lm.to_kv(Root(embeds=lm.embed(ids))).kv
            assert kv is not None
            start = {name: torch.stack([part[i] for i in held]).float() for name, part in zip(now, zip(*kv, strict=True), strict=True)}
        numbers = tuple(layer + 1 for layer in held)
        moving = {n: t[:, :, fixed:] for n, t in now.items()}
        yield _result(self.title, moving, start and {n: t[:, :, fixed:] for n, t in start.items()}, fixed, numbers)


def _result(title: str, now: "dict[str, Tensor]", start: "dict[str, Tensor] | None", fixed: int, numbers: tuple[int, ...]) -> Stack:
    """Pictures of keys and values [n, K, P', D] without the header's rows; ``numbers`` name the layers, from 1."""
    if not now["keys"].shape[2]:
        return Stack(title=title, parts=(Text(title="Nothing was trained", paragraphs=("Every row belongs to the model's own header.",)),))
    parts: list[Part] = [_sizes(name, now[name], start[name] if start else None, numbers) for name in now]
    if start:
        parts += [_drift(now, start, numbers), *(_drift_map(name, now[name], start[name], fixed, numbers) for name in now)]
    unknown = "" if start else "Where the prefix started is not recorded, so what training changed cannot be told. "
    note = f"{unknown}Sizes and distances are true about the vectors; they do not tell what a layer does with them. {NO_CONTEXTS}"
    return Stack(title=title, parts=tuple(parts), caption="Keys as they enter attention (after their position is applied).", note=note)


def _sizes(name: str, now: "Tensor", start: "Tensor | None", numbers: tuple[int, ...]) -> Lines:
    lines = [_line("learned", _rms(now), numbers)]
    if start is not None:
        lines.append(_line("start", _rms(start), numbers, "start"))
    return Lines(
        title=f"Size of {name}",
        lines=tuple(lines),
        x_title="layer",
        y_title="RMS over heads, positions and dimensions",
        caption="The model's own header is left out; it is never trained.",
    )


def _drift(now: "dict[str, Tensor]", start: "dict[str, Tensor]", numbers: tuple[int, ...]) -> Lines:
    def relative(name: str) -> "Tensor":
        moved: Tensor = (now[name] - start[name]).flatten(1).norm(dim=1)
        return moved.div(start[name].flatten(1).norm(dim=1).clamp_min(1e-12))

    roles: tuple[Role, ...] = ("learned", "accent")
    return Lines(
        title="Drift from the start",
        lines=tuple(_line(name, relative(name), numbers, role) for name, role in zip(now, roles, strict=True)),
        x_title="layer",
        y_title="distance from the start, in units of the start's length",
        caption="0: the layer is as it started. 1: the change is as large as what was there.",
    )


def _drift_map(name: str, now: "Tensor", start: "Tensor", fixed: int, numbers: tuple[int, ...]) -> Heatmap:
    moved = (now - start).norm(dim=(1, 3)) / start.norm(dim=(1, 3)).clamp_min(1e-12)  # [L, P']
    return Heatmap(
        title=f"Drift of {name}, layer by position",
        rows=tuple(map(str, numbers)),
        columns=tuple(f"v{fixed + i + 1}" for i in range(moved.shape[1])),
        values=tuple(tuple(round(value, 4) for value in row) for row in moved.tolist()),
        row_title="layer",
        column_title="position",
        unit="of the start's length",
    )


def _rms(tensor: "Tensor") -> "Tensor":
    """[L, K, P, D] -> [L]."""
    return tensor.pow(2).mean(dim=(1, 2, 3)).sqrt()


def _line(name: str, values: "Tensor", numbers: tuple[int, ...], role: Role = "learned") -> Line:
    """A value for every layer."""
    return Line(name=name, x=tuple(map(float, numbers)), y=tuple(round(value, 4) for value in values.tolist()), role=role)
