"""View ``behaviour``: which tokens became likelier where the answer begins, and which decisions changed."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from steering.inspect.contract import Badge, Item, Need, Preview, Subject, missing
from steering.inspect.phrases import CAPTION_ROWS, bar
from steering.inspect.results import Bar, Bars, Column, Part, Role, Stack, Table

if TYPE_CHECKING:
    from steering.inspect.bench import Bench, Scored
    from steering.inspect.shift import Shift, Token
    from steering.lm.frozen import FrozenLM

FLIPS = 50
"""Changed rows that are listed, at most."""

TOKENS = (
    Column(name="token", title="Token", kind="token", help="where the answer begins"),
    Column(name="shift", title="Shift", kind="number", help="mean change of its log-probability, in nats"),
    Column(name="agree", title="Same sign", kind="percent", help="rows on which it changed in this direction"),
    Column(name="before", title="Before", kind="percent", help="mean probability under the reference"),
    Column(name="after", title="After", kind="percent", help="mean probability under the learned prompt"),
    Column(name="contribution", title="KL", kind="number", help="its part of the divergence between the two, in nats"),
)

ROWS = (
    Column(name="kind", title="Change", help="fixed, broken, or still wrong"),
    Column(name="text", title="Row"),
    Column(name="right", title="Right"),
    Column(name="before", title="Before"),
    Column(name="after", title="After"),
    Column(name="shares_before", title="Distribution before", help="over the label words"),
    Column(name="shares_after", title="Distribution after"),
)


class Behaviour:
    """The shift at the answer position (SCIENCE notes A3, view 3)."""

    name = "behaviour"
    title = "What it makes likelier"
    badge: Badge = "MEASURED"
    needs: Need = "any"
    rows_needed = True
    summary = "Tokens that the learned prompt makes likelier where the answer begins, and the decisions it fixes and breaks."
    cost = "2 passes over the held-out rows: a few seconds for 100 short rows on two cores"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Item]:
        from steering.inspect.bench import PREVIEW
        from steering.inspect.shift import begin, more, tokens
        from steering.inspect.subjects import bench, learned, manual
        from steering.inspect.vocabulary import vocabulary

        assert subject.task is not None
        reference = manual(lm, subject.task)
        name = "your prompt" if subject.task.prompt.strip() else "no prompt"
        rows = bench(lm, subject, subject.rows, reference, learned(lm, subject))
        vocab = yield from vocabulary(lm)
        shift = begin({"before": reference, "after": learned(lm, subject)})
        for stop in sorted({min(PREVIEW, len(rows)), len(rows)}):
            yield from more(lm, rows, shift, stop)
            part = rows.first(stop)
            both = []
            for root in shift.roots.values() if part.labels else ():
                both.append((yield from part.score(root, "reading the answers")))  # kept by now: nothing is run
            result = _stack(self.title, name, shift, tokens(shift, vocab.show), part, both, list(subject.task.label_words))
            yield result if stop == len(rows) else Preview(result=result)


def _stack(title: str, name: str, shift: "Shift", found: "list[Token]", rows: "Bench", both: "list[Scored]", labels: list[str]) -> Stack:
    bars = tuple(_bar(token) for token in found)
    table = Table(title="Tokens in numbers", columns=TOKENS, rows=tuple(_token(token) for token in found))
    parts: list[Part] = [Bars(title=f"Change against {name}, in nats", bars=bars, unit="nats of log-probability"), table]
    caption = (
        f"{CAPTION_ROWS.format(n=len(rows))} Only tokens with a mean probability of 0.1% or more on one side; ranked by their part of the "
        f"divergence ({shift.divergence():.3f} nats in all) between the learned prompt and {name}."
    )
    if both:
        flips = _flips(rows, both, labels)
        parts.append(Table(title="Changed decisions", columns=ROWS, rows=tuple(flips[:FLIPS]), caption=f"At most {FLIPS} rows are listed."))
        return Stack(title=title, parts=tuple(parts), caption=caption, note=f"{_tokens_said(found)} {_flips_said(flips, len(rows))}")
    return Stack(title=title, parts=tuple(parts), caption=caption, note=_tokens_said(found))


def _bar(token: "Token") -> Bar:
    role: Role = "learned" if token.shift.value > 0 else "muted"
    return bar(token.label, token.shift, role, f"same sign on {100 * token.agree:.0f}% of the rows")


def _token(token: "Token") -> dict[str, Any]:
    values = {"agree": token.agree, "before": token.before, "after": token.after, "contribution": token.contribution}
    shift = {"shift": token.shift.value, "low": token.shift.low, "high": token.shift.high}
    return {"token": token.label, "id": token.id} | {key: round(value, 6) for key, value in (shift | values).items()}


def _flips(rows: "Bench", both: "list[Scored]", labels: list[str]) -> list[dict[str, Any]]:
    """Rows that are answered differently: fixed, then broken, then still wrong."""
    import numpy as np

    found = []
    before, after = (score.table for score in both)
    for i, (old, new) in enumerate(zip(before.argmax(1), after.argmax(1), strict=True)):
        if old == new:
            continue
        kind = "fixed" if new == rows.truth[i] else "broken" if old == rows.truth[i] else "still wrong"
        shares = {
            key: {label: round(float(p), 4) for label, p in zip(labels, np.exp(table[i]), strict=True)}
            for key, table in (("distribution_before", before), ("distribution_after", after))
        }
        written = {f"shares_{key}": _written(shares[f"distribution_{key}"]) for key in ("before", "after")}
        text = " | ".join(rows.rows[i].values.values())
        found.append({"kind": kind, "text": text, "right": labels[rows.truth[i]], "before": labels[old], "after": labels[new]} | written | shares)
    return sorted(found, key=lambda row: ("fixed", "broken", "still wrong").index(row["kind"]))


def _written(shares: dict[str, float]) -> str:
    """``billing 71%, delivery 20%``: the three largest."""
    top = sorted(shares.items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{label} {100 * share:.0f}%" for label, share in top)


def _tokens_said(found: "list[Token]") -> str:
    sure = [token for token in found if token.shift.low > 0 or token.shift.high < 0]
    up, down = ([token.label for token in sure if (token.shift.value > 0) == more][:4] for more in (True, False))
    if not up and not down:
        return "No token is surely likelier or less likely than under the reference."
    parts = [f"readier to begin with {', '.join(up)}"] * bool(up) + [f"less ready to begin with {', '.join(down)}"] * bool(down)
    return f"With the learned prompt the model is {' and '.join(parts)}."


def _flips_said(flips: list[dict[str, Any]], count: int) -> str:
    if not flips:
        return f"It answers all {count} rows as before."
    fixed, broken = (sum(row["kind"] == kind for row in flips) for kind in ("fixed", "broken"))
    return f"It answers {len(flips)} of {count} rows differently: {fixed} fixed, {broken} broken."
