"""The command line: ``python -m steering VERB ... --json``. One JSON object as the last line of standard output; progress on standard error.

Exit 0: done. 2: the input or the request is at fault (the object is ``{"error": ...}``). 130: interrupted, resumable. Starting it imports
neither torch nor gradio; verbs import what they need.
"""

from steering.cli.main import main

__all__ = ["main"]
