"""What a run may be given beside its settings: a prompt to imitate, texts for that, further settings, a saved prompt to start from."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from steering import artifact
from steering.data.inputs import texts_of
from steering.errors import ArtifactError, DataError, NotFoundError, SpecError
from steering.knobs import from_json
from steering.methods import LEARNED, method, options
from steering.methods.written import written
from steering.spec import Recipe, RunSpec
from steering.store import Store

TEACHERS = ("few-shot", "prompt")
"""Contestants that can be imitated."""

FEWEST = 16
"""Texts that a prompt can be learned from at least."""


def require_teacher(imitate: str, inputs: bool) -> None:
    """Refuse what cannot be imitated, and texts with nothing to imitate on them.

    Raises:
        SpecError: it is neither a few-shot nor a written prompt, or it says nothing.
    """
    form, _, value = imitate.strip().partition(":")
    if form not in ("", *TEACHERS) or (form and not value.strip()):
        raise SpecError(f"{imitate!r} cannot be imitated.", "Use few-shot:K or prompt:TEXT.")
    if inputs and not form:
        raise SpecError("there are inputs without labels, and no prompt to imitate on them.", "Imitate few-shot:8, for example, or leave them out.")


def keep_inputs(store: Store, content: bytes, name: str = "inputs") -> tuple[str, int]:
    """Keep a file of texts without labels; its digest and how many different texts it holds.

    Raises:
        DataError: it cannot be read, or holds too few texts; StorageError: the disk is full or read-only.
    """
    count = len(dict.fromkeys(text.strip() for text in texts_of(content, name) if text.strip()))
    if count < FEWEST:
        raise DataError(f"there are {count} inputs to learn from, expected at least {FEWEST}.", "Give more texts; they need no labels.")
    return store.keep_content(content), count


def require_variant(name: str, given: dict[str, Any], variant: dict[str, Any]) -> None:
    """Refuse a further setting that no method has.

    Raises:
        SpecError: an unknown method or option, or a value out of range.
    """
    changes = {key: value for key, value in variant.items() if key != "method"}
    if "learning_rate" in changes:
        from_json(Recipe, {"learning_rate": changes.pop("learning_rate")})
    chosen = str(variant.get("method", name))
    if chosen not in LEARNED:
        raise SpecError(f"method {chosen!r} cannot be trained beside another.", f"Choose one of: {', '.join(LEARNED)}.")
    options(chosen, (given if chosen == name else {}) | changes)


def pinned(spec: RunSpec, folders: list[Path]) -> RunSpec:
    """The run with the digest of each saved prompt that it starts from, so that the same specification always begins with the same vectors. What
    cannot be read is left as it is: the engine says why."""

    def of(values: dict[str, Any]) -> dict[str, Any]:
        name = str(values.get("start_from", "")).strip()
        if not name or "@" in name:
            return values
        try:
            return values | {"start_from": f"{name}@{artifact.read(artifact.find(folders, name)).digest}"}
        except (NotFoundError, ArtifactError):
            return values

    return replace(spec, options=of(spec.options), variants=tuple(of(variant) for variant in spec.variants))


def written_variants(name: str, lines: Sequence[str], flag: str) -> list[dict[str, Any]]:
    """One setting a line, as :func:`written_variant` reads it; empty lines say nothing."""
    return [written_variant(name, line, flag) for line in lines if line.strip()]


def written_variant(name: str, text: str, flag: str) -> dict[str, Any]:
    """``layers=last 4;learning_rate=0.05`` as a further setting that is trained beside a run's own; ``method=...`` may be one of them.

    Raises:
        SpecError: not of that form, or a setting that neither the method nor the learning rate is. ``flag`` is how it calls what was written.
    """
    pairs = [part.strip() for part in text.split(";") if part.strip()]
    if not pairs:
        raise SpecError(f"{flag} names no setting.", "Write learning_rate=0.1, or layers=last 4; several parts with ';' between them.")
    named = [pair.partition("=")[2].strip() for pair in pairs if pair.startswith("method=")]
    rates = [pair for pair in pairs if pair.replace("-", "_").startswith("learning_rate")]
    rest = [pair for pair in pairs if pair not in rates and not pair.startswith("method=")]
    chosen = method(named[-1]).name if named else name
    rate = written(rates, {"recipe": Recipe}, flag, chosen)["recipe"]
    return ({"method": chosen} if named else {}) | written(rest, {"options": method(chosen).Options}, flag, chosen)["options"] | rate
