"""The datasets that ship with the app. The one module of this room that touches files."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from steering.errors import DataError
from steering.knobs import from_json
from steering.spec import Kind

SAMPLES = Path(__file__).parents[2] / "assets" / "samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A dataset written for this project, with the prompt and the settings that show it at its best. ``file`` is the path of its rows."""

    name: str
    title: str
    sentence: str
    file: Path
    kind: Kind
    template: str
    prompt: str
    method: str
    order: int
    label_words: dict[str, str] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)

    def content(self) -> bytes:
        """The bytes of the rows, as an upload would bring them."""
        return self.file.read_bytes()


def samples(folder: Path = SAMPLES) -> tuple[Sample, ...]:
    """The shipped datasets in the order in which they are offered; none if the folder does not exist.

    Raises:
        DataError: a ``sample.json`` is no JSON.
        SpecError: a field of it is unknown or missing.
    """
    found = [_load(path) for path in sorted(folder.glob("*/sample.json"))]
    return tuple(sorted(found, key=lambda sample: (sample.order, sample.name)))


def _load(path: Path) -> Sample:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path.parent.name}/{path.name} is not JSON: {error}.", "Install the application again.") from None
    if isinstance(value, dict):
        value.setdefault("name", path.parent.name)
    sample = from_json(Sample, value)
    return replace(sample, file=path.parent / sample.file)
