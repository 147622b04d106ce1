"""A comparison as a report: one JSON value, and the same as one HTML file that needs no network, prints, and can be read by a screen reader.

report = report_of(result, about)     # about: title, command, data, settings, versions, created
page(report)                          # the HTML; every text in it is escaped, nothing in it can run or load
differences(report, again)            # what "repeat" found unequal; [] where it is equal
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from steering.evaluate.charts import intervals_svg
from steering.evaluate.pins import kept_words, of_contestant, ruling

FORMAT = 1
ROWS_SHOWN = 300
"""Rows in the HTML; the JSON has all of them."""
MEASURED = ("seconds_per_example", "seconds", "cost", "judging", "created", "versions", "reveal", "exploratory", "finding")
"""Keys that differ from run to run, or by being asked again, and are not compared by :func:`differences`."""


def report_of(result: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that is needed to read, check and repeat a comparison. ``result``: of the request ``compare``; ``about``: plain JSON values."""
    primary = next((pair for pair in result["pairs"] if pair["primary"]), None)
    verdict = {name: primary[name] for name in ("verdict", "sentence", "detail", "a", "b")} if primary else {}
    return {"format": FORMAT, **about, "verdict": verdict, "result": dict(result)}


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where two reports of the same command differ: {where, was, is}, times and counters left out; numbers are equal to 1e-9."""
    return list(_differences("", first["result"], second["result"]))


def _differences(where: str, was: Any, now: Any) -> Iterator[dict[str, Any]]:
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for key in [*was, *(key for key in now if key not in was)]:
            if key not in MEASURED:
                yield from _differences(f"{where}.{key}" if where else str(key), was.get(key), now.get(key))
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for number, (one, other) in enumerate(zip(was, now, strict=True)):
            named = one.get("name", number) if isinstance(one, Mapping) else number
            yield from _differences(f"{where}[{named}]", one, other)
    elif isinstance(was, (int, float)) and isinstance(now, (int, float)) and not isinstance(was, bool):
        if abs(was - now) > 1e-9 * max(1.0, abs(was)):
            yield {"where": where, "was": was, "is": now}
    elif was != now:
        yield {"where": where, "was": was, "is": now}


def page(report: Mapping[str, Any]) -> str:
    """The HTML file."""
    result = report["result"]
    sections = [_head(report), _chart(result), _contestants(result), _pairs(result), _per_class(result), _claims(result), _said(result)]
    sections += [_costs(result), _rows(result), _about(report)]
    return _FRAME.format(title=escape(str(report.get("title", "Comparison"))), style=_STYLE, body="\n".join(filter(None, sections)))


def _head(report: Mapping[str, Any]) -> str:
    verdict, result = report["verdict"], report["result"]
    said = f'<p class="verdict">{escape(verdict["sentence"])}</p><p>{escape(verdict["detail"])}</p>' if verdict else ""
    look = "never looked at before" if result.get("reveal", 1) == 1 else f"look number {result['reveal']}: p is exploratory"
    return f"<h1>{escape(str(report.get('title', 'Comparison')))}</h1>{said}<p>{result['n']} held-out rows, {look}.</p>"


def _chart(result: Mapping[str, Any]) -> str:
    metric = "accuracy" if result["task"] == "classification" else "exact_match"
    marks = [(one["name"], one[metric], *one[f"{metric}_ci"], one["kind"] in ("majority", "random")) for one in result["contestants"]]
    words = "Accuracy" if metric == "accuracy" else "Exact match"
    return f"<h2>{words} with 95 % intervals</h2>{intervals_svg(marks, f'{words} of every contestant; the numbers stand in the next table.')}"


def _contestants(result: Mapping[str, Any]) -> str:
    hidden = {"name", "kind", "fingerprint", "predictions", "flags", "made", "per_class", "confusion", "label_probs"}
    metrics = [key for key in result["contestants"][0] if key not in hidden and not key.endswith(("_ci", "_band"))]
    rows = [[one["name"], one["kind"], *(_with_interval(one, key) for key in metrics), one["fingerprint"]] for one in result["contestants"]]
    return "<h2>Contestants</h2>" + table("What each scored on the same rows", ["contestant", "kind", *map(_plain, metrics), "fingerprint"], rows)


def _pairs(result: Mapping[str, Any]) -> str:
    if not result["pairs"]:
        return ""
    rows = [
        [
            f"{pair['a']} against {pair['b']}" + (" (declared beforehand)" if pair["primary"] else ""),
            pair["verdict"],
            _number(pair["difference"]),
            f"{_number(pair['ci'][0])} to {_number(pair['ci'][1])}",
            f"{pair['p_value']:.4g}",
            *(pair[key] for key in ("a_only", "b_only", "both", "neither")),
        ]
        for pair in result["pairs"]
    ]
    heads = ["pair", "verdict", "difference", "95 % interval", "p", "only the first", "only the second", "both", "neither"]
    gaps = [
        [f"{pair['a']} against {pair['b']}", _plain(gap["metric"]), *(_number(gap[k]) for k in ("a", "b", "difference", "low", "high"))]
        for pair in result["pairs"]
        if pair["primary"]
        for gap in pair["metrics"]
    ]
    more = table("Paired bootstrap of every metric, declared pair", ["pair", "metric", "first", "second", "difference", "low", "high"], gaps)
    return "<h2>Pairs</h2>" + table("Every pair; p is Holm-adjusted except for the declared one", heads, rows) + (more if gaps else "")


def _per_class(result: Mapping[str, Any]) -> str:
    if result["task"] != "classification":
        return ""
    parts = ["<h2>Classes</h2>"]
    for one in result["contestants"]:
        rows = [[c["label"], c["support"], c["predicted"], *(_number(c[k]) for k in ("precision", "recall", "f1"))] for c in one["per_class"]]
        parts.append(table(f"{one['name']}: classes", ["label", "rows", "predicted", "precision", "recall", "F1"], rows))
        confusion = [[label, *counts] for label, counts in zip(result["labels"], one["confusion"], strict=True)]
        parts.append(table(f"{one['name']}: true label by row, answer by column", ["", *result["labels"]], confusion))
    return "".join(parts)


def _claims(result: Mapping[str, Any]) -> str:
    parts = []
    if result.get("gate"):
        rows = [[ruling["claim"], "holds" if ruling["holds"] else "does not hold", ruling["because"]] for ruling in result["gate"]]
        parts.append("<h2>Claims</h2>" + table("What was claimed beforehand", ["claim", "ruling", "because"], rows))
    if result.get("pins"):
        names = [one["name"] for one in result["contestants"]]
        rows = [[_place(pin), " | ".join(pin["values"].values()), pin["target"], *_kept(pin)] for pin in result["pins"]]
        said = [f"{name}: {kept_words(of_contestant(result['pins'], at))}." for at, name in enumerate(names)]
        listed = "".join(f"<li>{escape(text)}</li>" for text in said)
        parts.append(f"<h2>Pinned rows</h2><ul>{listed}</ul>" + table("Rows that must not break", ["line", "text", "target", *names], rows))
    return "".join(parts)


def _kept(pin: Mapping[str, Any]) -> list[str]:
    return [ruling(right) + (f": {text}" if right is not None else "") for right, text in zip(pin["right"], pin["answers"], strict=True)]


def _place(pin: Mapping[str, Any]) -> str:
    return f"{pin['line']}" + (f" ({pin['side']})" if pin.get("side") else "")


def _said(result: Mapping[str, Any]) -> str:
    flags = [f"{one['name']}: {flag}" for one in result["contestants"] for flag in one["flags"]]
    unknown = [f"{name}: the rows it was trained on are not known here." for name in result.get("unchecked", ())]
    said = [*result["notes"], *flags, *unknown]
    return "<h2>What weakens this</h2><ul>" + "".join(f"<li>{escape(text)}</li>" for text in said) + "</ul>" if said else ""


def _costs(result: Mapping[str, Any]) -> str:
    found = result.get("cost") or {}
    if not found:
        return ""
    keys = ("prompt_tokens", "prefill_seconds", "kv_bytes", "first_token_seconds", "cached_first_token_seconds")
    rows = [[one["name"], *(_number(one[key]) for key in keys)] for one in found["costs"]]
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in found["sentences"])
    caption = f"Measured on {found['device']} in {found['dtype']}, a text of {found['input_tokens']} tokens"
    return f"<h2>Cost of a request</h2>{said}" + table(caption, ["contestant", *map(_plain, keys)], rows)


def _rows(result: Mapping[str, Any]) -> str:
    names = [one["name"] for one in result["contestants"]]
    rows = []
    for i, row in enumerate(result["rows"][:ROWS_SHOWN]):
        said = [f"{one['predictions'][i]} ({_number(score)})" for one, score in zip(result["contestants"], row["scores"], strict=True)]
        rows.append([result["lines"][i], " | ".join(result["inputs"][i].values()), row["target"], *said])
    rest = len(result["rows"]) - len(rows)
    caption = "Every row with every answer and its score" + (f"; {rest} more rows are in the JSON report" if rest > 0 else "")
    return f"<h2>Rows</h2><details><summary>Show {len(rows)} rows</summary>{table(caption, ['line', 'text', 'target', *names], rows)}</details>"


def _about(report: Mapping[str, Any]) -> str:
    skip = {"format", "title", "verdict", "result"}
    rows = [[key, _flat(value)] for key, value in report.items() if key not in skip]
    made = [[one["name"], _flat(one["made"])] for one in report["result"]["contestants"] if one["made"]]
    how = table("How contestants came about", ["contestant", "made"], made) if made else ""
    return "<h2>How to repeat this</h2>" + table("Data, settings, versions and the command", ["what", "value"], rows) + how


def table(caption: str, heads: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    """An HTML table whose first column heads its rows; every cell escaped."""
    top = "".join(f'<th scope="col">{escape(str(head))}</th>' for head in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(str(row[0]))}</th>' + "".join(f"<td>{escape(str(cell))}</td>" for cell in row[1:]) + "</tr>" for row in rows
    )
    return f'<div class="wide"><table><caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _with_interval(one: Mapping[str, Any], key: str) -> str:
    text = _number(one[key])
    low, high = one.get(f"{key}_ci") or (None, None)
    return text if low is None else f"{text} ({_number(low)} to {_number(high)})"


def _number(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(key: str) -> str:
    return key.replace("_", " ")


def _flat(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_flat(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_flat(item) for item in value)
    return _number(value)


_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}"
    ".verdict{font-size:1.4rem;font-weight:600}.wide{overflow-x:auto}table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}"
    "caption{text-align:left;font-weight:600}th,td{border-bottom:1px solid #8886;padding:.3rem .6rem;text-align:left;vertical-align:top}"
    "svg{max-width:100%;height:auto}@media print{details>*{display:block}.wide{overflow:visible}body{max-width:none}}"
)
_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title><style>{style}</style></head><body><main>
{body}
</main></body></html>
"""
