"""The quick import of Gradio."""

import subprocess
import sys

CODE = """
import inspect, warnings
from steering.ui.imports import without_stubs
real = inspect.getfile
with without_stubs():
    import gradio
assert inspect.getfile is real and inspect.getfile(gradio.Textbox).endswith("textbox.py")
with gradio.Blocks() as page:
    box = gradio.Textbox(); box.change(lambda x: x, box, box)
print(len(page.fns))
"""


def test_gradio_is_whole_without_its_stubs() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
