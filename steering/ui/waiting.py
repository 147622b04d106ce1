"""What a run's page waits for: the request of a kind that is not over yet, and the timer that looks after it meanwhile."""

from typing import Any

import gradio as gr

from steering.store import Request
from steering.studio import Studio


def pending(studio: Studio, kind: str, run: str) -> Request | None:
    """The oldest request of this kind and run that is not over."""
    return next(iter(studio.store.pending(kind, run=run)), None)


def timer(studio: Studio, kind: str, run: str) -> Any:
    """The kind's timer: it ticks while there is such a request, also on a page that was opened anew; ``run``: empty on a page without one."""
    return gr.Timer(active=bool(run) and pending(studio, kind, run) is not None)
