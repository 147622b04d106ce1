"""Use-cases: the only thing the page and the command line call. No torch, no gradio, no widgets."""

from steering.studio.decisions import Reading
from steering.studio.desk import BY_ITSELF, DataDesk, Upload, suggested_prompt
from steering.studio.labelling import LabelDesk, Progress, Sheet
from steering.studio.runview import RunView, is_final
from steering.studio.studio import MORE_STEPS, Studio, default_home

__all__ = [
    "BY_ITSELF",
    "MORE_STEPS",
    "DataDesk",
    "LabelDesk",
    "Progress",
    "Reading",
    "RunView",
    "Sheet",
    "Studio",
    "Upload",
    "default_home",
    "is_final",
    "suggested_prompt",
]
