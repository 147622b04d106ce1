"""The exception tree. Every error says what was given, what was expected, and what to do next.

    SteeringError
    +-- InputError            the user's file, text or request is at fault (exit code 2)
    |   +-- DataError         a file cannot be read as the labelled data it should be
    |   +-- TemplateError     template, prompt or label words do not fit together
    |   +-- SpecError         a setting is unknown or out of range
    |   +-- ModelError        no such model, or one that cannot be steered
    |   +-- ArtifactError     a saved prompt is damaged, foreign, or of another model
    |   +-- NotFoundError     a run, dataset or artifact of that name does not exist
    +-- StorageError          the disk is full or read-only (exit code 2)
    +-- TrainingError         training cannot go on (for example a loss that is not a number)
    +-- EngineError           the process that owns the model died

A bug of ours is an ``AssertionError`` or a plain Python exception, never one of these.
"""

from typing import Any


class SteeringError(Exception):
    """An error written for the person who can fix it.

    ``message`` says what was given and what was expected; ``hint`` says what to do next.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def as_dict(self) -> dict[str, str]:
        """The JSON form that the command line prints and the store keeps."""
        return {"type": type(self).__name__, "message": self.message, "hint": self.hint}


class InputError(SteeringError):
    """The user's file, text or request is at fault."""


class DataError(InputError):
    """A file cannot be read as the labelled data that it should be."""


class TemplateError(InputError):
    """Template, prompt or label words do not fit together."""


class SpecError(InputError):
    """A setting is unknown or out of range."""


class ModelError(InputError):
    """No such model, or one that cannot be steered."""


class ArtifactError(InputError):
    """A saved prompt is damaged, foreign, or belongs to another model."""


class NotFoundError(InputError):
    """Nothing of that name exists."""


class StorageError(SteeringError):
    """The disk is full, read-only, or not writable by this user."""


class TrainingError(SteeringError):
    """Training cannot go on."""


class EngineError(SteeringError):
    """The process that owns the model died or cannot be started."""


_BY_NAME: dict[str, type[SteeringError]] = {
    cls.__name__: cls
    for cls in (
        SteeringError,
        InputError,
        DataError,
        TemplateError,
        SpecError,
        ModelError,
        ArtifactError,
        NotFoundError,
        StorageError,
        TrainingError,
        EngineError,
    )
}


def from_dict(value: dict[str, Any]) -> SteeringError:
    """Rebuild an error that crossed a process border (see :meth:`SteeringError.as_dict`)."""
    cls = _BY_NAME.get(str(value.get("type")), SteeringError)
    return cls(str(value.get("message", "unknown error")), str(value.get("hint", "")))
