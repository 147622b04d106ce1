"""Learning curve and ladder as HTML and Plotly JSON: sentences and advice first, then the numbers, then the picture."""

from typing import Any

from steering.inspect.results import Line, Lines
from steering.methods import METHODS
from steering.ui import plots, text
from steering.ui.verdict_names import spoken

DEPTHS = {
    "majority": "Majority class",
    "none": "No prompt",
    "manual": "Your prompt",
    "manual_bias": "Your prompt, labels balanced",
    "few_shot": "Examples in the prompt",
    "soft": "Soft prompt",
    "few_layers": "Prefix on the last 4 layers",
    "all_layers": "Prefix on all layers",
    "weights": "LoRA (changed weights)",
}
COSTS = {
    "trainable_parameters": "trainable parameters",
    "file_bytes": "bytes of the file",
    "training_seconds": "seconds of training",
    "prompt_tokens": "prompt tokens",
    "first_token_seconds": "seconds to the first token",
}


def learning_curve(result: dict[str, Any]) -> tuple[str, str]:
    """Sentences and table, and curves with bands against level lines."""
    metric = result["metric"].replace("_", " ")
    names = list(dict.fromkeys(band["contestant"] for band in result["bands"]))
    lines = []
    for at, name in enumerate(names):
        mine = [band for band in result["bands"] if band["contestant"] == name]
        x, y, low, high = (tuple(band[key] for band in mine) for key in ("rows", "score", "low", "high"))
        lines.append(Line(name=_method(name), x=x, y=y, low=low, high=high, role=("learned", "start", "accent")[at % 3]))
    ends = sorted({band["rows"] for band in result["bands"]})
    for level in result["flat"]:
        y = (level["score"],) * 2
        lines.append(Line(name=spoken(level["name"]), x=(ends[0], ends[-1]), y=y, role="muted"))
    picture = plots.lines(Lines(title="", lines=tuple(lines), x_title="training rows", y_title=metric))
    said = "".join(f"<p><strong>{text.safe(_method(name))}:</strong> {text.safe(line)}</p>" for name, line in result["sentences"].items())
    rows = [
        [
            *(_method(b["contestant"]), f"{100 * b['share']:.0f} %", b["rows"], b["seeds"]),
            *(text.number(b["score"]), _span(b, "low", "high"), _span(b, "lowest", "highest")),
        ]
        for b in result["bands"]
    ]
    heads = ["Contestant", "Share", "Rows", "Seeds", metric, "95 % interval", "Seeds from to"]
    caption = f"Judged on {result['n']} held-out rows"
    return said + text.table(heads, rows, numeric=range(1, 7), caption=caption), picture


def _span(band: dict[str, Any], low: str, high: str) -> str:
    return f"{band[low]:.3f} to {band[high]:.3f}"


def _method(form: str) -> str:
    """``tune:prompt_tuning,seed=1`` as the method's own title."""
    kind, _, value = form.partition(":")
    name = value.partition(",")[0]
    return METHODS[name].title if kind == "tune" and name in METHODS else spoken(form)


def depth_ladder(result: dict[str, Any]) -> tuple[str, str]:
    """Advice and table, and accuracy against trainable parameters with the rungs that nothing cheaper beats."""
    fronts, rows = result.get("pareto") or {}, []
    for rung in result["rungs"]:
        best = [COSTS[cost] for cost, names in fronts.items() if rung["name"] in names]
        seconds = rung["first_token_seconds"]
        rows.append(
            [
                DEPTHS.get(rung["depth"], rung["depth"]),
                text.scored(rung["accuracy"], rung["accuracy_ci"]),
                rung["trainable_parameters"],
                text.size(rung["file_bytes"]) if rung["file_bytes"] else "",
                text.duration(rung["training_seconds"]) if rung["training_seconds"] else "",
                rung["prompt_tokens"],
                f"{1000 * seconds:.0f} ms" if seconds is not None else "",
                f"{100 * rung['seed_spread']:.0f} points" if rung["seed_spread"] is not None else "",
                f"{rung['drift']:+.2f}" if rung["drift"] is not None else "",
                ", ".join(best),
            ]
        )
    heads = ["Rung", "Accuracy (95 %)", "Trained numbers", "File", "Training", "Prompt tokens", "First token", "Seed spread", "Drift (nats)"]
    caption = f"From no prompt to changed weights, on {result['n']} held-out rows"
    table = text.table([*heads, "Nothing cheaper is as good, by"], rows, numeric=range(1, 9), caption=caption)
    missing = "".join(f"<li>{text.safe(DEPTHS.get(name, name))}: {text.safe(why)}</li>" for name, why in result.get("left_out", {}).items())
    left = f'<ul class="weakening">{missing}</ul>' if missing else ""
    return _advice(result.get("advice")) + table + left, pareto(result["rungs"], fronts.get("trainable_parameters") or [])


def _advice(advice: dict[str, Any] | None) -> str:
    if not advice:
        return ""
    reasons = "".join(f"<li>{text.safe(reason)}</li>" for reason in advice["reasons"])
    return f'<section class="verdict" role="status"><p class="big">{text.safe(advice["sentence"])}</p><ul>{reasons}</ul></section>'


def pareto(rungs: list[dict[str, Any]], front: list[str]) -> str:
    """Accuracy with interval by trainable parameters (0 stands at the left edge), the front filled and joined."""
    data: list[dict[str, Any]] = []
    on = sorted((rung for rung in rungs if rung["name"] in front), key=lambda rung: rung["trainable_parameters"])
    if on:
        data.append(plots.line("nothing smaller is as good", [_size(r) for r in on], [r["accuracy"] for r in on], plots.LEARNED, dash="dot"))
    data.append(
        {
            "type": "scatter",
            "mode": "markers+text",
            "x": [_size(rung) for rung in rungs],
            "y": [rung["accuracy"] for rung in rungs],
            "text": [plots.plain(DEPTHS.get(rung["depth"], rung["depth"])) for rung in rungs],
            "textposition": "top center",
            "error_y": {
                "type": "data",
                "symmetric": False,
                "array": [rung["accuracy_ci"][1] - rung["accuracy"] for rung in rungs],
                "arrayminus": [rung["accuracy"] - rung["accuracy_ci"][0] for rung in rungs],
                "color": plots.MUTED,
            },
            "marker": {"size": 11, "color": plots.LEARNED, "symbol": ["circle" if r["name"] in front else "circle-open" for r in rungs]},
            "hovertemplate": "%{text}: %{y:.1%}<extra></extra>",
        }
    )
    xaxis = {"title": {"text": "trainable parameters (0 at the left edge)"}, "type": "log"}
    yaxis = {"title": {"text": "accuracy"}, "tickformat": ".0%", "range": [-0.02, 1.08]}
    return plots.figure(data, height=420, xaxis=xaxis, yaxis=yaxis)


def _size(rung: dict[str, Any]) -> float:
    return max(1.0, float(rung["trainable_parameters"]))
