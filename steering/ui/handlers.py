"""What every handler of the page shares: errors become notices, and events stay quiet."""

import logging
from collections.abc import Callable
from typing import Any

import gradio as gr

from steering.errors import SteeringError
from steering.ui import text

logger = logging.getLogger(__name__)

QUIET = {"api_visibility": "private", "show_progress": "hidden"}
POLL = QUIET | {"queue": False, "concurrency_limit": None}


def guarded(handler: Callable[..., Any], count: int, at: int = 0) -> Callable[..., Any]:
    """``handler`` with its errors as a notice in output ``at``; the other outputs stay as they are. Nobody sees a traceback."""

    def handle(*given: Any) -> Any:
        try:
            return handler(*given)
        except Exception as error:
            if not isinstance(error, SteeringError):
                logger.exception("a handler of the page failed")
            notice = text.problem(error)
            return notice if count == 1 else [notice if i == at else gr.skip() for i in range(count)]

    return handle


def go(station: str) -> list[Any]:
    """Station and tabs, for going there."""
    return [station, gr.Tabs(selected=station)]
