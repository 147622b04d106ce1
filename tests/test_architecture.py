"""House rules that a reader relies on, checked on the source itself: sizes, docstrings, and what must not appear."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([*ROOT.glob("app.py"), *ROOT.glob("steering/**/*.py"), *ROOT.glob("scripts/*.py"), *ROOT.glob("benchmarks/*.py")])
LONGEST_MODULE = 350
LONGEST_FUNCTION = 70
# Ways to tune and to prompt. Only methods/ may know one from another; everyone else asks the contract.
METHODS = {"prompt_tuning", "p_tuning", "residual", "prefix_tuning", "lora", "few_shot"}
UNSAFE_IMPORTS = {"pickle", "cloudpickle", "dill", "shelve", "marshal"}

every_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def inside(path: Path, *rooms: str) -> bool:
    """True for ``rooms`` themselves (``steering/cli.py``) and for what lies in them (``steering/ui``)."""
    relative = path.relative_to(ROOT)
    return any(relative.is_relative_to(room) for room in rooms)


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and top-level package of every absolute import, those inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, (node.module or "").split(".")[0]


def unsafe(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Whatever could run what a file or a text contains."""
    yield from ((line, f"import {name}") for line, name in imported(tree) if name in UNSAFE_IMPORTS)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "load" and isinstance(node.value, ast.Name) and node.value.id == "torch":
            yield node.lineno, "torch.load"
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}:
                yield node.lineno, f"{node.func.id}("
            given = {word.arg for word in node.keywords if isinstance(word.value, ast.Constant) and word.value.value is True}
            yield from ((node.lineno, f"{word}=True") for word in sorted(given & {"shell", "allow_pickle"}))


def ladders(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Comparisons with the name of a method: ``== "lora"``, ``in ("lora", ...)``, ``case "lora":``, ``method == "..."``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            texts = {leaf.value for side in sides for leaf in _literals(side)}
            asks = any((getattr(side, "attr", None) or getattr(side, "id", None)) == "method" for side in sides)
            yield from ((node.lineno, text) for text in sorted(texts) if asks or text in METHODS)
        elif isinstance(node, ast.MatchValue):
            yield from ((node.lineno, leaf.value) for leaf in _literals(node.value) if leaf.value in METHODS)


def _literals(node: ast.expr) -> list[ast.Constant]:
    """Text constants in an expression or in a literal list, tuple or set."""
    items = node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else [node]
    return [item for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)]


def test_there_are_sources() -> None:
    assert len(SOURCES) > 10


@every_source
def test_module_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "a module begins with a docstring"
    assert len(text.splitlines()) <= LONGEST_MODULE


@every_source
def test_functions_are_short(path: Path) -> None:
    functions = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {f"{node.name}, line {node.lineno}": (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


@every_source
def test_nothing_prints_but_the_command_line(path: Path) -> None:
    calls = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
    lines = [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]
    assert not lines or inside(path, "steering/cli.py", "steering/cli", "scripts")


@every_source
def test_gradio_is_known_to_the_page_only(path: Path) -> None:
    lines = [line for line, name in imported(parsed(path)) if name in {"gradio", "gradio_client"}]
    assert not lines or inside(path, "steering/ui", "app.py")


@every_source
def test_nothing_runs_what_a_file_contains(path: Path) -> None:
    assert list(unsafe(parsed(path))) == []


@every_source
def test_methods_are_told_apart_in_one_place(path: Path) -> None:
    found = list(ladders(parsed(path)))
    assert not found or inside(path, "steering/methods"), "ask the method's contract instead of comparing its name"


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "def late():\n    import dill",
        "state = torch.load(path)",
        "eval(text)",
        "subprocess.run(text, shell=True)",
        "numpy.load(path, allow_pickle=True)",
    ],
)
def test_unsafe_code_is_seen(source: str) -> None:
    assert list(unsafe(ast.parse(source)))


@pytest.mark.parametrize("source", ["model.eval()", "safetensors.torch.load_file(path)", "json.load(file)", "run(['ls'], shell=False)"])
def test_harmless_code_is_left_alone(source: str) -> None:
    assert list(unsafe(ast.parse(source))) == []


@pytest.mark.parametrize(
    "source",
    ['x == "lora"', '"prefix_tuning" != x', 'x in ("lora", "y")', 'spec.method == "anything"', 'match x:\n    case "p_tuning":\n        pass'],
)
def test_a_ladder_is_seen(source: str) -> None:
    assert list(ladders(ast.parse(source)))


@pytest.mark.parametrize("source", ['x == "table"', 'METHODS["lora"]', 'train(method="lora")', "spec.method == other.method"])
def test_naming_a_method_is_no_ladder(source: str) -> None:
    assert list(ladders(ast.parse(source))) == []
