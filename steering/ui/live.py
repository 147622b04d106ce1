"""What the page's one timer asks: has anything changed, and what is to be drawn again. Nothing is kept here; ``seen`` travels with the browser."""

import json
from dataclasses import dataclass
from typing import Any

import gradio as gr

from steering.errors import NotFoundError
from steering.spec import digest
from steering.store import FINAL, Run
from steering.studio import Studio
from steering.ui import runs, saved, text, train, vectors, verdict, verdict_play

STATIONS = ("data", "train", "verdict", "vectors", "saved", "runs")
TRAIN_PARTS, VERDICT_PARTS = 8, verdict.PARTS


@dataclass(frozen=True, slots=True)
class Seen:
    """What the browser has already drawn."""

    run: str = ""
    state: str = ""
    engine: str = ""
    runs: str = ""

    @classmethod
    def of(cls, written: str) -> "Seen":
        """From the browser's text; anything odd counts as nothing seen."""
        try:
            value = json.loads(written)
            return cls(**{name: str(value[name]) for name in cls.__slots__})
        except (ValueError, TypeError, KeyError):
            return cls()

    def written(self) -> str:
        """For the browser to keep."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})


def find(studio: Studio, run: str) -> Run | None:
    """A run by an id that came from outside."""
    try:
        return studio.store.run(run) if run else None
    except NotFoundError:
        return None


def now(studio: Studio, run: Run | None, station: str) -> Seen:
    """What there is to see, as cheap as it can be told."""
    engine = studio.store.engine()
    mark = f"{run.id}:{run.version}:{_place(studio, run)}" if run else ""
    listed = runs.fingerprint(studio) if station == "runs" else ""
    return Seen(run=mark, state=run.state if run else "", engine=train.engine_line(engine), runs=listed)


def _place(studio: Studio, run: Run) -> int:
    if run.state != "queued":
        return 0
    return [waiting.id for waiting in studio.store.runs(("queued",))].index(run.id) + 1 if find(studio, run.id) else 0


def pulse(studio: Studio, run_id: str, written: str, station: str) -> Any:
    """A mark of what has changed with the run, skipped where nothing did. The timer fills only this, because every component that an event names
    costs the browser something even when it is skipped; the mark's change then draws the run's part of the page."""
    after = now(studio, find(studio, run_id), station)
    return gr.skip() if Seen.of(written) == after else after.written()


def awaited(play: str, told_play: str, use: str, told_use: str, look: str) -> bool:
    """Whether somebody waits. ``told_*``: the request whose whole answer the page shows. It is not enough that one is over: an answer that was on its
    way when the next question was put arrives after it, and the page then shows the wrong one until it is drawn again."""
    return play != told_play or use != told_use or bool(look)


def waiting(studio: Studio, play: str, told_play: str, use: str, told_use: str, look: str) -> list[Any]:
    """Marks of the answers and the views that somebody waits for, from a quick timer that runs only meanwhile."""
    answers = digest([_mark(studio, play, use), told_play, told_use]) if awaited(play, told_play, use, told_use, "") else gr.skip()
    return [answers, _mark(studio, *look.split()) if look else gr.skip()]


def _mark(studio: Studio, *requests: str) -> str:
    """Changes whenever one of these requests has more to tell."""
    said = []
    for request in filter(None, requests):
        try:
            found = studio.store.request(request)
        except NotFoundError:
            said.append(f"{request} is gone")
        else:
            said.append(f"{request} {found.state} {json.dumps(found.result)}")
    return digest(said)


def draw(studio: Studio, run_id: str, written: str, station: str) -> list[Any]:
    """What follows a run: seen, engine, runs cards, the estimate's timer, status line, Train, the verdict's mark, tabs and station; skipped where
    nothing changed. An estimate that waits for another model or for a run's end is looked at again when there is one."""
    run = find(studio, run_id)
    before, after = Seen.of(written), now(studio, run, station)
    drawn: list[Any] = [gr.skip() if before == after else after.written()]
    drawn.append(gr.skip() if before.engine == after.engine else after.engine)
    drawn.append(runs.cards(studio) if before.runs != after.runs and station == "runs" else gr.skip())
    ended = run is not None and run.state in FINAL and before.run != after.run
    drawn.append(gr.Timer(active=True) if ended or before.engine != after.engine else gr.skip())
    return drawn + _run(studio, run, before, after, station)


def _run(studio: Studio, run: Run | None, before: Seen, after: Seen, station: str) -> list[Any]:
    """Status line, Train, the verdict's mark, and the jump to the verdict: once, when a run that was seen at work is done."""
    if run is None or before.run == after.run:
        return [gr.skip()] * (1 + TRAIN_PARTS + 1 + 2)
    found = studio.run(run.id)
    same, started = before.run.partition(":")[0] == run.id, before.state
    jump = same and started in ("queued", "running") and run.state == "done" and station == "train" and found.comparison
    moved = [gr.Tabs(selected="verdict"), "verdict"] if jump else [gr.skip(), gr.skip()]
    said = f"{text.safe(run.name)}: {text.safe(train.sentence(found))}"
    return [said, *train.show(found), f"{run.id} {run.state} {bool(found.comparison)}", *moved]


def judged(studio: Studio, run_id: str) -> list[Any]:
    """The verdict of a run."""
    run = find(studio, run_id)
    return verdict.show(studio, run.id) if run else [gr.skip()] * VERDICT_PARTS


def answers(studio: Studio, play: str, use: str) -> list[Any]:
    """The two playgrounds: answers, and the request that they are of once they are whole."""
    return _answer(studio, play) + _answer(studio, use)


def _answer(studio: Studio, request: str) -> list[Any]:
    if not request:
        return [gr.skip(), gr.skip()]
    shown, over = verdict_play.answers(studio, request)
    return [shown, request if over else ""]


def arrive(studio: Studio, params: dict[str, str], kept: Any) -> list[Any]:
    """A page was opened: run and station out of its address, else the run this browser saw last. Run id, station, tabs."""
    wanted = params.get("run") or (kept if isinstance(kept, str) else "")
    run = find(studio, wanted)
    station = params.get("station", "")
    station = station if station in STATIONS else "data"
    return [run.id if run else "", station, gr.Tabs(selected=station)]


def enter(studio: Studio, station: str, run_id: str, look: str | None, offered: str) -> list[Any]:
    """A station was opened: the lists that it shows, fresh. Saved cards, runs cards, saved prompts of the vectors, and the run whose own was offered:
    once, so that what a person chose there later stays."""
    run = find(studio, run_id)
    made = studio.store.events(run.id, ("artifact",)) if run and station == "vectors" and run.id != offered else []
    return [
        saved.cards(studio) if station == "saved" else gr.skip(),
        runs.cards(studio) if station == "runs" else gr.skip(),
        vectors.choices(studio, str(made[-1].data["name"]) if made else look or "") if station == "vectors" else gr.skip(),
        run_id if made else gr.skip(),
    ]
