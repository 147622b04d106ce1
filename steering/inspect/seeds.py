"""View ``seeds``: what runs that differ in their seed alone agree on: decisions, words, directions."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from steering.errors import SpecError
from steering.inspect.contract import Badge, Need, Progress, Subject, missing
from steering.inspect.results import Bar, Bars, Column, Part, Result, Stack, Table, Text

if TYPE_CHECKING:
    from steering.inspect.agreement import Decisions, Words
    from steering.lm.frozen import FrozenLM

COLUMNS = (
    Column(name="slot", title="Slot", kind="number", help="virtual token of this prompt, counted from 1"),
    Column(name="init_token", title="Started from", kind="token", help="the same in every seed"),
    Column(name="cosine", title="Cosine", kind="number", help="to the vector that it is matched with in another seed; mean over seeds"),
    Column(name="jaccard", title="Shared words", kind="percent", help="of the closest entries of both, how many they share; start tokens removed"),
    Column(name="words", title="Closest entries here", kind="tokens", help="by CSLS, start tokens removed"),
    Column(name="others", title="in other seeds", kind="tokens", help="of the matched vectors, start tokens removed"),
)


class Seeds:
    """Cross-seed agreement (SCIENCE notes A3, view 11)."""

    name = "seeds"
    title = "Agreement between seeds"
    badge: Badge = "MEASURED"
    needs: Need = "any"
    rows_needed = True
    summary = "Whether runs with other seeds decide the same, and whether they lie near the same words."
    cost = "one pass over the held-out rows for every seed: about 2 seconds each for 100 short rows on two cores"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Progress | Result]:
        from steering.inspect.agreement import decisions, fitting, words
        from steering.inspect.subjects import learned
        from steering.methods.forms import SOFT_PROMPT

        learned(lm, subject)
        subject = fitting(subject)
        if not subject.siblings:
            raise SpecError(f"{subject.name!r} was trained with one seed: there is nothing to agree with.", "Train with three seeds (--seeds 3).")
        told = yield from decisions(lm, subject)
        parts: list[Part] = [_decisions(told)]
        found = None
        if SOFT_PROMPT in subject.vectors:
            found = yield from words(lm, subject)
            parts += [_words(found), _table(found)]
        else:
            why = "A prefix has no vectors in the space of words: only decisions are compared."
            parts.append(Text(title="Words", paragraphs=(why,)))
        yield Stack(title=self.title, parts=tuple(parts), note=_sentence(told, found))


def _decisions(told: "Decisions") -> Bars:
    bars = [
        Bar(label=name, value=round(one.value, 4), low=round(one.low, 4), high=round(one.high, 4), role="learned") for name, one in told.seeds.items()
    ]
    bars.append(
        Bar(
            label="your manual prompt",
            value=round(told.manual.value, 4),
            low=round(told.manual.low, 4),
            high=round(told.manual.high, 4),
            role="start",
        )
    )
    return Bars(
        title="Same decision as this prompt",
        bars=tuple(bars),
        unit="share of rows",
        caption=f"Measured on {told.rows} rows that training never saw; {told.what}. Intervals are 95 % over rows. The manual prompt is the control: "
        "what agreement there is without any training.",
    )


def _words(found: "Words") -> Bars:
    return Bars(
        title="Shared words",
        bars=(
            Bar(label="seeds", value=round(found.seeds, 4), role="learned", detail="matched vectors, start tokens removed"),
            Bar(label="random moves from the same start", value=round(found.moved, 4), role="muted", detail="as long as the learned ones"),
            Bar(label="random vectors", value=round(found.random, 4), role="muted"),
        ),
        unit="Jaccard overlap of the ten closest entries",
        caption="Entries by CSLS; the words that the prompt started from are removed, because every seed starts from them. Vectors of two seeds are "
        "matched one to one by their cosine.",
        note="Where seeds share no more words than random moves from the same start do, the words are accidents of training.",
    )


def _table(found: "Words") -> Table:
    return Table(
        title="Vector by vector",
        columns=COLUMNS,
        rows=tuple(found.rows),
        caption=f"{found.matched_elsewhere} of {len(found.rows)} vectors are matched with a vector at another position in some seed.",
        note="A shared word is a hint that the place matters; it does not tell what it does.",
    )


def _sentence(told: "Decisions", found: "Words | None") -> str:
    each = [one.value for one in told.seeds.values()]
    decided = f"Seeds agree on {100 * sum(each) / len(each):.0f}% of decisions"
    if found is None:
        return f"{decided}."
    shared = f"{decided} but share {100 * found.seeds:.0f}% of closest words (random moves from the same start: {100 * found.moved:.0f}%)"
    if found.seeds <= found.moved + 0.05:
        return f"{shared}: the words are accidents of training."
    return f"{shared}: some words return whatever the seed, more than chance gives."
