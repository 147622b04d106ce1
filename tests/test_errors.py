"""The exception tree: what its docstring draws, what crosses a process border, what a person reads."""

import json
import pickle

import pytest

from steering import errors
from steering.errors import ArtifactError, InputError, SteeringError, from_dict

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, SteeringError)]


def drawn() -> dict[str, str]:
    """Class to parent, as the tree in the module's docstring shows it."""
    parents: dict[str, str] = {}
    stack: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        body = line.lstrip(" |+-")
        words = body.split()
        if not words or not words[0].endswith("Error") or not line.startswith("    "):
            continue
        depth = len(line) - len(body)
        while stack and stack[-1][0] >= depth:
            stack.pop()
        if stack:
            parents[words[0]] = stack[-1][1]
        stack.append((depth, words[0]))
    return parents


def test_the_tree_is_the_one_in_the_docstring() -> None:
    assert drawn() == {cls.__name__: cls.__base__.__name__ for cls in CLASSES if cls is not SteeringError}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_crosses_a_process_border(cls: type[SteeringError]) -> None:
    error = cls("the file «é» is empty.", "Choose another.")
    back = from_dict(json.loads(json.dumps(error.as_dict())))
    assert type(back) is cls
    assert (back.message, back.hint) == (error.message, error.hint)
    assert str(back) == "the file «é» is empty. Choose another."


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_says_what_it_is_for(cls: type[SteeringError]) -> None:
    assert cls.__doc__
    assert str(cls("no hint.")) == "no hint."
    assert cls("no hint.").as_dict() == {"type": cls.__name__, "message": "no hint.", "hint": ""}


@pytest.mark.parametrize("value", [{}, {"type": "OSError", "message": "m"}, {"type": None}, {"type": "SteeringError", "message": 5, "hint": None}])
def test_what_is_not_known_is_still_an_error_to_show(value: dict[str, object]) -> None:
    back = from_dict(value)
    assert type(back) is SteeringError
    assert back.message == str(value.get("message", "unknown error"))


def test_the_users_faults_are_input_errors() -> None:
    ours = {cls.__name__ for cls in CLASSES if not issubclass(cls, InputError)}
    assert ours == {"SteeringError", "StorageError", "TrainingError", "EngineError"}


def test_an_error_survives_being_copied() -> None:
    back = pickle.loads(pickle.dumps(ArtifactError("damaged.", "Export it again.")))
    assert type(back) is ArtifactError and back.message == "damaged."
