"""Pictures of a prefix's keys and values by layer: how long they are, and how far training took them from their start."""

from typing import TYPE_CHECKING

from steering.inspect.results import Heatmap, Line, Lines, Part, Role

if TYPE_CHECKING:
    from torch import Tensor

KeysValues = dict[str, "Tensor"]
"""``keys`` and ``values`` [n, K, P', D] of the n layers that hold them, without the header's rows."""


def pictures(now: KeysValues, start: KeysValues | None, fixed: int, numbers: tuple[int, ...]) -> list[Part]:
    """``numbers`` name the layers, from 1; ``fixed`` rows of the header were left out. Without a start there are sizes only."""
    parts: list[Part] = [_sizes(name, now[name], start[name] if start else None, numbers) for name in now]
    if start:
        parts += [_drift(now, start, numbers), *(_drift_map(name, now[name], start[name], fixed, numbers) for name in now)]
    return parts


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


def _drift(now: KeysValues, start: KeysValues, numbers: tuple[int, ...]) -> Lines:
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
