"""The evidence in numbers: everybody on one axis, metrics, pairs, classes, confusion. Values of the store to HTML and Plotly JSON."""

from collections.abc import Sequence
from typing import Any

from steering.evaluate.browse import Index
from steering.evaluate.shares import mean
from steering.ui import plots, text
from steering.ui.verdict_names import all_spoken

Found = dict[str, Any]

CLASSIFICATION = (("balanced_accuracy", "Balanced", 2), ("macro_f1", "Macro F1", 2), ("mcc", "MCC", 2), ("nll", "NLL", 3), ("brier", "Brier", 3))
GENERATION = (
    *(("chrf", "chrF", 1), ("bleu", "BLEU", 1), ("rouge_l", "ROUGE-L", 2), ("json_valid", "Valid JSON", 2), ("json_field_f1", "JSON fields F1", 2)),
    *(("mean_length", "Length", 0), ("empty", "Empty", 0)),
)
"""Field of a contestant, heading, digits. A column that nobody has is left out."""

MOST_CELLS = 24
"""Classes that a confusion matrix shows, at most: the largest."""


def primary(found: Found) -> dict[str, Any] | None:
    """The pair that was declared beforehand."""
    return next((pair for pair in found.get("pairs", []) if pair["primary"]), None)


def places(found: Found) -> tuple[int, int]:
    """Positions of the two that the page looks at first: the declared pair, else the last against the first."""
    names, pair = [one["name"] for one in found["contestants"]], primary(found)
    return (names.index(pair["a"]), names.index(pair["b"])) if pair else (len(names) - 1, 0)


def dots(found: Found) -> str:
    """Everybody on one axis with the 95 % interval: accuracy, or the mean of the rows' text metric."""
    many, a = found["contestants"], places(found)[0]
    names = all_spoken(many)
    if found["task"] == "classification":
        spans = [one.get("accuracy_ci") for one in many]
        title = "accuracy with 95 % interval"
        return plots.dots(names, [one["accuracy"] for one in many], spans, learned=a, title=title, percent=True)
    levels = [mean([row["scores"][at] for row in found["rows"]]) for at in range(len(many))]
    title = f"{found.get('metric', 'chrf')}, mean over rows with 95 % interval"
    return plots.dots(names, [e.value for e in levels], [(e.low, e.high) for e in levels], learned=a, title=title, percent=False)


def table(found: Found) -> str:
    """The contestants in numbers."""
    many = found["contestants"]
    sorts = found["task"] == "classification"
    first = ("accuracy", "Accuracy (95 %)") if sorts else ("exact_match", "Exact match (95 %)")
    columns = [column for column in (CLASSIFICATION if sorts else GENERATION) if any(one.get(column[0]) is not None for one in many)]
    calibrated = any(one.get("ece") is not None for one in many)
    heads = ["Contestant", first[1], *(head for _, head, _ in columns), *(["ECE (chance)"] if calibrated else []), "Prompt tokens", "Seconds a row"]
    listed = []
    for name, one in zip(all_spoken(many), many, strict=True):
        cells = [text.number(one.get(key), digits) for key, _, digits in columns]
        cells += [_ece(one)] if calibrated else []
        listed.append([name, _scored(one, first[0]), *cells, one["prompt_tokens"], f"{one['seconds_per_example']:.3f}"])
    caption = f"{found['n']} held-out rows, the same for everybody"
    return text.table(heads, listed, numeric=range(1, len(heads)), caption=caption, mark=places(found)[0])


def _scored(one: Found, metric: str) -> str:
    return text.scored(one.get(metric), one.get(f"{metric}_ci"))


def _ece(one: Found) -> str:
    band = one.get("ece_band")
    return text.number(one.get("ece"), 3) + (f" (≤ {band[1]:.3f})" if band else "")


def weakening(found: Found) -> str:
    """Everything that weakens the result: looks at the test rows, notes about the rows, flags of contestants."""
    look = int(found.get("reveal", 1))
    names = all_spoken(found["contestants"])
    said = [f"Look {look} at these held-out rows: p-values are exploratory from here on, because they may have guided a choice."] if look > 1 else []
    said += [str(note) for note in found.get("notes", ())]
    said += [f"{name}: {flag}" for name, one in zip(names, found["contestants"], strict=True) for flag in one.get("flags", ())]
    said += [f"{name}: the rows it was trained on are not known here." for name in found.get("unchecked", ())]
    return f'<ul class="weakening">{"".join(f"<li>{text.safe(line)}</li>" for line in said)}</ul>' if said else ""


def costs(found: Found) -> str:
    """What a request costs, where it was measured."""
    cost = found.get("cost") or {}
    if not cost:
        return ""
    said = "".join(f"<p><strong>{text.safe(sentence)}</strong></p>" for sentence in cost["sentences"])
    heads = ["Contestant", "Prompt tokens", "Prefill", "K/V kept", "First token", "First token, K/V kept"]
    seconds = [("prefill_seconds",), ("first_token_seconds",), ("cached_first_token_seconds",)]
    rows = []
    for name, one in zip(all_spoken(cost["costs"]), cost["costs"], strict=True):
        prefill, first, cached = (f"{1000 * one[key]:.0f} ms" for (key,) in seconds)
        rows.append([name, one["prompt_tokens"], prefill, text.size(one["kv_bytes"]), first, cached])
    caption = f"Cost of a request, measured on this machine ({cost['device']}, {cost['dtype']}), for a text of {cost['input_tokens']} tokens"
    return said + text.table(heads, rows, numeric=range(1, 6), caption=caption)


