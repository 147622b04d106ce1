"""Use-cases: the only thing the page and the command line call. No torch, no gradio, no widgets."""

from steering.studio.runview import RunView, is_final
from steering.studio.studio import Studio, Upload, default_home, suggested_prompt

__all__ = ["RunView", "Studio", "Upload", "default_home", "is_final", "suggested_prompt"]
