"""Blind test: two contestants' answers to one row, in random order and without names. Keys 1, 2, = and s; the names stand at the end only.

Votes lie in the store under the ballot, so a rater resumes where the last vote was, and several raters vote apart.
"""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.errors import SpecError
from steering.evaluate.blind import SKIP, TIE, Tally, order, swapped, tally
from steering.evaluate.browse import Index
from steering.spec import digest
from steering.store import Vote
from steering.studio import Studio
from steering.ui import text, verdict_metrics, widgets
from steering.ui.verdict_names import all_spoken
from steering.ui.verdict_rows import require

LONGEST_NAME = 60
KEYS = (("1", "First is better"), ("2", "Second is better"), (TIE, "Equally good"), ("s", "Skip"))


def draw() -> SimpleNamespace:
    """The controls, folded."""
    ui = SimpleNamespace()
    with gr.Accordion("Blind test: judge the answers yourself", open=False, elem_id="blind", visible=False) as ui.panel:
        gr.HTML("<p>Answers of two contestants in random order, without names. Only rows where they differ are shown.</p>")
        with gr.Row():
            ui.a = gr.Dropdown([], label="Between", elem_id="blind-a")
            ui.b = gr.Dropdown([], label="and", elem_id="blind-b")
            ui.rater = gr.Textbox(label="Your name or initials", elem_id="blind-rater")
            ui.start = gr.Button("Begin or go on", variant="primary", elem_id="blind-start", min_width=140)
        ui.card = widgets.keyed("blind-card")
        with gr.Row():
            ui.undo = gr.Button("Take the last vote back", size="sm", elem_id="blind-undo")
            ui.end = gr.Button("End and show the names", size="sm", elem_id="blind-end")
        ui.result = gr.HTML("", elem_id="blind-result")
    return ui


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`reset` fills, in its order."""
    return [ui.panel, ui.a, ui.b, ui.card, ui.result]


PARTS = 5


def given(ui: SimpleNamespace) -> list[Any]:
    """What the handlers read after run and judgement, in their order."""
    return [ui.a, ui.b, ui.rater]


def nothing() -> list[Any]:
    """A run without a verdict."""
    return [gr.Accordion(visible=False), gr.skip(), gr.skip(), "", ""]


def reset(index: Index) -> list[Any]:
    """The declared pair of the judgement that is shown."""
    a, b = verdict_metrics.places(index.found)
    names = [(name, str(at)) for at, name in enumerate(all_spoken(index.found["contestants"]))]
    return [gr.Accordion(visible=True), gr.Dropdown(choices=names, value=str(a)), gr.Dropdown(choices=names, value=str(b)), "", ""]


class Ballot:
    """Two contestants of one judgement, lower position first, and the rows that can be voted on.

    Raises:
        SpecError: no two contestants, or no rater's name.
    """

    def __init__(self, studio: Studio, run: str, which: str, a: Any, b: Any, rater: Any) -> None:
        self.studio, self.run, self.index = studio, run, require(studio, run, which)
        found = self.index.found
        known = range(len(found["contestants"]))
        sides = sorted({int(one) for one in (a, b) if str(one).isdigit() and int(one) in known})
        if len(sides) < 2:
            raise SpecError("a blind test is between two contestants.", "Choose two different ones.")
        self.sides = (sides[0], sides[1])
        self.rater = " ".join(str(rater or "").split())
        if not self.rater or len(self.rater) > LONGEST_NAME:
            raise SpecError(f"a rater's name has 1 to {LONGEST_NAME} letters.", "Type your name or initials, so that your votes can be found again.")
        self.names = tuple(found["contestants"][at]["name"] for at in self.sides)
        first, second = (found["contestants"][at]["predictions"] for at in self.sides)
        self.rows = [i for i in range(len(found["rows"])) if first[i] != second[i]]
        prints = [found["contestants"][at]["fingerprint"] for at in self.sides]
        self.id = digest([run, prints, list(self.names), [row["target"] for row in found["rows"]], found.get("lines") or []])

    def mine(self) -> dict[int, str]:
        """This rater's votes by row."""
        return {vote.row: vote.choice for vote in self.studio.store.votes(self.id) if vote.rater == self.rater}

    def next(self) -> int | None:
        """The row that this rater sees now; None at the end."""
        done = self.mine()
        return next((row for row in order(self.id, self.rater, self.rows) if row not in done), None)

    def shown(self, row: int) -> tuple[int, int]:
        """Positions of the contestants on this row, the one that stands first first."""
        return (self.sides[1], self.sides[0]) if swapped(self.id, self.rater, row) else self.sides

    def tally(self) -> Tally:
        """All raters' votes."""
        votes = {(vote.rater, vote.row): vote.choice for vote in self.studio.store.votes(self.id)}
        rows = self.index.found["rows"]
        a, b = self.sides
        return tally(votes, self.names[0], self.names[1], {i: (rows[i]["scores"][a], rows[i]["scores"][b]) for i in self.rows})