def pairs(found: Found, a: int) -> str:
    """Everybody against the one that is looked at."""
    names = dict(zip((one["name"] for one in found["contestants"]), all_spoken(found["contestants"]), strict=True))
    own = found["contestants"][a]["name"]
    listed = []
    for pair in (pair for pair in found["pairs"] if own in (pair["a"], pair["b"]) and "ci" in pair):
        turn = pair["b"] == own
        low, high = (-pair["ci"][1], -pair["ci"][0]) if turn else pair["ci"]
        only = (pair["b_only"], pair["a_only"]) if turn else (pair["a_only"], pair["b_only"])
        gap = -pair["difference"] if turn else pair["difference"]
        p = f"{pair['p_value']:.3f}" + ("" if pair["primary"] else " (Holm)")
        said = "declared beforehand" if pair["primary"] else ""
        listed.append([names[pair["a"] if turn else pair["b"]], _gap(pair, gap), f"{_gap(pair, low)} to {_gap(pair, high)}", p, *only, said])
    heads = ["Against", "Difference", "95 % interval", "p", "Only it right", "Only the other", ""]
    return text.table(heads, listed, numeric=range(1, 6), caption=f"{names[own]} against every other") if listed else ""


def _gap(pair: dict[str, Any], value: float) -> str:
    return f"{100 * value:+.1f}" if pair["metric"] in ("accuracy", "exact_match") else f"{value:+.2f}"


def gaps(found: Found) -> str:
    """All metrics of the declared pair with their paired bootstrap."""
    pair = primary(found)
    if not pair or not pair.get("metrics"):
        return ""
    names = dict(zip((one["name"] for one in found["contestants"]), all_spoken(found["contestants"]), strict=True))
    rows = [[g["metric"].replace("_", " "), *(text.number(g[key], 3) for key in ("a", "b", "difference", "low", "high"))] for g in pair["metrics"]]
    heads = ["Metric", names[pair["a"]], names[pair["b"]], "Difference", "Low", "High"]
    return text.table(heads, rows, numeric=range(1, 6), caption="Paired bootstrap of the difference, 95 %")


def strip(counts: dict[str, int], chosen: str, names: Sequence[str], a: int, b: int) -> str:
    """Fixed, broken, both right and both wrong as one bar of buttons that filter the rows."""
    parts = []
    for sort in ("fixed", "broken", "both right", "both wrong"):
        on = ' aria-pressed="true"' if sort == chosen else ' aria-pressed="false"'
        kind = sort.replace(" ", "-")
        parts.append(
            f'<button type="button" class="part {kind}" data-pick="sort:{sort}"{on} style="flex-grow:{max(1, counts[sort])}">'
            f"<b>{counts[sort]}</b> {sort}</button>"
        )
    line = f"{text.safe(names[a])} against {text.safe(names[b])}: fixed means right where the other is wrong. Press a part to see its rows."
    return f'<div class="strip" role="group" aria-label="Rows by who is right">{"".join(parts)}</div><p class="quiet">{line}</p>'


def classes(index: Index, a: int, b: int) -> str:
    """Per class: how much of it the two get right, as bars that filter the rows."""
    many, names = index.found["contestants"], all_spoken(index.found["contestants"])
    if not many[a].get("per_class"):
        return ""
    rows = []
    for mine, other in zip(many[a]["per_class"], many[b]["per_class"], strict=True):
        cells = [f"<td>{text.pick(mine['label'], 'label:' + mine['label'], '')}</td>", f'<td class="n">{mine["support"]}</td>']
        for one in (mine, other):
            recall, said = one["recall"], f"{text.percent(one['recall'])}"
            cells.append(f'<td class="barred">{text.bar(recall, said) if recall is not None else ""}<b>{text.safe(said)}</b></td>')
        cells += [f'<td class="n">{text.number(one[key], 2)}</td>' for one in (mine, other) for key in ("precision", "f1")]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    both = [text.safe(name) for name in (names[a], names[b])]
    heads = ["Class", "Rows", f"{both[0]}: found", f"{both[1]}: found"] + [f"{name}: {what}" for name in both for what in ("precision", "F1")]
    top = "".join(f'<th scope="col">{head}</th>' for head in heads)
    inner = f"<table><caption>Per class; press one to see its rows</caption><thead><tr>{top}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Per class">{inner}</div>'


def confusion(index: Index, a: int) -> str:
    """True label by row, answer by column; every count is a button that filters the rows."""
    found = index.found
    one, labels = found["contestants"][a], found.get("labels") or []
    if not one.get("confusion"):
        return ""
    ranked = sorted(range(len(labels)), key=lambda i: -sum(one["confusion"][i]))[:MOST_CELLS]
    shown = sorted(ranked)
    most = max((one["confusion"][i][j] for i in shown for j in shown), default=1) or 1
    body = ""
    for i in shown:
        cells = ""
        for j in shown:
            count = one["confusion"][i][j]
            share, name = count / most, f"{labels[i]} answered as {labels[j]}"
            button = (
                f'<button type="button" class="cell" data-pick="cell:{a}:{i}:{j}" aria-label="{count} rows: {text.safe(name)}" '
                f'style="--share:{share:.2f}">{count}</button>'
            )
            cells += f'<td class="n{" right" if i == j else ""}">{button if count else "·"}</td>'
        body += f'<tr><th scope="row">{text.safe(labels[i])}</th>{cells}</tr>'
    top = '<th scope="col">true \\ answered</th>' + "".join(f'<th scope="col" class="n">{text.safe(labels[j])}</th>' for j in shown)
    name = text.safe(all_spoken(found["contestants"])[a])
    more = f" (the {len(shown)} largest classes)" if len(shown) < len(labels) else ""
    caption = f"<caption>Confusion of {name}{more}; press a count to see its rows</caption>"
    inner = f"<table>{caption}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll confusion" tabindex="0" role="region" aria-label="Confusion matrix">{inner}</div>'
