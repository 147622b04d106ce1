"""What a run will take, measured by the engine before it starts: on a button, and by itself once the settings have been left alone.

What was asked travels with the browser as a :class:`Mark`. It carries the digest of the settings it belongs to, so that an estimate never stands
beside settings that it was not made for.
"""

import json
import time
from dataclasses import asdict, dataclass
from typing import Any

import gradio as gr

from steering.errors import NotFoundError, SpecError
from steering.knobs import from_json
from steering.spec import RunSpec
from steering.store import ACTIVE
from steering.studio import Studio
from steering.ui import text

QUIET_S = 1.5
"""How long settings must have been left alone before their estimate is measured."""

MB = 1_000_000
NOTHING = "There is nothing to estimate yet: choose data, or mend what is said above."


@dataclass(frozen=True, slots=True)
class Mark:
    """What has been asked for which settings: ``digest`` of the settings, ``request`` (empty: nothing yet), ``since`` when they were last changed
    (seconds since the epoch), and whether the answer is ``shown``."""

    digest: str = ""
    request: str = ""
    since: float = 0.0
    shown: bool = False

    @classmethod
    def of(cls, written: str) -> "Mark":
        """From the browser's text; anything odd counts as nothing asked."""
        try:
            value = json.loads(written)
            return cls(str(value["digest"]), str(value["request"]), float(value["since"]), bool(value["shown"]))
        except (ValueError, TypeError, KeyError):
            return cls()

    def written(self) -> str:
        """For the browser to keep."""
        return json.dumps(asdict(self))


def button(rows: int, seconds: float | None = None) -> str:
    """What the start button says."""
    return f"Train on {rows} rows" + (f", about {text.duration(max(1.0, seconds))}" if seconds is not None else "")


def beside(studio: Studio, spec: RunSpec, written: str) -> tuple[list[Any], float | None]:
    """Mark, card and timer beside settings that were just read, and the seconds where they are known: what was asked for the same settings stays,
    anything else goes."""
    mark = Mark.of(written)
    if mark.digest == spec.digest and mark.request:
        return [gr.skip(), gr.skip(), gr.Timer(active=not mark.shown)], _seconds(studio, mark)
    return [_fresh(spec), "", gr.Timer(active=True)], None


def tick(studio: Studio, settings: str, written: str, station: str) -> list[Any]:
    """Once a second while something is to be asked or awaited: mark, card, start button, timer.

    The timer stops one look after the answer is shown, when the settings are seen to be still the same.
    """
    spec, mark = _spec(settings), Mark.of(written)
    if spec is None or station != "train":
        return [gr.skip(), gr.skip(), gr.skip(), gr.Timer(active=False)]
    if mark.digest != spec.digest:
        return [_fresh(spec), "", gr.Button(value=button(_rows(studio, spec))), gr.skip()]
    if mark.request:
        return _answered(studio, spec, mark)
    if time.time() - mark.since < QUIET_S:
        return [gr.skip()] * 4
    why, later = _obstacle(studio, spec)
    return [gr.skip(), text.empty(why), gr.skip(), gr.Timer(active=later)] if why else [*_asked(studio, spec), gr.skip(), gr.skip()]


def ask(studio: Studio, settings: str) -> list[Any]:
    """The button: mark, card, timer. It may load another model, which the page never does by itself."""
    spec = _spec(settings)
    if spec is None:
        return [gr.skip(), text.empty(NOTHING), gr.skip()]
    if studio.store.runs(ACTIVE):
        return [gr.skip(), text.empty(_training()), gr.skip()]
    return [*_asked(studio, spec), gr.Timer(active=True)]


def _asked(studio: Studio, spec: RunSpec) -> list[Any]:
    return [Mark(spec.digest, studio.ask_estimate(spec)).written(), text.empty("Measuring two steps on this machine...")]


def _answered(studio: Studio, spec: RunSpec, mark: Mark) -> list[Any]:
    if mark.shown:
        return [gr.skip(), gr.skip(), gr.skip(), gr.Timer(active=False)]
    try:
        found = studio.store.request(mark.request)
    except NotFoundError:
        return [_fresh(spec), "", gr.skip(), gr.skip()]
    shown = Mark(mark.digest, mark.request, shown=True).written()
    if found.state == "failed":
        why = found.error or {}
        return [shown, text.notice(why.get("message", ""), why.get("hint", "")), gr.skip(), gr.skip()]
    if found.state == "done" and found.result:
        return [shown, card(found.result), gr.Button(value=button(_rows(studio, spec), found.result["seconds"])), gr.skip()]
    return [gr.skip()] * 4


def card(found: dict[str, Any]) -> str:
    """An estimate in words."""
    needs = f"about {text.duration(max(1.0, found['seconds']))}, {text.size(found['peak_mb'] * MB)} at most"
    how = "To train, measured by two steps on this machine; less if validation ends it early. Judging comes after it."
    if found.get("available_mb") is not None:
        how += f" {text.size(found['available_mb'] * MB)} of memory are free."
    return f'<section class="card" role="status"><p class="big">{text.safe(needs)}</p><p class="quiet">{text.safe(how)}</p></section>'


def _obstacle(studio: Studio, spec: RunSpec) -> tuple[str, bool]:
    """Why the page does not ask by itself now, and whether it looks again soon."""
    if studio.store.runs(ACTIVE):
        return _training(), False
    engine = studio.store.engine()
    state, model = engine.get("state"), engine.get("model")
    if state == "no model":
        return "Time and memory are not measured: there is no model. The button tries again.", False
    if state != "ready":
        return "Time and memory follow when the model is loaded.", True
    if model != spec.model:
        return f"Time and memory are not measured yet: {model} is loaded, not {spec.model}. The button loads it and measures.", False
    return "", False


def _training() -> str:
    return "A run is training or waiting now; time and memory are measured when it has ended."


def _fresh(spec: RunSpec) -> str:
    return Mark(spec.digest, since=time.time()).written()


def _spec(settings: str) -> RunSpec | None:
    """The run that the browser holds; None where it is none."""
    try:
        return from_json(RunSpec, json.loads(settings)) if settings else None
    except (ValueError, SpecError):
        return None


def _rows(studio: Studio, spec: RunSpec) -> int:
    return int(studio.store.dataset(spec.dataset).report["sides"]["train"])


def _seconds(studio: Studio, mark: Mark) -> float | None:
    try:
        found = studio.store.request(mark.request)
    except NotFoundError:
        return None
    return float(found.result["seconds"]) if found.state == "done" and found.result else None