def begin(studio: Studio, run: str, which: str, *values: Any) -> list[Any]:
    """The row that is next, or the end: card, result."""
    ballot = Ballot(studio, run, which, *values)
    if not ballot.rows:
        return [text.empty("These two answer every row the same: there is nothing to choose between."), ""]
    row = ballot.next()
    return [card(ballot, row), ""] if row is not None else [text.empty("You have judged every row."), result(ballot)]


def vote(studio: Studio, run: str, which: str, *values: Any) -> list[Any]:
    """Keep the vote (``values`` end with ``row:key``) and show the next row: card, result."""
    *given_values, pressed = values
    ballot = Ballot(studio, run, which, *given_values)
    number, _, key = str(pressed).partition(":")
    row = ballot.next()
    if row is None or number != str(row) or key not in dict(KEYS):
        return begin(studio, run, which, *given_values)  # a second press, or another page voted meanwhile
    contestants = ballot.index.found["contestants"]
    choice = {"1": contestants[ballot.shown(row)[0]]["name"], "2": contestants[ballot.shown(row)[1]]["name"], TIE: TIE}.get(key, SKIP)
    studio.store.put_vote(run, ballot.id, Vote(rater=ballot.rater, row=row, choice=choice))
    return begin(studio, run, which, *given_values)


def undo(studio: Studio, run: str, which: str, *values: Any) -> list[Any]:
    """Take the rater's last vote back: card, result."""
    ballot = Ballot(studio, run, which, *values)
    studio.store.undo_vote(ballot.id, ballot.rater)
    return begin(studio, run, which, *values)


def end(studio: Studio, run: str, which: str, *values: Any) -> list[Any]:
    """Names and numbers: card, result."""
    ballot = Ballot(studio, run, which, *values)
    return ["", result(ballot)]


def card(ballot: Ballot, row: int) -> str:
    """Both answers of a row without names, with buttons and their keys."""
    found, done = ballot.index.found, len(ballot.mine())
    inputs = found.get("inputs") or [{}] * len(found["rows"])
    first, second = (str(found["contestants"][at]["predictions"][row]) for at in ballot.shown(row))
    sides = "".join(
        f'<section class="card"><h4>{title}</h4><pre>{text.safe(said or "(empty)")}</pre></section>'
        for title, said in (("First", first), ("Second", second))
    )
    buttons = "".join(text.pick(f"{key}  {words}", f"{row}:{key}", "", key) for key, words in KEYS)
    head = f'<p class="quiet">Row {done + 1} of {len(ballot.rows)}. Keys: 1, 2, = and s.</p>{text.facts(inputs[row].items())}'
    return f'<section class="blind" aria-label="Blind test">{head}<div class="answers">{sides}</div><div class="acts">{buttons}</div></section>'


def result(ballot: Ballot) -> str:
    """Who the names were, win rate with its interval, agreement with the metric and between raters."""
    found, said = ballot.tally(), all_spoken(ballot.index.found["contestants"])
    a, b = (said[at] for at in ballot.sides)
    raters = list(dict.fromkeys(one.rater for one in ballot.studio.store.votes(ballot.id)))
    if found.win_rate is None or found.interval is None:
        return text.notice(f"Nothing is decided yet between {a} and {b}: {found.ties} rows were called equal, {found.skipped} skipped.", level="note")
    ahead, rate, (low, high) = (a, found.win_rate, found.interval)
    if rate < 0.5:
        ahead, rate, (low, high) = b, 1 - rate, (1 - found.interval[1], 1 - found.interval[0])
    decided = found.wins + found.losses
    sentence = f"{ahead} was preferred on {100 * rate:.0f} % of {decided} decided rows (95 % interval {100 * low:.0f} to {100 * high:.0f} %)."
    if low <= 0.5:
        sentence += " The interval includes 50 %: no preference is established."
    pairs: list[tuple[str, object]] = [
        (f"{a} preferred", found.wins),
        (f"{b} preferred", found.losses),
        ("Equal", found.ties),
        ("Votes skipped", found.skipped),
        ("Sign test p", f"{found.p_value:.3f}"),
        ("Agrees with the metric", f"{found.agreeing} of {found.comparable}" if found.comparable else "no decided row differs in it"),
        ("Raters", len(raters)),
        ("Raters agree", f"{found.same} of {found.shared} pairs" if found.shared else ""),
    ]
    return f'<section class="verdict" role="status"><p class="big">{text.safe(sentence)}</p>{text.facts(pairs)}</section>'
